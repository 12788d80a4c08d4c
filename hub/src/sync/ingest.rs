//! Records on their way in: batches of all stations are committed together, and acknowledged only then.
//!
//! While one group is committed the next one gathers, so that the disk sets the pace and nobody waits for a timer.

use super::post::Post;
use crate::app::App;
use crate::error::chain;
use crate::scans::actions::{self, Arrived, Taken};
use crate::scans::pages;
use packline_protocol::downlink::REFUSED_FORK;
use packline_protocol::topic::Topic;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

/// Batches that may wait to be committed; above it stations are told to wait.
pub const QUEUE_MAX: usize = 512;
/// The most batches and records of one transaction.
const GROUP_BATCHES: usize = 64;
const GROUP_RECORDS: usize = 8_000;
/// After so many failures in a row the rest of a group is left to be sent again.
const FAILURES_MAX: u32 = 3;

/// Commits batches until the hub stops. What is in the queue then was not acknowledged, and comes again.
pub async fn run(app: App, post: Post, mut queue: mpsc::Receiver<Arrived>) -> anyhow::Result<()> {
    loop {
        let first = tokio::select! {
            first = queue.recv() => first,
            () = app.stopped() => None,
        };
        let Some(first) = first else { return Ok(()) };
        let group = gather(first, &mut queue);
        let count = group.len();
        match actions::take(&app.db, &group, app.clock.now()).await {
            Ok(taken) => tell(&app, &post, taken).await,
            Err(error) => {
                warn!(error = %chain(&error), "Failed to take {count} batches of scan records together");
                one_by_one(&app, &post, group).await;
            }
        }
    }
}

/// What waits, up to the size of a transaction.
fn gather(first: Arrived, queue: &mut mpsc::Receiver<Arrived>) -> Vec<Arrived> {
    let mut records = first.batch.records.len();
    let mut group = vec![first];
    while group.len() < GROUP_BATCHES && records < GROUP_RECORDS {
        let Ok(next) = queue.try_recv() else { break };
        records += next.batch.records.len();
        group.push(next);
    }
    group
}

/// Something in a group failed: a batch that is at fault must not hold up the others.
async fn one_by_one(app: &App, post: &Post, group: Vec<Arrived>) {
    let mut failures = 0;
    for arrived in group {
        match actions::take(&app.db, std::slice::from_ref(&arrived), app.clock.now()).await {
            Ok(taken) => {
                failures = 0;
                tell(app, post, taken).await;
            }
            Err(cause) => {
                failures += 1;
                let (station, first) = (&arrived.station, arrived.batch.first);
                app.fleet.found(station, "records-not-taken", "the hub cannot store this station's records");
                error!(
                    station.id = %station, scan.seq = %first, error = %chain(&cause),
                    "Failed to take records of station `{station}` from {first} on"
                );
            }
        }
        if failures >= FAILURES_MAX {
            return;
        }
    }
}

/// Acknowledges, and shows what is new.
async fn tell(app: &App, post: &Post, taken: Taken) {
    let Taken { acks, records, withdrawn, conflicts } = taken;
    for (site, station, ack) in acks {
        for refusal in &ack.refused {
            if refusal.why.starts_with(REFUSED_FORK) {
                app.fleet.found(&station, REFUSED_FORK, "its journal was copied or set back; it must begin a new one");
            }
            info!(station.id = %station, scan.seq = %refusal.seq, "Could not use a record: {}", refusal.why);
        }
        post.send(&Topic::Answer(site, station), &ack).await;
    }
    if !records.is_empty() {
        app.feed_wake.notify_one();
        app.effects_wake.notify_one();
    }
    let count = records.len() as u64;
    app.metrics.counter("packline_scan_records_total", "Scan records taken, each once.", &[]).add(count);
    for conflict in conflicts {
        let help = "Releases that do not fit together.";
        app.metrics.counter("packline_scan_conflicts_total", help, &[("kind", conflict.kind.word())]).inc();
        warn!(
            station.id = %conflict.station, parcel.id = %conflict.parcel,
            "Found a conflict about parcel `{}`: {}", conflict.parcel, conflict.kind.word()
        );
        app.show("conflict", serde_json::json!(conflict));
    }
    if app.is_watched() {
        records.iter().chain(&withdrawn).for_each(|record| app.show("scan", pages::live(record)));
    }
}
