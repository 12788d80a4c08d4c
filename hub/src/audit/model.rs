//! Entries of the audit log as words.

use crate::actor::Actor;
use packline_protocol::id::{OrderId, StationId};
use packline_protocol::time::Timestamp;
use serde_json::Value;

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
