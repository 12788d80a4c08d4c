//! North American coupon codes, AI 8110 and 8112: a run of fields, most of them preceded by a digit for their length.
//!
//! The layout follows the field list of the GS1 syntax tests for coupon codes.

use super::lint::{Checked, Flaw, ensure};

/// AI 8110: company prefix, offer, save value, primary purchase, then optional fields in rising order of their digit.
pub(super) fn coupon_code(text: &str) -> Checked {
    let mut fields = Fields::of(text)?;
    fields.sized("0123456", 6, "a company prefix length from 0 to 6 (plus 6)")?;
    fields.take(6, "an offer code of six digits")?;
    fields.sized("12345", 0, "a save value length from 1 to 5")?;
    fields.purchase()?;
    if fields.starts('1') {
        fields.one_of("0123", "an additional purchase rules code from 0 to 3")?;
        fields.purchase()?;
        fields.other_company()?;
    }
    if fields.starts('2') {
        fields.purchase()?;
        fields.other_company()?;
    }
    let expires = if fields.starts('3') { Some(fields.date()?) } else { None };
    let starts = if fields.starts('4') { Some(fields.date()?) } else { None };
    if let (Some(expires), Some(starts)) = (expires, starts) {
        ensure(starts <= expires, fields.at, "an expiration date that is not before the start date")?;
    }
    if fields.starts('5') {
        fields.sized("0123456789", 6, "a serial number length from 0 to 9 (plus 6)")?;
    }
    if fields.starts('6') {
        fields.sized("1234567", 6, "a retailer prefix length from 1 to 7 (plus 6)")?;
    }
    if fields.starts('9') {
        fields.one_of("01256", "a save value code of 0, 1, 2, 5 or 6")?;
        fields.one_of("012", "the item that the save value applies to, 0 to 2")?;
        fields.one_of("0123456789", "a store coupon flag")?;
        fields.one_of("01", "a do-not-multiply flag of 0 or 1")?;
    }
    fields.end()
}

/// AI 8112: format, funder, offer, serial number.
pub(super) fn positive_offer(text: &str) -> Checked {
    let mut fields = Fields::of(text)?;
    fields.one_of("01", "a coupon format of 0 or 1")?;
    fields.sized("0123456", 6, "a coupon funder length from 0 to 6 (plus 6)")?;
    fields.take(6, "an offer code of six digits")?;
    fields.sized("0123456789", 6, "a serial number length from 0 to 9 (plus 6)")?;
    fields.end()
}

