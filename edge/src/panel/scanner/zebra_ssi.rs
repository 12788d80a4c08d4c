//! Zebra scanners in SSI mode, on RS-232 or USB: tones by code, scanning enabled and disabled by command.
//!
//! Only commands are sent, never parameters: frequent parameter writes wear the scanner's memory. Source: Zebra's SSI
//! guide 72E-40451; beep code 12h for failure is what enioka_scan uses.

use super::{Lock, ScannerDriver};
use crate::scan::frame::ssi::packet;

const BEEP: u8 = 0xe6;
const SCAN_ENABLE: u8 = 0xe9;
const SCAN_DISABLE: u8 = 0xea;
const REQUEST_REVISION: u8 = 0xa3;
/// Wakes a scanner that saves power; it would lose the first byte of a command otherwise.
const WAKEUP: u8 = 0x00;

const ONE_SHORT_HIGH: u8 = 0x00;
const TWO_SHORT_LOW: u8 = 0x06;
const FOUR_LONG_LOW: u8 = 0x12;

/// The driver that speaks SSI.
#[derive(Debug, Clone, Copy)]
pub struct ZebraSsi;

impl ScannerDriver for ZebraSsi {
    fn init(&self) -> Vec<u8> {
        self.unlock()
    }

    fn good(&self) -> Vec<u8> {
        packet(BEEP, &[ONE_SHORT_HIGH])
    }

    fn bad(&self) -> Vec<u8> {
        packet(BEEP, &[FOUR_LONG_LOW])
    }

    fn attention(&self) -> Vec<u8> {
        packet(BEEP, &[TWO_SHORT_LOW])
    }

    fn lock(&self) -> Lock {
        Lock::Send(packet(SCAN_DISABLE, &[]))
    }

    fn unlock(&self) -> Vec<u8> {
        [vec![WAKEUP], packet(SCAN_ENABLE, &[])].concat()
    }

    fn identify(&self) -> Vec<u8> {
        [vec![WAKEUP], packet(REQUEST_REVISION, &[])].concat()
    }
}
