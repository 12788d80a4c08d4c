//! The backup of the day, and the ones that people ask for.

use super::actions::{self, Order};
use super::decide;
use super::model::BackupError;
use crate::actor::Actor;
use crate::app::App;
use crate::error::chain;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tracing::{error, info, warn};

/// A hub that has just started has other things to do.
const FIRST_AFTER: Duration = Duration::from_secs(10 * 60);
/// How often it is looked whether a backup is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After a failure it is tried again so much later.
const AGAIN_AFTER: Duration = Duration::from_secs(60 * 60);

/// Runs until the hub stops.
pub async fn run(app: App) -> anyhow::Result<()> {
    let mut rest = FIRST_AFTER;
    loop {
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = app.stopped() => return Ok(()),
        }
        rest = match daily(&app).await {
            Ok(()) => LOOK_EVERY,
            Err(error) => {
                error!(error = %chain(&error), "The daily backup failed; it is tried again in an hour");
                AGAIN_AFTER
            }
        };
    }
}

/// Makes the backup of the day when it is due, and removes those that are too many.
pub async fn daily(app: &App) -> Result<(), BackupError> {
    let settings = app.settings.now();
    if !settings.backup_daily {
        return Ok(());
    }
    let Some(due) = decide::due(app.clock.now(), settings.utc_offset_minutes, settings.backup_hour) else {
        return Ok(());
    };
    if actions::is_made(app, &due).await? {
        return Ok(());
    }
    let order = Order { due: Some(due), ..order(app, &Actor::Hub("backup"))? };
    actions::make(app, order).await?;
    let keep = usize::try_from(settings.backup_keep).unwrap_or(usize::MAX);
    for name in actions::keep_newest(app, &app.config.backup_dir, keep)? {
        info!("Removed the old backup `{name}`");
    }
    Ok(())
}

/// Begins a backup that somebody asked for; how it ends is in the list of backups.
pub async fn begin(app: &App, actor: &Actor) -> Result<(), BackupError> {
    if actions::recent(app, 1).await?.first().is_some_and(|run| run.status == "running") {
        return Err(BackupError::Running);
    }
    let (app, order) = (app.clone(), order(app, actor)?);
    tokio::spawn(async move {
        if let Err(error) = actions::make(&app, order).await {
            warn!(error = %chain(&error), "A backup failed");
        }
    });
    Ok(())
}

fn order(app: &App, actor: &Actor) -> Result<Order, BackupError> {
    let folder: PathBuf = app.config.backup_dir.clone();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|cause| BackupError::file("make the folder", &folder, cause))?;
    let off_machine = app.settings.now().backup_off_machine;
    Ok(Order { target: folder, actor: actor.to_string(), due: None, off_machine, passphrase: None })
}
