//! Writing changes down, and reading them again.

mod check;
mod export;

pub use check::{Watch, accept_restore, seal, verify};
pub use export::{Form, document, export};

use super::chain;
use super::model::{Cursor, Entry, Filter, ORDER, Page, Recorded, Report};
use super::store;
use crate::app::App;
use crate::store::{Db, StoreError, Tx};
use packline_protocol::id::OrderId;
use packline_protocol::time::Timestamp;

/// Entries of a page at most.
pub const PAGE_MAX: usize = 500;

/// Writes a change down, in the transaction that makes it: both are durable, or neither.
///
/// Call it last, right before the commit. From here on this transaction holds the end of the chain, and every other one
/// that records waits for its commit; one that waits for a row of the other meanwhile would be a deadlock.
pub async fn record(tx: &mut Tx, entry: Entry) -> Result<(), StoreError> {
    record_all(tx, vec![entry]).await
}

/// As [`record`], for many changes of one transaction, in their order.
pub async fn record_all(tx: &mut Tx, entries: Vec<Entry>) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let key = tx.chain_key()?;
    let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
    let (first, mut prev) = store::take_head(tx, count).await?;
    let mut recorded: Vec<Recorded> = Vec::with_capacity(entries.len());
    for (entry, seq) in entries.into_iter().zip(first..) {
        let entry = chain::link(entry, seq, prev, &key);
        prev = entry.hash;
        recorded.push(entry);
    }
    store::insert(tx, &recorded).await?;
    store::move_head(tx, &prev).await
}

/// As [`record`], in a transaction of its own: for what changes nothing but is to be known, such as an export.
pub async fn note(db: &Db, entry: Entry) -> Result<(), StoreError> {
    let mut tx = db.begin("audit.note").await?;
    record(&mut tx, entry).await?;
    tx.commit().await
}

/// A page of entries, the newest first, before a cursor.
pub async fn list(db: &Db, filter: &Filter, before: Option<Cursor>, limit: usize) -> Result<Page, StoreError> {
    let limit = limit.clamp(1, PAGE_MAX);
    let asked = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut entries = store::list(db.read(), filter, start(filter, before), asked).await?;
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| has_more).map(|entry| Cursor { at: entry.at, seq: entry.seq });
    Ok(Page { entries, next })
}

fn start(filter: &Filter, before: Option<Cursor>) -> (Timestamp, i64) {
    let end = filter.until.map_or((Timestamp(i64::MAX), i64::MAX), |until| (until, i64::MIN));
    before.map_or(end, |cursor| end.min((cursor.at, cursor.seq)))
}

/// The newest entries about an order, for its time line.
pub async fn of_order(db: &Db, order: OrderId, limit: usize) -> Result<Vec<Recorded>, StoreError> {
    let filter =
        Filter { subject_kind: Some(ORDER.into()), subject_id: Some(order.0.to_string()), ..Filter::default() };
    Ok(list(db, &filter, None, limit).await?.entries)
}

/// Every kind of change that there is an entry of.
pub async fn kinds(db: &Db) -> Result<Vec<String>, StoreError> {
    store::actions(db.read()).await
}

/// What the last check of the chain in this process came to.
pub fn last_report(app: &App) -> Option<Report> {
    app.audit.report()
}
