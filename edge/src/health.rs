//! Tells systemd how the station does: ready, alive, stopping.
//!
//! The beat goes down the way of a scan and back, so a station that no longer judges is restarted even when everything
//! else runs. All of it happens on a thread of its own: a service manager that does not listen holds nobody up.

use crate::station::thread::StationHandle;
use sd_notify::NotifyState;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use tracing::{error, warn};

/// The thread that tells systemd. Dropping it says that the station stops.
#[derive(Debug)]
pub struct Health {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Health {
    /// Says that the station is ready, and from then on that it is alive, as often as systemd wants to hear it.
    pub fn start(station: StationHandle) -> std::io::Result<Health> {
        let (stop, stopped) = channel();
        let watchdog = sd_notify::watchdog_enabled();
        let thread = std::thread::Builder::new().name("health".to_owned()).stack_size(128 * 1024).spawn(move || {
            say(&[NotifyState::Ready]);
            let Some(patience) = watchdog else {
                let _ = stopped.recv();
                return say(&[NotifyState::Stopping]);
            };
            let beat = patience / 3;
            loop {
                if station.probe(beat) {
                    say(&[NotifyState::Watchdog]);
                } else {
                    error!("No scan would get through; the service manager is not told that the station is alive");
                }
                if stopped.recv_timeout(beat) != Err(RecvTimeoutError::Timeout) {
                    return say(&[NotifyState::Stopping]);
                }
            }
        })?;
        Ok(Health { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Without a service manager this does nothing.
fn say(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "The service manager was not told");
    }
}
