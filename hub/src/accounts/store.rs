//! SQL of accounts and sessions.

use super::model::{StoredSession, UserName};
use super::rights::Right;
use crate::statements;
use crate::store::{StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;

statements! {
    /// Whether there is any account.
    ANY_ACCOUNT: Walk = "SELECT name FROM account LIMIT 1";
    /// A new account; one that is there stays as it is.
    INSERT_ACCOUNT = "INSERT INTO account (name, password_hash, role, created_at, changed_at) \
        VALUES ($1, $2, $3, $4, $4) ON CONFLICT (name) DO NOTHING";
    /// A new account, or a new password for one that is there.
    PUT_ACCOUNT = "INSERT INTO account (name, password_hash, created_at, changed_at) VALUES ($1, $2, $3, $3) \
        ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, changed_at = excluded.changed_at";
    /// The password hash of an account.
    FIND_HASH = "SELECT password_hash FROM account WHERE name = $1";
    /// A new session.
    INSERT_SESSION = "INSERT INTO session (token_hash, account, created_at, used_at) VALUES ($1, $2, $3, $3)";
    /// A session by its token's hash.
    FIND_SESSION = "SELECT account.name, session.created_at, session.used_at, account.role, account.disabled_at, \
        people_revision.revision \
        FROM session JOIN account ON account.name = session.account JOIN people_revision ON people_revision.id = 1 \
        WHERE session.token_hash = $1";
    /// A session was used.
    TOUCH_SESSION = "UPDATE session SET used_at = $2 WHERE token_hash = $1";
    /// A session ends.
    END_SESSION = "DELETE FROM session WHERE token_hash = $1";
    /// All sessions of an account end.
    END_SESSIONS_OF = "DELETE FROM session WHERE account = $1";
    /// Sessions that were not used for long are forgotten.
    END_SESSIONS_BEFORE = "DELETE FROM session WHERE used_at < $1";
    /// People or roles change.
    MOVE_REVISION = "UPDATE people_revision SET revision = revision + 1 WHERE id = 1";
    /// Every role's rights.
    LIST_ROLE_RIGHTS: All = "SELECT role, right_name FROM role_right";
    /// The rights that were dealt out to the built-in roles.
    LIST_DEALT: All = "SELECT right_name FROM right_dealt";
    /// A right is dealt out.
    INSERT_DEALT = "INSERT INTO right_dealt (right_name) VALUES ($1) ON CONFLICT (right_name) DO NOTHING";
    /// A role that the program brings.
    INSERT_BUILT_IN = "INSERT INTO role (name, title_zh, title_en, built_in, changed_at) VALUES ($1, $2, $3, 1, $4) \
        ON CONFLICT (name) DO NOTHING";
    /// A role gets a right.
    INSERT_ROLE_RIGHT = "INSERT INTO role_right (role, right_name) VALUES ($1, $2) \
        ON CONFLICT (role, right_name) DO NOTHING";
}

pub async fn any_account(read: &AnyPool) -> Result<bool, StoreError> {
    Ok(ANY_ACCOUNT.find(read, ANY_ACCOUNT.query()).await?.is_some())
}

/// Whether the account is new.
pub async fn insert_account(
    tx: &mut Tx,
    name: &UserName,
    hash: &str,
    role: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (name, hash, role) = (name.as_str().to_owned(), hash.to_owned(), role.to_owned());
    let query = INSERT_ACCOUNT.query().bind(name).bind(hash).bind(role).bind(now.0);
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
    let disabled_at: Option<i64> = FIND_SESSION.get(&row, 4)?;
    Ok(Some(StoredSession {
        user,
        created_at: Timestamp(FIND_SESSION.get(&row, 1)?),
        used_at: Timestamp(FIND_SESSION.get(&row, 2)?),
        role: FIND_SESSION.get(&row, 3)?,
        is_shut: disabled_at.is_some(),
        revision: FIND_SESSION.get(&row, 5)?,
    }))
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

/// Puts this transaction in line behind every other one that changes people or roles.
pub async fn move_revision(tx: &mut Tx) -> Result<(), StoreError> {
    MOVE_REVISION.run(tx, MOVE_REVISION.query()).await.map(|_| ())
}

/// Role and right, by their names.
pub async fn list_role_rights(read: &AnyPool) -> Result<Vec<(String, String)>, StoreError> {
    let rows = LIST_ROLE_RIGHTS.all(read, LIST_ROLE_RIGHTS.query()).await?;
    rows.iter().map(|row| Ok((LIST_ROLE_RIGHTS.get(row, 0)?, LIST_ROLE_RIGHTS.get(row, 1)?))).collect()
}

pub async fn list_dealt(read: &AnyPool) -> Result<Vec<String>, StoreError> {
    let rows = LIST_DEALT.all(read, LIST_DEALT.query()).await?;
    rows.iter().map(|row| LIST_DEALT.get(row, 0)).collect()
}

/// Whether it is dealt out only now.
pub async fn insert_dealt(tx: &mut Tx, right: Right) -> Result<bool, StoreError> {
    Ok(INSERT_DEALT.run(tx, INSERT_DEALT.query().bind(right.name())).await? > 0)
}

pub async fn insert_built_in(
    tx: &mut Tx,
    role: &'static str,
    (zh, en): (&'static str, &'static str),
    now: Timestamp,
) -> Result<(), StoreError> {
    INSERT_BUILT_IN.run(tx, INSERT_BUILT_IN.query().bind(role).bind(zh).bind(en).bind(now.0)).await.map(|_| ())
}

pub async fn insert_role_right(tx: &mut Tx, role: &str, right: Right) -> Result<(), StoreError> {
    let query = INSERT_ROLE_RIGHT.query().bind(role.to_owned()).bind(right.name());
    INSERT_ROLE_RIGHT.run(tx, query).await.map(|_| ())
}
