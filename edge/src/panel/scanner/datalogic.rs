//! Datalogic scanners with host commands enabled: single letters that beep, disable and enable.
//!
//! A disabled scanner stays disabled when this program dies, so the enable command is sent at every start and by
//! `packline-edge release-scanners` after the last stop. The vendor's `F` ("not on file") beeps three times and disables
//! at once; here beeping and disabling are apart, because not every stop locks. Source: Magellan 800i guide.

use super::{Lock, ScannerDriver};

const FORCED_BEEP: u8 = 0x01;
const GOOD_BEEP: u8 = b'B';
const ENABLE: u8 = b'E';
const DISABLE: u8 = b'D';
const IDENTIFY: u8 = b'i';

/// The driver that sends host commands.
#[derive(Debug, Clone, Copy)]
pub struct Datalogic;

impl ScannerDriver for Datalogic {
    fn init(&self) -> Vec<u8> {
        self.unlock()
    }

    fn good(&self) -> Vec<u8> {
        vec![GOOD_BEEP]
    }

    fn bad(&self) -> Vec<u8> {
        vec![FORCED_BEEP; 4]
    }

    fn attention(&self) -> Vec<u8> {
        vec![FORCED_BEEP; 2]
    }

    fn lock(&self) -> Lock {
        Lock::Send(vec![DISABLE])
    }

    fn unlock(&self) -> Vec<u8> {
        vec![ENABLE]
    }

    fn identify(&self) -> Vec<u8> {
        vec![IDENTIFY]
    }
}
