//! The fixed story on every database and with every broker that a site may have.

use packline_tests::postgres::Postgres;
use packline_tests::program::Programs;
use packline_tests::story::cases::all;
use packline_tests::story::{Nobody, play};
use packline_tests::world::Setup;
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
