//! What is refused, what is damaged, and what is set back: each is said, and nothing that was acknowledged is lost.

use crate::site::programs;
use packline_protocol::verdict::Outcome;
use packline_tests::clock::until;
use packline_tests::program::Role;
use packline_tests::sample::Sample;
use packline_tests::station::{Station, StationPlan};
use packline_tests::world::{SITE, Setup, World};
use serde_json::Value;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A site with one station that knows these orders.
async fn site(orders: u64) -> World {
    let mut world = World::open(programs(), &Setup::embedded()).await.unwrap();
    let orders: Vec<Sample> = (1..=orders).map(|number| Sample::new(SITE, number)).collect();
    world.hub().send(&orders).await.unwrap();
    world.add_station(StationPlan { scanners: 2, ..StationPlan::new(SITE, "pack-1") }).await.unwrap();
    world
}

async fn is_released(station: &mut Station, gun: usize, number: u64) {
    let seen = station.scan(gun, &Sample::new(SITE, number).waybill()).await.unwrap();
    assert_eq!((seen.outcome, seen.reasons.len()), (Outcome::Release, 0), "{seen:?}");
}

/// Overwrites the middle of a file, as a failing card does.
fn damage(file: &Path, from: u64, bytes: u64) {
    let open = File::options().write(true).open(file).unwrap();
    open.write_all_at(&vec![0xa5; usize::try_from(bytes).unwrap()], from).unwrap();
    open.sync_all().unwrap();
}

fn alarms(view: &Value) -> Vec<String> {
    let alarms = view["alarms"].as_array().unwrap();
    alarms
        .iter()
        .map(|alarm| format!("{}: {}", alarm["key"].as_str().unwrap(), alarm["text"].as_str().unwrap()))
        .collect()
}

fn is_moved_aside(state: &Path, file: &str) -> bool {
    let names = fs::read_dir(state).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.into_iter().any(|name| name.starts_with(file) && name != file)
}

#[tokio::test]
async fn a_token_opens_once_for_one_station_and_a_wrong_one_never() {
    let mut world = World::open(programs(), &Setup::embedded()).await.unwrap();
    let url = world.hub().url().to_owned();
    let refusal = |station: &Station, token: &str| station.enroll_with(&url, token).unwrap_err().to_string();
    let stranger = Station::unknown(world.programs(), world.hub(), world.folder(), StationPlan::new(SITE, "pack-8"));
    let stranger = stranger.await.unwrap();
    let said = refusal(&stranger, &"0".repeat(40));
    assert!(said.contains("the token is not known"), "{said}");

    let token = world.hub().add_station(SITE, "pack-1").await.unwrap();
    let invited = Station::unknown(world.programs(), world.hub(), world.folder(), StationPlan::new(SITE, "pack-1"));
    let mut invited = invited.await.unwrap();
    invited.enroll_with(&url, &token).unwrap();
    invited.enroll_with(&url, &token).unwrap();
    let said = refusal(&stranger, &token);
    assert!(said.contains("has been used by another station"), "{said}");

    let token = world.hub().add_station(SITE, "pack-8").await.unwrap();
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", world.hub().data().join("hub.db").display())).await;
    let pool = pool.unwrap();
    sqlx::query("UPDATE station_claim SET expires_at = 1 WHERE station = 'pack-8'").execute(&pool).await.unwrap();
    pool.close().await;
    let said = refusal(&stranger, &token);
    assert!(said.contains("the token has run out"), "{said}");

    invited.boot().await.unwrap();
    world.stations.push(invited);
    world.settle().await.unwrap();
}

