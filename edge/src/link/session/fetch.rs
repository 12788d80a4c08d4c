//! Collecting a snapshot: parts asked for with credit, put aside in order, then swapped in as a whole.
//!
//! The hub keeps nothing per station, so all asking is here: a few parts at a time, again from the first missing one
//! when nothing comes, and from where it was left after a cut or a restart.

use super::event::Job;
use packline_protocol::downlink::{Chunk, SnapshotOffer};
use packline_protocol::time::Moment;
use packline_protocol::uplink::ChunkRequest;
use std::collections::BTreeMap;

/// How many parts one request is good for.
const CREDIT: u32 = 4;
/// How many parts may be asked for and not yet put aside.
const AHEAD_MAX: u32 = 8;
const ANSWER_WAIT_MS: u64 = 5_000;
/// After this many requests in vain the snapshot is given up: the hub no longer has it.
const FAILURES_MAX: u32 = 6;

/// A snapshot being collected.
#[derive(Debug)]
pub(super) struct Fetch {
    offer: SnapshotOffer,
    stage: Stage,
    /// The first part not yet put aside.
    next: u32,
    /// The first part not yet handed over to be put aside.
    handed: u32,
    /// The first part not yet asked for.
    asked: u32,
    parts: BTreeMap<u32, Chunk>,
    deadline: Moment,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Offered,
    Collecting,
    Complete,
}

impl Fetch {
    pub(super) fn new(offer: SnapshotOffer, now: Moment) -> Self {
        let deadline = now.plus_ms(ANSWER_WAIT_MS);
        Self {
            offer,
            stage: Stage::Offered,
            next: 0,
            handed: 0,
            asked: 0,
            parts: BTreeMap::new(),
            deadline,
            failures: 0,
        }
    }

    pub(super) fn offer(&self) -> &SnapshotOffer {
        &self.offer
    }

    /// How many parts are there, of how many.
    pub(super) fn progress(&self) -> (u32, u32) {
        (self.next, self.offer.chunks)
    }

    /// Whether parts came lately, so that another offer does not matter.
    pub(super) fn is_alive(&self) -> bool {
        self.failures < 2
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    pub(super) fn timer(&self) -> Option<Moment> {
        (self.stage == Stage::Collecting).then_some(self.deadline)
    }

    /// The connection is new: what was asked for will not come.
    pub(super) fn ask_again(&mut self, now: Moment) {
        self.asked = self.received();
        self.deadline = now.plus_ms(ANSWER_WAIT_MS);
    }

    pub(super) fn hold(&mut self, until: Moment) {
        self.deadline = self.deadline.max(until);
    }

    /// Everything below part `next` is put aside, perhaps since before a restart.
    pub(super) fn staged(&mut self, next: u32, now: Moment) {
        if self.stage == Stage::Offered {
            (self.stage, self.deadline) = (Stage::Collecting, now.plus_ms(ANSWER_WAIT_MS));
        }
        (self.next, self.handed) = (next, next);
        self.asked = self.asked.max(next);
        self.parts = self.parts.split_off(&next);
        if self.next >= self.offer.chunks {
            self.stage = Stage::Complete;
        }
    }

    pub(super) fn take(&mut self, chunk: Chunk, now: Moment) {
        let wanted = chunk.snapshot == self.offer.snapshot && (self.handed..self.asked).contains(&chunk.number);
        if wanted && !self.parts.contains_key(&chunk.number) {
            self.parts.insert(chunk.number, chunk);
            self.failures = 0;
            self.deadline = now.plus_ms(ANSWER_WAIT_MS);
        }
    }

    /// The next piece of work on the replica's side.
    pub(super) fn job(&mut self) -> Option<Job> {
        match self.stage {
            Stage::Offered => Some(Job::Begin(self.offer)),
            Stage::Complete => Some(Job::Swap(self.offer)),
            Stage::Collecting => {
                let end = self.received();
                let run: Vec<Chunk> = (self.handed..end).filter_map(|number| self.parts.remove(&number)).collect();
                self.handed = end;
                (!run.is_empty()).then_some(Job::Stage(run))
            }
        }
    }

    /// Work failed for now: it begins again from what was kept.
    pub(super) fn failed(&mut self, now: Moment) {
        self.parts.clear();
        (self.handed, self.stage) = (self.next, Stage::Offered);
        self.ask_again(now);
    }

    /// What was collected is of no use.
    pub(super) fn give_up(&mut self) {
        self.failures = FAILURES_MAX;
    }

    /// The next parts to ask for, if any should be asked for now.
    pub(super) fn request(&mut self, now: Moment) -> Option<ChunkRequest> {
        if self.stage != Stage::Collecting {
            return None;
        }
        if self.deadline <= now {
            self.failures += 1;
            self.ask_again(now);
        }
        let (from, received) = (self.asked, self.received());
        let room = from.saturating_sub(self.next) + CREDIT <= AHEAD_MAX && from.saturating_sub(received) <= CREDIT;
        if !room || from >= self.offer.chunks {
            return None;
        }
        let credit = CREDIT.min(self.offer.chunks - from);
        self.asked += credit;
        let credit = u8::try_from(credit).expect("a request is good for a few parts");
        Some(ChunkRequest { snapshot: self.offer.snapshot, from, credit })
    }

    /// One past the last part of the unbroken row that is here.
    fn received(&self) -> u32 {
        (self.handed..).find(|number| !self.parts.contains_key(number)).unwrap_or(self.handed)
    }
}
