//! Conditions: field, operator, value, joined by all, any and not.
//!
//! A field that a parcel does not have is absent. Every test on an absent field is false, except `absent` itself;
//! so `not` of such a test is true. There are no errors at judging time: what could go wrong is refused by
//! [`super::check`] before a rule set is published.

use crate::facts::{Facts, GiftStatus, Parcel, Picked};
use crate::verdict::ReasonCode;
use serde::{Deserialize, Serialize};

/// What must hold. In JSON: `{"all": [...]}`, `{"any": [...]}`, `{"not": ...}`, `{"test": {"field", "op", "value"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Every one holds; true when there is none.
    All(Vec<Condition>),
    /// At least one holds; false when there is none.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A field compared with a value.
    Test(Test),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// What is read.
    pub field: Field,
    /// How it is compared.
    pub op: Op,
    /// With what; ignored by `absent`.
    pub value: Value,
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Equal.
    Is,
    /// Present and different.
    IsNot,
    /// A number below the value.
    Below,
    /// A number above the value.
    Above,
    /// A text that is one of the value's texts.
    OneOf,
    /// A list that has the value's text.
    Has,
    /// The parcel does not have this field.
    Absent,
}

/// What a field holds or is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A whole number: pieces, milliseconds, or money in minor units.
    Number(i64),
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

/// The kind of value a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Yes or no.
    Flag,
    /// A whole number.
    Number,
    /// A text.
    Text,
    /// Several texts.
    Texts,
}

macro_rules! fields {
    ($( $(#[$doc:meta])* $name:ident = $key:literal, $kind:ident; )*) => {
        /// What a rule may read. Only appended to: the number is on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Field { $( $(#[$doc])* #[serde(rename = $key)] $name, )* }

        impl Field {
            /// Every field, in wire order.
            pub const ALL: &'static [Field] = &[$(Field::$name,)*];

            /// The stable dotted name.
            pub fn key(self) -> &'static str { match self { $(Field::$name => $key,)* } }

            /// What it holds.
            pub fn kind(self) -> FieldKind { match self { $(Field::$name => FieldKind::$kind,)* } }
        }
    };
}

fields! {
    /// `unpaid`, `paid`, `shipped`, `completed`, `cancelled`.
    OrderStatus = "order.status", Text;
    /// `none`, `requested`, `done`.
    OrderRefund = "order.refund", Text;
    /// The sales platform.
    OrderPlatform = "order.platform", Text;
    /// What the order is worth, in minor units.
    OrderAmount = "order.amount_minor", Number;
    /// `not_needed`, `pending`, `granted`, `refused`.
    OrderApproval = "order.approval", Text;
    /// Labels on the order.
    OrderTags = "order.tags", Texts;
    /// Paid, but must not ship.
    MustNotShip = "order.must_not_ship", Flag;
    /// `open`, `dispatched`, `void`.
    ParcelStatus = "parcel.status", Text;
    /// Another station let it go.
    ReleasedElsewhere = "parcel.released_elsewhere", Flag;
    /// `fine`, `changed_since_print`, `placeholder`.
    Address = "parcel.address", Text;
    /// `not_needed`, `valid`, `lapsed`.
    Hold = "parcel.hold", Text;
    /// The courier it should go with.
    Courier = "parcel.courier", Text;
    /// How many parcels the order has.
    PartOf = "parcel.of", Number;
    /// Another parcel of the order is not ready.
    PartWaiting = "parcel.waiting", Flag;
    /// The parcel has a stock-out record.
    HasStockOut = "parcel.has_stock_out", Flag;
    /// Article numbers of the goods inside.
    LineSkus = "lines.skus", Texts;
    /// Pieces of goods inside.
    LineQuantity = "lines.quantity", Number;
    /// Refunded pieces inside: those that the stock-out record still has, or all of them without a record.
    LineRefunded = "lines.refunded", Number;
    /// Pieces that the stock-out record lacks.
    LineMissing = "lines.missing", Number;
    /// Pieces that the stock-out record has too many of.
    LineSurplus = "lines.surplus", Number;
    /// Pieces in the stock-out record that are neither goods nor gifts of this parcel.
    LineWrong = "lines.wrong", Number;
    /// Article numbers of the promised gifts.
    GiftSkus = "gifts.skus", Texts;
    /// Gift lines not issued.
    GiftPending = "gifts.pending", Number;
    /// Gift lines issued short.
    GiftShort = "gifts.short", Number;
    /// Gift lines issued though cancelled.
    GiftIssuedThoughCancelled = "gifts.issued_though_cancelled", Number;
    /// Gift lines for which another article was issued.
    GiftWrong = "gifts.wrong", Number;
    /// The scan came in a burst.
    Burst = "scan.burst", Flag;
    /// The number looks like other couriers' numbers and not like the parcel's.
    CourierMismatch = "scan.courier_mismatch", Flag;
}

impl Condition {
    /// Whether it holds. Depth was bounded when the rule set was accepted.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Condition::All(parts) => parts.iter().all(|part| part.holds(facts)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(facts)),
            Condition::Not(part) => !part.holds(facts),
            Condition::Test(test) => test.holds(facts),
        }
    }
}

