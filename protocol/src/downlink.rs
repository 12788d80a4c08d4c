//! What the hub says to stations.

use crate::change::Change;
use crate::id::{Epoch, ScanSeq, Seq, StationEpoch};
use crate::proof::Root;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most bytes of rows in one message, before compression, so that it fits the payload limit uncompressed.
pub const ROWS_BYTES_MAX: usize = 100 * 1024;
/// The most rows in one message.
pub const ROWS_MAX: usize = 2_000;
/// The most deltas that answer one [`crate::uplink::RangeRequest`]. A longer way is gone in stages: the last delta of a
/// stage has no root, and the station asks again from where it then stands.
pub const RANGE_DELTAS_MAX: usize = 16;
/// How a [`Refusal`] begins when the journal tells another history under numbers that the hub already has: it was
/// copied or set back. The hub takes nothing more from that journal; the station begins a new one and sends again
/// what was not acknowledged.
pub const REFUSED_FORK: &str = "journal-forked";

/// Where a site's change log stands. Retained, and repeated every few seconds: hearing it is hearing the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The life of the log.
    pub epoch: Epoch,
    /// Lives before this one that it continues, newest first: a replica of such a life at or below the fork goes on.
    pub lineage: Vec<Fork>,
    /// Which hub process leads this site; a lower number is a process that lost its lease.
    pub lease: u64,
    /// Counts the heads of one lease, so that an old head is never taken for news.
    pub beat: u64,
    /// The newest change.
    pub seq: Seq,
    /// Changes at or below this are compacted: a replica behind it needs a snapshot.
    pub floor: Seq,
    /// The proof at `seq`.
    pub root: Root,
    /// The hub's wall clock.
    pub wall: Timestamp,
}

/// A life of the log that ended, and how far it is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// The life that ended.
    pub epoch: Epoch,
    /// Its newest change that the next life kept.
    pub seq: Seq,
}

/// The changes after `prev` up to `to`, each row once, at its latest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// The life of the log.
    pub epoch: Epoch,
    /// The position that this builds on.
    pub prev: Seq,
    /// The position that it leads to.
    pub to: Seq,
    /// The proof at `to`; `None` in the middle of a range, where rows that changed again later are still missing.
    pub root: Option<Root>,
    /// The rows, by rising change number.
    pub changes: Vec<Change>,
}

/// The answer to a birth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The connection it answers.
    pub session: u64,
    /// The journal's life that the hub means.
    pub station_epoch: StationEpoch,
    /// The newest record of that life that the hub has committed; send from the next one.
    pub upto: ScanSeq,
    /// The newest record that is in a backup too; up to here the station may forget.
    pub safe_upto: ScanSeq,
    /// The hub's wall clock.
    pub wall: Timestamp,
}

/// How far the hub has the station's records, contiguous.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The journal's life.
    pub station_epoch: StationEpoch,
    /// Committed.
    pub upto: ScanSeq,
    /// Committed, and in a backup.
    pub safe_upto: ScanSeq,
    /// Records among them that the hub kept but could not use, with the reason.
    pub refused: Vec<Refusal>,
}

/// A record that the hub kept but could not use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which.
    pub seq: ScanSeq,
    /// Why, in a few words.
    pub why: String,
}

/// A snapshot is the shorter way: fetch it in parts, then ask for the changes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotOffer {
    /// Which snapshot.
    pub snapshot: u64,
    /// The life of the log.
    pub epoch: Epoch,
    /// The position that it shows.
    pub seq: Seq,
    /// The proof there.
    pub root: Root,
    /// How many rows it has.
    pub rows: u64,
    /// How many parts it has.
    pub chunks: u32,
}

/// A part of a snapshot. Parts in order hold rows in order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Which snapshot.
    pub snapshot: u64,
    /// Which part, from 0.
    pub number: u32,
    /// The rows; none of them gone.
    pub rows: Vec<Change>,
}

/// The hub's bucket hashes at one position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buckets {
    /// The life of the log.
    pub epoch: Epoch,
    /// The position.
    pub seq: Seq,
    /// The hashes, one per bucket.
    pub hashes: Vec<u128>,
}

/// All rows of some buckets at one position, in one or more messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketRows {
    /// The life of the log.
    pub epoch: Epoch,
    /// The position.
    pub seq: Seq,
    /// The buckets that are complete with this message.
    pub buckets: Vec<u16>,
    /// Their rows, none of them gone.
    pub rows: Vec<Change>,
    /// The proof at `seq`, in the last message.
    pub root: Option<Root>,
}

/// Not now: ask again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busy {
    /// When, in milliseconds from now.
    pub retry_ms: u32,
}

/// Who are you? Say hello again: the hub has no birth of this station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloWanted {
    /// Counts the wishes, for logs.
    pub count: u32,
}

crate::envelope::messages! {
    /// Any message from the hub.
    Downlink {
        /// Where the log stands.
        Head = 101, 1;
        /// Changes.
        Delta = 102, 1;
        /// Answer to a birth.
        Welcome = 103, 1;
        /// Records taken.
        Ack = 104, 1;
        /// A snapshot instead.
        SnapshotOffer = 105, 1;
        /// Part of a snapshot.
        Chunk = 106, 1;
        /// Bucket hashes.
        Buckets = 107, 1;
        /// Rows of buckets.
        BucketRows = 108, 1;
        /// Later.
        Busy = 109, 1;
        /// Birth wanted.
        HelloWanted = 110, 1;
    }
}
