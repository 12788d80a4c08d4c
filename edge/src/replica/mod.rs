//! The replica: this station's copy of what its site must know, and the only thing a verdict is made from.
//!
//! A redb file of rows, with a table from code to parcel, and proof that it equals the hub's. A [`View`] is one state
//! of it: rows, position, rule set and settings that belong together, held still while somebody looks.
//! Deliberately absent: asking the hub for anything. What arrives is applied here; what is missing is said here.

mod apply;
mod freshness;
mod spill;
mod staging;
mod store;
#[cfg(test)]
mod tests;
mod verify;
mod view;

pub use staging::Staging;
pub use view::View;

use crate::disk::{Disk, guarded};
use apply::{Draft, Repair};
use freshness::{Freshness, Place};
use packline_protocol::downlink::{BucketRows, Buckets, Delta, SnapshotOffer};
use packline_protocol::facts::Parcel;
use packline_protocol::id::{Epoch, ParcelId, Seq, SiteId};
use packline_protocol::proof::Root;
use packline_protocol::time::{Now, Timestamp};
use packline_protocol::uplink::ReplicaState;
use redb::ReadableDatabase;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use store::{Store, storage};
use tokio::sync::watch;
use tracing::{error, warn};

/// How a replica is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whose rows it holds.
    pub site: SiteId,
    /// Memory for pages of the file, in bytes.
    pub cache_bytes: usize,
}

/// What opening a replica found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The replica of before.
    Whole,
    /// There was none: it is empty.
    New,
    /// The one of before was damaged or of another site: it was moved aside, and an empty one begun.
    Emptied {
        /// The old file's name.
        aside: String,
        /// What was wrong.
        why: String,
    },
}

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// No parcel here has it.
    None,
    /// Exactly one parcel.
    One(Box<Parcel>),
    /// More than one parcel has it.
    Many(Vec<ParcelId>),
    /// No parcel of this site has it, but one that another site packs.
    Elsewhere {
        /// Which parcel.
        parcel: ParcelId,
        /// Which site.
        site: SiteId,
    },
}

/// What applying did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// Everything in it was known before.
    Nothing,
    /// The replica moved on.
    Moved {
        /// Rows that changed.
        rows: u64,
        /// Whether the hub's proof was there and held.
        proven: bool,
    },
}

/// Why changes were not applied. The replica is as before.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Changes between are missing: ask for the range after `have`.
    #[error("the changes build on {prev}; this replica stands at {have}")]
    Gap {
        /// Where this replica stands.
        have: Seq,
        /// What they build on.
        prev: Seq,
    },
    /// They are of another life of the change log.
    #[error("the changes are of epoch `{theirs}`; this replica follows `{ours}`")]
    Epoch {
        /// This replica's.
        ours: Epoch,
        /// Theirs.
        theirs: Epoch,
    },
    /// With them the replica would differ from the hub's: compare buckets.
    #[error("the proof at {seq} is {theirs}; this replica comes to {ours}")]
    Mismatch {
        /// Where.
        seq: Seq,
        /// What this replica comes to.
        ours: Root,
        /// What the hub has.
        theirs: Root,
    },
    /// What arrived cannot be: too long a body, rows out of order, a parcel in another's row.
    #[error("the changes are malformed: {0}")]
    Malformed(String),
    /// A repair needs more memory than it may take: fetch a snapshot.
    #[error("the rows to repair take more than {max} bytes")]
    TooMuch {
        /// The limit.
        max: usize,
    },
    /// A snapshot's parts came out of order, or are of another snapshot.
    #[error("part {got} of the snapshot came; part {wanted} is the next")]
    Part {
        /// The next part.
        wanted: u32,
        /// What came.
        got: u32,
    },
    /// The file does not work.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Why the replica cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The file system refuses.
    #[error("failed to {attempt} the replica file `{file}`")]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// On which file.
        file: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The database in the file does not answer.
    #[error("failed to {attempt} the replica")]
    Storage {
        /// What was attempted.
        attempt: &'static str,
        /// Why.
        #[source]
        cause: Box<redb::Error>,
    },
    /// What is in the file cannot be.
    #[error("the replica is damaged: {0}")]
    Damaged(String),
    /// The file was replaced, or is being opened again after a failure of the disk.
    #[error("the replica is not open")]
    Closed,
}

