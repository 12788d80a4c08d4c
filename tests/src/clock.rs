//! Waiting for real programs: on conditions, with a deadline. The one place of this crate that asks for the time.
#![expect(clippy::disallowed_methods, reason = "this is where time enters")]

use anyhow::{Result, bail};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long anything in a story may take before it counts as broken: generous, because machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A reading for measuring durations.
pub fn instant() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970.
pub fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A seed for whoever gave none.
pub fn random_seed() -> u64 {
    u64::try_from(wall_ms()).unwrap_or_default() % 1_000_000
}

/// Asks again and again until the answer is there; says what it waited for when it is not in time.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let start = instant();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if start.elapsed() > PATIENCE {
            bail!("waited {PATIENCE:?} for {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
