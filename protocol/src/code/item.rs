//! Product numbers: EAN-8, UPC-E, UPC-A, EAN-13 and GTIN-14, all kept as one GTIN-14.

use std::fmt;

/// A product number with a correct check digit, padded with zeros to 14 digits so that all writings of it are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtin([u8; 14]);

/// Why a text is not a product number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GtinError {
    /// Not 8, 12, 13 or 14 digits.
    #[error("product number `{value}` has {length} characters; give 8, 12, 13 or 14 digits")]
    Shape {
        /// What was given, cut to 32 characters.
        value: String,
        /// Its length in characters.
        length: usize,
    },
    /// The check digit does not fit the others.
    #[error("product number `{value}` ends in check digit {found}; {expected} fits the other digits")]
    CheckDigit {
        /// What was given.
        value: String,
        /// The last digit given.
        found: char,
        /// The digit that would be right.
        expected: char,
    },
}

impl GtinError {
    /// The error for a text of the wrong length or with other characters than digits.
    pub fn shape(value: &str) -> Self {
        Self::Shape { value: value.chars().take(32).collect(), length: value.chars().count() }
    }
}

impl Gtin {
    /// Accepts 8, 12, 13 or 14 digits, the last one being the check digit.
    pub fn parse(digits: &str) -> Result<Self, GtinError> {
        let bytes = digits.as_bytes();
        if !matches!(bytes.len(), 8 | 12 | 13 | 14) || !bytes.iter().all(u8::is_ascii_digit) {
            return Err(GtinError::shape(digits));
        }
        let (body, check) = bytes.split_at(bytes.len() - 1);
        let (found, expected) = (check[0], check_digit(body));
        if found != expected {
            let (found, expected) = (char::from(found), char::from(expected));
            return Err(GtinError::CheckDigit { value: digits.to_owned(), found, expected });
        }
        let mut padded = [b'0'; 14];
        padded[14 - bytes.len()..].copy_from_slice(bytes);
        Ok(Self(padded))
    }

    /// Reads an eight-digit UPC-E (number system 0 or 1, six digits, check digit) as the UPC-A it stands for.
    pub fn from_upc_e(digits: &str) -> Result<Self, GtinError> {
        let shape = || GtinError::shape(digits);
        let &[system, a, b, c, d, e, last, check] = digits.as_bytes() else {
            return Err(shape());
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) || system > b'1' {
            return Err(shape());
        }
        let zero = b'0';
        let middle = match last {
            b'0'..=b'2' => [a, b, last, zero, zero, zero, zero, c, d, e],
            b'3' => [a, b, c, zero, zero, zero, zero, zero, d, e],
            b'4' => [a, b, c, d, zero, zero, zero, zero, zero, e],
            _ => [a, b, c, d, e, zero, zero, zero, zero, last],
        };
        let upc_a: String = std::iter::once(system).chain(middle).chain([check]).map(char::from).collect();
        Self::parse(&upc_a)
    }

    /// All 14 digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a GTIN holds digits only")
    }

    /// The shortest usual writing: 8, 12, 13 or 14 digits, as printed under the bars.
    pub fn printed(&self) -> &str {
        let text = self.as_str();
        let zeros = text.bytes().take_while(|b| *b == b'0').count();
        match zeros {
            0 => text,
            1 => &text[1..],
            2..=5 => &text[2..],
            _ => &text[6..],
        }
    }

    /// Every usual writing of this number, the longest first: 14 digits, then 13, 12 and 8 where zeros allow.
    pub fn writings(&self) -> impl Iterator<Item = &str> {
        let text = self.as_str();
        [0, 1, 2, 6]
            .into_iter()
            .filter(|zeros| text.bytes().take(*zeros).all(|b| b == b'0'))
            .map(|zeros| &text[zeros..])
    }
}

impl fmt::Display for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Gtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gtin({})", self.as_str())
    }
}

/// The GS1 check digit (modulo 10, weights 3 and 1 from the right) of ASCII digits, as an ASCII digit.
pub fn check_digit(digits: &[u8]) -> u8 {
    let weighted = digits.iter().rev().zip([3u32, 1].into_iter().cycle());
    let sum: u32 = weighted.map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0') % 10) * weight).sum();
    b'0' + u8::try_from((10 - sum % 10) % 10).expect("a remainder of ten fits a byte")
}

/// Whether the last of `digits` is the GS1 check digit of the others; never true for anything but digits.
pub fn ends_in_check_digit(digits: &[u8]) -> bool {
    match digits.split_last() {
        Some((last, body)) => !body.is_empty() && digits.iter().all(u8::is_ascii_digit) && check_digit(body) == *last,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(digits: &str, expected: Result<&str, &str>) {
        let got = Gtin::parse(digits).map(|gtin| gtin.to_string()).map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn all_writings_of_a_product_number_are_one() {
        check("4006381333931", Ok("04006381333931"));
        check("04006381333931", Ok("04006381333931"));
        check("036000291452", Ok("00036000291452"));
        check("96385074", Ok("00000096385074"));
        check("4006381333930", Err("product number `4006381333930` ends in check digit 0; 1 fits the other digits"));
        check("400638133393", Err("product number `400638133393` ends in check digit 3; 0 fits the other digits"));
        check("123", Err("product number `123` has 3 characters; give 8, 12, 13 or 14 digits"));
        check("40063813339３", Err("product number `40063813339３` has 12 characters; give 8, 12, 13 or 14 digits"));
    }

    #[test]
    fn a_upc_e_is_the_upc_a_it_stands_for() {
        for (short, long) in [
            ("01234505", "012000003455"),
            ("04252614", "042100005264"),
            ("01234133", "012300000413"),
            ("01234565", "012345000065"),
        ] {
            assert_eq!(Gtin::from_upc_e(short).unwrap().printed(), long);
        }
        assert!(Gtin::from_upc_e("24252614").is_err());
        assert!(Gtin::from_upc_e("0425261").is_err());
    }

    #[test]
    fn writings_are_cut_only_where_zeros_allow() {
        let writings = |digits: &str| Gtin::parse(digits).unwrap().writings().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(writings("96385074"), ["00000096385074", "0000096385074", "000096385074", "96385074"]);
        assert_eq!(writings("036000291452"), ["00036000291452", "0036000291452", "036000291452"]);
        assert_eq!(writings("4006381333931"), ["04006381333931", "4006381333931"]);
        assert_eq!(writings("14006381333938"), ["14006381333938"]);
    }

    proptest! {
        #[test]
        fn a_single_wrong_digit_is_always_caught(body in "[0-9]{7}|[0-9]{11,13}", place in 0usize..14, by in 1u8..10) {
            let mut digits = body.into_bytes();
            digits.push(check_digit(&digits));
            prop_assert!(ends_in_check_digit(&digits));
            let place = place % digits.len();
            digits[place] = b'0' + (digits[place] - b'0' + by) % 10;
            prop_assert!(!ends_in_check_digit(&digits));
        }
    }
}
