//! What fixed readers add around codes: texts that mean "nothing read", and several codes joined in one frame.

use super::{CodeKind, NumberSource, ScanCode};
use std::sync::LazyLock;

/// The most codes taken from one frame; what follows stays in the last one.
pub const CODES_PER_FRAME_MAX: usize = 16;

/// The texts by which a reader says that it read nothing. Each port may have its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoReadTexts(Vec<String>);

static USUAL: LazyLock<NoReadTexts> = LazyLock::new(NoReadTexts::default);

impl Default for NoReadTexts {
    /// What the usual fixed readers send: Keyence, Cognex, Datalogic, SICK and the sorters built on them.
    fn default() -> Self {
        let usual = ["noread", "no read", "no_read", "no-read", "error", "ng", "?", "can", "\u{18}", "over"];
        Self::new(usual)
    }
}

impl NoReadTexts {
    /// The default texts, made once.
    pub fn usual() -> &'static Self {
        &USUAL
    }

    /// Takes texts as people write them in a settings file; case and space around them do not count.
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self(texts.into_iter().map(|text| trimmed(text.as_ref()).to_ascii_lowercase()).collect())
    }

    /// Whether a frame's data means that nothing was read: one of the texts, nothing at all, or only zeros.
    pub fn contains(&self, text: &str) -> bool {
        let text = trimmed(text);
        text.bytes().all(|b| b == b'0')
            || text.bytes().all(|b| b == b'?')
            || self.0.iter().any(|known| known.eq_ignore_ascii_case(text))
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || (c.is_control() && c != '\u{18}'))
}

/// Splits a frame of a reader that joins several codes, at any of `separators` (usually one of `&`, `;` and `,`).
///
/// GS1 values may hold these characters, so a port that reads GS1 symbols needs a separator they do not use, or none.
/// Labels in braces stay whole, and so do the `&name=value` parts of a link. Empty pieces are dropped; a frame
/// without a separator, or a port without separators, gives the frame itself.
pub fn split<'a>(frame: &'a [u8], separators: &[u8]) -> Vec<&'a [u8]> {
    let mut codes = Vec::new();
    let (mut start, mut depth) = (0, 0u32);
    for (at, &byte) in frame.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ if depth == 0 && separators.contains(&byte) && codes.len() + 1 < CODES_PER_FRAME_MAX => {
                let piece = frame.get(start..at).unwrap_or_default();
                if byte == b'&' && is_link(piece) && starts_with_parameter(frame.get(at + 1..).unwrap_or_default()) {
                    continue;
                }
                codes.push(piece);
                start = at + 1;
            }
            _ => {}
        }
    }
    codes.push(frame.get(start..).unwrap_or_default());
    codes.retain(|code| !code.trim_ascii().is_empty());
    if codes.is_empty() { vec![frame] } else { codes }
}

fn is_link(piece: &[u8]) -> bool {
    let (_, data) = super::aim::AimId::take(piece);
    let scheme = data.get(..8).unwrap_or(data).to_ascii_lowercase();
    scheme.starts_with(b"http://") || scheme.starts_with(b"https://")
}

/// `name=…` before the next `&`: the next parameter of a link, not the next code.
fn starts_with_parameter(rest: &[u8]) -> bool {
    let next = rest.split(|b| *b == b'&').next().unwrap_or_default();
    next.iter()
        .position(|b| *b == b'=')
        .is_some_and(|at| at > 0 && next.iter().take(at).all(|b| b.is_ascii_alphanumeric() || *b == b'_'))
}

/// What several codes of one frame say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vote {
    /// They agree on one parcel number: judge the code at this index.
    One(usize),
    /// They name different parcel numbers, best first: only a lookup that finds one and the same parcel decides.
    Several(Vec<usize>),
    /// None names a parcel: only items, bench codes, advertising or no-reads. The index of the most telling one.
    NoParcel(usize),
}

/// Chooses the code to judge among those of one frame; `None` for no codes.
///
/// Numbers that more codes agree on come first, then long plain numbers before numbers out of a QR code, before short
/// ones, so that a QR code steps in when the bars were cut to fewer than twelve characters. Two codes agree when they
/// share a lookup key.
pub fn vote(codes: &[ScanCode]) -> Option<Vote> {
    let keys: Vec<Vec<String>> = codes.iter().map(parcel_keys).collect();
    let agree = |a: &[String], b: &[String]| a.iter().any(|key| b.contains(key));
    let votes = |own: &[String]| keys.iter().filter(|other| agree(own, other)).count();
    let mut by_rank: Vec<(usize, &[String])> =
        keys.iter().map(Vec::as_slice).enumerate().filter(|(_, keys)| !keys.is_empty()).collect();
    by_rank.sort_by_key(|(index, own)| (std::cmp::Reverse(votes(own)), rank(codes, *index), *index));

    let mut parcels: Vec<(usize, &[String])> = Vec::new();
    for (index, own) in by_rank {
        if !parcels.iter().any(|(_, seen)| agree(seen, own)) {
            parcels.push((index, own));
        }
    }
    match parcels.as_slice() {
        [] => (0..codes.len()).min_by_key(|index| (rank(codes, *index), *index)).map(Vote::NoParcel),
        [(index, _)] => Some(Vote::One(*index)),
        many => Some(Vote::Several(many.iter().map(|(index, _)| *index).collect())),
    }
}

