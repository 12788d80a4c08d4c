//! Hub and stations over real MQTT: a new station filled, changes arriving, many stations at once.

use super::Args;
use super::hub::inputs;
use super::measure::{Row, Samples};
use super::site::{Pass, Site};
use crate::clock::instant;
use anyhow::{Context, Result, bail};
use packline_edge::link::mqtt::{Event, Link};
use packline_edge::replica::{Lookup, Replica};
use packline_hub::actor::Actor;
use packline_hub::orders;
use packline_protocol::topic::Topic;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// A new station fetches a whole site over MQTT, from the first packet to a replica that is proven and in its place.
pub async fn snapshot(args: &Args) -> Result<Vec<Row>> {
    let (count, rounds) = (args.rows.unwrap_or(1_000_000), args.rounds.unwrap_or(3));
    let (seconds, bytes) = fetch(count, rounds).await?;
    let what = format!("{count} parcels over MQTT to a new station, applied, proven");
    Ok(vec![
        Row::median_to_goal(&what, "s", &seconds, 2.3),
        Row::median_to_goal("bytes on the wire against a third of PostgreSQL's 224 MB", "MB", &bytes, 224.0 / 3.0),
    ])
}

/// Seconds per station and the bytes that travelled.
async fn fetch(count: u64, rounds: usize) -> Result<(Samples, Samples)> {
    let mut site = Site::open().await?;
    site.fill(count).await?;
    let mut passes = Vec::new();
    for number in 0..=rounds as u64 {
        passes.push(site.enrol(number).await?);
    }
    site.start().await?;
    site.settle(count).await?;
    let (mut seconds, mut bytes) = (Samples::default(), Samples::default());
    for (round, pass) in passes.iter().enumerate() {
        let start = instant();
        let member = site.join(pass).await?;
        filled(&member.replica, count).await?;
        // The first station has the snapshot made; it lies ready for those that come later.
        if round > 0 {
            seconds.add_value(start.elapsed().as_secs_f64());
            bytes.add_value(snapshot_bytes(&site)? / 1e6);
        }
        member.leave().await;
    }
    site.stop().await;
    Ok((seconds, bytes))
}

async fn filled(replica: &Replica, count: u64) -> Result<()> {
    let mut states = replica.watch();
    // A snapshot is put in place only when its proof holds.
    tokio::time::timeout(Duration::from_secs(300), states.wait_for(|state| state.rows >= count))
        .await
        .context("the station was not filled in time")?
        .context("the replica is gone")?;
    Ok(())
}

fn snapshot_bytes(site: &Site) -> Result<f64> {
    let mut newest = 0;
    for entry in std::fs::read_dir(site.snapshots())? {
        newest = newest.max(entry?.metadata()?.len());
    }
    Ok(newest as f64)
}

/// Stations that listen while changes come.
const LISTENERS: u64 = 10;
/// Orders in one transaction, and how often one begins: 2,000 changes a second.
const AT_ONCE: usize = 20;
const EVERY: Duration = Duration::from_millis(10);

/// From the hub's commit to durable in ten replicas, at 2,000 changes a second.
pub async fn lag(args: &Args) -> Result<Vec<Row>> {
    let rounds = args.rounds.unwrap_or(2_000);
    let mut site = Site::open().await?;
    let mut passes = Vec::new();
    for number in 0..LISTENERS {
        passes.push(site.enrol(number).await?);
    }
    site.start().await?;
    receive(&site, 0).await?;
    let (probes, seen) = watch::channel(Vec::new());
    let (lags, mut heard) = mpsc::unbounded_channel();
    let mut members = Vec::new();
    for pass in &passes {
        let member = site.join(pass).await?;
        filled(&member.replica, AT_ONCE as u64).await?;
        tokio::spawn(watch_lag(member.replica.clone(), seen.clone(), lags.clone()));
        members.push(member);
    }
    drop(lags);
    let (mut commits, start) = (Samples::default(), instant());
    let mut beat = tokio::time::interval(EVERY);
    for round in 1..=rounds as u64 {
        beat.tick().await;
        let begun = instant();
        let last = receive(&site, round).await?;
        commits.add(begun.elapsed());
        let probe: Probe = (Arc::from(last), instant());
        probes.send_modify(|probes: &mut Vec<Probe>| probes.push(probe));
    }
    let rate = (rounds * AT_ONCE) as f64 / start.elapsed().as_secs_f64();
    drop(probes);
    let mut lags = Samples::default();
    while let Some(lag) =
        tokio::time::timeout(Duration::from_secs(60), heard.recv()).await.context("a change is lost")?
    {
        lags.add_value(lag);
    }
    if lags.count() != rounds * members.len() {
        bail!("{} of {} changes arrived", lags.count(), rounds * members.len());
    }
    for member in members {
        member.leave().await;
    }
    site.stop().await;
    let what = format!("hub commit to durable at {LISTENERS} stations, {rate:.0} changes/s");
    Ok(vec![
        Row::p99_to_goal(&what, "ms", &lags, 10.0),
        Row::beside("the same", "ms", &lags, "the commit itself", &commits.scaled(1e-3)),
    ])
}

