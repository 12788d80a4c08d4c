//! The one place of this crate that asks the system for time and chance.
#![expect(clippy::disallowed_methods, reason = "this is where time and chance enter")]

use packline_protocol::time::{Moment, Now, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A wall clock before this is certainly wrong: 2026-01-01 UTC, in milliseconds.
const WALL_FLOOR_MS: i64 = 1_767_225_600_000;

/// Both clocks now. The wall clock is trusted once it is past the day this program was written for.
pub fn now() -> Now {
    let wall = wall();
    Now { moment: moment(), wall, wall_trusted: wall.0 >= WALL_FLOOR_MS }
}

/// The monotonic clock, in milliseconds since this process first asked.
pub fn moment() -> Moment {
    Moment(u64::try_from(start().elapsed().as_millis()).unwrap_or(u64::MAX))
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

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// The wall clock that a hub works by. Tests give it one that they move themselves.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system's.
    #[default]
    System,
    /// One that stands still until it is moved; milliseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at` until [`Clock::advance_ms`] moves it.
    pub fn standing_at(at: Timestamp) -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(at.0)))
    }

    /// The wall time.
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => wall(),
            Clock::Manual(at) => Timestamp(at.load(Ordering::Acquire)),
        }
    }

    /// Moves a manual clock forward; the system's clock is left alone.
    pub fn advance_ms(&self, ms: i64) {
        if let Clock::Manual(at) = self {
            at.fetch_add(ms, Ordering::AcqRel);
        }
    }
}