macro_rules! from_storage {
    ($($error:ty),*) => { $(
        impl From<$error> for ApplyError {
            fn from(cause: $error) -> Self {
                ApplyError::Replica(store::storage("change", cause))
            }
        }
    )* };
}

from_storage!(redb::Error, redb::StorageError, redb::TableError);

/// The replica. Clones are handles on the same one; one thread changes it, any number look.
#[derive(Clone)]
pub struct Replica {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Arc<dyn Disk>,
    settings: Settings,
    view: RwLock<Arc<View>>,
    writer: Mutex<Writer>,
    freshness: Mutex<Freshness>,
    states: watch::Sender<ReplicaState>,
}

struct Writer {
    /// `None` after a write failed, until the file is open again.
    store: Option<Store>,
    repair: Option<Repair>,
}

impl Replica {
    /// Opens `replica.redb` on `disk`; one that cannot be used is moved aside, and an empty one begins.
    pub fn open(disk: Arc<dyn Disk>, settings: Settings) -> Result<(Replica, Opened), ReplicaError> {
        let (store, opened) = store::open(&*disk, &settings)?;
        let view = View::open(&store.database, store.state.into(), None)?;
        let inner = Inner {
            disk,
            settings,
            freshness: Mutex::new(Freshness::restored(store.state.level_at)),
            states: watch::Sender::new(store.state.into()),
            view: RwLock::new(Arc::new(view)),
            writer: Mutex::new(Writer { store: Some(store), repair: None }),
        };
        Ok((Replica { inner: Arc::new(inner) }, opened))
    }

    /// The state to judge by.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.inner.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the codes stand for, and the state that says so.
    pub fn lookup(&self, keys: &[String]) -> Result<(Arc<View>, Lookup), ReplicaError> {
        self.look(|view| view.lookup(keys))
    }

    /// What `look` finds, and the state that says so. Looks again when the file was replaced meanwhile.
    pub fn look<T>(&self, look: impl Fn(&View) -> Result<T, ReplicaError>) -> Result<(Arc<View>, T), ReplicaError> {
        for _ in 0..3 {
            let view = self.view();
            match look(&view) {
                Err(ReplicaError::Closed) => std::thread::yield_now(),
                found => return found.map(|found| (view, found)),
            }
        }
        Err(ReplicaError::Closed)
    }

    /// Where it stands.
    pub fn state(&self) -> ReplicaState {
        self.view().state
    }

    /// Is marked changed whenever the replica moved; what the link and the page wait on.
    pub fn watch(&self) -> watch::Receiver<ReplicaState> {
        self.inner.states.subscribe()
    }

    /// Applies consecutive deltas in one transaction. Of a run in which one is refused, those before it are applied.
    pub fn apply(&self, deltas: &[Delta]) -> Result<Applied, ApplyError> {
        let mut writer = lock(&self.inner.writer);
        match self.apply_run(&mut writer, deltas) {
            Ok(applied) => Ok(applied),
            Err((_, ApplyError::Replica(error))) => Err(self.failed(&mut writer, error).into()),
            Err((0, why)) => Err(self.refused(why)),
            Err((number, why)) => {
                let before = deltas.get(..number).unwrap_or_default();
                self.apply_run(&mut writer, before).map_err(|(_, why)| why)?;
                Err(self.refused(why))
            }
        }
    }

    fn apply_run(&self, writer: &mut Writer, deltas: &[Delta]) -> Result<Applied, (usize, ApplyError)> {
        let store = self.ready(writer).map_err(|error| (0, error.into()))?;
        if deltas.iter().all(|delta| matches!(apply::has_news(&store.state, delta), Ok(false))) {
            return Ok(Applied::Nothing);
        }
        let mut draft = self.draft(store);
        apply::deltas(&store.database, &mut draft, deltas)?;
        let applied = draft.applied();
        self.adopt(store, draft).map_err(|error| (0, error.into()))?;
        Ok(applied)
    }

