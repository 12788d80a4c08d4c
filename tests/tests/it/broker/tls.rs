//! TLS between station and embedded broker.

use super::kit::{Kit, Station, patiently};
use crate::authority::Authority;
use packline_edge::hub_time::HubTime;
use packline_edge::link::mqtt::{Down, Event};
use packline_edge::link::tls::client_config;
use packline_hub::broker::{Broker, CertificateFiles, Embedded, EmbeddedConfig};
use packline_protocol::time::Timestamp;
use packline_protocol::topic::{PAYLOAD_MAX, UpStream};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpStream;

async fn kit(certificate: CertificateFiles) -> Kit {
    Kit::embedded_with(|config| config.certificate = Some(certificate)).await
}

fn open(kit: &Kit, authority: &Authority, no_earlier: Timestamp) -> Station {
    let mut config = kit.config("pack-1");
    config.tls = Some(client_config(Some(&authority.ca_file()), HubTime::known(no_earlier)).unwrap());
    kit.open("pack-1", config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_station_talks_to_the_hub_it_can_prove() {
    let authority = Authority::new();
    let kit = kit(authority.certify("127.0.0.1", 2026, 2090)).await;
    let (mut hub, mut station) = (kit.hub().await, open(&kit, &authority, Timestamp(0)));
    station.up().await;
    let full = vec![9; PAYLOAD_MAX];
    assert_eq!(station.publish(&kit.up("pack-1", UpStream::Scans), &full).await, None);
    assert_eq!(hub.message().await.1, full);
    hub.publish(&kit.answer("pack-1"), full.clone()).await;
    assert_eq!(station.message().await.1, full);
    drop(station);
    assert_eq!(hub.message().await.1, "gone 1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_station_does_not_talk_to_a_stranger() {
    let authority = Authority::new();
    for (what, certificate) in [
        ("another authority", Authority::new().certify("127.0.0.1", 2026, 2090)),
        ("another name", authority.certify("127.0.0.2", 2026, 2090)),
        ("not valid any more", authority.certify("127.0.0.1", 2020, 2021)),
        ("not valid yet", authority.certify("127.0.0.1", 2088, 2090)),
    ] {
        let kit = kit(certificate).await;
        let mut station = open(&kit, &authority, Timestamp(0));
        let event = station.event().await;
        assert!(
            matches!(&event, Event::Down { why: Down::Lost(why), .. } if why.contains("certificate")),
            "{what}: {event:?}"
        );
    }
}

/// A Pi has no clock battery: after a long time on the shelf it wakes up in the past.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_station_that_wakes_up_in_the_past_judges_by_the_time_the_hub_told() {
    let authority = Authority::new();
    let kit = kit(authority.certify("127.0.0.1", 2088, 2090)).await;
    let in_2089 = Timestamp(3_755_289_600_000);
    open(&kit, &authority, in_2089).up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_taken_without_a_restart() {
    let authority = Authority::new();
    let files = authority.certify("127.0.0.2", 2026, 2090);
    let kit = kit(files.clone()).await;
    let mut station = open(&kit, &authority, Timestamp(0));
    assert!(matches!(station.down().await, Down::Lost(_)));
    // Half a renewal is no reason to show nothing.
    std::fs::write(&files.chain, "half").unwrap();
    assert!(matches!(station.down().await, Down::Lost(why) if why.contains("certificate")));
    authority.certify("127.0.0.1", 2026, 2090);
    station.up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unfinished_handshake_keeps_nobody_out() {
    let authority = Authority::new();
    let kit = kit(authority.certify("127.0.0.1", 2026, 2090)).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(kit.address).await.unwrap());
    }
    patiently("a station among silent ones", open(&kit, &authority, Timestamp(0)).up()).await;
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let (one, two) = (Authority::new(), Authority::new());
    let (one, two) = (one.certify("127.0.0.1", 2026, 2090), two.certify("127.0.0.1", 2026, 2090));
    let missing = PathBuf::from("no-such-file.pem");
    for (chain, key, named) in [
        (missing.clone(), one.key.clone(), "no-such-file.pem"),
        (one.chain.clone(), missing, "no-such-file.pem"),
        (one.chain.clone(), two.key.clone(), "broker.key"),
    ] {
        let mut config = EmbeddedConfig::plain(([127, 0, 0, 1], 0).into());
        config.certificate = Some(CertificateFiles { chain, key });
        let Err(error) = Embedded::start(config, Arc::default()).await.map(Broker::Embedded) else { panic!("{named}") };
        assert!(error.to_string().contains(named), "{error}");
    }
}
