//! Symbol and Zebra scanners on plain RS-232: they beep once for each BEL, when "beep on BEL" is enabled (off by default).
//!
//! The number of beeps is all they can vary. Source: Symbol LS4208 guide.

use super::{Lock, ScannerDriver};

const BEL: u8 = 0x07;

/// The driver that sends BEL.
#[derive(Debug, Clone, Copy)]
pub struct SymbolBel;

impl ScannerDriver for SymbolBel {
    fn init(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Silence: the beep for the read is the good beep, and a second one would sound like a question.
    fn good(&self) -> Vec<u8> {
        Vec::new()
    }

    fn bad(&self) -> Vec<u8> {
        vec![BEL; 4]
    }

    fn attention(&self) -> Vec<u8> {
        vec![BEL; 2]
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
