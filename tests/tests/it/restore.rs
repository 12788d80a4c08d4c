//! A hub is lost and comes back from a backup: what stations had acknowledged is not lost, and nothing is there twice.

use crate::site::programs;
use anyhow::{Context as _, Result, ensure};
use packline_protocol::verdict::Outcome;
use packline_tests::clock::until;
use packline_tests::hub::{Hub, HubPlan};
use packline_tests::postgres::Postgres;
use packline_tests::program::Role;
use packline_tests::sample::Sample;
use packline_tests::station::StationPlan;
use packline_tests::world::{SITE, Setup, World};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const PASSPHRASE: &str = "a sample passphrase of a story";

#[tokio::test]
async fn a_hub_restored_on_sqlite_has_everything_that_was_acknowledged_once() {
    play(None).await.unwrap();
}

#[tokio::test]
async fn a_hub_restored_on_postgresql_has_everything_that_was_acknowledged_once() {
    let postgres = Postgres::start().unwrap();
    play(Some(&postgres)).await.unwrap();
}

async fn play(postgres: Option<&Postgres>) -> Result<()> {
    let database = || postgres.map(Postgres::database).transpose();
    let mut world = World::open(programs(), &Setup { db: database()?, ..Setup::embedded() }).await?;
    let orders: Vec<Sample> = (1..=24).map(|number| Sample::new(SITE, 7_000_000 + number)).collect();
    world.hub().send(&orders[..16]).await?;
    for name in ["pack-1", "pack-2"] {
        world.add_station(StationPlan::new(SITE, name)).await?;
    }

    let mut greens = release(&mut world, &orders[..4]).await?;
    world.settle().await?;
    let (backup, passphrase) = (world.folder().join("site.backup"), world.folder().join("passphrase"));
    fs::write(&passphrase, PASSPHRASE)?;
    let words = ["backup", path(&backup)?, "--off-machine", "--with-keys", "--passphrase-file", path(&passphrase)?];
    world.hub().command(&words)?;

    // The hub goes on: it acknowledges scans and takes orders that the backup does not have.
    greens.extend(release(&mut world, &orders[4..10]).await?);
    world.hub().send(&orders[16..20]).await?;
    world.settle().await?;
    let acknowledged = records(&world).await?;
    ensure!(acknowledged.len() >= greens.len(), "{} records of {} greens", acknowledged.len(), greens.len());

    let lost = lose(&mut world)?;
    for (at, order) in orders[10..12].iter().enumerate() {
        greens.insert(green(&mut world, at, order).await?);
    }
    let plan = HubPlan { data: world.folder().join("hub-again"), db: database()?, ..lost.plan };
    restore(&world, &plan, &backup, &passphrase, &lost.password)?;
    let hub = Hub::start(world.programs(), plan).await?;
    world.put_hub(hub);

    let expected: BTreeSet<Scan> = acknowledged.into_iter().collect();
    until("the stations to send everything again", async || {
        let now: BTreeSet<Scan> = records(&world).await?.into_iter().collect();
        Ok((now.is_superset(&expected) && greens.iter().all(|green| now.contains(green))).then_some(()))
    })
    .await?;
    // The sources send what the backup does not have, and work goes on.
    world.hub().send(&orders[16..]).await?;
    world.settle().await?;
    greens.extend(release(&mut world, &orders[20..24]).await?);
    world.settle().await?;

    let all = records(&world).await?;
    let once: BTreeSet<&Scan> = all.iter().collect();
    ensure!(once.len() == all.len(), "a record is there twice: {all:#?}");
    ensure!(greens.iter().all(|green| once.contains(green)), "a green has no record: {all:#?}");
    ensure!(world.hub().list("/api/v1/scans/conflicts").await?.is_empty(), "nothing was released twice");
    for order in &orders[..12] {
        let answer = world.station("pack-1")?.scan(0, &order.waybill()).await?;
        ensure!(answer.outcome != Outcome::Release || answer.repeat, "{answer:?} lets a parcel go a second time");
    }
    Ok(())
}

/// A record as it is told apart: whose, which number, about what, and what was said.
type Scan = (String, u64, String, String);

/// Each station releases some of the orders.
async fn release(world: &mut World, orders: &[Sample]) -> Result<BTreeSet<Scan>> {
    let mut greens = BTreeSet::new();
    for (at, order) in orders.iter().enumerate() {
        greens.insert(green(world, at % 2, order).await?);
    }
    Ok(greens)
}

async fn green(world: &mut World, at: usize, order: &Sample) -> Result<Scan> {
    let station = &mut world.stations[at];
    let seen = station.scan(0, &order.waybill()).await?;
    ensure!(seen.outcome == Outcome::Release, "{seen:?} should let `{}` go", order.waybill());
    Ok((station.name().to_owned(), seen.seq, seen.code, "release".to_owned()))
}

/// The scans among the hub's records.
async fn records(world: &World) -> Result<Vec<Scan>> {
    let records = world.records().await?;
    let judged = records.iter().filter(|record| record["kind"] == "judged");
    judged.map(scan).collect()
}

fn scan(record: &Value) -> Result<Scan> {
    let text = |key: &str| record[key].as_str().map(str::to_owned).with_context(|| format!("`{key}` in {record}"));
    let seq = record["seq"].as_u64().with_context(|| format!("`seq` in {record}"))?;
    Ok((text("station")?, seq, text("code")?, text("outcome")?))
}

struct Lost {
    plan: HubPlan,
    password: String,
}

/// Kills the hub and burns its machine; only what is outside of its folder is left.
fn lose(world: &mut World) -> Result<Lost> {
    let mut hub = world.take_hub()?;
    let password = hub.password()?;
    hub.program().kill()?;
    let http = hub.api().url().trim_start_matches("http://").to_owned();
    let plan = HubPlan { http, mqtt: hub.mqtt_address().to_string(), ..hub.plan().clone() };
    fs::remove_dir_all(hub.data())?;
    Ok(Lost { plan, password })
}

fn restore(world: &World, plan: &HubPlan, backup: &Path, passphrase: &Path, password: &str) -> Result<()> {
    let mut words: Vec<&str> = vec!["restore", path(backup)?, "--passphrase-file", path(passphrase)?];
    words.extend(["--data", path(&plan.data)?]);
    words.extend(plan.db.iter().flat_map(|db| ["--db", db.as_str()]));
    let words: Vec<&OsStr> = words.into_iter().map(OsStr::new).collect();
    let said = world.programs().run(Role::Hub, &words, &[])?;
    ensure!(said.contains("1 change logs begin a new life"), "{said}");
    // The password is the first user's; where the story keeps it is this folder.
    fs::write(plan.data.join("first-login"), password)?;
    Ok(())
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("`{}` is UTF-8", PathBuf::from(path).display()))
}
