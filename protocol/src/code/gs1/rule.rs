//! What the table says about one application identifier, and how a row is found.

use super::lint::Lint;
use super::table::TABLE;
use super::{Ai, Gs1Error};

/// One row of the table: an identifier, or a run of identifiers that mean the same with another decimal place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// The first identifier as four digits, filled up with zeros on the right, so that rows sort as text does.
    pub first: u16,
    /// The last identifier of the run, in the same form.
    pub last: u16,
    /// How many digits the identifier has.
    pub digits: u8,
    /// The length is predefined: no separator is needed after the value.
    pub fixed: bool,
    /// The identifier may stand in the query of a Digital Link.
    pub attribute: bool,
    /// The parts of the value, in order.
    pub parts: &'static [Part],
    /// Every condition must hold; in each, one of the `|` alternatives, all of whose `+` members are present.
    pub needs: [&'static str; 2],
    /// Identifiers that must not be present, separated by `|`.
    pub bars: &'static str,
    /// For primary keys of Digital Links: the qualifiers in order, alternatives separated by `|`.
    pub key: Option<&'static str>,
}

/// One part of a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// The characters it may have.
    pub set: Set,
    /// The fewest characters.
    pub min: usize,
    /// The most characters.
    pub max: usize,
    /// It may be missing, together with all parts after it.
    pub optional: bool,
    /// What else must hold.
    pub lints: &'static [Lint],
}

/// The character sets of GS1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// `0` to `9`.
    Digits,
    /// Character set 82: letters, digits and ``!"%&'()*+,-./:;<=>?_``.
    C82,
    /// Character set 39: upper case letters, digits and `#-/`.
    C39,
    /// File- and URI-safe base64, with optional padding.
    Base64,
}

impl Set {
    pub fn holds(self, byte: u8) -> bool {
        match self {
            Set::Digits => byte.is_ascii_digit(),
            Set::C82 => c82_weight(byte).is_some(),
            Set::C39 => byte.is_ascii_digit() || byte.is_ascii_uppercase() || matches!(byte, b'#' | b'-' | b'/'),
            Set::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='),
        }
    }

    pub fn accepted(self) -> &'static str {
        match self {
            Set::Digits => "digits",
            Set::C82 => "letters, digits and !\"%&'()*+,-./:;<=>?_",
            Set::C39 => "upper case letters, digits and #-/",
            Set::Base64 => "letters, digits, - and _, with = only at the end",
        }
    }
}

/// The place of a character in character set 82, which is also its weight in check pairs.
pub(super) fn c82_weight(byte: u8) -> Option<u32> {
    let weight = match byte {
        b'!' | b'"' => byte - b'!',
        b'%'..=b'/' => byte - b'%' + 2,
        b'0'..=b'9' => byte - b'0' + 13,
        b':'..=b'?' => byte - b':' + 23,
        b'A'..=b'Z' => byte - b'A' + 29,
        b'_' => 55,
        b'a'..=b'z' => byte - b'a' + 56,
        _ => return None,
    };
    Some(u32::from(weight))
}

impl Part {
    const fn new(set: Set, min: usize, max: usize) -> Part {
        Part { set, min, max, optional: false, lints: &[] }
    }

    /// The part may be missing.
    pub const fn optional(self) -> Part {
        Part { optional: true, ..self }
    }

    /// Adds conditions.
    pub const fn is(self, lints: &'static [Lint]) -> Part {
        Part { lints, ..self }
    }
}

/// Exactly `length` digits.
pub(super) const fn n(length: usize) -> Part {
    Part::new(Set::Digits, length, length)
}

/// One to `max` digits.
pub(super) const fn n_to(max: usize) -> Part {
    Part::new(Set::Digits, 1, max)
}

/// Exactly `length` characters of set 82.
pub(super) const fn x(length: usize) -> Part {
    Part::new(Set::C82, length, length)
}

/// One to `max` characters of set 82.
pub(super) const fn x_to(max: usize) -> Part {
    Part::new(Set::C82, 1, max)
}

/// One to `max` characters of set 39.
pub(super) const fn y_to(max: usize) -> Part {
    Part::new(Set::C39, 1, max)
}

