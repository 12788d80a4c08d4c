//! The journal's file, one step at a time: append, read, acknowledge, delete. No thread and no clock.

use super::open::{self, ACKED, META, RECORDS, SAFE, State};
use super::{AppendError, Birth, ENTRY_BYTES_MAX, Entry, Head, JournalError, Opened, Pending, Settings, row};
use crate::disk::{Disk, guarded, is_full};
use packline_protocol::id::ScanSeq;
use packline_protocol::record::{ChainLink, ScanRecord};
use packline_protocol::time::{Moment, Now};
use redb::{AccessGuard, Database, ReadTransaction, ReadableDatabase, ReadableTable};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tracing::{error, warn};

/// Records deleted at once, so that a scan never waits long behind it.
const PRUNE_MAX: usize = 256;
/// Fewer records than this are not worth a commit of their own.
pub(super) const WORTHWHILE: u64 = 128;
/// After a failure, the file is opened anew at most this often, in milliseconds.
const REOPEN_MS: u64 = 1_000;

/// The journal file, one step at a time, without a thread and without a clock: what the simulation drives.
///
/// One caller appends and prunes at a time; any number read meanwhile.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    settings: Settings,
    /// `None` while the disk fails.
    database: RwLock<Option<Database>>,
    state: Mutex<State>,
    writer: Mutex<Writer>,
    /// Records up to here do not say how old they are: looking for one that does begins behind them.
    dateless: Mutex<ScanSeq>,
    /// Whether all of it is being written anew, which takes its time.
    rewriting: AtomicBool,
}

#[derive(Debug, Default)]
struct Writer {
    failure: Option<Failure>,
    /// The file holds more than was ever reported durable: a commit that failed, and arrived all the same.
    ahead: bool,
}

#[derive(Debug, Clone)]
struct Failure {
    error: AppendError,
    tried: Moment,
}

impl Store {
    /// Opens `journal.redb` on `disk`, or begins one; from a damaged one everything readable is saved.
    pub fn open(disk: Arc<dyn Disk>, settings: Settings, birth: Birth) -> Result<(Store, Opened), JournalError> {
        let (database, state, opened) = open::open(&*disk, birth)?;
        Ok((Store::over(disk, settings, database, state), opened))
    }

    /// Opens a journal that is there and whole; nothing is begun and nothing saved.
    pub fn open_whole(disk: Arc<dyn Disk>, settings: Settings) -> Result<Store, JournalError> {
        let (database, state) = open::reopen(&*disk)?;
        Ok(Store::over(disk, settings, database, state))
    }

    fn over(disk: Arc<dyn Disk>, settings: Settings, database: Database, state: State) -> Store {
        let (database, state) = (RwLock::new(Some(database)), Mutex::new(state));
        Store {
            disk,
            settings,
            database,
            state,
            writer: Mutex::default(),
            dateless: Mutex::default(),
            rewriting: AtomicBool::default(),
        }
    }

    /// Begins a new life of a journal that is whole and not in use, by an administrator's command.
    pub fn renew(disk: &dyn Disk, birth: Birth, why: &str) -> Result<Opened, JournalError> {
        open::renew(disk, birth, why)
    }

    /// Makes all entries durable with one commit, in order; answers the first one's number. At an error none is. When
    /// there is no space, one batch of records that need not be kept makes way first.
    pub fn append(&self, entries: &[Entry]) -> Result<ScanSeq, AppendError> {
        let mut writer = lock(&self.writer);
        let now = entries.first().map(Entry::at).unwrap_or_default();
        self.ready(&mut writer, now.moment)?;
        match self.add(&mut writer, entries, now.moment) {
            Err(AppendError::Full(_)) if self.make_room(&mut writer, now) => self.add(&mut writer, entries, now.moment),
            done => done,
        }
    }

    fn add(&self, writer: &mut Writer, entries: &[Entry], moment: Moment) -> Result<ScanSeq, AppendError> {
        let mut state = *lock(&self.state);
        let first = ScanSeq(state.newest.0 + 1);
        let rows = number(&mut state, entries)?;
        if state.bytes() > self.settings.bytes_max {
            let max = self.settings.bytes_max;
            return Err(AppendError::Full(format!("its records would take {} of {max} bytes", state.bytes())));
        }
        self.write(|database| insert(database, &rows)).map_err(|error| self.failed(writer, moment, error))?;
        let mut current = lock(&self.state);
        (current.newest, current.link, current.total) = (state.newest, state.link, state.total);
        Ok(first)
    }

    /// Where the journal stands.
    pub fn head(&self) -> Head {
        let State { epoch, oldest, newest, link, acked, safe, .. } = *lock(&self.state);
        let bytes = lock(&self.state).bytes();
        Head { epoch, oldest, newest, link, acked, safe, bytes, bytes_max: self.settings.bytes_max }
    }

