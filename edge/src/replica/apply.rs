//! Changes become rows: deltas in order, repairs of buckets. Position, bucket hashes and rows change in one
//! transaction, and only when the hub's proof holds; otherwise nothing does.

use super::store::{self, CODES, ROWS, State, storage};
use super::{Applied, ApplyError};
use packline_protocol::change::{BODY_MAX, Change, Row, RowId};
use packline_protocol::code::code_hash;
use packline_protocol::downlink::{BucketRows, Delta};
use packline_protocol::id::{Epoch, ParcelId, Seq};
use packline_protocol::proof::{Proof, Root, bucket_of};
use redb::{Database, ReadableTable, Table, WriteTransaction};
use std::collections::{BTreeMap, BTreeSet};
use tracing::warn;

/// The most bytes of rows that a repair holds in memory before they are put in place.
const REPAIR_BYTES_MAX: usize = 8 << 20;

/// What the next transaction starts from, and what it has come to.
#[derive(Clone)]
pub(super) struct Draft {
    pub proof: Proof,
    pub state: State,
    /// Whether a row changed that is kept decoded.
    pub knowledge: bool,
    rows: u64,
    proven: bool,
    touched: BTreeSet<u16>,
}

impl Draft {
    pub fn new(proof: Proof, state: State) -> Self {
        Self { proof, state, knowledge: false, rows: 0, proven: true, touched: BTreeSet::new() }
    }

    /// Whether the hub's proof was there and held.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// The same rows at the same position, in another life of the log.
    pub fn follow(&mut self, epoch: Epoch) {
        self.state.epoch = epoch;
        self.state.root = self.proof.root(epoch, self.state.seq);
        self.proven = false;
    }

    pub fn applied(&self) -> Applied {
        Applied::Moved { rows: self.rows, proven: self.proven }
    }

    /// The root at `state`, remembered in it.
    fn settle(&mut self, epoch: Epoch, seq: Seq, theirs: Option<Root>) -> Result<(), ApplyError> {
        let ours = self.proof.root(epoch, seq);
        if let Some(theirs) = theirs.filter(|theirs| *theirs != ours) {
            return Err(ApplyError::Mismatch { seq, ours, theirs });
        }
        (self.state.epoch, self.state.seq, self.state.root) = (epoch, seq, ours);
        self.proven = theirs.is_some();
        Ok(())
    }

    fn save(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        store::save_buckets(transaction, &self.proof, self.touched.iter().copied())?;
        store::save(transaction, &self.state)
    }
}

/// Applies deltas in one transaction. When one of them is refused, none is; the answer names its place in the run.
pub(super) fn deltas(database: &Database, draft: &mut Draft, deltas: &[Delta]) -> Result<(), (usize, ApplyError)> {
    transact(database, |transaction| {
        let mut tables = Tables::open(transaction).map_err(|error| (0, error.into()))?;
        for (number, delta) in deltas.iter().enumerate() {
            tables.apply(draft, delta).map_err(|error| (number, error))?;
        }
        drop(tables);
        draft.save(transaction).map_err(|error| (0, error.into()))
    })
}

/// Puts whole buckets in place, at the position they show.
pub(super) fn repair(database: &Database, draft: &mut Draft, repair: &Repair, root: Root) -> Result<(), ApplyError> {
    let done = transact(database, |transaction| {
        let mut tables = Tables::open(transaction).map_err(|error| (0, error.into()))?;
        tables.replace(draft, repair).map_err(|error| (0, error.into()))?;
        drop(tables);
        draft.settle(repair.epoch, repair.seq, Some(root)).map_err(|error| (0, error))?;
        draft.save(transaction).map_err(|error| (0, error.into()))
    });
    done.map_err(|(_, error)| error)
}

/// Whether the delta has news for a replica at `state`, or why it cannot be applied to it. An empty replica follows
/// any life of the log.
pub(super) fn has_news(state: &State, delta: &Delta) -> Result<bool, ApplyError> {
    let empty = state.seq == Seq(0) && state.rows == 0;
    if delta.epoch != state.epoch && !empty {
        return Err(ApplyError::Epoch { ours: state.epoch, theirs: delta.epoch });
    }
    if delta.to <= state.seq {
        return Ok(false);
    }
    if delta.prev > state.seq {
        return Err(ApplyError::Gap { have: state.seq, prev: delta.prev });
    }
    check_shape(delta)?;
    Ok(true)
}

fn check_shape(delta: &Delta) -> Result<(), ApplyError> {
    let mut last = delta.prev;
    for change in &delta.changes {
        if change.seq <= last || change.seq > delta.to {
            let (seq, to) = (change.seq, delta.to);
            return Err(ApplyError::Malformed(format!("change {seq} comes after {last} in a delta to {to}")));
        }
        check_body(change)?;
        last = change.seq;
    }
    Ok(())
}

/// A body that no row may have is refused before it takes any space.
pub(super) fn check_body(change: &Change) -> Result<(), ApplyError> {
    let length = change.body.as_ref().map_or(0, Vec::len);
    if length > BODY_MAX {
        return Err(ApplyError::Malformed(format!("row {} has {length} bytes; at most {BODY_MAX}", change.row)));
    }
    Ok(())
}

