//! The journal keeps what the station saw and said until the hub has it.
//!
//! One redb file of its own, so that damage to the replica never touches unsent records. Records are numbered without
//! gaps and chained by hash; a number is given by the journal at the moment a record is written. [`Store`] is the file
//! with one thread's worth of steps; [`Journal`] runs it on a thread of its own, where everything waiting is made
//! durable by one commit. Deliberately absent: what records mean, and sending them.

use packline_protocol::id::{BootId, ScanSeq, StationEpoch};
use packline_protocol::record::{ChainLink, Event};
use packline_protocol::time::{Moment, Timestamp};

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
    /// The journal is closed, or being opened again after a failure of the disk.
    #[error("the journal is not open")]
    NotOpen,
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

/// The journal file, one step at a time, without a thread and without a clock: what the simulation drives.
pub struct Store {}

#[expect(unused_variables, reason = "signatures first")]
impl Store {
    /// Opens `journal.redb` on `disk`, salvaging a damaged one; `epoch` is random and used only for a new file.
    pub fn open(
        disk: std::sync::Arc<dyn crate::disk::Disk>,
        settings: Settings,
        epoch: StationEpoch,
        now: packline_protocol::time::Now,
    ) -> Result<(Store, Opened), JournalError> {
        unimplemented!()
    }
    /// Makes all entries durable with one commit, in order; answers the first one's number.
    pub fn append(&self, entries: &[Entry]) -> Result<ScanSeq, AppendError> {
        unimplemented!()
    }
    /// Where the journal stands.
    pub fn head(&self) -> Head {
        unimplemented!()
    }
    /// Durable records from `from` on, at most so many; an empty list when there is none.
    pub fn pending(&self, from: ScanSeq, records_max: usize, bytes_max: usize) -> Result<Pending, JournalError> {
        unimplemented!()
    }
    /// The hub has committed records up to `upto`, and has them in a backup up to `safe`. Never goes back.
    pub fn acknowledge(&self, upto: ScanSeq, safe: ScanSeq) {
        unimplemented!()
    }
    /// Deletes a small batch of records that need not be kept; answers whether there is more to do.
    pub fn prune(&self, now: packline_protocol::time::Now) -> Result<bool, JournalError> {
        unimplemented!()
    }
    /// Checks every record against the chain.
    pub fn verify(&self) -> Result<u64, JournalError> {
        unimplemented!()
    }
}

/// What to do once a record is durable, or is known not to become so. Runs on the journal's thread: must not block.
pub type Done = Box<dyn FnOnce(Result<ScanSeq, AppendError>) + Send>;

/// The journal on a thread of its own. Clones are handles on the same journal.
#[derive(Clone)]
pub struct Journal {}

#[expect(unused_variables, reason = "signatures first")]
impl Journal {
    /// Starts the thread over an open store.
    pub fn start(store: Store) -> Journal {
        unimplemented!()
    }
    /// Has `entry` written with everything else that waits, in one commit. Never blocks.
    pub fn append(&self, entry: Entry, done: Done) {
        unimplemented!()
    }
    /// Where the journal stands, without asking the disk.
    pub fn head(&self) -> Head {
        unimplemented!()
    }
    /// Is marked changed after every commit and every acknowledgement; what the link waits on.
    pub fn watch(&self) -> tokio::sync::watch::Receiver<Head> {
        unimplemented!()
    }
    /// As [`Store::pending`]; works while the thread writes.
    pub fn pending(&self, from: ScanSeq, records_max: usize, bytes_max: usize) -> Result<Pending, JournalError> {
        unimplemented!()
    }
    /// As [`Store::acknowledge`]; deleting happens later, when no scan waits.
    pub fn acknowledge(&self, upto: ScanSeq, safe: ScanSeq) {
        unimplemented!()
    }
    /// Writes what waits and closes the file.
    pub fn close(&self) {
        unimplemented!()
    }
}
