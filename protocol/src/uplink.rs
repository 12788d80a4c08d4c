//! What a station says to the hub.

use crate::id::{BootId, Epoch, Revision, ScanSeq, ScannerId, Seq, StationEpoch};
use crate::proof::Root;
use crate::record::ChainLink;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most records in a batch.
pub const BATCH_RECORDS_MAX: usize = 200;
/// The most bytes of records in a batch, before compression.
pub const BATCH_BYTES_MAX: usize = 96 * 1024;

/// A station is back on the link: its birth. The hub answers with [`crate::downlink::Welcome`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// This connection, random; the will carries the same number, so that a late will is told apart.
    pub session: u64,
    /// The daemon's life.
    pub boot: BootId,
    /// The version of the station's program.
    pub version: String,
    /// The highest row schema that it reads, per row kind in order; informs what the hub may send.
    pub row_schema: u16,
    /// The journal's life.
    pub station_epoch: StationEpoch,
    /// The oldest record that the journal still holds; one past the newest when it holds none.
    pub journal_from: ScanSeq,
    /// The newest record of the journal.
    pub journal_to: ScanSeq,
    /// Where its replica stands.
    pub replica: ReplicaState,
}

/// Where a replica stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReplicaState {
    /// The life of the log it follows; 0 when it is empty.
    pub epoch: Epoch,
    /// The newest change applied.
    pub seq: Seq,
    /// Its proof there.
    pub root: Root,
    /// How many rows it has.
    pub rows: u64,
}

/// Scan records, in order and without gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The journal's life.
    pub station_epoch: StationEpoch,
    /// The first record's place.
    pub first: ScanSeq,
    /// The chain before the first record.
    pub before: ChainLink,
    /// The records' bytes as the journal keeps them ([`crate::record::ScanRecord::encode`]).
    pub records: Vec<Vec<u8>>,
}

/// A record ahead of the backlog, so that pages and conflict checks see it at once. It comes again in its batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// The journal's life.
    pub station_epoch: StationEpoch,
    /// The record's bytes.
    pub record: Vec<u8>,
}

/// How a station does, said every few seconds and when something changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The connection.
    pub session: u64,
    /// Where its replica stands.
    pub replica: ReplicaState,
    /// The rule set it judges by.
    pub revision: Revision,
    /// Records not yet acknowledged.
    pub backlog: u64,
    /// How full the journal's space is, in percent.
    pub journal_percent: u8,
    /// Its scanners.
    pub scanners: Vec<ScannerReport>,
    /// What a person should know, each a short key; for example `journal-rebuilt`, `replica-damaged`.
    pub alarms: Vec<Alarm>,
    /// The station's wall clock.
    pub wall: Timestamp,
    /// Whether that clock is known to be right.
    pub wall_trusted: bool,
}

/// One scanner of a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannerReport {
    /// Which.
    pub scanner: ScannerId,
    /// Whether it is there.
    pub online: bool,
    /// Frames read since the daemon started.
    pub frames: u64,
    /// Frames refused as noise, overlong or broken.
    pub refused: u64,
}

/// Something a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// A short stable key.
    pub key: String,
    /// One sentence; no personal data.
    pub text: String,
}

/// Asks for all changes after `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeRequest {
    /// The life of the log that the station follows; 0 when its replica is empty.
    pub epoch: Epoch,
    /// The newest change that it has.
    pub from: Seq,
}

/// Asks for parts of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRequest {
    /// Which snapshot.
    pub snapshot: u64,
    /// The first part wanted.
    pub from: u32,
    /// How many parts the hub may send before it hears again.
    pub credit: u8,
}

/// Asks for the hub's bucket hashes, to find where a replica differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketsRequest {
    /// The life of the log that the station follows.
    pub epoch: Epoch,
}

/// Asks for all rows of some buckets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketRowsRequest {
    /// The life of the log that the station follows.
    pub epoch: Epoch,
    /// Which buckets; at most 1,024.
    pub buckets: Vec<u16>,
}

/// The station has gone: said by the broker as its will, or by itself when it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// The connection that ended.
    pub session: u64,
}

crate::envelope::messages! {
    /// Any message from a station.
    Uplink {
        /// Birth.
        Hello = 1, 1;
        /// Records.
        Batch = 2, 1;
        /// A record ahead of the backlog.
        Hint = 3, 1;
        /// State.
        Report = 4, 1;
        /// Changes wanted.
        RangeRequest = 5, 1;
        /// Snapshot parts wanted.
        ChunkRequest = 6, 1;
        /// Bucket hashes wanted.
        BucketsRequest = 7, 1;
        /// Rows of buckets wanted.
        BucketRowsRequest = 8, 1;
        /// Death.
        Goodbye = 9, 1;
    }
}
