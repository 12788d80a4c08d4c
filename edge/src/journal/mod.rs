//! The journal keeps what the station saw and said until the hub has it.
//!
//! One redb file of its own, so that damage to the replica never touches unsent records. Records are numbered without
//! gaps and chained by hash; a number is given by the journal at the moment a record is written. [`Store`] is the file
//! with one thread's worth of steps; [`Journal`] runs it on a thread of its own, where everything waiting is made
//! durable by one commit. Deliberately absent: what records mean, and sending them.

mod open;
mod row;
mod salvage;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use store::Store;
pub use writer::{Back, Done, Journal};

use packline_protocol::id::{BootId, ScanSeq, StationEpoch};
use packline_protocol::record::{ChainLink, Event, RECORD_MAX, ScanRecord};
use packline_protocol::time::{Moment, Now, Timestamp};

/// The longest record that the journal takes, in bytes: one that had to be salvaged still fits into a record.
pub const ENTRY_BYTES_MAX: usize = RECORD_MAX - 128;

/// A record before the journal gave it its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The daemon's life.
    pub boot: BootId,
    /// When, on the clock that never jumps.
    pub moment: Moment,
    /// When, by the wall clock.
    pub wall: Timestamp,
    /// Whether the wall clock was known to be right.
    pub wall_trusted: bool,
    /// What happened.
    pub event: Event,
}

impl Entry {
    /// Something that happens now.
    pub fn new(boot: BootId, now: Now, event: Event) -> Self {
        Self { boot, moment: now.moment, wall: now.wall, wall_trusted: now.wall_trusted, event }
    }

    /// When it happened.
    pub fn at(&self) -> Now {
        Now { moment: self.moment, wall: self.wall, wall_trusted: self.wall_trusted }
    }

    /// The record with its number.
    pub fn numbered(&self, seq: ScanSeq) -> ScanRecord {
        let Self { boot, moment, wall, wall_trusted, event } = self.clone();
        ScanRecord { seq, boot, moment, wall, wall_trusted, event }
    }
}

/// Where a journal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The journal's life.
    pub epoch: StationEpoch,
    /// The oldest record that is still there; one past the newest when there is none.
    pub oldest: ScanSeq,
    /// The newest durable record; 0 when none was ever written.
    pub newest: ScanSeq,
    /// The chain after the newest record.
    pub link: ChainLink,
    /// The hub has committed everything up to here.
    pub acked: ScanSeq,
    /// Everything up to here is in a backup of the hub too.
    pub safe: ScanSeq,
    /// Bytes that the records take.
    pub bytes: u64,
    /// The most bytes that they may take.
    pub bytes_max: u64,
}

impl Head {
    /// Records that the hub has not acknowledged.
    pub fn backlog(&self) -> u64 {
        self.newest.0.saturating_sub(self.acked.0)
    }

    /// How full the journal's space is, in percent.
    pub fn percent(&self) -> u8 {
        u8::try_from(self.bytes.saturating_mul(100) / self.bytes_max.max(1)).unwrap_or(u8::MAX)
    }
}

/// Records to send, in order and without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The first record's number.
    pub first: ScanSeq,
    /// The chain before the first record.
    pub before: ChainLink,
    /// The records' bytes, as they were written.
    pub records: Vec<Vec<u8>>,
}

/// Why a record was not made durable. It has no number and is in no batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// No space is left on the disk, or in the journal's share of it.
    #[error("the journal is full: {0}")]
    Full(String),
    /// The disk does not work.
    #[error("the journal cannot be written: {0}")]
    Broken(String),
    /// Longer than any record may be.
    #[error("the record has {bytes} bytes; at most {max} are accepted")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest accepted.
        max: usize,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// Why the journal cannot be read or opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refuses.
    #[error("failed to {attempt} the journal file `{file}`")]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// On which file.
        file: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The database in the file does not answer.
    #[error("failed to {attempt} the journal")]
    Storage {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        #[source]
        cause: Box<redb::Error>,
    },
    /// What is in the file cannot be.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// It cannot be written.
    #[error(transparent)]
    Write(AppendError),
    /// The journal is closed, or being opened again after a failure of the disk.
    #[error("the journal is not open")]
    NotOpen,
}

/// What a new journal needs from outside.
#[derive(Debug, Clone, Copy)]
pub struct Birth {
    /// Random; used only when a new journal is begun.
    pub epoch: StationEpoch,
    /// This daemon's life.
    pub boot: BootId,
    /// When.
    pub now: Now,
}

/// How a journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The most bytes that records may take.
    pub bytes_max: u64,
    /// How long an acknowledged record stays when no backup of the hub has it, in milliseconds.
    pub keep_ms: u64,
}

impl Default for Settings {
    /// 256 MiB, seven days.
    fn default() -> Self {
        Self { bytes_max: 256 << 20, keep_ms: 7 * 24 * 3_600_000 }
    }
}

/// What opening a journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The journal of before.
    Whole,
    /// There was none: a new one was begun.
    New,
    /// The one of before was damaged. It was moved aside, and a new one begun with what could be saved.
    Rebuilt {
        /// The damaged file's name.
        aside: String,
        /// Records saved.
        salvaged: u32,
        /// What was wrong.
        why: String,
    },
}
