//! All SQL of the change logs: rows, buckets, marks, lineage and leases.
//!
//! Random 64-bit numbers are kept as the signed number with the same bits.

use super::fold::{Log, Place, Stored};
use crate::store::{Statement, StoreError, Tx};
use crate::{rows, statements};
use packline_protocol::change::{Change, RowId};
use packline_protocol::downlink::Fork;
use packline_protocol::id::{Epoch, Seq, SiteId};
use packline_protocol::proof::{Proof, Root};
use packline_protocol::time::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool};
use std::collections::BTreeSet;

statements! {
    /// The first site after a name that has marks: one step of a walk over the sites.
    NEXT_MARKED_SITE = "SELECT MIN(site) FROM replica_dirty WHERE site > $1";
    /// Takes the lease of a site: a new one, one that has run out, or our own from before.
    TAKE_LEASE = "INSERT INTO replica_site \
        (site, epoch, seq, floor_seq, root, live, gone, lease, lease_owner, lease_until) \
        VALUES ($1, $2, 0, 0, $3, 0, 0, 1, $4, $5) \
        ON CONFLICT (site) DO UPDATE SET \
        lease = replica_site.lease + 1, lease_owner = excluded.lease_owner, lease_until = excluded.lease_until \
        WHERE replica_site.lease_until < $6 OR replica_site.lease_owner = excluded.lease_owner \
        RETURNING lease";
    /// Who holds the lease of a site.
    FIND_LEASE = "SELECT lease_owner, lease_until FROM replica_site WHERE site = $1";
    /// Holds a lease for longer, if it is still ours.
    RENEW_LEASE = "UPDATE replica_site SET lease_until = $3 WHERE site = $1 AND lease = $2";
    /// Where a site's log stands.
    FIND_LOG = "SELECT epoch, seq, floor_seq, root, live, gone FROM replica_site WHERE site = $1";
    /// Moves a site's log, if the lease is still ours.
    SAVE_LOG = "UPDATE replica_site SET epoch = $3, seq = $4, floor_seq = $5, root = $6, live = $7, gone = $8 \
        WHERE site = $1 AND lease = $2";
    /// Stored bucket hashes; at most 1,024.
    BUCKETS_OF = "SELECT bucket, hash FROM replica_bucket WHERE site = $1";
    /// Forgets the bucket hashes of a site.
    CLEAR_BUCKETS = "DELETE FROM replica_bucket WHERE site = $1";
    /// Ended lives of a log, newest first.
    LINEAGE_OF = "SELECT epoch, seq FROM lineage WHERE site = $1 ORDER BY ended_at DESC, seq DESC LIMIT $2";
    /// Ends a life of a log.
    ADD_FORK = "INSERT INTO lineage (site, epoch, seq, ended_at, why) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (site, epoch) DO UPDATE SET seq = excluded.seq, ended_at = excluded.ended_at, why = excluded.why";
    /// Marks of a site with the rows they are about.
    DIRTY_ROWS: Walk = "SELECT d.row_id, d.mark, r.seq, r.body FROM replica_dirty d \
        LEFT JOIN replica_row r ON r.site = d.site AND r.row_id = d.row_id \
        WHERE d.site = $1 ORDER BY d.row_id, d.mark LIMIT $2";
    /// Takes away marks up to one of them.
    CLEAR_DIRTY = "DELETE FROM replica_dirty WHERE site = $1 AND (row_id, mark) <= ($2, $3)";
    /// Whether a site has marks.
    ANY_DIRTY: Walk = "SELECT row_id FROM replica_dirty WHERE site = $1 LIMIT 1";
    /// Rows by rising change number.
    ROWS_AFTER: Walk = "SELECT row_id, seq, body FROM replica_row WHERE site = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    /// When the oldest change after a position was made.
    FIRST_AFTER: Walk = "SELECT updated_at FROM replica_row WHERE site = $1 AND seq > $2 ORDER BY seq LIMIT 1";
    /// The row after so many that changed after a position.
    ROW_BEYOND: Walk = "SELECT seq FROM replica_row WHERE site = $1 AND seq > $2 ORDER BY seq LIMIT 1 OFFSET $3";
    /// Live rows by rising row number.
    LIVE_ROWS: Walk = "SELECT row_id, seq, body FROM replica_row \
        WHERE site = $1 AND row_id > $2 AND body IS NOT NULL ORDER BY row_id LIMIT $3";
    /// The newest tombstone from before a time.
    GONE_BEFORE = "SELECT MAX(seq) FROM replica_row WHERE site = $1 AND body IS NULL AND updated_at < $2";
    /// The newest tombstone but so many.
    GONE_BUT: Walk = "SELECT seq FROM replica_row WHERE site = $1 AND body IS NULL ORDER BY seq DESC LIMIT 1 OFFSET $2";
    /// Drops tombstones up to a position.
    DROP_GONE = "DELETE FROM replica_row WHERE site = $1 AND body IS NULL AND seq <= $2";
    /// How many tombstones a site has.
    COUNT_GONE = "SELECT COUNT(*) FROM replica_row WHERE site = $1 AND body IS NULL";
}

