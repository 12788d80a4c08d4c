//! Amounts as people write them.

use packline_protocol::amount::Amount;

/// What is accepted, for errors.
pub const ACCEPTED: &str = "an amount such as 128.50, 1,280.00, ¥128.5 or 128.5 元, with no more decimals than the \
    currency has, below 10,000,000,000";

/// The currency of amounts that name none.
pub const CURRENCY: &str = "CNY";

/// The greatest amount, in whole units.
const WHOLE_MAX: i64 = 9_999_999_999;

/// The amount that this text says in `currency` (ISO 4217 letters); `None` when it says none.
pub fn parse(text: &str, currency: &str) -> Option<Amount> {
    let bare: String = text.trim().chars().filter_map(narrow).collect();
    let bare = bare.trim().trim_start_matches(['¥', '￥', '$', '€', '£']).trim_end_matches(['元', '圆']).trim();
    let (whole, fraction) = bare.split_once('.').unwrap_or((bare, ""));
    let whole = ungrouped(whole)?;
    let places = decimals(currency);
    let fraction = fraction.trim_end_matches('0');
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.len() > places || !is_number(fraction) || !is_currency(currency) {
        return None;
    }
    let unit = 10i64.pow(u32::try_from(places).ok()?);
    let padded = format!("{fraction:0<places$}");
    let small: i64 = if padded.is_empty() { 0 } else { padded.parse().ok()? };
    let whole: i64 = whole.parse().ok().filter(|whole| *whole <= WHOLE_MAX)?;
    Some(Amount { minor: whole * unit + small, currency: currency.to_owned() })
}

/// The amount for people: `128.50 CNY`.
pub fn text(amount: &Amount) -> String {
    let places = decimals(&amount.currency);
    let unit = 10i64.pow(u32::try_from(places).unwrap_or(0));
    let sign = if amount.minor < 0 { "-" } else { "" };
    let (whole, small) = ((amount.minor / unit).abs(), (amount.minor % unit).abs());
    if places == 0 {
        return format!("{sign}{whole} {}", amount.currency);
    }
    format!("{sign}{whole}.{small:0places$} {}", amount.currency)
}

/// Three capital letters.
pub fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Decimal places by ISO 4217, for the currencies that differ from two.
fn decimals(currency: &str) -> usize {
    match currency {
        "JPY" | "KRW" | "VND" | "CLP" | "ISK" | "XAF" | "XOF" | "XPF" | "UGX" | "PYG" | "RWF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Full-width digits and marks as their ASCII twins; spaces inside go.
fn narrow(c: char) -> Option<char> {
    match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0),
        c if c.is_whitespace() => None,
        c => Some(c),
    }
}

/// `1,280` without the commas, when they stand where thousands end.
fn ungrouped(whole: &str) -> Option<String> {
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let grouped_right = groups.clone().all(|group| group.len() == 3) && (whole == first || first.len() <= 3);
    let digits: String = std::iter::once(first).chain(groups).collect();
    let is_number = !first.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (grouped_right && is_number).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, currency: &str, expected: &str) {
        let read = parse(input, currency).map_or("-".to_owned(), |amount| text(&amount));
        assert_eq!(read, expected, "{input:?}");
    }

    #[test]
    fn amounts_are_read_to_the_last_fen_and_never_rounded() {
        check("128.50", "CNY", "128.50 CNY");
        check("128.5", "CNY", "128.50 CNY");
        check("128", "CNY", "128.00 CNY");
        check("0", "CNY", "0.00 CNY");
        check("0.01", "CNY", "0.01 CNY");
        check("128.500000", "CNY", "128.50 CNY");
        check("1,280.00", "CNY", "1280.00 CNY");
        check("1,234,567.89", "CNY", "1234567.89 CNY");
        check("¥128.5", "CNY", "128.50 CNY");
        check("￥ 128.5", "CNY", "128.50 CNY");
        check("１２８．５ 元", "CNY", "128.50 CNY");
        check("1280", "JPY", "1280 JPY");
        check("1.234", "KWD", "1.234 KWD");
        check("9999999999.99", "CNY", "9999999999.99 CNY");
        check("128.505", "CNY", "-");
        check("12,80", "CNY", "-");
        check("1280.5", "JPY", "-");
        check("-5", "CNY", "-");
        check("1e3", "CNY", "-");
        check("1.2.3", "CNY", "-");
        check("10000000000", "CNY", "-");
        check(".5", "CNY", "-");
        check("", "CNY", "-");
        check("5", "yuan", "-");
    }
}
