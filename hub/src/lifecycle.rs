//! The hub's life as the operating system sees it: signals, readiness, watchdog, the ready file.

use crate::app::App;
use sd_notify::NotifyState;
use serde::Serialize;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

/// Where a hub that is ready can be reached, with the ports that it really got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// `address:port` of pages and API.
    pub http: String,
    /// `address:port` of the embedded broker; absent with an external one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mqtt: Option<String>,
}

/// Says that the hub is ready: to the log, to systemd, and to whoever waits for the ready file.
pub fn announce(ready: &Ready, ready_file: Option<&Path>) -> io::Result<()> {
    let mqtt = ready.mqtt.as_deref().unwrap_or("external broker");
    info!(http.address = %ready.http, mqtt.address = %mqtt, "Ready: pages on http://{}, MQTT on {mqtt}", ready.http);
    if let Some(path) = ready_file {
        write_whole(path, &serde_json::to_vec(ready)?)?;
    }
    tell_systemd(&[NotifyState::Ready, NotifyState::Status(&format!("pages on http://{}", ready.http))]);
    Ok(())
}

/// Comes back when the hub is asked to stop by SIGTERM, SIGINT or its own code.
pub async fn stop_requested(app: &App) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => info!("Stopping: asked by SIGTERM"),
        _ = interrupt.recv() => info!("Stopping: asked by SIGINT"),
        () = app.stopped() => info!("Stopping"),
    }
    tell_systemd(&[NotifyState::Stopping]);
    Ok(())
}

/// Feeds systemd's watchdog while the store answers; does nothing where there is no watchdog.
pub async fn feed_watchdog(app: App) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let period = limit / 3;
    while !app.is_stopping() {
        match tokio::time::timeout(limit / 2, app.db.ping()).await {
            Ok(Ok(())) => tell_systemd(&[NotifyState::Watchdog]),
            Ok(Err(error)) => warn!(error = %crate::error::chain(&error), "The store does not answer"),
            Err(_) => warn!("The store has not answered for {} ms", (limit / 2).as_millis()),
        }
        tokio::select! {
            () = tokio::time::sleep(period.max(Duration::from_millis(100))) => {}
            () = app.stopped() => {}
        }
    }
}

/// A data folder that no other program works on: a running hub, or a restore. The system lets go when the program ends,
/// however it ends.
#[derive(Debug)]
pub struct Alone {
    _file: fs::File,
}

/// The file in the data folder that is locked.
const LOCK_FILE: &str = "hub.lock";

impl Alone {
    /// Takes the folder; `WouldBlock` when another program has it.
    pub fn take(data: &Path) -> io::Result<Alone> {
        let file = fs::File::options().create(true).truncate(false).write(true).open(data.join(LOCK_FILE))?;
        match file.try_lock() {
            Ok(()) => Ok(Alone { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

fn tell_systemd(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "Failed to notify systemd");
    }
}

/// Whoever waits for the file never sees half of it.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = fs::File::create(&aside)?;
    file.write_all(content)?;
    file.write_all(b"\n")?;
    fs::rename(&aside, path)
}