rows! {
    /// Writes rows at their latest change.
    PUT_ROWS [0, 5] = "INSERT INTO replica_row (site, row_id, seq, body, updated_at) VALUES {rows} \
        ON CONFLICT (site, row_id) DO UPDATE SET \
        seq = excluded.seq, body = excluded.body, updated_at = excluded.updated_at";
    /// Which of these rows live.
    LIVE_AMONG [1; BIGINT] = "SELECT row_id FROM replica_row \
        WHERE site = $1 AND body IS NOT NULL AND row_id IN (VALUES {rows})";
    /// Writes bucket hashes.
    PUT_BUCKETS [0, 3] = "INSERT INTO replica_bucket (site, bucket, hash) VALUES {rows} \
        ON CONFLICT (site, bucket) DO UPDATE SET hash = excluded.hash";
}

/// When the oldest change of `site` after `seq` was made, as far as the log still has it.
pub async fn first_change_after(db: &AnyPool, site: &SiteId, seq: Seq) -> Result<Option<Timestamp>, StoreError> {
    let query = FIRST_AFTER.query().bind(site.as_str()).bind(seq.0.cast_signed());
    let row = FIRST_AFTER.find(db, query).await?;
    row.map(|row| FIRST_AFTER.get(&row, 0).map(Timestamp)).transpose()
}

/// A mark, and the row it is about as the log has it.
#[derive(Debug)]
pub struct Dirty {
    /// Which row.
    pub row: RowId,
    /// Which mark.
    pub mark: i64,
    /// The row, if the log has ever had it.
    pub stored: Option<Stored>,
}

/// The first site after `site` (or the first of all) that has marks.
pub async fn next_marked_site(db: &AnyPool, site: Option<&SiteId>) -> Result<Option<SiteId>, StoreError> {
    let after = site.map_or("", SiteId::as_str);
    let row = NEXT_MARKED_SITE.find(db, NEXT_MARKED_SITE.query().bind(after)).await?;
    let Some(row) = row else { return Ok(None) };
    let name: Option<String> = NEXT_MARKED_SITE.get(&row, 0)?;
    name.map(|name| SiteId::parse(&name).map_err(|why| StoreError::row("NEXT_MARKED_SITE", why))).transpose()
}

