//! Tells double reads and bursts from scans. No IO and no clock.
//!
//! A *double read* is the same code of the same scanner again within a window: a trigger held, two heads, a radio that
//! repeats. It is swallowed. After the window the same code is a question ("what did you say?") and passes.
//! A *burst* is three or more different codes faster than a hand can scan: a cordless scanner that comes back into
//! range sends what it stored. Each code passes, but marked, so that none of them is released unseen.
//! Deliberately absent: what a re-scan means for the parcel, which is the station's business.

use packline_protocol::id::ScannerId;
use packline_protocol::time::Moment;
use std::collections::{BTreeMap, VecDeque};

/// How many different codes of one scanner are remembered within the window.
pub const REMEMBERED_MAX: usize = 64;
/// From this many different codes on, fast reads are a burst.
pub const BURST_CODES: usize = 3;

/// How reads of one scanner are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebounceSettings {
    /// The same code within this many milliseconds of the read that passed is a double read; 0 turns this off.
    pub window_ms: u64,
    /// Different codes, each within this many milliseconds of the read before, can be a burst; 0 turns this off.
    pub burst_gap_ms: u64,
}

impl Default for DebounceSettings {
    fn default() -> Self {
        Self { window_ms: 1500, burst_gap_ms: 150 }
    }
}

/// What a read is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// A read to be judged.
    Pass {
        /// Set when the read belongs to a burst. The reads before the third could not be known to belong to it.
        burst: Option<Burst>,
    },
    /// The same code again, too soon to be meant.
    Double,
}

/// A run of reads faster than a hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// When its first read came: every frame of this scanner since then belongs to it.
    pub since: Moment,
    /// How many reads passed in it so far, this one included.
    pub reads: u32,
}

/// How many reads were what, over all scanners.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DebounceCounts {
    /// Reads that passed.
    pub passed: u64,
    /// Double reads swallowed.
    pub doubles: u64,
    /// Bursts seen.
    pub bursts: u64,
}

/// Tells double reads and bursts of all scanners of a station from scans.
#[derive(Debug, Default)]
pub struct Debounce {
    settings: BTreeMap<ScannerId, DebounceSettings>,
    scanners: BTreeMap<ScannerId, Recent>,
    counts: DebounceCounts,
}

/// The identity of a code. A hash, so that a scanner full of long codes costs no more than one of short ones.
type Key = blake3::Hash;

#[derive(Debug, Default)]
struct Recent {
    passed: VecDeque<(Key, Moment)>,
    run: Option<Run>,
}

/// Reads that follow each other closely.
#[derive(Debug)]
struct Run {
    since: Moment,
    last: Moment,
    reads: u32,
    /// The first different codes, at most [`BURST_CODES`].
    codes: Vec<Key>,
    is_burst: bool,
}

impl Debounce {
    /// Remembers nothing; scanners without settings of their own use the defaults.
    pub fn new(settings: impl IntoIterator<Item = (ScannerId, DebounceSettings)>) -> Self {
        Self { settings: settings.into_iter().collect(), ..Self::default() }
    }

    /// Decides on a frame `bytes` (AIM identifier included, where there is one) that `scanner` read at `at`.
    pub fn admit(&mut self, scanner: &ScannerId, bytes: &[u8], at: Moment) -> Admission {
        let settings = self.settings.get(scanner).copied().unwrap_or_default();
        let key = blake3::hash(bytes);
        if !self.scanners.contains_key(scanner) {
            self.scanners.insert(scanner.clone(), Recent::default());
        }
        let recent = self.scanners.get_mut(scanner).expect("inserted above");
        recent.follow(key, at, settings.burst_gap_ms);
        if recent.is_double(key, at, settings.window_ms) {
            self.counts.doubles += 1;
            return Admission::Double;
        }
        let burst = recent.pass();
        self.counts.passed += 1;
        self.counts.bursts += u64::from(burst.is_some_and(|(_, begins)| begins));
        Admission::Pass { burst: burst.map(|(burst, _)| burst) }
    }

    /// How many reads were what.
    pub fn counts(&self) -> DebounceCounts {
        self.counts
    }
}

impl Recent {
    /// Adds the read to the run it follows closely, or begins a new one.
    fn follow(&mut self, key: Key, at: Moment, gap_ms: u64) {
        if gap_ms == 0 {
            return;
        }
        if self.run.as_ref().is_none_or(|run| at.since_ms(run.last) >= gap_ms) {
            self.run =
                Some(Run { since: at, last: at, reads: 0, codes: Vec::with_capacity(BURST_CODES), is_burst: false });
        }
        let Some(run) = &mut self.run else { return };
        run.last = at;
        if run.codes.len() < BURST_CODES && !run.codes.contains(&key) {
            run.codes.push(key);
        }
    }

    /// Whether the code passed within the window; if not, it is remembered as passed now.
    fn is_double(&mut self, key: Key, at: Moment, window_ms: u64) -> bool {
        self.passed.retain(|(_, passed)| at.since_ms(*passed) < window_ms);
        if self.passed.iter().any(|(passed, _)| *passed == key) {
            return true;
        }
        if window_ms > 0 {
            if self.passed.len() == REMEMBERED_MAX {
                self.passed.pop_front();
            }
            self.passed.push_back((key, at));
        }
        false
    }

