//! The one place of this crate that asks the system for time and chance.
#![expect(clippy::disallowed_methods, reason = "this is where time and chance enter")]

use packline_protocol::time::{Moment, Now, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Not after this program was built: what its packages are told as `SOURCE_DATE_EPOCH`, else 2026-01-01 UTC. A wall clock
/// before it is certainly wrong.
pub const BUILT: Timestamp = built(option_env!("SOURCE_DATE_EPOCH"));
const BUILT_FLOOR_MS: i64 = 1_767_225_600_000;

const fn built(seconds: Option<&str>) -> Timestamp {
    let Some(seconds) = seconds else { return Timestamp(BUILT_FLOOR_MS) };
    match i64::from_str_radix(seconds, 10) {
        Ok(seconds) if seconds > BUILT_FLOOR_MS / 1_000 && seconds < i64::MAX / 1_000 => Timestamp(seconds * 1_000),
        _ => Timestamp(BUILT_FLOOR_MS),
    }
}

/// systemd-timesyncd makes this file when it has set the clock since boot; `/run` is empty after a boot.
const SET_SINCE_BOOT: &str = "/run/systemd/timesync/synchronized";
/// Between two looks for that file, in milliseconds.
const LOOK_MS: u64 = 1_000;
/// How far the wall clock may be from the hub's and still count as the same, in milliseconds.
const AGREES_MS: u64 = 60_000;

/// Whether something has set the wall clock, or confirmed it, in this process's life.
static CONFIRMED: AtomicBool = AtomicBool::new(false);

/// Both clocks now. The wall clock is trusted once the network has set it since boot, or the hub's agreed with it: a
/// board without a battery starts at the time it was switched off, and that must not make old data look fresh.
pub fn now() -> Now {
    let (moment, wall) = (moment(), wall());
    Now { moment, wall, wall_trusted: wall >= BUILT && is_confirmed(moment) }
}

/// The hub has just said what time it is.
pub fn compare(hub: Timestamp) {
    if wall().0.abs_diff(hub.0) <= AGREES_MS {
        CONFIRMED.store(true, Ordering::Relaxed);
    }
}

/// Looks for the file at most once a second: every scan asks for the time.
fn is_confirmed(now: Moment) -> bool {
    static NEXT_LOOK: AtomicU64 = AtomicU64::new(0);
    if !CONFIRMED.load(Ordering::Relaxed) && now.0 >= NEXT_LOOK.load(Ordering::Relaxed) {
        NEXT_LOOK.store(now.plus_ms(LOOK_MS).0, Ordering::Relaxed);
        CONFIRMED.fetch_or(Path::new(SET_SINCE_BOOT).exists(), Ordering::Relaxed);
    }
    CONFIRMED.load(Ordering::Relaxed)
}

/// The clock that never jumps, in milliseconds since this process first asked. It counts the time that the machine was
/// suspended too: what was level with the hub in the evening is a night old when the lid opens.
pub fn moment() -> Moment {
    static START: OnceLock<Duration> = OnceLock::new();
    let since_boot = since_boot();
    let since_start = since_boot.saturating_sub(*START.get_or_init(|| since_boot));
    Moment(u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX))
}

/// Time since the machine started, suspended or not.
fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// The wall clock; 1970 when the system clock stands before it.
pub fn wall() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// A monotonic reading with full precision, for measuring durations.
pub fn instant() -> Instant {
    Instant::now()
}

/// A random number from the system's generator.
pub fn random_u64() -> u64 {
    getrandom::u64().expect("the system's random generator works")
}

/// Fills `bytes` from the system's random generator.
pub fn random_bytes(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system's random generator works");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_by_the_clock_that_counts_suspended_time() {
        let uptime = || {
            // The kernel counts suspended time in here, too.
            let text = std::fs::read_to_string("/proc/uptime").unwrap();
            Duration::from_secs_f64(text.split_whitespace().next().unwrap().parse().unwrap())
        };
        let rounding = Duration::from_millis(10);
        let (before, between, after) = (uptime(), since_boot(), uptime());
        assert!(before <= between + rounding && between <= after + rounding, "{before:?} {between:?} {after:?}");
        let (first, then) = (moment(), moment());
        assert!(first <= then);
    }

    #[test]
    fn the_time_of_building_is_what_the_package_was_told_or_a_floor() {
        let floor = Timestamp(BUILT_FLOOR_MS);
        assert_eq!(built(Some("1800000000")), Timestamp(1_800_000_000_000));
        for told in [None, Some(""), Some("soon"), Some("0"), Some("9223372036854775807")] {
            assert_eq!(built(told), floor, "{told:?}");
        }
    }
}
