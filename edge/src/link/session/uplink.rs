//! Records on their way up: batches in order under a window, and hints ahead of a backlog.
//!
//! A batch leaves the window when the hub says that it has its records, never on anything else. Without such a word
//! the sending goes back to the first record that the hub does not have.
//!
//! No record is ever set aside here. The hub spends a number on every record, also on one it cannot use (it says so
//! in [`Ack::refused`]), so no record can block those after it. What is left are batches that do not get through at
//! all; they are made smaller, down to one record, and a person is told which record it is.

use super::event::{JournalState, Lane, Output, Stretch, Wish};
use super::step::Step;
use packline_protocol::downlink::{Ack, REFUSED_FORK, Refusal, Welcome};
use packline_protocol::id::ScanSeq;
use packline_protocol::time::Moment;
use packline_protocol::topic::UpStream;
use packline_protocol::uplink::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Batch, Hint};
use std::collections::VecDeque;

/// The most batches under way.
const WINDOW: usize = 8;
/// How long the hub may take to say that it has a batch.
const ACK_WAIT_MS: u64 = 10_000;
/// The longest such wait, after several in vain.
const ACK_WAIT_MAX_MS: u64 = 60_000;
/// After this many waits in vain a person is told.
const STRIKES_TOLD: u32 = 5;
/// Of more new records than this at once only the newest are hinted; the batches bring all.
const HINTS_MAX: u64 = 16;

#[derive(Debug, Default)]
pub(super) struct Uplink {
    journal: JournalState,
    /// The hub welcomed this connection, and so said where to begin.
    open: bool,
    /// Hub and journal tell different histories: nothing more goes up from this journal.
    forked: bool,
    acked: ScanSeq,
    safe: ScanSeq,
    sent: ScanSeq,
    window: VecDeque<ScanSeq>,
    reading: Option<ScanSeq>,
    hinted: ScanSeq,
    hinting: bool,
    deadline: Option<Moment>,
    strikes: u32,
    records_max: usize,
    bytes_max: usize,
    paused_until: Moment,
}

impl Uplink {
    /// An uplink for a journal of which the hub is known to have the records up to `acked`.
    pub(super) fn new(journal: JournalState, acked: ScanSeq) -> Self {
        let (records_max, bytes_max) = (BATCH_RECORDS_MAX, BATCH_BYTES_MAX);
        Self { journal, acked, sent: acked, records_max, bytes_max, ..Self::default() }
    }

    pub(super) fn journal(&self) -> JournalState {
        self.journal
    }

    /// How many records the hub is not known to have.
    pub(super) fn backlog(&self) -> u64 {
        self.journal.newest.0.saturating_sub(self.acked.0)
    }

    pub(super) fn timer(&self) -> Option<Moment> {
        let resume = (self.open && self.backlog() > 0 && self.paused_until > Moment(0)).then_some(self.paused_until);
        self.deadline.into_iter().chain(resume).min()
    }

    pub(super) fn close(&mut self) {
        self.open = false;
        self.window.clear();
        self.deadline = None;
    }

    pub(super) fn pause(&mut self, until: Moment) {
        self.paused_until = self.paused_until.max(until);
    }

    /// The broker takes payloads up to this many bytes only: batches get smaller.
    pub(super) fn narrow(&mut self, payload_max: usize) {
        self.bytes_max = self.bytes_max.min(payload_max / 4 * 3).max(1);
        self.go_back();
    }

    /// The journal grew; or it is another one, and then the hub has to be greeted again: answers whether so.
    pub(super) fn grew(&mut self, journal: JournalState, step: &mut Step<'_>) -> bool {
        let renewed = journal.epoch != self.journal.epoch;
        if renewed {
            *self = Self::new(journal, ScanSeq(0));
        }
        self.journal = journal;
        self.pump(step);
        renewed
    }

