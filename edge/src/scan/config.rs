//! How the scanners of a station are set up: the `[[scanner]]` tables of its configuration.
//!
//! Reading the file is the business of `crate::config`; here are the keys, their defaults and what they accept.

mod check;
#[cfg(test)]
mod tests;

pub use check::{Problem, problems};

use super::frame::{FramerSettings, Framing, Terminator};
use packline_protocol::id::ScannerId;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The id that the entry box of the bench page has; no configured scanner may take it.
pub const MANUAL: &str = "manual";

/// One scanner of a station: a `[[scanner]]` table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScannerConfig {
    /// The scanner's name, unique on its station.
    pub id: ScannerId,
    /// How the scanner is connected.
    pub kind: SourceKind,

    /// Serial and evdev: the device, best a stable name under `/dev/serial/by-id` or `/dev/input/by-id`.
    pub path: Option<PathBuf>,
    /// Serial and evdev: the device to take when `path` does not exist, best a physical port under `/dev/serial/by-path`.
    pub fallback_path: Option<PathBuf>,
    /// Serial: bits per second; 9600 when absent. USB scanners ignore it.
    pub baud_rate: Option<u32>,
    /// Serial: 5 to 8; 8 when absent.
    pub data_bits: Option<u8>,
    /// Serial: none when absent.
    pub parity: Option<Parity>,
    /// Serial: 1 or 2; 1 when absent.
    pub stop_bits: Option<u8>,
    /// Serial: none when absent.
    pub flow_control: Option<FlowControl>,

    /// TCP: `host:port` of a reader that waits for us.
    pub connect: Option<String>,
    /// TCP: `address:port` on which we wait for a reader.
    pub listen: Option<String>,
    /// TCP with `listen`: the only address a reader may come from; any when absent.
    pub peer: Option<std::net::IpAddr>,
    /// Texts that a reader sends to show it is alive; they are counted and dropped.
    #[serde(default)]
    pub heartbeats: Vec<String>,

    /// How bytes become frames.
    #[serde(default)]
    pub framing: Framing,
    /// Text framing: what ends a frame besides silence; all of them when absent.
    pub terminators: Option<Vec<Terminator>>,
    /// Silence that ends a frame, in milliseconds; 80 when absent, 300 for evdev.
    pub idle_gap_ms: Option<u32>,

    /// How the scanner is made to beep and, where it can, to stop scanning.
    #[serde(default)]
    pub feedback: FeedbackKind,
    /// Text sent to the scanner each time it comes online, after what its feedback driver sends.
    #[serde(default)]
    pub init: String,

    /// What the reader sends when it read nothing; compared without case and surrounding blanks.
    #[serde(default = "default_no_read")]
    pub no_read: Vec<String>,
    /// The character between the codes of one frame, for readers that report several at once.
    pub code_separator: Option<char>,
    /// The same code again within this many milliseconds is a double read; 0 turns this off.
    #[serde(default = "default_debounce_ms")]
    pub debounce_ms: u32,
    /// Three different codes, each within this many milliseconds of the one before, are a burst; 0 turns this off.
    #[serde(default = "default_burst_gap_ms")]
    pub burst_gap_ms: u32,
}

/// How a scanner is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A serial port: RS-232, a USB cable in COM mode, a Bluetooth dongle with a port.
    Serial,
    /// A fixed reader on the network.
    Tcp,
    /// A scanner that acts as a keyboard.
    Evdev,
}

/// The parity bit of a serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parity {
    /// No parity bit.
    #[default]
    None,
    /// Odd parity.
    Odd,
    /// Even parity.
    Even,
}

/// How a serial line is throttled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowControl {
    /// Not at all.
    #[default]
    None,
    /// By XON and XOFF.
    Software,
    /// By RTS and CTS.
    Hardware,
}