/// Takes the lease of `site` for `owner`, making the log with life `fresh` when there is none; answers its number, or
/// `None` while another hub holds it.
pub async fn take_lease(
    tx: &mut Tx,
    site: &SiteId,
    owner: &str,
    fresh: Epoch,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<u64>, StoreError> {
    let root = Proof::empty(site).root(fresh, Seq(0));
    let query = TAKE_LEASE
        .query()
        .bind(site.as_str())
        .bind(fresh.0.cast_signed())
        .bind(root.0.to_vec())
        .bind(owner.to_owned())
        .bind(until.0)
        .bind(now.0);
    let row = TAKE_LEASE.find(tx.conn(), query).await?;
    row.map(|row| u64_at(TAKE_LEASE, &row, 0)).transpose()
}

/// Whether `owner` may take the lease of `site` at `now`, as far as a look without taking it tells.
pub async fn is_free(db: &AnyPool, site: &SiteId, owner: &str, now: Timestamp) -> Result<bool, StoreError> {
    let row = FIND_LEASE.find(db, FIND_LEASE.query().bind(site.as_str())).await?;
    let Some(row) = row else { return Ok(true) };
    let (holder, until): (String, i64) = (FIND_LEASE.get(&row, 0)?, FIND_LEASE.get(&row, 1)?);
    Ok(holder == owner || until < now.0)
}

/// Holds a lease until `until`; `false` when it is not ours any more.
pub async fn renew_lease(tx: &mut Tx, site: &SiteId, lease: u64, until: Timestamp) -> Result<bool, StoreError> {
    let query = RENEW_LEASE.query().bind(site.as_str()).bind(lease.cast_signed()).bind(until.0);
    Ok(RENEW_LEASE.run(tx, query).await? > 0)
}

/// A site's log as it is stored.
#[derive(Debug)]
pub struct StoredPlace {
    /// Where it stands.
    pub place: Place,
    /// The proof there.
    pub root: Root,
}

/// Where the log of `site` stands, if it has one.
pub async fn find_place(conn: &mut AnyConnection, site: &SiteId) -> Result<Option<StoredPlace>, StoreError> {
    let row = FIND_LOG.find(&mut *conn, FIND_LOG.query().bind(site.as_str())).await?;
    let Some(row) = row else { return Ok(None) };
    let root: Vec<u8> = FIND_LOG.get(&row, 3)?;
    let root = root.try_into().map_err(|_| StoreError::row(FIND_LOG.name, "a root is not 16 bytes"))?;
    let place = Place {
        epoch: Epoch(bits_at(FIND_LOG, &row, 0)?),
        seq: Seq(u64_at(FIND_LOG, &row, 1)?),
        floor: Seq(u64_at(FIND_LOG, &row, 2)?),
        live: u64_at(FIND_LOG, &row, 4)?,
        gone: u64_at(FIND_LOG, &row, 5)?,
        lineage: lineage(conn, site).await?,
    };
    Ok(Some(StoredPlace { place, root: Root(root) }))
}

/// The proof that the stored bucket hashes make.
pub async fn proof(conn: &mut AnyConnection, site: &SiteId) -> Result<Proof, StoreError> {
    Ok(Proof::with_buckets(site, buckets(conn, site).await?))
}

/// Moves the log; `false` when the lease is not ours any more, and then nothing may be committed.
pub async fn save_log(tx: &mut Tx, site: &SiteId, lease: u64, log: &Log) -> Result<bool, StoreError> {
    let query = SAVE_LOG
        .query()
        .bind(site.as_str())
        .bind(lease.cast_signed())
        .bind(log.place.epoch.0.cast_signed())
        .bind(log.place.seq.0.cast_signed())
        .bind(log.place.floor.0.cast_signed())
        .bind(log.root().0.to_vec())
        .bind(log.place.live.cast_signed())
        .bind(log.place.gone.cast_signed());
    Ok(SAVE_LOG.run(tx, query).await? > 0)
}

async fn buckets(conn: &mut AnyConnection, site: &SiteId) -> Result<Vec<(u16, u128)>, StoreError> {
    let rows = BUCKETS_OF.all(conn, BUCKETS_OF.query().bind(site.as_str())).await?;
    let bucket = |row: &AnyRow| {
        let wrong = |_| StoreError::row(BUCKETS_OF.name, "a bucket is not a number and 16 bytes");
        let bucket = u16::try_from(BUCKETS_OF.get::<i64>(row, 0)?).map_err(|_| wrong(Vec::new()))?;
        let hash: [u8; 16] = BUCKETS_OF.get::<Vec<u8>>(row, 1)?.try_into().map_err(wrong)?;
        Ok((bucket, u128::from_le_bytes(hash)))
    };
    rows.iter().map(bucket).collect()
}

/// Writes the hashes of these buckets as `proof` has them.
pub async fn put_buckets(
    tx: &mut Tx,
    site: &SiteId,
    proof: &Proof,
    touched: impl IntoIterator<Item = u16>,
) -> Result<(), StoreError> {
    let touched: Vec<u16> = touched.into_iter().collect();
    let hash = |bucket: u16| proof.bucket(bucket).to_le_bytes().to_vec();
    PUT_BUCKETS
        .write(tx, &touched, |query, bucket| {
            query.bind(site.as_str().to_owned()).bind(i64::from(*bucket)).bind(hash(*bucket))
        })
        .await?;
    Ok(())
}

/// Forgets all bucket hashes of a site, before they are written anew.
pub async fn clear_buckets(tx: &mut Tx, site: &SiteId) -> Result<(), StoreError> {
    CLEAR_BUCKETS.run(tx, CLEAR_BUCKETS.query().bind(site.as_str())).await?;
    Ok(())
}

/// So many ended lives are told to stations; a replica of an older one takes a snapshot.
pub const LINEAGE_MAX: usize = 8;

async fn lineage(conn: &mut AnyConnection, site: &SiteId) -> Result<Vec<Fork>, StoreError> {
    let rows = LINEAGE_OF.all(conn, LINEAGE_OF.query().bind(site.as_str()).bind(LINEAGE_MAX as i64)).await?;
    let fork =
        |row: &AnyRow| Ok(Fork { epoch: Epoch(bits_at(LINEAGE_OF, row, 0)?), seq: Seq(u64_at(LINEAGE_OF, row, 1)?) });
    rows.iter().map(fork).collect()
}

/// Ends a life of the log at `fork`.
pub async fn add_fork(tx: &mut Tx, site: &SiteId, fork: Fork, now: Timestamp, why: &str) -> Result<(), StoreError> {
    let query = ADD_FORK
        .query()
        .bind(site.as_str())
        .bind(fork.epoch.0.cast_signed())
        .bind(fork.seq.0.cast_signed())
        .bind(now.0)
        .bind(why.to_owned());
    ADD_FORK.run(tx, query).await?;
    Ok(())
}

/// Up to `limit` marks, by row, with the rows.
pub async fn dirty_rows(tx: &mut Tx, site: &SiteId, limit: usize) -> Result<Vec<Dirty>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = DIRTY_ROWS.all(tx.conn(), DIRTY_ROWS.query().bind(site.as_str()).bind(limit)).await?;
    let dirty = |row: &AnyRow| {
        let seq: Option<i64> = DIRTY_ROWS.get(row, 2)?;
        let body: Option<Vec<u8>> = DIRTY_ROWS.get(row, 3)?;
        let stored = seq.map(|seq| Stored { seq: Seq(seq.cast_unsigned()), body });
        Ok(Dirty { row: RowId(bits_at(DIRTY_ROWS, row, 0)?), mark: DIRTY_ROWS.get(row, 1)?, stored })
    };
    rows.iter().map(dirty).collect()
}

