//! When a password is good enough.
//!
//! The list of words is short on purpose: with twelve characters or more, what people choose badly is built from a few
//! words, a year, a run along the keyboard, or their own name.

use crate::accounts::model::{AccountError, PASSWORD_MAX, PASSWORD_MIN, Password, UserName, Weak};
use std::collections::BTreeSet;

/// Fewer different characters than this are a pattern.
const KINDS_MIN: usize = 5;
/// A piece that is repeated may be this long and still be a pattern, in characters.
const REPEAT_MAX: usize = 4;
/// From so much of a password on that runs along a line, it is a pattern: this share, in percent.
const RUN_PERCENT: usize = 75;

/// Lines that fingers run along.
const LINES: &[&str] =
    &["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn"];

/// Words that are tried first; what is left of a password without digits and signs must not be made of them alone.
const WORDS: &[&str] = &[
    "abc",
    "access",
    "admin",
    "administrator",
    "asdf",
    "baby",
    "boss",
    "cangku",
    "change",
    "changeme",
    "china",
    "company",
    "default",
    "demo",
    "dingdan",
    "dragon",
    "flower",
    "football",
    "guest",
    "hello",
    "hub",
    "iloveyou",
    "in",
    "is",
    "kefu",
    "laoban",
    "let",
    "letmein",
    "login",
    "love",
    "master",
    "me",
    "mima",
    "monkey",
    "my",
    "order",
    "orders",
    "pack",
    "packline",
    "pass",
    "passwd",
    "password",
    "princess",
    "pwd",
    "qaz",
    "qwe",
    "qwer",
    "qwert",
    "qwerty",
    "root",
    "secret",
    "shop",
    "station",
    "summer",
    "sunshine",
    "super",
    "taobao",
    "temp",
    "test",
    "the",
    "tianmao",
    "tmall",
    "user",
    "warehouse",
    "welcome",
    "winter",
    "woaini",
    "word",
    "wsx",
    "yunying",
    "zhongguo",
    "zxcv",
];

/// Whether this password will do for this account.
pub fn acceptable(name: &UserName, password: &Password) -> Result<(), AccountError> {
    let lower = password.text().to_lowercase();
    let letters: Vec<char> = lower.chars().collect();
    let weak = if letters.len() < PASSWORD_MIN || password.text().len() > PASSWORD_MAX {
        Weak::Length
    } else if name.as_str().len() >= 4 && lower.contains(name.as_str()) {
        Weak::HasName
    } else if is_pattern(&letters) {
        Weak::Pattern
    } else if is_common(&lower) {
        Weak::Common
    } else {
        return Ok(());
    };
    Err(AccountError::Rules(weak))
}

fn is_pattern(letters: &[char]) -> bool {
    let kinds: BTreeSet<char> = letters.iter().copied().collect();
    let repeats = |length: usize| letters.iter().zip(letters.iter().skip(length)).all(|(one, other)| one == other);
    let steps = letters.windows(2).filter(|pair| is_step(pair[0], pair[1])).count();
    kinds.len() < KINDS_MIN || (1..=REPEAT_MAX).any(repeats) || steps * 100 >= (letters.len() - 1) * RUN_PERCENT
}

/// Whether two characters stand beside each other on a line, in either direction.
fn is_step(one: char, other: char) -> bool {
    let place = |line: &str, letter| line.chars().position(|at| at == letter);
    LINES.iter().any(|line| match (place(line, one), place(line, other)) {
        (Some(one), Some(other)) => one.abs_diff(other) == 1,
        _ => false,
    })
}

/// Whether nothing but common words is left once digits and signs are taken off, or read as the letters that they are
/// commonly put for.
fn is_common(lower: &str) -> bool {
    let letters: String = lower.chars().filter(|letter| letter.is_alphabetic()).collect();
    let core = lower.trim_matches(|letter: char| !letter.is_alphabetic() && !matches!(letter, '@' | '$'));
    let read: String = core.chars().map(stands_for).filter(|letter| letter.is_alphabetic()).collect();
    is_made_of_words(&letters) || is_made_of_words(&read)
}

fn stands_for(letter: char) -> char {
    match letter {
        '@' | '4' => 'a',
        '$' | '5' => 's',
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        letter => letter,
    }
}

/// Whether common words in a row give exactly this text.
fn is_made_of_words(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut reached = vec![false; bytes.len() + 1];
    reached[0] = true;
    for start in 0..bytes.len() {
        if reached[start] {
            for word in WORDS.iter().filter(|word| bytes[start..].starts_with(word.as_bytes())) {
                reached[start + word.len()] = true;
            }
        }
    }
    reached[bytes.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Weak>) {
        let name = UserName::parse("li.na").unwrap();
        let found = match acceptable(&name, &Password::new(text)) {
            Ok(()) => None,
            Err(AccountError::Rules(weak)) => Some(weak),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_password_needs_twelve_characters_of_any_script() {
        check("short", Some(Weak::Length));
        check("elevenchars", Some(Weak::Length));
        check("twelve chars", None);
        check("一二三四五六七八九十甲乙", None);
        check(&"long enough ".repeat(22), Some(Weak::Length));
    }

    #[test]
    fn a_password_that_is_tried_first_is_refused() {
        check("my li.na 2026!", Some(Weak::HasName));
        for text in ["aaaaaaaaaaaa", "abababababab", "1234123412341234", "aabbccaabbcc"] {
            check(text, Some(Weak::Pattern));
        }
        for text in ["123456789012", "abcdefghijklm", "qwertyuiopas", "1qaz2wsx3edc", "0987654321098"] {
            check(text, Some(Weak::Pattern));
        }
        for text in
            ["Password2026!", "p@ssw0rd12345", "welcome-2026-!", "admin@packline", "WoAiNi5201314", "20260101-88752"]
        {
            check(text, Some(Weak::Common));
        }
        for text in ["three brown hens 7", "kx7#vq9!mm2pZ", "admin of the lake", "修改之后的新密码很长的"] {
            check(text, if text.chars().count() < 12 { Some(Weak::Length) } else { None });
        }
    }
}
