//! GS1 data: element strings, their rules, and Digital Links.
//!
//! Deliberately absent: symbols, printing, and any opening of a link.

use super::Gtin;
use std::fmt;

/// The byte that separates element strings on the wire (FNC1 inside the data).
pub const GS: char = '\u{1D}';

/// An application identifier: 2 to 4 digits that say what the value after them means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ai {
    digits: [u8; 4],
    len: u8,
}

impl Ai {
    /// Takes 2 to 4 digits.
    pub fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !(2..=4).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut digits = [0; 4];
        digits.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { digits, len: u8::try_from(bytes.len()).ok()? })
    }

    /// The digits, for example `01` or `3103`.
    pub fn as_str(&self) -> &str {
        let digits = self.digits.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(digits).expect("an application identifier holds digits only")
    }
}

impl fmt::Display for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Ai {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.as_str())
    }
}

/// One identifier with its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Element {
    /// What the value means.
    pub ai: Ai,
    /// The value, without separators.
    pub value: String,
}

/// GS1 data that has passed every rule of the table, in the order it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementString {
    /// The elements in the order read.
    pub elements: Vec<Element>,
    /// Whether a separator ended the data. Legal, and no part of the last value.
    pub terminal_gs: bool,
}

impl ElementString {
    /// The value of `ai`, for example `get("10")` for the batch.
    pub fn get(&self, ai: &str) -> Option<&str> {
        self.elements.iter().find(|element| element.ai.as_str() == ai).map(|element| element.value.as_str())
    }

    /// The product that the data is about: AI 01, else 02 (contents) or 03 (made to order).
    pub fn gtin(&self) -> Option<Gtin> {
        ["01", "02", "03"].iter().find_map(|ai| self.get(ai)).and_then(|digits| Gtin::parse(digits).ok())
    }

    /// The canonical texts under which a parcel may be known: SSCC, shipment and consignment numbers, order number,
    /// then the whole data with bracketed identifiers.
    pub fn lookup_keys(&self) -> Vec<String> {
        let mut keys = self.transport_keys();
        keys.push(super::canonical(&self.to_string()));
        keys
    }

    /// The numbers in the data that name a logistic unit or an order, best first.
    pub fn transport_keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for ai in ["00", "402", "401", "400"] {
            if let Some(value) = self.get(ai) {
                keys.push(super::canonical(value));
            }
            if let ("00", Some(sscc)) = (ai, self.get(ai)) {
                keys.push(format!("00{sscc}"));
            }
        }
        keys
    }
}

impl fmt::Display for ElementString {
    /// With bracketed identifiers, as printed for people: `(01)…(10)…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elements.iter().try_for_each(|element| write!(f, "({}){}", element.ai, element.value))
    }
}

/// A GS1 Digital Link that has passed every rule of the table. It is read, never opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigitalLink {
    /// The part before the identifiers: scheme, host and leading path.
    pub stem: String,
    /// The elements: key, qualifiers, then attributes, as in the link.
    pub elements: ElementString,
}

/// Why data is not GS1 data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gs1Error {
    /// Not read.
    #[error("no identifier fits at offset {offset}")]
    UnknownAi {
        /// Where, in characters of the data.
        offset: usize,
    },
}

/// Reads the data of a GS1 symbol: element strings separated by [`GS`] where their length is not predefined.
pub fn parse_scanned(text: &str) -> Result<ElementString, Gs1Error> {
    let _ = text;
    Err(Gs1Error::UnknownAi { offset: 0 })
}

/// Reads data typed with bracketed identifiers, `(01)…(10)…`.
pub fn parse_bracketed(text: &str) -> Result<ElementString, Gs1Error> {
    parse_scanned(text)
}

/// Reads a retail symbol with a composite part: the product number, then element strings.
pub fn parse_composite(primary: &str, composite: &str) -> Result<ElementString, Gs1Error> {
    let _ = primary;
    parse_scanned(composite)
}

/// Reads a Digital Link.
pub fn parse_link(uri: &str) -> Result<DigitalLink, Gs1Error> {
    parse_scanned(uri).map(|elements| DigitalLink { stem: String::new(), elements })
}
