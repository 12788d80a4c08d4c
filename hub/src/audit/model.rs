//! Entries of the audit log as words.

use crate::actor::Actor;
use packline_protocol::id::{OrderId, StationId};
use packline_protocol::time::Timestamp;
use serde_json::Value;
use std::fmt;

/// The longest reason that is kept, in characters; a longer one is cut.
pub const REASON_MAX: usize = 500;
/// The longest state that is kept as it is, in bytes of JSON; of a longer one only size and hash are.
pub const STATE_MAX: usize = 64 * 1024;

/// A change, as whoever made it describes it. Personal data must be masked or left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What was done, dotted: `stations.revoke`. A fixed word of the code.
    pub action: &'static str,
    /// To what.
    pub subject: Subject,
    /// How it was, as far as it changed.
    pub before: Option<Value>,
    /// How it is now, as far as it changed.
    pub after: Option<Value>,
    /// What the person gave as the reason.
    pub reason: Option<String>,
}

impl Entry {
    /// An entry that says who did what to what.
    pub fn new(at: Timestamp, actor: &Actor, action: &'static str, subject: Subject) -> Entry {
        Entry { at, actor: actor.clone(), action, subject, before: None, after: None, reason: None }
    }

    /// With how it was.
    pub fn before(self, before: Value) -> Entry {
        Entry { before: Some(before), ..self }
    }

    /// With how it is now.
    pub fn after(self, after: Value) -> Entry {
        Entry { after: Some(after), ..self }
    }

    /// With the reason that was given.
    pub fn because(self, reason: impl Into<String>) -> Entry {
        Entry { reason: Some(reason.into()), ..self }
    }
}

/// What a change was made to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// What kind of thing: `order`, `station`, `import`, `account` … A fixed word of the code.
    pub kind: &'static str,
    /// Which one, as pages and paths name it.
    pub id: String,
}

impl Subject {
    /// A thing of this kind.
    pub fn new(kind: &'static str, id: impl ToString) -> Subject {
        Subject { kind, id: id.to_string() }
    }

    /// An order; its entries also stand on its time line.
    pub fn order(order: OrderId) -> Subject {
        Subject::new(ORDER, order.0)
    }

    /// A station.
    pub fn station(station: &StationId) -> Subject {
        Subject::new("station", station)
    }
}

/// The kind of [`Subject::order`].
pub const ORDER: &str = "order";

/// 32 bytes of BLAKE3.
pub type Hash = [u8; 32];

/// The hash before the first entry.
pub const GENESIS: Hash = [0; 32];

/// An entry as it stands in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number: 1, 2, 3 … without gaps.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Who, as text: `user:anna`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub subject_kind: String,
    /// To which one.
    pub subject_id: String,
    /// How it was, as JSON.
    pub before: Option<String>,
    /// How it is now, as JSON.
    pub after: Option<String>,
    /// The reason that was given.
    pub reason: Option<String>,
    /// The hash of the entry before.
    pub prev: Hash,
    /// The hash of this entry.
    pub hash: Hash,
    /// The hub's mark over the hash.
    pub mac: Hash,
    /// The hub key that the mark comes from.
    pub key_id: String,
}

/// The end of the chain at some time, signed by the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The last entry.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
    /// When it was sealed.
    pub at: Timestamp,
    /// The hub key that signed.
    pub key_id: String,
    /// The signature.
    pub signature: Vec<u8>,
}

/// What a check of the chain came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Entries that were found right, from the first one on.
    pub verified: i64,
    /// How many there are.
    pub entries: i64,
    /// The last one that a signed seal stands behind.
    pub sealed: i64,
    /// The hash of the last right entry, in hexadecimal digits.
    pub head: String,
    /// When the check was made.
    pub at: Timestamp,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

/// The first thing that is wrong with the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// At which entry.
    pub seq: i64,
    /// What.
    pub kind: FaultKind,
}

/// What can be wrong with the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// It is not there, and later ones are.
    Missing,
    /// Its content is not what its hash says.
    Changed,
    /// It does not follow from the entry before.
    Unlinked,
    /// The entry that belongs here stands elsewhere.
    Moved {
        /// Where.
        found: i64,
    },
    /// It was not written by this hub: its mark is wrong.
    Forged,
    /// It was marked with another hub's key.
    OtherKey {
        /// Which.
        key_id: String,
    },
    /// It and all after it are gone.
    CutOff {
        /// The last one that there was.
        last: i64,
    },
    /// There are entries beyond the end of the chain.
    Beyond,
    /// It is not the one that the hub sealed.
    NotAsSealed,
    /// The end that is written down is not its hash.
    WrongEnd,
    /// The seal is not this hub's.
    BadSeal,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seq = self.seq;
        match &self.kind {
            FaultKind::Missing => write!(f, "entry {seq} is missing"),
            FaultKind::Changed => write!(f, "entry {seq} was changed"),
            FaultKind::Unlinked => write!(f, "entry {seq} does not follow from the one before"),
            FaultKind::Moved { found } => write!(f, "the entry that belongs at {seq} stands at {found}"),
            FaultKind::Forged => write!(f, "entry {seq} was not written by this hub"),
            FaultKind::OtherKey { key_id } => {
                write!(f, "entry {seq} was written with the key of the hub `{key_id}`, not with this one's")
            }
            FaultKind::CutOff { last } => write!(f, "entries {seq} to {last} are cut off"),
            FaultKind::Beyond => write!(f, "entry {seq} stands beyond the end of the chain"),
            FaultKind::NotAsSealed => write!(f, "entry {seq} is not the one that the hub sealed"),
            FaultKind::WrongEnd => write!(f, "the end of the chain does not fit entry {seq}"),
            FaultKind::BadSeal => write!(f, "the seal at entry {seq} is not this hub's"),
        }
    }
}

/// Which entries are looked for. Everything that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Who, as text: `user:anna`.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// To what kind of thing.
    pub subject_kind: Option<String>,
    /// To which one; only together with its kind.
    pub subject_id: Option<String>,
    /// From this time on.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Where a page of entries goes on: before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Its time.
    pub at: Timestamp,
    /// Its number.
    pub seq: i64,
}

impl Cursor {
    /// Reads what [`Cursor`] shows itself as.
    pub fn parse(text: &str) -> Option<Cursor> {
        let (at, seq) = text.split_once('-')?;
        Some(Cursor { at: Timestamp(at.parse().ok()?), seq: seq.parse().ok()? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at.0, self.seq)
    }
}

/// Some entries, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Recorded>,
    /// Where it goes on.
    pub next: Option<Cursor>,
}
