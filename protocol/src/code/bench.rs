//! Codes that we print ourselves and fix to the packing table: actions, staff badges and override reasons.
//!
//! A bench code is `PL`, a mark for its kind (`!` action, `@` badge, `#` reason), a name, `.` and three check
//! characters, for example `PL!ACK.` + check. The prefix is no product's or courier's, and the check makes a torn or
//! mistyped code an error instead of another command. The check is no secret: a badge proves who only together with
//! the signed list of badges.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What every bench code starts with, before the mark of its kind.
pub const BENCH_PREFIX: &str = "PL";

/// The longest badge or reason name, in characters.
pub const BENCH_NAME_MAX: usize = 24;

/// A bench code with a correct check.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BenchCode {
    /// `PL!`: do something.
    Action(Action),
    /// `PL@`: who is here.
    Badge(BadgeId),
    /// `PL#`: why a stop is overridden.
    Reason(ReasonCode),
}

/// What a packer can ask for by scanning a code on the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// The packer has seen the answer: a red light may go out.
    Ack,
    /// Call a supervisor to this table.
    CallSupervisor,
    /// The right gift is gone: hand in another one.
    SwapGift,
    /// Print the label or slip again.
    Reprint,
    /// Take back the last scan of the item check.
    Undo,
    /// The item check is finished.
    Complete,
    /// Leave the open item check; nothing in it counts.
    Cancel,
    /// Put the parcel on the hold list.
    Hold,
    /// Say the last answer again.
    Repeat,
    /// Start an override: badge, reason and the parcel follow.
    Override,
    /// Show the page in the other language.
    Language,
}

impl Action {
    /// Every action with its printed name.
    pub const ALL: [(Action, &'static str); 11] = [
        (Action::Ack, "ACK"),
        (Action::CallSupervisor, "CALL-SUPERVISOR"),
        (Action::SwapGift, "SWAP-GIFT"),
        (Action::Reprint, "REPRINT"),
        (Action::Undo, "UNDO"),
        (Action::Complete, "COMPLETE"),
        (Action::Cancel, "CANCEL"),
        (Action::Hold, "HOLD"),
        (Action::Repeat, "REPEAT"),
        (Action::Override, "OVERRIDE"),
        (Action::Language, "LANGUAGE"),
    ];

    /// The printed name, for example `CALL-SUPERVISOR`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(action, _)| *action == self).map_or("", |(_, name)| *name)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(action, _)| *action)
    }
}

/// Why a bench code is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BenchError {
    /// It starts like a bench code but does not go on like one.
    #[error("bench code `{code}` is not `PL!NAME.CHK`, `PL@BADGE.CHK` or `PL#REASON.CHK`")]
    Shape {
        /// The code, cut to 64 characters.
        code: String,
    },
    /// The check characters do not fit: torn, misread or mistyped.
    #[error(
        "bench code `{code}` is misread or damaged: its check characters do not fit; scan it again or print it anew"
    )]
    Check {
        /// The code.
        code: String,
    },
    /// An action of a newer version, or one that never was.
    #[error(
        "bench action `{name}` is not known here; known are ACK, CALL-SUPERVISOR, SWAP-GIFT, REPRINT, UNDO, COMPLETE, CANCEL, HOLD, REPEAT, OVERRIDE and LANGUAGE"
    )]
    UnknownAction {
        /// The action's printed name.
        name: String,
    },
    /// A badge or reason name outside the accepted set.
    #[error("{what} is `{value}`; give 1 to {BENCH_NAME_MAX} characters of A-Z, 0-9 and `-`")]
    Name {
        /// `badge` or `reason`.
        what: &'static str,
        /// What was given, cut to 64 characters.
        value: String,
    },
}