    /// The hub says where to begin. Its word counts, also when it falls back: a hub restored from a backup gets
    /// again what the journal still has. Answers whether the hub means this journal.
    pub(super) fn welcome(&mut self, welcome: &Welcome, step: &mut Step<'_>) -> bool {
        if welcome.station_epoch != self.journal.epoch {
            self.close();
            return false;
        }
        self.open = self.is_possible(welcome.upto, step) && !self.forked;
        if self.open {
            self.acked = self.settled(welcome.upto);
            self.safe = self.safe.max(welcome.safe_upto.min(self.acked));
            self.begin_at_oldest(step);
            self.hinted = self.journal.newest;
            step.out.push(Output::Acked { upto: self.acked, safe_upto: self.safe });
        }
        self.go_back();
        self.strikes = 0;
        self.pump(step);
        true
    }

    /// What the hub's word settles before it has seen where this journal ends: everything but the newest record that both
    /// have. That one is sent once more, so that the hub notices when its own is another, as after a copied card.
    fn settled(&self, upto: ScanSeq) -> ScanSeq {
        if self.journal.from <= upto { ScanSeq(upto.0.saturating_sub(1)) } else { upto }
    }

    /// The hub has records. One that says less than before is asked again by a birth, since this word may be old:
    /// answers whether so.
    pub(super) fn ack(&mut self, ack: &Ack, step: &mut Step<'_>) -> bool {
        if !self.open || ack.station_epoch != self.journal.epoch || !self.is_possible(ack.upto, step) {
            return false;
        }
        if ack.refused.iter().any(|refusal| refusal.why.starts_with(REFUSED_FORK)) {
            self.fork("the hub has another record under a number of this journal", step);
            return false;
        }
        tell_refused(&ack.refused, step);
        if ack.upto < self.acked {
            return true;
        }
        let progress = ack.upto > self.acked;
        self.acked = ack.upto;
        self.safe = self.safe.max(ack.safe_upto.min(ack.upto));
        step.out.push(Output::Acked { upto: self.acked, safe_upto: self.safe });
        if progress {
            self.advance(step);
        }
        self.pump(step);
        false
    }

    pub(super) fn read(&mut self, stretch: Stretch, step: &mut Step<'_>) {
        match stretch.lane {
            Lane::Backlog => self.send_batch(stretch, step),
            Lane::Live => self.send_hints(stretch, step),
        }
        self.pump(step);
    }

    pub(super) fn tick(&mut self, step: &mut Step<'_>) {
        if self.deadline.is_some_and(|deadline| deadline <= step.now) {
            self.strike(step);
        }
        if self.paused_until <= step.now {
            self.paused_until = Moment(0);
        }
        self.pump(step);
    }

    /// A hub that has records which this journal never wrote knows another copy of this station: nothing may be sent
    /// under numbers that are spent, or new scans would be taken for old ones.
    fn is_possible(&mut self, upto: ScanSeq, step: &mut Step<'_>) -> bool {
        let possible = upto <= self.journal.newest;
        if !possible {
            let newest = self.journal.newest;
            self.fork(&format!("the hub has records up to {upto} of this journal, which ends at {newest}"), step);
        }
        possible
    }

    fn fork(&mut self, why: &str, step: &mut Step<'_>) {
        self.forked = true;
        let text = format!(
            "{why}: the journal was copied or set back, and nothing is sent from it any more; make sure that only one \
             device is this station, then stop it and run `packline-edge journal renew`"
        );
        step.alarm(REFUSED_FORK, text);
        self.close();
    }

    fn begin_at_oldest(&mut self, step: &mut Step<'_>) {
        let oldest = self.journal.from;
        if oldest.0 > self.acked.0 + 1 {
            let text = format!(
                "the hub lost records up to {}; the journal begins at {oldest}, those between are gone",
                self.acked
            );
            step.alarm("records-missing", text);
            self.acked = ScanSeq(oldest.0 - 1);
            self.sent = self.sent.max(self.acked);
        }
    }

    fn advance(&mut self, step: &mut Step<'_>) {
        while self.window.front().is_some_and(|last| *last <= self.acked) {
            self.window.pop_front();
        }
        self.sent = self.sent.max(self.acked);
        self.strikes = 0;
        self.records_max = BATCH_RECORDS_MAX;
        step.alarm_over("uplink-stuck");
        self.deadline = (!self.window.is_empty()).then(|| step.now.plus_ms(ACK_WAIT_MS));
    }

