//! GS1 Digital Links: identifiers in the path and query of a web address.
//!
//! A link is read, never opened. Short names such as `/gtin/` are deprecated and not read; compressed links are not read.

use super::rule::{Rule, exact};
use super::{Ai, DigitalLink, Element, ElementString, Gs1Error, pairs, scan, value};

/// Reads a Digital Link: `scheme://domain[/path]/key/value[/qualifier/value …][?attribute=value …][#…]`.
pub fn parse_link(uri: &str) -> Result<DigitalLink, Gs1Error> {
    if let Some(offset) = uri.bytes().position(|byte| !is_uri_character(byte)) {
        return Err(link_error(offset, "a web address of ASCII characters"));
    }
    let path_at = path_offset(uri)?;
    let whole = uri.split('#').next().unwrap_or(uri);
    let (before_query, query) = whole.split_once('?').unwrap_or((whole, ""));
    let path = before_query.get(path_at..).unwrap_or_default();
    let key_at =
        path_at + key_offset(path).ok_or_else(|| link_error(path_at, "a path with a primary key such as /01/…"))?;

    let mut elements = Vec::new();
    read_path(before_query.get(key_at..).unwrap_or_default(), key_at, &mut elements)?;
    let in_path = elements.len();
    read_query(query, before_query.len() + 1, &mut elements)?;
    check_places(&elements, in_path)?;
    pairs::check(&elements)?;
    let stem = uri.get(..key_at).unwrap_or_default().to_owned();
    Ok(DigitalLink { stem, elements: ElementString { elements, terminal_gs: false } })
}

fn link_error(offset: usize, accepted: &'static str) -> Gs1Error {
    Gs1Error::Link { offset, accepted }
}

fn is_uri_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// Where the path starts. Scheme in one letter case, as the reference engine has it; a domain of domain characters.
fn path_offset(uri: &str) -> Result<usize, Gs1Error> {
    let scheme = ["https://", "HTTPS://", "http://", "HTTP://"].into_iter().find(|scheme| uri.starts_with(scheme));
    let domain_at = scheme.ok_or_else(|| link_error(0, "http:// or https://"))?.len();
    let rest = uri.get(domain_at..).unwrap_or_default();
    let length = rest.find('/').unwrap_or(rest.len());
    let domain = rest.get(..length).unwrap_or_default();
    if let Some(at) = domain.bytes().position(|byte| b"_~?#@!$&'()*+,;=%".contains(&byte)) {
        return Err(link_error(domain_at + at, "a domain of letters, digits, dots and hyphens"));
    }
    if domain.is_empty() || length == rest.len() {
        return Err(link_error(domain_at, "a domain and a path"));
    }
    Ok(domain_at + length)
}

/// Where in `path` the last primary key starts, with its slash: pairs are walked from the end until one is found.
fn key_offset(path: &str) -> Option<usize> {
    let mut rest = path;
    loop {
        let (before, _value) = rest.rsplit_once('/')?;
        let (ahead, digits) = before.rsplit_once('/')?;
        let (_, rule) = exact(digits)?;
        if rule.key.is_some() {
            return Some(ahead.len());
        }
        rest = ahead;
    }
}

/// Reads `/ai/value` pairs; [`key_offset`] has seen that they come in pairs and are known.
fn read_path(path: &str, offset: usize, elements: &mut Vec<Element>) -> Result<(), Gs1Error> {
    let mut at = offset;
    let mut parts = path.split('/').skip(1);
    while let (Some(digits), Some(encoded)) = (parts.next(), parts.next()) {
        let (ai, rule) = exact(digits).ok_or_else(|| link_error(at + 1, "a known application identifier"))?;
        let value_at = at + digits.len() + 2;
        let decoded = decoded(ai, encoded, value_at, false)?;
        scan::push(elements, value::whole(ai, rule, &decoded, value_at)?)?;
        at = value_at + encoded.len();
    }
    Ok(())
}

