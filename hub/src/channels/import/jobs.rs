//! Reads files that wait, one after the other.

use super::actions;
use super::actions::run::{Ended, run};
use super::actions::upload;
use super::model::{ImportError, Job};
use crate::actor::Actor;
use crate::app::App;
use crate::error;
use std::fs::File;
use std::io;
use std::time::Duration;
use tracing::{error, warn};

/// Files of other processes and missed wakes are looked for this often.
const PERIOD: Duration = Duration::from_secs(60);

/// Reads files until the hub stops.
pub async fn work(app: App) -> anyhow::Result<()> {
    upload::clean(&app.config.data)?;
    while !app.is_stopping() {
        if let Err(cause) = read_waiting(&app).await {
            warn!(error = %error::chain(&cause), "Failed to look after imports; trying again");
        }
        tokio::select! {
            () = app.import_wake.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stopped() => {}
        }
    }
    Ok(())
}

/// Reads every file that waits here.
pub async fn read_waiting(app: &App) -> Result<(), ImportError> {
    let mut lost = Vec::new();
    for mut job in actions::open(app).await? {
        match File::open(upload::path_of(&app.config.data, job.id)) {
            Ok(file) => {
                if read_one(app, &mut job, file).await? == Ended::Stopped {
                    return Ok(());
                }
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => lost.push(job),
            Err(cause) => error!(import.id = job.id, %cause, "Failed to open the file of import `{}`", job.id),
        }
    }
    actions::end_lost(app, &lost, app.clock.now()).await
}

/// The file goes as soon as it was read: it may hold addresses.
async fn read_one(app: &App, job: &mut Job, file: File) -> Result<Ended, ImportError> {
    let actor = Actor::parse(&job.actor).unwrap_or_else(|| Actor::Channel("import".to_owned()));
    let ended = run(app, job, file, &actor, |_| {}).await?;
    if ended == Ended::Over {
        std::fs::remove_file(upload::path_of(&app.config.data, job.id))?;
    }
    Ok(ended)
}
