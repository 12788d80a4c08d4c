//! Points in time as people and platforms write them.
//!
//! Times without a zone are in UTC+8, the zone of the platforms. What is kept is the millisecond and the text as it
//! came, so that nobody has to trust this reading for ever.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use packline_protocol::time::Timestamp;
use serde::Serialize;

/// A time that a source gave.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SourceTime {
    /// The moment.
    pub at: Timestamp,
    /// The text as the source wrote it.
    pub text: String,
}

/// What is accepted, for errors.
pub const ACCEPTED: &str = "a time such as 2026-02-18 23:59:59, 2026/2/18, 2026-02-18T23:59:59+08:00, \
    seconds or milliseconds since 1970, or a spreadsheet day number";

/// Hours that the platforms' clocks are ahead of UTC.
const ZONE_HOURS: i32 = 8;
/// The longest text that can be a time.
const TEXT_MAX: usize = 40;
/// Times are between 1990 and 2100: what is outside is a typing error or another unit.
const FLOOR_MS: i64 = 631_152_000_000;
const CEILING_MS: i64 = 4_102_444_800_000;
/// The day number of 1970-01-01 in spreadsheets that count from 1900.
const SHEET_DAY_OF_1970: f64 = 25_569.0;

impl SourceTime {
    /// The time that this text says; `None` when it says none.
    pub fn parse(text: &str) -> Option<SourceTime> {
        let text = text.trim();
        if text.is_empty() || text.len() > TEXT_MAX {
            return None;
        }
        let plain = text.replace('：', ":");
        let ms = number(&plain).or_else(|| zoned(&plain)).or_else(|| unzoned(&plain))?;
        let at = (FLOOR_MS..CEILING_MS).contains(&ms).then_some(Timestamp(ms))?;
        Some(SourceTime { at, text: text.to_owned() })
    }
}

