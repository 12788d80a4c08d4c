//! Takes keys, keeps answers, gives them again.

use super::store::{self, Kept};
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::privacy::Place;

/// Answers are given again for so long, in milliseconds: a day.
const KEEP_MS: i64 = 24 * 3_600_000;

/// What to do with a request that came with a key.
#[derive(Debug)]
pub enum Turn {
    /// Nobody sent it before: do it.
    First,
    /// It was done: this was the answer.
    Again(Kept),
}

/// Takes a key for a request.
pub async fn take(app: &App, key: &str, request: &str) -> Result<Turn> {
    let mut tx = app.db.begin("idempotency.take").await?;
    let first = store::begin(&mut tx, key, request, app.clock.now()).await?;
    tx.commit().await?;
    if first {
        return Ok(Turn::First);
    }
    let Some(known) = store::find(app.db.read(), key).await? else {
        return Err(Error::new(
            Kind::Conflict,
            "the first request with this key has just come to nothing; send it again",
        ));
    };
    if known.request_hash != request {
        let message = "this Idempotency-Key came with another request before; give a new request a new key";
        return Err(Error::invalid(message));
    }
    match known.answer {
        Some(kept) => Ok(Turn::Again(Kept { body: open(app, key, &kept.body)?, ..kept })),
        None => Err(Error::new(
            Kind::Conflict,
            "the first request with this key is being worked on, or the hub stopped in its middle; look whether it was \
             done before you send it with a new key",
        )),
    }
}

/// Keeps the answer to a request; its body comes as it is and is sealed here.
pub async fn keep(app: &App, key: &str, answer: Kept) -> Result<()> {
    let sealed = app.vault.seal(place(key), &answer.body);
    let mut tx = app.db.begin("idempotency.keep").await?;
    store::put(&mut tx, key, &Kept { body: sealed, ..answer }).await?;
    Ok(tx.commit().await?)
}

/// The request came to nothing: its key is free.
pub async fn let_go(app: &App, key: &str) -> Result<()> {
    let mut tx = app.db.begin("idempotency.let_go").await?;
    store::drop_key(&mut tx, key).await?;
    Ok(tx.commit().await?)
}

/// Forgets answers that are older than a day; says how many.
pub async fn forget_old(app: &App) -> Result<u64> {
    let mut tx = app.db.begin("idempotency.forget").await?;
    let gone = store::drop_old(&mut tx, app.clock.now().plus_ms(-KEEP_MS)).await?;
    tx.commit().await?;
    Ok(gone)
}

fn open(app: &App, key: &str, sealed: &[u8]) -> Result<Vec<u8>> {
    let opened = app.vault.open_sealed(place(key), sealed);
    opened.map_err(|cause| Error::internal("failed to open a kept answer", cause))
}

fn place(key: &str) -> Place<'_> {
    Place { table: "idempotent_answer", column: "body", row: key }
}
