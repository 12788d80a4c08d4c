//! The replica: this station's copy of what its site must know, and the only thing a verdict is made from.
//!
//! A redb file of rows, with a table from code to parcel, and proof that it equals the hub's. A [`View`] is one state
//! of it: rows, position, rule set and settings that belong together, held still while somebody looks.
//! Deliberately absent: asking the hub for anything. What arrives is applied here; what is missing is said here.

use crate::disk::Disk;
use packline_protocol::change::SiteSettings;
use packline_protocol::downlink::{BucketRows, Buckets, Chunk, Delta, SnapshotOffer};
use packline_protocol::facts::Parcel;
use packline_protocol::id::{Epoch, ParcelId, Seq, SiteId};
use packline_protocol::proof::Root;
use packline_protocol::rules::{Position, RuleSet};
use packline_protocol::time::Now;
use packline_protocol::uplink::ReplicaState;
use std::sync::Arc;

/// How a replica is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whose rows it holds.
    pub site: SiteId,
    /// Memory for pages of the file, in bytes.
    pub cache_bytes: usize,
}

/// What opening a replica found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The replica of before.
    Whole,
    /// There was none: it is empty.
    New,
    /// The one of before was damaged or of another site: it was moved aside, and an empty one begun.
    Emptied {
        /// The old file's name.
        aside: String,
        /// What was wrong.
        why: String,
    },
}

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// No parcel here has it.
    None,
    /// Exactly one parcel.
    One(Box<Parcel>),
    /// More than one parcel has it.
    Many(Vec<ParcelId>),
}

/// What applying did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Everything in it was known before.
    Nothing,
    /// The replica moved on.
    Moved {
        /// Rows that changed.
        rows: u64,
        /// Whether the hub's proof was there and held.
        proven: bool,
    },
}

/// Why changes were not applied. The replica is as before.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Changes between are missing: ask for the range after `have`.
    #[error("the changes build on {prev}; this replica stands at {have}")]
    Gap {
        /// Where this replica stands.
        have: Seq,
        /// What they build on.
        prev: Seq,
    },
    /// They are of another life of the change log.
    #[error("the changes are of epoch `{theirs}`; this replica follows `{ours}`")]
    Epoch {
        /// This replica's.
        ours: Epoch,
        /// Theirs.
        theirs: Epoch,
    },
    /// With them the replica would differ from the hub's: compare buckets.
    #[error("the proof at {seq} is {theirs}; this replica comes to {ours}")]
    Mismatch {
        /// Where.
        seq: Seq,
        /// What this replica comes to.
        ours: Root,
        /// What the hub has.
        theirs: Root,
    },
    /// What arrived cannot be: too long a body, rows out of order, a parcel in another's row.
    #[error("the changes are malformed: {0}")]
    Malformed(String),
    /// A repair needs more memory than it may take: fetch a snapshot.
    #[error("the rows to repair take more than {max} bytes")]
    TooMuch {
        /// The limit.
        max: usize,
    },
    /// A snapshot's parts came out of order, or are of another snapshot.
    #[error("part {got} of the snapshot came; part {wanted} is the next")]
    Part {
        /// The next part.
        wanted: u32,
        /// What came.
        got: u32,
    },
    /// The file does not work.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Why the replica cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The file system refuses.
    #[error("failed to {attempt} the replica file `{file}`")]
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
    #[error("failed to {attempt} the replica")]
    Storage {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        #[source]
        cause: Box<redb::Error>,
    },
    /// What is in the file cannot be.
    #[error("the replica is damaged: {0}")]
    Damaged(String),
}

/// The replica. Clones are handles on the same one; one thread changes it, any number look.
#[derive(Clone)]
pub struct Replica {}

/// One state of the replica, held still.
pub struct View {
    /// Where it stands.
    pub state: ReplicaState,
    /// The rule set to judge by: the site's, or the built-in one while the site has none.
    pub rules: Arc<RuleSet>,
    /// How the site works.
    pub settings: Arc<SiteSettings>,
}

#[expect(unused_variables, reason = "signatures first")]
impl View {
    /// What the codes stand for: the first of them that any parcel has decides.
    pub fn lookup(&self, keys: &[String]) -> Result<Lookup, ReplicaError> {
        unimplemented!()
    }
    /// Where it stands, for a verdict.
    pub fn position(&self) -> Position {
        unimplemented!()
    }
}

/// A snapshot under way, in a file of its own; it goes on after a restart.
pub struct Staging {}

#[expect(unused_variables, reason = "signatures first")]
impl Staging {
    /// The snapshot that is being fetched.
    pub fn offer(&self) -> &SnapshotOffer {
        unimplemented!()
    }
    /// The next part to fetch; equal to `offer().chunks` when all are there.
    pub fn next(&self) -> u32 {
        unimplemented!()
    }
    /// Takes the next part; one that is there already changes nothing. Answers the next part to fetch.
    pub fn add(&mut self, chunk: &Chunk) -> Result<u32, ApplyError> {
        unimplemented!()
    }
}

#[expect(unused_variables, reason = "signatures first")]
impl Replica {
    /// Opens `replica.redb` on `disk`; one that cannot be used is moved aside, and an empty one begins.
    pub fn open(disk: Arc<dyn Disk>, settings: Settings, now: Now) -> Result<(Replica, Opened), ReplicaError> {
        unimplemented!()
    }
    /// The state to judge by.
    pub fn view(&self) -> Arc<View> {
        unimplemented!()
    }
    /// Where it stands.
    pub fn state(&self) -> ReplicaState {
        unimplemented!()
    }
    /// Applies consecutive deltas in one transaction. Of a run in which one is refused, those before it are applied.
    pub fn apply(&self, deltas: &[Delta]) -> Result<Applied, ApplyError> {
        unimplemented!()
    }
    /// Goes on as `epoch` from where it stands; the caller knows from the lineage that the hub's log does so too.
    pub fn follow(&self, epoch: Epoch) -> Result<(), ReplicaError> {
        unimplemented!()
    }
    /// The buckets in which this replica differs from the hub's.
    pub fn differing(&self, theirs: &Buckets) -> Vec<u16> {
        unimplemented!()
    }
    /// Takes rows of buckets; they are put in place together, when the last message came and its proof holds.
    pub fn repair(&self, rows: &BucketRows) -> Result<Applied, ApplyError> {
        unimplemented!()
    }
    /// Begins to take a snapshot, or goes on with it when part of it is there.
    pub fn stage(&self, offer: &SnapshotOffer) -> Result<Staging, ReplicaError> {
        unimplemented!()
    }
    /// Proves the snapshot and puts it in the replica's place, under whoever is looking.
    pub fn install(&self, staging: Staging) -> Result<ReplicaState, ApplyError> {
        unimplemented!()
    }
    /// The hub was heard: its newest head came.
    pub fn heard(&self, now: Now) {
        unimplemented!()
    }
    /// Milliseconds since the hub was last heard; `None` when that is not known.
    pub fn age_ms(&self, now: Now) -> Option<u64> {
        unimplemented!()
    }
    /// Works everything out anew from the rows and compares: what a night is for. Answers the number of rows.
    pub fn verify(&self) -> Result<u64, ReplicaError> {
        unimplemented!()
    }
}
