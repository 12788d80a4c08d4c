//! SQL of accounts and sessions; that of people and roles, tokens and the second step is in the files beside.

mod people;
mod second;
mod tokens;

pub use people::*;
pub use second::*;
pub use tokens::*;

use super::model::{SessionEntry, StoredSession, UserName};
use crate::statements;
use crate::store::{Statement, StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;

/// Every statement of this domain.
pub(crate) fn statements() -> Vec<Statement> {
    [STATEMENTS, people::STATEMENTS, second::STATEMENTS, tokens::STATEMENTS].concat()
}

/// The hash of an account whose password nobody has chosen: no password fits.
pub const NO_PASSWORD: &str = "!";

statements! {
    /// Whether there is any account.
    ANY_ACCOUNT: Walk = "SELECT name FROM account LIMIT 1";
    /// A new account; one that is there stays as it is.
    INSERT_ACCOUNT = "INSERT INTO account (name, password_hash, role, created_at, changed_at, must_set_up) \
        VALUES ($1, $2, $3, $4, $4, $5) ON CONFLICT (name) DO NOTHING";
    /// A new password.
    SET_PASSWORD = "UPDATE account SET password_hash = $2, changed_at = $3, must_set_up = 0 WHERE name = $1";
    /// The password hash of an account.
    FIND_HASH = "SELECT password_hash FROM account WHERE name = $1 AND disabled_at IS NULL";
    /// A new session.
    INSERT_SESSION = "INSERT INTO session (token_hash, account, created_at, used_at, device, by_page, second_done) \
        VALUES ($1, $2, $3, $3, $4, $5, $6)";
    /// A session by its token's hash.
    FIND_SESSION = "SELECT account.name, session.created_at, session.used_at, account.role, account.disabled_at, \
        people_revision.revision, session.by_page, session.second_done, account.must_set_up, role.needs_second, \
        second_step.confirmed_at \
        FROM session JOIN account ON account.name = session.account JOIN people_revision ON people_revision.id = 1 \
        LEFT JOIN role ON role.name = account.role LEFT JOIN second_step ON second_step.account = account.name \
        WHERE session.token_hash = $1";
    /// An account logs in.
    SEE_ACCOUNT = "UPDATE account SET seen_at = $2 WHERE name = $1";
    /// The sessions of an account, the newest first.
    LIST_SESSIONS = "SELECT token_hash, created_at, used_at, device FROM session WHERE account = $1 \
        ORDER BY created_at DESC, token_hash LIMIT 200";
    /// The second step was done in this session.
    PASS_SECOND = "UPDATE session SET second_done = 1 WHERE token_hash = $1";
    /// A session was used.
    TOUCH_SESSION = "UPDATE session SET used_at = $2 WHERE token_hash = $1";
    /// A session ends.
    END_SESSION = "DELETE FROM session WHERE token_hash = $1";
    /// All sessions of an account end, but one.
    END_SESSIONS_OF = "DELETE FROM session WHERE account = $1 AND token_hash <> $2";
    /// The sessions of an account become those of another.
    MOVE_SESSIONS = "UPDATE session SET account = $2 WHERE account = $1";
    /// An account is gone.
    DELETE_ACCOUNT = "DELETE FROM account WHERE name = $1";
    /// Sessions that were not used for long are forgotten.
    END_SESSIONS_BEFORE = "DELETE FROM session WHERE used_at < $1";
}

pub async fn any_account(read: &AnyPool) -> Result<bool, StoreError> {
    Ok(ANY_ACCOUNT.find(read, ANY_ACCOUNT.query()).await?.is_some())
}

/// A new account.
pub struct NewAccount<'a> {
    pub name: &'a UserName,
    pub password_hash: &'a str,
    pub role: &'a str,
    pub must_set_up: bool,
}

/// Whether the account is new.
pub async fn insert_account(tx: &mut Tx, account: &NewAccount<'_>, now: Timestamp) -> Result<bool, StoreError> {
    let query = INSERT_ACCOUNT
        .query()
        .bind(account.name.as_str().to_owned())
        .bind(account.password_hash.to_owned())
        .bind(account.role.to_owned())
        .bind(now.0)
        .bind(i64::from(account.must_set_up));
    Ok(INSERT_ACCOUNT.run(tx, query).await? > 0)
}

/// Whether there is such an account.
pub async fn set_password(tx: &mut Tx, name: &UserName, hash: &str, now: Timestamp) -> Result<bool, StoreError> {
    let query = SET_PASSWORD.query().bind(name.as_str().to_owned()).bind(hash.to_owned()).bind(now.0);
    Ok(SET_PASSWORD.run(tx, query).await? > 0)
}

pub async fn find_hash(read: &AnyPool, name: &UserName) -> Result<Option<String>, StoreError> {
    let row = FIND_HASH.find(read, FIND_HASH.query().bind(name.as_str().to_owned())).await?;
    row.map(|row| FIND_HASH.get(&row, 0)).transpose()
}