/// Reads the parameters whose names are numbers; others are none of our business.
fn read_query(query: &str, offset: usize, elements: &mut Vec<Element>) -> Result<(), Gs1Error> {
    let mut at = offset;
    for parameter in query.split('&') {
        if let Some((name, encoded)) = parameter.split_once('=')
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_digit())
        {
            let (ai, rule) = exact(name)
                .ok_or_else(|| link_error(at, "a known application identifier, or a name that is no number"))?;
            let value_at = at + name.len() + 1;
            let decoded = padded(ai, decoded(ai, encoded, value_at, true)?);
            scan::push(elements, value::whole(ai, rule, &decoded, value_at)?)?;
        }
        at += parameter.len() + 1;
    }
    Ok(())
}

/// Resolves `%HH`, and `+` as a space in a query. A `%` before anything else is itself; a zero byte is refused.
fn decoded(ai: Ai, encoded: &str, offset: usize, query: bool) -> Result<Vec<u8>, Gs1Error> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let byte = match (first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = after;
                hex(*high) << 4 | hex(*low)
            }
            (b'+', _) if query => b' ',
            (other, _) => *other,
        };
        if byte == 0 {
            let at = encoded.len() - rest.len() - 3;
            return Err(Gs1Error::Character {
                ai,
                offset: offset + at,
                found: "%00".into(),
                accepted: "characters other than zero",
            });
        }
        bytes.push(byte);
    }
    Ok(bytes)
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0)
}

/// In a query a product number may be as short as 8, 12 or 13 digits; in the path it always has 14.
fn padded(ai: Ai, value: Vec<u8>) -> Vec<u8> {
    if ai.as_str() != "01" || !matches!(value.len(), 8 | 12 | 13) {
        return value;
    }
    let zeros = std::iter::repeat_n(b'0', 14 - value.len());
    zeros.chain(value).collect()
}

/// The path must be a key with its qualifiers in order; the query may hold only attributes, each once, that do not
/// belong into this path.
fn check_places(elements: &[Element], in_path: usize) -> Result<(), Gs1Error> {
    let (path, query) = elements.split_at(in_path.min(elements.len()));
    let path: Vec<Ai> = path.iter().map(|element| element.ai).collect();
    if !is_key_with_qualifiers(&path) {
        let ai = path.first().copied().ok_or(Gs1Error::Empty)?;
        return Err(Gs1Error::Qualifiers { ai, accepted: key_of(ai).unwrap_or_default() });
    }
    for (at, element) in elements.iter().enumerate() {
        if elements.iter().take(at).any(|other| other.ai == element.ai) {
            return Err(Gs1Error::Repeated { ai: element.ai });
        }
    }
    for ai in query.iter().map(|element| element.ai) {
        if !rule_of(ai).is_some_and(|rule| rule.attribute) {
            return Err(Gs1Error::NotAnAttribute { ai });
        }
        let belongs_into_path = (1..=path.len()).any(|place| {
            let mut longer = path.clone();
            longer.insert(place, ai);
            is_key_with_qualifiers(&longer)
        });
        if belongs_into_path {
            return Err(Gs1Error::BelongsIntoPath { ai });
        }
    }
    Ok(())
}

fn rule_of(ai: Ai) -> Option<&'static Rule> {
    exact(ai.as_str()).map(|(_, rule)| rule)
}

fn key_of(ai: Ai) -> Option<&'static str> {
    rule_of(ai).and_then(|rule| rule.key)
}

/// Whether `path` is a primary key followed by some of the qualifiers of one of its alternatives, in their order.
fn is_key_with_qualifiers(path: &[Ai]) -> bool {
    let Some((key, qualifiers)) = path.split_first() else {
        return false;
    };
    let in_order = |alternative: &str| {
        let mut allowed = alternative.split(',');
        qualifiers.iter().all(|qualifier| allowed.any(|next| next == qualifier.as_str()))
    };
    key_of(*key).is_some_and(|alternatives| alternatives.split('|').any(in_order))
}
