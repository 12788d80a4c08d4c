//! When to try next, when to stop trying, and how much a target can take now. Pure: time and chance are arguments.

use super::model::{EffectState, Outcome, TargetKind, TargetState};
use packline_protocol::time::Timestamp;

/// How a kind of target is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The pause after the first failure, in milliseconds.
    pub first_ms: i64,
    /// The longest pause.
    pub pause_max_ms: i64,
    /// After so long since it was wanted, it is given up.
    pub age_max_ms: i64,
    /// The distance of tries in the long run; 0 is as fast as they come.
    pub pace_ms: i64,
    /// So many may go at once after a rest.
    pub burst: i64,
    /// So many may be on their way at once.
    pub abreast: usize,
}

/// Each pause is so many times the one before.
const GROWTH: i64 = 3;
/// Pauses are spread by up to so many percent to either side, so that what failed together is not tried together.
const SPREAD_PERCENT: i64 = 20;
/// After so many failures in a row, a target is only probed.
pub const FAILURES_MAX: u32 = 5;
/// The first pause between probes, and the longest.
const PROBE_MS: i64 = 30_000;
const PROBE_MAX_MS: i64 = 10 * MINUTE;
/// The longest that a target may ask to be left alone.
const SLOW_MAX_MS: i64 = HOUR;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// How this kind of target is treated.
pub fn terms(kind: TargetKind) -> Terms {
    match kind {
        // 20 messages in any minute: 15 in the long run, and 5 on top after a rest.
        TargetKind::Robot => Terms {
            first_ms: 5_000,
            pause_max_ms: 10 * MINUTE,
            age_max_ms: 6 * HOUR,
            pace_ms: 4_000,
            burst: 5,
            abreast: 1,
        },
        TargetKind::Mail => Terms {
            first_ms: 10_000,
            pause_max_ms: 30 * MINUTE,
            age_max_ms: 24 * HOUR,
            pace_ms: 500,
            burst: 20,
            abreast: 2,
        },
        TargetKind::Webhook => {
            Terms { first_ms: 5_000, pause_max_ms: 4 * HOUR, age_max_ms: 72 * HOUR, pace_ms: 0, burst: 0, abreast: 8 }
        }
    }
}

/// How many effects may go to a target now, `running` being on their way.
pub fn room(state: &TargetState, terms: &Terms, running: usize, now: Timestamp) -> usize {
    if now < state.held_until {
        return 0;
    }
    if state.failures >= FAILURES_MAX {
        return usize::from(running == 0);
    }
    terms.abreast.saturating_sub(running).min(paced(state, terms, now))
}

fn paced(state: &TargetState, terms: &Terms, now: Timestamp) -> usize {
    if terms.pace_ms == 0 {
        return usize::MAX;
    }
    let paid = state.paced_until.0.max(now.0);
    let left = now.0.saturating_add(terms.burst * terms.pace_ms).saturating_sub(paid) / terms.pace_ms;
    usize::try_from(left).unwrap_or(0)
}

/// The target after `count` effects were handed out at `now`.
pub fn handed_out(state: &TargetState, terms: &Terms, count: usize, now: Timestamp) -> TargetState {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let paid = state.paced_until.0.max(now.0).saturating_add(count.saturating_mul(terms.pace_ms));
    let paced_until = if terms.pace_ms == 0 { state.paced_until } else { Timestamp(paid) };
    TargetState { paced_until, ..*state }
}

