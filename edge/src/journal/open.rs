//! Opening the journal's file: whole, new, or rebuilt from a damaged one.
//!
//! A file appears under its name only when it is complete: made as `.tmp`, committed, closed, synced, renamed. A
//! damaged one first gets its second name and then loses its first to the new file, in one step.

use super::row::{self, Row};
use super::salvage::{Find, Salvage};
use super::{Birth, Entry, JournalError, Opened};
use crate::disk::{Disk, File, guarded, is_damage};
use packline_protocol::id::{ScanSeq, StationEpoch};
use packline_protocol::record::{ChainLink, Event, Note, ScanRecord};
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend, TableDefinition,
};
use tracing::{error, warn};

pub(super) const FILE: &str = "journal.redb";
const TMP: &str = "journal.redb.tmp";
/// Space kept for the moment when the disk is full: a journal can then be written anew without what the hub has.
const RESERVE: &str = "journal.reserve";
/// A new file takes a megabyte while it is written.
const RESERVE_BYTES: u64 = 2 << 20;
/// Redb's share of memory: the few pages that a commit touches, and those that the link reads.
const CACHE_BYTES: usize = 1 << 20;
/// How many records at the end are checked against the chain at every start.
const TAIL: u64 = 256;
/// Rows per commit while a file is filled that nobody sees yet.
const FILL_ROWS: usize = 1_024;

pub(super) const RECORDS: TableDefinition<u64, &[u8]> = TableDefinition::new("records");
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
pub(super) const EPOCH: &str = "epoch";
pub(super) const ACKED: &str = "acked";
pub(super) const SAFE: &str = "safe";

/// Where the file stands, kept in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub epoch: StationEpoch,
    /// One past the newest when there is none.
    pub oldest: ScanSeq,
    pub newest: ScanSeq,
    pub link: ChainLink,
    /// Bytes of all rows ever written.
    pub total: u64,
    /// Bytes of all rows ever deleted.
    pub gone: u64,
    pub acked: ScanSeq,
    pub safe: ScanSeq,
}

impl State {
    pub fn new(epoch: StationEpoch) -> Self {
        let (oldest, newest) = (ScanSeq(1), ScanSeq(0));
        let (acked, safe) = (ScanSeq(0), ScanSeq(0));
        Self { epoch, oldest, newest, link: ChainLink::START, total: 0, gone: 0, acked, safe }
    }

    pub fn bytes(&self) -> u64 {
        self.total.saturating_sub(self.gone)
    }

    /// Numbers and frames the next record.
    pub fn push(&mut self, record: &[u8]) -> Vec<u8> {
        self.newest = ScanSeq(self.newest.0 + 1);
        self.total += row::length(record.len());
        let (epoch, seq, before, total, acked) = (self.epoch, self.newest, self.link, self.total, self.acked);
        self.link = before.next(record);
        Row { epoch, seq, before, total, acked, record }.encode()
    }
}

/// Why a file was not opened.
pub(super) enum Trouble {
    /// Its content is damaged.
    Damaged(String),
    /// The disk or another process is in the way; the content may be fine.
    Blocked(JournalError),
}

impl From<redb::Error> for Trouble {
    fn from(error: redb::Error) -> Self {
        if is_damage(&error) {
            return Trouble::Damaged(error.to_string());
        }
        Trouble::Blocked(match error {
            redb::Error::Io(cause) => JournalError::Disk { attempt: "read", file: FILE.to_owned(), cause },
            other => storage("open", other),
        })
    }
}

pub(super) fn storage(attempt: &'static str, cause: impl Into<redb::Error>) -> JournalError {
    JournalError::Storage { attempt, cause: Box::new(cause.into()) }
}

fn blocked(attempt: &'static str) -> impl Fn(std::io::Error) -> JournalError {
    move |cause| JournalError::Disk { attempt, file: FILE.to_owned(), cause }
}

/// Opens the journal, or begins one.
pub(super) fn open(disk: &dyn Disk, birth: Birth) -> Result<(Database, State, Opened), JournalError> {
    disk.remove(TMP).map_err(blocked("remove the unfinished part of"))?;
    reserve(disk);
    if !disk.exists(FILE).map_err(blocked("find"))? {
        create(disk, &State::new(birth.epoch), std::iter::empty())?;
        return Ok(take(open_file(disk))?.with(Opened::New));
    }
    match open_file(disk) {
        Ok(opened) => Ok(opened.with(Opened::Whole)),
        Err(Trouble::Blocked(error)) => Err(error),
        Err(Trouble::Damaged(why)) => {
            error!(why, "The journal is damaged; saving what can be read");
            let opened = rebuild(disk, birth, &why)?;
            Ok(take(open_file(disk))?.with(opened))
        }
    }
}

