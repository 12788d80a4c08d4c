//! A station without threads: the real core, journal, replica and session, on a disk that fails and a time that jumps.

use super::disk::SimDisk;
use packline_edge::journal::{self, Birth, Entry};
use packline_edge::link::session::{Dice, Identity, Input, JournalState, Output, Session, Start, Stretch, Wish};
use packline_edge::link::work::Worker;
use packline_edge::replica::{self, Replica};
use packline_edge::scan::intake::RawScan;
use packline_edge::station::{Language, Station, StationSettings};
use packline_protocol::id::{BootId, ScannerId, SiteId, StationEpoch, StationId};
use packline_protocol::record::{Event, ScanRecord};
use packline_protocol::time::{Moment, Now, Timestamp};
use std::sync::Arc;

/// The simulated world begins on this day, in milliseconds since 1970: 2027-01-15.
pub const DAY_ONE: i64 = 1_800_000_000_000;

/// A station: its disk, its clock, and its daemon while that runs.
pub struct SimStation {
    /// Its name.
    pub id: StationId,
    /// What outlives the daemon.
    pub disk: SimDisk,
    /// Counts the lives of the daemon; what was meant for an earlier one is dropped.
    pub life: u64,
    /// The daemon.
    pub daemon: Option<Daemon>,
    /// How far the wall clock is off, in milliseconds, and whether somebody set it since.
    pub wall_off: i64,
    /// Whether the wall clock counts.
    pub wall_trusted: bool,
    /// Why the daemon did not come up the last time.
    pub why: String,
    site: SiteId,
    dice: Dice,
}

/// A running daemon.
pub struct Daemon {
    /// Scans and answers.
    pub station: Station,
    /// Records.
    pub journal: Arc<journal::Store>,
    /// Rows.
    pub replica: Replica,
    /// Work on the rows.
    pub worker: Worker,
    /// The link.
    pub session: Session,
    /// When it started, on the world's clock.
    pub started: u64,
}

impl SimStation {
    /// A station that was never switched on.
    pub fn new(site: &SiteId, number: usize, dice: &mut Dice) -> Self {
        let id = StationId::parse(&format!("sim-{number}")).expect("well formed");
        let (site, dice) = (site.clone(), Dice::new(dice.roll()));
        let disk = SimDisk::default();
        Self { id, disk, life: 0, daemon: None, wall_off: 0, wall_trusted: true, why: String::new(), site, dice }
    }

    /// Both clocks of this station.
    pub fn now(&self, at: u64) -> Now {
        let started = self.daemon.as_ref().map_or(at, |daemon| daemon.started);
        let wall = Timestamp(DAY_ONE + i64::try_from(at).unwrap_or(0) + self.wall_off);
        Now { moment: Moment(at - started), wall, wall_trusted: self.wall_trusted }
    }

    /// Starts the daemon; answers whether it came up. It does not when the power goes meanwhile or the disk is full.
    pub fn start(&mut self, at: u64) -> bool {
        self.life += 1;
        let boot = BootId(self.dice.roll());
        let birth =
            Birth { epoch: StationEpoch(self.dice.roll()), boot, now: Now { moment: Moment(0), ..self.now(at) } };
        let disk = Arc::new(self.disk.clone());
        let settings = journal::Settings { bytes_max: 8 << 20, keep_ms: 7 * 24 * 3_600_000 };
        let journal = journal::Store::open(disk.clone(), settings, birth);
        let Ok((journal, _)) = journal.map_err(|error| self.why = format!("{error:?}")) else { return false };
        let settings = replica::Settings { site: self.site.clone(), cache_bytes: 256 << 10 };
        let replica = Replica::open(disk, settings);
        let Ok((replica, _)) = replica.map_err(|error| self.why = format!("{error:?}")) else { return false };
        if self.disk.is_dead() {
            return false;
        }
        let settings = StationSettings { station: self.id.clone(), boot, lock_on_stop: false, language: Language::En };
        let mut station = Station::new(settings);
        let head = journal.head();
        if let Ok(pending) = journal.pending(head.oldest, usize::MAX, usize::MAX) {
            pending.records.iter().filter_map(|body| ScanRecord::decode(body).ok()).for_each(|r| station.recall(&r));
        }
        let identity = Identity { site: self.site.clone(), boot, version: "sim".to_owned(), row_schema: 1 };
        let start = Start { journal: journal_state(&journal), acked: head.acked, replica: replica.state() };
        let session = Session::new(identity, start, self.dice.roll());
        let (journal, worker) = (Arc::new(journal), Worker::new(replica.clone()));
        self.daemon = Some(Daemon { station, journal, replica, worker, session, started: at });
        true
    }

    /// The power goes.
    pub fn crash(&mut self) {
        self.disk.kill_after(0);
        let Self { daemon, disk, dice, .. } = self;
        drop(daemon.take());
        disk.crash(dice);
        self.life += 1;
    }
}

impl Daemon {
    /// Tells the session; answers what it wants.
    pub fn tell(&mut self, input: Input, now: Now) -> Vec<Output> {
        self.session.handle(input, now)
    }

    /// Where the journal stands.
    pub fn journal_state(&self) -> JournalState {
        journal_state(&self.journal)
    }

    /// Reads records.
    pub fn read(&self, wish: Wish) -> Stretch {
        let epoch = self.journal.head().epoch;
        let pending = self.journal.pending(wish.from, wish.records_max.min(8), wish.bytes_max);
        let (first, before, records) = match pending {
            Ok(pending) => (pending.first, pending.before, pending.records),
            Err(_) => (wish.from, packline_protocol::record::ChainLink::START, Vec::new()),
        };
        Stretch { lane: wish.lane, epoch, first, before, records }
    }
}

fn journal_state(journal: &journal::Store) -> JournalState {
    let head = journal.head();
    JournalState { epoch: head.epoch, from: head.oldest, newest: head.newest }
}

/// A scan of this code.
pub fn raw_scan(code: &str, now: Now) -> RawScan {
    let scanner = ScannerId::parse("gun-1").expect("well formed");
    let bytes = code.as_bytes().to_vec();
    RawScan { scanner, at: now.moment, codes: vec![bytes.clone()], bytes, burst: None }
}

/// The judgement in an entry, if it is one.
pub fn judged(entry: &Entry) -> Option<&packline_protocol::record::Judged> {
    match &entry.event {
        Event::Judged(judged) => Some(judged),
        _ => None,
    }
}
