//! Checks a value against the parts that the table gives for its identifier.

use super::rule::{Part, Rule, shown};
use super::{Ai, Element, Gs1Error};

/// Takes the value of `ai` off the front of `data`, which ends where the separator or the end of the data is.
///
/// Gives the element and how many characters it took; what follows a value of predefined length is the next element.
pub(super) fn take(ai: Ai, rule: &Rule, data: &[u8], offset: usize) -> Result<(Element, usize), Gs1Error> {
    if data.is_empty() {
        let (min, max) = rule.lengths();
        return Err(Gs1Error::Length { ai, offset, length: 0, min, max });
    }
    let mut at = 0;
    for part in rule.parts {
        let rest = data.get(at..).unwrap_or_default();
        let taken = rest.get(..rest.len().min(part.max)).unwrap_or_default();
        if part.optional && taken.is_empty() {
            continue;
        }
        if taken.len() < part.min {
            let (min, max) = rule.lengths();
            return Err(Gs1Error::Length { ai, offset, length: data.len(), min, max });
        }
        check_part(ai, part, taken, offset + at)?;
        at += taken.len();
    }
    let value = data.get(..at).unwrap_or_default();
    let value = std::str::from_utf8(value).expect("every character is in an ASCII set");
    Ok((Element { ai, value: value.to_owned() }, at))
}

/// Checks a value that must be whole, as it comes from brackets or from a link.
pub(super) fn whole(ai: Ai, rule: &Rule, value: &[u8], offset: usize) -> Result<Element, Gs1Error> {
    let (min, max) = rule.lengths();
    if !(min..=max).contains(&value.len()) {
        return Err(Gs1Error::Length { ai, offset, length: value.len(), min, max });
    }
    let (element, taken) = take(ai, rule, value, offset)?;
    if taken != value.len() {
        return Err(Gs1Error::Length { ai, offset, length: value.len(), min, max });
    }
    Ok(element)
}

fn check_part(ai: Ai, part: &Part, taken: &[u8], offset: usize) -> Result<(), Gs1Error> {
    if let Some(at) = taken.iter().position(|byte| !part.set.holds(*byte)) {
        let found = shown(taken.get(at..=at).unwrap_or_default());
        return Err(Gs1Error::Character { ai, offset: offset + at, found, accepted: part.set.accepted() });
    }
    let text = std::str::from_utf8(taken).expect("every character is in an ASCII set");
    if part.set == super::rule::Set::Base64 {
        super::lint::base64_padding(text).map_err(|flaw| flaw.in_value(ai, offset))?;
    }
    part.lints.iter().try_for_each(|lint| lint.check(text).map_err(|flaw| flaw.in_value(ai, offset)))
}
