//! When a daily backup is due.

use packline_protocol::time::Timestamp;

const DAY_MS: i64 = 24 * 3_600_000;
const HOUR_MS: i64 = 3_600_000;

/// The day whose backup is due at `now`, as `2026-11-22`; `None` before the hour of that day.
pub fn due(now: Timestamp, utc_offset_minutes: i64, hour: i64) -> Option<String> {
    let local = now.0.checked_add(utc_offset_minutes.checked_mul(60_000)?)?;
    if local.rem_euclid(DAY_MS) < hour * HOUR_MS {
        return None;
    }
    let day = chrono::DateTime::from_timestamp_millis(local)?;
    Some(day.format("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(now: &str, offset: i64, hour: i64, expected: Option<&str>) {
        let now = chrono::DateTime::parse_from_rfc3339(now).unwrap().timestamp_millis();
        assert_eq!(due(Timestamp(now), offset, hour).as_deref(), expected);
    }

    #[test]
    fn a_backup_is_due_from_its_hour_on_in_the_companys_time_zone() {
        check("2026-11-22T02:59:59+08:00", 480, 3, None);
        check("2026-11-22T03:00:00+08:00", 480, 3, Some("2026-11-22"));
        check("2026-11-22T23:59:59+08:00", 480, 3, Some("2026-11-22"));
        check("2026-11-21T20:00:00Z", 480, 3, Some("2026-11-22"));
        check("2026-11-21T20:00:00Z", 0, 3, Some("2026-11-21"));
        check("2026-11-22T02:00:00Z", -300, 3, Some("2026-11-21"));
        check("2026-11-22T00:00:00Z", 0, 0, Some("2026-11-22"));
    }

    #[test]
    fn a_clock_at_its_end_is_no_fault() {
        assert_eq!(due(Timestamp(i64::MAX), 480, 3), None);
    }
}
