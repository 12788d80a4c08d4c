//! The life of one source: open, read until it goes away, wait, open again.

use super::retry::{Backoff, Stop};
use super::writer::ScannerWriter;
use super::{Closed, Counters, EventSender, Frame, OfflineReason, SourceEvent};
use crate::clock;
use crate::panel::scanner::driver;
use crate::scan::config::ScannerConfig;
use crate::scan::frame::{Framer, Output};
use packline_protocol::time::Moment;
use std::io::Write;
use std::time::Duration;
use tracing::{debug, info, warn};

/// The longest single wait: how long a stop may go unnoticed.
const SLICE: Duration = Duration::from_millis(250);
/// Counters are sent at most this often.
const COUNTERS_MS: u64 = 1000;

/// A device that may be there or not.
pub(super) trait Device: Send {
    /// Opens it.
    fn open(&mut self) -> Result<Box<dyn Port>, OfflineReason>;
    /// Waits until it may have appeared, at most `at_most`, less when told to stop.
    fn wait(&mut self, at_most: Duration, stop: &Stop);
}

/// An open device.
pub(super) trait Port {
    /// Waits at most `at_most` for bytes.
    fn read(&mut self, buffer: &mut [u8], at_most: Duration) -> Result<Read, OfflineReason>;
    /// A second handle for writing, where the device can be written to.
    fn writer(&self) -> Option<Box<dyn Write + Send>>;
}

/// What a wait for bytes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// So many bytes were read.
    Bytes(usize),
    /// Nothing came.
    Quiet,
    /// The system lost some bytes: what is held is not what the scanner sent.
    Lost,
}

/// One scanner and all that is needed to read it.
pub(super) struct Source {
    config: ScannerConfig,
    device: Box<dyn Device>,
    events: EventSender,
    writer: ScannerWriter,
    stop: Stop,
    framer: Framer,
    heartbeats: u64,
    opened: u64,
    offline: Option<OfflineReason>,
    reported: Counters,
    reported_at: Moment,
}

impl Source {
    pub(super) fn new(
        config: ScannerConfig,
        device: Box<dyn Device>,
        events: EventSender,
        writer: ScannerWriter,
        stop: Stop,
    ) -> Self {
        let framer = Framer::new(&config.framer());
        Self {
            config,
            device,
            events,
            writer,
            stop,
            framer,
            heartbeats: 0,
            opened: 0,
            offline: None,
            reported: Counters::default(),
            reported_at: Moment(0),
        }
    }

    /// Runs until told to stop or until nobody listens.
    pub(super) fn run(mut self) {
        while self.live().is_ok() && !self.stop.is_set() {}
        debug!(scanner.id = %self.config.id, "Stopped reading scanner `{}`", self.config.id);
    }

    /// One stay of the device, and the waits before it.
    fn live(&mut self) -> Result<(), Closed> {
        let mut backoff = Backoff::new();
        loop {
            let reason = match self.device.open() {
                Ok(mut port) => {
                    let bytes = self.framer.counts().bytes;
                    let reason = self.serve(port.as_mut())?;
                    // A port that opens and fails at once must not be opened in a busy loop.
                    if self.framer.counts().bytes > bytes {
                        backoff.reset();
                    }
                    reason
                }
                Err(reason) => reason,
            };
            if self.stop.is_set() {
                return Ok(());
            }
            let at_once = reason == OfflineReason::Replaced;
            self.went_offline(reason)?;
            if !at_once {
                self.device.wait(backoff.next(clock::random_u64()), &self.stop);
            }
        }
    }

    /// One stay of an open port; why it ended.
    fn serve(&mut self, port: &mut dyn Port) -> Result<OfflineReason, Closed> {
        let ended = self.came_online(port).and_then(|()| self.read(port));
        self.writer.detach();
        self.framer.reset(clock::moment());
        ended
    }

    /// Reads until the port goes away, which is the answer, or until told to stop.
    fn read(&mut self, port: &mut dyn Port) -> Result<OfflineReason, Closed> {
        let mut buffer = [0; 4096];
        while !self.stop.is_set() {
            match port.read(&mut buffer, self.patience()) {
                Ok(Read::Bytes(count)) => self.framer.push(buffer.get(..count).unwrap_or(&buffer), clock::moment()),
                Ok(Read::Quiet) => self.framer.handle_timeout(clock::moment()),
                Ok(Read::Lost) => self.framer.damaged(clock::moment()),
                Err(reason) => return Ok(reason),
            }
            self.pass_on()?;
        }
        // Nobody will be there to release a scanner that was locked.
        let _ = self.writer.send(driver(self.config.feedback).unlock());
        Ok(OfflineReason::Gone)
    }

    fn patience(&self) -> Duration {
        let due = self.framer.poll_timeout().map(|due| due.since_ms(clock::moment()));
        due.map_or(SLICE, |ms| Duration::from_millis(ms).min(SLICE))
    }

    fn came_online(&mut self, port: &dyn Port) -> Result<(), Closed> {
        let id = &self.config.id;
        info!(scanner.id = %id, "Scanner `{id}` is online");
        self.opened += 1;
        self.offline = None;
        if let Some(writer) = port.writer() {
            self.writer.attach(writer);
            // What the queue refuses is counted there; a scanner without its init bytes still scans.
            let _ = self.writer.send(driver(self.config.feedback).init());
            let _ = self.writer.send(self.config.init.clone().into_bytes());
        }
        self.send(SourceEvent::Online { scanner: self.config.id.clone() })
    }

    fn went_offline(&mut self, reason: OfflineReason) -> Result<(), Closed> {
        self.report_counters(true)?;
        if self.offline.as_ref() == Some(&reason) {
            return Ok(());
        }
        let id = &self.config.id;
        warn!(scanner.id = %id, "Scanner `{id}` is offline: {reason}");
        self.offline = Some(reason.clone());
        self.send(SourceEvent::Offline { scanner: self.config.id.clone(), reason })
    }

    /// Sends what the framer has ready.
    fn pass_on(&mut self) -> Result<(), Closed> {
        while let Some(output) = self.framer.poll() {
            match output {
                Output::Frame { bytes, .. } if self.is_heartbeat(&bytes) => self.heartbeats += 1,
                Output::Frame { bytes, at } => {
                    self.send(SourceEvent::Frame(Frame { scanner: self.config.id.clone(), bytes, at }))?;
                }
                // An acknowledgement that cannot be written is asked for again by the scanner.
                Output::Reply(bytes) => {
                    let _ = self.writer.send(bytes);
                }
            }
        }
        self.report_counters(false)
    }

    fn is_heartbeat(&self, bytes: &[u8]) -> bool {
        self.config.heartbeats.iter().any(|text| text.as_bytes().trim_ascii() == bytes.trim_ascii())
    }

    fn report_counters(&mut self, now: bool) -> Result<(), Closed> {
        let moment = clock::moment();
        if !now && moment.since_ms(self.reported_at) < COUNTERS_MS {
            return Ok(());
        }
        let counters = Counters {
            frames: self.framer.counts().clone(),
            heartbeats: self.heartbeats,
            opened: self.opened,
            unwritten: self.writer.unwritten(),
        };
        if counters == self.reported {
            return Ok(());
        }
        self.reported = counters.clone();
        self.reported_at = moment;
        let rejected = self.framer.rejected().cloned().collect();
        self.send(SourceEvent::Counters { scanner: self.config.id.clone(), counters, rejected })
    }

    fn send(&self, event: SourceEvent) -> Result<(), Closed> {
        self.events.send(event)
    }
}
