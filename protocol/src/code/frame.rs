//! What fixed readers add around codes: texts that mean "nothing read", and several codes joined in one frame.

use super::{CodeKind, ScanCode};

/// The most codes taken from one frame; what follows stays in the last one.
pub const CODES_PER_FRAME_MAX: usize = 16;

/// The texts by which a reader says that it read nothing. Each port may have its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoReadTexts(Vec<String>);

impl Default for NoReadTexts {
    /// What the usual fixed readers send: Keyence, Cognex, Datalogic, SICK and the sorters built on them.
    fn default() -> Self {
        let usual = ["noread", "no read", "no_read", "no-read", "error", "ng", "?", "can", "\u{18}", "over"];
        Self::new(usual)
    }
}

impl NoReadTexts {
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
/// ones, so that a QR code steps in when the bars were cut to fewer than twelve characters.
pub fn vote(codes: &[ScanCode]) -> Option<Vote> {
    let mut named: Vec<(usize, String)> = Vec::new();
    for (index, code) in codes.iter().enumerate() {
        if let Some(key) = parcel_key(code) {
            named.push((index, key));
        }
    }
    let votes = |key: &str| named.iter().filter(|(_, other)| other == key).count();
    let mut ranked: Vec<(usize, &str)> = Vec::new();
    let mut by_rank: Vec<&(usize, String)> = named.iter().collect();
    by_rank.sort_by_key(|(index, key)| (std::cmp::Reverse(votes(key)), rank(codes, *index), *index));
    for (index, key) in by_rank {
        if !ranked.iter().any(|(_, seen)| seen == key) {
            ranked.push((*index, key));
        }
    }
    match ranked.as_slice() {
        [] => (0..codes.len()).min_by_key(|index| (rank(codes, *index), *index)).map(Vote::NoParcel),
        [(index, _)] => Some(Vote::One(*index)),
        many => Some(Vote::Several(many.iter().map(|(index, _)| *index).collect())),
    }
}

fn parcel_key(code: &ScanCode) -> Option<String> {
    match &code.kind {
        CodeKind::Number(_) | CodeKind::Ambiguous { .. } | CodeKind::Gs1(_) | CodeKind::DigitalLink(_) => {
            code.lookup_keys().into_iter().next()
        }
        CodeKind::Item(_)
        | CodeKind::Action(_)
        | CodeKind::Badge(_)
        | CodeKind::Reason(_)
        | CodeKind::NoRead
        | CodeKind::NotAWaybill(_) => None,
    }
}

fn rank(codes: &[ScanCode], index: usize) -> u8 {
    let Some(code) = codes.get(index) else {
        return u8::MAX;
    };
    match &code.kind {
        CodeKind::Action(_) | CodeKind::Badge(_) | CodeKind::Reason(_) => 0,
        CodeKind::Number(number) if number.source == super::NumberSource::Plain && number.text.len() >= 12 => 1,
        CodeKind::Number(number) if number.source != super::NumberSource::Plain => 2,
        CodeKind::Gs1(_) | CodeKind::DigitalLink(_) => 3,
        CodeKind::Ambiguous { .. } => 4,
        CodeKind::Number(_) => 5,
        CodeKind::Item(_) => 6,
        CodeKind::NotAWaybill(_) => 7,
        CodeKind::NoRead => 8,
    }
}
