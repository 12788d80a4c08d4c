//! Where bytes come from: one thread per scanner that opens its device, waits for it when it is away, and sends what it
//! reads to the one consumer of the station.
//!
//! A source never decides what a frame means and never drops one: every complete frame becomes one event.
//! Feedback goes the other way through a [`ScannerWriter`], which never makes its caller wait for a scanner.

use super::frame::{FrameCounts, Rejected};
use packline_protocol::id::ScannerId;
use packline_protocol::time::Moment;
use std::fmt;

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
