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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn links(uri: &str, expected: Result<&str, &str>) {
        let got =
            parse_link(uri).map(|link| format!("{} {}", link.stem, link.elements)).map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), expected, "{uri}");
    }

    #[test]
    fn links_give_their_elements() {
        links("https://id.example.com/01/06901234567892", Ok("https://id.example.com (01)06901234567892"));
        links(
            "https://example.com/a/b/01/06901234567892/10/L%2F1/21/7?17=261231",
            Ok("https://example.com/a/b (01)06901234567892(10)L/1(21)7(17)261231"),
        );
        links("HTTPS://EXAMPLE.COM/01/06901234567892", Ok("HTTPS://EXAMPLE.COM (01)06901234567892"));
        links(
            "http://example.com:8080/00/106901234567890128?lang=zh&400=A+B",
            Err("AI (400) has ` ` at offset 59; give letters, digits and !\"%&'()*+,-./:;<=>?_"),
        );
        links(
            "http://example.com/00/106901234567890128?lang=zh&&400=A%2BB&flag#x",
            Ok("http://example.com (00)106901234567890128(400)A+B"),
        );
        links("https://example.com/414/6901234567892/254/7", Ok("https://example.com (414)6901234567892(254)7"));
        links(
            "https://example.com/00/106901234567890128?01=6901234567892",
            Ok("https://example.com (00)106901234567890128(01)06901234567892"),
        );
        links("https://example.com/01/00/01/06901234567892", Ok("https://example.com/01/00 (01)06901234567892"));
    }

    #[test]
    fn wrong_links_say_where_and_why() {
        links("ftp://example.com/01/06901234567892", Err("link is wrong at offset 0; give http:// or https://"));
        links(
            "https://example.com/01/0690 1234567892",
            Err("link is wrong at offset 27; give a web address of ASCII characters"),
        );
        links("https://example.com", Err("link is wrong at offset 8; give a domain and a path"));
        links("https:///01/06901234567892", Err("link is wrong at offset 8; give a domain and a path"));
        links(
            "https://exa_mple.com/01/06901234567892",
            Err("link is wrong at offset 11; give a domain of letters, digits, dots and hyphens"),
        );
        links(
            "https://example.com/sale",
            Err("link is wrong at offset 19; give a path with a primary key such as /01/…"),
        );
        links(
            "https://example.com/gtin/06901234567892",
            Err("link is wrong at offset 19; give a path with a primary key such as /01/…"),
        );
        links(
            "https://example.com/01/06901234567892/",
            Err("link is wrong at offset 19; give a path with a primary key such as /01/…"),
        );
        links("https://example.com/01/6901234567892", Err("AI (01) at offset 23 has 13 characters; give exactly 14"));
        links(
            "https://example.com/01/06901234567893",
            Err("AI (01) is wrong at offset 36; give the check digit that fits the others"),
        );
        links(
            "https://example.com/01/06901234567892/10/A%00B",
            Err("AI (10) has `%00` at offset 42; give characters other than zero"),
        );
        links(
            "https://example.com/01/06901234567892/21/7/10/A",
            Err("path after AI (01) is out of order; give some of 22,10,21, or some of 235 in this order"),
        );
        links(
            "https://example.com/01/06901234567892/10/A/235/B",
            Err("path after AI (01) is out of order; give some of 22,10,21, or some of 235 in this order"),
        );
        links(
            "https://example.com/253/6901234567892/10/A",
            Err("path after AI (253) is out of order; give no further identifiers"),
        );
        links(
            "https://example.com/01/06901234567892?10=A",
            Err("AI (10) belongs into the path of the link, not into its query"),
        );
        links("https://example.com/01/06901234567892?21=A", Err("AI (21) cannot stand in the query of a link"));
        links(
            "https://example.com/01/06901234567892?17=261231&17=261231",
            Err("AI (17) is repeated; give it once, or with the same value"),
        );
        links(
            "https://example.com/01/06901234567892?17=",
            Err("AI (17) at offset 41 has 0 characters; give exactly 6"),
        );
        links(
            "https://example.com/01/06901234567892?9999=1",
            Err("link is wrong at offset 38; give a known application identifier, or a name that is no number"),
        );
        links("https://example.com/01//10/A", Err("AI (01) at offset 23 has 0 characters; give exactly 14"));
    }
}
