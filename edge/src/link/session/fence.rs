//! Which head of the change log to believe, and whether a replica can go on with it.
//!
//! A head is repeated, retained by the broker and delivered late, so an old one is told by its lease and beat. A hub
//! that was restored from a backup may have fallen back in its leases, but it begins a new life of the log and names
//! the lives before it: a life that names the one we know is newer whatever its lease, and one that we know to be
//! over stays over.

use packline_protocol::downlink::{Fork, Head};
use packline_protocol::id::{Epoch, Seq};
use packline_protocol::time::Moment;
use packline_protocol::uplink::ReplicaState;

/// A log that has nothing to do with the one we know is believed only after this much silence.
const STRANGER_WAIT_MS: u64 = 30_000;

/// The newest head believed, and what it says about older ones.
#[derive(Debug, Default)]
pub(super) struct Fence {
    seen: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    epoch: Epoch,
    lineage: Vec<Fork>,
    lease: u64,
    beat: u64,
    at: Moment,
}

impl Fence {
    /// Whether this head is news; if so, older ones are not from here on.
    pub(super) fn admit(&mut self, head: &Head, now: Moment) -> bool {
        let news = self.seen.as_ref().is_none_or(|seen| seen.is_before(head, now));
        if news {
            let lineage = head.lineage.clone();
            self.seen = Some(Seen { epoch: head.epoch, lineage, lease: head.lease, beat: head.beat, at: now });
        }
        news
    }
}

impl Seen {
    fn is_before(&self, head: &Head, now: Moment) -> bool {
        if head.epoch == self.epoch {
            (head.lease, head.beat) > (self.lease, self.beat)
        } else if names(&head.lineage, self.epoch) {
            true
        } else if names(&self.lineage, head.epoch) {
            false
        } else {
            head.lease > self.lease || now.since_ms(self.at) > STRANGER_WAIT_MS
        }
    }
}

fn names(lineage: &[Fork], epoch: Epoch) -> bool {
    lineage.iter().any(|fork| fork.epoch == epoch)
}

/// How a replica stands to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has nothing yet.
    Empty,
    /// It follows this life of the log.
    Same,
    /// It follows an earlier life, up to a change that this life kept.
    Continues,
    /// It has changes that this life lost, or follows a log that this life does not know.
    Astray,
}

/// How a replica at `at` stands to the log of `head`.
pub(super) fn standing(at: &ReplicaState, head: &Head) -> Standing {
    if at.epoch == head.epoch {
        Standing::Same
    } else if at.epoch == Epoch(0) {
        Standing::Empty
    } else if shared_up_to(at.epoch, &head.lineage).is_some_and(|kept| at.seq <= kept) {
        Standing::Continues
    } else {
        Standing::Astray
    }
}

/// The newest change of `epoch` that every later life kept.
fn shared_up_to(epoch: Epoch, lineage: &[Fork]) -> Option<Seq> {
    let place = lineage.iter().position(|fork| fork.epoch == epoch)?;
    lineage.iter().take(place + 1).map(|fork| fork.seq).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::proof::Root;
    use packline_protocol::time::Timestamp;

    fn head(epoch: u64, lineage: &[(u64, u64)], lease: u64, beat: u64) -> Head {
        let lineage = lineage.iter().map(|&(epoch, seq)| Fork { epoch: Epoch(epoch), seq: Seq(seq) }).collect();
        let (seq, floor, root, wall) = (Seq(0), Seq(0), Root::default(), Timestamp(0));
        Head { epoch: Epoch(epoch), lineage, lease, beat, seq, floor, root, wall }
    }

    #[track_caller]
    fn check(first: Head, then: Head, after_ms: u64, news: bool) {
        let mut fence = Fence::default();
        assert!(fence.admit(&first, Moment(0)));
        assert_eq!(fence.admit(&then, Moment(after_ms)), news, "{first:?} then {then:?}");
    }

    #[test]
    fn a_head_is_news_by_lease_and_beat() {
        check(head(1, &[], 5, 5), head(1, &[], 5, 6), 1, true);
        check(head(1, &[], 5, 5), head(1, &[], 6, 1), 1, true);
        check(head(1, &[], 5, 5), head(1, &[], 5, 5), 1, false);
        check(head(1, &[], 5, 5), head(1, &[], 5, 4), 1, false);
        check(head(1, &[], 5, 5), head(1, &[], 4, 99), 99_999, false);
    }

    #[test]
    fn a_restored_hub_is_believed_though_its_lease_fell_back_and_the_old_one_is_not() {
        check(head(1, &[], 9, 5), head(2, &[(1, 40)], 3, 1), 1, true);
        check(head(2, &[(1, 40)], 3, 1), head(1, &[], 9, 6), 99_999, false);
    }

    #[test]
    fn a_log_without_kinship_is_believed_by_its_lease_or_after_a_silence() {
        check(head(1, &[], 5, 5), head(2, &[], 6, 1), 1, true);
        check(head(1, &[], 5, 5), head(2, &[], 4, 1), 1, false);
        check(head(1, &[], 5, 5), head(2, &[], 4, 1), STRANGER_WAIT_MS + 1, true);
    }

    #[test]
    fn a_replica_goes_on_up_to_what_all_later_lives_kept() {
        let now = head(9, &[(8, 50), (7, 70), (6, 20)], 1, 1);
        for (epoch, seq, expected) in [
            (0, 0, Standing::Empty),
            (9, 900, Standing::Same),
            (8, 50, Standing::Continues),
            (8, 51, Standing::Astray),
            (7, 50, Standing::Continues),
            (7, 60, Standing::Astray),
            (6, 20, Standing::Continues),
            (5, 1, Standing::Astray),
        ] {
            let at = ReplicaState { epoch: Epoch(epoch), seq: Seq(seq), ..Default::default() };
            assert_eq!(standing(&at, &now), expected, "({epoch}, {seq})");
        }
    }
}
