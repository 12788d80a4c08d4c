//! When to ask the hub for the changes that are missing.
//!
//! A lost broadcast makes every station of a site miss the same changes at once, so each waits a random while before
//! it asks. A station that has just connected asks at once: its moment is random already.

use super::dice::Dice;
use packline_protocol::downlink::RANGE_DELTAS_MAX;
use packline_protocol::time::Moment;

/// How long the head may be ahead before that means a lost delta.
const AHEAD_MS: u64 = 1_000;
/// The longest random wait before asking.
const JITTER_MS: u64 = 2_000;
/// The shortest time between two requests.
const REST_MS: u64 = 1_000;
/// How long an answer, or the next part of it, may take.
const ANSWER_WAIT_MS: u64 = 5_000;
const BACKOFF_MAX_MS: u64 = 60_000;

/// Why changes are known to be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The head is ahead; its delta may still be on the way.
    Ahead,
    /// A delta came that does not follow on.
    Gap,
    /// The connection is new.
    Arrival,
}

/// The asking for missing changes.
#[derive(Debug, Default)]
pub(super) struct Range {
    plan: Option<Plan>,
    deadline: Option<Moment>,
    asked: Option<Moment>,
    failures: u32,
    /// Unproven deltas since the last request: that many make a full stage, and the next is asked for.
    parts: usize,
}

#[derive(Debug, Clone, Copy)]
struct Plan {
    cause: Cause,
    due: Moment,
}

impl Range {
    pub(super) fn timer(&self) -> Option<Moment> {
        self.plan.map(|plan| plan.due).or(self.deadline)
    }

    /// Nothing is missing.
    pub(super) fn satisfied(&mut self) {
        (self.plan, self.deadline, self.failures, self.parts) = (None, None, 0, 0);
    }

    /// The connection is gone, and with it the answer.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Part of an answer came. A long answer comes in stages of unproven deltas; the next stage is asked for at once.
    pub(super) fn progress(&mut self, proven: bool, now: Moment) {
        if self.deadline.is_none() {
            return;
        }
        self.failures = 0;
        self.parts += usize::from(!proven);
        if self.parts < RANGE_DELTAS_MAX {
            self.deadline = Some(now.plus_ms(ANSWER_WAIT_MS));
        } else {
            (self.deadline, self.parts) = (None, 0);
            self.plan = Some(Plan { cause: Cause::Arrival, due: now });
        }
    }

    /// Changes are missing: they are asked for some time soon, unless they were already.
    pub(super) fn missing(&mut self, cause: Cause, now: Moment, dice: &mut Dice) {
        if self.deadline.is_some() || self.plan.is_some_and(|plan| plan.cause >= cause) {
            return;
        }
        let wait_ms = match cause {
            Cause::Arrival => 0,
            Cause::Gap => dice.below(JITTER_MS),
            Cause::Ahead => AHEAD_MS + dice.below(JITTER_MS),
        };
        let rested = self.asked.map_or(now, |asked| asked.plus_ms(REST_MS));
        self.plan = Some(Plan { cause, due: now.plus_ms(wait_ms).max(rested) });
    }

    /// Not before this moment, whatever was planned.
    pub(super) fn hold(&mut self, until: Moment) {
        self.plan = self.plan.map(|plan| Plan { due: plan.due.max(until), ..plan });
        self.deadline = self.deadline.map(|deadline| deadline.max(until));
    }

    /// Whether to ask now.
    pub(super) fn is_due(&mut self, now: Moment, dice: &mut Dice) -> bool {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            self.failures += 1;
            let pause = dice.backoff_ms(JITTER_MS / 2, self.failures, BACKOFF_MAX_MS);
            self.plan = Some(Plan { cause: Cause::Arrival, due: now.plus_ms(pause) });
        }
        let due = self.plan.is_some_and(|plan| plan.due <= now);
        if due {
            (self.plan, self.asked, self.parts) = (None, Some(now), 0);
            self.deadline = Some(now.plus_ms(ANSWER_WAIT_MS));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask_at(range: &mut Range, dice: &mut Dice, from_ms: u64) -> u64 {
        (from_ms..from_ms + 200_000).find(|ms| range.is_due(Moment(*ms), dice)).unwrap()
    }

    #[test]
    fn a_new_connection_asks_at_once_and_a_gap_after_a_random_while() {
        let mut waits = Vec::new();
        for seed in 0..20 {
            let mut dice = Dice::new(seed);
            let (mut arrival, mut gap, mut ahead) = (Range::default(), Range::default(), Range::default());
            arrival.missing(Cause::Arrival, Moment(50), &mut dice);
            gap.missing(Cause::Gap, Moment(50), &mut dice);
            ahead.missing(Cause::Ahead, Moment(50), &mut dice);
            assert_eq!(ask_at(&mut arrival, &mut dice, 50), 50);
            let wait = ask_at(&mut gap, &mut dice, 50) - 50;
            assert!(wait < JITTER_MS);
            assert!((AHEAD_MS..AHEAD_MS + JITTER_MS).contains(&(ask_at(&mut ahead, &mut dice, 50) - 50)));
            waits.push(wait);
        }
        waits.sort_unstable();
        waits.dedup();
        assert!(waits.len() > 10, "stations must not ask together: {waits:?}");
    }

    #[test]
    fn an_answer_in_parts_is_waited_for_and_a_missing_one_is_asked_again_ever_more_slowly() {
        let (mut range, mut dice) = (Range::default(), Dice::new(1));
        range.missing(Cause::Arrival, Moment(0), &mut dice);
        assert!(range.is_due(Moment(0), &mut dice));
        for part in 1..20 {
            range.progress(part > 3, Moment(part * 4_000));
            assert!(!range.is_due(Moment(part * 4_000), &mut dice));
        }
        let (mut at, mut pauses) = (76_000, Vec::new());
        for _ in 0..8 {
            let next = ask_at(&mut range, &mut dice, at + 1);
            pauses.push(next - at);
            at = next;
        }
        assert!(pauses[0] < 10_000 && pauses[7] > 30_000 && pauses[7] <= 65_000, "{pauses:?}");
    }

    #[test]
    fn a_full_stage_of_a_long_answer_asks_for_the_next_at_once() {
        let (mut range, mut dice) = (Range::default(), Dice::new(1));
        range.missing(Cause::Arrival, Moment(0), &mut dice);
        for stage in 0..3 {
            assert!(range.is_due(Moment(stage), &mut dice));
            for part in 1..=RANGE_DELTAS_MAX {
                assert!(!range.is_due(Moment(stage), &mut dice), "part {part}");
                range.progress(false, Moment(stage));
            }
        }
    }

    #[test]
    fn requests_keep_a_distance_and_wait_when_the_hub_is_busy() {
        let (mut range, mut dice) = (Range::default(), Dice::new(1));
        range.missing(Cause::Arrival, Moment(0), &mut dice);
        assert!(range.is_due(Moment(0), &mut dice));
        range.satisfied();
        range.missing(Cause::Arrival, Moment(10), &mut dice);
        range.hold(Moment(7_000));
        assert_eq!(ask_at(&mut range, &mut dice, 10), 7_000);
        range.satisfied();
        range.missing(Cause::Arrival, Moment(7_100), &mut dice);
        assert_eq!(ask_at(&mut range, &mut dice, 7_100), 8_000);
        range.forget();
        assert_eq!(range.timer(), None);
    }
}