/// A code to look for, and when the hub had it committed.
type Probe = (Arc<str>, Instant);

/// The last waybill of a group of orders that the hub has taken.
async fn receive(site: &Site, round: u64) -> Result<String> {
    let inputs = inputs(round * AT_ONCE as u64, AT_ONCE)?;
    orders::actions::receive(&site.app, &inputs, &Actor::Cli("bench".to_owned()), "bench").await?;
    let last = inputs.last().and_then(|order| order.parcels.as_ref()?.first()?.waybills.first().cloned());
    last.context("every order has a waybill")
}

/// Says for each probe how long after the commit this replica shows it, which it does only when it is durable.
async fn watch_lag(replica: Replica, mut probes: watch::Receiver<Vec<Probe>>, lags: mpsc::UnboundedSender<f64>) {
    let (mut states, mut done, mut open) = (replica.watch(), 0, true);
    loop {
        let waiting: Vec<Probe> = probes.borrow_and_update()[done..].to_vec();
        if waiting.is_empty() && !open {
            return;
        }
        for (code, committed) in waiting {
            let found = replica.lookup(&[code.to_string()]);
            if !matches!(found, Ok((_, Lookup::One(_)))) {
                break;
            }
            done += 1;
            let _ = lags.send(committed.elapsed().as_secs_f64() * 1e3);
        }
        tokio::select! {
            changed = states.changed() => if changed.is_err() { return },
            changed = probes.changed(), if open => open = changed.is_ok(),
        }
    }
}

/// A change on its way to a thousand stations: when the last of them has it.
pub async fn fan_out(args: &Args) -> Result<Vec<Row>> {
    let (count, rounds) = (args.rows.unwrap_or(1_000), args.rounds.unwrap_or(50));
    allow_files(count * 4 + 1_024)?;
    let mut site = Site::open().await?;
    let mut passes = Vec::new();
    for number in 0..count {
        passes.push(site.enrol(number).await?);
    }
    site.start().await?;
    receive(&site, 0).await?;
    let (arrivals, mut arrived) = mpsc::unbounded_channel();
    let mut tasks = Vec::new();
    for pass in &passes {
        tasks.push(listen(&site, pass, arrivals.clone()).await?);
    }
    let (mut each, mut all) = (Samples::default(), Samples::default());
    for round in 1..=rounds as u64 {
        receive(&site, round).await?;
        let committed = instant();
        for _ in 0..count {
            let at: Instant = tokio::time::timeout(Duration::from_secs(60), arrived.recv())
                .await
                .context("a station did not hear a change")?
                .context("the stations are gone")?;
            each.add_value(at.saturating_duration_since(committed).as_secs_f64() * 1e3);
        }
        all.add_value(committed.elapsed().as_secs_f64() * 1e3);
        // Deltas that the round came in beside the first one are not the next round's.
        tokio::time::sleep(Duration::from_millis(300)).await;
        while arrived.try_recv().is_ok() {}
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    site.stop().await;
    Ok(vec![
        Row::p99_to_goal(&format!("hub commit to each of {count} stations"), "ms", &each, 500.0),
        Row::p99_to_goal("hub commit to the last of them", "ms", &all, 500.0),
    ])
}

/// One station's connection; says when a delta of the site came.
async fn listen(
    site: &Site,
    pass: &Pass,
    arrivals: mpsc::UnboundedSender<Instant>,
) -> Result<tokio::task::JoinHandle<()>> {
    let log = Topic::Log(site.site.clone()).to_string();
    let (link, mut events) = Link::open(site.way(pass).await?, |_| None);
    loop {
        match events.recv().await.context("the connection is gone")? {
            Event::Up { .. } => break,
            Event::Down { why, .. } => bail!("a station cannot connect: {why}"),
            _ => {}
        }
    }
    Ok(tokio::spawn(async move {
        let _link = link;
        while let Some(event) = events.recv().await {
            if matches!(&event, Event::Message { topic, .. } if *topic == log) {
                let _ = arrivals.send(instant());
            }
        }
    }))
}

/// Every connection takes four open files in this process: both ends of two.
fn allow_files(wanted: u64) -> Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < wanted {
        setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard)?;
    }
    Ok(())
}
