//! SQL of the audit log.

use super::model::{Filter, GENESIS, Hash, Recorded, Seal};
use crate::store::statement::Bound;
use crate::store::{Connection, StoreError, Tx};
use crate::{rows, statements};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;
use sqlx::any::AnyRow;

macro_rules! columns {
    () => {
        "seq, happened_at, actor, action, subject_kind, subject_id, before_state, after_state, reason, prev_hash, \
         hash, mac, key_id"
    };
}

/// The newest entries before a place in time, down to a time.
macro_rules! list {
    ($filter:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM audit_entry WHERE (happened_at, seq) < ($1, $2) AND happened_at >= $3",
            $filter,
            " ORDER BY happened_at DESC, seq DESC LIMIT $4"
        )
    };
}

statements! {
    /// Takes so many numbers at the end of the chain, and holds the end until the commit. Says the last number and the
    /// hash before the first.
    TAKE_HEAD = "INSERT INTO audit_head (only_row, seq, hash) VALUES (1, $1, $2) \
        ON CONFLICT (only_row) DO UPDATE SET seq = audit_head.seq + $1 RETURNING seq, hash";
    /// Moves the end's hash.
    MOVE_HEAD = "UPDATE audit_head SET hash = $1 WHERE only_row = 1";
    /// The end of the chain.
    FIND_HEAD = "SELECT seq, hash FROM audit_head WHERE only_row = 1";
    /// The last entry there is.
    LAST_ENTRY: Walk = "SELECT seq FROM audit_entry ORDER BY seq DESC LIMIT 1";
    /// Entries after one, up to another, in their order.
    ENTRIES_AFTER: Walk = concat!("SELECT ", columns!(), " FROM audit_entry WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3");
    /// Where the entry stands that follows from this hash. Only asked when the chain is broken.
    FOLLOWER: All = "SELECT seq FROM audit_entry WHERE prev_hash = $1 ORDER BY seq LIMIT 1";
    /// Adds a seal.
    PUT_SEAL = "INSERT INTO audit_seal (seq, hash, sealed_at, key_id, signature) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (seq) DO NOTHING";
    /// Seals after one entry, in their order.
    SEALS_AFTER: Walk = "SELECT seq, hash, sealed_at, key_id, signature FROM audit_seal WHERE seq > $1 AND seq <= $2 \
        ORDER BY seq LIMIT $3";
    /// The newest seal.
    LAST_SEAL: Walk = "SELECT seq, hash, sealed_at, key_id, signature FROM audit_seal ORDER BY seq DESC LIMIT 1";
    /// The newest entries.
    LIST: Walk = list!("");
    /// The newest entries of an actor.
    LIST_BY_ACTOR: Walk = list!(" AND actor = $5");
    /// The newest entries of a kind of change.
    LIST_BY_ACTION: Walk = list!(" AND action = $5");
    /// The newest entries of a kind of change by an actor.
    LIST_BY_ACTOR_ACTION: Walk = list!(" AND actor = $5 AND action = $6");
    /// The newest entries about a kind of thing.
    LIST_BY_KIND: Walk = list!(" AND subject_kind = $5");
    /// The newest entries about a kind of thing by an actor.
    LIST_BY_KIND_ACTOR: Walk = list!(" AND subject_kind = $5 AND actor = $6");
    /// The newest entries of a kind of change about a kind of thing.
    LIST_BY_KIND_ACTION: Walk = list!(" AND subject_kind = $5 AND action = $6");
    /// The newest entries of a kind of change about a kind of thing by an actor.
    LIST_BY_KIND_ACTOR_ACTION: Walk = list!(" AND subject_kind = $5 AND actor = $6 AND action = $7");
    /// The newest entries about one thing.
    LIST_BY_SUBJECT: Walk = list!(" AND subject_kind = $5 AND subject_id = $6");
    /// The newest entries about one thing by an actor.
    LIST_BY_SUBJECT_ACTOR: Walk = list!(" AND subject_kind = $5 AND subject_id = $6 AND actor = $7");
    /// The newest entries of a kind of change about one thing.
    LIST_BY_SUBJECT_ACTION: Walk = list!(" AND subject_kind = $5 AND subject_id = $6 AND action = $7");
    /// The newest entries of a kind of change about one thing by an actor.
    LIST_BY_ALL: Walk = list!(" AND subject_kind = $5 AND subject_id = $6 AND actor = $7 AND action = $8");
    /// Every kind of change that there is an entry of: one step along the index for each.
    ACTIONS: Walk = "WITH RECURSIVE given (action) AS (SELECT MIN(action) FROM audit_entry UNION ALL \
        SELECT (SELECT MIN(action) FROM audit_entry WHERE action > given.action) FROM given \
        WHERE given.action IS NOT NULL) SELECT action FROM given WHERE action IS NOT NULL LIMIT 500";
}

rows! {
    /// Adds entries.
    PUT_ENTRIES [0, 13] = concat!("INSERT INTO audit_entry (", columns!(), ") VALUES {rows}");
}

