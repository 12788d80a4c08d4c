//! From bytes to comparable text.
//!
//! The bytes stay the truth; text is what we read into them. Everything that compares codes, on the hub and on the
//! stations, compares [`canonical`] text, so this module is the one place that decides when two writings are one code.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The version of [`canonical`]. It is kept in every scan record, because a change here changes what is found.
pub const CANONICAL_VERSION: u16 = 1;

/// How the bytes of a scan were read as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// ASCII only: every identifier that can be compared safely.
    Ascii,
    /// UTF-8 with something beyond ASCII.
    Utf8,
    /// Not UTF-8, but well-formed GB18030 (which includes GBK and GB2312): labels of Chinese ERP systems.
    Gb18030,
    /// Neither: bytes above 7F are written as `\xHH`, so that nothing is lost in the text.
    Escaped,
}

impl Encoding {
    /// The short name used in logs and `explain`.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Ascii => "ascii",
            Encoding::Utf8 => "utf-8",
            Encoding::Gb18030 => "gb18030",
            Encoding::Escaped => "escaped",
        }
    }
}

/// Reads `bytes` as UTF-8, else GB18030, else byte by byte with escapes.
pub fn decode(bytes: &[u8]) -> (String, Encoding) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let encoding = if text.is_ascii() { Encoding::Ascii } else { Encoding::Utf8 };
        return (text.to_owned(), encoding);
    }
    match encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => (text.into_owned(), Encoding::Gb18030),
        None => (escaped(bytes), Encoding::Escaped),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for &byte in bytes {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            write!(text, "\\x{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    text
}

/// The one writing of a code: ASCII letters in upper case, full-width letters, digits and marks as their ASCII twins,
/// every kind of dash as `-`, and no spaces, control characters or invisible marks.
///
/// The hub stores codes in this form and stations look them up in it. Applying it twice changes nothing.
pub fn canonical(text: &str) -> String {
    if text.bytes().all(is_already_canonical) {
        return text.to_owned();
    }
    text.chars().filter_map(folded).collect()
}

/// `text` with full-width characters and dashes as their ASCII twins and without invisible marks, everything else as
/// typed: what a person meant who typed with a Chinese keyboard.
pub fn narrowed(text: &str) -> String {
    text.trim().chars().map(narrow).filter(|c| !is_invisible(*c)).collect()
}

/// [`canonical`] that copies only when something changes.
pub fn canonical_cow(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_already_canonical) { Cow::Borrowed(text) } else { Cow::Owned(canonical(text)) }
}

/// The 64-bit xxh3 of a canonical text: the key under which replicas and tables find a code.
pub fn code_hash(canonical: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(canonical.as_bytes())
}

fn is_already_canonical(byte: u8) -> bool {
    byte.is_ascii_graphic() && !byte.is_ascii_lowercase()
}

fn folded(c: char) -> Option<char> {
    let c = narrow(c);
    let kept = !c.is_whitespace() && !c.is_control() && !is_invisible(c);
    kept.then(|| c.to_ascii_uppercase())
}

fn narrow(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE63}' => '-',
        _ => c,
    }
}

/// Marks that take no room on paper: joiners, direction marks, soft hyphens, byte order marks, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(canonical(text), expected, "{text:?}");
    }

    #[test]
    fn writings_of_one_number_become_one_text() {
        check("SF0000000000001", "SF0000000000001");
        check(" sf0000 0000 00001\r", "SF0000000000001");
        check("ＳＦ００００００００００００１", "SF0000000000001");
        check("ｓｆ1\u{3000}2", "SF12");
        check("\u{FEFF}JT\u{200B}000\u{200D}1", "JT0001");
        check("JD–1—2−3", "JD-1-2-3");
        check("工位 a１", "工位A1");
        check("", "");
    }

    #[test]
    fn bytes_are_read_as_utf8_then_gb18030_then_escaped() {
        assert_eq!(decode(b"YT1"), ("YT1".into(), Encoding::Ascii));
        assert_eq!(decode("赠品".as_bytes()), ("赠品".into(), Encoding::Utf8));
        assert_eq!(decode(&[0xD4, 0xF9, 0xC6, 0xB7]), ("赠品".into(), Encoding::Gb18030));
        assert_eq!(decode(&[b'A', 0xFF, b'B']), ("A\\xFFB".into(), Encoding::Escaped));
    }

    #[test]
    fn the_hash_of_a_code_never_changes() {
        // Stored on disk and sent over the wire: a different value here is a broken replica.
        assert_eq!(code_hash(""), 0x2D06_8005_38D3_94C2);
        assert_eq!(code_hash("SF0000000000001"), 0x06A1_BA27_F6CF_C14D);
    }

    proptest! {
        #[test]
        fn canonical_text_is_its_own_canonical_text(text in any::<String>()) {
            let once = canonical(&text);
            prop_assert_eq!(canonical(&once), once);
        }

        #[test]
        fn any_bytes_can_be_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let (text, encoding) = decode(&bytes);
            prop_assert_eq!(encoding == Encoding::Ascii, bytes.is_ascii() && text.is_ascii());
        }
    }
}
