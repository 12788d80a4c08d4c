//! What effects do by themselves: count what waits, and forget what was over long ago.

use super::actions;
use crate::app::App;
use crate::error::chain;
use std::time::Duration;
use tracing::warn;

/// How often what waits is counted.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// Countings between two cleanings: an hour.
const CLEAN_EVERY: u32 = 240;
/// So long a key that was done is remembered, in milliseconds: 90 days.
const KEEP_MS: i64 = 90 * 24 * 3_600_000;

/// Runs until the hub stops.
pub async fn keep(app: App) -> anyhow::Result<()> {
    for round in 0u32.. {
        count(&app).await;
        if round.is_multiple_of(CLEAN_EVERY)
            && let Err(error) = actions::forget(&app.db, app.clock.now().plus_ms(-KEEP_MS)).await
        {
            warn!(error = %chain(&error), "Failed to forget old effects");
        }
        tokio::select! {
            () = tokio::time::sleep(COUNT_EVERY) => {}
            () = app.stopped() => break,
        }
    }
    Ok(())
}

async fn count(app: &App) {
    match actions::counts(&app.db).await {
        Ok(counts) => {
            let help = "Effects that are not over, by how they stand.";
            for (word, count) in
                [("waiting", counts.waiting), ("failing", counts.failing), ("given_up", counts.given_up)]
            {
                app.metrics.gauge("packline_effects", help, &[("state", word)]).set(count);
            }
        }
        Err(error) => warn!(error = %chain(&error), "Failed to count effects"),
    }
}
