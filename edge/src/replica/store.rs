//! The replica's file: its tables, opening it, making an empty one, setting a bad one aside.
//!
//! A file appears under its name only when it is complete, as in the journal. What is lost with a damaged one is
//! fetched again from the hub.

use super::{Opened, ReplicaError, Settings};
use crate::disk::{Disk, File, guarded, is_damage};
use packline_protocol::id::{Epoch, Seq, SiteId};
use packline_protocol::proof::{BUCKETS as BUCKET_COUNT, Proof, Root};
use packline_protocol::time::Timestamp;
use packline_protocol::uplink::ReplicaState;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition, WriteTransaction,
};
use serde::{Deserialize, Serialize};
use tracing::error;

pub(super) const FILE: &str = "replica.redb";
const TMP: &str = "replica.redb.tmp";

/// Row number to change number (8 bytes, little-endian) and body.
pub(super) const ROWS: TableDefinition<u64, &[u8]> = TableDefinition::new("rows");
/// Hash of a code or of a product number, and a parcel that has it or has it inside.
pub(super) const CODES: TableDefinition<(u64, u64), ()> = TableDefinition::new("codes");
pub(super) const BUCKETS: TableDefinition<u16, u128> = TableDefinition::new("buckets");
pub(super) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const SITE: &str = "site";
const STATE: &str = "state";

/// Where the replica stands, as it is kept in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub epoch: Epoch,
    pub seq: Seq,
    pub root: Root,
    pub rows: u64,
    /// When, by a trusted wall clock, it was last known to be level with the hub.
    pub level_at: Option<Timestamp>,
}

impl From<State> for ReplicaState {
    fn from(state: State) -> Self {
        let State { epoch, seq, root, rows, .. } = state;
        Self { epoch, seq, root, rows }
    }
}

/// An open file and what is kept of it in memory.
#[derive(Debug)]
pub(super) struct Store {
    pub database: Database,
    pub proof: Proof,
    pub state: State,
}

/// Why a file was not opened.
enum Trouble {
    Unusable(String),
    Blocked(ReplicaError),
}

pub(super) fn storage(attempt: &'static str, cause: impl Into<redb::Error>) -> ReplicaError {
    match cause.into() {
        redb::Error::Corrupted(why) => ReplicaError::Damaged(why),
        redb::Error::DatabaseClosed | redb::Error::PreviousIo => ReplicaError::Closed,
        cause => ReplicaError::Storage { attempt, cause: Box::new(cause) },
    }
}

pub(super) fn blocked(attempt: &'static str, file: &str) -> impl Fn(std::io::Error) -> ReplicaError {
    move |cause| ReplicaError::Disk { attempt, file: file.to_owned(), cause }
}

/// Opens the replica; sets one aside that cannot be used, and begins an empty one.
pub(super) fn open(disk: &dyn Disk, settings: &Settings) -> Result<(Store, Opened), ReplicaError> {
    disk.remove(TMP).map_err(blocked("remove", TMP))?;
    if !disk.exists(FILE).map_err(blocked("find", FILE))? {
        return Ok((begin(disk, settings)?, Opened::New));
    }
    match open_file(disk, FILE, settings) {
        Ok(store) => Ok((store, Opened::Whole)),
        Err(Trouble::Blocked(error)) => Err(error),
        Err(Trouble::Unusable(why)) => empty(disk, settings, why),
    }
}

/// Sets the file aside and begins an empty one.
pub(super) fn empty(disk: &dyn Disk, settings: &Settings, why: String) -> Result<(Store, Opened), ReplicaError> {
    error!(why, "The replica cannot be used; it will be fetched again");
    // Only the last bad file is kept: it can be fetched again, unlike a journal, and the disk is small.
    let aside = format!("{FILE}.damaged");
    disk.rename(FILE, &aside).map_err(blocked("set aside", FILE))?;
    Ok((begin(disk, settings)?, Opened::Emptied { aside, why }))
}

fn begin(disk: &dyn Disk, settings: &Settings) -> Result<Store, ReplicaError> {
    let file = disk.open(TMP, true).map_err(blocked("create", TMP))?;
    let database = create(file, settings)?;
    let root = Proof::empty(&settings.site).root(Epoch(0), Seq(0));
    write(&database, "create", |transaction| save(transaction, &State { root, ..State::default() }))?;
    finish(disk, database, TMP)?;
    reopen(disk, settings)
}

/// An empty database with all tables, of this site.
pub(super) fn create(file: File, settings: &Settings) -> Result<Database, ReplicaError> {
    let database = builder(settings).create_with_backend(file).map_err(|cause| storage("create", cause))?;
    write(&database, "create", |transaction| {
        transaction.open_table(ROWS)?;
        transaction.open_table(CODES)?;
        transaction.open_table(BUCKETS)?;
        transaction.open_table(META)?.insert(SITE, settings.site.as_str().as_bytes())?;
        Ok(())
    })?;
    Ok(database)
}

/// Closes a complete file and puts it in the replica's place.
pub(super) fn finish(disk: &dyn Disk, database: Database, name: &str) -> Result<(), ReplicaError> {
    database.close().map_err(|cause| storage("close", cause))?;
    let file = disk.open(name, false).map_err(blocked("open", name))?;
    file.sync_data().map_err(blocked("sync", name))?;
    file.close().map_err(blocked("close", name))?;
    disk.rename(name, FILE).map_err(blocked("rename", name))
}