/// One to `max` characters of base64.
pub(super) const fn z_to(max: usize) -> Part {
    Part::new(Set::Base64, 1, max)
}

/// A row for the identifier `digits` with this value.
pub(super) const fn ai(digits: &str, parts: &'static [Part]) -> Rule {
    let key = sort_key(digits);
    let digits = if digits.len() == 2 {
        2
    } else if digits.len() == 3 {
        3
    } else {
        4
    };
    Rule { first: key, last: key, digits, fixed: false, attribute: true, parts, needs: ["", ""], bars: "", key: None }
}

/// The digits filled up to four with zeros on the right.
const fn sort_key(digits: &str) -> u16 {
    let bytes = digits.as_bytes();
    let mut key = 0;
    let mut at = 0;
    while at < 4 {
        key = key * 10 + if at < bytes.len() { (bytes[at] - b'0') as u16 } else { 0 };
        at += 1;
    }
    key
}

impl Rule {
    /// The row covers all identifiers up to `digits`.
    pub const fn to(self, digits: &str) -> Rule {
        Rule { last: sort_key(digits), ..self }
    }

    /// The length is predefined.
    pub const fn fixed(self) -> Rule {
        Rule { fixed: true, ..self }
    }

    /// Not allowed in the query of a Digital Link.
    pub const fn no_attribute(self) -> Rule {
        Rule { attribute: false, ..self }
    }

    /// One of these must be present too.
    pub const fn needs(self, one_of: &'static str) -> Rule {
        Rule { needs: [one_of, self.needs[0]], ..self }
    }

    /// None of these may be present.
    pub const fn bars(self, others: &'static str) -> Rule {
        Rule { bars: others, ..self }
    }

    /// A primary key of Digital Links with these qualifiers.
    pub const fn key(self, qualifiers: &'static str) -> Rule {
        Rule { key: Some(qualifiers), ..self }
    }

    /// The fewest and the most characters of the whole value.
    pub fn lengths(&self) -> (usize, usize) {
        let min = self.parts.iter().filter(|part| !part.optional).map(|part| part.min).sum();
        (min, self.parts.iter().map(|part| part.max).sum())
    }
}

/// The length of identifiers by their first two digits: all that share them are equally long. 0 where there are none.
const LENGTH_BY_PREFIX: [u8; 100] = {
    let mut lengths = [0; 100];
    let mut row = 0;
    while row < TABLE.len() {
        let mut prefix = TABLE[row].first / 100;
        while prefix <= TABLE[row].last / 100 {
            lengths[prefix as usize] = TABLE[row].digits;
            prefix += 1;
        }
        row += 1;
    }
    lengths
};

/// The identifier that `data` starts with, and its row.
pub(super) fn leading(data: &[u8], offset: usize) -> Result<(Ai, &'static Rule), Gs1Error> {
    let unknown = || Gs1Error::UnknownAi { offset, found: shown(data.get(..data.len().min(4)).unwrap_or(data)) };
    let &[a, b, ..] = data else {
        return Err(unknown());
    };
    if !a.is_ascii_digit() || !b.is_ascii_digit() {
        return Err(unknown());
    }
    let length = usize::from(LENGTH_BY_PREFIX[usize::from(a - b'0') * 10 + usize::from(b - b'0')]);
    let digits = data.get(..length).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or_else(unknown)?;
    exact(digits).ok_or_else(unknown)
}

/// The identifier that is written `digits`, and its row.
pub(super) fn exact(digits: &str) -> Option<(Ai, &'static Rule)> {
    let ai = Ai::new(digits)?;
    let key = sort_key(digits);
    let row = TABLE.binary_search_by(|rule| {
        if rule.last < key {
            std::cmp::Ordering::Less
        } else if rule.first > key {
            std::cmp::Ordering::Greater
        } else {
            std::cmp::Ordering::Equal
        }
    });
    let rule = TABLE.get(row.ok()?)?;
    (usize::from(rule.digits) == digits.len()).then_some((ai, rule))
}

/// Bytes for an error message: what cannot be printed is escaped.
pub(super) fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