    /// Durable records from `from` on, or from the oldest that is left: at most `records_max`, and at most `bytes_max`
    /// bytes but always one. The list is empty when there is none.
    pub fn pending(&self, from: ScanSeq, records_max: usize, bytes_max: usize) -> Result<Pending, JournalError> {
        let state = *lock(&self.state);
        let first = from.max(state.oldest);
        let mut pending = Pending { first, before: state.link, records: Vec::new() };
        if first > state.newest || records_max == 0 {
            return Ok(pending);
        }
        let transaction = self.begin_read()?;
        let mut bytes = 0;
        guarded(|| {
            for entry in transaction.open_table(RECORDS)?.range(first.0..=state.newest.0)?.take(records_max) {
                let (seq, value) = entry?;
                let row = open::check(state.epoch, seq.value(), value.value())?;
                bytes += row.record.len();
                if pending.records.is_empty() {
                    pending.before = row.before;
                } else if bytes > bytes_max {
                    break;
                }
                pending.records.push(row.record.to_vec());
            }
            Ok(())
        })
        .map_err(read_error)?;
        Ok(pending)
    }

    /// The hub has committed records up to `upto`, and has them in a backup up to `safe`. Never goes back, and never
    /// beyond what was written: a hub that claims more is not believed.
    pub fn acknowledge(&self, upto: ScanSeq, safe: ScanSeq) {
        let mut state = lock(&self.state);
        state.acked = state.acked.max(upto.min(state.newest));
        state.safe = state.safe.max(safe.min(state.acked));
    }

    /// How many records could be deleted now. The newest one stays: it carries the number and the chain on.
    pub fn prunable(&self, now: Now) -> Result<u64, JournalError> {
        let state = *lock(&self.state);
        Ok((self.spare(&state, now)?.0 + 1).saturating_sub(state.oldest.0))
    }

    /// Deletes a small batch of records that need not be kept; answers how many.
    pub fn prune(&self, now: Now) -> Result<usize, JournalError> {
        let mut writer = lock(&self.writer);
        self.ready(&mut writer, now.moment).map_err(JournalError::Write)?;
        self.drop_batch(&mut writer, now)
    }

    /// Whether records went, so that there may be space for others.
    fn make_room(&self, writer: &mut Writer, now: Now) -> bool {
        let open = self.database.read().unwrap_or_else(PoisonError::into_inner).is_some();
        // What a full disk needs may be a whole new file: that is not worth the while for a record or two.
        let least = if writer.failure.is_some() { WORTHWHILE } else { 1 };
        if !open || writer.ahead || self.prunable(now).is_ok_and(|count| count < least) {
            return false;
        }
        match self.drop_batch(writer, now) {
            Ok(0) => false,
            Ok(_) => {
                writer.failure = None;
                true
            }
            Err(error) => {
                warn!(%error, "Records that the hub has could not be deleted");
                false
            }
        }
    }

    fn drop_batch(&self, writer: &mut Writer, now: Now) -> Result<usize, JournalError> {
        let state = *lock(&self.state);
        let last = self.spare(&state, now)?.0.min(state.oldest.0 + PRUNE_MAX as u64 - 1);
        if last < state.oldest.0 {
            return Ok(0);
        }
        let count = usize::try_from(last + 1 - state.oldest.0).unwrap_or(usize::MAX);
        match self.write(|database| delete(database, &state, last)) {
            Ok(gone) => {
                let mut current = lock(&self.state);
                (current.oldest, current.gone) = (ScanSeq(last + 1), gone);
                Ok(count)
            }
            Err(error) => match self.failed(writer, now.moment, error) {
                // Deleting takes space too; a new file with the rest takes less than the old one.
                AppendError::Full(_) => {
                    self.rewrite(ScanSeq(last + 1))?;
                    *writer = Writer::default();
                    Ok(count)
                }
                error => Err(JournalError::Write(error)),
            },
        }
    }

    /// Whether all of it is being written anew: minutes on a slow disk, and nothing is wrong.
    pub fn is_rewriting(&self) -> bool {
        self.rewriting.load(Ordering::Relaxed)
    }

    /// Checks every record against the chain; answers how many there are.
    pub fn verify(&self) -> Result<u64, JournalError> {
        let state = *lock(&self.state);
        let transaction = self.begin_read()?;
        let mut link: Option<ChainLink> = None;
        let mut count = 0;
        guarded(|| {
            for entry in transaction.open_table(RECORDS)?.range(..=state.newest.0)? {
                let (seq, value) = entry?;
                let row = open::check(state.epoch, seq.value(), value.value())?;
                if link.is_some_and(|link| link != row.before) {
                    return Err(redb::Error::Corrupted(format!("the chain breaks before record {}", row.seq)));
                }
                link = Some(row.after());
                count += 1;
            }
            Ok(())
        })
        .map_err(read_error)?;
        if link.is_some_and(|link| link != state.link) {
            return Err(JournalError::Damaged("the chain does not end where the journal stands".to_owned()));
        }
        Ok(count)
    }

