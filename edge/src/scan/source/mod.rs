//! Where bytes come from: one thread per scanner that opens its device, waits for it when it is away, and sends what it
//! reads to the one consumer of the station.
//!
//! A source never decides what a frame means and never drops one: every complete frame becomes one event.
//! Feedback goes the other way through a [`ScannerWriter`], which never makes its caller wait for a scanner.

mod evdev;
mod keys;
mod manual;
mod retry;
mod run;
mod serial;
mod tcp;
#[cfg(test)]
mod tests;
mod watch;
mod writer;

pub use manual::{ENTRY_BYTES_MAX, EntryError, ManualEntry};
pub use writer::{MESSAGE_BYTES_MAX, ScannerWriter, WAITING_MAX, WriteError};

use super::config::{ScannerConfig, SourceKind};
use super::frame::{FrameCounts, Rejected};
use packline_protocol::id::ScannerId;
use packline_protocol::time::Moment;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tracing::{error, warn};

/// What a source tells the station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceEvent {
    /// The scanner's device is open and its init bytes are on their way.
    Online {
        /// Which scanner.
        scanner: ScannerId,
    },
    /// The scanner cannot be read. Sent once when it goes, once at the start when it is not there, and again when the
    /// reason changes.
    Offline {
        /// Which scanner.
        scanner: ScannerId,
        /// Why.
        reason: OfflineReason,
    },
    /// A complete frame.
    Frame(Frame),
    /// What the scanner's line has seen so far; sent at most once a second, and only when it changed.
    Counters {
        /// Which scanner.
        scanner: ScannerId,
        /// Totals since the station started.
        counters: Counters,
        /// The latest rejected bytes, oldest first.
        rejected: Vec<Rejected>,
    },
}

/// One frame of one scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which scanner; [`super::config::MANUAL`] for the entry box of the bench page.
    pub scanner: ScannerId,
    /// The code as it was sent, behind its AIM identifier where the scanner gave one.
    pub bytes: Vec<u8>,
    /// When its last byte was read.
    pub at: Moment,
}

/// What a scanner's line has seen since the station started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// What the framer saw.
    pub frames: FrameCounts,
    /// Heartbeat texts dropped.
    pub heartbeats: u64,
    /// How often the device was opened.
    pub opened: u64,
    /// Feedback that could not be written because the scanner was away or did not take it.
    pub unwritten: u64,
}

/// Why a scanner cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfflineReason {
    /// Its device or its host is not there.
    Missing,
    /// Another program holds the device.
    Busy,
    /// This program may not open the device.
    Denied,
    /// It was there and went away: unplugged, or the connection was closed.
    Gone,
    /// A TCP reader connected anew and took the place of the connection before.
    Replaced,
    /// No reader has connected to us.
    Waiting,
    /// Anything else, in the system's words.
    Failed(String),
}

impl fmt::Display for OfflineReason {
    /// A sentence part for logs and status pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("not found"),
            Self::Busy => f.write_str("held by another program"),
            Self::Denied => f.write_str("access denied"),
            Self::Gone => f.write_str("unplugged or disconnected"),
            Self::Replaced => f.write_str("replaced by a new connection"),
            Self::Waiting => f.write_str("waiting for the reader to connect"),
            Self::Failed(cause) => f.write_str(cause),
        }
    }
}

/// Opens the scanner's device, writes `bytes` and closes it, while no source holds it.
///
/// A reader that connects to us cannot be written to in this way.
pub fn write_once(scanner: &ScannerConfig, bytes: &[u8]) -> Result<(), OfflineReason> {
    match scanner.kind {
        SourceKind::Serial => serial::write_once(scanner, bytes),
        SourceKind::Tcp => tcp::write_once(scanner, bytes),
        SourceKind::Evdev => Ok(()),
    }
}

/// How long a stop waits for devices to be closed. A name server that does not answer holds a thread longer.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// The way of events to the one consumer of the station, whatever else its queue carries. Cheap to clone.
#[derive(Clone)]
pub struct EventSender(Arc<dyn Fn(SourceEvent) -> Result<(), Closed> + Send + Sync>);

