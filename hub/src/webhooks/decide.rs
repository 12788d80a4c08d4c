//! What a message says, what an answer means, and when a webhook is switched off. Pure.

use super::model::{Event, Secret};
use crate::effects::model::Outcome;
use crate::outbound::client::{Answer, CallError};
use chrono::{DateTime, SecondsFormat};
use packline_protocol::time::Timestamp;
use serde_json::json;

/// A webhook that failed for so long without one success is switched off, in milliseconds: five days.
pub const BROKEN_AFTER_MS: i64 = 5 * 24 * 3_600_000;
/// An old secret still signs for so long beside the new one, in milliseconds: a day.
pub const ROTATION_MS: i64 = 24 * 3_600_000;
/// The most of an answer that is kept, in characters.
const NOTE_MAX: usize = 200;
/// How long a receiver is left alone that asks for it without saying how long.
const BUSY_MS: i64 = 30_000;

/// The number of an event. It follows from its key, so that the same event is always the same message.
pub fn event_id(key: &str) -> String {
    format!("evt_{}", &blake3::hash(key.as_bytes()).to_hex()[..32])
}

/// The message, as the Standard Webhooks specification shapes it.
pub fn body(event: &Event, at: Timestamp) -> String {
    let time = DateTime::from_timestamp_millis(at.0).unwrap_or_default();
    json!({
        "id": event_id(&event.key),
        "type": event.kind.word(),
        "timestamp": time.to_rfc3339_opts(SecondsFormat::Millis, true),
        "data": event.data,
    })
    .to_string()
}

/// The secrets to sign with at `now`.
pub fn in_force(secrets: &[Secret], now: Timestamp) -> Vec<String> {
    let holds = |secret: &&Secret| secret.until.is_none_or(|until| now.0 < until);
    secrets.iter().filter(holds).map(|secret| secret.text.clone()).collect()
}

/// The secrets after a new one was made at `now`.
pub fn rotated(secrets: &[Secret], new: String, now: Timestamp) -> Vec<Secret> {
    let old = secrets.iter().filter(|secret| secret.until.is_none_or(|until| now.0 < until));
    let old = old.map(|secret| Secret { until: secret.until.or(Some(now.0 + ROTATION_MS)), ..secret.clone() });
    std::iter::once(Secret { text: new, until: None }).chain(old.take(3)).collect()
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What it means for the effect.
    pub outcome: Outcome,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What the log keeps.
    pub note: String,
    /// The receiver wants no more, ever.
    pub gone: bool,
}

/// What a receiver's answer means.
pub fn heard(answer: &Result<Answer, CallError>) -> Heard {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let problem = error.to_string();
            let outcome = Outcome::Failed { problem: problem.clone() };
            return Heard { outcome, status: None, note: cut(&problem), gone: false };
        }
    };
    let note = cut(&String::from_utf8_lossy(&answer.body));
    let problem = format!("status {}", answer.status);
    let outcome = match answer.status {
        200..300 => Outcome::Done,
        410 => Outcome::Dropped { problem },
        429 | 503 if answer.retry_after_ms.is_some() || answer.status == 429 => {
            Outcome::Slow { problem, wait_ms: answer.retry_after_ms.unwrap_or(BUSY_MS) }
        }
        _ => Outcome::Failed { problem },
    };
    Heard { gone: answer.status == 410, status: Some(answer.status), outcome, note }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NOTE_MAX).collect()
}

/// Whether a webhook that has been failing since then is to be switched off.
pub fn is_broken(failing_since: Option<Timestamp>, now: Timestamp) -> bool {
    failing_since.is_some_and(|since| now.since_ms(since) >= BROKEN_AFTER_MS)
}

#[cfg(test)]
mod tests {
    use super::super::model::EventKind;
    use super::*;

    const NOW: Timestamp = Timestamp(1_772_323_200_000);

    #[test]
    fn a_message_has_its_number_kind_time_and_details() {
        let event = Event {
            key: "order:17/rev:5".into(),
            kind: EventKind::OrderChanged,
            subject: "order:17".into(),
            data: json!({ "order": 17 }),
        };
        let said: serde_json::Value = serde_json::from_str(&body(&event, NOW)).unwrap();
        assert_eq!(said["id"], event_id("order:17/rev:5"));
        assert_eq!(
            (said["type"].as_str(), said["timestamp"].as_str()),
            (Some("order.changed"), Some("2026-03-01T00:00:00.000Z"))
        );
        assert_eq!(said["data"]["order"], 17);
    }

    #[track_caller]
    fn check(status: u16, retry_after_ms: Option<i64>, expected: &str) {
        let heard = heard(&Ok(Answer { status, retry_after_ms, body: b"said\nso".to_vec() }));
        let found = match &heard.outcome {
            Outcome::Done => "done".to_owned(),
            Outcome::Failed { .. } => "failed".to_owned(),
            Outcome::Slow { wait_ms, .. } => format!("slow {wait_ms}"),
            Outcome::Refused { .. } => "refused".to_owned(),
            Outcome::Dropped { .. } => "dropped".to_owned(),
        };
        assert_eq!((found.as_str(), heard.status, heard.note.as_str()), (expected, Some(status), "saidso"));
        assert_eq!(heard.gone, status == 410);
    }

    #[test]
    fn only_an_answer_of_the_two_hundreds_is_a_delivery() {
        check(200, None, "done");
        check(204, None, "done");
        check(301, None, "failed");
        check(400, None, "failed");
        check(404, None, "failed");
        check(410, None, "dropped");
        check(429, None, "slow 30000");
        check(429, Some(7_000), "slow 7000");
        check(503, Some(7_000), "slow 7000");
        check(503, None, "failed");
        let broken = heard(&Err(CallError::Forbidden));
        assert!(matches!(broken.outcome, Outcome::Failed { .. }) && broken.status.is_none());
    }

    #[test]
    fn an_old_secret_signs_beside_the_new_one_for_a_day() {
        let first = rotated(&[], "a".into(), NOW);
        assert_eq!(in_force(&first, NOW), ["a"]);
        let second = rotated(&first, "b".into(), NOW);
        assert_eq!(in_force(&second, NOW), ["b", "a"]);
        assert_eq!(in_force(&second, NOW.plus_ms(ROTATION_MS)), ["b"]);
        let third = rotated(&second, "c".into(), NOW.plus_ms(ROTATION_MS - 1));
        assert_eq!(in_force(&third, NOW.plus_ms(ROTATION_MS - 1)), ["c", "b", "a"]);
        assert_eq!(in_force(&third, NOW.plus_ms(ROTATION_MS)), ["c", "b"], "the oldest keeps its end");
    }

    #[test]
    fn days_of_failure_switch_it_off() {
        assert!(!is_broken(None, NOW));
        assert!(!is_broken(Some(NOW.plus_ms(1 - BROKEN_AFTER_MS)), NOW));
        assert!(is_broken(Some(NOW.plus_ms(-BROKEN_AFTER_MS)), NOW));
    }
}
