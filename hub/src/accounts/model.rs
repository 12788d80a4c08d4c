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

/// In front of every token of a program, so that one that got out is recognised where it should not be.
const API_PREFIX: &str = "plk_";

/// How long an invitation is good, in milliseconds: over a weekend.
pub const INVITATION_MS: i64 = 3 * 24 * 3_600_000;

/// The longest life of a program's token, in days.
pub const TOKEN_DAYS_MAX: i64 = 365;

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

    /// Reads a program's token, which says so in front and is therefore never taken for a session.
    pub fn parse_api(text: &str) -> Option<SessionToken> {
        SessionToken::parse(text.strip_prefix(API_PREFIX)?)
    }

    /// The token as text, as a program sends it.
    pub fn reveal_api(&self) -> String {
        format!("{API_PREFIX}{}", self.reveal())
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
    /// What it may do: nothing until its log-in is complete.
    pub rights: Rights,
    /// What is left of its log-in.
    pub stage: Stage,
    /// Its token.
    pub token: SessionToken,
    /// The token's name, when a program came with a token of its own.
    pub program: Option<String>,
}

/// What is left of a log-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The code of the second step.
    Code,
    /// The first account chooses a name and a password of its own.
    SetUp,
    /// The role demands a second step, and there is none yet.
    AddSecond,
    /// Nothing.
    Done,
}

impl Session {
    /// A session whose log-in is complete.
    pub fn complete(user: UserName, role: String, rights: Rights, token: SessionToken) -> Session {
        Session { user, role, rights, stage: Stage::Done, token, program: None }
    }

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
        match &self.program {
            Some(name) => Actor::Token(name.clone()),
            None => Actor::User(self.user.to_string()),
        }
    }

    /// The refusal of somebody who is known and lacks this right.
    pub fn lacks(right: Right) -> Error {
        let message = format!("this needs the right `{right}` ({}), which your role does not have", right.en());
        Error::new(Kind::Forbidden, message)
    }
}

impl Stage {
    /// The stage in a word.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Code => "code",
            Stage::SetUp => "set-up",
            Stage::AddSecond => "add-second",
            Stage::Done => "done",
        }
    }

    /// The page on which the log-in goes on.
    pub fn page(self) -> &'static str {
        match self {
            Stage::Code => "/login/code",
            Stage::SetUp => "/setup",
            Stage::AddSecond => "/account/second",
            Stage::Done => "/",
        }
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
    /// Whether it began on a page.
    pub by_page: bool,
    /// Whether the second step was done.
    pub second_done: bool,
    /// Whether its account has a second step.
    pub has_second: bool,
    /// Whether its role demands one.
    pub needs_second: bool,
    /// Whether its account has to be set up.
    pub must_set_up: bool,
    /// The revision of people and roles that this was read at.
    pub revision: i64,
}

/// A session as its owner sees it in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEntry {
    /// The hash of its token.
    pub hash: Vec<u8>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Timestamp,
    /// What it was begun with.
    pub device: String,
}

impl SessionEntry {
    /// What the list calls it: enough of the hash to tell a person's sessions apart, and useless to whoever reads it.
    pub fn handle(&self) -> String {
        crate::keys::to_hex(self.hash.get(..8).unwrap_or(&self.hash))
    }
}

/// A person's account, without anything secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account's name.
    pub name: UserName,
    /// The name of its role.
    pub role: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was shut.
    pub disabled_at: Option<Timestamp>,
    /// Whether nobody has chosen its password yet.
    pub is_waiting: bool,
    /// Whether it has a second step.
    pub has_second: bool,
    /// When it last logged in.
    pub seen_at: Option<Timestamp>,
}

/// A role: a set of rights with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What people call it in Chinese.
    pub title_zh: String,
    /// What people call it in English.
    pub title_en: String,
    /// Whether the program brings it; it cannot be removed then.
    pub built_in: bool,
    /// Whether it demands a second step.
    pub needs_second: bool,
    /// What it may do.
    pub rights: Rights,
    /// How many accounts have it.
    pub people: i64,
}

/// A program's token, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its name, the only one of that name.
    pub name: String,
    /// Whose it is.
    pub owner: UserName,
    /// What it was given.
    pub rights: Rights,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

/// Whoever changes people and roles.
#[derive(Debug, Clone)]
pub struct Manager {
    /// As events keep it.
    pub actor: Actor,
    /// Their own account, which they cannot change here.
    pub user: Option<UserName>,
    /// What they may do, and therefore give.
    pub rights: Rights,
}

impl Manager {
    /// A person on the pages, or a program.
    pub fn of(session: &Session) -> Manager {
        Manager { actor: session.actor(), user: Some(session.user.clone()), rights: session.rights }
    }

    /// An operator at the hub's command line, who may do everything.
    pub fn operator(name: impl Into<String>) -> Manager {
        Manager { actor: Actor::Cli(name.into()), user: None, rights: Rights::all() }
    }
}

