//! Times as pages say them: China Standard Time, always.

use super::text::{Language, Text};
use chrono::{DateTime, FixedOffset};
use packline_protocol::time::Timestamp;

/// UTC+8, in seconds: the zone of every page.
const ZONE_SECONDS: i32 = 8 * 3_600;

/// `2026-11-22 18:05:09`.
pub fn clock_time(at: Timestamp) -> String {
    let zone = FixedOffset::east_opt(ZONE_SECONDS).expect("eight hours are an offset");
    let utc = DateTime::from_timestamp_millis(at.0);
    utc.map_or_else(|| "–".to_owned(), |utc| utc.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string())
}

/// The same, or a dash for a time that is not known.
pub fn maybe_time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), clock_time)
}

/// An age in the largest unit that says it well: `0.4 s`, `12 s`, `5 min`, `3 h`, `2 d`.
pub fn age(ms: Option<u64>, language: Language) -> String {
    let Some(ms) = ms else { return "–".to_owned() };
    let unit = |zh, en| language.pick(zh, en);
    match ms {
        0..10_000 => format!("{}.{} {}", ms / 1_000, ms % 1_000 / 100, unit("秒", "s")),
        10_000..120_000 => format!("{} {}", ms / 1_000, unit("秒", "s")),
        120_000..7_200_000 => format!("{} {}", ms / 60_000, unit("分钟", "min")),
        7_200_000..172_800_000 => format!("{} {}", ms / 3_600_000, unit("小时", "h")),
        _ => format!("{} {}", ms / 86_400_000, unit("天", "d")),
    }
}

/// Money as people write it: `¥214.00`.
pub fn money(minor: i64, currency: &str) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let (whole, rest) = (minor.unsigned_abs() / 100, minor.unsigned_abs() % 100);
    match currency {
        "CNY" => format!("{sign}¥{whole}.{rest:02}"),
        _ => format!("{sign}{whole}.{rest:02} {currency}"),
    }
}

/// Yes or no.
pub fn yes_no(yes: bool, text: &Text) -> &'static str {
    if yes { text.yes } else { text.no }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_china_standard_time() {
        assert_eq!(clock_time(Timestamp(0)), "1970-01-01 08:00:00");
        assert_eq!(clock_time(Timestamp(1_771_430_399_000)), "2026-02-18 23:59:59");
        assert_eq!(clock_time(Timestamp(i64::MAX)), "–");
    }

    #[test]
    fn an_age_is_said_in_a_unit_that_fits() {
        for (ms, zh, en) in [
            (Some(400), "0.4 秒", "0.4 s"),
            (Some(12_000), "12 秒", "12 s"),
            (Some(300_000), "5 分钟", "5 min"),
            (Some(10_800_000), "3 小时", "3 h"),
            (Some(200_000_000), "2 天", "2 d"),
            (None, "–", "–"),
        ] {
            assert_eq!(age(ms, Language::Zh), zh);
            assert_eq!(age(ms, Language::En), en);
        }
    }

    #[test]
    fn money_keeps_its_sign_and_its_fen() {
        for (minor, said) in [(21_400, "¥214.00"), (5, "¥0.05"), (-105, "-¥1.05")] {
            assert_eq!(money(minor, "CNY"), said);
        }
        assert_eq!(money(100, "USD"), "1.00 USD");
    }
}
