//! Deltas between the network and the replica: those that follow on, ready to apply, and those after a gap.
//!
//! A change at or below the position is already in the replica, since each delta and each part of a range carries
//! every row that changed in its span and did not change again later. So a delta that overlaps is trimmed, not refused.

use packline_protocol::downlink::Delta;
use packline_protocol::id::{Epoch, Seq};
use std::collections::{BTreeMap, VecDeque};

/// The most deltas kept beyond a gap.
const LATER_MAX: usize = 64;
/// The most bytes kept beyond a gap; a range brings again what is dropped.
const LATER_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Above this many bytes ready to apply the session wants no more messages for now.
const READY_BYTES_ENOUGH: usize = 4 * 1024 * 1024;
/// The most rows and bytes applied in one transaction.
const GROUP_ROWS_MAX: usize = 20_000;
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What a row takes in memory beside its body, about.
const ROW_OVERHEAD: usize = 64;

/// What became of a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing new in it.
    Known,
    /// It follows on, and perhaps some kept ones with it.
    Ready,
    /// Something is missing before it; it is kept as long as there is room.
    Gap,
}

/// Deltas of one life of the log.
#[derive(Debug, Default)]
pub(super) struct Queue {
    epoch: Epoch,
    reach: Seq,
    ready: VecDeque<Delta>,
    ready_bytes: usize,
    later: BTreeMap<(Epoch, Seq), Delta>,
    later_bytes: usize,
    held: bool,
}

