//! What goes into a session and what comes out: words only, for the driver and the simulation alike.

use packline_protocol::downlink::{BucketRows, Buckets, Chunk, Delta, Downlink, SnapshotOffer};
use packline_protocol::id::{Epoch, Revision, ScanSeq, Seq, StationEpoch};
use packline_protocol::proof::Root;
use packline_protocol::record::ChainLink;
use packline_protocol::time::Timestamp;
use packline_protocol::topic::UpStream;
use packline_protocol::uplink::{Alarm, ReplicaState, ScannerReport, Uplink};

/// What a session is told.
#[derive(Debug)]
pub enum Input {
    /// Connected, and every subscription granted.
    Up {
        /// The number of this connection; its will carries it too.
        session: u64,
    },
    /// The connection is gone.
    Down {
        /// It was taken by another client with this station's name.
        twin: bool,
    },
    /// A message from the hub, its signature checked.
    Message(Downlink),
    /// The journal has a new record, or is a new one.
    Journal(JournalState),
    /// The broker takes payloads up to this many bytes only; what was longer is not sent.
    TooLarge {
        /// The broker's limit.
        max: usize,
    },
    /// The answer to [`Output::Read`].
    Read(Stretch),
    /// The answer to [`Output::Work`].
    Done(Done),
    /// How the rest of the station does.
    Station(StationState),
    /// Nothing happened but time; due when [`super::Session::timer`] said.
    Tick,
    /// The daemon stops: say goodbye.
    Stop,
}

/// What a session wants done.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Publish this, at QoS 1; order within a stream matters.
    Send(UpStream, Uplink),
    /// Read records from the journal; at most one read per lane is under way.
    Read(Wish),
    /// The hub has the records up to here: keep that, and let go of those that may be forgotten.
    Acked {
        /// Committed at the hub.
        upto: ScanSeq,
        /// In a backup too.
        safe_upto: ScanSeq,
    },
    /// Do this with the replica; never more than one job is under way.
    Work(Job),
    /// The hub's log stands here now: what the replica's age is counted from, once it is proven to stand there too.
    Heard {
        /// The life of the log.
        epoch: Epoch,
        /// Its newest change.
        seq: Seq,
        /// The proof of the rows there.
        root: Root,
    },
    /// The replica is proven to differ from the hub: nothing may be released on it until a proof holds again.
    Doubt,
    /// The replica in doubt stands where the hub's log does, with nothing left to mend, and this is the proof of both.
    Proven {
        /// The hub's proof.
        root: Root,
    },
    /// The hub has answered this connection's birth just now, so this is the time there.
    Welcomed {
        /// The hub's wall clock.
        wall: Timestamp,
    },
}

/// Where the journal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalState {
    /// The journal's life.
    pub epoch: StationEpoch,
    /// The oldest record kept; one past the newest when none is.
    pub from: ScanSeq,
    /// The newest record.
    pub newest: ScanSeq,
}

/// Which of the two ways a read is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Records in order, for batches.
    Backlog,
    /// The newest records, for hints.
    Live,
}

/// Records wanted from the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// What for.
    pub lane: Lane,
    /// The first record wanted.
    pub from: ScanSeq,
    /// The most records.
    pub records_max: usize,
    /// The most bytes; a single record may be longer and then comes alone.
    pub bytes_max: usize,
}

/// Records read from the journal, contiguous.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// What they were read for.
    pub lane: Lane,
    /// The journal's life.
    pub epoch: StationEpoch,
    /// The place of the first one.
    pub first: ScanSeq,
    /// The chain before the first one.
    pub before: ChainLink,
    /// Their bytes; empty when the journal has no such records.
    pub records: Vec<Vec<u8>>,
}

/// Work on the replica, each one transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// Apply these deltas, which follow on each other and on the replica's position.
    Apply(Vec<Delta>),
    /// The same rows and position now belong to this life of the log.
    Relabel(Epoch),
    /// Get ready to collect a snapshot beside the replica, or go on with this one where it was left.
    Begin(SnapshotOffer),
    /// Put these parts with those collected; they follow on.
    Stage(Vec<Chunk>),
    /// Check the collected snapshot against its proof and put it in the replica's place.
    Swap(SnapshotOffer),
    /// Say which buckets differ from these hashes.
    Compare(Buckets),
    /// Take these rows of buckets; with the last ones, which carry the proof, put all of them in place.
    Mend(BucketRows),
}

/// What became of a [`Job`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Where the replica stands after it.
    pub at: ReplicaState,
    /// What came out.
    pub outcome: Outcome,
}

/// What came out of a [`Job`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Deltas are applied and durable, up to the first that does not prove; the newest proof that was compared.
    Applied(Option<Checked>),
    /// The replica is relabelled.
    Relabelled,
    /// Rows of buckets were taken.
    Mended {
        /// They are in place, and the proof holds.
        whole: bool,
    },
    /// Parts of the snapshot below this number are collected.
    Staged {
        /// The first part that is missing.
        next: u32,
    },
    /// The snapshot is the replica.
    Swapped,
    /// These buckets differ.
    Differing(Vec<u16>),
    /// What came cannot be used, and will not be the next time either.
    Refused {
        /// Why, for a person.
        why: String,
    },
    /// It could not be done now; the replica is as `at` says.
    Failed {
        /// Why, for a person.
        why: String,
    },
}

/// A proof compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// At which position.
    pub seq: Seq,
    /// Whether hub and station agree there.
    pub equal: bool,
}

/// How the rest of the station does, for reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StationState {
    /// The rule set it judges by.
    pub revision: Revision,
    /// How full the journal's space is, in percent.
    pub journal_percent: u8,
    /// Its scanners.
    pub scanners: Vec<ScannerReport>,
    /// What a person should know.
    pub alarms: Vec<Alarm>,
}
