//! All SQL of answers that are kept for repeats.

use crate::statements;
use crate::store::{StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;
use sqlx::any::AnyRow;

statements! {
    /// A request begins, unless one with its key did.
    BEGIN = "INSERT INTO idempotent_answer (key_hash, request_hash, created_at) VALUES ($1, $2, $3) \
        ON CONFLICT (key_hash) DO NOTHING";
    /// What is known of a key.
    FIND_ANSWER = "SELECT request_hash, status, content_type, location, body FROM idempotent_answer WHERE key_hash = $1";
    /// The answer to a request.
    PUT_ANSWER = "UPDATE idempotent_answer SET status = $2, content_type = $3, location = $4, body = $5 \
        WHERE key_hash = $1";
    /// A key that may be used again: its request came to nothing.
    DROP_KEY = "DELETE FROM idempotent_answer WHERE key_hash = $1";
    /// Forgets old answers.
    DROP_OLD = "DELETE FROM idempotent_answer WHERE created_at < $1";
}

/// An answer as it is kept; the body is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The HTTP status.
    pub status: u16,
    /// What kind of content it is.
    pub content_type: Option<String>,
    /// Where what was made is.
    pub location: Option<String>,
    /// The sealed body.
    pub body: Vec<u8>,
}

/// What is known of a key: the request that came with it, and the answer when there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The hash of the request.
    pub request_hash: String,
    /// Its answer.
    pub answer: Option<Kept>,
}

/// A request begins; `false` when one with its key did before.
pub async fn begin(tx: &mut Tx, key: &str, request: &str, now: Timestamp) -> Result<bool, StoreError> {
    let query = BEGIN.query().bind(key.to_owned()).bind(request.to_owned()).bind(now.0);
    Ok(BEGIN.run(tx, query).await? > 0)
}

/// What is known of a key.
pub async fn find(db: &AnyPool, key: &str) -> Result<Option<Known>, StoreError> {
    let row = FIND_ANSWER.find(db, FIND_ANSWER.query().bind(key.to_owned())).await?;
    row.map(|row| known(&row)).transpose()
}

fn known(row: &AnyRow) -> Result<Known, StoreError> {
    let status: Option<i64> = FIND_ANSWER.get(row, 1)?;
    let body: Option<Vec<u8>> = FIND_ANSWER.get(row, 4)?;
    let answer = match status.and_then(|status| u16::try_from(status).ok()).zip(body) {
        Some((status, body)) => {
            Some(Kept { status, content_type: FIND_ANSWER.get(row, 2)?, location: FIND_ANSWER.get(row, 3)?, body })
        }
        None => None,
    };
    Ok(Known { request_hash: FIND_ANSWER.get(row, 0)?, answer })
}

/// Keeps the answer to a request.
pub async fn put(tx: &mut Tx, key: &str, kept: &Kept) -> Result<(), StoreError> {
    let query = PUT_ANSWER
        .query()
        .bind(key.to_owned())
        .bind(i64::from(kept.status))
        .bind(kept.content_type.clone())
        .bind(kept.location.clone())
        .bind(kept.body.clone());
    PUT_ANSWER.run(tx, query).await.map(|_| ())
}

/// Makes a key free again.
pub async fn drop_key(tx: &mut Tx, key: &str) -> Result<(), StoreError> {
    DROP_KEY.run(tx, DROP_KEY.query().bind(key.to_owned())).await.map(|_| ())
}

/// Forgets answers from before `before`; says how many.
pub async fn drop_old(tx: &mut Tx, before: Timestamp) -> Result<u64, StoreError> {
    DROP_OLD.run(tx, DROP_OLD.query().bind(before.0)).await
}
