//! The AIM symbology identifier that a scanner may put before the data: `]`, a family letter and a modifier.
//!
//! The list follows ISO/IEC 15424. Makers' own one-letter identifiers clash between makers and are not read.

use std::fmt;

/// Which kind of symbol a code was read from, as the scanner says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AimId {
    /// The family letter.
    pub family: Family,
    /// The modifier character: a digit, or a letter for families with more than ten variants.
    pub modifier: char,
}

/// The symbology families that matter at a packing table; the others keep their letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `A`: Code 39.
    Code39,
    /// `C`: Code 128, with modifier 1 GS1-128.
    Code128,
    /// `d`: Data Matrix, with modifier 2 GS1 DataMatrix.
    DataMatrix,
    /// `E`: EAN-13, UPC-A and UPC-E (0), add-ons (1, 2, 3), EAN-8 (4).
    Ean,
    /// `e`: GS1 DataBar and GS1 composite symbols.
    DataBar,
    /// `F`: Codabar.
    Codabar,
    /// `G`: Code 93.
    Code93,
    /// `h`: Han Xin.
    HanXin,
    /// `I`: Interleaved 2 of 5, with modifier 1 when the reader has checked the check digit.
    Itf,
    /// `J`: DotCode, with modifier 1 GS1 DotCode.
    DotCode,
    /// `L`: PDF417.
    Pdf417,
    /// `Q`: QR Code, with modifier 3 GS1 QR Code.
    Qr,
    /// `z`: Aztec.
    Aztec,
    /// Any other letter.
    Other(char),
}

impl AimId {
    /// Takes the identifier off the front of `bytes`; bytes without one come back as they are.
    pub fn take(bytes: &[u8]) -> (Option<AimId>, &[u8]) {
        match bytes {
            [b']', letter, modifier, data @ ..] if letter.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric() => {
                let aim = AimId { family: Family::from_letter(char::from(*letter)), modifier: char::from(*modifier) };
                (Some(aim), data)
            }
            _ => (None, bytes),
        }
    }

    /// Whether the symbol promises GS1 element strings: GS1-128, DataBar, GS1 DataMatrix, GS1 QR Code, GS1 DotCode.
    pub fn carries_gs1(self) -> bool {
        matches!(
            (self.family, self.modifier),
            (Family::Code128, '1')
                | (Family::DataBar, '0')
                | (Family::DataMatrix, '2')
                | (Family::Qr, '3')
                | (Family::DotCode, '1')
        )
    }

    /// Whether the symbol is one that shops print on goods: EAN-13, EAN-8, UPC-A, UPC-E, with or without add-on.
    pub fn is_retail(self) -> bool {
        self.family == Family::Ean
    }

    /// Whether the symbol has two dimensions, so that it may hold whole labels and links.
    pub fn is_matrix(self) -> bool {
        matches!(
            self.family,
            Family::DataMatrix | Family::HanXin | Family::DotCode | Family::Pdf417 | Family::Qr | Family::Aztec
        )
    }
}

impl Family {
    const LETTERS: [(char, Family); 13] = [
        ('A', Family::Code39),
        ('C', Family::Code128),
        ('d', Family::DataMatrix),
        ('E', Family::Ean),
        ('e', Family::DataBar),
        ('F', Family::Codabar),
        ('G', Family::Code93),
        ('h', Family::HanXin),
        ('I', Family::Itf),
        ('J', Family::DotCode),
        ('L', Family::Pdf417),
        ('Q', Family::Qr),
        ('z', Family::Aztec),
    ];

    fn from_letter(letter: char) -> Self {
        let known = Self::LETTERS.iter().find(|(l, _)| *l == letter);
        known.map_or(Family::Other(letter), |(_, family)| *family)
    }

    /// The letter in the identifier.
    pub fn letter(self) -> char {
        match self {
            Family::Other(letter) => letter,
            known => Self::LETTERS.iter().find(|(_, f)| *f == known).map_or('X', |(l, _)| *l),
        }
    }
}

impl fmt::Display for AimId {
    /// As the scanner sent it, for example `]C1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "]{}{}", self.family.letter(), self.modifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_taken_off_and_written_back_as_it_came() {
        for text in ["]C1", "]C0", "]e0", "]d2", "]Q3", "]J1", "]E0", "]E4", "]I1", "]X0", "]zC"] {
            let data = format!("{text}123");
            let (aim, rest) = AimId::take(data.as_bytes());
            assert_eq!(aim.unwrap().to_string(), text);
            assert_eq!(rest, b"123");
        }
    }

    #[test]
    fn what_is_not_an_identifier_stays_in_the_data() {
        for text in ["", "]", "]C", "]11", "]C-1", "C1123", "SF1"] {
            assert_eq!(AimId::take(text.as_bytes()), (None, text.as_bytes()));
        }
    }

    #[test]
    fn only_the_five_carriers_promise_gs1_data() {
        for (text, gs1) in [
            ("]C1", true),
            ("]e0", true),
            ("]d2", true),
            ("]Q3", true),
            ("]J1", true),
            ("]C0", false),
            ("]d1", false),
            ("]Q1", false),
            ("]J0", false),
            ("]E0", false),
            ("]A0", false),
        ] {
            assert_eq!(AimId::take(text.as_bytes()).0.unwrap().carries_gs1(), gs1, "{text}");
        }
    }
}
