//! What is due by itself.

use super::actions;
use crate::app::App;
use crate::error;
use std::time::Duration;
use tracing::{debug, warn};

/// How often parcels that are long over are looked for.
const PERIOD: Duration = Duration::from_secs(600);

/// Takes parcels that are long over off the stations, until the hub stops.
pub async fn keep(app: App) -> anyhow::Result<()> {
    while !app.is_stopping() {
        match actions::retire_parcels(&app).await {
            Ok(0) => {}
            Ok(parcels) => debug!(parcels, "Took parcels that are long over off the stations"),
            Err(cause) => warn!(error = %error::chain(&cause), "Failed to take parcels off the stations; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stopped() => {}
        }
    }
    Ok(())
}