impl Queue {
    /// The life of the log that the queue follows; 0 while the replica is empty and no head was heard.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The position that the replica has once everything ready is applied.
    pub(super) fn reach(&self) -> Seq {
        self.reach
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether deltas wait behind a gap.
    pub(super) fn has_gap(&self) -> bool {
        self.later.range((self.epoch, Seq(0))..=(self.epoch, Seq(u64::MAX))).next().is_some()
    }

    /// Whether enough waits that reading more from the network would only fill memory.
    pub(super) fn is_full(&self) -> bool {
        self.ready_bytes >= READY_BYTES_ENOUGH
    }

    /// Nothing is applied for now: what comes is kept within bounds, or let go.
    pub(super) fn hold(&mut self, at: Seq) {
        self.held = true;
        self.restart(self.epoch, at);
    }

    /// What was kept may be applied again.
    pub(super) fn release(&mut self, epoch: Epoch, at: Seq) {
        self.held = false;
        self.restart(epoch, at);
    }

    /// Follows life `epoch` from `at`; what was ready counts as not yet reached, another life's deltas go.
    pub(super) fn restart(&mut self, epoch: Epoch, at: Seq) {
        let ready = std::mem::take(&mut self.ready);
        self.ready_bytes = 0;
        (self.epoch, self.reach) = (epoch, at);
        ready.into_iter().for_each(|delta| self.keep(delta));
        self.later.retain(|(life, _), _| *life == epoch);
        self.later_bytes = self.later.values().map(weight).sum();
        self.absorb();
    }

    /// Forgets everything ready: it is of a log that is over. What comes is kept for the log that follows.
    pub(super) fn stop(&mut self, epoch: Epoch, at: Seq) {
        self.ready.clear();
        (self.ready_bytes, self.held) = (0, false);
        (self.epoch, self.reach) = (epoch, at);
    }

    /// Takes in a delta; one of another life than the queue follows is kept in case the replica goes over to it.
    pub(super) fn offer(&mut self, delta: Delta) -> Place {
        if delta.epoch != self.epoch {
            self.keep(delta);
            return Place::Gap;
        }
        if delta.to <= self.reach {
            return Place::Known;
        }
        if delta.prev > self.reach || self.held {
            self.keep(delta);
            return Place::Gap;
        }
        self.append(delta);
        self.absorb();
        Place::Ready
    }

    /// The next deltas to apply in one transaction; empty when nothing is ready.
    pub(super) fn take_group(&mut self) -> Vec<Delta> {
        let (mut group, mut rows, mut bytes) = (Vec::new(), 0, 0);
        while let Some(delta) = self.ready.front() {
            rows += delta.changes.len();
            bytes += weight(delta);
            if !group.is_empty() && (rows > GROUP_ROWS_MAX || bytes > GROUP_BYTES_MAX) {
                break;
            }
            let delta = self.ready.pop_front().expect("the front was just looked at");
            self.ready_bytes -= weight(&delta);
            group.push(delta);
        }
        group
    }

    fn append(&mut self, mut delta: Delta) {
        if delta.prev < self.reach {
            delta.changes.retain(|change| change.seq > self.reach);
            delta.prev = self.reach;
        }
        self.reach = delta.to;
        self.ready_bytes += weight(&delta);
        self.ready.push_back(delta);
    }

    fn absorb(&mut self) {
        if self.held {
            return;
        }
        let next = |queue: &Queue| {
            let joined = (queue.epoch, Seq(0))..=(queue.epoch, queue.reach);
            queue.later.range(joined).next().map(|(key, _)| *key)
        };
        while let Some(delta) = next(self).and_then(|key| self.later.remove(&key)) {
            self.later_bytes -= weight(&delta);
            if delta.to > self.reach {
                self.append(delta);
            }
        }
    }

    /// Keeps a delta beyond the gap. The oldest goes first: the range that will be asked for covers it anyway.
    fn keep(&mut self, delta: Delta) {
        let key = (delta.epoch, delta.prev);
        if self.later.get(&key).is_some_and(|kept| kept.to >= delta.to) {
            return;
        }
        self.later_bytes += weight(&delta);
        if let Some(shorter) = self.later.insert(key, delta) {
            self.later_bytes -= weight(&shorter);
        }
        while self.later.len() > LATER_MAX || self.later_bytes > LATER_BYTES_MAX {
            let Some((_, oldest)) = self.later.pop_first() else { return };
            self.later_bytes -= weight(&oldest);
        }
    }
}

fn weight(delta: &Delta) -> usize {
    let rows = delta.changes.iter();
    rows.map(|change| ROW_OVERHEAD + change.body.as_ref().map_or(0, Vec::len)).sum::<usize>() + ROW_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::change::{Change, RowId};

    fn delta(epoch: u64, prev: u64, to: u64) -> Delta {
        let changes = (prev + 1..=to).map(|seq| Change { row: RowId(seq), seq: Seq(seq), body: None }).collect();
        Delta { epoch: Epoch(epoch), prev: Seq(prev), to: Seq(to), root: None, changes }
    }

    fn spans(group: &[Delta]) -> Vec<(u64, u64, usize)> {
        group.iter().map(|delta| (delta.prev.0, delta.to.0, delta.changes.len())).collect()
    }

    #[track_caller]
    fn check(at: u64, offers: &[(u64, u64)], expected: &[(u64, u64, usize)], gap: bool) {
        let mut queue = Queue::default();
        queue.restart(Epoch(1), Seq(at));
        for (prev, to) in offers {
            queue.offer(delta(1, *prev, *to));
        }
        assert_eq!(queue.has_gap(), gap, "{offers:?}");
        assert_eq!(spans(&queue.take_group()), expected, "{offers:?}");
    }

    #[test]
    fn deltas_leave_in_an_unbroken_row_whatever_order_they_came_in() {
        check(10, &[(10, 11), (11, 15)], &[(10, 11, 1), (11, 15, 4)], false);
        check(10, &[(11, 15), (10, 11)], &[(10, 11, 1), (11, 15, 4)], false);
        check(10, &[(10, 11), (10, 11), (3, 9)], &[(10, 11, 1)], false);
        check(10, &[(12, 13)], &[], true);
        check(10, &[(5, 12)], &[(10, 12, 2)], false);
        check(10, &[(12, 14), (14, 16), (10, 13)], &[(10, 13, 3), (13, 14, 1), (14, 16, 2)], false);
        check(10, &[(11, 12), (5, 20)], &[(10, 20, 10)], false);
    }

    #[test]
    fn a_flood_beyond_a_gap_keeps_the_newest_only() {
        let mut queue = Queue::default();
        queue.restart(Epoch(1), Seq(0));
        (1..1_000).for_each(|at| assert_eq!(queue.offer(delta(1, at, at + 1)), Place::Gap));
        queue.offer(delta(1, 0, 1_000 - LATER_MAX as u64));
        assert_eq!(queue.reach(), Seq(1_000));
        assert_eq!((queue.later.len(), queue.later_bytes), (0, 0));
    }

    #[test]
    fn big_deltas_go_in_several_transactions_and_a_single_one_always_goes() {
        let mut queue = Queue::default();
        queue.restart(Epoch(1), Seq(0));
        queue.offer(delta(1, 0, 30_000));
        queue.offer(delta(1, 30_000, 30_001));
        assert_eq!(spans(&queue.take_group()), [(0, 30_000, 30_000)]);
        assert_eq!(spans(&queue.take_group()), [(30_000, 30_001, 1)]);
        assert!(queue.take_group().is_empty());
        assert_eq!(queue.ready_bytes, 0);
    }

    #[test]
    fn a_new_life_drops_the_old_ones_deltas_and_keeps_its_own() {
        let mut queue = Queue::default();
        queue.restart(Epoch(1), Seq(0));
        queue.offer(delta(1, 0, 5));
        queue.offer(delta(2, 7, 9));
        queue.restart(Epoch(2), Seq(7));
        assert_eq!(spans(&queue.take_group()), [(7, 9, 2)]);
        assert!(!queue.has_gap());
    }

    #[test]
    fn a_held_queue_gives_nothing_and_has_room_for_more() {
        let mut queue = Queue::default();
        queue.restart(Epoch(1), Seq(4));
        queue.offer(delta(1, 4, 6));
        queue.hold(Seq(4));
        assert_eq!(queue.offer(delta(1, 6, 9)), Place::Gap);
        assert!(queue.take_group().is_empty() && !queue.is_full());
        queue.release(Epoch(1), Seq(5));
        assert_eq!(spans(&queue.take_group()), [(5, 6, 1), (6, 9, 3)]);
    }

    #[test]
    fn what_was_ready_is_still_there_after_going_back() {
        let mut queue = Queue::default();
        queue.restart(Epoch(1), Seq(4));
        queue.offer(delta(1, 4, 6));
        queue.restart(Epoch(1), Seq(2));
        assert_eq!((queue.reach(), queue.has_gap()), (Seq(2), true));
        queue.offer(delta(1, 2, 4));
        assert_eq!(queue.reach(), Seq(6));
    }
}
