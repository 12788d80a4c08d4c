//! Scanners that act as keyboards, taken for this program alone: nothing they type reaches the screen.

use super::OfflineReason;
use super::keys::{Keys, Press};
use super::retry::Stop;
use super::run::{Device, Port, Read};
use super::watch::{Watch, readable};
use crate::scan::config::ScannerConfig;
use evdev::raw_stream::RawDevice;
use evdev::{EventSummary, KeyCode, SynchronizationCode};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An input device that may be there or not.
pub(super) struct EvdevDevice {
    paths: Vec<PathBuf>,
    watch: Watch,
}

impl EvdevDevice {
    pub(super) fn new(config: &ScannerConfig) -> Self {
        let paths: Vec<PathBuf> = config.device_paths().map(Path::to_path_buf).collect();
        Self { watch: Watch::new(&paths), paths }
    }

    fn open_keyboard(&self) -> Result<RawDevice, OfflineReason> {
        let path = self.paths.iter().find(|path| path.exists()).ok_or(OfflineReason::Missing)?;
        let mut device = RawDevice::open(path).map_err(|cause| refusal(&cause))?;
        if !device
            .supported_keys()
            .is_some_and(|keys| keys.contains(KeyCode::KEY_1) && keys.contains(KeyCode::KEY_ENTER))
        {
            return Err(OfflineReason::Failed("not a keyboard".to_owned()));
        }
        device.grab().map_err(|cause| refusal(&cause))?;
        Ok(device)
    }
}

impl Device for EvdevDevice {
    fn open(&mut self) -> Result<Box<dyn Port>, OfflineReason> {
        // Watched before it is tried: a device that appears right after a failed try ends the next wait.
        self.watch = Watch::new(&self.paths);
        Ok(Box::new(Keyboard { device: self.open_keyboard()?, keys: Keys::default() }))
    }

    fn wait(&mut self, at_most: Duration, stop: &Stop) {
        self.watch.wait(at_most, stop);
    }
}

struct Keyboard {
    device: RawDevice,
    keys: Keys,
}

impl Port for Keyboard {
    fn read(&mut self, buffer: &mut [u8], at_most: Duration) -> Result<Read, OfflineReason> {
        if !readable(&self.device, at_most) {
            return Ok(Read::Quiet);
        }
        let events = match self.device.fetch_events() {
            Ok(events) => events,
            Err(cause) if matches!(cause.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                return Ok(Read::Bytes(0));
            }
            Err(_) => return Err(OfflineReason::Gone),
        };
        let mut count = 0;
        for event in events {
            match event.destructure() {
                // The kernel's buffer was full: which keys were lost, and whether Shift is held, nobody knows.
                EventSummary::Synchronization(_, SynchronizationCode::SYN_DROPPED, _) => {
                    self.keys = Keys::default();
                    return Ok(Read::Lost);
                }
                EventSummary::Key(_, key, value) => {
                    let byte = self.keys.press(key, Press::of(value));
                    if let Some((byte, place)) = byte.zip(buffer.get_mut(count)) {
                        *place = byte;
                        count += 1;
                    }
                }
                _ => {}
            }
        }
        Ok(Read::Bytes(count))
    }

    fn writer(&self) -> Option<Box<dyn Write + Send>> {
        None
    }
}

fn refusal(cause: &io::Error) -> OfflineReason {
    match cause.kind() {
        io::ErrorKind::NotFound => OfflineReason::Missing,
        io::ErrorKind::PermissionDenied => OfflineReason::Denied,
        io::ErrorKind::ResourceBusy => OfflineReason::Busy,
        _ => OfflineReason::Failed(cause.to_string()),
    }
}
