//! The conditions on values beyond length and characters, one short function each.
//!
//! The names are those of the GS1 Barcode Syntax Tests, so that a reader can look the rules up.

use super::rule::c82_weight;
use super::{Ai, Gs1Error, codes, coupon, date};
use crate::code::item::ends_in_check_digit;

/// A condition on one part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lint {
    /// The last digit is the GS1 check digit.
    Csum,
    /// The last two characters are the GS1 check pair.
    CsumAlpha,
    /// Starts with a GS1 company prefix: at least four digits.
    GcpPos1,
    /// A GS1 company prefix starts at the second character.
    GcpPos2,
    /// A date `YYMMDD`.
    Yymmdd,
    /// A date `YYMMDD`, or `YYMM00` for a whole month.
    Yymmd0,
    /// A date `YYYYMMDD`.
    Yyyymmdd,
    /// A time `HHMM`.
    Hhmi,
    /// An hour.
    Hh,
    /// A minute.
    Mi,
    /// A second.
    Ss,
    /// An ISO 3166-1 numeric country code.
    Iso3166,
    /// An ISO 3166-1 numeric country code, or 999 for several.
    Iso3166999,
    /// An ISO 3166-1 two-letter country code.
    Iso3166Alpha2,
    /// An ISO 4217 numeric currency code.
    Iso4217,
    /// An ISO/IEC 5218 code of the human sexes.
    Iso5218,
    /// An international bank account number.
    Iban,
    /// `%` stands only before two hexadecimal digits.
    PcEnc,
    /// A latitude from the south pole in units of 10⁻⁷ degrees.
    Latitude,
    /// A longitude in units of 10⁻⁷ degrees.
    Longitude,
    /// 0 or 1.
    YesNo,
    /// Hyphens only.
    Hyphen,
    /// One character of the importer index of the European tobacco rules.
    ImporterIdx,
    /// A package type code of UN/CEFACT recommendation 21 and GS1.
    PackageType,
    /// An AIDC media type of ICCBBA.
    MediaType,
    /// `position/end`.
    PosInSeqSlash,
    /// Piece number and total, equally long.
    PieceOfTotal,
    /// Not zero.
    NonZero,
    /// Zero.
    Zero,
    /// A winding direction: 0, 1 or 9.
    Winding,
    /// Does not start with zero.
    NoZeroPrefix,
    /// Not digits only.
    HasNonDigit,
    /// A North American coupon code.
    CouponCode,
    /// A North American positive offer file coupon code.
    CouponPosOffer,
}

/// What is wrong with a part of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Where, in characters from the start of the part.
    pub at: usize,
    /// What is accepted there.
    pub accepted: &'static str,
}

impl Flaw {
    /// The error for a part that starts at `offset` of the data.
    pub fn in_value(self, ai: Ai, offset: usize) -> Gs1Error {
        Gs1Error::Value { ai, offset: offset + self.at, accepted: self.accepted }
    }
}

pub(super) type Checked = Result<(), Flaw>;

/// `Ok` when `holds`, else the flaw.
pub(super) fn ensure(holds: bool, at: usize, accepted: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(Flaw { at, accepted }) }
}

impl Lint {
    /// Checks a part whose characters are already known to be in its set.
    pub fn check(self, text: &str) -> Checked {
        let last = text.len().saturating_sub(1);
        match self {
            Lint::Csum => ensure(ends_in_check_digit(text.as_bytes()), last, "the check digit that fits the others"),
            Lint::CsumAlpha => check_pair(text),
            Lint::GcpPos1 => company_prefix(text, 0),
            Lint::GcpPos2 => company_prefix(text, 1),
            Lint::Yymmdd => date::yymmdd(text),
            Lint::Yymmd0 => date::yymmd0(text),
            Lint::Yyyymmdd => date::yyyymmdd(text),
            Lint::Hhmi => date::hhmi(text),
            Lint::Hh => date::hour(text),
            Lint::Mi => date::minute(text),
            Lint::Ss => date::second(text),
            Lint::Iso3166 => ensure(codes::is_country(text), 0, "an ISO 3166 numeric country code"),
            Lint::Iso3166999 => {
                ensure(text == "999" || codes::is_country(text), 0, "an ISO 3166 numeric country code or 999")
            }
            Lint::Iso3166Alpha2 => ensure(codes::is_country_alpha2(text), 0, "an ISO 3166 two-letter country code"),
            Lint::Iso4217 => ensure(codes::is_currency(text), 0, "an ISO 4217 numeric currency code"),
            Lint::Iso5218 => ensure(matches!(text, "0" | "1" | "2" | "9"), 0, "0, 1, 2 or 9"),
            Lint::Iban => iban(text),
            Lint::PcEnc => percent_encoded(text),
            Lint::Latitude => ensure(at_most(text, 1_800_000_000), 0, "a latitude from 0000000000 to 1800000000"),
            Lint::Longitude => ensure(at_most(text, 3_600_000_000), 0, "a longitude from 0000000000 to 3600000000"),
            Lint::YesNo => ensure(matches!(text, "0" | "1"), 0, "0 or 1"),
            Lint::Hyphen => ensure(text.bytes().all(|b| b == b'-'), 0, "-"),
            Lint::ImporterIdx => ensure(is_importer_index(text), 0, "one letter, digit, - or _"),
            Lint::PackageType => ensure(codes::is_package_type(text), 0, "a package type code"),
            Lint::MediaType => ensure(is_media_type(text), 0, "a media type from 01 to 10 or 80 to 99"),
            Lint::PosInSeqSlash => position_in_sequence(text),
            Lint::PieceOfTotal => piece_of_total(text),
            Lint::NonZero => ensure(text.bytes().any(|b| b != b'0'), 0, "a number above zero"),
            Lint::Zero => ensure(text.bytes().all(|b| b == b'0'), 0, "0"),
            Lint::Winding => ensure(matches!(text, "0" | "1" | "9"), 0, "0, 1 or 9"),
            Lint::NoZeroPrefix => ensure(!text.starts_with('0'), 0, "a number without leading zeros"),
            Lint::HasNonDigit => {
                ensure(text.bytes().any(|b| !b.is_ascii_digit()), 0, "at least one character that is no digit")
            }
            Lint::CouponCode => coupon::coupon_code(text),
            Lint::CouponPosOffer => coupon::positive_offer(text),
        }
    }
}

