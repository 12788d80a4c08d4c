//! Webhooks, the events that they get, and what came of each try.

use crate::error::{Error, Kind};
use crate::store::StoreError;
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($kind:ident = $word:literal, $zh:literal, $en:literal;)*) => {
        /// What an event is about. The words are part of the interface and stay.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum EventKind { $(#[doc = concat!($en, ".")] $kind,)* }

        impl EventKind {
            /// Every kind, in the order in which pages show them.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$kind,)*];

            /// The word in tables and messages.
            pub fn word(self) -> &'static str {
                match self { $(EventKind::$kind => $word,)* }
            }

            /// What it is called, in Chinese and in English.
            pub fn titles(self) -> (&'static str, &'static str) {
                match self { $(EventKind::$kind => ($zh, $en),)* }
            }
        }
    };
}

kinds! {
    OrderChanged = "order.changed", "订单新建或变更", "An order is new or has changed";
    GiftStatus = "gift.status", "订单赠品状态变更", "The gift status of an order has changed";
    ParcelReleased = "parcel.released", "包裹放行", "A parcel was released";
    ScanStopped = "scan.stopped", "包裹被拦截", "A parcel was stopped";
    StationLost = "station.lost", "工位失联", "A station is lost";
    StationRestored = "station.restored", "工位恢复", "A station is back";
    Test = "webhook.test", "测试", "A test";
}

impl EventKind {
    /// The kind with this word.
    pub fn from_word(word: &str) -> Option<EventKind> {
        EventKind::ALL.iter().copied().find(|kind| kind.word() == word)
    }

    /// Kinds that can be listened to; a test comes by its button.
    pub fn listed() -> impl Iterator<Item = EventKind> {
        EventKind::ALL.iter().copied().filter(|kind| *kind != EventKind::Test)
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What makes it this one and no other, for example `order:17/rev:5/changed`.
    pub key: String,
    /// What it is about.
    pub kind: EventKind,
    /// What it belongs to: events of one subject reach a webhook one after the other.
    pub subject: String,
    /// The details; no personal data.
    pub data: serde_json::Value,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its number towards the outside: `evt_` and 32 hexadecimal digits. It follows from the key.
    pub id: String,
    /// What it is about.
    pub kind: EventKind,
    /// What it belongs to.
    pub subject: String,
    /// When it happened.
    pub at: Timestamp,
    /// The message as it is sent.
    pub body: String,
}

/// Whether a webhook gets events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookState {
    /// It does.
    On,
    /// A person switched it off.
    Off,
    /// It failed for days, and the hub switched it off.
    Broken,
}

impl HookState {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            HookState::On => "on",
            HookState::Off => "off",
            HookState::Broken => "broken",
        }
    }

    /// The state with this word.
    pub fn from_word(word: &str) -> Option<HookState> {
        [HookState::On, HookState::Off, HookState::Broken].into_iter().find(|state| state.word() == word)
    }
}

/// A webhook as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub title: String,
    /// The host of its URL; the rest may hold a secret.
    pub host: String,
    /// What it listens to.
    pub kinds: Vec<EventKind>,
    /// Whether it gets events.
    pub state: HookState,
    /// When it began to fail without a success since.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What of a webhook is sealed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// The whole URL.
    pub url: String,
    /// What messages are signed with, the newest first.
    pub secrets: Vec<Secret>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// One secret, and how long it is used beside a newer one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// `whsec_…`.
    pub text: String,
    /// Until when; `None` is the one in force.
    pub until: Option<i64>,
}

/// What came of one try to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event's number.
    pub event: String,
    /// The event's kind, as a word.
    pub kind: String,
    /// When it was tried.
    pub at: Timestamp,
    /// How long it took.
    pub duration_ms: i64,
    /// Which try it was, from 1.
    pub tries: i64,
    /// The HTTP status, when there was an answer.
    pub status: Option<i64>,
    /// What was wrong, or the begin of the answer.
    pub note: String,
}

/// Why something about webhooks cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is no such webhook.
    #[error("there is no webhook {id}")]
    None {
        /// Which.
        id: i64,
    },
    /// A field is not what it should be.
    #[error("{field} is not accepted; give {accepted}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What is accepted.
        accepted: &'static str,
    },
    /// What is kept of it cannot be opened with the data key of this hub.
    #[error("the settings of webhook {id} cannot be opened with this hub's data key; make it anew")]
    Sealed {
        /// Which.
        id: i64,
    },
    /// The store failed.
    #[error("failed to {what}")]
    Store {
        /// What was attempted.
        what: &'static str,
        /// Why.
        #[source]
        cause: StoreError,
    },
}

impl From<WebhookError> for Error {
    fn from(error: WebhookError) -> Error {
        match error {
            WebhookError::None { .. } => Error::not_found(error.to_string()),
            WebhookError::Field { .. } => Error::invalid(error.to_string()),
            WebhookError::Sealed { .. } => Error::new(Kind::Conflict, error.to_string()),
            WebhookError::Store { cause, .. } => cause.into(),
        }
    }
}