struct OpenFile(Database, State);

impl OpenFile {
    fn with(self, opened: Opened) -> (Database, State, Opened) {
        (self.0, self.1, opened)
    }
}

fn take(opened: Result<OpenFile, Trouble>) -> Result<OpenFile, JournalError> {
    opened.map_err(|trouble| match trouble {
        Trouble::Damaged(why) => JournalError::Damaged(why),
        Trouble::Blocked(error) => error,
    })
}

/// Lays space aside, if there is any.
pub(super) fn reserve(disk: &dyn Disk) {
    let reserved = disk.open(RESERVE, true).and_then(|file| {
        let done = if file.len()? < RESERVE_BYTES { file.set_len(RESERVE_BYTES) } else { Ok(()) };
        done.and(file.close())
    });
    if let Err(error) = reserved {
        warn!(%error, "No space could be laid aside for a full disk");
    }
}

/// Gives the space back for use.
pub(super) fn release_reserve(disk: &dyn Disk) {
    if let Err(error) = disk.remove(RESERVE) {
        warn!(%error, "The space laid aside could not be used");
    }
}

/// Opens the file again after the disk failed under it.
pub(super) fn reopen(disk: &dyn Disk) -> Result<(Database, State), JournalError> {
    take(open_file(disk)).map(|OpenFile(database, state)| (database, state))
}

fn open_file(disk: &dyn Disk) -> Result<OpenFile, Trouble> {
    let blocked = |cause| Trouble::Blocked(JournalError::Disk { attempt: "open", file: FILE.to_owned(), cause });
    let file = disk.open(FILE, false).map_err(blocked)?;
    if file.len().map_err(blocked)? == 0 {
        return Err(Trouble::Damaged("the file is empty".to_owned()));
    }
    let (database, state) = guarded(|| {
        let database = builder().set_check_integrity_on_open(true).create_with_backend(file)?;
        let state = read_state(&database)?;
        Ok((database, state))
    })?;
    Ok(OpenFile(database, state))
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn read_state(database: &Database) -> Result<State, redb::Error> {
    let transaction = database.begin_read()?;
    let (records, meta) = (transaction.open_table(RECORDS)?, transaction.open_table(META)?);
    let number = |key| Ok::<_, redb::Error>(meta.get(key)?.map(|value| value.value()));
    let epoch = number(EPOCH)?.ok_or_else(|| damaged("it has no epoch"))?;
    let mut state = State::new(StationEpoch(epoch));
    state.acked = ScanSeq(number(ACKED)?.unwrap_or_default());
    state.safe = ScanSeq(number(SAFE)?.unwrap_or_default());
    let Some((oldest, first)) = records.first()? else { return Ok(state) };
    let first = check(state.epoch, oldest.value(), first.value())?;
    state.gone = first.total.saturating_sub(row::length(first.record.len()));
    state.oldest = first.seq;
    let count = records.len()?;
    let from = (first.seq.0 + count).saturating_sub(TAIL).max(first.seq.0);
    let mut link = None;
    for entry in records.range(from..)? {
        let (seq, value) = entry?;
        let row = check(state.epoch, seq.value(), value.value())?;
        if link.is_some_and(|link| link != row.before) {
            return Err(damaged("its chain is broken"));
        }
        link = Some(row.after());
        (state.newest, state.total, state.link) = (row.seq, row.total, row.after());
        state.acked = state.acked.max(row.acked);
    }
    if state.newest.0 + 1 - first.seq.0 != count {
        return Err(damaged("records are missing"));
    }
    Ok(state)
}

/// The row under `seq`, which must be of this journal and whole.
pub(super) fn check(epoch: StationEpoch, seq: u64, bytes: &[u8]) -> Result<Row<'_>, redb::Error> {
    Row::decode(bytes)
        .filter(|row| row.epoch == epoch && row.seq.0 == seq)
        .ok_or_else(|| damaged(&format!("record {seq} is broken")))
}

fn damaged(why: &str) -> redb::Error {
    redb::Error::Corrupted(why.to_owned())
}

