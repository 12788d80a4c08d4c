//! Accounts, passwords and sessions as words.

use super::rights::{Right, Rights};
use crate::actor::Actor;
use crate::error::{Error, Kind, Result};
use packline_protocol::time::Timestamp;
use std::fmt;

/// The shortest password, in characters.
pub const PASSWORD_MIN: usize = 12;
/// The longest password, in bytes: more would only cost time to hash.
pub const PASSWORD_MAX: usize = 256;
/// How long a session lasts after its last use unless the settings say otherwise, in milliseconds: a shift and a half.
pub const IDLE_MS: i64 = 12 * 3_600_000;
/// How long a session lasts at most unless the settings say otherwise, in milliseconds.
pub const SESSION_MS: i64 = 7 * 24 * 3_600_000;

/// The name of an account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserName(String);

impl UserName {
    /// Accepts 1 to 64 characters of `a-z`, `0-9`, `.`, `_` and `-`.
    pub fn parse(text: &str) -> Result<UserName, AccountError> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(UserName(text.to_owned()))
        } else {
            Err(AccountError::Name)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password as it was typed. Never printed.
pub struct Password(String);

impl Password {
    /// Any text; rules are kept when a password is chosen, not when it is tried.
    pub fn new(text: impl Into<String>) -> Password {
        Password(text.into())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What a browser or a program shows to be who it is: 32 random bytes. Kept in the database only as a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken([u8; 32]);

impl SessionToken {
    /// A token of these random bytes.
    pub fn new(random: [u8; 32]) -> SessionToken {
        SessionToken(random)
    }

    /// Reads a token from a cookie or a header.
    pub fn parse(text: &str) -> Option<SessionToken> {
        blake3::Hash::from_hex(text).ok().map(|bytes| SessionToken(*bytes.as_bytes()))
    }

    /// The token as text, for the cookie or the answer.
    pub fn reveal(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// What the database keeps.
    pub fn hash(&self) -> Vec<u8> {
        blake3::hash(&self.0).as_bytes().to_vec()
    }

    /// The text that every form of this session carries, so that no other site can send one.
    pub fn csrf(&self) -> String {
        blake3::keyed_hash(&self.0, b"packline csrf").to_hex().to_string()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// A session that is in force, and what it may do.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose.
    pub user: UserName,
    /// The role of its account, by name.
    pub role: String,
    /// What it may do.
    pub rights: Rights,
    /// Its token.
    pub token: SessionToken,
}

impl Session {
    /// Whether it may do this.
    pub fn may(&self, right: Right) -> bool {
        self.rights.has(right)
    }

    /// Refuses, naming the right, when it may not do this.
    pub fn require(&self, right: Right) -> Result<()> {
        if self.may(right) { Ok(()) } else { Err(Session::lacks(right)) }
    }

    /// Who acts in it, as events and the audit log keep it.
    pub fn actor(&self) -> Actor {
        Actor::User(self.user.to_string())
    }

    /// The refusal of somebody who is known and lacks this right.
    pub fn lacks(right: Right) -> Error {
        let message = format!("this needs the right `{right}` ({}), which your role does not have", right.en());
        Error::new(Kind::Forbidden, message)
    }
}

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Whose.
    pub user: UserName,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Timestamp,
    /// The role of its account.
    pub role: String,
    /// Whether its account is shut.
    pub is_shut: bool,
    /// The revision of people and roles that this was read at.
    pub revision: i64,
}

/// What can be wrong with an account, a password or a session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The name cannot be one.
    #[error("the user name is not acceptable; give 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`")]
    Name,
    /// Too short or too long.
    #[error("the password is not acceptable; give {PASSWORD_MIN} characters to {PASSWORD_MAX} bytes")]
    Rules,
    /// Name and password do not belong together. Deliberately silent about which of them is wrong.
    #[error("user or password is wrong")]
    Wrong,
    /// Too many wrong tries.
    #[error("too many wrong tries; wait {wait_s} seconds")]
    TooMany {
        /// How long.
        wait_s: u64,
    },
}

impl From<AccountError> for Error {
    fn from(error: AccountError) -> Error {
        let kind = match error {
            AccountError::Name | AccountError::Rules => Kind::Invalid,
            AccountError::Wrong => Kind::Unauthenticated,
            AccountError::TooMany { .. } => Kind::TooMany,
        };
        Error::new(kind, error.to_string())
    }
}
