//! What hub and stations expect of a broker, held against the embedded one and against Mosquitto.

mod kit;
mod odd;
mod own;
mod tls;

use bytes::Bytes;
use kit::{Kind, Kit, Station, patiently};
use packline_edge::link::mqtt::{Down, Event, PublishError, Qos};
use packline_protocol::topic::{PAYLOAD_MAX, Topic, UpStream};
use rumqttc::mqttbytes::v5::{ConnectReturnCode, LastWill, Packet};
use rumqttc::{AsyncClient, ConnectionError, Event as Polled, MqttOptions, QoS};

/// Runs every story against every broker.
macro_rules! contract {
    ($($story:ident)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(super::Kit::embedded().await).await;
            })*
        }
        mod mosquitto {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() {
                super::$story(super::Kit::mosquitto().await).await;
            })*
        }
    };
}

contract! {
    messages_pass_both_ways
    a_full_payload_passes_both_ways
    an_oversized_payload_is_refused_before_it_is_sent
    a_cut_connection_publishes_the_will
    a_goodbye_publishes_no_will
    a_twin_is_recognised
    a_new_subscriber_gets_the_one_retained_head
    foreign_topics_cannot_be_published_to
    foreign_topics_cannot_be_heard
    a_wrong_secret_is_refused
    a_client_id_cannot_be_borrowed
    a_will_cannot_be_left_on_a_foreign_topic
    after_a_restart_everyone_comes_back_and_nothing_is_assumed
    a_subscriber_that_does_not_read_hinders_nobody
    a_station_that_reads_late_still_reads_in_order
}

async fn messages_pass_both_ways(kit: Kit) {
    let (mut hub, mut station) = (kit.hub().await, kit.station("pack-1").await);
    let topic = kit.up("pack-1", UpStream::Scans);
    assert_eq!(station.publish(&topic, b"scan").await, None);
    assert_eq!(hub.message().await, (topic, Bytes::from("scan")));
    for topic in [kit.answer("pack-1"), Topic::Log(kit.site("pack-1"))] {
        hub.publish(&topic, "news").await;
        assert_eq!(station.message().await, (topic.to_string(), Bytes::from("news")));
    }
}

async fn a_full_payload_passes_both_ways(kit: Kit) {
    let (mut hub, mut station) = (kit.hub().await, kit.station("pack-1").await);
    let full: Vec<u8> = (0..PAYLOAD_MAX).map(|i| (i * 31 % 251) as u8).collect();
    let topic = kit.up("pack-1", UpStream::Scans);
    assert_eq!(station.publish(&topic, &full).await, None);
    assert_eq!(hub.message().await.1, full);
    hub.publish(&kit.answer("pack-1"), full.clone()).await;
    assert_eq!(station.message().await.1, full);
}

async fn an_oversized_payload_is_refused_before_it_is_sent(kit: Kit) {
    let (mut hub, mut station) = (kit.hub().await, kit.station("pack-1").await);
    let topic = kit.up("pack-1", UpStream::Scans);
    let refused = station.link.publish(&topic, Bytes::from(vec![0; PAYLOAD_MAX + 1]), Qos::One);
    let expected = PublishError::TooLarge { topic: topic.clone(), bytes: PAYLOAD_MAX + 1, max: PAYLOAD_MAX };
    assert_eq!(refused, Err(expected));
    let answer = kit.answer("pack-1");
    assert!(hub.publisher.publish(&answer, Bytes::from(vec![0; PAYLOAD_MAX + 1])).await.is_err());
    assert_eq!(station.publish(&topic, b"next").await, None);
    assert_eq!(hub.message().await.1, "next");
}

async fn a_cut_connection_publishes_the_will(kit: Kit) {
    let mut hub = kit.hub().await;
    let station = kit.station("pack-1").await;
    drop(station);
    assert_eq!(hub.message().await, (kit.up("pack-1", UpStream::Will), Bytes::from("gone 1")));
}

async fn a_goodbye_publishes_no_will(kit: Kit) {
    let (mut hub, mut other) = (kit.hub().await, kit.station("pack-2").await);
    let station = kit.station("pack-1").await;
    patiently("the goodbye", station.link.close()).await;
    other.publish(&kit.up("pack-2", UpStream::Scans), b"after").await;
    assert_eq!(hub.message().await.1, "after");
}

