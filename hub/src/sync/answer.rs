//! What stations ask about a log, answered from the store alone: ranges, bucket hashes, rows of buckets.
//!
//! Nothing is kept between questions, so any number of stations may ask, and it does not matter which process answers.
//! Each answer shows the log at one moment.

use super::fold::{self, Place, Standing, standing};
use super::store;
use crate::store::{Db, StoreError, View};
use packline_protocol::change::Change;
use packline_protocol::downlink::{BucketRows, Buckets, Delta, RANGE_DELTAS_MAX};
use packline_protocol::id::{Epoch, Seq, SiteId};
use packline_protocol::proof::{Root, bucket_of};
use std::collections::BTreeSet;

/// Rows per read.
const READ_ROWS: usize = 2_000;
/// A site with more rows than this is not searched for the rows of some buckets: a snapshot is the shorter way.
const SEARCH_ROWS_MAX: u64 = 100_000;
/// The most buckets that one request may name; a station with more differing ones takes a snapshot.
pub const BUCKETS_ASKED_MAX: usize = 256;

/// The answer to a request for changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeAnswer {
    /// These follow on the position that was asked about; none when it is the newest.
    Deltas(Vec<Delta>),
    /// A snapshot is the shorter way, or the only one.
    Snapshot,
    /// The asker has seen changes that this log does not have.
    Ahead,
    /// This site has no log.
    NoLog,
}

/// The changes after `from` for a replica of life `epoch`: at most [`RANGE_DELTAS_MAX`] deltas, the last of which has a
/// root only when nothing follows.
pub async fn range(db: &Db, site: &SiteId, epoch: Epoch, from: Seq) -> Result<RangeAnswer, StoreError> {
    let mut view = db.view("sync.range").await?;
    let Some(stored) = store::find_place(view.conn(), site).await? else { return Ok(RangeAnswer::NoLog) };
    let place = stored.place;
    match standing(&place, epoch, from) {
        Standing::Ahead => return Ok(RangeAnswer::Ahead),
        Standing::Lost => return Ok(RangeAnswer::Snapshot),
        Standing::Follows => {}
    }
    if is_longer_than_snapshot(&mut view, site, &place, from).await? {
        return Ok(RangeAnswer::Snapshot);
    }
    let (pieces, complete) = pieces_after(&mut view, site, from).await?;
    Ok(RangeAnswer::Deltas(chain(&place, stored.root, from, pieces, complete)))
}

/// Whether there are at least as many rows to send as live ones. A short range is always sent.
async fn is_longer_than_snapshot(view: &mut View, site: &SiteId, place: &Place, from: Seq) -> Result<bool, StoreError> {
    let changes = place.seq.0.saturating_sub(from.0);
    let worth = place.live.max(READ_ROWS as u64);
    if changes < worth { Ok(false) } else { store::has_after(view.conn(), site, from, worth).await }
}

/// Rows after `from` in pieces that fit a message, and whether these are all.
async fn pieces_after(view: &mut View, site: &SiteId, from: Seq) -> Result<(Vec<Vec<Change>>, bool), StoreError> {
    let (mut pieces, mut rest, mut at) = (Vec::new(), Vec::new(), from);
    loop {
        let rows = store::rows_after(view.conn(), site, at, READ_ROWS).await?;
        let last_read = rows.len() < READ_ROWS;
        at = rows.last().map_or(at, |row| row.seq);
        rest.extend(rows);
        let mut ready = fold::pieces(std::mem::take(&mut rest));
        if !last_read {
            rest = ready.pop().unwrap_or_default();
        }
        pieces.extend(ready);
        if pieces.len() > RANGE_DELTAS_MAX {
            pieces.truncate(RANGE_DELTAS_MAX);
            return Ok((pieces, false));
        }
        if last_read {
            return Ok((pieces, true));
        }
    }
}

/// The pieces as deltas that follow on each other; the last one proves itself when they are complete.
fn chain(place: &Place, root: Root, from: Seq, pieces: Vec<Vec<Change>>, complete: bool) -> Vec<Delta> {
    let (mut prev, last) = (from, pieces.len());
    let delta = |(number, changes): (usize, Vec<Change>)| {
        let is_end = complete && number == last;
        let to = if is_end { place.seq } else { changes.last().map_or(prev, |change| change.seq) };
        let delta = Delta { epoch: place.epoch, prev, to, root: is_end.then_some(root), changes };
        prev = to;
        delta
    };
    let mut deltas: Vec<Delta> = (1..).zip(pieces).map(delta).collect();
    // Changes whose tombstones were compacted leave nothing to send, but the position moves; and an asker that is
    // there already learns the proof.
    if deltas.is_empty() {
        let (epoch, root) = (place.epoch, Some(root));
        deltas.push(Delta { epoch, prev: from, to: place.seq, root, changes: Vec::new() });
    }
    deltas
}

/// The log's bucket hashes now; `None` for a site without a log.
pub async fn buckets(db: &Db, site: &SiteId) -> Result<Option<Buckets>, StoreError> {
    let mut view = db.view("sync.buckets").await?;
    let Some(stored) = store::find_place(view.conn(), site).await? else { return Ok(None) };
    let proof = store::proof(view.conn(), site).await?;
    let Place { epoch, seq, .. } = stored.place;
    Ok(Some(Buckets { epoch, seq, hashes: proof.buckets().to_vec() }))
}

/// The answer to a request for rows of buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowsAnswer {
    /// All rows of the buckets at one position; the last part has the proof there.
    Parts(Vec<BucketRows>),
    /// A snapshot is the shorter way, or the asker follows another life of the log.
    Snapshot,
    /// This site has no log.
    NoLog,
}

/// All rows of these buckets, for a replica of life `epoch`.
pub async fn bucket_rows(db: &Db, site: &SiteId, epoch: Epoch, buckets: &[u16]) -> Result<RowsAnswer, StoreError> {
    let wanted: BTreeSet<u16> = buckets.iter().copied().collect();
    let mut view = db.view("sync.bucket_rows").await?;
    let Some(stored) = store::find_place(view.conn(), site).await? else { return Ok(RowsAnswer::NoLog) };
    let place = stored.place;
    let too_many = wanted.len() > BUCKETS_ASKED_MAX || place.live > SEARCH_ROWS_MAX;
    if epoch != place.epoch || too_many {
        return Ok(RowsAnswer::Snapshot);
    }
    let (mut found, mut at) = (Vec::new(), None);
    loop {
        let rows = store::live_rows(view.conn(), site, at, READ_ROWS).await?;
        let Some(last) = rows.last() else { break };
        at = Some(last.row);
        found.extend(rows.into_iter().filter(|row| wanted.contains(&bucket_of(row.row))));
    }
    Ok(RowsAnswer::Parts(parts(&place, stored.root, wanted.into_iter().collect(), found)))
}

/// The rows in messages. All but the last complete no bucket: rows are in order of their numbers, not of buckets.
fn parts(place: &Place, root: Root, buckets: Vec<u16>, rows: Vec<Change>) -> Vec<BucketRows> {
    let part = |rows| BucketRows { epoch: place.epoch, seq: place.seq, buckets: Vec::new(), rows, root: None };
    let mut parts: Vec<BucketRows> = fold::pieces(rows).into_iter().map(part).collect();
    if parts.is_empty() {
        parts.push(part(Vec::new()));
    }
    if let Some(last) = parts.last_mut() {
        (last.buckets, last.root) = (buckets, Some(root));
    }
    parts
}