/// Seconds, milliseconds, or a spreadsheet's day number; told apart by size, since each covers other years. Eight or
/// fourteen digits that spell a day are that day.
fn number(text: &str) -> Option<i64> {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    if let Some(spelled) = spelled(text) {
        return Some(spelled);
    }
    let value: f64 = text.parse().ok()?;
    let whole = text.parse::<i64>().ok();
    match (text.split('.').next().unwrap_or_default().len(), whole) {
        (13, Some(ms)) => Some(ms),
        (9 | 10, Some(seconds)) => seconds.checked_mul(1000),
        (9 | 10, None) => rounded(value * 1000.0),
        (5, _) => {
            // A sheet's days are local days: the same in every zone, so the zone is taken off again.
            let ms = rounded((value - SHEET_DAY_OF_1970) * 86_400_000.0)?;
            let second = (ms + 500).div_euclid(1000) * 1000;
            Some(second - i64::from(ZONE_HOURS) * 3_600_000)
        }
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn rounded(value: f64) -> Option<i64> {
    (value.abs() < 9.0e15).then_some(value.round() as i64)
}

fn spelled(text: &str) -> Option<i64> {
    let pattern = match text.len() {
        8 => return local(NaiveDate::parse_from_str(text, "%Y%m%d").ok()?.and_time(NaiveTime::MIN)),
        14 => "%Y%m%d%H%M%S",
        _ => return None,
    };
    local(NaiveDateTime::parse_from_str(text, pattern).ok()?)
}

fn zoned(text: &str) -> Option<i64> {
    let patterns =
        ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y/%m/%d %H:%M:%S%.f%#z"];
    let utc = text.strip_suffix(['Z', 'z']).map(|rest| format!("{}+0000", rest.trim_end()));
    let text = utc.as_deref().unwrap_or(text);
    let parsed = patterns.iter().find_map(|pattern| {
        let text = if text.contains('T') { text.to_owned() } else { squeeze_zone(text) };
        DateTime::parse_from_str(&text, pattern).ok()
    });
    parsed.map(|time| time.timestamp_millis())
}

/// `… 23:59:59 +0800` without the last blank.
fn squeeze_zone(text: &str) -> String {
    text.replace(" +", "+").replace(" -", "-")
}

fn unzoned(text: &str) -> Option<i64> {
    let text = text.replace(['年', '月'], "-").replace(['日', 'T'], " ");
    let (day, time) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let day = NaiveDate::parse_from_str(&day.replace(['/', '.'], "-"), "%Y-%m-%d").ok()?;
    let time = match time.trim() {
        "" => NaiveTime::MIN,
        time => ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|pattern| NaiveTime::parse_from_str(time, pattern).ok())?,
    };
    local(day.and_time(time))
}

fn local(time: NaiveDateTime) -> Option<i64> {
    let zone = FixedOffset::east_opt(ZONE_HOURS * 3600)?;
    Some(time.and_local_timezone(zone).single()?.timestamp_millis())
}

/// The time as people in the platforms' zone read it: `2026-02-18 23:59:59`.
pub fn local_text(at: Timestamp) -> String {
    let zone = FixedOffset::east_opt(ZONE_HOURS * 3600).expect("eight hours are a zone");
    match DateTime::from_timestamp_millis(at.0) {
        Some(time) => time.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
        None => at.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The reading of `text` in UTC+8, or `-`.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let read = SourceTime::parse(text).map_or("-".to_owned(), |time| {
            let ms = time.at.0.rem_euclid(1000);
            if ms == 0 { local_text(time.at) } else { format!("{}.{ms:03}", local_text(time.at)) }
        });
        assert_eq!(read, expected, "{text:?}");
    }

    #[test]
    fn times_are_read_as_platforms_files_and_people_write_them() {
        check("2026-02-18 23:59:59", "2026-02-18 23:59:59");
        check(" 2026-02-18 23:59:59 ", "2026-02-18 23:59:59");
        check("2026-02-18 23:59:59.250", "2026-02-18 23:59:59.250");
        check("2026-02-18 23:59:59.250999", "2026-02-18 23:59:59.250");
        check("2026-02-18 23:59:59.5", "2026-02-18 23:59:59.500");
        check("2026-02-18 23:59", "2026-02-18 23:59:00");
        check("2026-02-18 23：59：59", "2026-02-18 23:59:59");
        check("2026-02-18", "2026-02-18 00:00:00");
        check("2026/2/18", "2026-02-18 00:00:00");
        check("2026/02/18 9:05", "2026-02-18 09:05:00");
        check("2026/2/8 09:05:06", "2026-02-08 09:05:06");
        check("2026.2.18", "2026-02-18 00:00:00");
        check("2026年2月18日", "2026-02-18 00:00:00");
        check("2026年02月18日 23:59:59", "2026-02-18 23:59:59");
        check("2026年2月18日23:59", "2026-02-18 23:59:00");
        check("20260218", "2026-02-18 00:00:00");
        check("20260218235959", "2026-02-18 23:59:59");
        check("2026-02-18T23:59:59", "2026-02-18 23:59:59");
        check("2026-02-18T15:59:59Z", "2026-02-18 23:59:59");
        check("2026-02-18T15:59:59.5z", "2026-02-18 23:59:59.500");
        check("2026-02-18T15:59Z", "2026-02-18 23:59:00");
        check("2026-02-18 15:59:59Z", "2026-02-18 23:59:59");
        check("2026-02-18T23:59:59+08:00", "2026-02-18 23:59:59");
        check("2026-02-18T23:59:59+0800", "2026-02-18 23:59:59");
        check("2026-02-18 23:59:59 +0800", "2026-02-18 23:59:59");
        check("2026-02-18 23:59:59+08", "2026-02-18 23:59:59");
        check("2026-02-18T10:59:59-05:00", "2026-02-18 23:59:59");
        check("1771430399", "2026-02-18 23:59:59");
        check("1771430399000", "2026-02-18 23:59:59");
        check("1771430399123", "2026-02-18 23:59:59.123");
        check("1771430399.5", "2026-02-18 23:59:59.500");
        check("46071", "2026-02-18 00:00:00");
        check("46071.5", "2026-02-18 12:00:00");
        check("46071.9999884259", "2026-02-18 23:59:59");
        check("2026-02-28 24:00:00", "-");
        check("2026-02-29", "-");
        check("2024-02-29", "2024-02-29 00:00:00");
        check("1970-01-01", "-");
        check("2126-01-01", "-");
        check("0000-00-00 00:00:00", "-");
        check("yesterday", "-");
        check("", "-");
        check("18/02/2026", "-");
        check("123", "-");
        check("99999999999999", "-");
        check("1e10", "-");
    }

    #[test]
    fn half_past_midnight_is_today() {
        check("2026-02-17T16:30:00Z", "2026-02-18 00:30:00");
        check("2026-02-17T15:59:59Z", "2026-02-17 23:59:59");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,45}") {
            let _ = SourceTime::parse(&text);
        }

        #[test]
        fn what_we_write_we_read(seconds in FLOOR_MS / 1000..CEILING_MS / 1000) {
            let at = Timestamp(seconds * 1000);
            prop_assert_eq!(SourceTime::parse(&local_text(at)).map(|time| time.at), Some(at));
        }
    }
}