/// Nobody listens any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody listens any more")]
pub struct Closed;

impl EventSender {
    /// Sends each event by `send`, which must not block.
    pub fn new(send: impl Fn(SourceEvent) -> Result<(), Closed> + Send + Sync + 'static) -> Self {
        Self(Arc::new(send))
    }

    /// Sends an event; an error says that nobody listens any more.
    pub fn send(&self, event: SourceEvent) -> Result<(), Closed> {
        (self.0)(event)
    }
}

impl From<Sender<SourceEvent>> for EventSender {
    fn from(events: Sender<SourceEvent>) -> Self {
        Self::new(move |event| events.send(event).map_err(|_| Closed))
    }
}

impl fmt::Debug for EventSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSender")
    }
}

/// The running sources of a station. Dropping it stops them and waits until their devices are closed.
#[derive(Debug)]
pub struct Sources {
    stop: retry::Stop,
    /// Each thread holds a sender for as long as it runs.
    running: Option<Sender<()>>,
    ended: Receiver<()>,
    writers: BTreeMap<ScannerId, ScannerWriter>,
    events: EventSender,
}

/// Why a source could not be started.
#[derive(Debug, thiserror::Error)]
#[error("failed to start the thread of scanner `{scanner}`")]
pub struct StartError {
    /// Which scanner.
    pub scanner: ScannerId,
    /// Why.
    #[source]
    pub cause: io::Error,
}

impl Sources {
    /// Starts one source for each scanner; their events go to `events`. The settings are taken as checked
    /// ([`super::config::problems`] found none). A scanner that is not there is waited for, not refused.
    pub fn start(scanners: &[ScannerConfig], events: impl Into<EventSender>) -> Result<Self, StartError> {
        let (running, ended) = channel();
        let stop = retry::Stop::default();
        let mut sources = Self { stop, running: Some(running), ended, writers: BTreeMap::new(), events: events.into() };
        for scanner in scanners {
            sources.spawn(scanner).map_err(|cause| StartError { scanner: scanner.id.clone(), cause })?;
        }
        Ok(sources)
    }

    fn spawn(&mut self, config: &ScannerConfig) -> io::Result<()> {
        let writer = ScannerWriter::start(config.id.clone())?;
        let device: Box<dyn run::Device> = match config.kind {
            SourceKind::Serial => Box::new(serial::SerialDevice::new(config)),
            SourceKind::Tcp => tcp::device(config),
            SourceKind::Evdev => Box::new(evdev::EvdevDevice::new(config)),
        };
        let source = run::Source::new(config.clone(), device, self.events.clone(), writer.clone(), self.stop.clone());
        let (scanner, events, running) = (config.id.clone(), self.events.clone(), self.running.clone());
        let live = move || {
            let _running = running;
            if catch_unwind(AssertUnwindSafe(|| source.run())).is_err() {
                error!(scanner.id = %scanner, "The thread of scanner `{scanner}` failed; restart the station");
                let reason = OfflineReason::Failed("its thread failed, restart the station".to_owned());
                let _ = events.send(SourceEvent::Offline { scanner, reason });
            }
        };
        std::thread::Builder::new().name(format!("scan-{}", config.id)).stack_size(256 * 1024).spawn(live)?;
        self.writers.insert(config.id.clone(), writer);
        Ok(())
    }

    /// The way back to a scanner; `None` for one that is not configured, such as the manual entry.
    pub fn writer(&self, scanner: &ScannerId) -> Option<&ScannerWriter> {
        self.writers.get(scanner)
    }

    /// An entry box that sends to the same consumer.
    pub fn manual(&self) -> ManualEntry {
        ManualEntry::new(self.events.clone())
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        self.stop.set();
        drop(self.running.take());
        // Nothing is ever sent: the wait ends when the last thread has dropped its sender.
        if self.ended.recv_timeout(STOP_PATIENCE) == Err(RecvTimeoutError::Timeout) {
            warn!("Scanners were still busy after {} s and are left behind", STOP_PATIENCE.as_secs());
        }
    }
}