    fn strike(&mut self, step: &mut Step<'_>) {
        self.strikes += 1;
        if self.strikes > 1 {
            self.records_max = (self.records_max / 4).max(1);
        }
        if self.strikes >= STRIKES_TOLD {
            let first = self.acked.0 + 1;
            let text = format!("record {first} was sent {} times and the hub does not take it", self.strikes);
            step.alarm("uplink-stuck", text);
        }
        self.go_back();
    }

    fn go_back(&mut self) {
        self.window.clear();
        self.sent = self.acked;
        self.deadline = None;
    }

    /// Reads on when the window has room, and hints what has to wait.
    fn pump(&mut self, step: &mut Step<'_>) {
        if !self.open || step.now < self.paused_until {
            return;
        }
        if self.reading.is_none() && self.window.len() < WINDOW && self.sent < self.journal.newest {
            let from = ScanSeq(self.sent.0 + 1);
            self.reading = Some(from);
            let (records_max, bytes_max) = (self.records_max, self.bytes_max);
            step.read(Wish { lane: Lane::Backlog, from, records_max, bytes_max });
        }
        self.hint(step);
    }

    fn hint(&mut self, step: &mut Step<'_>) {
        let newest = self.journal.newest;
        let soon = self.sent.0 + self.records_max as u64;
        let waits = newest.0 > soon || self.window.len() >= WINDOW;
        if !waits || self.hinting || newest <= self.hinted {
            return;
        }
        let from = ScanSeq((self.hinted.0 + 1).max((newest.0 + 1).saturating_sub(HINTS_MAX)));
        self.hinting = true;
        step.read(Wish { lane: Lane::Live, from, records_max: HINTS_MAX as usize, bytes_max: self.bytes_max });
    }

    fn send_batch(&mut self, stretch: Stretch, step: &mut Step<'_>) {
        let asked = self.reading.take();
        if asked.is_some_and(|asked| asked < stretch.first) && stretch.epoch == self.journal.epoch {
            // Deleted since the journal last said what it has; what follows is read once more.
            self.journal.from = self.journal.from.max(stretch.first);
            return self.begin_at_oldest(step);
        }
        let wanted = self.open && asked == Some(stretch.first) && stretch.first.0 == self.sent.0 + 1;
        if !wanted || stretch.epoch != self.journal.epoch {
            return;
        }
        let Some(last) = last_of(&stretch) else {
            step.alarm("journal-unreadable", format!("the journal has no record {}", stretch.first));
            return self.pause(step.now.plus_ms(ACK_WAIT_MS));
        };
        step.alarm_over("journal-unreadable");
        self.sent = last;
        self.hinted = self.hinted.max(last);
        self.window.push_back(last);
        let wait = ACK_WAIT_MS.saturating_mul(1 << self.strikes.min(8)).min(ACK_WAIT_MAX_MS);
        self.deadline.get_or_insert(step.now.plus_ms(wait));
        let Stretch { first, before, records, .. } = stretch;
        step.send(UpStream::Scans, Batch { station_epoch: self.journal.epoch, first, before, records });
    }

    fn send_hints(&mut self, stretch: Stretch, step: &mut Step<'_>) {
        self.hinting = false;
        self.hinted = self.hinted.max(last_of(&stretch).unwrap_or(self.journal.newest));
        let behind = stretch.first.0..;
        for (seq, record) in behind.zip(stretch.records) {
            if self.open && seq > self.sent.0 && stretch.epoch == self.journal.epoch {
                step.send(UpStream::Scans, Hint { station_epoch: self.journal.epoch, record });
            }
        }
    }
}

fn last_of(stretch: &Stretch) -> Option<ScanSeq> {
    let count = stretch.records.len() as u64;
    (count > 0).then(|| ScanSeq(stretch.first.0 + count - 1))
}

fn tell_refused(refused: &[Refusal], step: &mut Step<'_>) {
    if let Some(first) = refused.first() {
        let text =
            format!("the hub kept {} records that it could not use; {}: {}", refused.len(), first.seq, first.why);
        step.alarm("records-refused", text);
        step.alarm_over("records-refused");
    }
}
