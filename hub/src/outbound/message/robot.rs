//! Group robots of DingTalk, WeCom and Feishu: what they are sent, and what their answers mean. Pure.
//!
//! All of them answer 200 to a message that they refuse; whether it was taken stands in the body.

use super::{Message, Receiver};
use crate::effects::model::Outcome;
use crate::error::Error;
use crate::outbound::client::Answer;
use crate::outbound::signing;
use packline_protocol::time::Timestamp;
use serde_json::{Value, json};

/// The longest text that WeCom takes is 2,048 bytes, the others' are far longer.
const WECOM_TEXT_MAX: usize = 2_000;
const TEXT_MAX: usize = 15_000;
/// How long a robot is left alone that says that it is sent too much.
const TOO_MUCH_MS: i64 = 60_000;

/// A request that sends `message` to a robot: URL and body. `None` when the receiver is no robot.
pub fn request(receiver: &Receiver, message: &Message, mark: &str, now: Timestamp) -> Option<(String, Value)> {
    let seconds = now.0 / 1_000;
    match receiver {
        Receiver::Dingtalk { url, secret } => {
            let body = json!({ "msgtype": "text", "text": { "content": message.text(mark, TEXT_MAX) } });
            let joint = if url.contains('?') { '&' } else { '?' };
            let url = match secret.as_str() {
                "" => url.clone(),
                secret => format!("{url}{joint}{}", signing::dingtalk_query(secret, now.0)),
            };
            Some((url, body))
        }
        Receiver::Wecom { url } => {
            let body = json!({ "msgtype": "text", "text": { "content": message.text(mark, WECOM_TEXT_MAX) } });
            Some((url.clone(), body))
        }
        Receiver::Feishu { url, secret } => {
            let mut body = json!({ "msg_type": "text", "content": { "text": message.text(mark, TEXT_MAX) } });
            if !secret.is_empty() {
                body["timestamp"] = json!(seconds.to_string());
                body["sign"] = json!(signing::feishu_sign(secret, seconds));
            }
            Some((url.clone(), body))
        }
        Receiver::Mail(_) => None,
    }
}

/// What a robot's answer means.
pub fn outcome(answer: &Answer) -> Outcome {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let code = ["errcode", "code", "StatusCode"].into_iter().find_map(|name| said[name].as_i64());
    let text = ["errmsg", "msg", "StatusMessage"].into_iter().find_map(|name| said[name].as_str());
    let text: String = text.unwrap_or_default().chars().take(120).collect();
    match (answer.status, code) {
        (429, _) => {
            Outcome::Slow { problem: "status 429".into(), wait_ms: answer.retry_after_ms.unwrap_or(TOO_MUCH_MS) }
        }
        (200..300, Some(0)) => Outcome::Done,
        (200..300, Some(code)) if TOO_MUCH.contains(&code) => {
            Outcome::Slow { problem: format!("code {code}: {text}"), wait_ms: TOO_MUCH_MS }
        }
        (200..300, Some(code)) if NEVER.contains(&code) => Outcome::Refused { problem: format!("code {code}: {text}") },
        (200..300, Some(code)) => Outcome::Failed { problem: format!("code {code}: {text}") },
        (200..300, None) => Outcome::Failed { problem: "an answer that is not a robot's".into() },
        (status @ (400 | 401 | 403 | 404 | 410), _) => Outcome::Refused { problem: format!("status {status}: {text}") },
        (status, _) => Outcome::Failed { problem: format!("status {status}") },
    }
}

/// Sent too much: DingTalk, WeCom, Feishu.
const TOO_MUCH: [i64; 5] = [130_101, 660_026, 45_009, 11_232, 9_499];
/// Wrong signature, key word, token or address: it stays wrong until a person changes the settings.
const NEVER: [i64; 8] = [310_000, 300_001, 400_101, 93_000, 40_001, 19_001, 19_021, 19_024];

