//! What a frame says before anyone asks what it means: nothing was read, or one or more codes.
//!
//! Deliberately absent: parsing codes, and choosing between the codes of one frame.

use super::config::ScannerConfig;

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
/// Parts of a joined frame that are no-reads are dropped when another part is a code.
pub fn reading<'a>(config: &ScannerConfig, bytes: &'a [u8]) -> Reading<'a> {
    let codes: Vec<&[u8]> = match config.code_separator.and_then(|c| u8::try_from(c).ok()) {
        Some(separator) => bytes.split(|byte| *byte == separator).filter(|part| !is_no_read(config, part)).collect(),
        None => Some(bytes).filter(|whole| !is_no_read(config, whole)).into_iter().collect(),
    };
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
    fn a_head_that_read_nothing_does_not_hide_one_that_did() {
        check(Some('&'), "noread&73811111111111", &["73811111111111"]);
        check(Some('&'), "&A&", &["A"]);
        check(Some('&'), "noread&NoRead", &[]);
        check(Some('&'), "&&", &[]);
    }
}