/// Takes `count` numbers and holds the end of the chain: the first of them, and the hash before it.
pub(super) async fn take_head(tx: &mut Tx, count: i64) -> Result<(i64, Hash), StoreError> {
    let query = TAKE_HEAD.query().bind(count).bind(GENESIS.to_vec());
    let row = TAKE_HEAD.find(tx.conn(), query).await?;
    let row = row.ok_or_else(|| StoreError::row("TAKE_HEAD", "the end of the chain is missing"))?;
    let last: i64 = TAKE_HEAD.get(&row, 0)?;
    Ok((last - count + 1, hash(TAKE_HEAD.get(&row, 1)?)))
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

/// The end of the chain as it is written down, and the number of the last entry that is really there.
pub(super) async fn head(connection: &mut Connection) -> Result<(i64, Hash, i64), StoreError> {
    let head = FIND_HEAD.find(&mut *connection, FIND_HEAD.query()).await?;
    let (seq, end) = match &head {
        Some(row) => (FIND_HEAD.get(row, 0)?, hash(FIND_HEAD.get(row, 1)?)),
        None => (0, GENESIS),
    };
    let last = LAST_ENTRY.find(connection, LAST_ENTRY.query()).await?;
    let last = last.map(|row| LAST_ENTRY.get(&row, 0)).transpose()?;
    Ok((seq, end, last.unwrap_or(0)))
}

pub(super) async fn entries_after(
    pool: &AnyPool,
    after: i64,
    upto: i64,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let query = ENTRIES_AFTER.query().bind(after).bind(upto).bind(limit);
    ENTRIES_AFTER.all(pool, query).await?.iter().map(recorded).collect()
}

pub(super) async fn find_follower(pool: &AnyPool, hash: &Hash) -> Result<Option<i64>, StoreError> {
    let row = FOLLOWER.find(pool, FOLLOWER.query().bind(hash.to_vec())).await?;
    row.map(|row| FOLLOWER.get(&row, 0)).transpose()
}

pub(super) async fn put_seal(tx: &mut Tx, seal: &Seal) -> Result<(), StoreError> {
    let query = PUT_SEAL.query().bind(seal.seq).bind(seal.hash.to_vec()).bind(seal.at.0);
    PUT_SEAL.run(tx, query.bind(seal.key_id.clone()).bind(seal.signature.clone())).await.map(drop)
}

pub(super) async fn seals_after(pool: &AnyPool, after: i64, upto: i64, limit: i64) -> Result<Vec<Seal>, StoreError> {
    let query = SEALS_AFTER.query().bind(after).bind(upto).bind(limit);
    SEALS_AFTER.all(pool, query).await?.iter().map(seal).collect()
}

pub(super) async fn last_seal(pool: &AnyPool) -> Result<Option<Seal>, StoreError> {
    LAST_SEAL.find(pool, LAST_SEAL.query()).await?.as_ref().map(seal).transpose()
}

/// The newest entries before (`time`, `seq`), not older than `from`.
pub(super) async fn list(
    pool: &AnyPool,
    filter: &Filter,
    before: (Timestamp, i64),
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let id = filter.subject_id.as_ref().filter(|_| filter.subject_kind.is_some());
    let statement = match (&filter.subject_kind, id, &filter.actor, &filter.action) {
        (None, _, None, None) => LIST,
        (None, _, Some(_), None) => LIST_BY_ACTOR,
        (None, _, None, Some(_)) => LIST_BY_ACTION,
        (None, _, Some(_), Some(_)) => LIST_BY_ACTOR_ACTION,
        (Some(_), None, None, None) => LIST_BY_KIND,
        (Some(_), None, Some(_), None) => LIST_BY_KIND_ACTOR,
        (Some(_), None, None, Some(_)) => LIST_BY_KIND_ACTION,
        (Some(_), None, Some(_), Some(_)) => LIST_BY_KIND_ACTOR_ACTION,
        (Some(_), Some(_), None, None) => LIST_BY_SUBJECT,
        (Some(_), Some(_), Some(_), None) => LIST_BY_SUBJECT_ACTOR,
        (Some(_), Some(_), None, Some(_)) => LIST_BY_SUBJECT_ACTION,
        (Some(_), Some(_), Some(_), Some(_)) => LIST_BY_ALL,
    };
    let from = filter.from.map_or(i64::MIN, |from| from.0);
    let query = statement.query().bind(before.0.0).bind(before.1).bind(from).bind(limit);
    let words = [filter.subject_kind.as_ref(), id, filter.actor.as_ref(), filter.action.as_ref()];
    let query = words.into_iter().flatten().fold(query, |query, word| query.bind(word.clone()));
    statement.all(pool, query).await?.iter().map(recorded).collect()
}

/// Every kind of change that there is an entry of.
pub(super) async fn actions(pool: &AnyPool) -> Result<Vec<String>, StoreError> {
    ACTIONS.all(pool, ACTIONS.query()).await?.iter().map(|row| ACTIONS.get(row, 0)).collect()
}

fn recorded(row: &AnyRow) -> Result<Recorded, StoreError> {
    let what = LIST;
    Ok(Recorded {
        seq: what.get(row, 0)?,
        at: Timestamp(what.get(row, 1)?),
        actor: what.get(row, 2)?,
        action: what.get(row, 3)?,
        subject_kind: what.get(row, 4)?,
        subject_id: what.get(row, 5)?,
        before: what.get(row, 6)?,
        after: what.get(row, 7)?,
        reason: what.get(row, 8)?,
        prev: hash(what.get(row, 9)?),
        hash: hash(what.get(row, 10)?),
        mac: hash(what.get(row, 11)?),
        key_id: what.get(row, 12)?,
    })
}

fn seal(row: &AnyRow) -> Result<Seal, StoreError> {
    let what = LAST_SEAL;
    let (seq, hash) = (what.get(row, 0)?, hash(what.get(row, 1)?));
    let at = Timestamp(what.get(row, 2)?);
    Ok(Seal { seq, hash, at, key_id: what.get(row, 3)?, signature: what.get(row, 4)? })
}

/// Bytes that are no hash become one that fits nothing, so that the check of the chain names the entry.
fn hash(bytes: Vec<u8>) -> Hash {
    bytes.try_into().unwrap_or([0xFF; 32])
}
