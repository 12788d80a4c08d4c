//! The codes of a parcel's row, without building the parcel.
//!
//! A replica reads every row that arrives for its codes alone, and a snapshot has a million of them. So this reads the
//! same bytes as [`super::Row::decode`] and refuses the same ones, but keeps only texts that lie in them.

use super::{BODY_MAX, KIND_PARCEL, KIND_SHIFT, Row, RowError, RowId, SCHEMA_1, SCHEMA_2, exact};
use crate::amount::Amount;
use crate::facts::{
    AddressState, Approval, CodeRole, GiftStatus, HoldState, OrderStatus, ParcelStatus, Part, RefundState,
};
use crate::id::{OrderId, ParcelId, StationId};
use crate::time::Timestamp;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

impl Row {
    /// The codes of `row` when it is a parcel's, here or elsewhere, and this program knows its schema; none otherwise.
    pub fn codes(row: RowId, body: &[u8]) -> Result<Vec<&str>, RowError> {
        if body.len() > BODY_MAX {
            return Err(RowError::TooLong { row, length: body.len() });
        }
        if let Some(content) = body.strip_prefix(&SCHEMA_2)
            && row.as_parcel().is_some()
        {
            let (id, _, codes): (ParcelId, &str, Vec<&str>) = exact(row, content)?;
            return if Some(id) == row.as_parcel() { Ok(codes) } else { Err(RowError::Misplaced { row, parcel: id }) };
        }
        let Some(content) = body.strip_prefix(&SCHEMA_1).filter(|_| row.0 >> KIND_SHIFT == KIND_PARCEL) else {
            return Ok(Vec::new());
        };
        let ((id, ..), codes, _): (Head<'_>, Vec<(CodeRole, &str)>, Rest<'_>) = exact(row, content)?;
        if Some(id) != row.as_parcel() {
            return Err(RowError::Misplaced { row, parcel: id });
        }
        Ok(codes.into_iter().map(|(_, text)| text).collect())
    }
}

/// What stands before a parcel's codes: id, order, order number, platform. Postcard writes tuples as it writes structs.
type Head<'a> = (ParcelId, OrderId, &'a str, &'a str);

/// What stands behind them, in the order of [`crate::facts::Parcel`].
type Rest<'a> = (
    (OrderStatus, RefundState, ParcelStatus, Option<(StationId, Timestamp)>, bool),
    (Approval, HoldState, AddressState, Option<&'a str>, Part, Amount),
    Passed<(&'a str, &'a str, u32, u32)>,
    Passed<(&'a str, &'a str, u32, u32, GiftStatus)>,
    Option<Passed<(&'a str, u32)>>,
    Passed<&'a str>,
    Timestamp,
);

/// A list whose elements are read and let go.
struct Passed<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Passed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Passing(PhantomData))
    }
}

struct Passing<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Passing<T> {
    type Value = Passed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<T>()?.is_some() {}
        Ok(Passed(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Parcel, Release};
    use crate::samples;

    #[track_caller]
    fn check(parcel: Parcel) {
        let row = RowId::parcel(parcel.id);
        let expected: Vec<String> = parcel.codes.iter().map(|code| code.text.clone()).collect();
        let body = Row::Parcel(Box::new(parcel)).encode();
        assert_eq!(Row::codes(row, &body).unwrap(), expected);
        let longer = [&body[..], &[0]].concat();
        let cut = (0..body.len()).map(|length| &body[..length]).chain([&longer[..]]);
        for bytes in cut {
            assert_eq!(Row::codes(row, bytes).is_err(), Row::decode(row, bytes).is_err(), "{} bytes", bytes.len());
        }
        for place in 0..body.len() {
            let mut other = body.clone();
            other[place] ^= 0x55;
            let decoded = Row::decode(row, &other);
            let codes = Row::codes(row, &other);
            assert_eq!(codes.is_err(), decoded.is_err(), "byte {place}");
            if let (Ok(codes), Ok(Row::Parcel(parcel))) = (codes, decoded) {
                assert!(codes.into_iter().eq(parcel.codes.iter().map(|code| code.text.as_str())), "byte {place}");
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
    fn a_row_that_is_no_parcel_and_a_newer_schema_have_no_codes() {
        let body = Row::Parcel(Box::new(samples::parcel())).encode();
        assert!(Row::codes(RowId::SETTINGS, &body).unwrap().is_empty());
        assert!(Row::codes(RowId::parcel(ParcelId(4_711)), &[3, 0, 1]).unwrap().is_empty());
        assert!(matches!(Row::codes(RowId::parcel(ParcelId(1)), &body), Err(RowError::Misplaced { .. })));
    }
}