/// The shortest company prefix is four digits; whether it was ever given out is not looked up.
fn company_prefix(text: &str, from: usize) -> Checked {
    let prefix = text.as_bytes().get(from..from + 4);
    ensure(
        prefix.is_some_and(|p| p.iter().all(u8::is_ascii_digit)),
        from,
        "a GS1 company prefix of at least four digits",
    )
}

/// The check pair of GS1: prime weights from the right, modulo 1021, as two characters of five bits.
fn check_pair(text: &str) -> Checked {
    const PRIMES: [u32; 28] =
        [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107];
    const PAIR: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    let accepted = "the check pair that fits the characters before it";
    let Some((body, pair)) = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at)) else {
        return Err(Flaw { at: 0, accepted });
    };
    let weighted = body.bytes().rev().zip(PRIMES).map(|(byte, prime)| c82_weight(byte).unwrap_or(0) * prime);
    let sum = weighted.sum::<u32>() % 1021;
    let letter = |five_bits: u32| PAIR.get(five_bits as usize).copied();
    let fits = body.len() <= PRIMES.len() && pair.bytes().map(Some).eq([letter(sum >> 5), letter(sum & 31)]);
    ensure(fits, body.len(), accepted)
}

/// ISO 13616: with the first four characters moved to the end and letters as 10 to 35, the rest modulo 97 is 1.
fn iban(text: &str) -> Checked {
    ensure((11..=34).contains(&text.len()), 0, "a bank account number of 11 to 34 characters")?;
    let Some((head, tail)) = text.split_at_checked(4) else {
        return ensure(false, 0, "a bank account number");
    };
    ensure(head.get(..2).is_some_and(codes::is_country_alpha2), 0, "an ISO 3166 two-letter country code")?;
    let mut rest = 0;
    for (at, byte) in tail.bytes().chain(head.bytes()).enumerate() {
        rest = match byte {
            b'0'..=b'9' => rest * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => rest * 100 + u32::from(byte - b'A') + 10,
            _ => {
                return ensure(false, (at + 4) % text.len(), "upper case letters and digits");
            }
        } % 97;
    }
    ensure(rest == 1, 2, "the check digits that fit the account number")
}

fn percent_encoded(text: &str) -> Checked {
    let bytes = text.as_bytes();
    for at in (0..bytes.len()).filter(|at| bytes.get(*at) == Some(&b'%')) {
        let digits = bytes.get(at + 1..at + 3);
        ensure(
            digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit)),
            at,
            "% only before two hexadecimal digits",
        )?;
    }
    Ok(())
}

fn at_most(text: &str, max: u64) -> bool {
    text.len() == 10 && text.parse().is_ok_and(|value: u64| value <= max)
}

/// ICCBBA's own assignments and those it leaves to countries.
fn is_media_type(text: &str) -> bool {
    matches!(text.parse(), Ok(1u8..=10 | 80..=99))
}

