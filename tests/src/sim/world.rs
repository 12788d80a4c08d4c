//! The simulated site: one hub, some stations, a network between them, and whatever goes wrong.

use super::event::{Event, Queue};
use super::facts;
use super::hub::Hub;
use super::sabotage::Sabotage;
use super::station::{DAY_ONE, SimStation};
use super::trace::Trace;
use super::truth::{Broken, Truth, UNDER_WAY_MAX_MS};
use packline_edge::link::session::{Dice, Input};
use packline_protocol::change::{Row, RowId};
use packline_protocol::facts::Parcel;
use packline_protocol::id::SiteId;
use packline_protocol::time::Timestamp;
use std::collections::BTreeMap;

type Check = Result<(), Broken>;

/// How long a run lasts and what may happen in it.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many stations.
    pub stations: usize,
    /// How many parcels.
    pub parcels: u64,
    /// How long things go wrong, in simulated milliseconds.
    pub trouble_ms: u64,
    /// How long everything may take to come right after that.
    pub calm_ms: u64,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
}

impl Default for Plan {
    /// Two stations, three minutes of trouble, five minutes to come right.
    fn default() -> Self {
        Self { stations: 2, parcels: 60, trouble_ms: 180_000, calm_ms: 300_000, sabotage: None }
    }
}

/// How the network is at the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network {
    pub lost_percent: u64,
    pub twice_percent: u64,
    pub delay_max_ms: u64,
}

/// The simulated site.
pub struct World {
    pub(super) plan: Plan,
    pub(super) at: u64,
    pub(super) dice: Dice,
    pub(super) queue: Queue,
    pub(super) hub: Hub,
    pub(super) stations: Vec<SimStation>,
    pub(super) parcels: BTreeMap<u64, Parcel>,
    /// The connection of each station, while it has one; what belongs to an earlier one is lost.
    pub(super) links: Vec<Option<u64>>,
    pub(super) connections: u64,
    pub(super) network: Network,
    /// A fault in the hub's memory changes the next bodies on their way.
    pub(super) garble: u32,
    pub(super) calm: bool,
    pub(super) truth: Truth,
    pub(super) trace: Trace,
}

impl World {
    /// A site before anything happened; everything in it follows from `seed`.
    pub fn new(seed: u64, plan: Plan) -> Self {
        let mut dice = Dice::new(seed);
        let site = SiteId::parse("sim").expect("well formed");
        let hub = Hub::new(&site, &mut dice);
        let stations = (0..plan.stations).map(|number| SimStation::new(&site, number, &mut dice)).collect();
        let network = Network {
            lost_percent: dice.below(25),
            twice_percent: dice.below(10),
            delay_max_ms: 20 + dice.below(UNDER_WAY_MAX_MS - 20),
        };
        let mut world = Self {
            plan,
            at: 0,
            dice,
            queue: Queue::default(),
            hub,
            stations,
            parcels: (1..=plan.parcels).map(|id| (id, facts::parcel(id))).collect(),
            links: vec![None; plan.stations],
            connections: 0,
            network,
            garble: 0,
            calm: false,
            truth: Truth::default(),
            trace: Trace::new(seed),
        };
        world.open();
        world
    }

    /// Lets everything happen; says what broke, if anything did.
    pub fn run(&mut self) -> Check {
        while let Some((at, event)) = self.queue.next() {
            self.at = at;
            if at >= self.plan.trouble_ms && !self.calm {
                self.calm_down();
            }
            if at >= self.plan.trouble_ms + self.plan.calm_ms || (self.calm && at % 1_000 < 20 && self.is_level()) {
                break;
            }
            self.trace.note(at, &event);
            self.happen(event)?;
            self.bury_the_dead();
            self.check_places()?;
        }
        self.final_check()
    }

    fn open(&mut self) {
        let mut rows: BTreeMap<RowId, Option<Vec<u8>>> =
            BTreeMap::from([facts::rules()].map(|(row, body)| (row, Some(body))));
        rows.extend(self.parcels.values().map(|parcel| (RowId::parcel(parcel.id), Some(body(parcel)))));
        self.hub.change(rows);
        self.hub.back_up();
        self.truth.hub_moved(&self.hub, 0);
        self.queue.put(0, Event::HubTick);
        self.queue.put(50, Event::Facts);
        self.queue.put(2_000, Event::Trouble);
        for station in 0..self.stations.len() {
            self.queue.put(0, Event::Start { station });
            self.queue.put(500, Event::Scan { station });
            self.queue.put(1_000, Event::Housekeep { station });
        }
    }

