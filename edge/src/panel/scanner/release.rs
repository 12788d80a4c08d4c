//! Lets every scanner scan again when no station runs: for `packline-edge release-scanners`, which systemd calls after
//! the last stop, so that a scanner that was locked when the station died does not stay locked.

use super::driver;
use crate::scan::config::ScannerConfig;
use crate::scan::source::{OfflineReason, write_once};
use packline_protocol::id::ScannerId;

/// How releasing one scanner went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Which scanner.
    pub scanner: ScannerId,
    /// Why it could not be reached, if so.
    pub result: Result<(), OfflineReason>,
}

/// Sends the unlock bytes to every scanner that a driver can lock; the others are left alone.
///
/// Takes at most a second or two for each scanner. One that cannot be reached keeps nobody from releasing the next.
pub fn release_all(scanners: &[ScannerConfig]) -> Vec<Released> {
    let unlock = |scanner: &ScannerConfig| driver(scanner.feedback).unlock();
    scanners
        .iter()
        .filter(|scanner| !unlock(scanner).is_empty())
        .map(|scanner| Released { scanner: scanner.id.clone(), result: write_once(scanner, &unlock(scanner)) })
        .collect()
}