/// Two machines were set up as the same station: each throws the other out, until one says so.
async fn a_twin_is_recognised(kit: Kit) {
    let (mut one, mut two) = (kit.station("pack-1").await, kit.station("pack-1").await);
    let taken_over = async |station: &mut Station| while station.down().await != Down::TakenOver {};
    patiently("a twin to be recognised", async {
        tokio::select! { () = taken_over(&mut one) => {}, () = taken_over(&mut two) => {} }
    })
    .await;
}

async fn a_new_subscriber_gets_the_one_retained_head(kit: Kit) {
    let hub = kit.hub().await;
    let (head, log) = (Topic::Head(kit.site("pack-1")), Topic::Log(kit.site("pack-1")));
    for text in ["old", "new"] {
        hub.publish(&head, text).await;
    }
    let mut station = kit.station("pack-1").await;
    assert_eq!(station.message().await, (head.to_string(), Bytes::from("new")));
    hub.publish(&log, "live").await;
    assert_eq!(station.message().await, (log.to_string(), Bytes::from("live")));
}

async fn foreign_topics_cannot_be_published_to(kit: Kit) {
    let (mut hub, mut station) = (kit.hub().await, kit.station("pack-1").await);
    let mut neighbour = kit.station("pack-2").await;
    let own_answers = kit.answer("pack-1").to_string();
    for topic in [
        kit.up("pack-2", UpStream::Scans),
        kit.up("pack-9", UpStream::Requests),
        kit.up("pack-2", UpStream::Will),
        Topic::Log(kit.site("pack-1")).to_string(),
        Topic::Head(kit.site("pack-1")).to_string(),
        kit.answer("pack-2").to_string(),
        own_answers,
    ] {
        let refused = station.publish(&topic, b"forged").await;
        assert_eq!(refused.as_deref(), Some("NotAuthorized"), "{topic}");
    }
    station.publish(&kit.up("pack-1", UpStream::Scans), b"honest").await;
    assert_eq!(hub.message().await.1, "honest");
    hub.publish(&kit.answer("pack-2"), "true").await;
    assert_eq!(neighbour.message().await.1, "true");
}

/// The embedded broker refuses the subscription; Mosquitto grants it and then delivers nothing.
async fn foreign_topics_cannot_be_heard(kit: Kit) {
    let hub = kit.hub().await;
    for foreign in [
        kit.answer("pack-2").to_string(),
        kit.up("pack-2", UpStream::Scans),
        Topic::Log(kit.site("pack-9")).to_string(),
        "g1/dn/+/log".to_owned(),
        "g1/#".to_owned(),
        "#".to_owned(),
    ] {
        let mut config = kit.config("pack-1");
        config.filters.push((foreign.clone(), Qos::One));
        let mut station = kit.open("pack-1", config);
        if kit.kind == Kind::Embedded {
            let why = station.refusal().await;
            assert!(matches!(&why, Down::SubscriptionRefused(what) if what.contains(&foreign)), "{foreign}: {why:?}");
            continue;
        }
        station.up().await;
        hub.publish(&kit.answer("pack-2"), "secret").await;
        hub.publish(&Topic::Log(kit.site("pack-9")), "secret").await;
        hub.publish(&kit.answer("pack-1"), "own").await;
        assert_eq!(station.message().await.1, "own", "{foreign}");
        patiently("the goodbye", station.link.close()).await;
    }
}

async fn a_wrong_secret_is_refused(kit: Kit) {
    for (name, password) in [
        ("pack-1", kit.secret("pack-2").expose()),
        ("pack-1", ""),
        ("nobody", kit.secret("pack-1").expose()),
        ("_hub", kit.secret("pack-1").expose()),
    ] {
        let mut config = kit.config("pack-1");
        (config.client_id, config.password) = (name.to_owned(), password.to_owned());
        let mut station = kit.open("pack-1", config);
        let event = station.event().await;
        assert!(matches!(&event, Event::Down { why: Down::Refused(_), .. }), "{name}: {event:?}");
    }
}

/// A session belongs to its client id: whoever could borrow one would throw the neighbour out.
async fn a_client_id_cannot_be_borrowed(kit: Kit) {
    let mut neighbour = kit.station("pack-2").await;
    let found = connect(&kit, "pack-2", "pack-1", None).await;
    let expected =
        if kit.kind == Kind::Embedded { ConnectReturnCode::NotAuthorized } else { ConnectReturnCode::Success };
    assert_eq!(found, expected);
    assert_eq!(neighbour.publish(&kit.up("pack-2", UpStream::Scans), b"still here").await, None);
}

