//! How long to wait for a device that is away, and how to stop waiting.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

const SHORTEST_MS: u64 = 50;
const LONGEST_MS: u64 = 2000;

/// Waits that double from 50 ms to 2 s, each shortened by chance so that many ports do not try in step.
#[derive(Debug)]
pub(super) struct Backoff {
    base_ms: u64,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { base_ms: SHORTEST_MS }
    }

    /// The next wait: between half of the base and the base. `chance` is any random number.
    pub(super) fn next(&mut self, chance: u64) -> Duration {
        let base = self.base_ms;
        self.base_ms = (base * 2).min(LONGEST_MS);
        Duration::from_millis(base / 2 + chance % (base / 2 + 1))
    }

    /// The device works: begin with short waits again.
    pub(super) fn reset(&mut self) {
        self.base_ms = SHORTEST_MS;
    }
}

/// Tells the threads of a source to end.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    pub(super) fn set(&self) {
        let (stopped, bell) = &*self.0;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        bell.notify_all();
    }

    pub(super) fn is_set(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at most `at_most`, shorter when told to stop.
    pub(super) fn wait(&self, at_most: Duration) {
        let (stopped, bell) = &*self.0;
        let guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = bell.wait_timeout_while(guard, at_most, |stopped| !*stopped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_two_seconds_and_begin_short_again() {
        let longest: Vec<u64> = {
            let mut backoff = Backoff::new();
            (0..8).map(|_| backoff.next(u64::MAX / 2).as_millis() as u64).collect()
        };
        assert!(longest.windows(2).all(|pair| pair[0] <= pair[1] * 2), "{longest:?}");
        let mut backoff = Backoff::new();
        for chance in 0..5000 {
            let wait = backoff.next(chance).as_millis();
            assert!((25..=2000).contains(&wait), "{wait}");
        }
        assert!(backoff.next(0).as_millis() >= 1000);
        backoff.reset();
        assert!(backoff.next(u64::MAX).as_millis() <= 50);
    }

    #[test]
    fn a_stop_ends_a_long_wait() {
        let stop = Stop::default();
        let other = stop.clone();
        let waiter = std::thread::spawn(move || other.wait(Duration::from_secs(600)));
        stop.set();
        waiter.join().unwrap();
        assert!(stop.is_set());
    }
}
