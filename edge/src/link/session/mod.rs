//! One station's conversation with its hub, without a network, a clock or a disk.
//!
//! Inputs say what happened, outputs say what to do; the driver beside this module does it, and the simulation does it
//! on invented time. All that is kept here may be lost at any moment: what must last is in the journal and in the
//! replica, and a new session begins from them.
//!
//! Nothing goes up before the hub has welcomed the connection. Up go records in batches (`uplink`), down come
//! changes (`follower`), and a report says every few seconds how the station does.

mod dice;
mod event;
mod fence;
mod fetch;
mod follower;
mod queue;
mod range;
mod repair;
mod report;
mod step;
mod uplink;

#[cfg(test)]
mod tests;

pub use dice::Dice;
pub use event::{Checked, Done, Input, Job, JournalState, Lane, Outcome, Output, StationState, Stretch, Wish};

use follower::Follower;
use packline_protocol::downlink::{Downlink, Welcome};
use packline_protocol::id::{BootId, ScanSeq, Seq, SiteId};
use packline_protocol::time::{Moment, Now};
use packline_protocol::topic::UpStream;
use packline_protocol::uplink::{Alarm, Goodbye, Hello, ReplicaState, Report};
use report::Reporter;
use step::{Alarms, Step};
use uplink::Uplink;

/// How long the hub may take to answer a birth.
const WELCOME_WAIT_MS: u64 = 5_000;
const WELCOME_WAIT_MAX_MS: u64 = 60_000;
/// The shortest time between two births on one connection.
const HELLO_REST_MS: u64 = 2_000;
/// The longest that a busy hub may put off a station.
const BUSY_MAX_MS: u64 = 5 * 60_000;

/// Who the station says it is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its site.
    pub site: SiteId,
    /// The daemon's life.
    pub boot: BootId,
    /// The version of the program.
    pub version: String,
    /// The highest row schema that it reads.
    pub row_schema: u16,
}

/// What was there when the daemon started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Start {
    /// The journal.
    pub journal: JournalState,
    /// The newest record that the hub had, as far as the journal knows.
    pub acked: ScanSeq,
    /// The replica.
    pub replica: ReplicaState,
}

/// One station's conversation with its hub.
#[derive(Debug)]
pub struct Session {
    identity: Identity,
    phase: Phase,
    uplink: Uplink,
    follower: Follower,
    reporter: Reporter,
    station: StationState,
    alarms: Alarms,
    dice: Dice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Down,
    /// Said hello, not welcomed yet.
    Greeting {
        session: u64,
        again: Moment,
        failures: u32,
    },
    /// Welcomed; the hub may still ask for another hello.
    Open {
        session: u64,
        greeted: Moment,
    },
}

/// How the link does, for the bench page and the status command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The hub has welcomed the present connection.
    pub open: bool,
    /// Records that the hub is not known to have.
    pub backlog: u64,
    /// Where the replica stands.
    pub replica: ReplicaState,
    /// The newest change that the hub is known to have.
    pub head: Option<Seq>,
    /// The replica is proven to differ from the hub and is being mended.
    pub in_doubt: bool,
    /// Parts of a snapshot that are here, of how many, while one is collected.
    pub rebuilding: Option<(u32, u32)>,
    /// What a person should know.
    pub alarms: Vec<Alarm>,
}

impl Session {
    /// A session before its first connection; all its chance follows from `seed`.
    pub fn new(identity: Identity, start: Start, seed: u64) -> Self {
        let follower = Follower::new(identity.site.clone(), start.replica);
        Self {
            identity,
            phase: Phase::Down,
            uplink: Uplink::new(start.journal, start.acked),
            follower,
            reporter: Reporter::default(),
            station: StationState::default(),
            alarms: Alarms::default(),
            dice: Dice::new(seed),
        }
    }

