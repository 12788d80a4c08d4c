//! A snapshot on its way in: a file of its own beside the replica, filled part by part, proven, and put in its place.
//!
//! Parts hold rows in rising order, so each is appended at the end of the tree. The codes come in no order; they are
//! sorted aside and go in last. What was committed survives a restart; the rest is asked for again.

use super::apply::{check_body, code_hashes};
use super::spill::Spill;
use super::store::{self, BUCKETS, CODES, META, ROWS, State, blocked, storage};
use super::{ApplyError, ReplicaError, Settings};
use crate::disk::{Disk, guarded, is_damage};
use packline_protocol::change::{Change, RowId};
use packline_protocol::downlink::{Chunk, SnapshotOffer};
use packline_protocol::id::{ParcelId, Seq, SiteId};
use packline_protocol::proof::{BUCKETS as BUCKET_COUNT, Proof};
use redb::{Database, ReadableDatabase, ReadableTableMetadata, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use std::sync::Arc;
use tracing::{info, warn};

const FILE: &str = "replica.stage";
const SPILL: &str = "replica.codes.tmp";
const PROGRESS: &str = "progress";
/// Bytes of rows between two commits: what a restart costs at most.
const COMMIT_BYTES: usize = 16 << 20;

/// A snapshot under way, in a file of its own; it goes on after a restart.
pub struct Staging {
    disk: Arc<dyn Disk>,
    progress: Progress,
    database: Database,
    /// Open between commits.
    transaction: Option<WriteTransaction>,
    uncommitted: usize,
    proof: Proof,
    codes: Spill,
    rows: u64,
    last: Option<RowId>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Progress {
    offer: SnapshotOffer,
    next: u32,
}

impl Staging {
    pub(super) fn open(disk: &Arc<dyn Disk>, settings: &Settings, offer: &SnapshotOffer) -> Result<Self, ReplicaError> {
        let codes = Spill::create(disk, SPILL).map_err(blocked("create", SPILL))?;
        if let Some((database, progress)) = resume(disk, settings, offer) {
            let mut staging = Self::over(disk, &settings.site, progress, database, codes);
            match staging.reread() {
                Ok(()) => {
                    info!(snapshot = offer.snapshot, next = progress.next, "Goes on with a snapshot");
                    return Ok(staging);
                }
                Err(error) => warn!(%error, "What is there of a snapshot cannot be read; it is fetched again"),
            }
            let_go(staging);
        }
        let codes = Spill::create(disk, SPILL).map_err(blocked("create", SPILL))?;
        disk.remove(FILE).map_err(blocked("remove", FILE))?;
        let file = disk.open(FILE, true).map_err(blocked("create", FILE))?;
        let database = store::create(file, settings)?;
        Ok(Self::over(disk, &settings.site, Progress { offer: *offer, next: 0 }, database, codes))
    }

    fn over(disk: &Arc<dyn Disk>, site: &SiteId, progress: Progress, database: Database, codes: Spill) -> Self {
        let (disk, proof) = (Arc::clone(disk), Proof::empty(site));
        Self { disk, progress, database, transaction: None, uncommitted: 0, proof, codes, rows: 0, last: None }
    }

    /// The snapshot that is being fetched.
    pub fn offer(&self) -> &SnapshotOffer {
        &self.progress.offer
    }

    /// The next part to fetch; equal to `offer().chunks` when all are there.
    pub fn next(&self) -> u32 {
        self.progress.next
    }

    /// Whether all parts are there.
    pub fn is_complete(&self) -> bool {
        self.progress.next >= self.progress.offer.chunks
    }

    /// Takes the next part; one that is there already changes nothing. Answers the next part to fetch.
    ///
    /// After an error the staging is of no use; begin anew.
    pub fn add(&mut self, chunk: &Chunk) -> Result<u32, ApplyError> {
        let Progress { offer, next } = self.progress;
        if chunk.snapshot != offer.snapshot || chunk.number > next || (chunk.number == next && self.is_complete()) {
            return Err(ApplyError::Part { wanted: next, got: chunk.number });
        }
        if chunk.number < next {
            return Ok(next);
        }
        self.check(chunk)?;
        self.append(&chunk.rows)?;
        self.progress.next += 1;
        if self.uncommitted >= COMMIT_BYTES {
            self.commit()?;
        }
        Ok(self.progress.next)
    }

    /// Makes what came so far survive a restart.
    pub fn commit(&mut self) -> Result<(), ReplicaError> {
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        let progress = postcard::to_allocvec(&self.progress).expect("plain data always encodes");
        self.uncommitted = 0;
        let done = guarded(|| {
            transaction.open_table(META)?.insert(PROGRESS, progress.as_slice())?;
            Ok(transaction.commit()?)
        });
        done.map_err(|cause| self.failed(cause))
    }

    /// A file that is damaged is not gone on with, now or after a restart.
    fn failed(&self, cause: redb::Error) -> ReplicaError {
        if is_damage(&cause) {
            warn!(error = %cause, "What is there of a snapshot is damaged; it is fetched again");
            if let Err(error) = self.disk.remove(FILE) {
                warn!(%error, "The damaged part of a snapshot could not be removed");
            }
        }
        storage("stage", cause)
    }

    fn check(&self, chunk: &Chunk) -> Result<(), ApplyError> {
        let mut last = self.last;
        for change in &chunk.rows {
            check_body(change)?;
            if change.body.is_none() || last.is_some_and(|last| change.row <= last) {
                let number = chunk.number;
                return Err(ApplyError::Malformed(format!("row {} of part {number} is out of place", change.row)));
            }
            last = Some(change.row);
        }
        Ok(())
    }

    fn append(&mut self, rows: &[Change]) -> Result<(), ApplyError> {
        let (before, mut bytes) = (self.transaction.take(), 0);
        let done = guarded(|| {
            let transaction = match before {
                Some(transaction) => transaction,
                None => self.database.begin_write()?,
            };
            let mut table = transaction.open_table(ROWS)?;
            let mut end = table.upper_bound_mut(Bound::<u64>::Unbounded)?;
            for change in rows {
                let body = change.body.as_deref().unwrap_or_default();
                let row = store::join(change.seq, body);
                bytes += row.len();
                end.insert_before(change.row.0, row.as_slice())?;
            }
            end.close()?;
            drop(table);
            Ok(transaction)
        });
        self.transaction = Some(done.map_err(|cause| self.failed(cause))?);
        self.uncommitted += bytes;
        for change in rows {
            self.note(change.row, change.seq, change.body.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    /// What is kept in memory about each row.
    fn note(&mut self, row: RowId, seq: Seq, body: &[u8]) -> Result<(), ReplicaError> {
        self.proof.toggle(row, seq, body);
        self.rows += 1;
        self.last = Some(row);
        if let Some(ParcelId(parcel)) = row.as_parcel() {
            for hash in code_hashes(row, body) {
                self.codes.push((hash, parcel)).map_err(blocked("write", SPILL))?;
            }
        }
        Ok(())
    }

    /// After a restart: everything in memory, from the rows that are there.
    fn reread(&mut self) -> Result<(), ReplicaError> {
        let rows = guarded(|| Ok(self.database.begin_read()?.open_table(ROWS)?.range::<u64>(..)?));
        let mut rows = rows.map_err(|cause| storage("read", cause))?;
        while let Some((row, stored)) = guarded(|| next_row(&mut rows)).map_err(|cause| storage("read", cause))? {
            let (seq, body) = store::split(&stored).map_err(|cause| storage("read", cause))?;
            self.note(row, seq, body)?;
        }
        Ok(())
    }

    /// Proves the whole and puts it in the replica's place; the caller opens it there.
    pub(super) fn finish(mut self, disk: &dyn Disk) -> Result<(), ApplyError> {
        let SnapshotOffer { epoch, seq, root: theirs, chunks, .. } = self.progress.offer;
        if !self.is_complete() {
            return Err(ApplyError::Part { wanted: self.progress.next, got: chunks });
        }
        let root = self.proof.root(epoch, seq);
        if root != theirs {
            self.discard(disk);
            return Err(ApplyError::Mismatch { seq, ours: root, theirs });
        }
        self.commit()?;
        let state = State { epoch, seq, root, rows: self.rows, level_at: None };
        let (codes, proof) = (&mut self.codes, &self.proof);
        let written = store::write(&self.database, "stage", |transaction| {
            let mut table = transaction.open_table(CODES)?;
            let mut end = table.upper_bound_mut(Bound::<(u64, u64)>::Unbounded)?;
            codes.merge(|pair| end.insert_before(pair, ()).map_err(redb::Error::from))?;
            end.close()?;
            drop(table);
            transaction.open_table(META)?.remove(PROGRESS)?;
            store::save_buckets(transaction, proof, 0..u16::try_from(BUCKET_COUNT).unwrap_or(u16::MAX))?;
            store::save(transaction, &state)
        });
        if let Err(error) = written {
            if matches!(error, ReplicaError::Damaged(_)) {
                self.discard(disk);
            }
            return Err(error.into());
        }
        let Self { database, codes, .. } = self;
        drop(codes);
        Ok(store::finish(disk, database, FILE)?)
    }

    /// A snapshot that does not prove is not gone on with.
    fn discard(self, disk: &dyn Disk) {
        let_go(self);
        if let Err(error) = disk.remove(FILE) {
            warn!(%error, "A snapshot that did not prove could not be removed");
        }
    }
}

fn next_row(rows: &mut redb::Range<'_, u64, &[u8]>) -> Result<Option<(RowId, Vec<u8>)>, redb::Error> {
    let Some(entry) = rows.next() else { return Ok(None) };
    let (row, value) = entry?;
    Ok(Some((RowId(row.value()), value.value().to_vec())))
}

/// What is there of this very snapshot, if it can be used.
fn resume(disk: &Arc<dyn Disk>, settings: &Settings, offer: &SnapshotOffer) -> Option<(Database, Progress)> {
    if !disk.exists(FILE).ok()? {
        return None;
    }
    let Some(database) = store::open_database(&**disk, FILE, settings) else {
        warn!("What is there of a snapshot cannot be opened; it is fetched again");
        return None;
    };
    let read = guarded(|| {
        let transaction = database.begin_read()?;
        let meta = transaction.open_table(META)?;
        let progress = meta.get(PROGRESS)?.and_then(|value| postcard::from_bytes::<Progress>(value.value()).ok());
        let (rows, buckets) = (transaction.open_table(ROWS)?.len()?, transaction.open_table(BUCKETS)?.is_empty()?);
        Ok(progress.filter(|progress| progress.offer == *offer && rows > 0 && buckets))
    });
    match read {
        Ok(Some(progress)) => return Some((database, progress)),
        Ok(None) => {}
        Err(error) => warn!(%error, "What is there of a snapshot cannot be read; it is fetched again"),
    }
    let_go(database);
    None
}

/// Lets go of a file that may be damaged: closing it may panic like anything else.
fn let_go<T>(file: T) {
    let closed = guarded(|| {
        drop(file);
        Ok(())
    });
    if let Err(error) = closed {
        warn!(%error, "What is there of a snapshot did not close cleanly");
    }
}
