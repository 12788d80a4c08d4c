//! Element strings as scanners send them and as people type them.

use super::rule::{exact, leading, shown};
use super::{AIS_MAX, Ai, Element, ElementString, GS, Gs1Error, pairs, value};
use crate::code::item::ends_in_check_digit;
use std::borrow::Cow;

/// The data with each byte E8 as [`GS`], when the rest is ASCII: some DataMatrix labels were printed with codeword 232
/// as a character, and no GS1 value has a character above 7F.
pub(in crate::code) fn with_separators(data: &[u8]) -> Cow<'_, [u8]> {
    const CODEWORD_232: u8 = 0xE8;
    if data.is_ascii() || !data.iter().all(|byte| byte.is_ascii() || *byte == CODEWORD_232) {
        return Cow::Borrowed(data);
    }
    let separator = u8::try_from(GS).unwrap_or(0x1D);
    data.iter().map(|byte| if *byte == CODEWORD_232 { separator } else { *byte }).collect()
}

/// Reads the data of a GS1 symbol: element strings with [`GS`] after those whose length is not predefined.
///
/// A separator after a predefined length is accepted, and so is one at the end, which is kept apart from the data.
pub fn parse_scanned(data: &str) -> Result<ElementString, Gs1Error> {
    let (elements, terminal_gs) = elements_of(data, 0)?;
    pairs::check(&elements)?;
    Ok(ElementString { elements, terminal_gs })
}

/// Reads a retail symbol with a composite part: `primary` is its product number, `composite` holds element strings.
/// Both name one item, so they are checked together.
pub fn parse_composite(primary: &str, composite: &str) -> Result<ElementString, Gs1Error> {
    let (ai, rule) = exact("01").expect("the table has AI 01");
    let padded = format!("{primary:0>14}");
    let product = value::whole(ai, rule, padded.as_bytes(), 0)?;
    let (more, terminal_gs) = elements_of(composite, primary.len() + COMPOSITE_MARK.len())?;
    let elements: Vec<Element> = std::iter::once(product).chain(more).collect();
    pairs::check(&elements)?;
    Ok(ElementString { elements, terminal_gs })
}

/// What stands between the product number and the composite part of a retail symbol.
pub(in crate::code) const COMPOSITE_MARK: &str = "|]e0";

/// Splits a retail symbol's data into product number and composite part, when it has one and the number is right for
/// the symbol: 13 digits for modifier 0, 8 for modifier 4.
pub(in crate::code) fn composite_parts(data: &str, modifier: char) -> Option<(&str, &str)> {
    let (primary, composite) = data.split_once(COMPOSITE_MARK)?;
    let length = if modifier == '4' { 8 } else { 13 };
    (primary.len() == length && ends_in_check_digit(primary.as_bytes())).then_some((primary, composite))
}

pub(super) fn elements_of(data: &str, offset: usize) -> Result<(Vec<Element>, bool), Gs1Error> {
    let bytes = data.as_bytes();
    let separator = |byte: &u8| char::from(*byte) == GS;
    if bytes.is_empty() {
        return Err(Gs1Error::Empty);
    }
    let mut elements = Vec::new();
    let (mut at, mut terminal_gs) = (0, false);
    while at < bytes.len() {
        let (ai, rule) = leading(bytes.get(at..).unwrap_or_default(), offset + at)?;
        at += ai.as_str().len();
        let rest = bytes.get(at..).unwrap_or_default();
        let until_separator = rest.get(..rest.iter().position(separator).unwrap_or(rest.len())).unwrap_or(rest);
        let (element, taken) = value::take(ai, rule, until_separator, offset + at)?;
        push(&mut elements, element)?;
        at += taken;
        if taken < until_separator.len() && !rule.fixed {
            let (min, max) = rule.lengths();
            return Err(Gs1Error::Length { ai, offset: offset + at - taken, length: until_separator.len(), min, max });
        }
        if bytes.get(at).is_some_and(separator) {
            at += 1;
            terminal_gs = at == bytes.len();
        }
    }
    Ok((elements, terminal_gs))
}

pub(super) fn push(elements: &mut Vec<Element>, element: Element) -> Result<(), Gs1Error> {
    if elements.len() == AIS_MAX {
        return Err(Gs1Error::TooMany);
    }
    elements.push(element);
    Ok(())
}

/// Reads data typed with bracketed identifiers, `(01)…(10)…`. A bracket inside a value is typed `\(`; the parts of a
/// composite symbol are separated by `|`.
pub fn parse_bracketed(text: &str) -> Result<ElementString, Gs1Error> {
    let mut elements = Vec::new();
    let mut at = 0;
    while at < text.len() || at == 0 {
        at += bracketed_element(text.get(at..).unwrap_or_default(), at, &mut elements)?;
        at += usize::from(text.get(at..).is_some_and(|rest| rest.starts_with("|(")));
    }
    pairs::check(&elements)?;
    Ok(ElementString { elements, terminal_gs: false })
}

/// Reads one `(ai)value` off the front and gives its length.
fn bracketed_element(text: &str, offset: usize, elements: &mut Vec<Element>) -> Result<usize, Gs1Error> {
    let bracket = || Gs1Error::Bracket { offset };
    let (digits, rest) = text.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(bracket)?;
    let unknown = || Gs1Error::UnknownAi {
        offset: offset + 1,
        found: shown(digits.as_bytes().get(..8).unwrap_or(digits.as_bytes())),
    };
    let (ai, rule) = exact(digits).ok_or_else(unknown)?;
    let value_at = digits.len() + 2;
    let (typed, taken) = bracketed_value(rest);
    let element = value::whole(ai, rule, typed.as_bytes(), offset + value_at)?;
    push(elements, element)?;
    Ok(value_at + taken)
}

/// The value up to the next bracket that opens an identifier, its escapes resolved, and its length as typed.
fn bracketed_value(rest: &str) -> (String, usize) {
    let mut value = String::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some((_, '('))) => {
                value.push('(');
                chars.next();
            }
            ('(', _) | ('|', Some((_, '('))) => return (value, at),
            _ => value.push(c),
        }
    }
    (value, rest.len())
}

impl ElementString {
    /// The data as a scanner sends it: [`GS`] after each value whose length is not predefined, except at the end.
    pub fn wire(&self) -> String {
        let mut data = String::new();
        let mut open = false;
        for element in &self.elements {
            if open {
                data.push(GS);
            }
            data.push_str(element.ai.as_str());
            data.push_str(&element.value);
            open = !is_fixed(element.ai);
        }
        data
    }
}

fn is_fixed(ai: Ai) -> bool {
    exact(ai.as_str()).is_some_and(|(_, rule)| rule.fixed)
}