/// Digits that are read from left to right.
struct Fields<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Fields<'a> {
    fn of(text: &'a str) -> Result<Self, Flaw> {
        match text.bytes().position(|b| !b.is_ascii_digit()) {
            Some(at) => Err(Flaw { at, accepted: "digits" }),
            None => Ok(Self { text, at: 0 }),
        }
    }

    fn take(&mut self, length: usize, accepted: &'static str) -> Result<&'a str, Flaw> {
        let field = self.text.get(self.at..self.at + length).ok_or(Flaw { at: self.at, accepted })?;
        self.at += length;
        Ok(field)
    }

    fn one_of(&mut self, digits: &str, accepted: &'static str) -> Result<usize, Flaw> {
        let at = self.at;
        let field = self.take(1, accepted)?;
        ensure(digits.contains(field), at, accepted)?;
        Ok(usize::from(field.as_bytes().first().map_or(0, |digit| digit - b'0')))
    }

    /// A digit, then as many digits as it says and `plus` more.
    fn sized(&mut self, lengths: &str, plus: usize, accepted: &'static str) -> Checked {
        let length = self.one_of(lengths, accepted)?;
        self.take(length + plus, "as many digits as the length before them says").map(drop)
    }

    /// Purchase requirement with its length, requirement code, family code.
    fn purchase(&mut self) -> Checked {
        self.sized("12345", 0, "a purchase requirement length from 1 to 5")?;
        self.one_of("012349", "a purchase requirement code of 0 to 4 or 9")?;
        self.take(3, "a family code of three digits").map(drop)
    }

    /// The company prefix of a further purchase; length 9 means the one given first.
    fn other_company(&mut self) -> Checked {
        match self.one_of("01234569", "a company prefix length from 0 to 6 (plus 6), or 9")? {
            9 => Ok(()),
            length => self.take(length + 6, "as many digits as the length before them says").map(drop),
        }
    }

    fn date(&mut self) -> Result<&'a str, Flaw> {
        let at = self.at;
        let date = self.take(6, "a date YYMMDD")?;
        super::date::yymmdd(date).map_err(|flaw| Flaw { at: at + flaw.at, ..flaw })?;
        Ok(date)
    }

    /// Whether the optional field `digit` follows; its digit is read.
    fn starts(&mut self, digit: char) -> bool {
        let follows = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(digit));
        self.at += usize::from(follows);
        follows
    }

    fn end(&self) -> Checked {
        ensure(self.at == self.text.len(), self.at, "the end of the coupon code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Company prefix 123456, offer 654321, save value 5, one unit of family 999.
    const PLAIN: &str = concat!("0", "123456", "654321", "1", "5", "1", "1", "0", "999");

    #[track_caller]
    fn check(rest: &str, expected: Result<(), usize>) {
        let coupon = format!("{PLAIN}{rest}");
        let got = coupon_code(&coupon).map_err(|flaw| flaw.at.saturating_sub(PLAIN.len()));
        assert_eq!(got, expected, "{rest}");
    }

    #[test]
    fn optional_fields_come_in_rising_order() {
        check("", Ok(()));
        check(concat!("1", "0", "1", "1", "0", "999", "9"), Ok(()));
        check(concat!("1", "3", "2", "12", "9", "999", "1", "1234567"), Ok(()));
        check(concat!("2", "1", "1", "0", "999", "0", "123456"), Ok(()));
        check(concat!("3", "261231", "4", "260101"), Ok(()));
        check(concat!("5", "0", "123456", "6", "1", "1234567", "9", "0", "0", "0", "1"), Ok(()));
        check(concat!("4", "260101", "3", "261231"), Err(7));
        check("0", Err(0));
        check("7", Err(0));
    }

    #[test]
    fn wrong_fields_say_where() {
        check(concat!("1", "4"), Err(1));
        check(concat!("1", "0", "6"), Err(2));
        check(concat!("1", "0", "1", "1", "5"), Err(4));
        check(concat!("1", "0", "1", "1", "0", "999", "7"), Err(8));
        check(concat!("3", "261301"), Err(3));
        check(concat!("3", "2612"), Err(1));
        check(concat!("3", "260101", "4", "260102"), Err(14));
        check(concat!("5", "3", "12345678"), Err(2));
        check(concat!("6", "0"), Err(1));
        check(concat!("9", "3"), Err(1));
        check(concat!("9", "0", "3"), Err(2));
        check(concat!("9", "0", "0", "9", "2"), Err(4));
        assert_eq!(coupon_code("7").map_err(|flaw| flaw.at), Err(0));
        assert_eq!(coupon_code("012345x").map_err(|flaw| flaw.at), Err(6));
        assert_eq!(coupon_code("").map_err(|flaw| flaw.at), Err(0));
    }

    #[test]
    fn positive_offers_have_four_fields() {
        let offer = concat!("0", "0", "123456", "654321", "0", "123456");
        assert_eq!(positive_offer(offer), Ok(()));
        assert_eq!(positive_offer(&format!("{offer}7")).map_err(|flaw| flaw.at), Err(21));
        assert_eq!(positive_offer(&offer.replacen('0', "2", 1)).map_err(|flaw| flaw.at), Err(0));
        assert_eq!(positive_offer("07").map_err(|flaw| flaw.at), Err(1));
    }
}
