//! What is going to happen, in order of time, and in a fixed order where times are equal.

use packline_edge::journal::{AppendError, Entry};
use packline_edge::link::session::{Job, Wish};
use packline_edge::station::Ticket;
use packline_protocol::downlink::Downlink;
use packline_protocol::id::ScanSeq;
use packline_protocol::uplink::Uplink;
use std::collections::BTreeMap;

/// One thing that happens.
#[derive(Debug)]
pub enum Event {
    /// The hub says where it stands.
    HubTick,
    /// The hub's process starts.
    HubStart,
    /// Something becomes known about some parcels.
    Facts,
    /// Something goes wrong.
    Trouble,
    /// A message comes to the hub.
    ToHub {
        /// From which station.
        station: usize,
        /// Over which of its connections.
        connection: u64,
        /// What.
        message: Uplink,
    },
    /// A message comes to a station.
    ToStation {
        /// To which.
        station: usize,
        /// Over which of its connections.
        connection: u64,
        /// What.
        message: Downlink,
    },
    /// A station connects.
    Connect {
        /// Which.
        station: usize,
    },
    /// A station is switched on.
    Start {
        /// Which.
        station: usize,
    },
    /// Somebody scans.
    Scan {
        /// Where.
        station: usize,
    },
    /// A station tidies up.
    Housekeep {
        /// Which.
        station: usize,
    },
    /// A session's timer is due.
    Timer {
        /// Whose.
        station: usize,
        /// Of which life.
        life: u64,
    },
    /// A replica works.
    Work {
        /// Whose.
        station: usize,
        /// Of which life.
        life: u64,
        /// At what.
        job: Job,
    },
    /// A journal is read.
    Read {
        /// Whose.
        station: usize,
        /// Of which life.
        life: u64,
        /// For what.
        wish: Wish,
    },
    /// A journal writes what waits.
    Write {
        /// Whose.
        station: usize,
        /// Of which life.
        life: u64,
    },
    /// A station learns what became of a record.
    Written {
        /// Which.
        station: usize,
        /// Of which life.
        life: u64,
        /// Of which record.
        ticket: Ticket,
        /// What.
        written: Result<ScanSeq, AppendError>,
    },
    /// A disk is full, or has room again.
    Full {
        /// Whose.
        station: usize,
        /// Whether.
        full: bool,
    },
}

/// Everything that is going to happen.
#[derive(Debug, Default)]
pub struct Queue {
    events: BTreeMap<(u64, u64), Event>,
    count: u64,
    timers: BTreeMap<usize, (u64, u64)>,
    writes: BTreeMap<usize, Vec<(Ticket, Entry)>>,
}

impl Queue {
    /// `event` happens at this moment.
    pub fn put(&mut self, at: u64, event: Event) -> (u64, u64) {
        self.count += 1;
        self.events.insert((at, self.count), event);
        (at, self.count)
    }

    /// The timer of a station's session is due then, and not at the time said before.
    pub fn put_timer(&mut self, now: u64, due: u64, station: usize, life: u64) {
        if let Some(before) = self.timers.remove(&station) {
            self.events.remove(&before);
        }
        let key = self.put(due.max(now), Event::Timer { station, life });
        self.timers.insert(station, key);
    }

    /// What happens next.
    pub fn next(&mut self) -> Option<(u64, Event)> {
        self.events.pop_first().map(|((at, _), event)| (at, event))
    }

    /// A record waits for its station's disk.
    pub fn await_disk(&mut self, station: usize, ticket: Ticket, entry: Entry) {
        self.writes.entry(station).or_default().push((ticket, entry));
    }

    /// Records that wait for a station's disk.
    pub fn take_writes(&mut self, station: usize) -> Vec<(Ticket, Entry)> {
        self.writes.remove(&station).unwrap_or_default()
    }

    /// How many records wait for a station's disk.
    pub fn waiting(&self, station: usize) -> usize {
        self.writes.get(&station).map_or(0, Vec::len)
    }
}
