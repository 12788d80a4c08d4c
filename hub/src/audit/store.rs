//! SQL of the audit log.

use super::model::{GENESIS, Hash, Recorded};
use crate::store::statement::Bound;
use crate::store::{StoreError, Tx};
use crate::{rows, statements};

statements! {
    /// Takes so many numbers at the end of the chain, and holds the end until the commit. Says the last number and the
    /// hash before the first.
    TAKE_HEAD = "INSERT INTO audit_head (only_row, seq, hash) VALUES (1, $1, $2) \
        ON CONFLICT (only_row) DO UPDATE SET seq = audit_head.seq + $1 RETURNING seq, hash";
    /// Moves the end's hash.
    MOVE_HEAD = "UPDATE audit_head SET hash = $1 WHERE only_row = 1";
}

rows! {
    /// Adds entries.
    PUT_ENTRIES [0, 13] = "INSERT INTO audit_entry (seq, happened_at, actor, action, subject_kind, subject_id, \
        before_state, after_state, reason, prev_hash, hash, mac, key_id) VALUES {rows}";
}

/// Takes `count` numbers and holds the end of the chain: the first of them, and the hash before it.
pub(super) async fn take_head(tx: &mut Tx, count: i64) -> Result<(i64, Hash), StoreError> {
    let query = TAKE_HEAD.query().bind(count).bind(GENESIS.to_vec());
    let row = TAKE_HEAD.find(tx.conn(), query).await?;
    let row = row.ok_or_else(|| StoreError::row("TAKE_HEAD", "the end of the chain is missing"))?;
    let last: i64 = TAKE_HEAD.get(&row, 0)?;
    Ok((last - count + 1, hash("TAKE_HEAD", TAKE_HEAD.get(&row, 1)?)?))
}

pub(super) async fn move_head(tx: &mut Tx, hash: &Hash) -> Result<(), StoreError> {
    MOVE_HEAD.run(tx, MOVE_HEAD.query().bind(hash.to_vec())).await.map(drop)
}

pub(super) async fn insert(tx: &mut Tx, entries: &[Recorded]) -> Result<(), StoreError> {
    PUT_ENTRIES.write(tx, entries, bind_entry).await.map(drop)
}

fn bind_entry<'q>(query: Bound<'q>, entry: &'q Recorded) -> Bound<'q> {
    query
        .bind(entry.seq)
        .bind(entry.at.0)
        .bind(entry.actor.as_str())
        .bind(entry.action.as_str())
        .bind(entry.subject_kind.as_str())
        .bind(entry.subject_id.as_str())
        .bind(entry.before.as_deref())
        .bind(entry.after.as_deref())
        .bind(entry.reason.as_deref())
        .bind(entry.prev.as_slice())
        .bind(entry.hash.as_slice())
        .bind(entry.mac.as_slice())
        .bind(entry.key_id.as_str())
}

fn hash(what: &'static str, bytes: Vec<u8>) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::row(what, "a hash that is not 32 bytes"))
}
