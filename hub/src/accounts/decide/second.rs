//! The second step: codes by time, RFC 6238 with SHA-1, six digits and steps of 30 seconds, as every app knows them.

use packline_protocol::time::Timestamp;
use ring::hmac;

/// The length of a step, in seconds.
const STEP_S: i64 = 30;
/// Steps that a device's clock may be off, in either direction.
const DRIFT: i64 = 1;
/// The letters of base 32, RFC 4648.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step that a code belongs to, when it is one of those that are good now and was not used yet.
pub fn fitting_step(secret: &[u8], code: &str, last_step: i64, now: Timestamp) -> Option<i64> {
    let now = now.0.div_euclid(STEP_S * 1_000);
    let mut found = None;
    // All of them are compared, so that the time it takes says nothing.
    for step in now - DRIFT..=now + DRIFT {
        let fits = subtle::ConstantTimeEq::ct_eq(code_of(secret, step).as_bytes(), code.as_bytes());
        if bool::from(fits) && step > last_step {
            found = Some(step);
        }
    }
    found
}

/// The code of a step.
pub fn code_of(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let start = usize::from(tag[tag.len() - 1] & 0x0f);
    let word = tag[start..start + 4].iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// A code as it was typed, without what people put between its digits.
pub fn typed(code: &str) -> String {
    code.chars()
        .filter(|letter| letter.is_ascii_alphanumeric())
        .map(|letter| letter.to_ascii_uppercase())
        .take(64)
        .collect()
}

/// Bytes in base 32, without padding.
pub fn base32(bytes: &[u8]) -> String {
    let bit = |place: usize| bytes.get(place / 8).map_or(0, |byte| byte >> (7 - place % 8) & 1);
    let letter =
        |start: usize| LETTERS[(start..start + 5).fold(0, |value, place| value << 1 | usize::from(bit(place)))];
    (0..bytes.len() * 8).step_by(5).map(|start| char::from(letter(start))).collect()
}

/// What an app reads from the picture.
pub fn address_of(secret: &[u8], user: &str) -> String {
    format!("otpauth://totp/Packline:{user}?secret={}&issuer=Packline", base32(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_standard() {
        // The last six of the eight digits that the RFC gives.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_of(SECRET, seconds / STEP_S), code, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_around_now_and_once() {
        let now = Timestamp(1_000_000_000_000);
        let step = now.0 / 30_000;
        for (off, good) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let found = fitting_step(SECRET, &code_of(SECRET, step + off), 0, now);
            assert_eq!(found, good.then_some(step + off), "{off}");
        }
        let code = code_of(SECRET, step);
        assert_eq!(fitting_step(SECRET, &code, step, now), None, "used already");
        assert_eq!(fitting_step(SECRET, &code, step + 1, now), None, "a later one was used");
        for wrong in ["", "000000000", "abcdef", &code[..5]] {
            assert_eq!(fitting_step(SECRET, wrong, 0, now), None, "{wrong}");
        }
    }

    #[test]
    fn base_32_is_that_of_the_standard() {
        for (plain, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(plain.as_bytes()), text);
        }
        assert_eq!(typed(" 123 456 "), "123456");
        assert!(address_of(SECRET, "anna").ends_with("?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Packline"));
    }
}