macro_rules! bench_name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Accepts 1 to [`BENCH_NAME_MAX`] characters of `A-Z`, `0-9` and `-`.
            pub fn parse(text: &str) -> Result<Self, BenchError> {
                if is_bench_name(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(BenchError::Name { what: $what, value: text.chars().take(64).collect() })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BenchError;
            fn try_from(text: String) -> Result<Self, BenchError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

bench_name!(
    /// A staff badge as printed: 1 to 24 characters of `A-Z`, `0-9` and `-`.
    BadgeId, "badge"
);
bench_name!(
    /// An override reason as printed: 1 to 24 characters of `A-Z`, `0-9` and `-`. Which ones count is the site's setting.
    ReasonCode, "reason"
);

fn is_bench_name(text: &str) -> bool {
    (1..=BENCH_NAME_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
}

impl BenchCode {
    /// Whether a canonical text claims to be a bench code, right or wrong.
    pub fn claims(canonical: &str) -> bool {
        matches!(canonical.as_bytes(), [b'P', b'L', b'!' | b'@' | b'#', ..])
    }

    /// Reads a canonical text that [`BenchCode::claims`] to be one.
    pub fn parse(canonical: &str) -> Result<Self, BenchError> {
        let shape = || BenchError::Shape { code: canonical.chars().take(64).collect() };
        let (body, check) = canonical.rsplit_once('.').ok_or_else(shape)?;
        let (mark, name) =
            body.strip_prefix(BENCH_PREFIX).and_then(|rest| rest.split_at_checked(1)).ok_or_else(shape)?;
        if !is_bench_name(name) || check.len() != CHECK_LEN {
            return Err(shape());
        }
        if check != check_text(body) {
            return Err(BenchError::Check { code: canonical.to_owned() });
        }
        match mark {
            "!" => Action::from_name(name)
                .map(Self::Action)
                .ok_or_else(|| BenchError::UnknownAction { name: name.to_owned() }),
            "@" => BadgeId::parse(name).map(Self::Badge),
            "#" => ReasonCode::parse(name).map(Self::Reason),
            _ => Err(shape()),
        }
    }
}

impl fmt::Display for BenchCode {
    /// The text to print as a barcode, check characters included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, name) = match self {
            Self::Action(action) => ('!', action.name()),
            Self::Badge(badge) => ('@', badge.as_str()),
            Self::Reason(reason) => ('#', reason.as_str()),
        };
        let body = format!("{BENCH_PREFIX}{mark}{name}");
        write!(f, "{body}.{}", check_text(&body))
    }
}

const CHECK_LEN: usize = 3;

/// The largest prime below 36³: three characters hold every remainder, and because 257 and every difference of two
/// bytes are prime to it, one wrong character or two swapped neighbours always change the check.
const CHECK_PRIME: u32 = 46_649;

fn check_text(body: &str) -> String {
    let sum = body.bytes().fold(0u32, |sum, byte| (sum * 257 + u32::from(byte)) % CHECK_PRIME);
    let digit = |value: u32| char::from_digit(value % 36, 36).unwrap_or('0').to_ascii_uppercase();
    [digit(sum / 1296), digit(sum / 36), digit(sum)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_printed_action_reads_back() {
        for (action, name) in Action::ALL {
            let printed = BenchCode::Action(action).to_string();
            assert!(printed.starts_with(&format!("PL!{name}.")), "{printed}");
            assert_eq!(BenchCode::parse(&printed), Ok(BenchCode::Action(action)));
        }
    }

    #[test]
    fn printed_sheets_stay_valid() {
        // These are on walls in warehouses: the check must never change.
        assert_eq!(BenchCode::Action(Action::Ack).to_string(), "PL!ACK.JQ8");
        assert_eq!(BenchCode::Badge(BadgeId::parse("W-0071").unwrap()).to_string(), "PL@W-0071.XSW");
        assert_eq!(BenchCode::Reason(ReasonCode::parse("CUSTOMER-OK").unwrap()).to_string(), "PL#CUSTOMER-OK.A5S");
    }

    #[test]
    fn a_wrong_bench_code_says_what_is_wrong() {
        let error = |text: &str| BenchCode::parse(text).unwrap_err().to_string();
        assert_eq!(error("PL!ACK"), "bench code `PL!ACK` is not `PL!NAME.CHK`, `PL@BADGE.CHK` or `PL#REASON.CHK`");
        assert!(error("PL!ACK.AAA").contains("misread or damaged"));
        let unknown = format!("PL!EXPLODE.{}", check_text("PL!EXPLODE"));
        assert!(error(&unknown).starts_with("bench action `EXPLODE` is not known here"));
        assert!(error("PL@.AAA").contains("is not `PL!NAME.CHK`"));
        assert!(BadgeId::parse("w-1").is_err());
        assert!(ReasonCode::parse(&"X".repeat(25)).is_err());
    }

    proptest! {
        #[test]
        fn every_badge_reads_back_and_one_wrong_character_is_caught(name in "[A-Z0-9-]{1,24}", place in 3usize..30, other in "[A-Z0-9-]") {
            let printed = BenchCode::Badge(BadgeId::parse(&name).unwrap()).to_string();
            prop_assert_eq!(BenchCode::parse(&printed), Ok(BenchCode::Badge(BadgeId::parse(&name).unwrap())));
            let place = 3 + (place - 3) % name.len();
            let mut wrong = printed.clone();
            wrong.replace_range(place..=place, &other);
            prop_assert!(wrong == printed || BenchCode::parse(&wrong).is_err());
        }
    }
}
