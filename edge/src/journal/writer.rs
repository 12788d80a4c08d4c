//! The journal's thread: everything that waits is made durable by one commit; deleting happens when nothing waits.

use super::{AppendError, Entry, Head, JournalError, Pending, Store};
use crate::clock;
use packline_protocol::id::ScanSeq;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{debug, error, warn};

/// Entries in one commit; more wait for the next one.
const GROUP_MAX: usize = 256;
/// How often deleting is thought of.
const HOUSEKEEPING: Duration = Duration::from_secs(5);
/// Between two batches of deleting, so that a scan gets in between.
const BREATH: Duration = Duration::from_millis(50);
/// Fewer records than this are not worth a commit of their own.
const WORTHWHILE: u64 = 128;

/// What to do once a record is durable, or is known not to become so. Runs on the journal's thread: must not block.
pub type Done = Box<dyn FnOnce(Result<ScanSeq, AppendError>) + Send>;

/// The journal on a thread of its own. Clones are handles on the same journal; the last one dropped closes it.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    orders: Mutex<Option<Sender<Order>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    store: Store,
    heads: watch::Sender<Head>,
}

struct Order {
    entry: Entry,
    done: Done,
}

impl Journal {
    /// Starts the thread over an open store.
    pub fn start(store: Store) -> Journal {
        let heads = watch::Sender::new(store.head());
        let shared = Arc::new(Shared { store, heads });
        let (orders, waiting) = channel();
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.run(&waiting)
        });
        let thread = Mutex::new(Some(thread.expect("the system starts threads")));
        Journal { handle: Arc::new(Handle { shared, orders: Mutex::new(Some(orders)), thread }) }
    }

    /// Has `entry` written with everything else that waits, in one commit. Never blocks.
    pub fn append(&self, entry: Entry, done: Done) {
        let orders = self.handle.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let order = Order { entry, done };
        let refused = match &*orders {
            Some(orders) => orders.send(order).err().map(|unsent| unsent.0),
            None => Some(order),
        };
        drop(orders);
        if let Some(order) = refused {
            (order.done)(Err(AppendError::Closed));
        }
    }

    /// Where the journal stands, without asking the disk.
    pub fn head(&self) -> Head {
        self.handle.shared.store.head()
    }

    /// Is marked changed after every commit and every acknowledgement; what the link waits on.
    pub fn watch(&self) -> watch::Receiver<Head> {
        self.handle.shared.heads.subscribe()
    }

    /// As [`Store::pending`]; works while the thread writes.
    pub fn pending(&self, from: ScanSeq, records_max: usize, bytes_max: usize) -> Result<Pending, JournalError> {
        self.handle.shared.store.pending(from, records_max, bytes_max)
    }

    /// As [`Store::acknowledge`]; deleting happens later, when no scan waits.
    pub fn acknowledge(&self, upto: ScanSeq, safe: ScanSeq) {
        self.handle.shared.store.acknowledge(upto, safe);
        self.handle.shared.heads.send_replace(self.head());
    }

    /// As [`Store::verify`].
    pub fn verify(&self) -> Result<u64, JournalError> {
        self.handle.shared.store.verify()
    }

    /// Writes what waits, closes the file and ends the thread; what comes later is refused.
    pub fn close(&self) {
        self.handle.close();
    }
}

impl Handle {
    fn close(&self) {
        drop(self.orders.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            error!("The journal's thread ended badly");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn run(&self, waiting: &Receiver<Order>) {
        let mut pause = HOUSEKEEPING;
        loop {
            match waiting.recv_timeout(pause) {
                Ok(order) => self.commit(gather(order, waiting)),
                Err(RecvTimeoutError::Timeout) => pause = self.housekeep(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.store.close();
    }

    fn commit(&self, group: Vec<Order>) {
        let (entries, dones): (Vec<Entry>, Vec<Done>) =
            group.into_iter().map(|order| (order.entry, order.done)).unzip();
        match self.store.append(&entries) {
            Err(AppendError::TooLong { .. }) if entries.len() > 1 => self.commit_each(entries, dones),
            result => {
                self.heads.send_replace(self.store.head());
                for (offset, done) in (0..).zip(dones) {
                    done(result.clone().map(|first| ScanSeq(first.0 + offset)));
                }
            }
        }
    }

    /// One of them is too long: the others must not suffer for it.
    fn commit_each(&self, entries: Vec<Entry>, dones: Vec<Done>) {
        for (entry, done) in entries.into_iter().zip(dones) {
            self.commit(vec![Order { entry, done }]);
        }
    }

    /// Deletes one batch when there is enough to delete; answers how long to wait before looking again.
    fn housekeep(&self) -> Duration {
        let now = clock::now();
        let worthwhile = self.store.prunable(now).is_ok_and(|count| count >= WORTHWHILE);
        if !worthwhile {
            return HOUSEKEEPING;
        }
        match self.store.prune(now) {
            Ok(count) => {
                debug!(count, "Deleted records that the hub has");
                self.heads.send_replace(self.store.head());
                BREATH
            }
            Err(error) => {
                warn!(%error, "Records that the hub has could not be deleted");
                HOUSEKEEPING
            }
        }
    }
}

/// The order and everything that waits behind it.
fn gather(order: Order, waiting: &Receiver<Order>) -> Vec<Order> {
    let mut group = vec![order];
    group.extend(waiting.try_iter().take(GROUP_MAX - 1));
    group
}
