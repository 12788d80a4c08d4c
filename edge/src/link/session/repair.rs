//! Mending a replica that is proven to differ from the hub, with as few rows as possible.
//!
//! Ask for the hub's bucket hashes, compare, fetch the rows of the buckets that differ, put them in, and see at the
//! next proof whether that was it. While the rows are on the way nothing else is applied, so that they are never
//! older than what they replace. Twice in vain, or too many buckets: a whole snapshot.

use super::dice::Dice;
use super::event::{Checked, Job};
use packline_protocol::downlink::{BucketRows, Buckets};
use packline_protocol::id::{Epoch, Seq};
use packline_protocol::time::Moment;
use packline_protocol::uplink::{BucketRowsRequest, BucketsRequest, Uplink};
use std::collections::BTreeSet;

/// More differing buckets than this, and a snapshot is shorter.
const BUCKETS_MAX: usize = 256;
/// More bytes of rows than this, and a snapshot is shorter.
const ROWS_BYTES_MAX: usize = 4 * 1024 * 1024;
const ANSWER_WAIT_MS: u64 = 5_000;
const BACKOFF_MAX_MS: u64 = 60_000;
/// After mending so often without success the whole replica is fetched.
const MENDS_MAX: u32 = 2;

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
    Comparing { seq: Seq },
    Differing { buckets: Vec<u16> },
    Fetching { missing: BTreeSet<u16>, parts: Vec<BucketRows>, bytes: usize, above: Seq, deadline: Moment },
    Mend { parts: Vec<BucketRows> },
    Mending { until: Seq },
    Settling { until: Seq },
    Rebuild,
}

impl Repair {
    pub(super) fn new(now: Moment) -> Self {
        Self { stage: Stage::Wanted { due: now }, mends: 0, failures: 0 }
    }

    /// Whether only a snapshot helps.
    pub(super) fn wants_snapshot(&self) -> bool {
        matches!(self.stage, Stage::Rebuild)
    }

    /// Whether deltas have to wait, because rows of buckets are on the way.
    pub(super) fn holds_deltas(&self) -> bool {
        matches!(self.stage, Stage::Differing { .. } | Stage::Fetching { .. } | Stage::Mend { .. })
    }

    pub(super) fn timer(&self) -> Option<Moment> {
        match self.stage {
            Stage::Wanted { due } => Some(due),
            Stage::Asked { deadline } | Stage::Fetching { deadline, .. } => Some(deadline),
            _ => None,
        }
    }

    pub(super) fn hold(&mut self, until: Moment) {
        match &mut self.stage {
            Stage::Wanted { due: at } | Stage::Asked { deadline: at } | Stage::Fetching { deadline: at, .. } => {
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

    /// What to ask the hub now. `at` is the replica's position, and nothing is being applied.
    pub(super) fn request(&mut self, epoch: Epoch, at: Seq, now: Moment, dice: &mut Dice) -> Option<Uplink> {
        if matches!(self.stage, Stage::Asked { deadline } | Stage::Fetching { deadline, .. } if deadline <= now) {
            self.again(now, dice);
        }
        match &mut self.stage {
            Stage::Wanted { due } if *due <= now => {
                self.stage = Stage::Asked { deadline: now.plus_ms(ANSWER_WAIT_MS) };
                Some(BucketsRequest { epoch }.into())
            }
            Stage::Differing { buckets } => {
                let buckets = std::mem::take(buckets);
                let missing = buckets.iter().copied().collect();
                let deadline = now.plus_ms(ANSWER_WAIT_MS);
                self.stage = Stage::Fetching { missing, parts: Vec::new(), bytes: 0, above: at, deadline };
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

    /// Rows of buckets; all parts of an answer show one position, at or after the replica's.
    pub(super) fn rows(&mut self, part: BucketRows, now: Moment) {
        let Stage::Fetching { missing, parts, bytes, above, deadline } = &mut self.stage else { return };
        if part.seq < *above {
            return;
        }
        if parts.first().is_some_and(|first| first.seq != part.seq) {
            return;
        }
        *bytes += part.rows.iter().map(|row| row.body.as_ref().map_or(0, Vec::len)).sum::<usize>();
        part.buckets.iter().for_each(|bucket| {
            missing.remove(bucket);
        });
        parts.push(part);
        *deadline = now.plus_ms(ANSWER_WAIT_MS);
        if *bytes > ROWS_BYTES_MAX {
            self.stage = Stage::Rebuild;
        } else if missing.is_empty() {
            self.stage = Stage::Mend { parts: std::mem::take(parts) };
        }
    }

    /// The next piece of work on the replica's side.
    pub(super) fn job(&mut self) -> Option<Job> {
        match &mut self.stage {
            Stage::Compare { hashes, seq } => {
                let (hashes, seq) = (std::mem::take(hashes), *seq);
                self.stage = Stage::Comparing { seq };
                Some(Job::Compare(hashes))
            }
            Stage::Mend { parts } => {
                let parts = std::mem::take(parts);
                let until = parts.first().map_or(Seq(0), |part| part.seq);
                self.stage = Stage::Mending { until };
                Some(Job::Mend(parts))
            }
            _ => None,
        }
    }

    pub(super) fn compared(&mut self, differing: Vec<u16>) {
        if let Stage::Comparing { seq } = self.stage {
            self.stage = match differing.len() {
                0 => Stage::Settling { until: seq },
                1..=BUCKETS_MAX => Stage::Differing { buckets: differing },
                _ => Stage::Rebuild,
            };
        }
    }

    pub(super) fn mended(&mut self) {
        if let Stage::Mending { until } = self.stage {
            self.mends += 1;
            self.stage = Stage::Settling { until };
        }
    }

    /// A proof was compared; answers whether the replica is sound again.
    pub(super) fn checked(&mut self, checked: Checked, now: Moment, dice: &mut Dice) -> bool {
        let Stage::Settling { until } = self.stage else { return false };
        if checked.seq < until {
            return false;
        }
        if !checked.equal && self.mends >= MENDS_MAX {
            self.stage = Stage::Rebuild;
        } else if !checked.equal {
            self.again(now, dice);
        }
        checked.equal
    }
}
