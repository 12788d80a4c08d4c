//! What was rejected and why: counted for ever, kept raw for a while.

use packline_protocol::time::Moment;
use std::collections::VecDeque;

/// How many rejected runs are kept.
pub const NOISE_KEPT_MAX: usize = 16;
/// How many bytes of a rejected run are kept.
pub const NOISE_BYTES_MAX: usize = 64;

/// Why bytes made no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum NoiseReason {
    /// Longer than a frame may be.
    Overrun,
    /// Cut off: the scanner went away, or fell silent inside a packet.
    Truncated,
    /// A new frame began (STX) before this one had ended.
    Interrupted,
    /// Mostly control characters: a wrong speed or parity, or a disturbed cable.
    Unprintable,
    /// A modem command from a program that looks for modems (ModemManager).
    ModemProbe,
    /// Bytes outside any packet: the scanner is not in the mode that was configured, or a packet was damaged.
    Unframed,
    /// A packet whose lengths contradict each other.
    Malformed,
}

impl NoiseReason {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 7] = [
        Self::Overrun,
        Self::Truncated,
        Self::Interrupted,
        Self::Unprintable,
        Self::ModemProbe,
        Self::Unframed,
        Self::Malformed,
    ];

    /// One word for metrics and pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overrun => "overrun",
            Self::Truncated => "truncated",
            Self::Interrupted => "interrupted",
            Self::Unprintable => "unprintable",
            Self::ModemProbe => "modem-probe",
            Self::Unframed => "unframed",
            Self::Malformed => "malformed",
        }
    }
}

/// A run of bytes that made no frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub reason: NoiseReason,
    /// The first bytes, at most [`NOISE_BYTES_MAX`].
    pub head: Vec<u8>,
    /// How many bytes there were in all.
    pub len: usize,
    /// When the last of them was read.
    pub at: Moment,
}

/// The latest rejected runs.
#[derive(Debug, Default)]
pub(super) struct NoiseLog {
    kept: VecDeque<Rejected>,
}

impl NoiseLog {
    pub(super) fn keep(&mut self, reason: NoiseReason, head: &[u8], len: usize, at: Moment) {
        if self.kept.len() == NOISE_KEPT_MAX {
            self.kept.pop_front();
        }
        let head = head.iter().take(NOISE_BYTES_MAX).copied().collect();
        self.kept.push_back(Rejected { reason, head, len, at });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Rejected> {
        self.kept.iter()
    }
}

/// A growing run of rejected bytes, of which only the head is kept.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) head: Vec<u8>,
    pub(super) len: usize,
}

impl Run {
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let room = NOISE_BYTES_MAX.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(room));
        self.len += bytes.len();
    }

    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}