/// Refuses a URL that no robot has.
pub fn check_url(url: &str) -> Result<(), Error> {
    let parsed = url::Url::parse(url.trim());
    let fits = parsed.is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    if fits && url.len() <= 1_000 {
        return Ok(());
    }
    Err(Error::invalid("url is not accepted; give the robot's address, https://…, up to 1000 characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_600_000_000_500);

    fn message() -> Message {
        Message { title: "拦截".into(), lines: vec!["pack-1".into()], link: None }
    }

    #[test]
    fn each_robot_is_told_in_its_own_way() {
        let (url, secret) = ("https://robot.example/send?token=t".to_owned(), "SEC0123456789".to_owned());
        let ding = Receiver::Dingtalk { url: url.clone(), secret: secret.clone() };
        let (called, body) = request(&ding, &message(), "ab", NOW).unwrap();
        assert!(called.starts_with("https://robot.example/send?token=t&timestamp=1600000000500&sign="), "{called}");
        assert_eq!(body, json!({ "msgtype": "text", "text": { "content": "拦截\npack-1\n#ab" } }));

        let plain = Receiver::Dingtalk { url: url.clone(), secret: String::new() };
        assert_eq!(request(&plain, &message(), "ab", NOW).unwrap().0, url);

        let (called, body) = request(&Receiver::Wecom { url: url.clone() }, &message(), "ab", NOW).unwrap();
        assert_eq!((called, body["text"]["content"].as_str().unwrap()), (url.clone(), "拦截\npack-1\n#ab"));

        let (called, body) = request(&Receiver::Feishu { url: url.clone(), secret }, &message(), "ab", NOW).unwrap();
        assert_eq!(called, url);
        assert_eq!(body["timestamp"], "1600000000", "seconds, as text");
        assert_eq!(body["sign"], signing::feishu_sign("SEC0123456789", 1_600_000_000));
        assert_eq!(body["content"]["text"], "拦截\npack-1\n#ab");
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: &str) {
        let answer = Answer { status, retry_after_ms: None, body: body.as_bytes().to_vec() };
        let found = match outcome(&answer) {
            Outcome::Done => "done".to_owned(),
            Outcome::Failed { problem } => format!("failed: {problem}"),
            Outcome::Slow { problem, wait_ms } => format!("slow {wait_ms}: {problem}"),
            Outcome::Refused { problem } => format!("refused: {problem}"),
            Outcome::Dropped { problem } => format!("dropped: {problem}"),
        };
        assert_eq!(found, expected, "{status} {body}");
    }

    #[test]
    fn a_robot_that_answers_200_may_still_have_refused() {
        check(200, r#"{"errcode":0,"errmsg":"ok"}"#, "done");
        check(200, r#"{"code":0,"msg":"success","data":{}}"#, "done");
        check(200, r#"{"StatusCode":0,"StatusMessage":"success"}"#, "done");
        check(200, r#"{"errcode":310000,"errmsg":"sign not match"}"#, "refused: code 310000: sign not match");
        check(200, r#"{"errcode":130101,"errmsg":"send too fast"}"#, "slow 60000: code 130101: send too fast");
        check(200, r#"{"errcode":45009,"errmsg":"freq"}"#, "slow 60000: code 45009: freq");
        check(200, r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#, "refused: code 93000: invalid webhook url");
        check(200, r#"{"code":19021,"msg":"sign match fail"}"#, "refused: code 19021: sign match fail");
        check(200, r#"{"errcode":-1,"errmsg":"system busy"}"#, "failed: code -1: system busy");
        check(200, "<html>", "failed: an answer that is not a robot's");
        check(200, "", "failed: an answer that is not a robot's");
        check(429, "", "slow 60000: status 429");
        check(404, "", "refused: status 404: ");
        check(502, "", "failed: status 502");
        check(302, "", "failed: status 302");
    }

    #[test]
    fn an_address_that_no_robot_has_is_refused() {
        for url in ["", "robot", "ftp://h/x", "javascript:alert(1)", "https://"] {
            assert!(check_url(url).is_err(), "{url}");
        }
        assert!(check_url("https://oapi.robot.example/robot/send?access_token=x").is_ok());
    }
}
