//! What of a value that is not accepted is kept, for whoever mends the file.
//!
//! The list of problems is stored, and a column may be mapped to the wrong field: then a name, a phone number or an
//! address stands where a status or a number should be. So a value is kept only when it cannot be one of those: a short
//! number, a number that a spreadsheet rounded, a time, or a word of the kind that states are written in. Of all others
//! its shape is kept; the row and the column say where to look for the rest.

use std::borrow::Cow;

/// More digits than this may be somebody's phone number.
const DIGITS_MAX: usize = 6;
/// The longest word that is taken for a state.
const WORD_MAX: usize = 20;
/// Parts of words that states are written in and names are not.
const STATE_WORDS: &[&str] = &[
    "已", "未", "待", "款", "货", "退", "取消", "关闭", "完成", "交易", "审核", "paid", "pay", "ship", "cancel",
    "refund", "clos", "complet", "finish", "pend", "open", "wait", "success", "deliver", "sent", "dispatch", "void",
    "grant", "refus", "approv", "lapse", "entries", "true", "false", "null", "yes",
];

/// What is kept of a value given for `field`: the value, where it can be nobody's data, else its shape.
pub(super) fn kept(field: &str, given: &str) -> String {
    let bare = given.trim().trim_matches('"');
    let is_contact = field.starts_with("buyer") || field == "address";
    if bare.is_empty() || (!is_contact && is_nobodys(bare)) { given.to_owned() } else { shape(bare) }
}

/// A column's name where it is one; of what may be data in a row that was taken for the header, the shape.
pub(super) fn kept_name(name: &str, is_header: bool) -> Cow<'_, str> {
    if is_header && digits(name) <= DIGITS_MAX { Cow::Borrowed(name) } else { Cow::Owned(shape(name)) }
}

fn is_nobodys(text: &str) -> bool {
    matches!(text, "{…}" | "[…]") || is_short_number(text) || is_rounded(text) || is_time(text) || is_state(text)
}

fn is_short_number(text: &str) -> bool {
    digits(text) <= DIGITS_MAX
        && digits(text) > 0
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+' | '=' | '%' | '¥' | '￥' | '$'))
}

/// `1.23457E+17`: its last digits are gone.
fn is_rounded(text: &str) -> bool {
    let halves = text.split_once("E+").or_else(|| text.split_once("e+"));
    halves.is_some_and(|(number, exponent)| {
        digits(number) <= DIGITS_MAX && [number, exponent].iter().all(|half| is_short_number(half))
    })
}

/// A year, a month and a day, and after them only what times are written with.
fn is_time(text: &str) -> bool {
    let mut parts = text.splitn(3, ['-', '/', '.', '年', '月']);
    let mut next = |longest: usize, most: u32| {
        let part = parts.next().filter(|part| (1..=longest).contains(&part.len()))?;
        part.parse::<u32>().ok().filter(|number| *number <= most)
    };
    let (year, month) = (next(4, 2_199), next(2, 99));
    let rest = parts.next().unwrap_or_default();
    let is_mark = |c: char| c.is_ascii_digit() || " :-/.+TZ日时分秒".contains(c);
    year.is_some_and(|year| year >= 1_900)
        && month.is_some()
        && rest.len() <= 40
        && rest.chars().all(is_mark)
        && digits(rest) <= 15
}

fn is_state(text: &str) -> bool {
    let small = text.to_lowercase();
    digits(text) <= DIGITS_MAX
        && text.chars().count() <= WORD_MAX
        && STATE_WORDS.iter().any(|word| small.contains(word))
}

/// What a value looks like, without what it says: `11 digits`, `3 Chinese characters`, `18 characters, 11 of them
/// digits`.
fn shape(text: &str) -> String {
    let all = text.chars().count();
    let digits = digits(text);
    let chinese = text.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
    let is_dialled = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '+' | '(' | ')'));
    let s = |count: usize| if count == 1 { "" } else { "s" };
    match () {
        () if digits > 0 && is_dialled => format!("{digits} digit{}", s(digits)),
        () if all > 0 && chinese == all => format!("{all} Chinese character{}", s(all)),
        () if digits > 0 => format!("{all} characters, {digits} of them digits"),
        () => format!("{all} character{}", s(all)),
    }
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: &str, given: &str, expected: &str) {
        assert_eq!(kept(field, given), expected, "{given:?} for {field}");
    }

    #[test]
    fn what_may_be_somebody_is_kept_as_its_shape() {
        for (given, shape) in [
            ("13800000000", "11 digits"),
            ("+86 138-0000-0000", "13 digits"),
            ("样品人", "3 Chinese characters"),
            ("Sample Person", "13 characters"),
            ("person", "6 characters"),
            ("样品路 1 号 2 室", "11 characters, 2 of them digits"),
            ("样品路 1 号，电话 13800000000 已核对", "26 characters, 12 of them digits"),
            ("2000-138-000-0000", "14 digits"),
            ("person@example.com", "18 characters"),
        ] {
            check("status", given, shape);
        }
    }

    #[test]
    fn what_can_be_nobody_is_kept_as_it_was_given() {
        for given in [
            "0",
            "=1+1",
            "-3",
            "2.5",
            "214,00",
            "1.23E+17",
            "2026-02-30",
            "2026/2/30 25:00",
            "2026年2月30日 1时",
            "已作废",
            "等待付款",
            "half-paid",
            "refunded?",
            "300 entries",
            "null",
            "{…}",
            "",
        ] {
            check("quantity", given, given);
        }
    }

    #[test]
    fn a_contact_is_never_kept() {
        for field in ["buyer.phone", "buyer_name", "buyer", "address"] {
            check(field, "12", "2 digits");
            check(field, "已付款", "3 Chinese characters");
        }
    }

    #[test]
    fn a_row_of_data_that_was_taken_for_the_header_is_not_listed() {
        assert_eq!(kept_name("数量", true), "数量");
        assert_eq!(kept_name("13800000000", true), "11 digits");
        assert_eq!(kept_name("样品人", false), "3 Chinese characters");
    }
}