/// The embedded broker refuses the connection; Mosquitto accepts it and keeps the will to itself.
async fn a_will_cannot_be_left_on_a_foreign_topic(kit: Kit) {
    let (mut hub, mut neighbour) = (kit.hub().await, kit.station("pack-2").await);
    for topic in [
        kit.up("pack-2", UpStream::Will),
        kit.up("pack-9", UpStream::Scans),
        Topic::Log(kit.site("pack-1")).to_string(),
    ] {
        let will = LastWill::new(&topic, "forged", QoS::AtLeastOnce, false, None);
        let expected = match kit.kind {
            Kind::Embedded => ConnectReturnCode::NotAuthorized,
            Kind::Mosquitto => ConnectReturnCode::Success,
        };
        assert_eq!(connect(&kit, "pack-1", "pack-1", Some(will)).await, expected, "{topic}");
        // Whoever comes next with the same client id ends what is left of the one before, and its will is due.
        let mut next = kit.station("pack-1").await;
        next.publish(&kit.up("pack-1", UpStream::Scans), b"honest").await;
        assert_eq!(hub.message().await.1, "honest", "{topic}");
        hub.publish(&Topic::Log(kit.site("pack-2")), "true").await;
        assert_eq!(neighbour.message().await.1, "true", "{topic}");
        patiently("the goodbye", next.link.close()).await;
    }
}

/// Connects once with a client of no particular manners; says what the broker answers.
async fn connect(kit: &Kit, client_id: &str, username: &str, will: Option<LastWill>) -> ConnectReturnCode {
    let mut options = MqttOptions::new(client_id, (kit.address.ip().to_string(), kit.address.port()));
    options.set_credentials(username, kit.secret(username).expose().to_owned());
    if let Some(will) = will {
        options.set_last_will(will);
    }
    let (_client, mut eventloop) = AsyncClient::builder(options).build();
    match patiently("CONNACK", eventloop.poll()).await {
        Ok(Polled::Incoming(Packet::ConnAck(ack))) => ack.code,
        Err(ConnectionError::ConnectionRefused(code)) => code,
        other => panic!("waited for CONNACK, found {other:?}"),
    }
}

async fn after_a_restart_everyone_comes_back_and_nothing_is_assumed(mut kit: Kit) {
    let (mut hub, mut station) = (kit.hub().await, kit.station("pack-1").await);
    let head = Topic::Head(kit.site("pack-1"));
    hub.publish(&head, "before").await;
    assert_eq!(station.message().await.1, "before");

    kit.restart().await;
    assert!(matches!(station.down().await, Down::Lost(_)));
    hub.down().await;
    hub.up().await;
    assert!(station.up().await > 1);
    hub.publish(&head, "after").await;
    assert_eq!(station.message().await, (head.to_string(), Bytes::from("after")));
    station.publish(&kit.up("pack-1", UpStream::Scans), b"resent").await;
    let found = loop {
        let (topic, payload) = hub.message().await;
        if topic.ends_with("/ev") {
            break payload;
        }
    };
    assert_eq!(found, "resent");
}

async fn a_subscriber_that_does_not_read_hinders_nobody(kit: Kit) {
    let (hub, mut quick) = (kit.hub().await, kit.station("pack-1").await);
    let deaf = own::Deaf::subscribe(&kit, "pack-2").await;
    let log = Topic::Log(kit.site("pack-1"));
    let large = Bytes::from(vec![7; 100 * 1024]);
    for _ in 0..200 {
        hub.publish(&log, large.clone()).await;
        assert_eq!(quick.message().await.1.len(), large.len());
    }
    hub.publish(&kit.answer("pack-1"), "last").await;
    assert_eq!(quick.message().await.1, "last");
    drop(deaf);
}

/// The driver's events are bounded: a station that is busy stops reading, and TCP holds the rest back.
async fn a_station_that_reads_late_still_reads_in_order(kit: Kit) {
    let (hub, mut station) = (kit.hub().await, kit.station("pack-1").await);
    for number in 0..200_u32 {
        hub.publish(&kit.answer("pack-1"), number.to_be_bytes().to_vec()).await;
    }
    for number in 0..200_u32 {
        assert_eq!(station.message().await.1, number.to_be_bytes().as_slice());
    }
}
