//! Dates and times of day in values.

use super::lint::{Checked, ensure};

/// `YYMMDD`, the day being a day of that month.
pub(super) fn yymmdd(text: &str) -> Checked {
    day_of_month(century_of(text), text, 2, false)
}

/// `YYMMDD`, or day 00 for the whole month.
pub(super) fn yymmd0(text: &str) -> Checked {
    day_of_month(century_of(text), text, 2, true)
}

/// `YYYYMMDD`, the day being a day of that month.
pub(super) fn yyyymmdd(text: &str) -> Checked {
    day_of_month(number(text, 0, 4), text, 4, false)
}

/// Two digits stand for a year at most 49 years back or 50 ahead. Whichever century that is until 2050, the year 00 in
/// it is 2000, so that every fourth year has a leap day.
fn century_of(text: &str) -> u32 {
    2000 + number(text, 0, 2)
}

fn day_of_month(year: u32, text: &str, month_at: usize, whole_month: bool) -> Checked {
    let (month, day) = (number(text, month_at, 2), number(text, month_at + 2, 2));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return ensure(false, month_at, "a month from 01 to 12"),
    };
    let first = if whole_month { 0 } else { 1 };
    let accepted = if whole_month { "a day of that month, or 00 for the whole month" } else { "a day of that month" };
    ensure((first..=days).contains(&day), month_at + 2, accepted)
}

/// `HHMM`.
pub(super) fn hhmi(text: &str) -> Checked {
    hour(text)?;
    ensure(number(text, 2, 2) < 60, 2, "a minute from 00 to 59")
}

/// `HH`.
pub(super) fn hour(text: &str) -> Checked {
    ensure(number(text, 0, 2) < 24, 0, "an hour from 00 to 23")
}

/// `MM`.
pub(super) fn minute(text: &str) -> Checked {
    ensure(number(text, 0, 2) < 60, 0, "a minute from 00 to 59")
}

/// `SS`.
pub(super) fn second(text: &str) -> Checked {
    ensure(number(text, 0, 2) < 60, 0, "a second from 00 to 59")
}

/// The number that `len` digits from `at` write; too large for any check when they are not there.
fn number(text: &str, at: usize, len: usize) -> u32 {
    text.get(at..at + len).and_then(|digits| digits.parse().ok()).unwrap_or(u32::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lint: fn(&str) -> Checked, accepted: &[&str], refused: &[(&str, usize)]) {
        for text in accepted {
            assert_eq!(lint(text), Ok(()), "{text}");
        }
        for (text, at) in refused {
            assert_eq!(lint(text).map_err(|flaw| flaw.at), Err(*at), "{text}");
        }
    }

    #[test]
    fn only_days_of_the_calendar_are_dates() {
        check(
            yymmdd,
            &["240229", "000229", "991231"],
            &[("230229", 4), ("240431", 4), ("240100", 4), ("241301", 2), ("240001", 2)],
        );
        check(yymmd0, &["240200", "240229"], &[("240230", 4), ("241300", 2)]);
        check(yyyymmdd, &["20000229", "19991231"], &[("19000229", 6), ("20261301", 4), ("20260100", 6)]);
    }

    #[test]
    fn only_moments_of_a_day_are_times() {
        check(hhmi, &["0000", "2359"], &[("2400", 0), ("2360", 2)]);
        check(hour, &["00", "23"], &[("24", 0)]);
        check(minute, &["00", "59"], &[("60", 0)]);
        check(second, &["00", "59"], &[("60", 0)]);
    }

    #[test]
    fn what_is_too_short_is_no_date() {
        check(yymmdd, &[], &[("", 2), ("2402", 4)]);
        check(hhmi, &[], &[("", 0), ("12", 2)]);
    }
}
