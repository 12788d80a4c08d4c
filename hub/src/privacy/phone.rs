//! Phone numbers: the first three and last four digits of a mobile one, area code and last four of a landline.

use super::mask::{HIDDEN, plain};

/// A phone number as it may be seen: `138****1234`, `010-****5678`, `+1 ****2671`.
pub fn phone(text: &str) -> String {
    let text = plain(text);
    if text.is_empty() {
        return text;
    }
    read(&text).map_or_else(|| HIDDEN.to_owned(), |number| number.masked())
}

/// A number cut into what may be seen and what not.
struct Number {
    /// Shown as it is, with what separates it.
    front: String,
    /// The last four digits.
    tail: String,
    /// How the number goes on after a transfer, which is hidden.
    extension: &'static str,
}

impl Number {
    fn masked(&self) -> String {
        format!("{}****{}{}", self.front, self.tail, self.extension)
    }
}

fn read(text: &str) -> Option<Number> {
    let (main, extension) = extension_of(text);
    let (country, digits) = digits_of(main)?;
    let stars = digits.contains('*');
    let tail = tail_of(&digits)?;
    let front = match country.as_deref() {
        None | Some("86") => home(&digits, stars)?,
        Some(_) => String::new(),
    };
    let country = country.map(|code| format!("+{code} ")).unwrap_or_default();
    Some(Number { front: format!("{country}{front}"), tail, extension })
}

/// The number without what is dialled after it.
fn extension_of(text: &str) -> (&str, &'static str) {
    for (mark, shown) in [("转", "转****"), ("ext", "转****"), ("Ext", "转****"), ("EXT", "转****"), ("#", "转****")]
    {
        if let Some((main, rest)) = text.split_once(mark) {
            let fits = rest.chars().all(|c| c.is_ascii_digit() || " .:*".contains(c));
            return if fits { (main, shown) } else { ("", "") };
        }
    }
    // A number that a platform lends: eleven digits, a dash, and up to four more.
    if let Some((main, rest)) = text.rsplit_once('-') {
        let is_lent = main.chars().filter(|c| c.is_ascii_digit() || *c == '*').count() >= 11 && main.starts_with('1');
        if is_lent && rest.len() <= 4 && rest.chars().all(|c| c.is_ascii_digit() || c == '*') {
            return (main, "转****");
        }
    }
    (text, "")
}

/// The country code, when there is one, and the digits and stars after it. Anything else makes it no phone number.
fn digits_of(text: &str) -> Option<(Option<String>, String)> {
    let foreign = text.strip_prefix('+').or_else(|| text.strip_prefix("00"));
    let rest = foreign.unwrap_or(text);
    let mut digits = String::new();
    for c in rest.chars() {
        match c {
            '0'..='9' | '*' => digits.push(c),
            ' ' | '-' | '(' | ')' | '.' | '/' => {}
            _ => return None,
        }
    }
    if foreign.is_some() {
        let length = country_length(&digits);
        let (country, rest) = digits.split_at_checked(length)?;
        let is_code = country.bytes().all(|b| b.is_ascii_digit());
        return is_code.then(|| (Some(country.to_owned()), rest.to_owned()));
    }
    // Without a plus, but eleven digits of a mobile number follow.
    match digits.strip_prefix("86") {
        Some(rest) if rest.len() == 11 && rest.starts_with('1') => Some((Some("86".into()), rest.to_owned())),
        _ => Some((None, digits)),
    }
}

/// How long a country code is: the first digits say it.
fn country_length(digits: &str) -> usize {
    let two = [
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49",
        "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84",
        "86", "90", "91", "92", "93", "94", "95", "98",
    ];
    match digits.as_bytes() {
        [b'1' | b'7', ..] => 1,
        _ if two.iter().any(|code| digits.starts_with(code)) => 2,
        _ => 3,
    }
}

/// The last four digits; the hidden part before them must be long enough to hide something.
fn tail_of(digits: &str) -> Option<String> {
    let place = digits.len().checked_sub(4)?;
    let (before, tail) = digits.split_at(place);
    let fits = (3..=12).contains(&before.len()) && tail.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| tail.to_owned())
}

/// What may be seen before the stars of a Chinese number. `stars`: it comes masked, and only the mask that this module
/// makes itself is believed.
fn home(digits: &str, stars: bool) -> Option<String> {
    if stars {
        let front = digits.split('*').next().unwrap_or_default();
        let is_ours = digits.len() - front.len() == 8 && digits[front.len()..].starts_with("****");
        let is_front = front.is_empty() || front.len() == 3 && front.starts_with('1') || is_area(front);
        return (is_ours && is_front).then(|| shown(front));
    }
    match digits.len() {
        11 if digits.starts_with('1') => Some(digits[..3].to_owned()),
        10..=12 if digits.starts_with('0') => {
            let length = if matches!(digits.as_bytes()[1], b'1' | b'2') { 3 } else { 4 };
            (7..=8).contains(&(digits.len() - length)).then(|| shown(&digits[..length]))
        }
        7 | 8 => Some(String::new()),
        _ => None,
    }
}

fn shown(front: &str) -> String {
    if is_area(front) { format!("{front}-") } else { front.to_owned() }
}

/// An area code: `010`, `021`, `0755`.
fn is_area(front: &str) -> bool {
    let digits = front.bytes().all(|b| b.is_ascii_digit());
    let length = if front.starts_with("01") || front.starts_with("02") { 3 } else { 4 };
    digits && front.starts_with('0') && front.len() == length
}

/// A phone number as it is looked for: its digits, without `+86`, other countries with their code, and without what is
/// dialled after it. `None` when it is none, or masked.
pub fn phone_key(text: &str) -> Option<String> {
    let text = plain(text);
    let (main, _) = extension_of(&text);
    let (country, digits) = digits_of(main)?;
    let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let country = country.filter(|code| code != "86").map(|code| format!("+{code}")).unwrap_or_default();
    fits.then(|| format!("{country}{digits}"))
}