/// The target after a try.
pub fn target_after(state: &TargetState, outcome: &Outcome, now: Timestamp, dice: u64) -> TargetState {
    match outcome {
        Outcome::Done => TargetState { failures: 0, held_until: Timestamp(0), ..*state },
        Outcome::Failed { .. } => {
            let failures = state.failures.saturating_add(1);
            let rounds = failures.checked_sub(FAILURES_MAX);
            let pause = rounds.map_or(0, |rounds| spread(grown(PROBE_MS, rounds, 2, PROBE_MAX_MS), dice));
            let held_until = if pause > 0 { now.plus_ms(pause) } else { state.held_until };
            TargetState { failures, held_until, ..*state }
        }
        Outcome::Slow { wait_ms, .. } => {
            TargetState { held_until: now.plus_ms((*wait_ms).clamp(0, SLOW_MAX_MS)), ..*state }
        }
        // It was this effect's fault, and the target answered.
        Outcome::Refused { .. } => TargetState { failures: 0, ..*state },
        Outcome::Dropped { .. } => *state,
    }
}

/// What becomes of an effect after its try number `tries`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It is over.
    Over(EffectState),
    /// It is tried again then.
    Again(Timestamp),
}

/// What becomes of an effect that was wanted at `wanted_at`, after its try number `tries`, from 1.
pub fn after(terms: &Terms, outcome: &Outcome, tries: u32, wanted_at: Timestamp, now: Timestamp, dice: u64) -> After {
    let pause = match outcome {
        Outcome::Done => return After::Over(EffectState::Done),
        Outcome::Refused { .. } => return After::Over(EffectState::GivenUp),
        Outcome::Dropped { .. } => return After::Over(EffectState::Skipped),
        Outcome::Failed { .. } => {
            spread(grown(terms.first_ms, tries.saturating_sub(1), GROWTH, terms.pause_max_ms), dice)
        }
        Outcome::Slow { wait_ms, .. } => (*wait_ms).clamp(terms.first_ms, SLOW_MAX_MS),
    };
    let next = now.plus_ms(pause);
    let is_too_old = next.since_ms(wanted_at) > terms.age_max_ms;
    if is_too_old { After::Over(EffectState::GivenUp) } else { After::Again(next) }
}

fn grown(first: i64, rounds: u32, growth: i64, max: i64) -> i64 {
    let factor = growth.saturating_pow(rounds.min(30));
    first.saturating_mul(factor).min(max)
}

