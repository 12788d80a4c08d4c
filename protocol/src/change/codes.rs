//! What a parcel's row is found by, without building the parcel.
//!
//! A replica reads every row that arrives for this alone, and a snapshot has a million of them. So this reads the
//! same bytes as [`super::Row::decode`] and refuses the same ones, but keeps only texts that lie in them.

use super::{BODY_MAX, KIND_PARCEL, KIND_SHIFT, Row, RowError, RowId, SCHEMA_1, SCHEMA_2, exact};
use crate::amount::Amount;
use crate::code::{Gtin, ends_in_check_digit};
use crate::facts::{
    AddressState, Approval, CodeRole, GiftStatus, HoldState, OrderStatus, ParcelStatus, Part, RefundState,
};
use crate::id::{OrderId, ParcelId, StationId};
use crate::time::Timestamp;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// What a parcel's row is found by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys<'a> {
    /// The parcel's own codes.
    pub codes: Vec<&'a str>,
    /// The product numbers among the article numbers of what belongs inside or was picked for it. Printed on goods they
    /// look like a parcel's number, so a station must know them for what they are.
    pub articles: Vec<Gtin>,
}

impl Row {
    /// What `row` is found by when it is a parcel's, here or elsewhere, and this program knows its schema; nothing
    /// otherwise.
    pub fn keys(row: RowId, body: &[u8]) -> Result<Keys<'_>, RowError> {
        if body.len() > BODY_MAX {
            return Err(RowError::TooLong { row, length: body.len() });
        }
        if let Some(content) = body.strip_prefix(&SCHEMA_2)
            && row.as_parcel().is_some()
        {
            let (id, _, codes): (ParcelId, &str, Vec<&str>) = exact(row, content)?;
            return if Some(id) == row.as_parcel() {
                Ok(Keys { codes, articles: Vec::new() })
            } else {
                Err(RowError::Misplaced { row, parcel: id })
            };
        }
        let Some(content) = body.strip_prefix(&SCHEMA_1).filter(|_| row.0 >> KIND_SHIFT == KIND_PARCEL) else {
            return Ok(Keys::default());
        };
        let ((id, ..), codes, rest): (Head<'_>, Vec<(CodeRole, &str)>, Rest<'_>) = exact(row, content)?;
        if Some(id) != row.as_parcel() {
            return Err(RowError::Misplaced { row, parcel: id });
        }
        let (_, _, Articles(lines, _), Articles(gifts, _), picked, ..) = rest;
        let picked = picked.map(|Articles(picked, _)| picked).unwrap_or_default();
        let articles = [lines, gifts, picked].concat();
        Ok(Keys { codes: codes.into_iter().map(|(_, text)| text).collect(), articles })
    }
}

/// What stands before a parcel's codes: id, order, order number, platform. Postcard writes tuples as it writes structs.
type Head<'a> = (ParcelId, OrderId, &'a str, &'a str);

/// What stands behind them, in the order of [`crate::facts::Parcel`].
type Rest<'a> = (
    (OrderStatus, RefundState, ParcelStatus, Option<(StationId, Timestamp)>, bool),
    (Approval, HoldState, AddressState, Option<&'a str>, Part, Amount),
    Articles<(&'a str, &'a str, u32, u32)>,
    Articles<(&'a str, &'a str, u32, u32, GiftStatus)>,
    Option<Articles<(&'a str, u32)>>,
    Articles<&'a str>,
    Timestamp,
);

/// A list whose elements are read and let go, but for those whose first text is a product number.
struct Articles<T>(Vec<Gtin>, PhantomData<T>);

/// Something that begins with a text.
trait Named {
    fn name(&self) -> &str;
}

impl Named for &str {
    fn name(&self) -> &str {
        self
    }
}

macro_rules! named {
    ($($rest:ty),*) => {
        impl Named for (&str, $($rest),*) {
            fn name(&self) -> &str {
                self.0
            }
        }
    };
}

named!(u32);
named!(&str, u32, u32);
named!(&str, u32, u32, GiftStatus);

impl<'de, T: Deserialize<'de> + Named> Deserialize<'de> for Articles<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Passing(PhantomData))
    }
}