fn is_importer_index(text: &str) -> bool {
    text.len() == 1 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn position_in_sequence(text: &str) -> Checked {
    let accepted = "position/end without leading zeros, the position not above the end";
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let Some((position, end)) = text.split_once('/') else {
        return ensure(false, 0, accepted);
    };
    ensure(digits(position) && digits(end), 0, accepted)?;
    ensure(!position.starts_with('0') && !end.starts_with('0'), 0, accepted)?;
    ensure((position.len(), position) <= (end.len(), end), 0, accepted)
}

fn piece_of_total(text: &str) -> Checked {
    let accepted = "piece number and total, equally long, both above zero, the piece not above the total";
    let Some((piece, total)) = text.split_at_checked(text.len() / 2) else {
        return ensure(false, 0, accepted);
    };
    let nonzero = |part: &str| part.bytes().any(|b| b != b'0');
    ensure(piece.len() == total.len() && nonzero(piece) && nonzero(total) && piece <= total, 0, accepted)
}

/// At most two `=`, only at the end, and only where they fill the value up to a multiple of three characters, which is
/// how the GS1 syntax tests count.
pub(super) fn base64_padding(text: &str) -> Checked {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    let fits = padding == 0 || (padding <= 2 && text.len().is_multiple_of(3));
    ensure(fits && !body.contains('='), body.find('=').unwrap_or(body.len()), "= only as padding at the end")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(lint: Lint, accepted: &[&str], refused: &[(&str, usize)]) {
        for text in accepted {
            assert_eq!(lint.check(text), Ok(()), "{lint:?} {text}");
        }
        for (text, at) in refused {
            assert_eq!(lint.check(text).map_err(|flaw| flaw.at), Err(*at), "{lint:?} {text}");
        }
    }

    #[test]
    fn numbers_are_checked() {
        check(Lint::Csum, &["06901234567892", "106901234567890128"], &[("06901234567893", 13), ("", 0), ("7", 0)]);
        check(Lint::GcpPos1, &["4711", "4711X"], &[("471", 0), ("47X1", 0), ("", 0)]);
        check(Lint::GcpPos2, &["X4711"], &[("X471", 1), ("4X711", 1)]);
        check(Lint::NonZero, &["0001"], &[("0000", 0)]);
        check(Lint::Zero, &["0"], &[("1", 0)]);
        check(Lint::NoZeroPrefix, &["1", "10"], &[("0", 0), ("01", 0)]);
        check(Lint::HasNonDigit, &["1a"], &[("12", 0)]);
        check(Lint::Latitude, &["0000000000", "1800000000"], &[("1800000001", 0), ("180000000", 0)]);
        check(Lint::Longitude, &["3600000000"], &[("3600000001", 0), ("9999999999", 0)]);
        check(Lint::PieceOfTotal, &["0101", "0199"], &[("0001", 0), ("0100", 0), ("0201", 0), ("010", 0)]);
        check(
            Lint::PosInSeqSlash,
            &["1/1", "2/10"],
            &[("0/1", 0), ("3/2", 0), ("1/", 0), ("/1", 0), ("1/01", 0), ("1/2/3", 0)],
        );
    }

    #[test]
    fn codes_are_checked() {
        check(Lint::Iso3166, &["156", "004"], &[("999", 0), ("000", 0)]);
        check(Lint::Iso3166999, &["156", "999"], &[("998", 0)]);
        check(Lint::Iso3166Alpha2, &["CN"], &[("ZZ", 0), ("cn", 0)]);
        check(Lint::Iso4217, &["156", "978"], &[("000", 0)]);
        check(Lint::Iso5218, &["0", "1", "2", "9"], &[("3", 0)]);
        check(Lint::YesNo, &["0", "1"], &[("2", 0)]);
        check(Lint::Winding, &["0", "1", "9"], &[("2", 0)]);
        check(Lint::MediaType, &["01", "10", "80", "99"], &[("00", 0), ("11", 0), ("79", 0)]);
        check(Lint::PackageType, &["CT", "8", "200"], &[("C", 0), ("ct", 0), ("", 0)]);
        check(Lint::ImporterIdx, &["-", "_", "z"], &[("!", 0), ("ab", 0)]);
        check(Lint::Hyphen, &["-"], &[("x", 0)]);
        check(Lint::PcEnc, &["A", "A%20", "%aF"], &[("A%2", 1), ("%", 0), ("AB%G0", 2)]);
    }

    #[test]
    fn account_numbers_and_check_pairs_are_those_of_the_public_samples() {
        check(
            Lint::Iban,
            &["GB82WEST12345698765432"],
            &[
                ("GB83WEST12345698765432", 2),
                ("ZZ82WEST12345698765432", 0),
                ("GB82WEST1234569876543x", 21),
                ("GB82", 0),
            ],
        );
        check(Lint::CsumAlpha, &["1987654Ad4X4bL5ttr2310c2K"], &[("1987654Ad4X4bL5ttr2310c2J", 23), ("2", 0), ("", 0)]);
    }

    #[test]
    fn padding_stands_only_at_the_end() {
        for (text, fits) in [
            ("abc", true),
            ("ab_-", true),
            ("ab=", true),
            ("a==", true),
            ("abcd=", false),
            ("a=b", false),
            ("===", false),
        ] {
            assert_eq!(base64_padding(text).is_ok(), fits, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_check_pair_catches_every_single_wrong_character(body in "[A-Za-z0-9]{4,23}", place in 0usize..23, other in "[A-Za-z0-9]") {
            let pairs = || b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ".iter();
            let both = pairs().flat_map(|a| pairs().map(move |b| format!("{}{}", char::from(*a), char::from(*b))));
            let right: Vec<String> = both.map(|pair| format!("{body}{pair}")).filter(|text| check_pair(text).is_ok()).collect();
            prop_assert_eq!(right.len(), 1);
            let place = place % body.len();
            let mut wrong = right[0].clone();
            wrong.replace_range(place..=place, &other);
            prop_assert_eq!(check_pair(&wrong).is_ok(), wrong == right[0]);
        }
    }
}