/// The feedback driver of a scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FeedbackKind {
    /// The scanner is never written to.
    #[default]
    None,
    /// Symbol and Zebra on plain RS-232 with "beep on BEL" enabled.
    SymbolBel,
    /// Zebra in SSI mode.
    ZebraSsi,
    /// Honeywell on a serial line, best with Host ACK enabled.
    Honeywell,
    /// Datalogic with host commands enabled.
    Datalogic,
}

/// The line settings of a serial port, defaults filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Bits per second.
    pub baud_rate: u32,
    /// 5 to 8.
    pub data_bits: u8,
    /// The parity bit.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
    /// How the line is throttled.
    pub flow_control: FlowControl,
}

impl ScannerConfig {
    /// A scanner on the serial port `path`, everything else at its default.
    pub fn serial(id: ScannerId, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..Self::bare(id, SourceKind::Serial) }
    }

    /// A keyboard scanner on the input device `path`, everything else at its default.
    pub fn evdev(id: ScannerId, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..Self::bare(id, SourceKind::Evdev) }
    }

    /// A fixed reader that waits for us at `host:port`, everything else at its default.
    pub fn tcp_connect(id: ScannerId, address: &str) -> Self {
        Self { connect: Some(address.to_owned()), ..Self::bare(id, SourceKind::Tcp) }
    }

    /// A fixed reader that we wait for on `address:port`, everything else at its default.
    pub fn tcp_listen(id: ScannerId, address: &str) -> Self {
        Self { listen: Some(address.to_owned()), ..Self::bare(id, SourceKind::Tcp) }
    }

    /// The entry box of the bench page, as far as it is like a scanner.
    pub(super) fn manual() -> Self {
        Self::bare(ScannerId::parse(MANUAL).expect("the name is a scanner name"), SourceKind::Evdev)
    }

    fn bare(id: ScannerId, kind: SourceKind) -> Self {
        Self {
            id,
            kind,
            path: None,
            fallback_path: None,
            baud_rate: None,
            data_bits: None,
            parity: None,
            stop_bits: None,
            flow_control: None,
            connect: None,
            listen: None,
            peer: None,
            heartbeats: Vec::new(),
            framing: Framing::default(),
            terminators: None,
            idle_gap_ms: None,
            feedback: FeedbackKind::default(),
            init: String::new(),
            no_read: default_no_read(),
            code_separator: None,
            debounce_ms: default_debounce_ms(),
            burst_gap_ms: default_burst_gap_ms(),
        }
    }

    /// The line settings of a serial port.
    pub fn line(&self) -> Line {
        Line {
            baud_rate: self.baud_rate.unwrap_or(9600),
            data_bits: self.data_bits.unwrap_or(8),
            parity: self.parity.unwrap_or_default(),
            stop_bits: self.stop_bits.unwrap_or(1),
            flow_control: self.flow_control.unwrap_or_default(),
        }
    }

    /// How this scanner's bytes become frames.
    pub fn framer(&self) -> FramerSettings {
        FramerSettings {
            framing: self.framing,
            terminators: self.terminators.clone().unwrap_or_else(|| Terminator::ALL.to_vec()),
            idle_gap_ms: self.idle_gap_ms(),
        }
    }

    /// Silence that ends a frame, in milliseconds.
    pub fn idle_gap_ms(&self) -> u64 {
        // A keyboard scanner types one key after another, often with pauses of tens of milliseconds.
        let default = if self.kind == SourceKind::Evdev { 300 } else { 80 };
        u64::from(self.idle_gap_ms.unwrap_or(default))
    }

    /// The device to open, in order of preference.
    pub fn device_paths(&self) -> impl Iterator<Item = &Path> {
        self.path.iter().chain(&self.fallback_path).map(PathBuf::as_path)
    }
}

fn default_no_read() -> Vec<String> {
    ["NOREAD", "NO READ", "ERROR", "NG", "?", "\u{18}"].map(str::to_owned).to_vec()
}

fn default_debounce_ms() -> u32 {
    1500
}

fn default_burst_gap_ms() -> u32 {
    150
}
