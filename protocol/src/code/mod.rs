//! What a scanned code is.
//!
//! [`ScanCode::parse`] reads the bytes of one frame: the symbology prefix if the scanner sends one, then a parcel
//! number, a product, GS1 data, a code of the bench itself, or nothing of use. It never looks anything up and never
//! decides a courier: whether a number is a known parcel is the replica's answer, under [`ScanCode::lookup_keys`].
//!
//! One parcel number in ten is also a correct product number. Where the symbology does not tell them apart the
//! result is [`CodeKind::Ambiguous`], and whoever judges asks instead of guessing.

mod aim;
mod bench;
mod courier;
mod frame;
pub mod gs1;
mod item;
mod label;
mod text;

pub use aim::{AimId, Family};
pub use bench::{Action, BENCH_NAME_MAX, BENCH_PREFIX, BadgeId, BenchCode, BenchError, ReasonCode};
pub use courier::{Courier, hints, is_s10};
pub use frame::{CODES_PER_FRAME_MAX, NoReadTexts, Vote, split, vote};
pub use item::{Gtin, GtinError, check_digit, ends_in_check_digit};
pub use label::{NumberSource, Piece, piece_of};
pub use text::{CANONICAL_VERSION, Encoding, canonical, canonical_cow, code_hash, decode, narrowed};

use gs1::{DigitalLink, ElementString, Gs1Error};

/// The longest frame that is read, in bytes: above the largest QR code (7,089 digits).
pub const CODE_BYTES_MAX: usize = 8 * 1024;

/// The longest parcel number, in characters of its canonical text.
pub const NUMBER_MAX: usize = 64;

/// Where a code came in. People may type what scanners never send, such as brackets around GS1 identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A scanner or fixed reader.
    Scanner,
    /// Typed by a person.
    Manual,
}

/// One scanned code: its bytes, how they were read, and what they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanCode {
    /// The bytes as they came, symbology prefix included: the truth that everything else is read from.
    pub raw: Vec<u8>,
    /// The data after the symbology prefix as text.
    pub text: String,
    /// How the bytes were read as text.
    pub encoding: Encoding,
    /// The symbology prefix, when the scanner sends one.
    pub aim: Option<AimId>,
    /// What the code means.
    pub kind: CodeKind,
    /// The [`CANONICAL_VERSION`] that was in force.
    pub canonical_version: u16,
}

/// What a code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeKind {
    /// A text that may be a parcel's number: waybill, order number, WMS number, or a shop's own item code. Lookup decides.
    Number(Number),
    /// A product, by symbology.
    Item(Gtin),
    /// A text that may be a product or a parcel number: its check digit fits a product and no symbology tells.
    /// Look both up, and ask when both are known.
    Ambiguous {
        /// The product it would be.
        as_item: Gtin,
        /// The parcel number it would be.
        as_waybill: Number,
    },
    /// GS1 element strings.
    Gs1(ElementString),
    /// A GS1 Digital Link.
    DigitalLink(DigitalLink),
    /// An action printed on the bench.
    Action(Action),
    /// A staff badge.
    Badge(BadgeId),
    /// An override reason printed on the bench.
    Reason(ReasonCode),
    /// The reader fired and read nothing.
    NoRead,
    /// Something that no parcel is known by: neutral, never an unknown parcel.
    NotAWaybill(NotAWaybill),
}

/// A text under which a parcel may be known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number {
    /// The number in canonical form, see [`canonical`].
    pub text: String,
    /// Where in the code it was found.
    pub source: NumberSource,
}

impl Number {
    /// The package number, for couriers that append it to the shipment's number.
    pub fn piece(&self) -> Option<Piece> {
        piece_of(&self.text).map(|(_, piece)| piece)
    }
}

/// Why a code is no parcel number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotAWaybill {
    /// A link: advertising, an app, a courier's promotion.
    Link,
    /// Text with characters that no number has, or too long for one.
    Text,
}

