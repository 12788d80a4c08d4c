//! The fixed story on every database and with every broker that a site may have.

use crate::authority::Authority;
use packline_hub::broker::CertificateFiles;
use packline_tests::hub::BrokerTls;
use packline_tests::postgres::Postgres;
use packline_tests::program::Programs;
use packline_tests::station::{Station, StationPlan};
use packline_tests::story::cases::all;
use packline_tests::story::{Nobody, play};
use packline_tests::world::{SITE, Setup, World};
use std::collections::BTreeSet;

/// The demo plays hub and station, each in a process of its own.
pub fn programs() -> Programs {
    Programs::new(env!("CARGO_BIN_EXE_demo"))
}

async fn check(setup: Setup, seed: u64) {
    let summary = play(programs(), &setup, seed, &mut Nobody).await.unwrap();
    assert!(summary.ok, "seed {seed}: {summary:#?}");
    assert_eq!((summary.lost, summary.repeated, summary.wrong, summary.wrong_green), (0, 0, 0, 0), "{summary:#?}");
    assert_eq!((summary.scans, summary.conflicts), (summary.records, 2), "{summary:#?}");
    let said: BTreeSet<&str> = summary.verdicts.reason.keys().map(String::as_str).collect();
    let gravest: BTreeSet<&str> =
        all().iter().filter_map(|case| case.reasons.first()).map(|reason| reason.key()).collect();
    let missing: Vec<_> = gravest.difference(&said).collect();
    assert!(missing.is_empty(), "the hub has no record that says {missing:?}");
}

#[tokio::test]
async fn the_story_holds_with_everything_embedded() {
    check(Setup::embedded(), 11).await;
}

#[tokio::test]
async fn stations_that_enrol_at_a_hub_with_a_certificate_speak_tls_and_the_story_holds() {
    let authority = Authority::new();
    let CertificateFiles { chain, key } = authority.certify("127.0.0.1", 2026, 2090);
    let setup = Setup { tls: Some(BrokerTls { chain, key, ca: authority.ca_file() }), ..Setup::embedded() };
    check(setup.clone(), 15).await;
    let world = World::open(programs(), &setup).await.unwrap();
    let plan = StationPlan::new(SITE, "pack-9");
    let station = Station::enrolled(world.programs(), world.hub(), world.folder(), plan).await.unwrap();
    let credential = std::fs::read(station.state().join("station.json")).unwrap();
    let credential: serde_json::Value = serde_json::from_slice(&credential).unwrap();
    assert_eq!(credential["mqtt_url"], format!("mqtts://{}", world.hub().mqtt_address()));
}

#[tokio::test]
async fn the_story_holds_with_mosquitto() {
    check(Setup { mosquitto: true, ..Setup::embedded() }, 12).await;
}

#[tokio::test]
async fn the_story_holds_on_postgresql() {
    let postgres = Postgres::start().unwrap();
    check(Setup { db: Some(postgres.database().unwrap()), ..Setup::embedded() }, 13).await;
}

#[tokio::test]
async fn the_story_holds_on_postgresql_with_mosquitto() {
    let postgres = Postgres::start().unwrap();
    check(Setup { db: Some(postgres.database().unwrap()), mosquitto: true, ..Setup::embedded() }, 14).await;
}
