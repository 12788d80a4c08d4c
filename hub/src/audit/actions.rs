//! Writing changes down.

use super::chain;
use super::model::{Entry, Recorded};
use super::store;
use crate::store::{StoreError, Tx};

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
