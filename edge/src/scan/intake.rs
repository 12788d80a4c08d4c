//! From the frames of all scanners to scans for the station: no-reads found, double reads dropped, bursts marked.
//!
//! One intake serves the one consumer of a station. No IO and no clock.

use super::config::ScannerConfig;
use super::debounce::{Admission, Burst, Debounce, DebounceCounts, DebounceSettings};
use super::reading::{Reading, reading};
use super::source::Frame;
use packline_protocol::id::ScannerId;
use packline_protocol::time::Moment;
use std::collections::BTreeMap;

/// One read of one scanner that the station has to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawScan {
    /// Which scanner.
    pub scanner: ScannerId,
    /// When its last byte was read.
    pub at: Moment,
    /// The whole frame as it was sent.
    pub bytes: Vec<u8>,
    /// The codes in it, in order, each with its AIM identifier where the scanner gave one; none when nothing was read.
    pub codes: Vec<Vec<u8>>,
    /// Set from the third different code of a burst on: such a scan is judged but never released by itself.
    pub burst: Option<Burst>,
}

/// Turns frames into scans.
#[derive(Debug)]
pub struct Intake {
    scanners: BTreeMap<ScannerId, ScannerConfig>,
    manual: ScannerConfig,
    debounce: Debounce,
    no_reads: u64,
}

impl Intake {
    /// An intake for these scanners and for the entry box of the bench page.
    pub fn new(scanners: &[ScannerConfig]) -> Self {
        Self {
            scanners: scanners.iter().map(|scanner| (scanner.id.clone(), scanner.clone())).collect(),
            manual: ScannerConfig::manual(),
            debounce: Debounce::new(scanners.iter().map(|scanner| (scanner.id.clone(), scanner.debounce()))),
            no_reads: 0,
        }
    }

    /// Takes a frame; `None` when it is a double read.
    ///
    /// A no-read is never a double read: two in a row are two parcels that went by unread.
    pub fn take(&mut self, frame: Frame) -> Option<RawScan> {
        let Frame { scanner, bytes, at } = frame;
        let config = self.scanners.get(&scanner).unwrap_or(&self.manual);
        let codes: Vec<Vec<u8>> = match reading(config, &bytes) {
            Reading::NoRead => Vec::new(),
            Reading::Codes(codes) => codes.into_iter().map(<[u8]>::to_vec).collect(),
        };
        if codes.is_empty() {
            self.no_reads += 1;
            return Some(RawScan { scanner, at, bytes, codes, burst: None });
        }
        match self.debounce.admit(&scanner, &bytes, at) {
            Admission::Double => None,
            Admission::Pass { burst } => Some(RawScan { scanner, at, bytes, codes, burst }),
        }
    }

    /// How many reads passed, were double or made a burst.
    pub fn counts(&self) -> DebounceCounts {
        self.debounce.counts()
    }

    /// How many frames said that nothing was read.
    pub fn no_reads(&self) -> u64 {
        self.no_reads
    }
}

impl ScannerConfig {
    /// How reads of this scanner are told apart.
    pub fn debounce(&self) -> DebounceSettings {
        DebounceSettings { window_ms: u64::from(self.debounce_ms), burst_gap_ms: u64::from(self.burst_gap_ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::config::MANUAL;

    fn id(name: &str) -> ScannerId {
        ScannerId::parse(name).unwrap()
    }

    /// Plays `scanner frame @ms` lines; each gives its codes joined by `,` or what it was instead.
    #[track_caller]
    fn check(frames: &[(&str, &str, u64)], expected: &[&str]) {
        let gate =
            ScannerConfig { code_separator: Some(';'), ..ScannerConfig::tcp_connect(id("gate"), "192.0.2.1:23") };
        let mut intake = Intake::new(&[gate, ScannerConfig::serial(id("gun"), "/dev/gun")]);
        let mut play = |(scanner, text, at): &(&str, &str, u64)| {
            let frame = Frame { scanner: id(scanner), bytes: text.as_bytes().to_vec(), at: Moment(*at) };
            let Some(scan) = intake.take(frame) else { return "double".to_owned() };
            assert_eq!((scan.scanner, scan.at, scan.bytes.as_slice()), (id(scanner), Moment(*at), text.as_bytes()));
            let codes: Vec<String> = scan.codes.iter().map(|code| String::from_utf8_lossy(code).into_owned()).collect();
            let burst = if scan.burst.is_some() { " in a burst" } else { "" };
            if codes.is_empty() { "no-read".to_owned() } else { codes.join(",") + burst }
        };
        assert_eq!(frames.iter().map(&mut play).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn scans_pass_and_double_reads_do_not() {
        check(&[("gun", "A", 0), ("gun", "A", 700), ("gun", "A", 1500)], &["A", "double", "A"]);
    }

    #[test]
    fn two_no_reads_in_a_row_are_two_parcels() {
        check(&[("gate", "NoRead", 0), ("gate", "NoRead", 300), ("gate", "", 400)], &["no-read"; 3]);
    }

    #[test]
    fn a_joined_frame_is_one_scan_with_several_codes() {
        check(&[("gate", "A;noread;B", 0), ("gate", "A;noread;B", 90), ("gun", "A;B", 100)], &["A,B", "double", "A;B"]);
    }

    #[test]
    fn the_scans_of_a_burst_are_marked() {
        check(
            &[("gun", "A", 0), ("gun", "B", 50), ("gun", "C", 100), ("gate", "D", 110)],
            &["A", "B", "C in a burst", "D"],
        );
    }

    #[test]
    fn what_a_person_enters_twice_by_accident_is_one_scan() {
        check(&[(MANUAL, "A", 0), (MANUAL, "A", 300), (MANUAL, "noread", 400)], &["A", "double", "no-read"]);
    }
}
