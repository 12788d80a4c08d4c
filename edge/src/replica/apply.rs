//! Changes become rows: deltas in order, repairs of buckets. Position, bucket hashes and rows change in one
//! transaction, and only when the hub's proof holds; otherwise nothing does.

use super::store::{self, CODES, ROWS, State, storage};
use super::{Applied, ApplyError};
use packline_protocol::change::{BODY_MAX, Change, Keys, Row, RowId};
use packline_protocol::code::{Gtin, code_hash};
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

    /// What a change puts into its row's bucket; nothing when the row is gone.
    fn hash(&self, change: &Change) -> u128 {
        change.body.as_deref().map_or(0, |body| self.proof.row_hash(change.row, change.seq, body))
    }

    fn flip(&mut self, row: RowId, hash: u128) {
        self.touched.insert(self.proof.flip(row, hash));
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
    let run = Run::plan(&draft.state, deltas)?;
    transact(database, |transaction| {
        let flips = Tables::open(transaction).and_then(|tables| tables.put_all(draft, &run.changes));
        run.prove(draft, &flips.map_err(|error| (0, error.into()))?)?;
        draft.save(transaction).map_err(|error| (0, error.into()))
    })
}

/// The news of consecutive deltas. The tree takes them in the order of its rows, each row once at its newest; the
/// proof is then followed in the order of the changes.
struct Run<'d> {
    /// By rising change number.
    changes: Vec<&'d Change>,
    /// Deltas with news: each one's place in the run, and how many changes there are up to its end.
    deltas: Vec<(usize, &'d Delta, usize)>,
}