impl Test {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        match (self.op, self.field.read(facts)) {
            (Op::Absent, reading) => reading.is_none(),
            (_, None) => false,
            (op, Some(reading)) => reading.compare(op, &self.value),
        }
    }
}

/// A field's value without copying the parcel's texts.
enum Reading<'a> {
    Flag(bool),
    Number(i64),
    Text(&'a str),
    Texts(Box<dyn Iterator<Item = &'a str> + 'a>),
}

impl Reading<'_> {
    fn compare(self, op: Op, value: &Value) -> bool {
        match (self, op, value) {
            (Reading::Flag(a), Op::Is, Value::Flag(b)) => a == *b,
            (Reading::Flag(a), Op::IsNot, Value::Flag(b)) => a != *b,
            (Reading::Number(a), Op::Is, Value::Number(b)) => a == *b,
            (Reading::Number(a), Op::IsNot, Value::Number(b)) => a != *b,
            (Reading::Number(a), Op::Below, Value::Number(b)) => a < *b,
            (Reading::Number(a), Op::Above, Value::Number(b)) => a > *b,
            (Reading::Text(a), Op::Is, Value::Text(b)) => a == b,
            (Reading::Text(a), Op::IsNot, Value::Text(b)) => a != b,
            (Reading::Text(a), Op::OneOf, Value::Texts(b)) => b.iter().any(|text| text == a),
            (Reading::Texts(mut a), Op::Has, Value::Text(b)) => a.any(|text| text == b),
            // The pairs that `check` refuses never hold.
            _ => false,
        }
    }
}

impl Field {
    fn read<'a>(self, facts: &Facts<'a>) -> Option<Reading<'a>> {
        let scan = facts.scan;
        if self == Field::Burst {
            return Some(Reading::Flag(scan.burst));
        }
        let parcel = facts.parcel?;
        Some(match self {
            Field::OrderStatus => Reading::Text(words::order_status(parcel.order_status)),
            Field::OrderRefund => Reading::Text(words::refund(parcel.refund)),
            Field::OrderPlatform => Reading::Text(&parcel.platform),
            Field::OrderAmount => Reading::Number(parcel.amount.minor),
            Field::OrderApproval => Reading::Text(words::approval(parcel.approval)),
            Field::OrderTags => Reading::Texts(Box::new(parcel.tags.iter().map(String::as_str))),
            Field::MustNotShip => Reading::Flag(parcel.must_not_ship),
            Field::ParcelStatus => Reading::Text(words::parcel_status(parcel.status)),
            Field::ReleasedElsewhere => {
                Reading::Flag(parcel.released.as_ref().is_some_and(|release| release.station != scan.station))
            }
            Field::Address => Reading::Text(words::address(parcel.address)),
            Field::Hold => Reading::Text(words::hold(parcel.hold)),
            Field::Courier => Reading::Text(parcel.courier.as_deref()?),
            Field::PartOf => Reading::Number(parcel.part.of.into()),
            Field::PartWaiting => Reading::Flag(parcel.part.waiting),
            Field::HasStockOut => Reading::Flag(parcel.picked.is_some()),
            Field::LineSkus => Reading::Texts(Box::new(parcel.lines.iter().map(|line| line.sku.as_str()))),
            Field::LineQuantity => pieces(parcel.lines.iter().map(|line| line.quantity)),
            Field::LineRefunded => pieces(refunded_inside(parcel).map(|(_, pieces)| pieces)),
            Field::LineMissing => pieces(lacking(parcel)?.map(|(_, lacks)| lacks)),
            Field::LineSurplus => pieces(surplus(parcel)?.map(|(_, extra)| extra)),
            Field::LineWrong => pieces(foreign(parcel)?.map(|picked| picked.quantity)),
            Field::GiftSkus => Reading::Texts(Box::new(parcel.gifts.iter().map(|gift| gift.sku.as_str()))),
            Field::GiftPending => gifts(parcel, |status, _| status == GiftStatus::Pending),
            Field::GiftShort => gifts(parcel, |status, _| status == GiftStatus::Short),
            Field::GiftIssuedThoughCancelled => {
                gifts(parcel, |status, issued| status == GiftStatus::Cancelled && issued > 0)
            }
            Field::GiftWrong => gifts(parcel, |status, _| status == GiftStatus::Wrong),
            Field::CourierMismatch => Reading::Flag(courier_mismatch(parcel, &scan.courier_hints)),
            Field::Burst => Reading::Flag(scan.burst),
        })
    }
}

