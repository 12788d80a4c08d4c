//! How old the replica's knowledge is.
//!
//! The hub was heard when its head came; the replica is as fresh as the newest head that it has caught up with. A head
//! that runs ahead counts from the moment it came, once its changes are here and proven: each row travels at its latest
//! change alone, so the middle of a range is a state that the hub never had, and level with nothing. No wall clock can
//! make it look fresh, except after a restart, when nothing else is left, and only one that is trusted.

use packline_protocol::id::{Epoch, Seq};
use packline_protocol::proof::Root;
use packline_protocol::time::{Moment, Now, Timestamp};
use std::collections::VecDeque;

/// Heads remembered while the replica catches up.
const AHEAD_MAX: usize = 32;

/// A place in the hub's log, and the proof of the rows there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub epoch: Epoch,
    pub seq: Seq,
    pub root: Root,
}

impl Place {
    fn has_reached(&self, head: &Place) -> bool {
        head.epoch == self.epoch && head.seq <= self.seq
    }
}

#[derive(Debug, Default)]
pub(super) struct Freshness {
    level: Option<Heard>,
    /// Heads that the replica has not reached, oldest first.
    ahead: VecDeque<(Place, Heard)>,
    /// The newest place at which the hub's proof held; unknown after a restart.
    proven: Option<Place>,
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
    pub fn heard(&mut self, head: Place, here: Place, now: Now) {
        let heard = Heard { moment: now.moment, wall: now.wall_trusted.then_some(now.wall) };
        if self.ahead.len() == AHEAD_MAX {
            // The oldest would give the smallest step forward, the newest the largest one but the latest to come.
            self.ahead.remove(AHEAD_MAX / 2);
        }
        self.ahead.push_back((head, heard));
        self.moved(here);
    }

    /// The replica has come to `here`, without a word about the proof: only a head from the very same place with the
    /// very same proof speaks for it.
    pub fn moved(&mut self, here: Place) {
        if self.ahead.iter().any(|(head, _)| *head == here) {
            self.proven = Some(here);
        }
        self.catch_up();
    }

    /// The hub's proof held at `here`.
    pub fn proved(&mut self, here: Place) {
        (self.proven, self.distrusted) = (Some(here), false);
        self.catch_up();
    }

    fn catch_up(&mut self) {
        let Some(proven) = self.proven else { return };
        if let Some(index) = self.ahead.iter().rposition(|(head, _)| proven.has_reached(head)) {
            let (_, heard) = self.ahead[index];
            self.level = Some(heard);
            self.ahead.drain(..=index);
        }
    }

    /// The replica differs from the hub's: it has no age until a proof holds.
    pub fn distrust(&mut self) {
        self.distrusted = true;
    }