    /// Closes the file; everything after it is refused.
    pub fn close(&self) {
        let mut writer = lock(&self.writer);
        let state = *lock(&self.state);
        if let Err(error) = self.write(|database| remember(database, &state)) {
            warn!(%error, "The journal was closed without a note of what the hub has");
        }
        writer.failure = Some(Failure { error: AppendError::Closed, tried: Moment(u64::MAX) });
        self.drop_database();
    }

    /// The newest record that need not be kept: acknowledged, and in a backup or old enough.
    fn spare(&self, state: &State, now: Now) -> Result<ScanSeq, JournalError> {
        let last = ScanSeq(state.acked.0.min(state.newest.0.saturating_sub(1)));
        let safe = last.min(state.safe);
        if safe >= last || !now.wall_trusted {
            return Ok(safe);
        }
        let from = safe.max(ScanSeq(state.oldest.0.saturating_sub(1)));
        Ok(self.old_up_to(from, now)?.map_or(safe, |old| old.clamp(safe, last)))
    }

    /// A record after `from` that is old enough, and everything before it with it. Not every record says how old it
    /// is: some were written before something had set the clock. Looks at a small batch of records only; one that
    /// says nothing is not looked at again, so the next look gets further.
    fn old_up_to(&self, from: ScanSeq, now: Now) -> Result<Option<ScanSeq>, JournalError> {
        let mut dateless = lock(&self.dateless);
        let candidates = self.pending(ScanSeq(from.max(*dateless).0 + 1), PRUNE_MAX, usize::MAX)?;
        let mut old = None;
        for (seq, record) in (candidates.first.0..).zip(&candidates.records) {
            match age_ms(record, now) {
                Some(age_ms) if age_ms > self.settings.keep_ms => old = Some(ScanSeq(seq)),
                Some(_) => break,
                None if old.is_none() => *dateless = ScanSeq(seq),
                None => {}
            }
        }
        Ok(old)
    }

    fn begin_read(&self) -> Result<ReadTransaction, JournalError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(JournalError::NotOpen)?;
        database.begin_read().map_err(|cause| read_error(cause.into()))
    }

    fn write<T>(&self, step: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        guarded(|| step(database))
    }

    /// After any failure the handle is not used again: what it believes and what the disk holds may differ.
    fn failed(&self, writer: &mut Writer, moment: Moment, error: redb::Error) -> AppendError {
        let error = match &error {
            redb::Error::Io(cause) if is_full(cause) => AppendError::Full(cause.to_string()),
            other => AppendError::Broken(other.to_string()),
        };
        error!(%error, "The journal cannot be written");
        writer.failure = Some(Failure { error: error.clone(), tried: moment });
        self.drop_database();
        // What was durable before can still be read and sent.
        match self.reopen() {
            Ok(ahead) => writer.ahead |= ahead,
            Err(error) => warn!(%error, "The journal does not open"),
        }
        error
    }

    /// Whether to try again: not at every scan, since each attempt on a failing disk takes its time.
    fn ready(&self, writer: &mut Writer, moment: Moment) -> Result<(), AppendError> {
        let Some(failure) = &mut writer.failure else { return Ok(()) };
        if failure.error == AppendError::Closed || moment.since_ms(failure.tried) < REOPEN_MS {
            return Err(failure.error.clone());
        }
        failure.tried = moment;
        match self.reopen() {
            Ok(ahead) => writer.ahead |= ahead,
            Err(error) => {
                warn!(%error, "The journal still does not open");
                return Err(failure.error.clone());
            }
        }
        // A sync that failed may have left the system believing that its pages are on the disk: write them all anew.
        let broken = matches!(failure.error, AppendError::Broken(_));
        if (broken || writer.ahead)
            && let Err(error) = self.rewrite(ScanSeq(0))
        {
            warn!(%error, "The journal cannot be written anew");
            return Err(failure.error.clone());
        }
        *writer = Writer::default();
        Ok(())
    }

    /// Writes a new file with the records from `from` on and puts it in the place of the old one.
    fn rewrite(&self, from: ScanSeq) -> Result<(), JournalError> {
        self.rewriting.store(true, Ordering::Relaxed);
        let done = self.write_anew(from);
        self.rewriting.store(false, Ordering::Relaxed);
        done
    }

    fn write_anew(&self, from: ScanSeq) -> Result<(), JournalError> {
        let state = *lock(&self.state);
        open::release_reserve(&*self.disk);
        let written = open::create(&*self.disk, &state, self.rows(from.max(state.oldest), state)?);
        if written.is_ok() {
            self.drop_database();
        }
        let opened = self.reopen().map(drop);
        open::reserve(&*self.disk);
        written.and(opened)
    }

    /// The rows from `from` on as they lie in the file.
    fn rows(
        &self,
        from: ScanSeq,
        state: State,
    ) -> Result<impl Iterator<Item = Result<(u64, Vec<u8>), JournalError>>, JournalError> {
        let transaction = self.begin_read()?;
        let range = guarded(|| Ok(transaction.open_table(RECORDS)?.range(from.0..=state.newest.0)?));
        let row = move |entry: Result<(AccessGuard<'_, u64>, AccessGuard<'_, &[u8]>), redb::StorageError>| {
            let (seq, value) = entry.map_err(|cause| read_error(cause.into()))?;
            let (seq, value) = (seq.value(), value.value());
            open::check(state.epoch, seq, value).map_err(read_error)?;
            Ok((seq, value.to_vec()))
        };
        Ok(range.map_err(read_error)?.map(row))
    }

    /// Answers whether the file holds more than was reported durable.
    fn reopen(&self) -> Result<bool, JournalError> {
        let open = self.database.read().unwrap_or_else(PoisonError::into_inner).is_some();
        if open {
            return Ok(false);
        }
        let (database, state) = open::reopen(&*self.disk)?;
        Ok(self.take_over(database, state))
    }

    /// A commit that was reported as failed may be in the file after all. It stays unheard of: what is read of it may
    /// come from memory alone, and the hub must not have what the next power cut takes away.
    fn take_over(&self, database: Database, mut found: State) -> bool {
        let mut state = lock(&self.state);
        let ahead = found.newest > state.newest;
        if ahead {
            (found.newest, found.link, found.total) = (state.newest, state.link, state.total);
        }
        found.acked = found.acked.max(state.acked);
        found.safe = found.safe.max(state.safe);
        *state = found;
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = Some(database);
        ahead
    }

    fn drop_database(&self) {
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        let dropped = guarded(|| {
            drop(database);
            Ok(())
        });
        if let Err(error) = dropped {
            warn!(%error, "The journal's file was not closed cleanly");
        }
    }
}