/// The words that rules compare with; the same as in JSON.
pub mod words {
    use crate::facts::{AddressState, Approval, HoldState, OrderStatus, ParcelStatus, RefundState};

    macro_rules! words {
        ($( $(#[$doc:meta])* $name:ident, $kind:ident: $($variant:ident = $word:literal),+; )*) => {$(
            $(#[$doc])*
            pub fn $name(value: $kind) -> &'static str { match value { $($kind::$variant => $word),+ } }
        )*};
    }

    words! {
        /// The word for an order's status.
        order_status, OrderStatus: Unpaid = "unpaid", Paid = "paid", Shipped = "shipped", Completed = "completed", Cancelled = "cancelled";
        /// The word for a refund's state.
        refund, RefundState: None = "none", Requested = "requested", Done = "done";
        /// The word for an approval's state.
        approval, Approval: NotNeeded = "not_needed", Pending = "pending", Granted = "granted", Refused = "refused";
        /// The word for a parcel's status.
        parcel_status, ParcelStatus: Open = "open", Dispatched = "dispatched", Void = "void";
        /// The word for an address's state.
        address, AddressState: Fine = "fine", ChangedSincePrint = "changed_since_print", Placeholder = "placeholder";
        /// The word for a reservation's state.
        hold, HoldState: NotNeeded = "not_needed", Valid = "valid", Lapsed = "lapsed";
    }
}

/// What a reason is about, for the sentence on the bench: titles of the gifts or goods in question.
pub fn about(reason: ReasonCode, facts: &Facts<'_>) -> String {
    let Some(parcel) = facts.parcel else { return String::new() };
    match reason {
        ReasonCode::GiftNotIssued => gift_titles(parcel, |status, _| status == GiftStatus::Pending),
        ReasonCode::GiftShort => gift_titles(parcel, |status, _| status == GiftStatus::Short),
        ReasonCode::WrongGift => gift_titles(parcel, |status, _| status == GiftStatus::Wrong),
        ReasonCode::GiftIssuedThoughCancelled => {
            gift_titles(parcel, |status, issued| status == GiftStatus::Cancelled && issued > 0)
        }
        ReasonCode::RefundedLines => list(refunded_inside(parcel)),
        ReasonCode::MissingItem => list(lacking(parcel).into_iter().flatten()),
        ReasonCode::SurplusItem => list(surplus(parcel).into_iter().flatten()),
        ReasonCode::WrongItem => {
            list(foreign(parcel).into_iter().flatten().map(|picked| (picked.sku.as_str(), picked.quantity)))
        }
        ReasonCode::ReleasedElsewhere => {
            parcel.released.as_ref().map_or(String::new(), |release| release.station.to_string())
        }
        ReasonCode::CourierMismatch => parcel.courier.clone().unwrap_or_default(),
        _ => String::new(),
    }
}

fn gift_titles(parcel: &Parcel, wanted: impl Fn(GiftStatus, u32) -> bool) -> String {
    let found = parcel.gifts.iter().filter(|gift| wanted(gift.status, gift.issued));
    list(found.map(|gift| (gift.title.as_str(), gift.quantity.saturating_sub(gift.issued).max(1))))
}

/// At most three things, so that the sentence stays one.
fn list<'a>(things: impl Iterator<Item = (&'a str, u32)>) -> String {
    let shown: Vec<String> = things.take(3).map(|(title, pieces)| format!("{title} ×{pieces}")).collect();
    shown.join("，")
}

fn pieces<'a>(quantities: impl Iterator<Item = u32>) -> Reading<'a> {
    Reading::Number(quantities.map(i64::from).sum())
}

