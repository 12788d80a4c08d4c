//! The journal's thread: everything that waits is made durable by one commit. Deleting has its times, one small batch
//! each, so that it neither holds up a scan nor waits for a line that never rests.

use super::store::WORTHWHILE;
use super::{AppendError, Entry, Head, JournalError, Pending, Store};
use crate::clock;
use packline_protocol::id::ScanSeq;
use packline_protocol::time::Moment;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{debug, error, warn};

/// Entries in one commit; more wait for the next one.
const GROUP_MAX: usize = 256;
/// How often deleting is thought of, in milliseconds.
const HOUSEKEEPING_MS: u64 = 5_000;
/// Between two batches of deleting, so that a scan gets in between, in milliseconds.
const BREATH_MS: u64 = 50;

/// What to do once a record is durable, or is known not to become so. Runs on the journal's thread: must not block.
pub type Done = Box<dyn FnOnce(Result<ScanSeq, AppendError>) + Send>;

/// What to do when a probe has come through. Runs on the journal's thread: must not block.
pub type Back = Box<dyn FnOnce() + Send>;

/// The journal on a thread of its own. Clones are handles on the same journal; the last one dropped closes it.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    /// Closed when the thread has ended, in whatever way.
    alive: watch::Receiver<()>,
    orders: Mutex<Option<Sender<Order>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    store: Store,
    heads: watch::Sender<Head>,
}

enum Order {
    Write(Entry, Done),
    Probe(Back),
}

/// Orders that are carried out together.
#[derive(Default)]
struct Group {
    entries: Vec<Entry>,
    dones: Vec<Done>,
    probes: Vec<Back>,
}

impl Journal {
    /// Starts the thread over an open store.
    pub fn start(store: Store) -> Journal {
        let heads = watch::Sender::new(store.head());
        let shared = Arc::new(Shared { store, heads });
        let (orders, waiting) = channel();
        let (living, alive) = watch::channel(());
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                shared.run(&waiting);
                drop(living);
            }
        });
        let thread = Mutex::new(Some(thread.expect("the system starts threads")));
        Journal { handle: Arc::new(Handle { shared, alive, orders: Mutex::new(Some(orders)), thread }) }
    }

    /// Has `entry` written with everything else that waits, in one commit. Never blocks.
    pub fn append(&self, entry: Entry, done: Done) {
        if let Some(Order::Write(_, done)) = self.order(Order::Write(entry, done)) {
            done(Err(AppendError::Closed));
        }
    }

    /// Goes through the thread behind everything that waits, and writes nothing. A thread that writes the whole journal
    /// anew is known to be at work; one that has ended never answers.
    pub fn probe(&self, back: Back) {
        if self.handle.shared.store.is_rewriting() {
            return back();
        }
        drop(self.order(Order::Probe(back)));
    }

    /// Comes back when the thread has ended, in whatever way.
    pub async fn ended(&self) {
        let mut alive = self.handle.alive.clone();
        while alive.changed().await.is_ok() {}
    }

    /// Answers the order when the thread does not take it.
    fn order(&self, order: Order) -> Option<Order> {
        match &*self.handle.orders.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(orders) => orders.send(order).err().map(|unsent| unsent.0),
            None => Some(order),
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
        let mut housekeeping = Rest::new(HOUSEKEEPING_MS, clock::moment());
        loop {
            match waiting.recv_timeout(housekeeping.left(clock::moment())) {
                Ok(order) => self.carry_out(gather(order, waiting)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if housekeeping.is_over(clock::moment()) {
                let ms = self.housekeep();
                housekeeping = Rest::new(ms, clock::moment());
            }
        }
        self.store.close();
    }

    fn carry_out(&self, group: Group) {
        if !group.entries.is_empty() {
            self.commit(group.entries, group.dones);
        }
        group.probes.into_iter().for_each(|back| back());
    }

    fn commit(&self, entries: Vec<Entry>, dones: Vec<Done>) {
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
            self.commit(vec![entry], vec![done]);
        }
    }

    /// Deletes one batch when there is enough to delete; answers how long to wait before looking again.
    fn housekeep(&self) -> u64 {
        let now = clock::now();
        let worthwhile = self.store.prunable(now).is_ok_and(|count| count >= WORTHWHILE);
        if !worthwhile {
            return HOUSEKEEPING_MS;
        }
        match self.store.prune(now) {
            Ok(count) => {
                debug!(count, "Deleted records that the hub has");
                self.heads.send_replace(self.store.head());
                BREATH_MS
            }
            Err(error) => {
                warn!(%error, "Records that the hub has could not be deleted");
                HOUSEKEEPING_MS
            }
        }
    }
}

/// A rest that is over at its time, however often it is interrupted.
struct Rest {
    until: Moment,
}

impl Rest {
    fn new(ms: u64, now: Moment) -> Self {
        Self { until: now.plus_ms(ms) }
    }

    fn left(&self, now: Moment) -> Duration {
        Duration::from_millis(self.until.since_ms(now))
    }

    fn is_over(&self, now: Moment) -> bool {
        self.until <= now
    }
}

impl Group {
    fn take(&mut self, order: Order) {
        match order {
            Order::Write(entry, done) => {
                self.entries.push(entry);
                self.dones.push(done);
            }
            Order::Probe(back) => self.probes.push(back),
        }
    }
}

/// The order and everything that waits behind it.
fn gather(order: Order, waiting: &Receiver<Order>) -> Group {
    let mut group = Group::default();
    group.take(order);
    waiting.try_iter().take(GROUP_MAX - 1).for_each(|order| group.take(order));
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_scans_every_three_seconds_is_housekept_all_the_same() {
        let mut rest = Rest::new(HOUSEKEEPING_MS, Moment(0));
        let mut kept = 0;
        for scan in 1..=20 {
            let now = Moment(scan * 3_000);
            assert!(rest.left(now) <= Duration::from_millis(HOUSEKEEPING_MS));
            if rest.is_over(now) {
                rest = Rest::new(HOUSEKEEPING_MS, now);
                kept += 1;
            }
        }
        assert_eq!(kept, 10);
    }
}
