//! From a power cut to ready.

use super::Args;
use super::measure::{Row, Samples};
use super::memory::{enrolled, start};
use super::replica::{fill, open};
use super::site::Site;
use crate::clock::instant;
use crate::hub::{Hub, HubPlan};
use crate::program::Programs;
use anyhow::Result;

/// How long station and hub take until they are ready, after they were killed.
pub async fn cold_start(args: &Args) -> Result<Vec<Row>> {
    let (count, rounds) = (args.rows.unwrap_or(1_000_000), args.rounds.unwrap_or(10));
    let (station, hub) = (station(count, rounds).await?, hub(count, rounds).await?);
    Ok(vec![
        Row::p99_to_goal(&format!("a station with {count} parcels, kill to ready"), "ms", &station, 300.0),
        Row::p99_to_goal(&format!("a hub with {count} parcels in its log, kill to ready"), "ms", &hub, 1_000.0),
    ])
}

async fn station(count: u64, rounds: usize) -> Result<Samples> {
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("state");
    std::fs::create_dir(&state)?;
    let replica = open(&state)?;
    fill(&replica, count)?;
    drop(replica);
    enrolled(&state)?;
    let mut took = Samples::default();
    for round in 0..=rounds {
        let begun = instant();
        let (mut program, _) = start(folder.path(), &state, &[], "").await?;
        // The first start finds a file that was closed well.
        if round > 0 {
            took.add_value(begun.elapsed().as_secs_f64() * 1e3);
        }
        program.kill()?;
    }
    Ok(took)
}

async fn hub(count: u64, rounds: usize) -> Result<Samples> {
    let mut site = Site::open().await?;
    site.fill(count).await?;
    site.start().await?;
    site.settle(count).await?;
    let folder = site.stop().await;
    let mut hub = Hub::start(&Programs::this()?, HubPlan::embedded(folder.path().join("hub"))).await?;
    let mut took = Samples::default();
    for _ in 0..rounds {
        hub.lifeline().cut();
        hub.program().kill()?;
        let begun = instant();
        hub.revive().await?;
        took.add_value(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(took)
}