fn gifts<'a>(parcel: &Parcel, wanted: impl Fn(GiftStatus, u32) -> bool) -> Reading<'a> {
    let count = parcel.gifts.iter().filter(|gift| wanted(gift.status, gift.issued)).count();
    Reading::Number(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Refunded goods that are in the parcel, as far as one knows.
fn refunded_inside(parcel: &Parcel) -> impl Iterator<Item = (&str, u32)> {
    let inside = |sku: &str| {
        let refunded =
            sum(parcel.lines.iter().filter(|line| line.sku == sku).map(|line| line.refunded.min(line.quantity)));
        let picked =
            parcel.picked.as_deref().map(|picked| pieces_of(picked, sku).saturating_sub(promised(parcel, sku)));
        picked.map_or(refunded, |picked| picked.saturating_sub(wanted(parcel, sku)).min(refunded))
    };
    distinct_lines(parcel).map(move |(sku, title)| (title, inside(sku))).filter(|(_, pieces)| *pieces > 0)
}

/// Goods of which the stock-out record has fewer than are still wanted; `None` without a record.
fn lacking(parcel: &Parcel) -> Option<impl Iterator<Item = (&str, u32)>> {
    let picked = parcel.picked.as_deref()?;
    let lacks = |sku: &str| wanted(parcel, sku).saturating_sub(pieces_of(picked, sku));
    Some(distinct_lines(parcel).map(move |(sku, title)| (title, lacks(sku))).filter(|(_, lacks)| *lacks > 0))
}

/// Goods of which the stock-out record has more than were bought; gifts of the same article count as wanted.
fn surplus(parcel: &Parcel) -> Option<impl Iterator<Item = (&str, u32)>> {
    let picked = parcel.picked.as_deref()?;
    let bought = |sku: &str| sum(parcel.lines.iter().filter(|line| line.sku == sku).map(|line| line.quantity));
    let extra =
        move |sku: &str| pieces_of(picked, sku).saturating_sub(bought(sku).saturating_add(promised(parcel, sku)));
    Some(distinct_lines(parcel).map(move |(sku, title)| (title, extra(sku))).filter(|(_, extra)| *extra > 0))
}

/// Picked articles that are neither goods nor gifts of this parcel. A wrong or substituted gift is judged as a gift.
fn foreign(parcel: &Parcel) -> Option<impl Iterator<Item = &Picked>> {
    let excused = parcel.gifts.iter().any(|gift| matches!(gift.status, GiftStatus::Wrong | GiftStatus::Substituted));
    let known = move |sku: &str| {
        excused || parcel.lines.iter().any(|line| line.sku == sku) || parcel.gifts.iter().any(|gift| gift.sku == sku)
    };
    Some(parcel.picked.as_deref()?.iter().filter(move |picked| !known(&picked.sku)))
}

fn distinct_lines(parcel: &Parcel) -> impl Iterator<Item = (&str, &str)> {
    let first = |i: usize| parcel.lines[..i].iter().all(|line| line.sku != parcel.lines[i].sku);
    parcel
        .lines
        .iter()
        .enumerate()
        .filter(move |(i, _)| first(*i))
        .map(|(_, line)| (line.sku.as_str(), line.title.as_str()))
}

fn wanted(parcel: &Parcel, sku: &str) -> u32 {
    sum(parcel.lines.iter().filter(|line| line.sku == sku).map(|line| line.quantity.saturating_sub(line.refunded)))
}

/// Pieces of an article that are inside as gifts.
fn promised(parcel: &Parcel, sku: &str) -> u32 {
    sum(parcel.gifts.iter().filter(|gift| gift.sku == sku).map(|gift| gift.quantity.max(gift.issued)))
}

fn pieces_of(picked: &[Picked], sku: &str) -> u32 {
    sum(picked.iter().filter(|picked| picked.sku == sku).map(|picked| picked.quantity))
}

fn sum(quantities: impl Iterator<Item = u32>) -> u32 {
    quantities.fold(0, u32::saturating_add)
}

/// Only when the number looks like some courier's and none of them is the parcel's. Numbers of couriers overlap, so
/// this asks and never stops.
fn courier_mismatch(parcel: &Parcel, hints: &[String]) -> bool {
    parcel.courier.as_ref().is_some_and(|courier| !hints.is_empty() && !hints.contains(courier))
}