/// The keys under which a code names a parcel for sure; product data names none.
fn parcel_keys(code: &ScanCode) -> Vec<String> {
    match &code.kind {
        CodeKind::Gs1(elements) => elements.transport_keys(),
        CodeKind::DigitalLink(link) => link.elements.transport_keys(),
        _ => code.lookup_keys(),
    }
}

fn rank(codes: &[ScanCode], index: usize) -> u8 {
    match codes.get(index).map(|code| &code.kind) {
        Some(CodeKind::Action(_) | CodeKind::Badge(_) | CodeKind::Reason(_)) => 0,
        Some(CodeKind::Number(number)) if number.source != NumberSource::Plain => 2,
        Some(CodeKind::Number(number)) => {
            if number.text.len() >= 12 {
                1
            } else {
                5
            }
        }
        Some(CodeKind::Gs1(_) | CodeKind::DigitalLink(_)) => 3,
        Some(CodeKind::Ambiguous { .. }) => 4,
        Some(CodeKind::Item(_)) => 6,
        Some(CodeKind::NotAWaybill(_)) => 7,
        Some(CodeKind::NoRead) => 8,
        None => u8::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Entry;
    use super::*;

    #[track_caller]
    fn splits(frame: &str, separators: &str, expected: &[&str]) {
        let got: Vec<_> =
            split(frame.as_bytes(), separators.as_bytes()).into_iter().map(String::from_utf8_lossy).collect();
        assert_eq!(got, expected, "{frame}");
    }

    #[test]
    fn frames_of_several_codes_are_split_where_the_port_says() {
        splits("JT0000000000017&6901234567892", "&", &["JT0000000000017", "6901234567892"]);
        splits("JT0000000000017;;JT0000000000018;", ";", &["JT0000000000017", "JT0000000000018"]);
        splits("JT0000000000017&6901234567892", "", &["JT0000000000017&6901234567892"]);
        splits("JT0000000000017", "&;,", &["JT0000000000017"]);
        splits(
            "MMM={'k1':'755','k5':'SF0000000000017'},SF0000000000017",
            ",",
            &["MMM={'k1':'755','k5':'SF0000000000017'}", "SF0000000000017"],
        );
        splits("http://a.example/x?p=1&q=2&JT0000000000017", "&", &["http://a.example/x?p=1&q=2", "JT0000000000017"]);
        splits("", "&", &[""]);
        splits("&&", "&", &["&&"]);
        assert_eq!(split("7&".repeat(100).as_bytes(), b"&").len(), CODES_PER_FRAME_MAX);
    }

    #[test]
    fn an_unclosed_brace_keeps_the_rest_together() {
        splits("MMM={'k1':'755&JT0000000000017", "&", &["MMM={'k1':'755&JT0000000000017"]);
    }

    #[test]
    fn no_read_texts_are_known_in_any_case_and_with_line_ends() {
        let usual = NoReadTexts::usual();
        for text in [
            "NoRead",
            "noread\r",
            " NOREAD ",
            "ERROR",
            "ng",
            "?",
            "????",
            "\u{18}",
            "CAN",
            "000000000000",
            "0",
            "",
            "\r\n",
        ] {
            assert!(usual.contains(text), "{text:?}");
        }
        for text in ["NOREAD1", "1000", "NGK", "SF0000000000017"] {
            assert!(!usual.contains(text), "{text:?}");
        }
        assert!(NoReadTexts::new([" Lesefehler "]).contains("LESEFEHLER"));
        assert!(!NoReadTexts::new(["x"]).contains("noread"));
    }

    #[track_caller]
    fn votes(frames: &[&str], expected: Option<Vote>) {
        let codes: Vec<ScanCode> =
            frames.iter().map(|frame| ScanCode::parse(frame.as_bytes(), Entry::Scanner).unwrap()).collect();
        assert_eq!(vote(&codes), expected, "{frames:?}");
    }

    const SF_LABEL: &str = "]Q1MMM={'k1':'755','k5':'SF0000000000017'}";

    #[test]
    fn codes_that_agree_are_one_vote() {
        votes(&[], None);
        votes(&["]C0SF0000000000017", SF_LABEL], Some(Vote::One(0)));
        votes(&[SF_LABEL, "]C0SF0000000000017", "]E06901234567892"], Some(Vote::One(1)));
        votes(&["]C0JDVA00000000017-1-2-", "]Q1JDVA00000000017"], Some(Vote::One(0)));
        votes(&["]Q1https://example.com/app", "]C0JT0000000000017", "NoRead"], Some(Vote::One(1)));
        votes(&["]C100106901234567890128", "]C0X"], Some(Vote::Several(vec![0, 1])));
    }

    #[test]
    fn a_label_steps_in_for_cut_bars_and_two_parcels_stay_two() {
        votes(&["]C0SF0000", SF_LABEL], Some(Vote::Several(vec![1, 0])));
        votes(&["]C0JT0000000000017", "]C0JT0000000000018"], Some(Vote::Several(vec![0, 1])));
        votes(&["]C0JT0000000000017", "]C0JT0000000000018", "]Q1JT0000000000018"], Some(Vote::Several(vec![1, 0])));
    }

    #[test]
    fn frames_without_a_parcel_give_the_most_telling_code() {
        votes(&["NoRead", "]E06901234567892", "]Q1https://example.com/app"], Some(Vote::NoParcel(1)));
        votes(&["NoRead"], Some(Vote::NoParcel(0)));
    }
}