    /// Takes in what happened; answers what is to be done, in this order.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Output> {
        let mut out = Vec::new();
        self.take(input, now.moment, &mut out);
        self.greet_again(now.moment, &mut out);
        self.alarms.forget_old(now.moment);
        self.report(now, &mut out);
        out
    }

    /// When [`Input::Tick`] is due, if nothing happens before.
    pub fn timer(&self) -> Option<Moment> {
        let greeting = match self.phase {
            Phase::Greeting { again, .. } => Some(again),
            Phase::Down | Phase::Open { .. } => None,
        };
        let timers = [greeting, self.uplink.timer(), self.follower.timer(), self.reporter.timer()];
        timers.into_iter().flatten().min()
    }

    /// Whether there is room for messages. While there is not, reading from the network should wait.
    pub fn wants_messages(&self) -> bool {
        !self.follower.is_full()
    }

    /// How the link does.
    pub fn standing(&self) -> Standing {
        Standing {
            open: matches!(self.phase, Phase::Open { .. }),
            backlog: self.uplink.backlog(),
            replica: self.follower.at(),
            head: self.follower.head().map(|head| head.seq),
            in_doubt: self.follower.in_doubt(),
            rebuilding: self.follower.rebuilding(),
            alarms: self.alarms.list(),
        }
    }

    /// What the broker says when the connection `session` is lost.
    pub fn will(session: u64) -> Goodbye {
        Goodbye { session }
    }

    fn take(&mut self, input: Input, now: Moment, out: &mut Vec<Output>) {
        let mut step = Step { now, dice: &mut self.dice, alarms: &mut self.alarms, out };
        match input {
            Input::Up { session } => self.phase = Phase::Greeting { session, again: now, failures: 0 },
            Input::Down { twin } => {
                if twin {
                    step.alarm("duplicate-identity", "another client connects with this station's name");
                }
                self.close();
            }
            Input::Message(message) => self.hear(message, now, out),
            Input::Journal(journal) => {
                if self.uplink.grew(journal, &mut step) {
                    self.greet_soon(now);
                }
            }
            Input::TooLarge { max } => self.uplink.narrow(max),
            Input::Read(stretch) => self.uplink.read(stretch, &mut step),
            Input::Done(done) => self.follower.done(done, &mut step),
            Input::Station(station) => self.station = station,
            Input::Tick => {
                self.uplink.tick(&mut step);
                self.follower.tick(&mut step);
            }
            Input::Stop => {
                if let Some(session) = self.phase.session() {
                    step.request(Goodbye { session });
                }
                self.close();
            }
        }
    }

    fn hear(&mut self, message: Downlink, now: Moment, out: &mut Vec<Output>) {
        let mut step = Step { now, dice: &mut self.dice, alarms: &mut self.alarms, out };
        let greet = match message {
            Downlink::Head(head) => {
                self.follower.head_came(head, &mut step);
                false
            }
            Downlink::Delta(delta) => self.follower.delta_came(delta, &mut step),
            Downlink::Welcome(welcome) => return self.welcomed(&welcome, now, out),
            Downlink::Ack(ack) => self.uplink.ack(&ack, &mut step),
            Downlink::SnapshotOffer(offer) => {
                self.follower.offer_came(offer, &mut step);
                false
            }
            Downlink::Chunk(chunk) => {
                self.follower.chunk_came(chunk, &mut step);
                false
            }
            Downlink::Buckets(buckets) => {
                self.follower.buckets_came(buckets, &mut step);
                false
            }
            Downlink::BucketRows(rows) => {
                self.follower.rows_came(rows, &mut step);
                false
            }
            Downlink::Busy(busy) => {
                let until = now.plus_ms(u64::from(busy.retry_ms).min(BUSY_MAX_MS));
                self.uplink.pause(until);
                self.follower.hold(until);
                false
            }
            Downlink::HelloWanted(_) => true,
        };
        if greet {
            self.greet_soon(now);
        }
    }

    fn welcomed(&mut self, welcome: &Welcome, now: Moment, out: &mut Vec<Output>) {
        let mut step = Step { now, dice: &mut self.dice, alarms: &mut self.alarms, out };
        let Some(session) = self.phase.session().filter(|session| *session == welcome.session) else { return };
        if !self.uplink.welcome(welcome, &mut step) {
            step.alarm("journal-unknown", "the hub means another journal of this station");
            return;
        }
        step.out.push(Output::Welcomed { wall: welcome.wall });
        step.alarm_over("journal-unknown");
        step.alarm_over("duplicate-identity");
        let greeted = match self.phase {
            Phase::Open { greeted, .. } => greeted,
            Phase::Down | Phase::Greeting { .. } => now,
        };
        self.phase = Phase::Open { session, greeted };
        self.follower.open(&mut step);
        self.reporter.open(now);
    }

    fn close(&mut self) {
        self.phase = Phase::Down;
        self.uplink.close();
        self.follower.close();
        self.reporter.close();
    }

    /// The hub should hear a birth again, but not in quick succession.
    fn greet_soon(&mut self, now: Moment) {
        if let Phase::Open { session, greeted } = self.phase {
            let again = now.max(greeted.plus_ms(HELLO_REST_MS));
            self.phase = Phase::Greeting { session, again, failures: 0 };
        }
    }

    fn greet_again(&mut self, now: Moment, out: &mut Vec<Output>) {
        let Phase::Greeting { session, again, failures } = self.phase else { return };
        if again > now {
            return;
        }
        let wait = self.dice.backoff_ms(WELCOME_WAIT_MS * 2, failures, WELCOME_WAIT_MAX_MS);
        self.phase = Phase::Greeting { session, again: now.plus_ms(wait), failures: failures + 1 };
        let journal = self.uplink.journal();
        let hello = Hello {
            session,
            boot: self.identity.boot,
            version: self.identity.version.clone(),
            row_schema: self.identity.row_schema,
            station_epoch: journal.epoch,
            journal_from: journal.from,
            journal_to: journal.newest,
            replica: self.follower.at(),
        };
        out.push(Output::Send(UpStream::Requests, hello.into()));
    }

    fn report(&mut self, now: Now, out: &mut Vec<Output>) {
        let Some(session) = self.phase.session() else { return };
        let mut alarms = self.alarms.list();
        alarms.extend(self.station.alarms.iter().cloned());
        if !self.reporter.is_due(&self.station, &alarms, now.moment) {
            return;
        }
        let report = Report {
            session,
            replica: self.follower.at(),
            revision: self.station.revision,
            backlog: self.uplink.backlog(),
            journal_percent: self.station.journal_percent,
            scanners: self.station.scanners.clone(),
            alarms,
            wall: now.wall,
            wall_trusted: now.wall_trusted,
        };
        out.push(Output::Send(UpStream::Requests, report.into()));
    }
}

impl Phase {
    fn session(self) -> Option<u64> {
        match self {
            Phase::Down => None,
            Phase::Greeting { session, .. } | Phase::Open { session, .. } => Some(session),
        }
    }
}