    /// Goes on as `epoch` from where it stands; the caller knows from the lineage that the hub's log does so too.
    pub fn follow(&self, epoch: Epoch) -> Result<(), ReplicaError> {
        let mut writer = lock(&self.inner.writer);
        let store = self.ready(&mut writer)?;
        let mut draft = self.draft(store);
        draft.follow(epoch);
        match store::write(&store.database, "change", |transaction| store::save(transaction, &draft.state)) {
            Ok(()) => self.adopt(store, draft),
            Err(error) => Err(self.failed(&mut writer, error)),
        }
    }

    /// The buckets in which this replica differs from the hub's.
    pub fn differing(&self, theirs: &Buckets) -> Result<Vec<u16>, ReplicaError> {
        Ok(self.ready(&mut lock(&self.inner.writer))?.proof.differing(&theirs.hashes))
    }

    /// Takes rows of buckets. They are put in place together, when the last message came and its proof holds; until
    /// then the answer is [`Applied::Nothing`].
    pub fn repair(&self, rows: &BucketRows) -> Result<Applied, ApplyError> {
        let mut writer = lock(&self.inner.writer);
        let state = self.ready(&mut writer)?.state;
        if rows.epoch != state.epoch {
            return Err(ApplyError::Epoch { ours: state.epoch, theirs: rows.epoch });
        }
        if rows.seq < state.seq {
            let why = format!("the buckets are at {}, this replica at {}", rows.seq, state.seq);
            return Err(ApplyError::Malformed(why));
        }
        let continued = writer.repair.take().filter(|repair| repair.continues(rows));
        let mut repair = continued.unwrap_or_else(|| Repair::begin(rows));
        repair.collect(rows)?;
        let Some(root) = rows.root else {
            writer.repair = Some(repair);
            return Ok(Applied::Nothing);
        };
        repair.check()?;
        let store = self.ready(&mut writer)?;
        let mut draft = self.draft(store);
        match apply::repair(&store.database, &mut draft, &repair, root) {
            Ok(()) => {
                let applied = draft.applied();
                self.adopt(store, draft)?;
                Ok(applied)
            }
            Err(ApplyError::Replica(error)) => Err(self.failed(&mut writer, error).into()),
            Err(why) => Err(self.refused(why)),
        }
    }

    /// Begins to take a snapshot, or goes on with it when part of it is there.
    pub fn stage(&self, offer: &SnapshotOffer) -> Result<Staging, ReplicaError> {
        Staging::open(&self.inner.disk, &self.inner.settings, offer)
    }

    /// Proves the snapshot and puts it in the replica's place, under whoever is looking.
    pub fn install(&self, staging: Staging) -> Result<ReplicaState, ApplyError> {
        let mut writer = lock(&self.inner.writer);
        staging.finish(&*self.inner.disk)?;
        let store = store::reopen(&*self.inner.disk, &self.inner.settings)?;
        lock(&self.inner.freshness).replaced();
        self.replace(&mut writer, store)?;
        self.proved();
        Ok(self.state())
    }

    /// A head of the hub came: its log ends at `seq`, and whoever has its rows there comes to `root`.
    pub fn heard(&self, epoch: Epoch, seq: Seq, root: Root, now: Now) {
        lock(&self.inner.freshness).heard(Place { epoch, seq, root }, place(&self.state()), now);
    }

    /// The hub's head says that these rows are not the hub's: no age is known until a proof holds again.
    pub fn doubt(&self) {
        lock(&self.inner.freshness).distrust();
    }

    /// The hub's head has `root` where this replica stands, and nothing is being mended: if it is this replica's too,
    /// that is a proof like any other.
    pub fn prove(&self, root: Root) {
        let state = self.state();
        if state.root == root {
            lock(&self.inner.freshness).proved(place(&state));
        }
    }

    /// Milliseconds since this replica was last known to be level with the hub; `None` when that is not known.
    pub fn age_ms(&self, now: Now) -> Option<u64> {
        lock(&self.inner.freshness).age_ms(now)
    }

    /// When this replica was last known to be level with the hub, by a wall clock that was trusted; 1970 if never.
    pub fn level_at(&self) -> Timestamp {
        lock(&self.inner.freshness).level_at().unwrap_or_default()
    }

