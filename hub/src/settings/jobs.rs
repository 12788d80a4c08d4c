//! Notices settings that another process changed, and forgets what is beyond the time that settings give it.
//!
//! What is in no backup is never forgotten, and nothing that is still being worked on.

use super::actions;
use crate::app::App;
use crate::backup;
use crate::channels::import;
use crate::error::{Error, chain};
use crate::idempotency;
use crate::scans;
use packline_protocol::time::Timestamp;
use std::time::Duration;
use tracing::{info, warn};

/// How soon another process's change is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Runs until the hub stops.
pub async fn run(app: App) -> anyhow::Result<()> {
    loop {
        if let Err(error) = actions::refresh(&app).await {
            warn!(error = %chain(&error), "Failed to read the settings");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = app.stopped() => return Ok(()),
        }
    }
}

/// How often old things are forgotten, and how many transactions at a time: others write too.
const FORGET_EVERY: Duration = Duration::from_secs(10 * 60);
const STEPS_MAX: usize = 50;
const DAY_MS: i64 = 24 * 3_600_000;

/// Runs until the hub stops.
pub async fn forget(app: App) -> anyhow::Result<()> {
    loop {
        if let Err(error) = forget_old(&app).await {
            warn!(error = %chain(&error), "Failed to forget what is beyond its time");
        }
        tokio::select! {
            () = tokio::time::sleep(FORGET_EVERY) => {}
            () = app.stopped() => return Ok(()),
        }
    }
}

/// Forgets some of what is beyond its time; says how many things.
pub async fn forget_old(app: &App) -> Result<u64, Error> {
    let (settings, now) = (app.settings.now(), app.clock.now());
    // What came after the newest backup began is in none.
    let mut gone = idempotency::forget_old(app).await?;
    let Some(backup) = backup::actions::last_done(app).await? else { return Ok(gone) };
    let before = |days: i64| -> Timestamp { now.plus_ms(-days.saturating_mul(DAY_MS)).min(backup.started_at) };
    let (scans_before, imports_before) = (before(settings.scans_keep_days), before(settings.imports_keep_days));
    for _ in 0..STEPS_MAX {
        let scans = scans::actions::forget_old(&app.db, scans_before).await?;
        let imports = import::actions::forget_old(app, imports_before).await?;
        gone += scans + imports;
        if scans + imports == 0 {
            break;
        }
    }
    if gone > 0 {
        info!("Forgot {gone} scan records, imports and kept answers that were beyond their time");
    }
    Ok(gone)
}
