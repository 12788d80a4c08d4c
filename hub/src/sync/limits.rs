//! How much one sender may ask for, and how often one trouble is written to the log.
//!
//! Integers only and `now` as an argument: the same calls always give the same answers.

use packline_protocol::time::Moment;
use std::collections::BTreeMap;

/// So much per second, and so much at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Units per second.
    pub per_second: u64,
    /// Units that a pause saves up.
    pub burst: u64,
}

/// A token bucket; it starts full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Thousandths of a unit.
    milli: u64,
    at: Moment,
}

impl Bucket {
    /// A full bucket.
    pub fn full(rate: Rate, now: Moment) -> Self {
        Self { milli: rate.burst.saturating_mul(1_000), at: now }
    }

    /// Takes `units` if they are there.
    pub fn take(&mut self, rate: Rate, units: u64, now: Moment) -> bool {
        self.fill(rate, now);
        let wanted = units.saturating_mul(1_000);
        let enough = self.milli >= wanted;
        if enough {
            self.milli -= wanted;
        }
        enough
    }

    /// How long until `units` are there, in milliseconds.
    pub fn wait_ms(&mut self, rate: Rate, units: u64, now: Moment) -> u64 {
        self.fill(rate, now);
        let missing = units.saturating_mul(1_000).saturating_sub(self.milli);
        missing.div_ceil(rate.per_second.max(1))
    }

    fn fill(&mut self, rate: Rate, now: Moment) {
        let gained = now.since_ms(self.at).saturating_mul(rate.per_second);
        self.milli = self.milli.saturating_add(gained).min(rate.burst.saturating_mul(1_000));
        self.at = self.at.max(now);
    }
}

/// A bucket for each sender, for a bounded number of them.
#[derive(Debug)]
pub struct Buckets<K> {
    rate: Rate,
    max: usize,
    buckets: BTreeMap<K, Bucket>,
}

impl<K: Ord> Buckets<K> {
    /// One bucket of this rate for each sender; above `max` senders the full ones are forgotten.
    pub fn new(rate: Rate, max: usize) -> Self {
        Self { rate, max, buckets: BTreeMap::new() }
    }

    /// Takes `units` for `key` if they are there. With too many senders at once a new one is refused.
    pub fn take(&mut self, key: K, units: u64, now: Moment) -> bool {
        let rate = self.rate;
        if self.buckets.len() >= self.max && !self.buckets.contains_key(&key) {
            self.buckets.retain(|_, bucket| bucket.wait_ms(rate, rate.burst, now) > 0);
            if self.buckets.len() >= self.max {
                return false;
            }
        }
        self.buckets.entry(key).or_insert_with(|| Bucket::full(rate, now)).take(rate, units, now)
    }
}

/// Counts troubles and says which to write down: each kind once a minute, with how often it came since.
#[derive(Debug, Default)]
pub struct Troubles(BTreeMap<&'static str, Trouble>);

#[derive(Debug)]
struct Trouble {
    written: Moment,
    since: u64,
}

const WRITE_EVERY_MS: u64 = 60_000;

impl Troubles {
    /// One more of `kind`. When it is to be written down, how many came since the last time, this one included.
    pub fn note(&mut self, kind: &'static str, now: Moment) -> Option<u64> {
        let Some(trouble) = self.0.get_mut(kind) else {
            self.0.insert(kind, Trouble { written: now, since: 0 });
            return Some(1);
        };
        trouble.since += 1;
        let due = now.since_ms(trouble.written) >= WRITE_EVERY_MS;
        due.then(|| {
            trouble.written = now;
            std::mem::take(&mut trouble.since)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 10, burst: 3 };

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(RATE, Moment(0));
        let given = |bucket: &mut Bucket, at| (0..5).filter(|_| bucket.take(RATE, 1, Moment(at))).count();
        assert_eq!(given(&mut bucket, 0), 3);
        assert_eq!(bucket.wait_ms(RATE, 1, Moment(0)), 100);
        assert_eq!(given(&mut bucket, 99), 0);
        assert_eq!(given(&mut bucket, 100), 1);
        assert_eq!(given(&mut bucket, 60_000), 3, "a pause saves up no more than the burst");
    }

    #[test]
    fn senders_do_not_use_up_each_others_share_and_their_number_is_bounded() {
        let mut buckets = Buckets::new(RATE, 2);
        assert!(buckets.take("a", 3, Moment(0)));
        assert!(!buckets.take("a", 1, Moment(0)));
        assert!(buckets.take("b", 3, Moment(0)));
        assert!(!buckets.take("c", 1, Moment(0)), "two are busy already");
        assert!(buckets.take("c", 1, Moment(300)), "both have rested");
    }

    #[test]
    fn a_trouble_is_written_down_once_a_minute_with_its_count() {
        let mut troubles = Troubles::default();
        assert_eq!(troubles.note("signature", Moment(0)), Some(1));
        assert_eq!(troubles.note("signature", Moment(10)), None);
        assert_eq!(troubles.note("length", Moment(20)), Some(1));
        assert_eq!(troubles.note("signature", Moment(60_000)), Some(2));
    }
}
