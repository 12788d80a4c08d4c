//! Scanners on serial ports, by name and exclusively.

use super::OfflineReason;
use super::retry::Stop;
use super::run::{Device, Port, Read};
use super::watch::Watch;
use crate::scan::config::{FlowControl, Line, Parity, ScannerConfig};
use serialport::{ErrorKind, SerialPort, TTYPort};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the writing thread waits for a scanner to take more bytes.
const WRITE_PATIENCE: Duration = Duration::from_millis(200);

/// A serial port that may be there or not.
pub(super) struct SerialDevice {
    paths: Vec<PathBuf>,
    line: Line,
    watch: Watch,
}

impl SerialDevice {
    pub(super) fn new(config: &ScannerConfig) -> Self {
        let paths: Vec<PathBuf> = config.device_paths().map(Path::to_path_buf).collect();
        Self { watch: Watch::new(&paths), paths, line: config.line() }
    }

    /// Opens the first path that exists; others are kept out (TIOCEXCL and a lock).
    pub(super) fn open_tty(&self) -> Result<TTYPort, OfflineReason> {
        let path = self.paths.iter().find(|path| path.exists()).ok_or(OfflineReason::Missing)?;
        let name = path.to_str().ok_or_else(|| OfflineReason::Failed("the path is no text".to_owned()))?;
        serialport::new(name, self.line.baud_rate)
            .data_bits(data_bits(self.line.data_bits))
            .parity(parity(self.line.parity))
            .stop_bits(if self.line.stop_bits == 2 { serialport::StopBits::Two } else { serialport::StopBits::One })
            .flow_control(flow_control(self.line.flow_control))
            .timeout(WRITE_PATIENCE)
            .open_native()
            .map_err(|cause| refusal(&cause))
    }
}

/// Opens the port, writes `bytes`, and gives the line a moment to send them.
pub(super) fn write_once(config: &ScannerConfig, bytes: &[u8]) -> Result<(), OfflineReason> {
    let failed = |cause: String| OfflineReason::Failed(cause);
    let mut port = SerialDevice::new(config).open_tty()?;
    port.write_all(bytes).map_err(|cause| failed(cause.to_string()))?;
    let stop = Stop::default();
    for _ in 0..20 {
        if port.bytes_to_write().map_err(|cause| failed(cause.to_string()))? == 0 {
            return Ok(());
        }
        stop.wait(Duration::from_millis(25));
    }
    Err(failed("the scanner does not take its bytes".to_owned()))
}

impl Device for SerialDevice {
    fn open(&mut self) -> Result<Box<dyn Port>, OfflineReason> {
        // Watched before it is tried: a device that appears right after a failed try ends the next wait.
        self.watch = Watch::new(&self.paths);
        Ok(Box::new(SerialPortOpen(self.open_tty()?)))
    }

    fn wait(&mut self, at_most: Duration, stop: &Stop) {
        self.watch.wait(at_most, stop);
    }
}

struct SerialPortOpen(TTYPort);

impl Port for SerialPortOpen {
    fn read(&mut self, buffer: &mut [u8], at_most: Duration) -> Result<Read, OfflineReason> {
        self.0.set_timeout(at_most).map_err(|cause| OfflineReason::Failed(cause.to_string()))?;
        match self.0.read(buffer) {
            // A port that answers "zero bytes" was unplugged and would say so for ever.
            Ok(0) => Err(OfflineReason::Gone),
            Ok(count) => Ok(Read::Bytes(count)),
            Err(cause) => match cause.kind() {
                io::ErrorKind::TimedOut => Ok(Read::Quiet),
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => Ok(Read::Bytes(0)),
                _ => Err(OfflineReason::Gone),
            },
        }
    }

    fn writer(&self) -> Option<Box<dyn Write + Send>> {
        let mut port = self.0.try_clone_native().ok()?;
        port.set_timeout(WRITE_PATIENCE).ok()?;
        Some(Box::new(port))
    }
}

fn refusal(cause: &serialport::Error) -> OfflineReason {
    match cause.kind() {
        ErrorKind::NoDevice => OfflineReason::Busy,
        ErrorKind::Io(io::ErrorKind::NotFound) => OfflineReason::Missing,
        ErrorKind::Io(io::ErrorKind::PermissionDenied) => OfflineReason::Denied,
        _ => OfflineReason::Failed(cause.to_string()),
    }
}

fn data_bits(bits: u8) -> serialport::DataBits {
    match bits {
        5 => serialport::DataBits::Five,
        6 => serialport::DataBits::Six,
        7 => serialport::DataBits::Seven,
        _ => serialport::DataBits::Eight,
    }
}

fn parity(parity: Parity) -> serialport::Parity {
    match parity {
        Parity::None => serialport::Parity::None,
        Parity::Odd => serialport::Parity::Odd,
        Parity::Even => serialport::Parity::Even,
    }
}

fn flow_control(flow: FlowControl) -> serialport::FlowControl {
    match flow {
        FlowControl::None => serialport::FlowControl::None,
        FlowControl::Software => serialport::FlowControl::Software,
        FlowControl::Hardware => serialport::FlowControl::Hardware,
    }
}