/// Takes away the marks up to and with this one.
pub async fn clear_dirty(tx: &mut Tx, site: &SiteId, last: &Dirty) -> Result<(), StoreError> {
    let query = CLEAR_DIRTY.query().bind(site.as_str()).bind(last.row.0.cast_signed()).bind(last.mark);
    CLEAR_DIRTY.run(tx, query).await?;
    Ok(())
}

/// Whether anything waits to be folded.
pub async fn any_dirty(db: &AnyPool, site: &SiteId) -> Result<bool, StoreError> {
    Ok(ANY_DIRTY.find(db, ANY_DIRTY.query().bind(site.as_str())).await?.is_some())
}

/// Writes these rows at their latest change.
pub async fn put_rows(tx: &mut Tx, site: &SiteId, changes: &[&Change], now: Timestamp) -> Result<(), StoreError> {
    PUT_ROWS
        .write(tx, changes, |query, change| {
            query
                .bind(site.as_str().to_owned())
                .bind(change.row.0.cast_signed())
                .bind(change.seq.0.cast_signed())
                .bind(change.body.clone())
                .bind(now.0)
        })
        .await?;
    Ok(())
}

/// Up to `limit` rows that changed after `seq`, by change.
pub async fn rows_after(
    conn: &mut AnyConnection,
    site: &SiteId,
    seq: Seq,
    limit: usize,
) -> Result<Vec<Change>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let query = ROWS_AFTER.query().bind(site.as_str()).bind(seq.0.cast_signed()).bind(limit);
    changes(ROWS_AFTER, &ROWS_AFTER.all(conn, query).await?)
}