#[tokio::test]
async fn a_revoked_station_is_shut_out_and_delivers_everything_once_it_is_invited_again() {
    let mut world = site(2).await;
    is_released(&mut world.stations[0], 0, 1).await;
    world.settle().await.unwrap();
    world.hub().delete("/api/v1/stations/pack-1").await.unwrap();
    let station = &mut world.stations[0];
    until("the station to be shut out", async || Ok((station.view().await?["link"]["up"] == false).then_some(())))
        .await
        .unwrap();
    // It is its own until its facts are too old; what it says is kept for whoever may hear it.
    is_released(&mut world.stations[0], 0, 2).await;
    assert_eq!(world.backlog().await.unwrap(), 1);
    assert_eq!(world.records().await.unwrap().len(), 1, "a station that was shut out delivers nothing");
    let token = world.hub().add_station(SITE, "pack-1").await.unwrap();
    world.stations[0].enroll_with(world.hub().url(), &token).unwrap();
    world.stations[0].stop().await.unwrap();
    world.stations[0].boot().await.unwrap();
    world.settle().await.unwrap();
    assert_eq!(world.records().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_damaged_replica_is_fetched_again_and_the_page_says_why() {
    let mut world = site(30).await;
    world.stations[0].stop().await.unwrap();
    let state = world.stations[0].state();
    damage(&state.join("replica.redb"), 0, 64);
    world.stations[0].boot().await.unwrap();
    let said = alarms(&world.stations[0].view().await.unwrap());
    assert!(said.iter().any(|alarm| alarm.contains("replica")), "{said:?}");
    assert!(is_moved_aside(&state, "replica.redb"), "the damaged file is kept");
    world.settle().await.unwrap();
    world.stations[0].is_fresh().await.unwrap();
    is_released(&mut world.stations[0], 0, 30).await;
}

#[tokio::test]
async fn a_damaged_journal_is_moved_aside_reported_and_nothing_acknowledged_is_lost() {
    let mut world = site(4).await;
    is_released(&mut world.stations[0], 0, 1).await;
    is_released(&mut world.stations[0], 1, 2).await;
    world.settle().await.unwrap();
    world.stations[0].stop().await.unwrap();
    let state = world.stations[0].state();
    damage(&state.join("journal.redb"), 0, 64);
    world.stations[0].boot().await.unwrap();
    let said = alarms(&world.stations[0].view().await.unwrap());
    assert!(said.iter().any(|alarm| alarm.contains("journal")), "{said:?}");
    assert!(is_moved_aside(&state, "journal.redb"), "the damaged file is kept");
    world.stations[0].is_fresh().await.unwrap();
    is_released(&mut world.stations[0], 0, 3).await;
    world.settle().await.unwrap();
    let records = world.records().await.unwrap();
    let judged: Vec<&Value> = records.iter().filter(|record| record["kind"] == "judged").collect();
    assert_eq!(judged.len(), 3, "{records:#?}");
    assert!(records.iter().any(|record| record["kind"] == "noted"), "the hub is told of the new journal: {records:#?}");
}

#[tokio::test]
async fn what_was_released_offline_counts_once_after_the_journal_was_damaged() {
    let mut world = site(4).await;
    world.add_station(StationPlan::new(SITE, "pack-2")).await.unwrap();
    is_released(&mut world.stations[0], 0, 1).await;
    world.settle().await.unwrap();
    let mut hub = world.take_hub().unwrap();
    hub.program().kill().unwrap();
    is_released(&mut world.stations[0], 0, 2).await;
    is_released(&mut world.stations[1], 0, 2).await;
    world.stations[0].stop().await.unwrap();
    damage(&world.stations[0].state().join("journal.redb"), 0, 64);
    hub.revive().await.unwrap();
    world.put_hub(hub);
    world.stations[0].boot().await.unwrap();
    world.settle().await.unwrap();
    let records = world.records().await.unwrap();
    let of = |station: &str| {
        let code = Sample::new(SITE, 2).waybill();
        let judged = |record: &&Value| record["kind"] == "judged" && record["station"] == station;
        records.iter().filter(judged).filter(|record| record["code"] == code.as_str()).count()
    };
    assert_eq!((of("pack-1"), of("pack-2")), (1, 1), "each release exactly once: {records:#?}");
    let found = world.hub().list("/api/v1/scans/conflicts").await.unwrap();
    assert!(found.len() == 1 && found[0]["kind"] == "two_stations", "{found:#?}");
}

#[tokio::test]
async fn a_hub_set_back_to_an_older_store_begins_a_new_life_and_gets_everything_again() {
    let mut world = site(3).await;
    is_released(&mut world.stations[0], 0, 1).await;
    world.settle().await.unwrap();
    let mut hub = world.take_hub().unwrap();
    hub.program().kill().unwrap();
    let (data, aside) = (hub.data().to_owned(), world.folder().join("backup"));
    copy_store(&data, &aside);
    hub.revive().await.unwrap();
    world.put_hub(hub);
    let before = world.hub().log(SITE).await.unwrap();
    world.hub().send(&[Sample::new(SITE, 3).later().with("/refund", "requested")]).await.unwrap();
    world.settle().await.unwrap();
    is_released(&mut world.stations[0], 1, 2).await;
    world.settle().await.unwrap();
    assert_eq!(world.records().await.unwrap().len(), 2);

    let mut hub = world.take_hub().unwrap();
    hub.program().kill().unwrap();
    copy_store(&aside, &data);
    hub.revive().await.unwrap();
    world.put_hub(hub);
    world.settle().await.unwrap();
    let after = world.hub().log(SITE).await.unwrap();
    assert_ne!(before["epoch"], after["epoch"], "the log has a new life");
    let records = world.records().await.unwrap();
    assert_eq!(records.len(), 2, "the station sent again what the hub had acknowledged: {records:#?}");
    world.stations[0].is_fresh().await.unwrap();
    // The older store knows of no refund, and neither does the station any more.
    is_released(&mut world.stations[0], 1, 3).await;
    world.settle().await.unwrap();
}

#[tokio::test]
async fn a_copied_journal_is_refused_and_begins_a_new_life_only_by_command() {
    let mut world = site(4).await;
    is_released(&mut world.stations[0], 0, 1).await;
    world.settle().await.unwrap();
    world.stations[0].stop().await.unwrap();
    let state = world.stations[0].state();
    fs::copy(state.join("journal.redb"), state.join("card")).unwrap();
    world.stations[0].boot().await.unwrap();
    world.stations[0].is_fresh().await.unwrap();
    is_released(&mut world.stations[0], 1, 2).await;
    world.settle().await.unwrap();
    world.stations[0].stop().await.unwrap();
    fs::copy(state.join("card"), state.join("journal.redb")).unwrap();
    world.stations[0].boot().await.unwrap();
    // Whatever it says of it: the record is one under a number that is spent.
    world.stations[0].scan(0, &Sample::new(SITE, 3).waybill()).await.unwrap();
    let station = &world.stations[0];
    let said = async || {
        let said = station.view().await?["link"]["alarms"].to_string() + &alarms(&station.view().await?).join("");
        Ok(said.contains("packline-edge journal renew").then_some(()))
    };
    until("the page to say that the journal was copied", said).await.unwrap();

    let renew = |state: &Path| {
        let words = ["journal".as_ref(), "renew".as_ref(), "--state".as_ref(), state.as_os_str()];
        world.programs().run(Role::Edge, &words, &[])
    };
    let refused = renew(&state).unwrap_err().to_string();
    assert!(refused.contains("stop the station first"), "{refused}");
    world.stations[0].stop().await.unwrap();
    let said = world.programs().run(
        Role::Edge,
        &["journal".as_ref(), "renew".as_ref(), "--state".as_ref(), state.as_os_str()],
        &[],
    );
    assert!(said.as_ref().unwrap().contains("records that the hub may not have go along"), "{said:?}");
    assert!(is_moved_aside(&state, "journal.redb"), "the old file is kept");
    world.stations[0].boot().await.unwrap();
    world.stations[0].is_fresh().await.unwrap();
    is_released(&mut world.stations[0], 1, 4).await;
    world.settle().await.unwrap();
    let records = world.records().await.unwrap();
    let count = |kind: &str| records.iter().filter(|record| record["kind"] == kind).count();
    // The third scan was saved into the new life, under a number of its own.
    assert_eq!((count("judged"), count("noted")), (4, 1), "each scan once, and a new life: {records:#?}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure_of_a_command() {
    for words in [["hub", "check-config"], ["edge", "check-config"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
        let mut child = command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{words:?}: {} {said}", output.status);
    }
}

/// The database with whatever the last writer left beside it.
fn copy_store(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}
