//! What is due by itself: sealing the end of the chain, and proving all of it now and then.

use super::actions;
use crate::app::App;
use crate::error;
use std::time::Duration;
use tracing::warn;

/// How often the end is sealed. What was written since could be cut off unseen.
const PERIOD: Duration = Duration::from_secs(60);
/// After so many seals everything is checked again: every six hours.
const FULL_EVERY: u32 = 360;

/// Keeps the chain sealed until the hub stops, and then once more.
pub async fn keep(app: App) -> anyhow::Result<()> {
    let mut turn = 0;
    while !app.is_stopping() {
        if turn % FULL_EVERY == 0 {
            warn_of(actions::verify(&app).await.map_err(Into::into));
        }
        warn_of(actions::seal(&app).await);
        turn += 1;
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stopped() => {}
        }
    }
    warn_of(actions::seal(&app).await);
    Ok(())
}

fn warn_of<T>(done: Result<T, error::Error>) {
    if let Err(cause) = done {
        warn!(error = %error::chain(&cause), "Failed to check or seal the audit log; trying again");
    }
}