    /// Writes down when the hub was heard, so that a restart knows; every change does so too.
    pub fn save_age(&self) -> Result<(), ReplicaError> {
        let mut writer = lock(&self.inner.writer);
        let store = self.ready(&mut writer)?;
        let mut state = store.state;
        state.level_at = lock(&self.inner.freshness).level_at();
        if state == store.state {
            return Ok(());
        }
        match store::write(&store.database, "change", |transaction| store::save(transaction, &state)) {
            Ok(()) => store.state = state,
            Err(error) => return Err(self.failed(&mut writer, error)),
        }
        Ok(())
    }

    /// Works everything out anew from the rows and compares: what a night is for. Answers the number of rows.
    pub fn verify(&self) -> Result<u64, ReplicaError> {
        let (transaction, proof, state) = {
            let mut writer = lock(&self.inner.writer);
            let store = self.ready(&mut writer)?;
            let transaction = store.database.begin_read().map_err(|cause| storage("read", cause))?;
            (transaction, store.proof.clone(), store.state)
        };
        verify::verify(&transaction, &self.inner.settings.site, &proof, &state)
    }

    /// Sets the file aside as damaged and begins an empty one; the link fetches everything again.
    pub fn start_over(&self, why: &str) -> Result<Opened, ReplicaError> {
        let mut writer = lock(&self.inner.writer);
        let (store, opened) = store::empty(&*self.inner.disk, &self.inner.settings, why.to_owned())?;
        lock(&self.inner.freshness).forget();
        self.replace(&mut writer, store)?;
        Ok(opened)
    }

    /// The open file; opens it when it was closed after a failure.
    fn ready<'w>(&self, writer: &'w mut Writer) -> Result<&'w mut Store, ReplicaError> {
        if writer.store.is_none() {
            let (store, _) = store::open(&*self.inner.disk, &self.inner.settings)?;
            self.replace(writer, store)?;
        }
        writer.store.as_mut().ok_or(ReplicaError::Closed)
    }

    fn draft(&self, store: &Store) -> Draft {
        let mut draft = Draft::new(store.proof.clone(), store.state);
        draft.state.level_at = lock(&self.inner.freshness).level_at();
        draft
    }

    /// What was committed becomes what everybody sees.
    fn adopt(&self, store: &mut Store, draft: Draft) -> Result<(), ReplicaError> {
        let known = (!draft.knowledge).then(|| self.view().knowledge());
        let proven = draft.is_proven();
        (store.proof, store.state) = (draft.proof, draft.state);
        self.show(View::open(&store.database, draft.state.into(), known)?);
        if proven {
            self.proved();
        }
        Ok(())
    }

    fn show(&self, view: View) {
        let state = view.state;
        *self.inner.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        lock(&self.inner.freshness).moved(place(&state));
        self.inner.states.send_replace(state);
    }

    /// Another file, or the same one opened again, takes the place of this one.
    fn replace(&self, writer: &mut Writer, store: Store) -> Result<(), ReplicaError> {
        self.show(View::open(&store.database, store.state.into(), None)?);
        writer.repair = None;
        let before = writer.store.replace(store);
        retire(before);
        Ok(())
    }

    fn refused(&self, why: ApplyError) -> ApplyError {
        if matches!(why, ApplyError::Mismatch { .. }) {
            self.doubt();
        }
        why
    }

    /// The hub's proof held where this replica stands.
    fn proved(&self) {
        lock(&self.inner.freshness).proved(place(&self.state()));
    }

    /// After a failed write the handle is not used again: the file is opened anew, or set aside when it is damaged.
    fn failed(&self, writer: &mut Writer, error: ReplicaError) -> ReplicaError {
        warn!(%error, "The replica cannot be written; it is opened again");
        retire(writer.store.take());
        if let Err(error) = self.ready(writer) {
            error!(%error, "The replica does not open again; nothing is released until it does");
        }
        error
    }
}

fn place(state: &ReplicaState) -> Place {
    let ReplicaState { epoch, seq, root, .. } = *state;
    Place { epoch, seq, root }
}

/// Closes a file that is not needed any more; whoever still looks is told so.
fn retire(store: Option<Store>) {
    let Some(store) = store else { return };
    let closed = guarded(|| Ok(store.database.close()?));
    if let Err(error) = closed {
        warn!(%error, "A replica file did not close cleanly");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
