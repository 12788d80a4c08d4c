//! How old the replica's knowledge is.
//!
//! The hub was heard when its head came; the replica is as fresh as the newest head that it has caught up with. A head
//! that runs ahead counts from the moment it came, once its changes are here. No wall clock can make it look fresh,
//! except after a restart, when nothing else is left, and only one that is trusted.

use packline_protocol::id::{Epoch, Seq};
use packline_protocol::time::{Moment, Now, Timestamp};
use std::collections::VecDeque;

/// Heads remembered while the replica catches up.
const AHEAD_MAX: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Freshness {
    level: Option<Heard>,
    /// Heads that the replica has not reached, oldest first.
    ahead: VecDeque<(Epoch, Seq, Heard)>,
    /// From the file: when it was level last, in a life before this one.
    before: Option<Timestamp>,
    /// The replica was found to differ from the hub's.
    distrusted: bool,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    moment: Moment,
    wall: Option<Timestamp>,
}

impl Freshness {
    pub fn restored(level_at: Option<Timestamp>) -> Self {
        Self { before: level_at, ..Self::default() }
    }

    /// A head came; the replica stands at `here`.
    pub fn heard(&mut self, epoch: Epoch, seq: Seq, here: (Epoch, Seq), now: Now) {
        let heard = Heard { moment: now.moment, wall: now.wall_trusted.then_some(now.wall) };
        if self.ahead.len() == AHEAD_MAX {
            // The oldest would give the smallest step forward, the newest the largest one but the latest to come.
            self.ahead.remove(AHEAD_MAX / 2);
        }
        self.ahead.push_back((epoch, seq, heard));
        self.reached(here);
    }

    /// The replica has come to `here`.
    pub fn reached(&mut self, here: (Epoch, Seq)) {
        let level = |(epoch, seq, _): &(Epoch, Seq, Heard)| *epoch == here.0 && *seq <= here.1;
        if let Some(index) = self.ahead.iter().rposition(level) {
            let (.., heard) = self.ahead[index];
            self.level = Some(heard);
            self.ahead.drain(..=index);
        }
    }

    /// The replica differs from the hub's, or its proof holds again.
    pub fn distrust(&mut self, distrusted: bool) {
        self.distrusted = distrusted;
    }

    /// Other rows took the place of these, perhaps older ones: what these were level with says nothing about them.
    pub fn replaced(&mut self) {
        (self.level, self.before) = (None, None);
    }

    /// There is nothing left that could be fresh.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    pub fn age_ms(&self, now: Now) -> Option<u64> {
        if self.distrusted {
            return None;
        }
        match (self.level, self.before) {
            (Some(heard), _) => Some(now.moment.since_ms(heard.moment)),
            (None, Some(before)) if now.wall_trusted => u64::try_from(now.wall.since_ms(before)).ok(),
            (None, _) => None,
        }
    }

    /// When it was level last, for the file; a replica in doubt is in doubt after a restart too.
    pub fn level_at(&self) -> Option<Timestamp> {
        if self.distrusted {
            return None;
        }
        self.level.map_or(self.before, |heard| heard.wall.or(self.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Now {
        Now { moment: Moment(ms), wall: Timestamp(1_800_000_000_000 + ms as i64), wall_trusted: true }
    }

    const ONE: Epoch = Epoch(1);

    #[test]
    fn a_replica_that_is_level_is_as_old_as_the_last_head() {
        let mut fresh = Freshness::default();
        assert_eq!(fresh.age_ms(at(0)), None, "never heard");
        fresh.heard(ONE, Seq(5), (ONE, Seq(5)), at(1_000));
        assert_eq!(fresh.age_ms(at(1_300)), Some(300));
        fresh.heard(ONE, Seq(5), (ONE, Seq(5)), at(3_000));
        assert_eq!(fresh.age_ms(at(3_300)), Some(300));
    }

    #[test]
    fn a_head_that_runs_ahead_counts_only_once_its_changes_are_here() {
        let mut fresh = Freshness::default();
        fresh.heard(ONE, Seq(5), (ONE, Seq(5)), at(1_000));
        fresh.heard(ONE, Seq(9), (ONE, Seq(5)), at(3_000));
        fresh.heard(ONE, Seq(12), (ONE, Seq(5)), at(5_000));
        assert_eq!(fresh.age_ms(at(6_000)), Some(5_000));
        fresh.reached((ONE, Seq(10)));
        assert_eq!(fresh.age_ms(at(6_000)), Some(3_000));
        fresh.reached((ONE, Seq(12)));
        assert_eq!(fresh.age_ms(at(6_000)), Some(1_000));
    }

    #[test]
    fn a_head_of_another_life_does_not_count() {
        let mut fresh = Freshness::default();
        fresh.heard(Epoch(2), Seq(5), (ONE, Seq(9)), at(1_000));
        assert_eq!(fresh.age_ms(at(1_000)), None);
        fresh.reached((Epoch(2), Seq(5)));
        assert_eq!(fresh.age_ms(at(1_500)), Some(500));
    }

    #[test]
    fn a_replica_that_differs_has_no_age_until_it_is_proven_again() {
        let mut fresh = Freshness::default();
        fresh.heard(ONE, Seq(5), (ONE, Seq(5)), at(1_000));
        fresh.distrust(true);
        assert_eq!((fresh.age_ms(at(1_000)), fresh.level_at()), (None, None), "nor after a restart");
        fresh.distrust(false);
        assert_eq!(fresh.age_ms(at(1_000)), Some(0));
    }

    #[test]
    fn after_a_restart_only_a_trusted_wall_clock_tells_the_age() {
        let fresh = Freshness::restored(Some(at(1_000).wall));
        assert_eq!(fresh.age_ms(at(61_000)), Some(60_000));
        assert_eq!(fresh.age_ms(Now { wall_trusted: false, ..at(61_000) }), None);
        assert_eq!(fresh.age_ms(at(500)), None, "a clock that went back tells nothing");
    }

    #[test]
    fn a_replaced_replica_is_fresh_only_once_it_has_caught_up_itself() {
        let mut fresh = Freshness::default();
        fresh.heard(ONE, Seq(9), (ONE, Seq(9)), at(1_000));
        fresh.heard(ONE, Seq(12), (ONE, Seq(9)), at(3_000));
        fresh.replaced();
        fresh.reached((ONE, Seq(5)));
        assert_eq!(fresh.age_ms(at(4_000)), None, "a snapshot may be older than what it replaces");
        fresh.reached((ONE, Seq(12)));
        assert_eq!(fresh.age_ms(at(4_000)), Some(1_000));
    }

    #[test]
    fn heads_that_are_never_reached_take_no_memory() {
        let mut fresh = Freshness::default();
        for beat in 0..1_000 {
            fresh.heard(ONE, Seq(beat + 1), (ONE, Seq(0)), at(beat * 2_000));
        }
        assert!(fresh.ahead.len() <= AHEAD_MAX);
        fresh.reached((ONE, Seq(1_000)));
        assert_eq!(fresh.age_ms(at(999 * 2_000)), Some(0));
    }
}
