//! What webhooks do by themselves: forget what is old.

use super::actions;
use crate::app::App;
use crate::error::chain;
use std::time::Duration;
use tracing::warn;

/// How often old events are looked for.
const PERIOD: Duration = Duration::from_secs(3_600);
/// So long events can be sent again, in milliseconds: 30 days.
const KEEP_MS: i64 = 30 * 24 * 3_600_000;

/// Runs until the hub stops.
pub async fn keep(app: App) -> anyhow::Result<()> {
    while !app.is_stopping() {
        if let Err(error) = actions::forget(&app.db, app.clock.now().plus_ms(-KEEP_MS)).await {
            warn!(error = %chain(&error), "Failed to forget old events of webhooks");
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stopped() => {}
        }
    }
    Ok(())
}
