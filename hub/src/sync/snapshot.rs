//! Whole replicas for stations that have nothing, or are too far behind: built once, sent to any number.
//!
//! A snapshot shows a log at one position and never changes. Its parts lie ready-sealed in one file, so that sending
//! one is reading some bytes. Two are kept per site: the newest, and the one before for stations that are at it.
//! They are made from the store at any time, and after a restart anew.

use super::fold::{self, Place};
use super::store;
use crate::clock;
use crate::store::{Db, StoreError};
use bytes::Bytes;
use packline_protocol::change::Change;
use packline_protocol::downlink::{Chunk, SnapshotOffer};
use packline_protocol::envelope::{SealError, Sealer};
use packline_protocol::id::SiteId;
use packline_protocol::proof::Proof;
use packline_protocol::time::Moment;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinError, spawn_blocking};

/// Rows per read while building.
const READ_ROWS: usize = 4_000;
/// A snapshot older than this is renewed when something changed since, in milliseconds: ten minutes.
const RENEW_AFTER_MS: u64 = 10 * 60_000;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The store failed.
    #[error("failed to read the rows of site `{site}`")]
    Store {
        /// Which site.
        site: SiteId,
        /// Why.
        #[source]
        cause: StoreError,
    },
    /// The site has no log.
    #[error("site `{site}` has no change log")]
    NoLog {
        /// Which site.
        site: SiteId,
    },
    /// The rows do not match the log's proof.
    #[error("the rows of site `{site}` do not match its proof")]
    Unproven {
        /// Which site.
        site: SiteId,
    },
    /// The folder or a file in it cannot be used.
    #[error("failed to keep snapshots in `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A part does not fit its message.
    #[error("failed to seal a part")]
    Seal(#[source] SealError),
    /// The building was cut off.
    #[error("the building was cut off")]
    Cut(#[source] JoinError),
}

/// The snapshots of all sites.
pub struct Snapshots {
    folder: PathBuf,
    sealer: Arc<Sealer>,
    shelves: Mutex<BTreeMap<SiteId, Shelf>>,
    /// One is built at a time: it takes a processor and reads a whole site.
    builder: Semaphore,
}

#[derive(Default)]
struct Shelf {
    newest: Option<Arc<Snapshot>>,
    before: Option<Arc<Snapshot>>,
}

/// A log at one position, ready to send.
#[derive(Debug)]
pub struct Snapshot {
    /// What stations are told of it.
    pub offer: SnapshotOffer,
    built: Moment,
    path: PathBuf,
    file: File,
    /// Where each part begins, and where the last one ends.
    marks: Vec<u64>,
}

/// How well a snapshot serves a log that has moved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fitness {
    /// Good.
    Good,
    /// Good enough, and to be renewed.
    Ageing,
    /// The way from it to the newest position is too long, or closed.
    Useless,
}

/// How well the snapshot of `offer`, `age_ms` old, serves a log at `place`.
pub fn fitness(offer: &SnapshotOffer, age_ms: u64, place: &Place) -> Fitness {
    let changes = place.seq.0.saturating_sub(offer.seq.0);
    let closed = offer.epoch != place.epoch || offer.seq > place.seq || offer.seq < place.floor;
    if closed || changes > place.live / 2 + 900 {
        Fitness::Useless
    } else if changes > place.live / 5 + 500 || changes > 0 && age_ms > RENEW_AFTER_MS {
        Fitness::Ageing
    } else {
        Fitness::Good
    }
}

impl Snapshots {
    /// Keeps snapshots in `folder`, which is emptied of older ones.
    pub fn open(folder: &Path, sealer: Arc<Sealer>) -> Result<Self, SnapshotError> {
        let failed = |cause| SnapshotError::File { path: folder.to_owned(), cause };
        fs::create_dir_all(folder).map_err(failed)?;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "snap" || extension == "part") {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
        let (shelves, builder) = (Mutex::default(), Semaphore::new(1));
        Ok(Self { folder: folder.to_owned(), sealer, shelves, builder })
    }

    /// The newest snapshot of `site`, and how well it serves a log at `place`.
    pub fn newest(&self, site: &SiteId, place: &Place, now: Moment) -> Option<(Arc<Snapshot>, Fitness)> {
        let newest = self.shelves().get(site)?.newest.clone()?;
        let fitness = fitness(&newest.offer, now.since_ms(newest.built), place);
        Some((newest, fitness))
    }

    /// The snapshot with this number.
    pub fn find(&self, site: &SiteId, number: u64) -> Option<Arc<Snapshot>> {
        let shelves = self.shelves();
        let shelf = shelves.get(site)?;
        let mut kept = [&shelf.newest, &shelf.before].into_iter().flatten();
        kept.find(|snapshot| snapshot.offer.snapshot == number).cloned()
    }

    /// Builds a snapshot of `site` as it is now and puts it first.
    pub async fn build(&self, db: &Db, site: &SiteId, now: Moment) -> Result<Arc<Snapshot>, SnapshotError> {
        let _turn = self.builder.acquire().await.expect("the builder is never closed");
        let number = clock::random_u64();
        let path = self.folder.join(format!("{site}-{number:016x}.snap"));
        let (rows, parts) = mpsc::channel(4);
        let writer = Writer { number, sealer: self.sealer.clone(), path: path.clone() };
        let writing = spawn_blocking(move || writer.write(parts));
        let read = read(db, site, rows).await;
        let written = writing.await.map_err(SnapshotError::Cut)?;
        let (read, (file, marks)) = match (read, written) {
            (Ok(read), Ok(written)) => (read, written),
            (Err(error), _) | (Ok(_), Err(error)) => {
                let _ = fs::remove_file(&path);
                return Err(error);
            }
        };
        let chunks = u32::try_from(marks.len() - 1).unwrap_or(u32::MAX);
        let offer = SnapshotOffer { snapshot: number, chunks, ..read };
        let snapshot = Arc::new(Snapshot { offer, built: now, path, file, marks });
        self.shelve(site, snapshot.clone());
        Ok(snapshot)
    }