struct Passing<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Named> Visitor<'de> for Passing<T> {
    type Value = Articles<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut articles = Vec::new();
        while let Some(element) = list.next_element::<T>()? {
            articles.extend(article(element.name()));
        }
        Ok(Articles(articles, PhantomData))
    }
}

/// The product number that this text is, if it is one. Most are none, and that is seen without writing an error.
fn article(text: &str) -> Option<Gtin> {
    let may_be = matches!(text.len(), 8 | 12 | 13 | 14) && ends_in_check_digit(text.as_bytes());
    may_be.then(|| Gtin::parse(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Gift, Line, Parcel, Picked, Release};
    use crate::samples;

    #[track_caller]
    fn check(parcel: Parcel) {
        let row = RowId::parcel(parcel.id);
        let expected: Vec<String> = parcel.codes.iter().map(|code| code.text.clone()).collect();
        let body = Row::Parcel(Box::new(parcel)).encode();
        assert_eq!(Row::keys(row, &body).unwrap().codes, expected);
        let longer = [&body[..], &[0]].concat();
        let cut = (0..body.len()).map(|length| &body[..length]).chain([&longer[..]]);
        for bytes in cut {
            assert_eq!(Row::keys(row, bytes).is_err(), Row::decode(row, bytes).is_err(), "{} bytes", bytes.len());
        }
        for place in 0..body.len() {
            let mut other = body.clone();
            other[place] ^= 0x55;
            let decoded = Row::decode(row, &other);
            let keys = Row::keys(row, &other);
            assert_eq!(keys.is_err(), decoded.is_err(), "byte {place}");
            if let (Ok(keys), Ok(Row::Parcel(parcel))) = (keys, decoded) {
                assert!(keys.codes.into_iter().eq(parcel.codes.iter().map(|code| code.text.as_str())), "byte {place}");
            }
        }
    }

    #[test]
    fn the_codes_are_those_of_the_decoded_parcel_and_the_same_bytes_are_refused() {
        check(samples::parcel());
        let station = "pack-01".parse().unwrap();
        check(Parcel { released: Some(Release { station, at: Timestamp(7) }), ..samples::parcel() });
        let (picked, courier) = (None, None);
        check(Parcel {
            picked,
            courier,
            codes: vec![],
            lines: vec![],
            gifts: vec![],
            tags: vec![],
            ..samples::parcel()
        });
    }

    #[test]
    fn product_numbers_are_found_among_the_articles_of_lines_gifts_and_picks_in_every_writing() {
        let (line, gift) = (samples::parcel().lines.remove(0), samples::parcel().gifts.remove(0));
        let line = |sku: &str| Line { sku: sku.to_owned(), ..line.clone() };
        let parcel = Parcel {
            lines: vec![line("6901234567892"), line("6901234567893"), line("SKU-7"), line("")],
            gifts: vec![Gift { sku: "036000291452".to_owned(), ..gift }],
            picked: Some(vec![Picked { sku: "96385074".to_owned(), quantity: 1 }]),
            tags: vec!["4006381333931".to_owned()],
            ..samples::parcel()
        };
        let body = Row::Parcel(Box::new(parcel)).encode();
        let found = Row::keys(RowId::parcel(ParcelId(4_711)), &body).unwrap().articles;
        let found: Vec<&str> = found.iter().map(Gtin::as_str).collect();
        assert_eq!(found, ["06901234567892", "00036000291452", "00000096385074"]);
    }

    #[test]
    fn a_row_that_is_no_parcel_and_a_newer_schema_have_no_codes() {
        let body = Row::Parcel(Box::new(samples::parcel())).encode();
        assert_eq!(Row::keys(RowId::SETTINGS, &body).unwrap(), Keys::default());
        assert_eq!(Row::keys(RowId::parcel(ParcelId(4_711)), &[3, 0, 1]).unwrap(), Keys::default());
        assert!(matches!(Row::keys(RowId::parcel(ParcelId(1)), &body), Err(RowError::Misplaced { .. })));
    }
}