/// Whether `count` rows or more changed after `seq`.
pub async fn has_after(conn: &mut AnyConnection, site: &SiteId, seq: Seq, count: u64) -> Result<bool, StoreError> {
    let Some(beyond) = count.checked_sub(1) else { return Ok(true) };
    let beyond = i64::try_from(beyond).unwrap_or(i64::MAX);
    let query = ROW_BEYOND.query().bind(site.as_str()).bind(seq.0.cast_signed()).bind(beyond);
    Ok(ROW_BEYOND.find(conn, query).await?.is_some())
}

/// Up to `limit` live rows after `row`, by row; `None` begins.
pub async fn live_rows(
    conn: &mut AnyConnection,
    site: &SiteId,
    row: Option<RowId>,
    limit: usize,
) -> Result<Vec<Change>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = row.map_or(-1, |row| row.0.cast_signed());
    let query = LIVE_ROWS.query().bind(site.as_str()).bind(after).bind(limit);
    changes(LIVE_ROWS, &LIVE_ROWS.all(conn, query).await?)
}

/// Which of these rows live.
pub async fn which_live(
    conn: &mut AnyConnection,
    site: &SiteId,
    rows: &[RowId],
) -> Result<BTreeSet<RowId>, StoreError> {
    let found = LIVE_AMONG
        .fetch_with(
            conn,
            rows,
            |query| query.bind(site.as_str().to_owned()),
            |query, row| query.bind(row.0.cast_signed()),
        )
        .await?;
    found.iter().map(|row| bits_at(LIVE_AMONG.statement, row, 0).map(RowId)).collect()
}

/// The newest tombstone that was made before `before`.
pub async fn gone_before(tx: &mut Tx, site: &SiteId, before: Timestamp) -> Result<Option<Seq>, StoreError> {
    let query = GONE_BEFORE.query().bind(site.as_str()).bind(before.0);
    let seq: Option<i64> = GONE_BEFORE.one(tx, query).await?;
    Ok(seq.map(|seq| Seq(seq.cast_unsigned())))
}

/// The newest tombstone after which only `keep` more come.
pub async fn gone_but(tx: &mut Tx, site: &SiteId, keep: u64) -> Result<Option<Seq>, StoreError> {
    let query = GONE_BUT.query().bind(site.as_str()).bind(i64::try_from(keep).unwrap_or(i64::MAX));
    let row = GONE_BUT.find(tx.conn(), query).await?;
    row.map(|row| u64_at(GONE_BUT, &row, 0).map(Seq)).transpose()
}

/// Drops the tombstones up to `seq` and says how many.
pub async fn drop_gone(tx: &mut Tx, site: &SiteId, seq: Seq) -> Result<u64, StoreError> {
    DROP_GONE.run(tx, DROP_GONE.query().bind(site.as_str()).bind(seq.0.cast_signed())).await
}

/// How many tombstones there are.
pub async fn count_gone(conn: &mut AnyConnection, site: &SiteId) -> Result<u64, StoreError> {
    let rows = COUNT_GONE.all(conn, COUNT_GONE.query().bind(site.as_str())).await?;
    rows.first().map_or(Ok(0), |row| u64_at(COUNT_GONE, row, 0))
}

fn changes(statement: Statement, rows: &[AnyRow]) -> Result<Vec<Change>, StoreError> {
    let change = |row: &AnyRow| {
        let (row_id, seq) = (bits_at(statement, row, 0)?, u64_at(statement, row, 1)?);
        Ok(Change { row: RowId(row_id), seq: Seq(seq), body: statement.get(row, 2)? })
    };
    rows.iter().map(change).collect()
}

fn bits_at(statement: Statement, row: &AnyRow, place: usize) -> Result<u64, StoreError> {
    Ok(statement.get::<i64>(row, place)?.cast_unsigned())
}

fn u64_at(statement: Statement, row: &AnyRow, place: usize) -> Result<u64, StoreError> {
    let number: i64 = statement.get(row, place)?;
    u64::try_from(number).map_err(|_| StoreError::row(statement.name, format!("a count is {number}")))
}