    fn shelve(&self, site: &SiteId, snapshot: Arc<Snapshot>) {
        let mut shelves = self.shelves();
        let shelf = shelves.entry(site.clone()).or_default();
        let gone = std::mem::replace(&mut shelf.before, shelf.newest.replace(snapshot));
        if let Some(gone) = gone {
            // Whoever still reads it has it open; the space is free when the last one is done.
            let _ = fs::remove_file(&gone.path);
        }
    }

    fn shelves(&self) -> MutexGuard<'_, BTreeMap<SiteId, Shelf>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// The sealed message of one part; `None` when it has no such part.
    pub fn part(&self, number: u32) -> io::Result<Option<Bytes>> {
        let at = number as usize;
        let (Some(from), Some(to)) = (self.marks.get(at), self.marks.get(at + 1)) else { return Ok(None) };
        let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, *from)?;
        Ok(Some(bytes.into()))
    }
}

/// Reads all rows of `site` at one moment, sends them on in pieces, and says what they come to (number and parts unset).
async fn read(db: &Db, site: &SiteId, pieces: mpsc::Sender<Vec<Change>>) -> Result<SnapshotOffer, SnapshotError> {
    let failed = |cause| SnapshotError::Store { site: site.clone(), cause };
    let mut view = db.view("sync.snapshot").await.map_err(failed)?;
    let stored = store::find_place(view.conn(), site).await.map_err(failed)?;
    let stored = stored.ok_or_else(|| SnapshotError::NoLog { site: site.clone() })?;
    let Place { epoch, seq, .. } = stored.place;
    let mut offer = SnapshotOffer { snapshot: 0, epoch, seq, root: stored.root, rows: 0, chunks: 0 };
    let (mut proof, mut rest, mut at) = (Proof::empty(site), Vec::new(), None);
    loop {
        let rows = store::live_rows(view.conn(), site, at, READ_ROWS).await.map_err(failed)?;
        let is_end = rows.len() < READ_ROWS;
        at = rows.last().map_or(at, |row| Some(row.row));
        offer.rows += rows.len() as u64;
        for row in &rows {
            proof.toggle(row.row, row.seq, row.body.as_deref().unwrap_or_default());
        }
        rest.extend(rows);
        let mut ready = fold::pieces(std::mem::take(&mut rest));
        if !is_end {
            rest = ready.pop().unwrap_or_default();
        }
        for piece in ready {
            // A writer that has gone has an error to tell.
            if pieces.send(piece).await.is_err() {
                return Ok(offer);
            }
        }
        if is_end {
            break;
        }
    }
    let proven = proof.root(epoch, seq) == stored.root;
    if proven { Ok(offer) } else { Err(SnapshotError::Unproven { site: site.clone() }) }
}

struct Writer {
    number: u64,
    sealer: Arc<Sealer>,
    path: PathBuf,
}

impl Writer {
    /// Seals each piece as a part and writes them one after the other.
    fn write(&self, mut pieces: mpsc::Receiver<Vec<Change>>) -> Result<(File, Vec<u64>), SnapshotError> {
        let failed = |cause| SnapshotError::File { path: self.path.clone(), cause };
        let aside = self.path.with_extension("part");
        let mut file = BufWriter::new(File::create(&aside).map_err(failed)?);
        let mut marks = vec![0];
        let mut end = 0;
        for number in 0.. {
            let Some(rows) = pieces.blocking_recv() else { break };
            let chunk = Chunk { snapshot: self.number, number, rows };
            let sealed = self.sealer.seal(&chunk).map_err(SnapshotError::Seal)?;
            file.write_all(&sealed).map_err(failed)?;
            end += sealed.len() as u64;
            marks.push(end);
        }
        file.flush().map_err(failed)?;
        drop(file);
        fs::rename(&aside, &self.path).map_err(failed)?;
        Ok((File::open(&self.path).map_err(failed)?, marks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::id::{Epoch, Seq};
    use packline_protocol::proof::Root;

    #[test]
    fn a_snapshot_serves_while_the_way_on_from_it_is_open_and_short() {
        let place = |seq, floor| Place {
            epoch: Epoch(7),
            lineage: Vec::new(),
            seq: Seq(seq),
            floor: Seq(floor),
            live: 10_000,
            gone: 0,
        };
        let offer = SnapshotOffer {
            snapshot: 1,
            epoch: Epoch(7),
            seq: Seq(20_000),
            root: Root::default(),
            rows: 10_000,
            chunks: 9,
        };
        for (seq, floor, age_ms, expected) in [
            (20_000, 0, 0, Fitness::Good),
            (20_000, 0, RENEW_AFTER_MS + 1, Fitness::Good),
            (20_001, 0, RENEW_AFTER_MS + 1, Fitness::Ageing),
            (22_500, 0, 0, Fitness::Good),
            (22_501, 0, 0, Fitness::Ageing),
            (25_901, 0, 0, Fitness::Useless),
            (20_005, 20_001, 0, Fitness::Useless),
            (19_999, 0, 0, Fitness::Useless),
        ] {
            assert_eq!(fitness(&offer, age_ms, &place(seq, floor)), expected, "{seq} {floor} {age_ms}");
        }
        let other = Place { epoch: Epoch(8), ..place(20_000, 0) };
        assert_eq!(fitness(&offer, 0, &other), Fitness::Useless);
    }
}