/// `ms`, up to [`SPREAD_PERCENT`] shorter or longer.
fn spread(ms: i64, dice: u64) -> i64 {
    let width = ms * SPREAD_PERCENT / 100;
    let span = u64::try_from(2 * width + 1).unwrap_or(1);
    ms - width + i64::try_from(dice % span).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const FRESH: TargetState = TargetState { failures: 0, held_until: Timestamp(0), paced_until: Timestamp(0) };

    fn failed() -> Outcome {
        Outcome::Failed { problem: "status 500".into() }
    }

    #[test]
    fn pauses_grow_from_seconds_to_hours_and_then_it_is_given_up() {
        let terms = terms(TargetKind::Webhook);
        let mut now = NOW;
        let mut pauses = Vec::new();
        for tries in 1.. {
            // The middle of the spread.
            let dice = u64::try_from(grown(terms.first_ms, tries - 1, GROWTH, terms.pause_max_ms) / 5).unwrap();
            match after(&terms, &failed(), tries, NOW, now, dice) {
                After::Again(next) => {
                    pauses.push(next.since_ms(now) / 1_000);
                    now = next;
                }
                After::Over(state) => {
                    assert_eq!(state, EffectState::GivenUp);
                    break;
                }
            }
        }
        assert_eq!(pauses[..9], [5, 15, 45, 135, 405, 1_215, 3_645, 10_935, 14_400]);
        assert!(pauses[9..].iter().all(|pause| *pause == 14_400), "{pauses:?}");
        assert!((20..30).contains(&pauses.len()), "{} tries in three days", pauses.len());
    }

    #[track_caller]
    fn check_after(outcome: &Outcome, tries: u32, age_ms: i64, expected: &str) {
        let terms = terms(TargetKind::Robot);
        let found = match after(&terms, outcome, tries, NOW.plus_ms(-age_ms), NOW, 0) {
            After::Over(state) => state.word().to_owned(),
            After::Again(next) => format!("again in {} ms", next.since_ms(NOW)),
        };
        assert_eq!(found, expected, "{outcome:?} {tries} {age_ms}");
    }

    #[test]
    fn what_came_of_a_try_decides_what_is_next() {
        let slow = |wait_ms| Outcome::Slow { problem: "429".into(), wait_ms };
        check_after(&Outcome::Done, 1, 0, "done");
        check_after(&Outcome::Refused { problem: "bad".into() }, 1, 0, "given_up");
        check_after(&Outcome::Dropped { problem: "gone".into() }, 1, 0, "skipped");
        check_after(&failed(), 1, 0, "again in 4000 ms");
        check_after(&failed(), 2, 0, "again in 12000 ms");
        check_after(&failed(), 3, 6 * HOUR, "given_up");
        check_after(&slow(60_000), 9, 0, "again in 60000 ms");
        check_after(&slow(0), 9, 0, "again in 5000 ms");
        check_after(&slow(i64::MAX), 9, 0, "again in 3600000 ms");
    }

    #[test]
    fn a_target_that_keeps_failing_is_only_probed_and_one_success_opens_it() {
        let terms = terms(TargetKind::Webhook);
        let mut state = FRESH;
        for _ in 1..FAILURES_MAX {
            state = target_after(&state, &failed(), NOW, 0);
            assert_eq!(room(&state, &terms, 0, NOW), 8);
        }
        state = target_after(&state, &failed(), NOW, 0);
        assert_eq!(room(&state, &terms, 0, NOW), 0);
        assert_eq!(room(&state, &terms, 0, NOW.plus_ms(PROBE_MS)), 1, "a probe");
        assert_eq!(room(&state, &terms, 1, NOW.plus_ms(PROBE_MS)), 0, "one probe at a time");
        for _ in 0..20 {
            state = target_after(&state, &failed(), NOW, 0);
        }
        assert_eq!(room(&state, &terms, 0, NOW.plus_ms(PROBE_MAX_MS)), 1, "probes never stop");
        state = target_after(&state, &Outcome::Done, NOW, 0);
        assert_eq!(room(&state, &terms, 0, NOW), 8);
    }

    #[test]
    fn a_target_that_asks_for_a_pause_gets_it_and_no_blame() {
        let slow = Outcome::Slow { problem: "429".into(), wait_ms: 9_000 };
        let state = target_after(&FRESH, &slow, NOW, 0);
        assert_eq!(state.failures, 0);
        assert_eq!(room(&state, &terms(TargetKind::Robot), 0, NOW.plus_ms(8_999)), 0);
        assert_eq!(room(&state, &terms(TargetKind::Robot), 0, NOW.plus_ms(9_000)), 1);
    }

    proptest! {
        #[test]
        fn a_robot_never_gets_more_than_twenty_messages_in_any_minute(steps in prop::collection::vec(0i64..20_000, 1..400)) {
            let terms = terms(TargetKind::Robot);
            let (mut state, mut now, mut sent) = (FRESH, NOW, Vec::new());
            for step in steps {
                now = now.plus_ms(step);
                if room(&state, &terms, 0, now) > 0 {
                    state = handed_out(&state, &terms, 1, now);
                    sent.push(now);
                }
            }
            for (place, first) in sent.iter().enumerate() {
                let within = sent[place..].iter().filter(|at| at.since_ms(*first) < MINUTE).count();
                prop_assert!(within <= 20, "{within} within a minute");
            }
        }

        #[test]
        fn pauses_stay_within_their_spread(tries in 1u32..100, dice in any::<u64>()) {
            let terms = terms(TargetKind::Webhook);
            let After::Again(next) = after(&terms, &failed(), tries, NOW, NOW, dice) else { return Ok(()) };
            let middle = grown(terms.first_ms, tries - 1, GROWTH, terms.pause_max_ms);
            let pause = next.since_ms(NOW);
            prop_assert!(pause >= middle - middle / 5 && pause <= middle + middle / 5, "{pause} around {middle}");
        }
    }
}
