//! How messages to those outside prove where they come from. Pure: the time is an argument.
//!
//! Webhooks are signed as the Standard Webhooks specification says; robots as their platforms say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

/// The begin of every webhook secret.
pub const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a new secret.
const SECRET_BYTES: usize = 32;

/// A webhook secret of these random bytes, as it is shown and configured at the receiver.
pub fn secret_text(bytes: &[u8; SECRET_BYTES]) -> String {
    format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes))
}

/// The value of `webhook-signature`: one signature for each secret, so that a receiver may know either while they
/// are changed. A secret that cannot be read gives none.
pub fn webhook_signature(secrets: &[String], id: &str, seconds: i64, body: &[u8]) -> String {
    let mut signed = format!("{id}.{seconds}.").into_bytes();
    signed.extend_from_slice(body);
    let sign = |secret: &String| {
        let key = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;
        Some(format!("v1,{}", STANDARD.encode(hmac_sha256(&key, &signed))))
    };
    let signatures: Vec<String> = secrets.iter().filter_map(sign).collect();
    signatures.join(" ")
}

/// What DingTalk wants at the end of a robot's URL: key is the secret, and the text is time, line feed, secret.
pub fn dingtalk_query(secret: &str, ms: i64) -> String {
    let sign = STANDARD.encode(hmac_sha256(secret.as_bytes(), format!("{ms}\n{secret}").as_bytes()));
    format!("timestamp={ms}&sign={}", utf8_percent_encode(&sign, NON_ALPHANUMERIC))
}

/// What Feishu wants in a robot's message. Its key is what others sign (time, line feed, secret), and the text is empty.
pub fn feishu_sign(secret: &str, seconds: i64) -> String {
    STANDARD.encode(hmac_sha256(format!("{seconds}\n{secret}").as_bytes(), b""))
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_signed_as_the_specification_shows() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned();
        let sign = |secrets: &[String]| {
            webhook_signature(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#)
        };
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign(std::slice::from_ref(&secret)), expected);
        let other = secret_text(&[7; 32]);
        let both = sign(&[other.clone(), secret, "nonsense".to_owned()]);
        assert_eq!(both, format!("{} {expected}", sign(&[other])));
    }

    // Vectors made with another implementation of HMAC: Python's `hmac` and `base64`.
    #[test]
    fn robots_are_signed_as_their_platforms_say() {
        assert_eq!(
            dingtalk_query("SEC0123456789", 1_600_000_000_000),
            "timestamp=1600000000000&sign=nVDy2kli396sQV2feyDeIyiIPNCMwVHeJnppDT8gnf8%3D"
        );
        assert_eq!(feishu_sign("demo-secret", 1_599_360_473), "3/MaVZ8JLIy4TUG+7KSFJqvUkTKd+HWY8g+56DZWq8s=");
    }
}