/// The hashes of a row's codes. A parcel that does not decode has none: it is unknown, and asked about.
pub(super) fn code_hashes(row: RowId, body: &[u8]) -> Vec<u64> {
    if row.as_parcel().is_none() {
        return Vec::new();
    }
    match Row::decode(row, body) {
        Ok(Row::Parcel(parcel)) => {
            let mut hashes: Vec<u64> = parcel.codes.iter().map(|code| code_hash(&code.text)).collect();
            hashes.sort_unstable();
            hashes.dedup();
            hashes
        }
        Ok(_) => Vec::new(),
        Err(error) => {
            warn!(%error, "A row cannot be read; its parcel stays unknown");
            Vec::new()
        }
    }
}

struct Tables<'t> {
    rows: Table<'t, u64, &'static [u8]>,
    codes: Table<'t, (u64, u64), ()>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self { rows: transaction.open_table(ROWS)?, codes: transaction.open_table(CODES)? })
    }

    fn apply(&mut self, draft: &mut Draft, delta: &Delta) -> Result<(), ApplyError> {
        if !has_news(&draft.state, delta)? {
            return Ok(());
        }
        let have = draft.state.seq;
        for change in delta.changes.iter().filter(|change| change.seq > have) {
            self.put(draft, change)?;
        }
        draft.settle(delta.epoch, delta.to, delta.root)
    }

    fn put(&mut self, draft: &mut Draft, change: &Change) -> Result<(), redb::Error> {
        let Change { row, seq, body } = change;
        let mut gone = Vec::new();
        let old = match body {
            Some(body) => self.rows.insert(row.0, store::join(*seq, body).as_slice())?,
            None => self.rows.remove(row.0)?,
        };
        draft.rows += 1;
        draft.knowledge |= matches!(*row, RowId::RULES | RowId::SETTINGS);
        if let Some(old) = &old {
            let (seq, body) = store::split(old.value())?;
            draft.touched.insert(draft.proof.toggle(*row, seq, body));
            draft.state.rows = draft.state.rows.saturating_sub(1);
            gone = code_hashes(*row, body);
        }
        drop(old);
        let mut here = Vec::new();
        if let Some(body) = body {
            draft.touched.insert(draft.proof.toggle(*row, *seq, body));
            draft.state.rows += 1;
            here = code_hashes(*row, body);
        }
        self.recode(*row, &gone, &here)
    }

    fn recode(&mut self, row: RowId, gone: &[u64], here: &[u64]) -> Result<(), redb::Error> {
        let Some(ParcelId(parcel)) = row.as_parcel() else { return Ok(()) };
        for hash in gone.iter().filter(|hash| !here.contains(hash)) {
            self.codes.remove((*hash, parcel))?;
        }
        for hash in here.iter().filter(|hash| !gone.contains(hash)) {
            self.codes.insert((*hash, parcel), ())?;
        }
        Ok(())
    }

    /// Takes out everything in the buckets of the repair, then puts the repair's rows in.
    fn replace(&mut self, draft: &mut Draft, repair: &Repair) -> Result<(), redb::Error> {
        let mut out = Vec::new();
        for entry in self.rows.iter()? {
            let row = RowId(entry?.0.value());
            if repair.complete.contains(&bucket_of(row)) && !repair.rows.contains_key(&row) {
                out.push(row);
            }
        }
        for row in out {
            self.put(draft, &Change { row, seq: Seq(0), body: None })?;
        }
        for change in repair.rows.values() {
            self.put(draft, change)?;
        }
        Ok(())
    }
}

fn transact(
    database: &Database,
    step: impl FnOnce(&WriteTransaction) -> Result<(), (usize, ApplyError)>,
) -> Result<(), (usize, ApplyError)> {
    let mut refused = None;
    let done = crate::disk::guarded(|| {
        let transaction = database.begin_write()?;
        match step(&transaction) {
            Ok(()) => transaction.commit()?,
            Err(why) => {
                refused = Some(why);
                transaction.abort()?;
            }
        }
        Ok(())
    });
    match (refused, done) {
        (Some(why), _) => Err(why),
        (None, done) => done.map_err(|cause| (0, storage("change", cause).into())),
    }
}

/// Rows of buckets, collected until the last message came.
#[derive(Debug, Default)]
pub(super) struct Repair {
    epoch: Epoch,
    seq: Seq,
    complete: BTreeSet<u16>,
    rows: BTreeMap<RowId, Change>,
    bytes: usize,
}

impl Repair {
    /// Whether these rows go on with this repair.
    pub fn continues(&self, rows: &BucketRows) -> bool {
        (self.epoch, self.seq) == (rows.epoch, rows.seq)
    }

    pub fn begin(rows: &BucketRows) -> Self {
        Self { epoch: rows.epoch, seq: rows.seq, ..Self::default() }
    }

    /// Takes the rows of one message.
    pub fn collect(&mut self, rows: &BucketRows) -> Result<(), ApplyError> {
        for change in &rows.rows {
            check_body(change)?;
            let Some(body) = &change.body else {
                return Err(ApplyError::Malformed(format!("row {} of a bucket has no body", change.row)));
            };
            self.bytes += body.len() + std::mem::size_of::<Change>();
            if self.bytes > REPAIR_BYTES_MAX {
                return Err(ApplyError::TooMuch { max: REPAIR_BYTES_MAX });
            }
            self.rows.insert(change.row, change.clone());
        }
        self.complete.extend(&rows.buckets);
        Ok(())
    }

    /// Every row must belong to a bucket that came whole.
    pub fn check(&self) -> Result<(), ApplyError> {
        match self.rows.keys().find(|row| !self.complete.contains(&bucket_of(**row))) {
            Some(row) => Err(ApplyError::Malformed(format!("row {row} is of a bucket that did not come whole"))),
            None => Ok(()),
        }
    }
}
