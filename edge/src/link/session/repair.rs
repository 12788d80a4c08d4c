//! Mending a replica that is proven to differ from the hub, with as few rows as possible.
//!
//! Ask for the hub's bucket hashes, compare, fetch the rows of the buckets that differ, and let the replica put them in
//! place if the proof then holds. Changes that the hub makes meanwhile can spoil that; then it is tried again. Several
//! times in vain, or too many buckets: a whole snapshot. Nothing is applied until one of both has worked.

use super::dice::Dice;
use super::event::Job;
use packline_protocol::downlink::{BucketRows, Buckets};
use packline_protocol::id::{Epoch, Seq, SiteId};
use packline_protocol::proof::Proof;
use packline_protocol::time::Moment;
use packline_protocol::uplink::{BucketRowsRequest, BucketsRequest, Uplink};
use std::collections::{BTreeSet, VecDeque};

/// More differing buckets than this, and a snapshot is shorter.
const BUCKETS_MAX: usize = 256;
/// More bytes of rows waiting than this, and a snapshot is shorter.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;
const ANSWER_WAIT_MS: u64 = 5_000;
const BACKOFF_MAX_MS: u64 = 60_000;
/// After mending so often in vain the whole replica is fetched.
const MENDS_MAX: u32 = 4;

/// A repair under way.
#[derive(Debug)]
pub(super) struct Repair {
    stage: Stage,
    mends: u32,
    failures: u32,
}

#[derive(Debug)]
enum Stage {
    Wanted { due: Moment },
    Asked { deadline: Moment },
    Compare { hashes: Vec<u128>, seq: Seq },
    Comparing { nothing: BucketRows },
    Differing { buckets: Vec<u16> },
    Fetching(Fetching),
    Rebuild,
}

/// Rows on their way from the hub into the replica.
#[derive(Debug)]
struct Fetching {
    missing: BTreeSet<u16>,
    seq: Option<Seq>,
    waiting: VecDeque<BucketRows>,
    waiting_bytes: usize,
    deadline: Moment,
}

impl Repair {
    pub(super) fn new(now: Moment) -> Self {
        Self { stage: Stage::Wanted { due: now }, mends: 0, failures: 0 }
    }

    /// One that goes for a snapshot at once.
    pub(super) fn by_snapshot() -> Self {
        Self { stage: Stage::Rebuild, mends: 0, failures: 0 }
    }

    /// Whether only a snapshot helps.
    pub(super) fn wants_snapshot(&self) -> bool {
        matches!(self.stage, Stage::Rebuild)
    }

    pub(super) fn timer(&self) -> Option<Moment> {
        match &self.stage {
            Stage::Wanted { due } => Some(*due),
            Stage::Asked { deadline } | Stage::Fetching(Fetching { deadline, .. }) => Some(*deadline),
            _ => None,
        }
    }

    /// Not before this moment, whatever was planned.
    pub(super) fn hold(&mut self, until: Moment) {
        match &mut self.stage {
            Stage::Wanted { due: at }
            | Stage::Asked { deadline: at }
            | Stage::Fetching(Fetching { deadline: at, .. }) => {
                *at = (*at).max(until);
            }
            _ => {}
        }
    }

    /// Something failed or did not come: from the start again, after a pause.
    pub(super) fn again(&mut self, now: Moment, dice: &mut Dice) {
        if !self.wants_snapshot() {
            let pause = dice.backoff_ms(1_000, self.failures, BACKOFF_MAX_MS);
            self.failures += 1;
            self.stage = Stage::Wanted { due: now.plus_ms(pause) };
        }
    }

    /// The rows were put in and the proof does not hold: at once again, since the hub may only have moved on.
    pub(super) fn in_vain(&mut self, now: Moment) {
        self.mends += 1;
        self.stage = if self.mends < MENDS_MAX { Stage::Wanted { due: now } } else { Stage::Rebuild };
    }

