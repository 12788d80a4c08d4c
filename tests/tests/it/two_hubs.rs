//! Two hubs on one database and one broker: one leads a site, the other takes over when it falls silent.

use crate::site::programs;
use packline_protocol::verdict::Outcome;
use packline_tests::hub::{Hub, HubPlan};
use packline_tests::postgres::Postgres;
use packline_tests::sample::Sample;
use packline_tests::station::StationPlan;
use packline_tests::world::{SITE, Setup, World};
use std::fs;

/// A second hub with the same key, on the same database and at the same broker.
async fn second_hub(world: &World) -> Hub {
    let first = world.hub();
    let data = world.folder().join("second");
    fs::create_dir_all(&data).unwrap();
    for name in ["hub.key", "data.key", "first-login"] {
        if first.data().join(name).exists() {
            fs::copy(first.data().join(name), data.join(name)).unwrap();
        }
    }
    Hub::start(world.programs(), HubPlan { data, ..first.plan().clone() }).await.unwrap()
}

async fn says(world: &mut World, gun: usize, number: u64, outcome: Outcome) {
    let seen = world.stations[0].scan(gun, &Sample::new(SITE, number).waybill()).await.unwrap();
    assert_eq!(seen.outcome, outcome, "order {number}: {seen:?}");
    world.settle().await.unwrap();
}

#[tokio::test]
async fn a_second_hub_takes_over_when_the_first_falls_silent_and_nothing_is_lost_or_done_twice() {
    let postgres = Postgres::start().unwrap();
    let setup = Setup { db: Some(postgres.database().unwrap()), mosquitto: true, ..Setup::embedded() };
    let mut world = World::open(programs(), &setup).await.unwrap();
    world.hub().send(&[Sample::new(SITE, 1)]).await.unwrap();
    world.add_station(StationPlan { scanners: 2, ..StationPlan::new(SITE, "pack-1") }).await.unwrap();
    let second = second_hub(&world).await;
    // What the second takes, the first tells: it leads.
    second.send(&[Sample::new(SITE, 2)]).await.unwrap();
    world.settle().await.unwrap();
    says(&mut world, 0, 2, Outcome::Release).await;
    let before = world.hub().log(SITE).await.unwrap();

    let mut first = world.take_hub().unwrap();
    first.program().kill().unwrap();
    world.put_hub(second);
    world.hub().send(&[Sample::new(SITE, 3), Sample::new(SITE, 1).later().with("/refund", "requested")]).await.unwrap();
    world.settle().await.unwrap();
    says(&mut world, 1, 3, Outcome::Release).await;
    says(&mut world, 0, 1, Outcome::Stop).await;

    // The first is back, and finds the site led by another.
    first.revive().await.unwrap();
    first.send(&[Sample::new(SITE, 4)]).await.unwrap();
    world.settle().await.unwrap();
    says(&mut world, 1, 4, Outcome::Release).await;
    let after = world.hub().log(SITE).await.unwrap();
    assert_eq!(before["epoch"], after["epoch"], "the log goes on in the same life");
    let records = world.records().await.unwrap();
    assert_eq!(records.len(), 4, "each once: {records:#?}");
    assert_eq!(first.list("/api/v1/scans").await.unwrap().len(), 4, "both hubs show the same");
}
