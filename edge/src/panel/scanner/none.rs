//! No feedback: the scanner is never written to, and only screen and light tell the verdict.

use super::{Lock, ScannerDriver};

/// The driver that sends nothing.
#[derive(Debug, Clone, Copy)]
pub struct NoFeedback;

impl ScannerDriver for NoFeedback {
    fn init(&self) -> Vec<u8> {
        Vec::new()
    }

    fn good(&self) -> Vec<u8> {
        Vec::new()
    }

    fn bad(&self) -> Vec<u8> {
        Vec::new()
    }

    fn attention(&self) -> Vec<u8> {
        Vec::new()
    }

    fn lock(&self) -> Lock {
        Lock::Impossible
    }

    fn unlock(&self) -> Vec<u8> {
        Vec::new()
    }

    fn identify(&self) -> Vec<u8> {
        Vec::new()
    }
}