    /// Counts a read that passed; the burst it belongs to, and whether it is the one that makes it a burst.
    fn pass(&mut self) -> Option<(Burst, bool)> {
        let run = self.run.as_mut()?;
        run.reads += 1;
        let is_burst = run.codes.len() >= BURST_CODES;
        let begins = std::mem::replace(&mut run.is_burst, is_burst) != is_burst;
        is_burst.then_some((Burst { since: run.since, reads: run.reads }, begins))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scanner(name: &str) -> ScannerId {
        ScannerId::parse(name).unwrap()
    }

    /// Plays `scanner code @ms` lines and gives the decisions as words.
    fn play(settings: DebounceSettings, reads: &[(&str, &str, u64)]) -> Vec<String> {
        let scanners = ["left", "right"].map(|name| (scanner(name), settings));
        let mut debounce = Debounce::new(scanners);
        let word = |admission| match admission {
            Admission::Double => "double".to_owned(),
            Admission::Pass { burst: None } => "pass".to_owned(),
            Admission::Pass { burst: Some(burst) } => format!("burst {} since {}", burst.reads, burst.since.0),
        };
        reads
            .iter()
            .map(|(name, code, at)| word(debounce.admit(&scanner(name), code.as_bytes(), Moment(*at))))
            .collect()
    }

    #[track_caller]
    fn check(reads: &[(&str, &str, u64)], expected: &[&str]) {
        assert_eq!(play(DebounceSettings::default(), reads), expected);
    }

    #[test]
    fn the_same_code_within_the_window_is_a_double_read() {
        check(&[("left", "A", 0), ("left", "A", 400), ("left", "A", 1499)], &["pass", "double", "double"]);
    }

    #[test]
    fn the_same_code_after_the_window_is_a_question_and_passes() {
        check(&[("left", "A", 0), ("left", "A", 1500)], &["pass", "pass"]);
    }

    #[test]
    fn the_window_counts_from_the_read_that_passed() {
        check(
            &[("left", "A", 0), ("left", "A", 1400), ("left", "A", 1600), ("left", "A", 1700)],
            &["pass", "double", "pass", "double"],
        );
    }

    #[test]
    fn another_code_in_between_does_not_hide_a_double_read() {
        check(&[("left", "A", 0), ("left", "B", 500), ("left", "A", 1000)], &["pass", "pass", "double"]);
    }

    #[test]
    fn two_scanners_reading_the_same_code_are_two_reads() {
        check(&[("left", "A", 0), ("right", "A", 10)], &["pass", "pass"]);
    }

    #[test]
    fn the_same_digits_in_another_symbology_are_another_code() {
        check(&[("left", "]E04006381333931", 0), ("left", "]C04006381333931", 400)], &["pass", "pass"]);
    }

    #[test]
    fn three_different_codes_faster_than_a_hand_are_a_burst() {
        check(
            &[("left", "A", 0), ("left", "B", 100), ("left", "C", 200), ("left", "D", 349), ("left", "E", 499)],
            &["pass", "pass", "burst 3 since 0", "burst 4 since 0", "pass"],
        );
    }

    #[test]
    fn two_codes_of_one_label_are_no_burst() {
        check(
            &[("left", "A", 0), ("left", "B", 20), ("left", "A", 40), ("left", "B", 60)],
            &["pass", "pass", "double", "double"],
        );
    }

    #[test]
    fn a_burst_of_stored_scans_with_repetitions_is_still_a_burst() {
        check(
            &[("left", "A", 0), ("left", "A", 20), ("left", "B", 40), ("left", "B", 60), ("left", "C", 80)],
            &["pass", "double", "pass", "double", "burst 3 since 0"],
        );
    }

    #[test]
    fn two_scanners_working_side_by_side_are_no_burst() {
        check(&[("left", "A", 0), ("right", "B", 20), ("left", "C", 40), ("right", "D", 60)], &["pass"; 4]);
    }

    #[test]
    fn both_can_be_turned_off() {
        let off = DebounceSettings { window_ms: 0, burst_gap_ms: 0 };
        assert_eq!(play(off, &[("left", "A", 0), ("left", "A", 0), ("left", "B", 1), ("left", "C", 2)]), ["pass"; 4]);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_swallows_nothing_new() {
        check(&[("left", "A", 1000), ("left", "B", 1000), ("left", "A", 900)], &["pass", "pass", "double"]);
    }

    #[test]
    fn a_scanner_gone_wild_is_remembered_only_so_far() {
        let mut debounce = Debounce::default();
        for n in 0..10_000u32 {
            debounce.admit(&scanner("left"), &n.to_be_bytes(), Moment(1));
        }
        let recent = &debounce.scanners[&scanner("left")];
        assert_eq!(recent.passed.len(), REMEMBERED_MAX);
        assert_eq!(recent.run.as_ref().unwrap().codes.len(), BURST_CODES);
        assert_eq!(debounce.counts(), DebounceCounts { passed: 10_000, doubles: 0, bursts: 1 });
    }

    proptest! {
        /// A plain list of what passed says the same, for reads at any moments.
        #[test]
        fn a_read_is_double_exactly_when_its_code_passed_within_the_window(
            reads in prop::collection::vec((0u64..400, 0u8..4, prop::bool::ANY), 0..60),
        ) {
            let settings = DebounceSettings { window_ms: 500, burst_gap_ms: 100 };
            let mut debounce = Debounce::new(["left", "right"].map(|name| (scanner(name), settings)));
            let mut passed: Vec<(bool, u8, u64)> = Vec::new();
            let mut now = 0;
            for (wait, code, right) in reads {
                now += wait;
                let name = if right { "right" } else { "left" };
                let double = passed.iter().any(|(r, c, at)| (*r, *c) == (right, code) && now - at < 500);
                let admission = debounce.admit(&scanner(name), &[code], Moment(now));
                prop_assert_eq!(admission == Admission::Double, double);
                if !double {
                    passed.push((right, code, now));
                }
            }
        }
    }
}
