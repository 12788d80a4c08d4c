//! What a frame says before anyone asks what it means: nothing was read, or one or more codes.
//!
//! Deliberately absent: parsing codes, and choosing between the codes of one frame.

use super::config::ScannerConfig;
use packline_protocol::code::{CODES_PER_FRAME_MAX, split};

/// The content of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<'a> {
    /// The reader was triggered and read nothing: a configured no-read text, an empty frame, or zeros only.
    NoRead,
    /// The codes of the frame in the order they came, at least one; several only where a separator is configured.
    Codes(Vec<&'a [u8]>),
}

/// Reads the frame `bytes` of the scanner set up by `config`.
///
/// Parts of a joined frame that are no-reads are dropped when another part is a code. A frame with more parts than
/// [`CODES_PER_FRAME_MAX`] stays whole: it is no parcel's code, and nothing in it is taken for one.
pub fn reading<'a>(config: &ScannerConfig, bytes: &'a [u8]) -> Reading<'a> {
    let separator = config.code_separator.and_then(|c| u8::try_from(c).ok());
    let is_separator = |byte: &u8| Some(*byte) == separator;
    let is_overfull = bytes.iter().filter(|byte| is_separator(byte)).count() >= CODES_PER_FRAME_MAX;
    let mut codes = if is_overfull { vec![bytes] } else { split(bytes, separator.as_slice()) };
    codes.retain(|part| !part.iter().all(is_separator) && !is_no_read(config, part));
    if codes.is_empty() { Reading::NoRead } else { Reading::Codes(codes) }
}

/// Real sorters send `noread` in any case, with a CR still attached, and numbers of zeros only.
fn is_no_read(config: &ScannerConfig, bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii();
    text.iter().all(|byte| *byte == b'0')
        || config.no_read.iter().any(|no_read| no_read.as_bytes().trim_ascii().eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::id::ScannerId;

    fn config(separator: Option<char>) -> ScannerConfig {
        let gate = ScannerId::parse("gate").unwrap();
        ScannerConfig { code_separator: separator, ..ScannerConfig::tcp_connect(gate, "192.0.2.1:23") }
    }

    #[track_caller]
    fn check(separator: Option<char>, frame: &str, codes: &[&str]) {
        let config = config(separator);
        let expected = match codes {
            [] => Reading::NoRead,
            codes => Reading::Codes(codes.iter().map(|code| code.as_bytes()).collect()),
        };
        assert_eq!(reading(&config, frame.as_bytes()), expected, "{frame:?}");
    }

    #[test]
    fn a_no_read_is_known_in_every_dress() {
        for frame in [
            "NoRead",
            "noread",
            " NOREAD\r",
            "No Read",
            "ERROR",
            "error\n",
            "NG",
            "?",
            "\u{18}",
            "",
            "  ",
            "000000000000",
            "0",
        ] {
            check(None, frame, &[]);
        }
    }

    #[test]
    fn a_code_that_looks_a_little_like_a_no_read_is_a_code() {
        for frame in ["NOREAD1", "]C0NOREAD", "0001", "SF0000000000", "ERRORS"] {
            check(None, frame, &[frame]);
        }
    }

    #[test]
    fn a_joined_frame_falls_apart_only_where_a_separator_is_configured() {
        check(None, "SF1331875979567&http://x.example/?p1=1", &["SF1331875979567&http://x.example/?p1=1"]);
        check(Some('&'), "SF1331875979567&73811111111111", &["SF1331875979567", "73811111111111"]);
        check(Some(';'), "A;B;C", &["A", "B", "C"]);
    }

    #[test]
    fn a_label_in_braces_and_a_link_stay_whole() {
        let label = "MMM={'k1':'755','k5':'SF0000000000017'}";
        check(Some(','), &format!("{label},SF0000000000017"), &[label, "SF0000000000017"]);
        let link = "http://a.example/x?p=1&q=2";
        check(Some('&'), &format!("{link}&JT0000000000017"), &[link, "JT0000000000017"]);
    }

    #[test]
    fn a_frame_of_more_codes_than_any_reader_joins_stays_whole() {
        let codes: Vec<String> = (0..CODES_PER_FRAME_MAX).map(|number| format!("SF{number:013}")).collect();
        let parts: Vec<&str> = codes.iter().map(String::as_str).collect();
        check(Some(';'), &codes.join(";"), &parts);
        let more = format!("{};SF0000000000099", codes.join(";"));
        check(Some(';'), &more, &[&more]);
        let noise = "7;".repeat(4_000);
        check(Some(';'), &noise, &[&noise]);
    }

    #[test]
    fn a_head_that_read_nothing_does_not_hide_one_that_did() {
        check(Some('&'), "noread&73811111111111", &["73811111111111"]);
        check(Some('&'), "&A&", &["A"]);
        check(Some('&'), "noread&NoRead", &[]);
        check(Some('&'), "&&", &[]);
    }
}