/// Why a frame is not read as a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// More bytes than any symbol holds.
    #[error("code has {bytes} bytes; give at most {CODE_BYTES_MAX}")]
    TooLong {
        /// How many came.
        bytes: usize,
    },
    /// A product symbol whose data is not a product number.
    #[error("symbol `{aim}` holds no product number")]
    Item {
        /// The symbology prefix.
        aim: AimId,
        /// What is wrong with the number.
        #[source]
        cause: GtinError,
    },
    /// A symbol that promises GS1 data, or typed brackets, with data that breaks the GS1 rules.
    #[error("GS1 data is refused")]
    Gs1(#[source] Gs1Error),
    /// A damaged or unknown bench code.
    #[error("bench code is refused")]
    Bench(#[source] BenchError),
}

impl ScanCode {
    /// Reads one frame, with the usual no-read texts.
    pub fn parse(bytes: &[u8], entry: Entry) -> Result<ScanCode, CodeError> {
        Self::parse_with(bytes, entry, NoReadTexts::usual())
    }

    /// Reads one frame of a port that has its own no-read texts.
    pub fn parse_with(bytes: &[u8], entry: Entry, no_read: &NoReadTexts) -> Result<ScanCode, CodeError> {
        if bytes.len() > CODE_BYTES_MAX {
            return Err(CodeError::TooLong { bytes: bytes.len() });
        }
        let (aim, data) = AimId::take(bytes);
        let (text, encoding) = match aim {
            Some(aim) if aim.carries_gs1() => decode(&gs1::with_separators(data)),
            _ => decode(data),
        };
        let kind = if no_read.contains(&text) { CodeKind::NoRead } else { kind_of(&text, aim, entry)? };
        Ok(ScanCode { raw: bytes.to_vec(), text, encoding, aim, kind, canonical_version: CANONICAL_VERSION })
    }

    /// The canonical texts under which a replica may know the parcel, best first; empty when the code names none.
    pub fn lookup_keys(&self) -> Vec<String> {
        match &self.kind {
            CodeKind::Number(number) | CodeKind::Ambiguous { as_waybill: number, .. } => number_keys(number),
            CodeKind::Gs1(elements) => elements.lookup_keys(),
            CodeKind::DigitalLink(link) => {
                let mut keys = link.elements.lookup_keys();
                keys.push(canonical(&self.text));
                keys
            }
            CodeKind::Item(_)
            | CodeKind::Action(_)
            | CodeKind::Badge(_)
            | CodeKind::Reason(_)
            | CodeKind::NoRead
            | CodeKind::NotAWaybill(_) => Vec::new(),
        }
    }

    /// The canonical texts under which an order line may know the item, best first; empty when the code names none.
    pub fn item_keys(&self) -> Vec<String> {
        match &self.kind {
            CodeKind::Item(gtin) | CodeKind::Ambiguous { as_item: gtin, .. } => gtin_keys(gtin),
            CodeKind::Gs1(elements) | CodeKind::DigitalLink(DigitalLink { elements, .. }) => {
                elements.gtin().as_ref().map(gtin_keys).unwrap_or_default()
            }
            CodeKind::Number(number) => {
                let writings = Gtin::parse(&number.text).map(|gtin| gtin_keys(&gtin)).unwrap_or_default();
                let others = writings.into_iter().filter(|key| *key != number.text);
                std::iter::once(number.text.clone()).chain(others).collect()
            }
            CodeKind::NotAWaybill(NotAWaybill::Text) => vec![canonical(&self.text)],
            CodeKind::Action(_)
            | CodeKind::Badge(_)
            | CodeKind::Reason(_)
            | CodeKind::NoRead
            | CodeKind::NotAWaybill(NotAWaybill::Link) => Vec::new(),
        }
    }

    /// The product the code names for certain, or might name when it is ambiguous.
    pub fn gtin(&self) -> Option<Gtin> {
        match &self.kind {
            CodeKind::Item(gtin) | CodeKind::Ambiguous { as_item: gtin, .. } => Some(*gtin),
            CodeKind::Gs1(elements) | CodeKind::DigitalLink(DigitalLink { elements, .. }) => elements.gtin(),
            _ => None,
        }
    }

    /// The couriers whose numbers look like this one. For people only: nothing is decided by it.
    pub fn courier_hints(&self) -> Vec<Courier> {
        match &self.kind {
            CodeKind::Number(number) | CodeKind::Ambiguous { as_waybill: number, .. } => {
                if number.source == NumberSource::SfLabel { vec![Courier::Sf] } else { hints(&number.text) }
            }
            _ => Vec::new(),
        }
    }
}

impl CodeKind {
    /// The stable short name used in logs, pages and `explain`.
    pub fn name(&self) -> &'static str {
        match self {
            CodeKind::Number(_) => "number",
            CodeKind::Item(_) => "item",
            CodeKind::Ambiguous { .. } => "ambiguous",
            CodeKind::Gs1(_) => "gs1",
            CodeKind::DigitalLink(_) => "digital-link",
            CodeKind::Action(_) => "action",
            CodeKind::Badge(_) => "badge",
            CodeKind::Reason(_) => "reason",
            CodeKind::NoRead => "no-read",
            CodeKind::NotAWaybill(_) => "not-a-waybill",
        }
    }
}

fn kind_of(text: &str, aim: Option<AimId>, entry: Entry) -> Result<CodeKind, CodeError> {
    let plain = canonical_cow(text);
    if BenchCode::claims(&plain) {
        return bench_kind(&plain);
    }
    match aim {
        Some(aim) if aim.carries_gs1() => gs1_kind(gs1::parse_scanned(text)),
        Some(aim) if aim.is_retail() => retail_kind(text, aim),
        None if text.contains(gs1::GS) => gs1_kind(gs1::parse_scanned(text.strip_prefix(gs1::GS).unwrap_or(text))),
        None if entry == Entry::Manual && plain.starts_with('(') => {
            gs1_kind(gs1::parse_bracketed(&typed_brackets(text)))
        }
        _ => Ok(plain_kind(text, &plain, aim)),
    }
}

