//! Honeywell scanners on a serial line, best with Host ACK enabled: then the scanner stays mute and refuses the next
//! scan until it is answered, so that the verdict is the only beep.
//!
//! Every sequence ends with a comma. Source: Honeywell Xenon and Granit guides.

use super::{Lock, ScannerDriver};

const ESC: u8 = 0x1b;
const HIGH_BEEP: u8 = b'6';
const GOOD: u8 = b'7';
const RAZZ: u8 = b'8';

/// After this time a scanner with Host ACK gives up waiting (its default; 1 to 90 s can be set).
const HOST_ACK_TIMEOUT_MS: u64 = 10_000;

/// The driver that sends Host ACK sequences.
#[derive(Debug, Clone, Copy)]
pub struct Honeywell;

impl ScannerDriver for Honeywell {
    fn init(&self) -> Vec<u8> {
        self.unlock()
    }

    fn good(&self) -> Vec<u8> {
        sequence(&[GOOD])
    }

    fn bad(&self) -> Vec<u8> {
        sequence(&[RAZZ])
    }

    fn attention(&self) -> Vec<u8> {
        sequence(&[HIGH_BEEP, HIGH_BEEP])
    }

    fn lock(&self) -> Lock {
        Lock::Withhold { at_most_ms: HOST_ACK_TIMEOUT_MS }
    }

    /// Any answer releases the scanner; the good beep is the one that alarms nobody.
    fn unlock(&self) -> Vec<u8> {
        sequence(&[GOOD])
    }

    /// The menu command for the software revision.
    fn identify(&self) -> Vec<u8> {
        b"\x16M\rREVINF.".to_vec()
    }
}

fn sequence(sounds: &[u8]) -> Vec<u8> {
    sounds.iter().flat_map(|sound| [ESC, *sound, b',']).collect()
}