    /// What to ask the hub now.
    pub(super) fn request(&mut self, epoch: Epoch, now: Moment, dice: &mut Dice) -> Option<Uplink> {
        if matches!(self.timer(), Some(at) if at <= now) && !matches!(self.stage, Stage::Wanted { .. }) {
            self.again(now, dice);
        }
        let deadline = now.plus_ms(ANSWER_WAIT_MS);
        match &mut self.stage {
            Stage::Wanted { due } if *due <= now => {
                self.stage = Stage::Asked { deadline };
                Some(BucketsRequest { epoch }.into())
            }
            Stage::Differing { buckets } => {
                let buckets = std::mem::take(buckets);
                let missing = buckets.iter().copied().collect();
                let (waiting, waiting_bytes) = (VecDeque::new(), 0);
                self.stage = Stage::Fetching(Fetching { missing, seq: None, waiting, waiting_bytes, deadline });
                Some(BucketRowsRequest { epoch, buckets }.into())
            }
            _ => None,
        }
    }

    pub(super) fn buckets(&mut self, buckets: Buckets) {
        if matches!(self.stage, Stage::Asked { .. }) {
            self.stage = Stage::Compare { hashes: buckets.hashes, seq: buckets.seq };
        }
    }

    /// Rows of buckets; all parts of an answer show one position, and the last one brings the proof.
    pub(super) fn rows(&mut self, part: BucketRows, now: Moment) {
        let Stage::Fetching(fetching) = &mut self.stage else { return };
        fetching.take(part, now);
        if fetching.waiting_bytes > WAITING_BYTES_MAX {
            self.stage = Stage::Rebuild;
        }
    }

    /// The next piece of work on the replica's side.
    pub(super) fn job(&mut self, site: &SiteId, epoch: Epoch) -> Option<Job> {
        match &mut self.stage {
            Stage::Compare { hashes, seq } => {
                let (hashes, seq) = (std::mem::take(hashes), *seq);
                let proof = Proof::with_buckets(site, (0..).zip(hashes.iter().copied()));
                let root = Some(proof.root(epoch, seq));
                let nothing = BucketRows { epoch, seq, buckets: Vec::new(), rows: Vec::new(), root };
                self.stage = Stage::Comparing { nothing };
                Some(Job::Compare(Buckets { epoch, seq, hashes }))
            }
            Stage::Fetching(fetching) => fetching.next().map(Job::Mend),
            _ => None,
        }
    }

    /// These buckets differ. When none does, the hub's own hashes are the proof that all is well.
    pub(super) fn compared(&mut self, differing: Vec<u16>, now: Moment) {
        let Stage::Comparing { nothing } = &mut self.stage else { return };
        self.stage = match differing.len() {
            0 => {
                let mut fetching = Fetching::of_nothing(now);
                fetching.take(nothing.clone(), now);
                Stage::Fetching(fetching)
            }
            1..=BUCKETS_MAX => Stage::Differing { buckets: differing },
            _ => Stage::Rebuild,
        };
    }
}

impl Fetching {
    fn of_nothing(now: Moment) -> Self {
        let (waiting, deadline) = (VecDeque::new(), now.plus_ms(ANSWER_WAIT_MS));
        Self { missing: BTreeSet::new(), seq: None, waiting, waiting_bytes: 0, deadline }
    }

    /// A part of another answer than the first one's is not mixed in.
    fn take(&mut self, part: BucketRows, now: Moment) {
        if *self.seq.get_or_insert(part.seq) != part.seq {
            return;
        }
        self.waiting_bytes += weight(&part);
        part.buckets.iter().for_each(|bucket| {
            self.missing.remove(bucket);
        });
        self.waiting.push_back(part);
        self.deadline = now.plus_ms(ANSWER_WAIT_MS);
    }

    /// The next part for the replica; the one with the proof waits until all are here.
    fn next(&mut self) -> Option<BucketRows> {
        let last = self.waiting.front()?.root.is_some();
        if last && !self.missing.is_empty() {
            return None;
        }
        let part = self.waiting.pop_front()?;
        self.waiting_bytes -= weight(&part);
        Some(part)
    }
}

fn weight(part: &BucketRows) -> usize {
    part.rows.iter().map(|row| row.body.as_ref().map_or(0, Vec::len)).sum()
}