fn number(state: &mut State, entries: &[Entry]) -> Result<Vec<(u64, Vec<u8>)>, AppendError> {
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let record = entry.numbered(ScanSeq(state.newest.0 + 1)).encode();
        if record.len() > ENTRY_BYTES_MAX {
            return Err(AppendError::TooLong { bytes: record.len(), max: ENTRY_BYTES_MAX });
        }
        let row = state.push(&record);
        rows.push((state.newest.0, row));
    }
    Ok(rows)
}

fn insert(database: &Database, rows: &[(u64, Vec<u8>)]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut records = transaction.open_table(RECORDS)?;
        for (seq, row) in rows {
            records.insert(seq, row.as_slice())?;
        }
    }
    Ok(transaction.commit()?)
}

/// Deletes records up to `last`; answers the bytes of all rows ever deleted.
fn delete(database: &Database, state: &State, last: u64) -> Result<u64, redb::Error> {
    let transaction = database.begin_write()?;
    let gone = {
        let mut records = transaction.open_table(RECORDS)?;
        for seq in state.oldest.0..=last {
            records.remove(seq)?;
        }
        let first = records.first()?;
        let first =
            first.as_ref().map(|(seq, value)| open::check(state.epoch, seq.value(), value.value())).transpose()?;
        first.map_or(state.total, |first| first.total.saturating_sub(row::length(first.record.len())))
    };
    note_acknowledged(&transaction, state)?;
    transaction.commit()?;
    Ok(gone)
}

fn remember(database: &Database, state: &State) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    note_acknowledged(&transaction, state)?;
    Ok(transaction.commit()?)
}

fn note_acknowledged(transaction: &redb::WriteTransaction, state: &State) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(ACKED, state.acked.0)?;
    meta.insert(SAFE, state.safe.0)?;
    Ok(())
}

/// How old a record is, if its clock was trusted; one from the future says nothing, for its clock was wrong after all.
fn age_ms(record: &[u8], now: Now) -> Option<u64> {
    let record = ScanRecord::decode(record).ok().filter(|record| record.wall_trusted)?;
    u64::try_from(now.wall.since_ms(record.wall)).ok()
}

fn read_error(cause: redb::Error) -> JournalError {
    match cause {
        redb::Error::Corrupted(why) => JournalError::Damaged(why),
        redb::Error::DatabaseClosed => JournalError::NotOpen,
        cause => open::storage("read", cause),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
