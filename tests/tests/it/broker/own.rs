//! What only the embedded broker promises: changes hold at once, it survives itself, and its door holds.

use super::kit::{Kit, patiently};
use packline_edge::link::mqtt::Down;
use packline_hub::broker::{Broker, Managed};
use packline_protocol::id::StationId;
use packline_protocol::topic::{Topic, UpStream};
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A subscriber that never reads what it asked for.
pub struct Deaf {
    _stream: TcpStream,
}

impl Deaf {
    /// Speaks just enough MQTT 3.1.1 to subscribe to the log of the station's site.
    pub async fn subscribe(kit: &Kit, name: &str) -> Self {
        let mut stream = TcpStream::connect(kit.address).await.unwrap();
        let mut connect = b"\x00\x04MQTT\x04\xc2\x00\x3c".to_vec();
        for field in [name, name, kit.secret(name).expose()] {
            connect.extend(text(field));
        }
        stream.write_all(&packet(0x10, &connect)).await.unwrap();
        let mut connack = [0; 4];
        patiently("CONNACK", stream.read_exact(&mut connack)).await.unwrap();
        assert_eq!(connack, [0x20, 2, 0, 0]);
        let mut subscribe = vec![0, 1];
        subscribe.extend(text(&Topic::Log(kit.site(name)).to_string()));
        subscribe.push(0);
        stream.write_all(&packet(0x82, &subscribe)).await.unwrap();
        let mut suback = [0; 5];
        patiently("SUBACK", stream.read_exact(&mut suback)).await.unwrap();
        assert_eq!(suback, [0x90, 3, 0, 1, 0]);
        Self { _stream: stream }
    }
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).ok().filter(|length| *length < 128).unwrap();
    [&[kind, length], body].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_station_is_out_at_once_until_it_is_allowed_again() {
    let kit = Kit::embedded().await;
    let (mut station, _neighbour) = (kit.station("pack-1").await, kit.station("pack-2").await);
    let id = StationId::parse("pack-1").unwrap();
    assert_eq!(names(&kit.broker).await, ["pack-1", "pack-2"]);

    assert_eq!(kit.broker.revoke(&id).await, Managed::Here);
    assert!(matches!(station.down().await, Down::Lost(_)));
    while !matches!(station.down().await, Down::Refused(_)) {}
    assert_eq!(names(&kit.broker).await, ["pack-2"]);

    kit.broker.allow(kit.credential("pack-1")).await;
    station.up().await;
    assert_eq!(station.publish(&kit.up("pack-1", UpStream::Scans), b"back").await, None);
}

async fn names(broker: &Broker) -> Vec<String> {
    broker.sessions().await.unwrap().iter().map(StationId::to_string).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_station_moved_to_another_site_hears_the_old_one_no_more() {
    let kit = Kit::embedded().await;
    let mut station = kit.station("pack-1").await;
    let mut moved = kit.credential("pack-1");
    moved.site = kit.site("pack-9");
    kit.broker.allow(moved).await;
    assert!(matches!(station.down().await, Down::Lost(_)));
    // It still asks for the will and the topics of its old site.
    let why = station.down().await;
    assert!(matches!(why, Down::Refused(_)), "{why:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_counted() {
    let kit = Kit::embedded().await;
    let mut station = kit.station("pack-1").await;
    for _ in 0..3 {
        station.publish(&kit.up("pack-2", UpStream::Scans), b"forged").await;
    }
    let counters = kit.broker.counters().unwrap();
    assert_eq!(counters.refused_publishes.load(Ordering::Relaxed), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_station_leaves_nothing_retained() {
    let kit = Kit::embedded().await;
    let topic = kit.up("pack-1", UpStream::Scans);
    let mut options = rumqttc::MqttOptions::new("pack-1", (kit.address.ip().to_string(), kit.address.port()));
    options.set_credentials("pack-1", kit.secret("pack-1").expose().to_owned());
    let (client, mut eventloop) = rumqttc::AsyncClient::builder(options).build();
    let publish = rumqttc::PublishOptions::at_least_once().retained();
    let notice = client.try_publish_tracked(topic, "kept?", publish).unwrap();
    let polling = tokio::spawn(async move { while eventloop.poll().await.is_ok() {} });
    let fate = patiently("PUBACK", notice.wait_async()).await.unwrap();
    polling.abort();
    let rumqttc::PublishResult::Qos1(ack) = fate else { panic!("{fate:?}") };
    assert_eq!(ack.reason, rumqttc::PubAckReason::NotAuthorized);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_and_foreign_connections_keep_nobody_out() {
    let kit = Kit::embedded().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(kit.address).await.unwrap());
    }
    for junk in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x10\xff\xff\xff\xff\x7f", b"\x10\xff\xff\x7f", b"\x16\x03\x01\x02\x00"]
    {
        let mut stream = TcpStream::connect(kit.address).await.unwrap();
        stream.write_all(junk).await.unwrap();
        let mut rest = Vec::new();
        let _ = patiently("the door to close", stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{junk:?} was answered");
    }
    let mut station = kit.station("pack-1").await;
    assert_eq!(station.publish(&kit.up("pack-1", UpStream::Scans), b"scan").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_shutdown_another_may_listen() {
    // An address that no other test uses, so that nobody else takes the port.
    let kit = Kit::embedded_with(|config| config.listen = ([127, 0, 0, 7], 0).into()).await;
    let mut station = kit.station("pack-1").await;
    kit.broker.shutdown().await;
    TcpListener::bind(kit.address).await.unwrap();
    assert!(matches!(station.down().await, Down::Lost(_)));
}