    /// Other rows took the place of these, perhaps older ones: what these were level with says nothing about them.
    pub fn replaced(&mut self) {
        (self.level, self.before, self.proven) = (None, None, None);
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

    /// A place in the log as the hub has it.
    fn place(epoch: Epoch, seq: u64) -> Place {
        Place { epoch, seq: Seq(seq), root: Root([7; 16]) }
    }

    /// The same place with other rows: the middle of a range.
    fn middle(seq: u64) -> Place {
        Place { root: Root([9; 16]), ..place(ONE, seq) }
    }

    #[test]
    fn a_replica_that_is_level_is_as_old_as_the_last_head() {
        let mut fresh = Freshness::default();
        assert_eq!(fresh.age_ms(at(0)), None, "never heard");
        fresh.heard(place(ONE, 5), place(ONE, 5), at(1_000));
        assert_eq!(fresh.age_ms(at(1_300)), Some(300));
        fresh.heard(place(ONE, 5), place(ONE, 5), at(3_000));
        assert_eq!(fresh.age_ms(at(3_300)), Some(300));
    }

    #[test]
    fn a_head_that_runs_ahead_counts_only_once_its_changes_are_here() {
        let mut fresh = Freshness::default();
        fresh.heard(place(ONE, 5), place(ONE, 5), at(1_000));
        fresh.heard(place(ONE, 9), place(ONE, 5), at(3_000));
        fresh.heard(place(ONE, 12), place(ONE, 5), at(5_000));
        assert_eq!(fresh.age_ms(at(6_000)), Some(5_000));
        fresh.proved(place(ONE, 10));
        assert_eq!(fresh.age_ms(at(6_000)), Some(3_000));
        fresh.proved(place(ONE, 12));
        assert_eq!(fresh.age_ms(at(6_000)), Some(1_000));
    }

    #[test]
    fn the_middle_of_a_range_is_level_with_nothing() {
        let mut fresh = Freshness::default();
        fresh.heard(place(ONE, 5), place(ONE, 5), at(1_000));
        fresh.heard(place(ONE, 9), place(ONE, 5), at(3_000));
        fresh.moved(middle(10));
        assert_eq!(fresh.age_ms(at(4_000)), Some(3_000), "what the head at 9 told may lie in a later stage");
        fresh.heard(place(ONE, 8), middle(10), at(5_000));
        fresh.heard(place(ONE, 10), middle(10), at(5_000));
        assert_eq!(fresh.age_ms(at(6_000)), Some(5_000), "nor does a head that comes now speak for it");
        fresh.proved(place(ONE, 12));
        assert_eq!(fresh.age_ms(at(6_000)), Some(1_000));
    }

    #[test]
    fn a_head_with_the_same_proof_from_the_same_place_is_a_proof() {
        let mut fresh = Freshness::restored(None);
        fresh.heard(place(Epoch(2), 9), middle(9), at(1_000));
        assert_eq!(fresh.age_ms(at(1_000)), None);
        fresh.moved(place(Epoch(2), 9));
        assert_eq!(fresh.age_ms(at(1_500)), Some(500), "the same rows in another life of the log");
        fresh.heard(place(Epoch(2), 8), place(Epoch(2), 9), at(3_000));
        assert_eq!(fresh.age_ms(at(3_000)), Some(0), "a head that was overtaken on its way");
    }

    #[test]
    fn a_head_of_another_life_does_not_count() {
        let mut fresh = Freshness::default();
        fresh.heard(place(Epoch(2), 5), place(ONE, 9), at(1_000));
        assert_eq!(fresh.age_ms(at(1_000)), None);
        fresh.proved(place(Epoch(2), 5));
        assert_eq!(fresh.age_ms(at(1_500)), Some(500));
    }

    #[test]
    fn a_replica_that_differs_has_no_age_until_it_is_proven_again() {
        let mut fresh = Freshness::default();
        fresh.heard(place(ONE, 5), place(ONE, 5), at(1_000));
        fresh.distrust();
        assert_eq!((fresh.age_ms(at(1_000)), fresh.level_at()), (None, None), "nor after a restart");
        fresh.moved(place(ONE, 5));
        assert_eq!(fresh.age_ms(at(1_000)), None, "a head alone is no proof to one in doubt");
        fresh.proved(place(ONE, 5));
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
        fresh.heard(place(ONE, 9), place(ONE, 9), at(1_000));
        fresh.heard(place(ONE, 12), place(ONE, 9), at(3_000));
        fresh.replaced();
        fresh.proved(place(ONE, 5));
        assert_eq!(fresh.age_ms(at(4_000)), None, "a snapshot may be older than what it replaces");
        fresh.proved(place(ONE, 12));
        assert_eq!(fresh.age_ms(at(4_000)), Some(1_000));
    }

    #[test]
    fn heads_that_are_never_reached_take_no_memory() {
        let mut fresh = Freshness::default();
        for beat in 0..1_000 {
            fresh.heard(place(ONE, beat + 1), place(ONE, 0), at(beat * 2_000));
        }
        assert!(fresh.ahead.len() <= AHEAD_MAX);
        fresh.proved(place(ONE, 1_000));
        assert_eq!(fresh.age_ms(at(999 * 2_000)), Some(0));
    }
}