/// Bracketed identifiers as people type and labels print them: with full-width characters, and with spaces around the
/// brackets. A space inside a value stays, and is refused.
fn typed_brackets(text: &str) -> String {
    let mut typed = String::with_capacity(text.len());
    for c in text::narrowed(text).chars() {
        if c == '(' {
            typed.truncate(typed.trim_end_matches(' ').len());
        }
        if c != ' ' || !typed.ends_with(')') {
            typed.push(c);
        }
    }
    typed
}

fn gs1_kind(read: Result<ElementString, Gs1Error>) -> Result<CodeKind, CodeError> {
    read.map(CodeKind::Gs1).map_err(CodeError::Gs1)
}

fn bench_kind(canonical: &str) -> Result<CodeKind, CodeError> {
    let code = BenchCode::parse(canonical).map_err(CodeError::Bench)?;
    Ok(match code {
        BenchCode::Action(action) => CodeKind::Action(action),
        BenchCode::Badge(badge) => CodeKind::Badge(badge),
        BenchCode::Reason(reason) => CodeKind::Reason(reason),
    })
}

/// A product symbol. Scanners differ: UPC-A comes as 13 or 12 digits, UPC-E expanded or as 8, add-ons as 2 or 5 more.
fn retail_kind(text: &str, aim: AimId) -> Result<CodeKind, CodeError> {
    if let Some((primary, composite)) = gs1::composite_parts(text, aim.modifier) {
        return gs1_kind(gs1::parse_composite(primary, composite));
    }
    let digits = text.trim();
    let gtin = match (aim.modifier, digits.len()) {
        ('1', 2) | ('2', 5) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            return Ok(CodeKind::NotAWaybill(NotAWaybill::Text));
        }
        ('3', 15 | 18) => Gtin::parse(digits.get(..13).unwrap_or(digits)),
        ('0', 8) => Gtin::from_upc_e(digits),
        ('0' | '3', 12 | 13) | ('4', 8) => Gtin::parse(digits),
        _ => Err(GtinError::shape(digits)),
    };
    gtin.map(CodeKind::Item).map_err(|cause| CodeError::Item { aim, cause })
}

/// Data whose symbology does not decide: a label, a link, a number, or something else.
fn plain_kind(text: &str, plain: &str, aim: Option<AimId>) -> CodeKind {
    if let Some((number, source)) = label::number_in(text) {
        return CodeKind::Number(Number { text: canonical(&number), source });
    }
    if is_link(plain) {
        let link = gs1::parse_link(text.trim());
        return link.map_or(CodeKind::NotAWaybill(NotAWaybill::Link), CodeKind::DigitalLink);
    }
    if !is_plausible_number(plain) || text.trim().contains(|c: char| c.is_control()) {
        return CodeKind::NotAWaybill(NotAWaybill::Text);
    }
    let number = Number { text: plain.to_owned(), source: NumberSource::Plain };
    let itf = aim.filter(|aim| aim.family == Family::Itf);
    match Gtin::parse(plain) {
        Ok(gtin) if itf.is_some_and(|aim| aim.modifier == '1') => CodeKind::Item(gtin),
        Ok(gtin) if aim.is_none() || itf.is_some() => CodeKind::Ambiguous { as_item: gtin, as_waybill: number },
        _ => CodeKind::Number(number),
    }
}

/// Whether a canonical text starts like a link of any kind: `HTTP://`, `WEIXIN://`.
fn is_link(plain: &str) -> bool {
    plain.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_uppercase())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// Whether a canonical text could be the number of a parcel, an order or an item in some system.
fn is_plausible_number(plain: &str) -> bool {
    (1..=NUMBER_MAX).contains(&plain.len())
        && plain.bytes().any(|b| b.is_ascii_alphanumeric())
        && plain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'#' | b'+' | b'*'))
}

/// The number, then the shipment's number without the package, or the SSCC without its identifier: printers that write
/// GS1-128 as plain Code 128 are common.
fn number_keys(number: &Number) -> Vec<String> {
    let shipment = piece_of(&number.text).map(|(stem, _)| stem);
    let sscc = number.text.strip_prefix("00").filter(|sscc| sscc.len() == 18 && ends_in_check_digit(sscc.as_bytes()));
    std::iter::once(number.text.as_str()).chain(shipment).chain(sscc).map(str::to_owned).collect()
}

fn gtin_keys(gtin: &Gtin) -> Vec<String> {
    let printed = gtin.printed().to_owned();
    let others: Vec<String> = gtin.writings().filter(|text| *text != printed).map(str::to_owned).collect();
    std::iter::once(printed).chain(others).collect()
}

#[cfg(test)]
mod tests;
