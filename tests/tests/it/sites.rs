//! Parcels that another site packs, and a station that was away for long.

use crate::site::programs;
use packline_protocol::verdict::Outcome;
use packline_tests::clock::{until, wall_ms};
use packline_tests::packer::Seen;
use packline_tests::sample::Sample;
use packline_tests::station::StationPlan;
use packline_tests::world::{SITE, Setup, World, number};
use std::collections::BTreeSet;

const DAY_MS: i64 = 24 * 3_600_000;

#[track_caller]
fn check(seen: &Seen, outcome: Outcome, reasons: &[&str]) {
    let reasons: BTreeSet<String> = reasons.iter().map(|reason| (*reason).to_owned()).collect();
    assert_eq!((seen.outcome, &seen.reasons), (outcome, &reasons), "{seen:?}");
}

async fn site(setup: &Setup, orders: &[Sample]) -> World {
    let mut world = World::open(programs(), setup).await.unwrap();
    world.hub().send(orders).await.unwrap();
    // The same code may be scanned again at once.
    let scanner_config = "debounce_ms = 0\n".to_owned();
    world.add_station(StationPlan { scanners: 2, scanner_config, ..StationPlan::new(SITE, "pack-1") }).await.unwrap();
    world
}

#[tokio::test]
async fn a_parcel_that_went_to_another_site_is_asked_about_by_that_site_s_name() {
    let [stays, goes, never] = [1, 2, 3].map(|number| Sample::new(SITE, number));
    let mut world =
        site(&Setup::embedded(), &[stays.clone(), goes.clone(), never.clone().with("/site", "south")]).await;
    world.hub().send(&[goes.clone().later().with("/site", "north")]).await.unwrap();
    world.settle().await.unwrap();
    let station = &mut world.stations[0];
    check(&station.scan(0, &stays.waybill()).await.unwrap(), Outcome::Release, &[]);
    check(&station.scan(1, &goes.waybill()).await.unwrap(), Outcome::Ask, &["other_site"]);
    let view = station.view().await.unwrap();
    assert_eq!(view["answer"]["reasons"][0]["about"], "north", "{view}");
    // What was never of this site is not told to it.
    check(&station.scan(0, &never.waybill()).await.unwrap(), Outcome::Ask, &["unknown"]);

    // It moves on, and then comes back.
    world.hub().send(&[goes.clone().later().later().with("/site", "south")]).await.unwrap();
    world.settle().await.unwrap();
    let station = &mut world.stations[0];
    check(&station.scan(0, &goes.waybill()).await.unwrap(), Outcome::Ask, &["other_site"]);
    let view = station.view().await.unwrap();
    assert_eq!(view["answer"]["reasons"][0]["about"], "south", "{view}");
    world.hub().send(&[goes.clone().later().later().later()]).await.unwrap();
    world.settle().await.unwrap();
    check(&world.stations[0].scan(1, &goes.waybill()).await.unwrap(), Outcome::Release, &[]);
    world.settle().await.unwrap();
}

#[tokio::test]
async fn a_station_that_was_away_longer_than_the_log_reaches_back_takes_a_snapshot_and_judges_right() {
    let long_ago = wall_ms() - 40 * DAY_MS;
    let orders: Vec<Sample> = (1..=5).map(|number| Sample::new(SITE, number).with("/updated_at", long_ago)).collect();
    let mut world = site(&Setup { log_keep_hours: Some(0), ..Setup::embedded() }, &orders).await;
    world.stations[0].stop().await.unwrap();
    let mut away = world.stations.remove(0);
    let before = world.hub().log(SITE).await.unwrap();

    // One order was completed weeks ago and leaves the stations, of another a refund is asked.
    let over = orders[0].clone().with("/updated_at", long_ago + DAY_MS).with("/status", "completed");
    world.hub().send(&[over, orders[1].clone().later().with("/refund", "requested")]).await.unwrap();
    let folded = async || Ok((world.hub().log(SITE).await?["is_waiting"] == false).then_some(()));
    until("the changes to be in the log", folded).await.unwrap();
    world.crash_hub().await.unwrap();
    let left = number(&before, "seq").unwrap();
    let raised = async || Ok((number(&world.hub().log(SITE).await?, "floor")? > left).then_some(()));
    until("the log to forget what went", raised).await.unwrap();

    away.boot().await.unwrap();
    world.stations.push(away);
    world.hub().send(&[orders[2].clone().later().with("/must_not_ship", true)]).await.unwrap();
    world.settle().await.unwrap();
    let station = &mut world.stations[0];
    station.is_fresh().await.unwrap();
    check(&station.scan(0, &orders[0].waybill()).await.unwrap(), Outcome::Ask, &["unknown"]);
    check(&station.scan(1, &orders[1].waybill()).await.unwrap(), Outcome::Stop, &["refund_requested"]);
    check(&station.scan(0, &orders[2].waybill()).await.unwrap(), Outcome::Stop, &["must_not_ship"]);
    check(&station.scan(1, &orders[3].waybill()).await.unwrap(), Outcome::Release, &[]);
    world.settle().await.unwrap();
    assert_eq!(world.records().await.unwrap().len(), 4);
}