/// What can be wrong with an account, a password, a session, a role or a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The name cannot be one.
    #[error("the user name is not acceptable; give 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`")]
    Name,
    /// The role's name cannot be one.
    #[error("the role's name is not acceptable; give 1 to 32 characters of a-z, 0-9 and `-`")]
    RoleName,
    /// The role's title cannot be one.
    #[error("the role's title is not acceptable; give 1 to 40 characters")]
    RoleTitle,
    /// The token's name cannot be one.
    #[error("the token's name is not acceptable; give 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`")]
    TokenName,
    /// The token would live too short or too long.
    #[error("the token's life is `{days}` days; give 1 to {TOKEN_DAYS_MAX}")]
    TokenDays {
        /// What was given.
        days: i64,
    },
    /// There is no right of this name.
    #[error("there is no right `{name}`; the rights are those of your role, for example `orders.view`")]
    NoRight {
        /// What was given, cut short.
        name: String,
    },
    /// A token without any right would do nothing.
    #[error("the token has no right; give at least one")]
    NoRights,
    /// Nobody gives what they do not have.
    #[error("the right `{right}` is not yours to give")]
    NotYours {
        /// Which.
        right: Right,
    },
    /// The password is not good enough.
    #[error("the password is not acceptable: {0}")]
    Rules(Weak),
    /// There is an account of this name.
    #[error("there is an account `{name}` already")]
    Taken {
        /// Which.
        name: UserName,
    },
    /// There is no such account.
    #[error("there is no account `{name}`")]
    Nobody {
        /// Which.
        name: UserName,
    },
    /// There is a role of this name.
    #[error("there is a role `{name}` already")]
    RoleTaken {
        /// Which.
        name: String,
    },
    /// There is no such role.
    #[error("there is no role `{name}`")]
    NoRole {
        /// Which, cut short.
        name: String,
    },
    /// The role cannot be removed.
    #[error("the role `{name}` cannot be removed: it comes with the program, or somebody has it")]
    RoleInUse {
        /// Which.
        name: String,
    },
    /// There is a token of this name.
    #[error("there is a token `{name}` already; give another name")]
    TokenTaken {
        /// Which.
        name: String,
    },
    /// There is no such token.
    #[error("there is no token `{name}`")]
    NoToken {
        /// Which, cut short.
        name: String,
    },
    /// A token does not do this.
    #[error("a token of a program cannot do this; log in")]
    NotByToken,
    /// The other one may do more than whoever acts.
    #[error("`{what}` manages people and may do more than you; somebody who may do as much has to do this")]
    Above {
        /// The account or role.
        what: String,
    },
    /// Nobody changes their own role or shuts their own account.
    #[error("this is your own account; somebody else has to do this")]
    Yourself,
    /// Somebody must be left who manages people.
    #[error("nobody would be left who can log in and manage people; give somebody else that right first")]
    LastKeeper,
    /// The invitation is not one, was used, or ran out.
    #[error("the invitation is not valid any more; ask for a new one")]
    NoInvitation,
    /// The code of the second step does not fit.
    #[error("the code is wrong, or was used already")]
    Code,
    /// The log-in needs the code of the second step as well.
    #[error("this account has a second step; send its code, too")]
    CodeMissing,
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

/// Why a password is too easy to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Too short or too long.
    #[error("give {PASSWORD_MIN} characters to {PASSWORD_MAX} bytes")]
    Length,
    /// It contains the name of its account.
    #[error("it contains the user name")]
    HasName,
    /// It has few different characters, repeats itself, or runs along the keyboard or the alphabet.
    #[error("it repeats itself or runs along the keyboard")]
    Pattern,
    /// It is made of words that everybody tries first.
    #[error("it is made of words that are tried first")]
    Common,
}

impl From<AccountError> for Error {
    fn from(error: AccountError) -> Error {
        let kind = match error {
            AccountError::Name
            | AccountError::RoleName
            | AccountError::RoleTitle
            | AccountError::TokenName
            | AccountError::TokenDays { .. }
            | AccountError::NoRight { .. }
            | AccountError::NoRights
            | AccountError::Rules(_) => Kind::Invalid,
            AccountError::NotYours { .. }
            | AccountError::Above { .. }
            | AccountError::Yourself
            | AccountError::NotByToken => Kind::Forbidden,
            AccountError::Taken { .. }
            | AccountError::RoleTaken { .. }
            | AccountError::RoleInUse { .. }
            | AccountError::TokenTaken { .. }
            | AccountError::LastKeeper => Kind::Conflict,
            AccountError::Nobody { .. } | AccountError::NoRole { .. } | AccountError::NoToken { .. } => Kind::NotFound,
            AccountError::NoInvitation => Kind::Gone,
            AccountError::Wrong | AccountError::Code | AccountError::CodeMissing => Kind::Unauthenticated,
            AccountError::TooMany { .. } => Kind::TooMany,
        };
        // The pages say it in the reader's language, and therefore want to know which one it is.
        Error::new(kind, error.to_string()).because(error)
    }
}
