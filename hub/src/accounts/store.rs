//! SQL of accounts and sessions.

use super::model::{StoredSession, UserName};
use crate::statements;
use crate::store::{StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;

statements! {
    /// Whether there is any account.
    ANY_ACCOUNT: Walk = "SELECT name FROM account LIMIT 1";
    /// A new account; one that is there stays as it is.
    INSERT_ACCOUNT = "INSERT INTO account (name, password_hash, created_at, changed_at) VALUES ($1, $2, $3, $3) \
        ON CONFLICT (name) DO NOTHING";
    /// A new account, or a new password for one that is there.
    PUT_ACCOUNT = "INSERT INTO account (name, password_hash, created_at, changed_at) VALUES ($1, $2, $3, $3) \
        ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, changed_at = excluded.changed_at";
    /// The password hash of an account.
    FIND_HASH = "SELECT password_hash FROM account WHERE name = $1";
    /// A new session.
    INSERT_SESSION = "INSERT INTO session (token_hash, account, created_at, used_at) VALUES ($1, $2, $3, $3)";
    /// A session by its token's hash.
    FIND_SESSION = "SELECT account, created_at, used_at FROM session WHERE token_hash = $1";
    /// A session was used.
    TOUCH_SESSION = "UPDATE session SET used_at = $2 WHERE token_hash = $1";
    /// A session ends.
    END_SESSION = "DELETE FROM session WHERE token_hash = $1";
    /// All sessions of an account end.
    END_SESSIONS_OF = "DELETE FROM session WHERE account = $1";
    /// Sessions that were not used for long are forgotten.
    END_SESSIONS_BEFORE = "DELETE FROM session WHERE used_at < $1";
}

pub async fn any_account(read: &AnyPool) -> Result<bool, StoreError> {
    Ok(ANY_ACCOUNT.find(read, ANY_ACCOUNT.query()).await?.is_some())
}

/// Whether the account is new.
pub async fn insert_account(tx: &mut Tx, name: &UserName, hash: &str, now: Timestamp) -> Result<bool, StoreError> {
    let query = INSERT_ACCOUNT.query().bind(name.as_str().to_owned()).bind(hash.to_owned()).bind(now.0);
    Ok(INSERT_ACCOUNT.run(tx, query).await? > 0)
}

pub async fn put_account(tx: &mut Tx, name: &UserName, hash: &str, now: Timestamp) -> Result<(), StoreError> {
    let query = PUT_ACCOUNT.query().bind(name.as_str().to_owned()).bind(hash.to_owned()).bind(now.0);
    PUT_ACCOUNT.run(tx, query).await.map(|_| ())
}

pub async fn find_hash(read: &AnyPool, name: &UserName) -> Result<Option<String>, StoreError> {
    let row = FIND_HASH.find(read, FIND_HASH.query().bind(name.as_str().to_owned())).await?;
    row.map(|row| FIND_HASH.get(&row, 0)).transpose()
}

pub async fn insert_session(
    tx: &mut Tx,
    token_hash: Vec<u8>,
    name: &UserName,
    now: Timestamp,
) -> Result<(), StoreError> {
    let query = INSERT_SESSION.query().bind(token_hash).bind(name.as_str().to_owned()).bind(now.0);
    INSERT_SESSION.run(tx, query).await.map(|_| ())
}

pub async fn find_session(read: &AnyPool, token_hash: Vec<u8>) -> Result<Option<StoredSession>, StoreError> {
    let Some(row) = FIND_SESSION.find(read, FIND_SESSION.query().bind(token_hash)).await? else { return Ok(None) };
    let name: String = FIND_SESSION.get(&row, 0)?;
    let user = UserName::parse(&name).map_err(|error| StoreError::row("FIND_SESSION", error))?;
    let (created_at, used_at) = (Timestamp(FIND_SESSION.get(&row, 1)?), Timestamp(FIND_SESSION.get(&row, 2)?));
    Ok(Some(StoredSession { user, created_at, used_at }))
}

pub async fn touch_session(tx: &mut Tx, token_hash: Vec<u8>, now: Timestamp) -> Result<(), StoreError> {
    TOUCH_SESSION.run(tx, TOUCH_SESSION.query().bind(token_hash).bind(now.0)).await.map(|_| ())
}

pub async fn end_session(tx: &mut Tx, token_hash: Vec<u8>) -> Result<(), StoreError> {
    END_SESSION.run(tx, END_SESSION.query().bind(token_hash)).await.map(|_| ())
}

pub async fn end_sessions_of(tx: &mut Tx, name: &UserName) -> Result<(), StoreError> {
    END_SESSIONS_OF.run(tx, END_SESSIONS_OF.query().bind(name.as_str().to_owned())).await.map(|_| ())
}

pub async fn end_sessions_before(tx: &mut Tx, before: Timestamp) -> Result<(), StoreError> {
    END_SESSIONS_BEFORE.run(tx, END_SESSIONS_BEFORE.query().bind(before.0)).await.map(|_| ())
}
