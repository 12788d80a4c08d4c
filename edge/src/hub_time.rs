//! The latest time that the hub has signed, kept over restarts: a floor under a clock that may be wrong.
//!
//! A board without a clock battery starts in the past, and would find the hub's certificate not yet valid; then it could
//! never hear from the hub what time it is. What a signed message said, on the other hand, is past for certain.

use crate::clock;
use crate::credential::{read_json, write_json};
use packline_protocol::time::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tracing::warn;

/// The file in the state folder.
const FILE: &str = "hub-time.json";
/// It is written when it is this much behind, in milliseconds: the disk is small, and certificates live for weeks.
const KEEP_EVERY_MS: i64 = 3_600_000;

/// The latest time that the hub has signed. Clones share it.
#[derive(Debug, Clone)]
pub struct HubTime(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    newest: AtomicI64,
    kept: AtomicI64,
    path: Option<PathBuf>,
}

impl HubTime {
    /// As it was kept in the folder `state`. A file that cannot be read says nothing; the next time is written over it.
    pub fn open(state: &Path) -> Self {
        let path = state.join(FILE);
        let kept = read_json(&path).unwrap_or_else(|error| {
            warn!(%error, "The last time that the hub told is not known");
            None
        });
        Self::with(kept.unwrap_or_default(), Some(path))
    }

    /// Known to be at least this, and not kept anywhere.
    pub fn known(at: Timestamp) -> Self {
        Self::with(at, None)
    }

    fn with(at: Timestamp, path: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner { newest: AtomicI64::new(at.0), kept: AtomicI64::new(at.0), path }))
    }

    /// The hub has signed this time, now or earlier.
    pub fn heard(&self, at: Timestamp) {
        self.0.newest.fetch_max(at.0, Ordering::Relaxed);
    }

    /// Whether [`HubTime::keep`] has something to do.
    pub fn is_due(&self) -> bool {
        let Inner { newest, kept, path } = &*self.0;
        path.is_some() && newest.load(Ordering::Relaxed).saturating_sub(kept.load(Ordering::Relaxed)) >= KEEP_EVERY_MS
    }

    /// Writes it down. Waits for the disk.
    pub fn keep(&self) {
        let (newest, Some(path)) = (self.0.newest.load(Ordering::Relaxed), &self.0.path) else { return };
        // Tried again an hour of the hub later, whatever becomes of it.
        self.0.kept.store(newest, Ordering::Relaxed);
        if let Err(error) = write_json(path, &Timestamp(newest)) {
            warn!(%error, "The time that the hub told is not written down");
        }
    }

    /// The earliest time that it can be: this machine's clock may be behind, what was built or signed is past.
    pub fn now_at_least(&self) -> Timestamp {
        clock::wall().max(clock::BUILT).max(Timestamp(self.0.newest.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_2089: Timestamp = Timestamp(3_755_289_600_000);

    #[test]
    fn the_latest_time_counts_and_is_there_after_a_restart() {
        let state = tempfile::tempdir().unwrap();
        let time = HubTime::open(state.path());
        assert!(time.now_at_least() >= clock::BUILT && !time.is_due());
        time.heard(IN_2089);
        time.heard(IN_2089.plus_ms(-1));
        assert_eq!(time.now_at_least(), IN_2089);
        assert!(time.is_due());
        time.keep();
        assert!(!time.is_due(), "once");
        time.heard(IN_2089.plus_ms(KEEP_EVERY_MS - 1));
        assert!(!time.is_due(), "not for every head");
        assert_eq!(HubTime::open(state.path()).now_at_least(), IN_2089);
    }

    #[test]
    fn a_file_that_cannot_be_read_says_nothing_and_is_replaced() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join(FILE), "{").unwrap();
        let time = HubTime::open(state.path());
        assert!(time.now_at_least() < IN_2089);
        time.heard(IN_2089);
        time.keep();
        assert_eq!(HubTime::open(state.path()).now_at_least(), IN_2089);
    }
}
