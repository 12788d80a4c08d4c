//! What is due by itself: erasing contacts that nobody needs any more.

use super::actions;
use crate::app::App;
use crate::error;
use std::time::Duration;
use tracing::{info, warn};

/// How often old contacts are looked for.
const PERIOD: Duration = Duration::from_secs(3_600);

/// Erases old contacts until the hub stops.
pub async fn keep(app: App) -> anyhow::Result<()> {
    while !app.is_stopping() {
        match actions::erase_old(&app, app.settings.now().contacts_keep_days).await {
            Ok(0) => {}
            Ok(orders) => info!(orders, "Erased the contacts of orders that have been over for long"),
            Err(cause) => warn!(error = %error::chain(&cause), "Failed to erase old contacts; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stopped() => {}
        }
    }
    Ok(())
}
