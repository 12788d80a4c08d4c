//! A contact as it is told, kept and shown.

use crate::error::{Error, Kind};
use crate::privacy::{Sight, VaultError};
use crate::store::StoreError;
use packline_protocol::id::OrderId;
use packline_protocol::time::Timestamp;
use std::fmt;

/// The longest name, phone number and address that are kept, in characters; a longer one is cut.
pub const NAME_MAX: usize = 100;
/// See [`NAME_MAX`].
pub const PHONE_MAX: usize = 60;
/// See [`NAME_MAX`].
pub const ADDRESS_MAX: usize = 400;
/// How long a reveal lasts, in milliseconds.
pub const REVEAL_MS: i64 = 5 * 60_000;
/// So many orders a person sees in clear at a time: enough for work, too few to carry a customer list away.
pub const REVEALS_MAX: i64 = 40;
/// The shortest reason, in characters.
pub const REASON_MIN: usize = 4;

/// Name, phone and address in clear. They never print themselves.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Contact {
    /// Who gets it.
    pub name: String,
    /// How to call them.
    pub phone: String,
    /// Where.
    pub address: String,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact(…)")
    }
}

/// Name, phone and address as a reader gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// How much of them.
    pub sight: Sight,
    /// Who gets it.
    pub name: String,
    /// How to call them.
    pub phone: String,
    /// Where.
    pub address: String,
    /// Until when they are in clear.
    pub until: Option<Timestamp>,
    /// When they were erased.
    pub erased_at: Option<Timestamp>,
}

/// What one message tells of a contact. What is empty it does not tell.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// Which order it is about.
    pub order: OrderId,
    /// The version that counts for it.
    pub at: Timestamp,
    /// Who gets it.
    pub name: &'a str,
    /// How to call them.
    pub phone: &'a str,
    /// Where.
    pub address: &'a str,
}

/// A text as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub sealed: Option<Vec<u8>>,
    /// The greater one wins.
    pub weight: i64,
    /// Of two with the same weight, the greater one of these.
    pub tie: i64,
}

/// A contact as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewRow {
    pub order: i64,
    pub name: Kept,
    pub name_key: Option<i64>,
    pub phone: Kept,
    pub phone_key: Option<i64>,
    pub tail_key: Option<i64>,
    pub address: Kept,
    pub told_at: i64,
}

/// A contact as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub order: OrderId,
    pub name: Option<Vec<u8>>,
    pub phone: Option<Vec<u8>>,
    pub address: Option<Vec<u8>>,
    pub erased_at: Option<Timestamp>,
}

/// Why a contact cannot be kept or shown.
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// The store failed.
    #[error("failed to read or write contacts")]
    Store(#[from] StoreError),
    /// It cannot be opened.
    #[error("failed to open the contact of order `{order}`")]
    Sealed {
        /// Whose.
        order: OrderId,
        /// Why.
        #[source]
        cause: VaultError,
    },
    /// There is no such order.
    #[error("there is no order `{order}`")]
    NoOrder {
        /// Which one was asked for.
        order: OrderId,
    },
    /// Nothing to show.
    #[error("order `{order}` has no contact, or it was erased")]
    NoContact {
        /// Which order.
        order: OrderId,
    },
    /// Too many at a time.
    #[error("you see the contacts of {REVEALS_MAX} orders in full already; wait until some of them are masked again")]
    TooMany,
    /// No reason, or none that says anything.
    #[error("reason has {length} characters; give {REASON_MIN} to 500, for example `买家来电核对地址`")]
    Reason {
        /// How long the given one is.
        length: usize,
    },
}

impl From<ContactError> for Error {
    fn from(error: ContactError) -> Error {
        let kind = match &error {
            ContactError::Store(_) | ContactError::Sealed { .. } => Kind::Internal,
            ContactError::NoOrder { .. } | ContactError::NoContact { .. } => Kind::NotFound,
            ContactError::Reason { .. } => Kind::Invalid,
            ContactError::TooMany => Kind::TooMany,
        };
        match error {
            ContactError::Store(error) => error.into(),
            error if kind == Kind::Internal => Error::internal("failed to open a contact", error),
            error => Error::new(kind, error.to_string()),
        }
    }
}