    fn happen(&mut self, event: Event) -> Check {
        match event {
            Event::HubTick => {
                self.queue.put(self.at + 2_000, Event::HubTick);
                if self.hub.is_up() {
                    self.hub.tick(self.wall());
                    self.deliver();
                }
                Ok(())
            }
            Event::HubStart => {
                self.hub.start();
                self.hub.tick(self.wall());
                self.deliver();
                Ok(())
            }
            Event::Facts => {
                self.facts();
                Ok(())
            }
            Event::Trouble => {
                self.trouble();
                Ok(())
            }
            Event::ToHub { station, connection, message } => self.hub_hears(station, connection, &message),
            Event::ToStation { station, connection, message } => self.station_hears(station, connection, message),
            Event::Connect { station } => self.connect(station),
            Event::Start { station } => self.start(station),
            Event::Scan { station } => self.scan(station),
            Event::Housekeep { station } => {
                self.housekeep(station);
                Ok(())
            }
            Event::Timer { station, life } => match self.alive(station, life) {
                true => self.tell(station, Input::Tick),
                false => Ok(()),
            },
            Event::Work { station, life, job } => self.work(station, life, job),
            Event::Read { station, life, wish } => self.read(station, life, wish),
            Event::Write { station, life } => self.write(station, life),
            Event::Written { station, life, ticket, written } => self.written(station, life, ticket, written),
            Event::Full { station, full } => {
                self.stations[station].disk.set_full(full);
                Ok(())
            }
        }
    }

    pub(super) fn wall(&self) -> Timestamp {
        Timestamp(DAY_ONE + i64::try_from(self.at).unwrap_or(0))
    }

    pub(super) fn alive(&self, station: usize, life: u64) -> bool {
        self.stations[station].life == life && self.stations[station].daemon.is_some()
    }

    // The world outside.

    /// Something becomes known about some parcels, also about those that stations let go.
    fn facts(&mut self) {
        if !self.calm {
            let wait = if self.dice.below(10) == 0 { 5_000 } else { 50 + self.dice.below(800) };
            self.queue.put(self.at + wait, Event::Facts);
        }
        if !self.hub.is_up() || self.calm {
            return;
        }
        let many = if self.dice.below(12) == 0 { 30 } else { 1 + self.dice.below(3) };
        let mut rows = BTreeMap::new();
        for _ in 0..many {
            let id = 1 + self.dice.below(self.plan.parcels);
            let now = self.wall();
            let gone = self.dice.below(12) == 0;
            let parcel = self.parcels.entry(id).or_insert_with(|| facts::parcel(id));
            facts::happen(parcel, &mut self.dice, now);
            rows.insert(RowId::parcel(parcel.id), (!gone).then(|| body(parcel)));
        }
        self.hub.change(rows);
        self.truth.hub_moved(&self.hub, self.at);
        self.deliver();
    }

    pub(super) fn let_go(&mut self) {
        let mut rows = BTreeMap::new();
        for (id, station) in self.hub.let_go() {
            let now = self.wall();
            let parcel = self.parcels.entry(id).or_insert_with(|| facts::parcel(id));
            facts::let_go(parcel, &self.stations[station].id, now);
            rows.insert(RowId::parcel(parcel.id), Some(body(parcel)));
        }
        self.hub.change(rows);
    }

    pub(super) fn calm_down(&mut self) {
        self.calm = true;
        self.network = Network { lost_percent: 0, twice_percent: 0, delay_max_ms: 50 };
        self.garble = 0;
        self.hub.set_busy(false);
        for station in 0..self.stations.len() {
            self.stations[station].disk.set_full(false);
            self.queue.put(self.at + 100, Event::Full { station, full: false });
            self.queue.put(self.at + 40_000, Event::Connect { station });
        }
    }
}

/// The body of the parcel's row.
pub(super) fn body(parcel: &Parcel) -> Vec<u8> {
    Row::Parcel(Box::new(parcel.clone())).encode()
}