/// Opens a file that was just finished.
pub(super) fn reopen(disk: &dyn Disk, settings: &Settings) -> Result<Store, ReplicaError> {
    open_file(disk, FILE, settings).map_err(|trouble| match trouble {
        Trouble::Unusable(why) => ReplicaError::Damaged(why),
        Trouble::Blocked(error) => error,
    })
}

/// Opens a database with these tables, whatever it is for; `None` when it cannot be used.
pub(super) fn open_database(disk: &dyn Disk, name: &str, settings: &Settings) -> Option<Database> {
    let file = disk.open(name, false).ok().filter(|file| file.len().is_ok_and(|length| length > 0))?;
    let opened = guarded(|| {
        let database = builder(settings).create_with_backend(file)?;
        let transaction = database.begin_read()?;
        check_site(&transaction, &settings.site)?;
        Ok(database)
    });
    opened.ok()
}

fn open_file(disk: &dyn Disk, name: &str, settings: &Settings) -> Result<Store, Trouble> {
    let blocked = |cause| Trouble::Blocked(blocked("open", name)(cause));
    let file = disk.open(name, false).map_err(blocked)?;
    if file.len().map_err(blocked)? == 0 {
        return Err(Trouble::Unusable("the file is empty".to_owned()));
    }
    let opened = guarded(|| {
        let database = builder(settings).create_with_backend(file)?;
        let transaction = database.begin_read()?;
        check_site(&transaction, &settings.site)?;
        let state = load_state(&transaction)?;
        let proof = load_proof(&transaction, &settings.site)?;
        Ok(Store { database, proof, state })
    });
    let store = opened.map_err(|error| match error {
        damage if is_damage(&damage) => Trouble::Unusable(damage.to_string()),
        error => Trouble::Blocked(storage("open", error)),
    })?;
    if store.proof.root(store.state.epoch, store.state.seq) != store.state.root {
        return Err(Trouble::Unusable("its buckets do not come to its root".to_owned()));
    }
    Ok(store)
}

fn builder(settings: &Settings) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(settings.cache_bytes);
    builder
}

fn check_site(transaction: &ReadTransaction, site: &SiteId) -> Result<(), redb::Error> {
    let meta = transaction.open_table(META)?;
    let found = meta.get(SITE)?.map(|value| String::from_utf8_lossy(value.value()).into_owned());
    match found {
        Some(found) if found == site.as_str() => Ok(()),
        Some(found) => Err(redb::Error::Corrupted(format!("it is of site `{found}`, not of `{site}`"))),
        None => Err(redb::Error::Corrupted("it does not say of which site it is".to_owned())),
    }
}

fn load_state(transaction: &ReadTransaction) -> Result<State, redb::Error> {
    let meta = transaction.open_table(META)?;
    let value = meta.get(STATE)?;
    let state = value.and_then(|value| postcard::from_bytes(value.value()).ok());
    state.ok_or_else(|| redb::Error::Corrupted("it does not say where it stands".to_owned()))
}

fn load_proof(transaction: &ReadTransaction, site: &SiteId) -> Result<Proof, redb::Error> {
    let buckets = transaction.open_table(BUCKETS)?;
    let mut stored = Vec::with_capacity(BUCKET_COUNT);
    for entry in buckets.iter()? {
        let (bucket, hash) = entry?;
        stored.push((bucket.value(), hash.value()));
    }
    Ok(Proof::with_buckets(site, stored))
}

/// Saves where the replica stands, with whatever else the transaction changes.
pub(super) fn save(transaction: &WriteTransaction, state: &State) -> Result<(), redb::Error> {
    let bytes = postcard::to_allocvec(state).expect("plain data always encodes");
    transaction.open_table(META)?.insert(STATE, bytes.as_slice())?;
    Ok(())
}

/// Saves bucket hashes.
pub(super) fn save_buckets(
    transaction: &WriteTransaction,
    proof: &Proof,
    touched: impl IntoIterator<Item = u16>,
) -> Result<(), redb::Error> {
    let mut buckets = transaction.open_table(BUCKETS)?;
    for bucket in touched {
        buckets.insert(bucket, proof.bucket(bucket))?;
    }
    Ok(())
}

/// One durable transaction.
pub(super) fn write<T>(
    database: &Database,
    attempt: &'static str,
    step: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
) -> Result<T, ReplicaError> {
    let done = guarded(|| {
        let transaction = database.begin_write()?;
        let answer = step(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    });
    done.map_err(|cause| storage(attempt, cause))
}

/// A row as it lies in the table.
pub(super) fn join(seq: Seq, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + body.len());
    bytes.extend_from_slice(&seq.0.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The change number and the body of a stored row.
pub(super) fn split(bytes: &[u8]) -> Result<(Seq, &[u8]), redb::Error> {
    let (seq, body) =
        bytes.split_first_chunk().ok_or_else(|| redb::Error::Corrupted("a row is cut short".to_owned()))?;
    Ok((Seq(u64::from_le_bytes(*seq)), body))
}
