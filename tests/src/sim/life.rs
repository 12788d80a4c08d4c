//! The life of a station: start, scans, records, work for the link, and the power going.

use super::event::Event;
use super::facts;
use super::hub::RecordId;
use super::sabotage::Sabotage;
use super::station::{Daemon, judged, raw_scan};
use super::truth::{Broken, check};
use super::world::World;
use packline_edge::journal::{AppendError, Entry};
use packline_edge::link::session::{Input, Job, Lane, Output, Wish};
use packline_edge::station::{Output as Said, Stage, Ticket};
use packline_protocol::id::ScanSeq;
use packline_protocol::verdict::Outcome;

type Check = Result<(), Broken>;

impl World {
    pub(super) fn start(&mut self, station: usize) -> Check {
        if self.stations[station].daemon.is_some() {
            return Ok(());
        }
        if !self.stations[station].start(self.at) {
            if self.stations[station].disk.is_dead() {
                self.stations[station].crash();
            }
            let again = self.at + 200 + self.dice.below(2_000);
            self.queue.put(again, Event::Start { station });
            return Ok(());
        }
        let daemon = self.stations[station].daemon.as_ref().expect("it just came up");
        let state = daemon.replica.state();
        let promised = self.truth.promised_by(station);
        for (id, body) in promised {
            let here = has_record(daemon, id, body);
            check(here || self.hub.records().contains_key(id) || self.hub.is_safe(id), || {
                let head = daemon.journal.head();
                format!("after a restart of station {station} record {id:?} is gone; its journal is {head:?}")
            })?;
        }
        self.truth.stands_anew(station, state);
        let after = self.dice.below(1_000);
        self.queue.put(self.at + after, Event::Connect { station });
        Ok(())
    }

    /// Tells the session what happened and does what it wants.
    pub(super) fn tell(&mut self, station: usize, input: Input) -> Check {
        let now = self.stations[station].now(self.at);
        let life = self.stations[station].life;
        let Some(daemon) = &mut self.stations[station].daemon else { return Ok(()) };
        let outputs = daemon.tell(input, now);
        let due = daemon.session.timer().map(|due| daemon.started + due.0);
        if let Some(due) = due {
            self.queue.put_timer(self.at, due, station, life);
        }
        for output in outputs {
            self.order(station, life, output)?;
        }
        Ok(())
    }

    fn order(&mut self, station: usize, life: u64, output: Output) -> Check {
        let now = self.stations[station].now(self.at);
        let Some(daemon) = &mut self.stations[station].daemon else { return Ok(()) };
        match output {
            Output::Send(_, message) => {
                if let Some(connection) = self.links[station] {
                    let lost = self.network.lost_percent / 4;
                    if self.dice.below(100) >= lost {
                        let after = self.delay();
                        self.queue.put(self.at + after, Event::ToHub { station, connection, message });
                    }
                }
            }
            Output::Read(wish) => {
                let after = self.dice.below(5);
                self.queue.put(self.at + after, Event::Read { station, life, wish });
            }
            Output::Acked { upto, safe_upto } => daemon.journal.acknowledge(upto, safe_upto),
            Output::Work(job) => {
                let after = self.dice.below(30);
                self.queue.put(self.at + after, Event::Work { station, life, job });
            }
            Output::Heard { epoch, seq, root } => daemon.replica.heard(epoch, seq, root, now),
            Output::Proven { root } => daemon.replica.prove(root),
            Output::Welcomed { .. } => {}
            Output::Doubt => {
                if self.plan.sabotage != Some(Sabotage::HideProofs) {
                    daemon.replica.doubt();
                }
            }
        }
        Ok(())
    }

    pub(super) fn work(&mut self, station: usize, life: u64, job: Job) -> Check {
        if !self.alive(station, life) {
            return Ok(());
        }
        let Some(daemon) = &mut self.stations[station].daemon else { return Ok(()) };
        let rebuilds = matches!(job, Job::Swap(_)) && daemon.session.standing().in_doubt;
        let done = daemon.worker.run(job);
        if self.stations[station].disk.is_dead() {
            return Ok(());
        }
        let state = done.at;
        match state.epoch.0 {
            // A damaged file was set aside; what was in it will be fetched again.
            0 => self.truth.stands_anew(station, state),
            _ => self.truth.stands(station, state, rebuilds)?,
        }
        self.tell(station, Input::Done(done))
    }

    pub(super) fn read(&mut self, station: usize, life: u64, wish: Wish) -> Check {
        if !self.alive(station, life) {
            return Ok(());
        }
        let Some(daemon) = &self.stations[station].daemon else { return Ok(()) };
        let mut stretch = daemon.read(wish);
        if wish.lane == Lane::Live {
            stretch.records.truncate(16);
        }
        self.tell(station, Input::Read(stretch))
    }

    pub(super) fn scan(&mut self, station: usize) -> Check {
        if !self.calm {
            let wait = 40 + self.dice.below(1_200);
            self.queue.put(self.at + wait, Event::Scan { station });
        }
        let now = self.stations[station].now(self.at);
        let id = 1 + self.dice.below(self.plan.parcels + 2);
        let code = if self.dice.below(20) == 0 { "NOREAD".to_owned() } else { facts::code(id) };
        let Some(daemon) = &mut self.stations[station].daemon else { return Ok(()) };
        let outputs = daemon.station.on_scan(raw_scan(&code, now), &daemon.replica, now);
        self.say(station, outputs)
    }

