//! A disk that is slow or full: the packer is told, nothing is green without its record, and everything comes back.

use crate::site::programs;
use packline_protocol::verdict::Outcome;
use packline_tests::clock::until;
use packline_tests::sample::Sample;
use packline_tests::station::{Station, StationPlan};
use packline_tests::watch::{Greens, Watch};
use packline_tests::world::{SITE, Setup, World};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// A site with one station whose journal's disk does as a file says.
async fn site() -> (World, PathBuf) {
    let mut world = World::open(programs(), &Setup::embedded()).await.unwrap();
    let orders: Vec<Sample> = (1..=4).map(order).collect();
    world.hub().send(&orders).await.unwrap();
    let disk = world.folder().join("disk");
    fs::write(&disk, "").unwrap();
    // The same code may be scanned again at once, as often as it takes.
    let scanner_config = "debounce_ms = 0\n".to_owned();
    let rehearsal = Some(disk.clone());
    let plan = StationPlan { scanners: 2, rehearsal, scanner_config, ..StationPlan::new(SITE, "pack-1") };
    world.add_station(plan).await.unwrap();
    (world, disk)
}

fn order(number: u64) -> Sample {
    Sample::new(SITE, number)
}

async fn is_released(station: &mut Station, gun: usize, number: u64) {
    let seen = station.scan(gun, &order(number).waybill()).await.unwrap();
    assert_eq!((seen.outcome, seen.reasons.len()), (Outcome::Release, 0), "{seen:?}");
}

/// Waits until the page says this about the newest scan, and nothing green.
async fn is_asked(station: &Station, reason: &str) -> Value {
    let says = async || {
        let answer = station.view().await?["answer"].take();
        let reasons = answer["reasons"].as_array().cloned().unwrap_or_default();
        let is_it = answer["outcome"] == "ask" && reasons.iter().any(|known| known["code"] == reason);
        Ok(is_it.then_some(answer))
    };
    until(&format!("the page to say {reason}"), says).await.unwrap()
}

/// Every green that was seen names a record that the hub has.
async fn every_green_has_its_record(world: &World, greens: &Greens) {
    world.settle().await.unwrap();
    let records = world.records().await.unwrap();
    let is_kept = |seq: u64| records.iter().any(|record| record["seq"] == seq && record["outcome"] == "release");
    let seen = greens.seen();
    assert!(!seen.is_empty(), "greens were seen at all");
    for green in seen {
        assert!(green.seq.is_some_and(is_kept), "{green:?} has no record among {records:#?}");
    }
}

#[tokio::test]
async fn a_slow_disk_is_said_and_the_green_comes_when_its_record_is_durable() {
    let (mut world, disk) = site().await;
    let greens = Greens::default();
    let _watch = Watch::open(world.stations[0].panel(), &greens).await.unwrap();
    fs::write(&disk, "slow 1500").unwrap();
    let station = &mut world.stations[0];
    let before = station.newest_answer().await.unwrap();
    station.pull_trigger(0, &order(1).waybill()).await.unwrap();
    let asked = is_asked(station, "storage_slow").await;
    assert!(asked["seq"].is_null(), "it is asked while the record is not durable: {asked}");
    assert!(greens.seen().is_empty(), "nothing was green yet: {:?}", greens.seen());
    let released = async || {
        let answer = station.view().await?["answer"].take();
        Ok((answer["outcome"] == "release" && answer["seq"].is_u64()).then_some(answer))
    };
    let answer = until("the late green", released).await.unwrap();
    assert_eq!(answer["number"].as_u64(), Some(before + 1), "it is the same scan");
    fs::write(&disk, "").unwrap();
    is_released(&mut world.stations[0], 1, 2).await;
    every_green_has_its_record(&world, &greens).await;
    assert_eq!(world.records().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_full_disk_refuses_new_scans_keeps_old_records_and_recovers_when_there_is_room() {
    let (mut world, disk) = site().await;
    let greens = Greens::default();
    let _watch = Watch::open(world.stations[0].panel(), &greens).await.unwrap();
    world.stations[0].cut_off().await.unwrap();
    is_released(&mut world.stations[0], 0, 1).await;
    fs::write(&disk, "full").unwrap();
    let station = &mut world.stations[0];
    station.pull_trigger(1, &order(2).waybill()).await.unwrap();
    let asked = is_asked(station, "storage_full").await;
    assert!(asked["seq"].is_null(), "there is no record of it: {asked}");
    let view = station.view().await.unwrap();
    let alarms = view["alarms"].to_string();
    assert!(alarms.contains("rehearsal"), "a rehearsal is said to be one: {alarms}");
    station.reconnect().await.unwrap();
    fs::write(&disk, "").unwrap();
    // The packer scans again until the station can write again.
    let station = &mut world.stations[0];
    let released = async |station: &mut Station| {
        let before = station.newest_answer().await.unwrap();
        station.pull_trigger(1, &order(2).waybill()).await.unwrap();
        let answered = async || {
            let answer = station.view().await?["answer"].take();
            let is_new = answer["number"].as_u64() > Some(before) && answer["stage"] == "said";
            Ok(is_new.then_some(answer))
        };
        let answer = until("an answer", answered).await.unwrap();
        let is_full = answer["reasons"][0]["code"] == "storage_full";
        assert!(is_full || answer["outcome"] == "release", "{answer}");
        !is_full
    };
    let mut scans = 1;
    while !released(station).await {
        assert!(scans < 100, "the station does not recover");
        scans += 1;
    }
    is_released(&mut world.stations[0], 0, 3).await;
    every_green_has_its_record(&world, &greens).await;
    let codes: Vec<Value> =
        world.records().await.unwrap().into_iter().map(|mut record| record["code"].take()).collect();
    for number in [1, 2, 3] {
        assert!(codes.contains(&Value::from(order(number).waybill())), "order {number} is missing among {codes:?}");
    }
}
