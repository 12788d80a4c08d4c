//! What the fleet does by itself: notices changes made by other processes, keeps what is known, forgets old tokens.

use super::{actions, store};
use crate::app::App;
use crate::error::chain;
use std::time::Duration;
use tracing::warn;

/// How soon another process's change is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between two savings of what is known.
const SAVE_EVERY: u32 = 5;
/// Looks between two cleanings.
const CLEAN_EVERY: u32 = 3_600;

/// Runs until the hub stops.
pub async fn run(app: App) -> anyhow::Result<()> {
    for look in 0u32.. {
        if let Err(error) = app.fleet.reload(&app.db).await {
            warn!(error = %chain(&error), "Failed to read the stations");
        }
        if look % SAVE_EVERY == 0 {
            save(&app).await;
        }
        if look % CLEAN_EVERY == 0
            && let Err(error) = actions::forget_claims(&app.db, app.clock.now()).await
        {
            warn!(error = %chain(&error), "Failed to forget old invitations");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = app.stopped() => break,
        }
    }
    save(&app).await;
    Ok(())
}

/// Keeps what changed. What cannot be kept now is told again by the stations.
pub(super) async fn save(app: &App) {
    let online = i64::try_from(app.fleet.online(app.clock.now())).unwrap_or(i64::MAX);
    app.metrics.gauge("packline_stations_online", "Stations that are connected to this hub.", &[]).set(online);
    let unsaved = app.fleet.unsaved();
    if unsaved.is_empty() {
        return;
    }
    let saved = async {
        let mut tx = app.db.begin("fleet.save").await?;
        for (station, state) in &unsaved {
            store::put_state(&mut tx, station, state).await?;
        }
        tx.commit().await
    };
    if let Err(error) = saved.await {
        warn!(error = %chain(&error), "Failed to keep what is known of stations");
    }
}