    /// Does what the station's core wants, and looks at what it says.
    fn say(&mut self, station: usize, outputs: Vec<Said>) -> Check {
        let life = self.stations[station].life;
        for output in outputs {
            match output {
                Said::Append { ticket, entry } => self.append(station, life, ticket, *entry)?,
                Said::Said(answer) => {
                    if answer.outcome == Outcome::Release && answer.stage != Stage::Waiting {
                        let daemon = self.stations[station].daemon.as_ref().expect("it just spoke");
                        let epoch = daemon.journal.head().epoch;
                        let record = answer.seq.map(|seq| (station, epoch, seq));
                        let parcel = answer.parcel.as_ref().map(|parcel| parcel.id);
                        self.truth.green(record, parcel, self.at)?;
                    }
                }
                Said::ReplicaDamaged(why) => {
                    let daemon = self.stations[station].daemon.as_ref().expect("it just spoke");
                    let _ = daemon.replica.start_over(&why);
                }
                Said::Signal(_) | Said::Feedback { .. } | Said::Changed | Said::NotWritten(_) => {}
            }
        }
        Ok(())
    }

    fn append(&mut self, station: usize, life: u64, ticket: Ticket, entry: Entry) -> Check {
        let daemon = self.stations[station].daemon.as_ref().expect("it just spoke");
        if let Some(judged) = judged(&entry) {
            let seen = judged.verdict.parcel.and_then(|id| daemon.replica.view().parcel(id).ok().flatten());
            let id = self.stations[station].id.clone();
            self.truth.judged(&id, judged, seen.as_deref(), self.at)?;
        }
        let early = self.plan.sabotage == Some(Sabotage::EarlyDurable);
        let wait = if early { 200 } else { 1 + self.dice.below(40) };
        if early {
            let seq = ScanSeq(daemon.journal.head().newest.0 + 1 + self.queue.waiting(station) as u64);
            let record: RecordId = (station, daemon.journal.head().epoch, seq);
            self.truth.durable(record, entry.numbered(seq).encode());
            self.queue.put(self.at, Event::Written { station, life, ticket, written: Ok(seq) });
        }
        self.queue.await_disk(station, ticket, entry);
        self.queue.put(self.at + wait, Event::Write { station, life });
        Ok(())
    }

    /// Everything that waits goes to the disk in one commit.
    pub(super) fn write(&mut self, station: usize, life: u64) -> Check {
        let waiting = self.queue.take_writes(station);
        if !self.alive(station, life) || waiting.is_empty() {
            return Ok(());
        }
        let Some(daemon) = &self.stations[station].daemon else { return Ok(()) };
        let entries: Vec<Entry> = waiting.iter().map(|(_, entry)| entry.clone()).collect();
        let first = daemon.journal.append(&entries);
        if self.stations[station].disk.is_dead() {
            return Ok(());
        }
        let (epoch, state) = (daemon.journal.head().epoch, daemon.journal_state());
        for (offset, (ticket, entry)) in (0..).zip(waiting) {
            let written = first.clone().map(|first| ScanSeq(first.0 + offset));
            if let Ok(seq) = written {
                self.truth.durable((station, epoch, seq), entry.numbered(seq).encode());
            }
            let after = self.dice.below(3);
            self.queue.put(self.at + after, Event::Written { station, life, ticket, written });
        }
        self.tell(station, Input::Journal(state))
    }

    pub(super) fn written(
        &mut self,
        station: usize,
        life: u64,
        ticket: Ticket,
        written: Result<ScanSeq, AppendError>,
    ) -> Check {
        if !self.alive(station, life) {
            return Ok(());
        }
        let now = self.stations[station].now(self.at);
        let Some(daemon) = &mut self.stations[station].daemon else { return Ok(()) };
        let outputs = daemon.station.on_durable(ticket, written, &daemon.replica, now);
        self.say(station, outputs)
    }

    pub(super) fn housekeep(&mut self, station: usize) {
        self.queue.put(self.at + 5_000, Event::Housekeep { station });
        let now = self.stations[station].now(self.at);
        if let Some(daemon) = &mut self.stations[station].daemon {
            let _ = daemon.station.on_tick(now);
            // A disk that fails here fails in the next append too.
            let _ = daemon.journal.prune(now);
            let _ = daemon.replica.save_age();
        }
    }

    /// A station whose power went is down, and comes back.
    pub(super) fn bury_the_dead(&mut self) {
        for station in 0..self.stations.len() {
            if self.stations[station].disk.is_dead() && self.stations[station].daemon.is_some() {
                self.trace.went_wrong("power cut");
                self.stations[station].crash();
                self.queue.take_writes(station);
                self.links[station] = None;
                let after = 100 + self.dice.below(8_000);
                self.queue.put(self.at + after, Event::Start { station });
                // The power may go again while the daemon starts.
                if !self.calm && self.dice.below(3) == 0 {
                    let writes = self.dice.below(60);
                    self.stations[station].disk.kill_after(writes);
                }
            }
        }
    }
}

/// Whether the daemon's journal has this record, as it was promised.
fn has_record(daemon: &Daemon, (_, epoch, seq): &RecordId, body: &[u8]) -> bool {
    let head = daemon.journal.head();
    let pending = daemon.journal.pending(*seq, 1, usize::MAX);
    head.epoch == *epoch && pending.is_ok_and(|p| p.first == *seq && p.records.first().is_some_and(|r| r == body))
}
