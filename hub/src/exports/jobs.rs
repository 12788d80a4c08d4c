//! Writes exports that wait, one after the other.

use super::actions::{self, run};
use super::model::{ExportError, Status};
use super::store;
use crate::app::App;
use crate::error;
use std::time::Duration;
use tracing::warn;

/// Old files and missed wakes are looked for this often.
const PERIOD: Duration = Duration::from_secs(60);

/// Writes exports until the hub stops.
pub async fn work(app: App) -> anyhow::Result<()> {
    while !app.is_stopping() {
        if let Err(cause) = write_waiting(&app).await {
            warn!(error = %error::chain(&cause), "Failed to look after exports; trying again");
        }
        tokio::select! {
            () = app.export_wake.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stopped() => {}
        }
    }
    Ok(())
}

/// Writes every export that waits.
pub async fn write_waiting(app: &App) -> Result<(), ExportError> {
    actions::tidy(app).await?;
    while let Some(job) = store::jobs_in(app.db.read(), Status::Queued, 1).await?.pop() {
        run::run(app, &job).await?;
        if app.is_stopping() {
            break;
        }
    }
    Ok(())
}