/// A new session.
pub struct NewSession<'a> {
    pub token_hash: Vec<u8>,
    pub name: &'a UserName,
    pub device: &'a str,
    pub by_page: bool,
    pub second_done: bool,
}

pub async fn insert_session(tx: &mut Tx, session: NewSession<'_>, now: Timestamp) -> Result<(), StoreError> {
    let query = INSERT_SESSION
        .query()
        .bind(session.token_hash)
        .bind(session.name.as_str().to_owned())
        .bind(now.0)
        .bind(session.device.to_owned())
        .bind(i64::from(session.by_page))
        .bind(i64::from(session.second_done));
    INSERT_SESSION.run(tx, query).await?;
    let query = SEE_ACCOUNT.query().bind(session.name.as_str().to_owned()).bind(now.0);
    SEE_ACCOUNT.run(tx, query).await.map(|_| ())
}

pub async fn find_session(read: &AnyPool, token_hash: Vec<u8>) -> Result<Option<StoredSession>, StoreError> {
    let Some(row) = FIND_SESSION.find(read, FIND_SESSION.query().bind(token_hash)).await? else { return Ok(None) };
    let name: String = FIND_SESSION.get(&row, 0)?;
    let user = UserName::parse(&name).map_err(|error| StoreError::row("FIND_SESSION", error))?;
    let disabled_at: Option<i64> = FIND_SESSION.get(&row, 4)?;
    Ok(Some(StoredSession {
        user,
        created_at: Timestamp(FIND_SESSION.get(&row, 1)?),
        used_at: Timestamp(FIND_SESSION.get(&row, 2)?),
        role: FIND_SESSION.get(&row, 3)?,
        is_shut: disabled_at.is_some(),
        revision: FIND_SESSION.get(&row, 5)?,
        by_page: FIND_SESSION.get::<i64>(&row, 6)? != 0,
        second_done: FIND_SESSION.get::<i64>(&row, 7)? != 0,
        must_set_up: FIND_SESSION.get::<i64>(&row, 8)? != 0,
        needs_second: FIND_SESSION.get::<Option<i64>>(&row, 9)?.is_some_and(|flag| flag != 0),
        has_second: FIND_SESSION.get::<Option<i64>>(&row, 10)?.is_some(),
    }))
}

pub async fn touch_session(tx: &mut Tx, token_hash: Vec<u8>, now: Timestamp) -> Result<(), StoreError> {
    TOUCH_SESSION.run(tx, TOUCH_SESSION.query().bind(token_hash).bind(now.0)).await.map(|_| ())
}

pub async fn end_session(tx: &mut Tx, token_hash: Vec<u8>) -> Result<(), StoreError> {
    END_SESSION.run(tx, END_SESSION.query().bind(token_hash)).await.map(|_| ())
}

/// Ends all sessions of an account, but the one with this hash.
pub async fn end_sessions_of(tx: &mut Tx, name: &UserName, keep: Vec<u8>) -> Result<u64, StoreError> {
    END_SESSIONS_OF.run(tx, END_SESSIONS_OF.query().bind(name.as_str().to_owned()).bind(keep)).await
}

pub async fn list_sessions(read: &AnyPool, name: &UserName) -> Result<Vec<SessionEntry>, StoreError> {
    let rows = LIST_SESSIONS.all(read, LIST_SESSIONS.query().bind(name.as_str().to_owned())).await?;
    let entry = |row| {
        Ok(SessionEntry {
            hash: LIST_SESSIONS.get(row, 0)?,
            created_at: Timestamp(LIST_SESSIONS.get(row, 1)?),
            used_at: Timestamp(LIST_SESSIONS.get(row, 2)?),
            device: LIST_SESSIONS.get(row, 3)?,
        })
    };
    rows.iter().map(entry).collect()
}

pub async fn pass_second(tx: &mut Tx, token_hash: Vec<u8>) -> Result<(), StoreError> {
    PASS_SECOND.run(tx, PASS_SECOND.query().bind(token_hash)).await.map(|_| ())
}

/// The sessions of one account become those of another.
pub async fn move_sessions(tx: &mut Tx, from: &UserName, to: &UserName) -> Result<(), StoreError> {
    let query = MOVE_SESSIONS.query().bind(from.as_str().to_owned()).bind(to.as_str().to_owned());
    MOVE_SESSIONS.run(tx, query).await.map(|_| ())
}

pub async fn delete_account(tx: &mut Tx, name: &UserName) -> Result<(), StoreError> {
    DELETE_ACCOUNT.run(tx, DELETE_ACCOUNT.query().bind(name.as_str().to_owned())).await.map(|_| ())
}

pub async fn end_sessions_before(tx: &mut Tx, before: Timestamp) -> Result<(), StoreError> {
    END_SESSIONS_BEFORE.run(tx, END_SESSIONS_BEFORE.query().bind(before.0)).await.map(|_| ())
}