/// Makes a complete journal and puts it in its place.
pub(super) fn create(
    disk: &dyn Disk,
    state: &State,
    rows: impl Iterator<Item = Result<(u64, Vec<u8>), JournalError>>,
) -> Result<(), JournalError> {
    disk.remove(TMP).map_err(blocked("remove the unfinished part of"))?;
    let file = disk.open(TMP, true).map_err(blocked("create"))?;
    if let Err(error) = fill(file, state, rows) {
        // On a full disk what is there of it takes the space that others need.
        let _ = disk.remove(TMP);
        return Err(error);
    }
    let file = disk.open(TMP, false).map_err(blocked("open"))?;
    file.sync_data().map_err(blocked("sync"))?;
    file.close().map_err(blocked("close"))?;
    disk.rename(TMP, FILE).map_err(blocked("rename"))
}

fn fill(
    file: File,
    state: &State,
    rows: impl Iterator<Item = Result<(u64, Vec<u8>), JournalError>>,
) -> Result<(), JournalError> {
    let failed = |error: redb::Error| storage("fill", error);
    let database = builder().create_with_backend(file).map_err(|error| failed(error.into()))?;
    let mut rows = rows.peekable();
    loop {
        let group = rows.by_ref().take(FILL_ROWS).collect::<Result<Vec<_>, _>>()?;
        fill_once(&database, state, &group).map_err(failed)?;
        if rows.peek().is_none() {
            break;
        }
    }
    database.close().map_err(|error: DatabaseError| failed(error.into()))
}

fn fill_once(database: &Database, state: &State, rows: &[(u64, Vec<u8>)]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let (mut records, mut meta) = (transaction.open_table(RECORDS)?, transaction.open_table(META)?);
        meta.insert(EPOCH, state.epoch.0)?;
        meta.insert(ACKED, state.acked.0)?;
        meta.insert(SAFE, state.safe.0)?;
        for (seq, row) in rows {
            records.insert(seq, row.as_slice())?;
        }
    }
    Ok(transaction.commit()?)
}

/// Begins a new life on purpose: what the hub does not have goes along, and the old file is kept under another name. A
/// journal that is in use or damaged is left alone; the running station saves a damaged one by itself.
pub(super) fn renew(disk: &dyn Disk, birth: Birth, why: &str) -> Result<Opened, JournalError> {
    let OpenFile(database, _) = take(open_file(disk))?;
    database.close().map_err(|error| storage("close", error))?;
    rebuild(disk, birth, why)
}

/// Begins a new journal with what the damaged one still says, and sets that one aside.
fn rebuild(disk: &dyn Disk, birth: Birth, why: &str) -> Result<Opened, JournalError> {
    let damaged_file = disk.open(FILE, false).map_err(blocked("open"))?;
    let salvage = Salvage::scan(&damaged_file);
    let salvaged = u32::try_from(salvage.finds().len()).unwrap_or(u32::MAX);
    let mut state = State::new(birth.epoch);
    let begun = Note::Begun { salvaged, why: why.chars().take(200).collect() };
    let notes = std::iter::once(Ok(begun)).chain(salvage.finds().iter().map(|find| saved(&damaged_file, find)));
    let rows = notes.map(|note| {
        let entry = Entry::new(birth.boot, birth.now, Event::Noted(note?));
        let seq = ScanSeq(state.newest.0 + 1);
        let row = state.push(&entry.numbered(seq).encode());
        Ok((seq.0, row))
    });
    let fresh = State::new(birth.epoch);
    // The old file gets its second name before the new one takes the first: at no moment is there neither.
    let aside = free_name(disk)?;
    disk.keep_as(FILE, &aside).map_err(blocked("set aside"))?;
    create(disk, &fresh, rows)?;
    damaged_file.close().map_err(blocked("close"))?;
    warn!(aside, salvaged, "Began a new journal with what was saved of the damaged one");
    Ok(Opened::Rebuilt { aside, salvaged, why: why.to_owned() })
}

/// A record of a salvage is passed on as it was, with the place that it had first, not wrapped once more.
fn saved(file: &File, find: &Find) -> Result<Note, JournalError> {
    let record =
        find.read(file).ok_or_else(|| JournalError::Damaged("a record vanished while it was saved".to_owned()))?;
    match ScanRecord::decode(&record) {
        Ok(ScanRecord { event: Event::Noted(earlier @ Note::Salvaged { .. }), .. }) => Ok(earlier),
        _ => Ok(Note::Salvaged { epoch: find.epoch, seq: find.seq, record }),
    }
}

fn free_name(disk: &dyn Disk) -> Result<String, JournalError> {
    for number in 1..1_000 {
        let name = format!("{FILE}.damaged-{number}");
        if !disk.exists(&name).map_err(blocked("find"))? {
            return Ok(name);
        }
    }
    Err(JournalError::Damaged("a thousand damaged journals lie beside it; remove some".to_owned()))
}