impl<'d> Run<'d> {
    /// What of the deltas is news for a replica at `state`, or why one of them cannot follow those before it.
    fn plan(state: &State, deltas: &'d [Delta]) -> Result<Run<'d>, (usize, ApplyError)> {
        let (mut state, mut run) = (*state, Run { changes: Vec::new(), deltas: Vec::new() });
        for (number, delta) in deltas.iter().enumerate() {
            if has_news(&state, delta).map_err(|error| (number, error))? {
                run.changes.extend(delta.changes.iter().filter(|change| change.seq > state.seq));
                run.deltas.push((number, delta, run.changes.len()));
                (state.epoch, state.seq) = (delta.epoch, delta.to);
            }
        }
        Ok(run)
    }

    /// Follows the proof through the run, given what each change does to its bucket.
    fn prove(&self, draft: &mut Draft, flips: &[u128]) -> Result<(), (usize, ApplyError)> {
        let mut done = self.changes.iter().zip(flips);
        let mut start = 0;
        for (number, delta, end) in &self.deltas {
            done.by_ref().take(end - start).for_each(|(change, flip)| draft.flip(change.row, *flip));
            draft.settle(delta.epoch, delta.to, delta.root).map_err(|error| (*number, error))?;
            start = *end;
        }
        Ok(())
    }
}

/// Puts whole buckets in place, at the position they show.
pub(super) fn repair(database: &Database, draft: &mut Draft, repair: &Repair, root: Root) -> Result<(), ApplyError> {
    let done = transact(database, |transaction| {
        let mut tables = Tables::open(transaction).map_err(|error| (0, error.into()))?;
        tables.replace(draft, repair).and_then(|()| tables.recode()).map_err(|error| (0, error.into()))?;
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

/// The hash under which rows are that have this product inside. No code in canonical form has a small letter.
pub(super) fn article_hash(article: &Gtin) -> u64 {
    code_hash(&format!("article {article}"))
}

/// The hashes of a row's codes, and of the product numbers of what belongs inside. A parcel that does not decode has
/// none: it is unknown, and asked about.
pub(super) fn code_hashes(row: RowId, body: &[u8]) -> Vec<u64> {
    match Row::keys(row, body) {
        Ok(Keys { codes, articles }) => {
            let mut hashes: Vec<u64> = codes.into_iter().map(code_hash).collect();
            hashes.extend(articles.iter().map(article_hash));
            hashes.sort_unstable();
            hashes.dedup();
            hashes
        }
        Err(error) => {
            warn!(%error, "A row cannot be read; its parcel stays unknown");
            Vec::new()
        }
    }
}

struct Tables<'t> {
    rows: Table<'t, u64, &'static [u8]>,
    codes: Table<'t, (u64, u64), ()>,
    /// Codes that appear (`true`) and disappear, put in place at the end in the order of their tree.
    recodes: Vec<((u64, u64), bool)>,
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        let (rows, codes) = (transaction.open_table(ROWS)?, transaction.open_table(CODES)?);
        Ok(Self { rows, codes, recodes: Vec::new() })
    }

    /// Puts every row at its newest state in place; answers what each change, on its way there, does to its bucket.
    fn put_all(mut self, draft: &mut Draft, changes: &[&Change]) -> Result<Vec<u128>, redb::Error> {
        let mut places: Vec<usize> = (0..changes.len()).collect();
        // A stable sort: of one row, the newest change is the last.
        places.sort_by_key(|place| changes[*place].row);
        let mut flips = vec![0; changes.len()];
        for same in places.chunk_by(|one, other| changes[*one].row == changes[*other].row) {
            let newest = changes[same[same.len() - 1]];
            let mut before = self.put(draft, newest)?;
            for place in same {
                let after = draft.hash(changes[*place]);
                flips[*place] = before ^ after;
                before = after;
            }
        }
        self.recode()?;
        draft.rows += changes.len() as u64;
        Ok(flips)
    }

    /// Puts one row in place; answers the hash of what was there.
    fn put(&mut self, draft: &mut Draft, change: &Change) -> Result<u128, redb::Error> {
        let Change { row, seq, body } = change;
        let old = match body {
            Some(body) => self.rows.insert(row.0, store::join(*seq, body).as_slice())?,
            None => self.rows.remove(row.0)?,
        };
        draft.knowledge |= matches!(*row, RowId::RULES | RowId::SETTINGS);
        let (mut before, mut gone) = (0, Vec::new());
        if let Some(old) = &old {
            let (seq, body) = store::split(old.value())?;
            before = draft.proof.row_hash(*row, seq, body);
            draft.state.rows = draft.state.rows.saturating_sub(1);
            gone = code_hashes(*row, body);
        }
        drop(old);
        draft.state.rows += u64::from(body.is_some());
        let here = body.as_deref().map(|body| code_hashes(*row, body)).unwrap_or_default();
        self.note_codes(*row, &gone, &here);
        Ok(before)
    }

    fn note_codes(&mut self, row: RowId, gone: &[u64], here: &[u64]) {
        let Some(ParcelId(parcel)) = row.as_parcel() else { return };
        let out = gone.iter().filter(|hash| !here.contains(hash)).map(|hash| ((*hash, parcel), false));
        let new = here.iter().filter(|hash| !gone.contains(hash)).map(|hash| ((*hash, parcel), true));
        self.recodes.extend(out.chain(new));
    }

    fn recode(mut self) -> Result<(), redb::Error> {
        self.recodes.sort_unstable();
        for (code, appears) in &self.recodes {
            if *appears {
                self.codes.insert(code, ())?;
            } else {
                self.codes.remove(code)?;
            }
        }
        Ok(())
    }

    /// Takes out everything in the buckets of the repair, then puts the repair's rows in.
    fn replace(&mut self, draft: &mut Draft, repair: &Repair) -> Result<(), redb::Error> {
        let mut out = Vec::new();
        for entry in self.rows.iter()? {
            let row = RowId(entry?.0.value());
            if repair.complete.contains(&bucket_of(row)) && !repair.rows.contains_key(&row) {
                out.push(Change { row, seq: Seq(0), body: None });
            }
        }
        for change in out.iter().chain(repair.rows.values()) {
            let before = self.put(draft, change)?;
            draft.flip(change.row, before ^ draft.hash(change));
            draft.rows += 1;
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
