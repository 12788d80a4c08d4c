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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::gs1::tests::{refuses, scans};

    #[test]
    fn element_strings_are_split_by_the_table() {
        scans("0106901234567892", "(01)06901234567892");
        scans("010690123456789217261231", "(01)06901234567892(17)261231");
        scans("010690123456789210LOT-7^17261231", "(01)06901234567892(10)LOT-7(17)261231");
        scans("0106901234567892^17261200", "(01)06901234567892(17)261200");
        scans("001069012345678901289012X", "(00)106901234567890128(90)12X");
        scans("01069012345678923103001250", "(01)06901234567892(3103)001250");
        scans("010690123456789210A(B", "(01)06901234567892(10)A\\(B");
        scans("4211561000001", "(421)1561000001");
    }

    #[test]
    fn a_separator_at_the_end_is_kept_apart() {
        let ended = parse_scanned("010690123456789210LOT\u{1D}").unwrap();
        assert!(ended.terminal_gs);
        assert_eq!(ended.get("10"), Some("LOT"));
        assert!(!parse_scanned("010690123456789210LOT").unwrap().terminal_gs);
        assert!(!parse_scanned("010690123456789210LOT\u{1D}90X").unwrap().terminal_gs);
    }

    #[test]
    fn a_refusal_says_which_identifier_where_and_what_is_accepted() {
        refuses("", "there is no data; give at least one application identifier with its value");
        refuses(
            "0406901234567892",
            "`0406` at offset 0 starts no known application identifier; known are those of release 2026-01 of the GS1 dictionary",
        );
        refuses(
            "0106901234567892^^17261231",
            "`\\x1d172` at offset 17 starts no known application identifier; known are those of release 2026-01 of the GS1 dictionary",
        );
        refuses("0106901234567893", "AI (01) is wrong at offset 15; give the check digit that fits the others");
        refuses("01069012345678", "AI (01) at offset 2 has 12 characters; give exactly 14");
        refuses("010690123456789", "AI (01) at offset 2 has 13 characters; give exactly 14");
        refuses("010690123456789217261331", "AI (17) is wrong at offset 20; give a month from 01 to 12");
        refuses(
            "010690123456789217260230",
            "AI (17) is wrong at offset 22; give a day of that month, or 00 for the whole month",
        );
        refuses(
            "010690123456789210AB~C",
            "AI (10) has `~` at offset 20; give letters, digits and !\"%&'()*+,-./:;<=>?_",
        );
        refuses(
            "010690123456789210AB^C",
            "`C` at offset 21 starts no known application identifier; known are those of release 2026-01 of the GS1 dictionary",
        );
        refuses("010690123456789210123456789012345678901", "AI (10) at offset 18 has 21 characters; give 1 to 20");
        refuses("0106901234567892423156^10", "AI (10) at offset 25 has 0 characters; give 1 to 20");
        refuses("010690123456789242315615", "AI (423) at offset 19 has 5 characters; give 3 to 15");
        refuses("10LOT", "AI (10) needs AI 01 or 02 or 03 or 8006 or 8026");
        refuses("0106901234567892700412", "AI (7004) needs AI 01 with 10");
        refuses("010690123456789237100", "AI (01) must not stand with AI (37)");
        refuses("01069012345678923103001250310200125", "AI (3102) at offset 30 has 5 characters; give exactly 6");
        refuses("010690123456789231030012503102001250", "AI (3103) must not stand with AI (3102)");
        refuses("010690123456789210A^10B", "AI (10) is repeated; give it once, or with the same value");
    }

    #[test]
    fn repeated_elements_may_agree() {
        scans("010690123456789210A^10A", "(01)06901234567892(10)A(10)A");
    }

    #[test]
    fn bracketed_data_is_read_as_typed() {
        let typed =
            |text: &str| parse_bracketed(text).map(|elements| elements.to_string()).map_err(|error| error.to_string());
        assert_eq!(typed("(01)06901234567892(10)A\\(B(17)261231"), Ok("(01)06901234567892(10)A\\(B(17)261231".into()));
        assert_eq!(typed("(01)06901234567892|(10)AB"), Ok("(01)06901234567892(10)AB".into()));
        let refused = |text: &str| typed(text).unwrap_err();
        assert_eq!(refused("(01)0690123456789(10)A"), "AI (01) at offset 4 has 13 characters; give exactly 14");
        assert_eq!(
            refused("(1)2"),
            "`1` at offset 1 starts no known application identifier; known are those of release 2026-01 of the GS1 dictionary"
        );
        assert_eq!(refused("(01)06901234567892(10)"), "AI (10) at offset 22 has 0 characters; give 1 to 20");
        assert_eq!(
            refused("01)06901234567892"),
            "expected `(`, an application identifier and `)` at offset 0; write (01)… and \\( for a bracket in a value"
        );
        assert!(refused("(01)06901234567892(10").starts_with("expected `(`"));
        assert!(refused("").starts_with("expected `(`"));
    }

    #[test]
    fn a_composite_part_is_checked_together_with_its_product() {
        let read =
            |primary, composite| parse_composite(primary, composite).map(|e| e.to_string()).map_err(|e| e.to_string());
        assert_eq!(read("6901234567892", "10LOT"), Ok("(01)06901234567892(10)LOT".into()));
        assert_eq!(read("96385074", "17261231"), Ok("(01)00000096385074(17)261231".into()));
        assert_eq!(
            read("6901234567892", ""),
            Err("there is no data; give at least one application identifier with its value".into())
        );
        assert_eq!(
            read("6901234567892", "17269931"),
            Err("AI (17) is wrong at offset 21; give a month from 01 to 12".into())
        );
    }
}
