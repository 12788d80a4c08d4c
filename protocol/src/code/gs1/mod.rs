//! GS1 data: element strings, their rules, and Digital Links.
//!
//! Data is accepted only when every value fits the table and all of them go together; what is refused says which
//! identifier, where, and what would be accepted. The reference for behaviour is the GS1 Barcode Syntax Engine with its
//! default settings. Deliberately absent: symbols, printing, and any opening of a link.

mod codes;
mod coupon;
mod date;
mod link;
mod lint;
mod pairs;
mod rule;
mod scan;
mod table;
mod value;

pub use link::parse_link;
pub(super) use scan::{composite_parts, with_separators};
pub use scan::{parse_bracketed, parse_composite, parse_scanned};

use super::Gtin;
use std::fmt;

/// The most elements in one reading.
pub const AIS_MAX: usize = 64;

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
    /// With bracketed identifiers, as people read and type it: `(01)…(10)…`, a bracket inside a value as `\(`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elements.iter().try_for_each(|element| write!(f, "({}){}", element.ai, element.value.replace('(', "\\(")))
    }
}

/// A GS1 Digital Link that has passed every rule of the table. It is read, never opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigitalLink {
    /// The part before the primary key: scheme, domain and leading path.
    pub stem: String,
    /// The elements: key, qualifiers, then attributes, as in the link.
    pub elements: ElementString,
}

/// Why data is not GS1 data. Offsets count characters from 0, after the symbology prefix. Values are not repeated,
/// because some are names and addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gs1Error {
    /// There is no data.
    #[error("there is no data; give at least one application identifier with its value")]
    Empty,
    /// More elements than any label has.
    #[error("more than {AIS_MAX} application identifiers; give at most {AIS_MAX}")]
    TooMany,
    /// No row of the table fits.
    #[error(
        "`{found}` at offset {offset} starts no known application identifier; known are those of release 2026-01 of the GS1 dictionary"
    )]
    UnknownAi {
        /// Where.
        offset: usize,
        /// Up to four characters found there, escaped.
        found: String,
    },
    /// A value is too short or too long, or a separator is missing after it.
    #[error("AI ({ai}) at offset {offset} has {length} characters; give {}", lengths_text(*min, *max))]
    Length {
        /// The identifier.
        ai: Ai,
        /// Where its value starts.
        offset: usize,
        /// How many characters there are up to the next separator.
        length: usize,
        /// The fewest accepted.
        min: usize,
        /// The most accepted.
        max: usize,
    },
    /// A character that the value cannot have.
    #[error("AI ({ai}) has `{found}` at offset {offset}; give {accepted}")]
    Character {
        /// The identifier.
        ai: Ai,
        /// Where.
        offset: usize,
        /// The character, escaped.
        found: String,
        /// The characters it may have.
        accepted: &'static str,
    },
    /// A value that breaks a rule.
    #[error("AI ({ai}) is wrong at offset {offset}; give {accepted}")]
    Value {
        /// The identifier.
        ai: Ai,
        /// Where the rule is broken.
        offset: usize,
        /// What is accepted.
        accepted: &'static str,
    },
    /// The same identifier with two values, or twice in a link.
    #[error("AI ({ai}) is repeated; give it once, or with the same value")]
    Repeated {
        /// The identifier.
        ai: Ai,
    },
    /// An identifier without the company it needs.
    #[error("AI ({ai}) needs AI {}", needs.replace('|', " or ").replace('+', " with "))]
    Missing {
        /// The identifier.
        ai: Ai,
        /// Alternatives separated by `|`, each of members joined by `+`; `n` stands for any digit.
        needs: &'static str,
    },
    /// Two identifiers that exclude each other.
    #[error("AI ({ai}) must not stand with AI ({other})")]
    Barred {
        /// The identifier with the rule.
        ai: Ai,
        /// The one it excludes.
        other: Ai,
    },
    /// A digital signature over a number without its serial part.
    #[error("AI ({ai}) needs its serial part when signed by AI (8030)")]
    Serial {
        /// The identifier.
        ai: Ai,
    },
    /// Typed data that does not go `(ai)value`.
    #[error(
        "expected `(`, an application identifier and `)` at offset {offset}; write (01)… and \\( for a bracket in a value"
    )]
    Bracket {
        /// Where.
        offset: usize,
    },
    /// A web address that is no Digital Link.
    #[error("link is wrong at offset {offset}; give {accepted}")]
    Link {
        /// Where.
        offset: usize,
        /// What is accepted.
        accepted: &'static str,
    },
    /// Path identifiers that are no qualifiers of the key, out of order, or repeated.
    #[error("path after AI ({ai}) is out of order; give {}", qualifiers_text(accepted))]
    Qualifiers {
        /// The primary key.
        ai: Ai,
        /// Its qualifiers in order, alternatives separated by `|`.
        accepted: &'static str,
    },
    /// An identifier that cannot stand in a query.
    #[error("AI ({ai}) cannot stand in the query of a link")]
    NotAnAttribute {
        /// The identifier.
        ai: Ai,
    },
    /// A qualifier in the query.
    #[error("AI ({ai}) belongs into the path of the link, not into its query")]
    BelongsIntoPath {
        /// The identifier.
        ai: Ai,
    },
}

fn lengths_text(min: usize, max: usize) -> String {
    if min == max { format!("exactly {max}") } else { format!("{min} to {max}") }
}

fn qualifiers_text(accepted: &str) -> String {
    if accepted.is_empty() {
        return "no further identifiers".into();
    }
    format!("some of {} in this order", accepted.replace('|', ", or some of "))
}

#[cfg(test)]
mod tests;
