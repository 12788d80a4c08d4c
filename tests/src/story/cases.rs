//! What an order is like, what is scanned of it, and what must be said: one line per case.

use crate::sample::{Sample, wms_no};
use packline_protocol::verdict::{Outcome, ReasonCode};
use serde_json::json;

/// One case of the story.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the warehouse would call it.
    pub name: &'static str,
    /// What its source says of the order.
    pub order: fn(Sample) -> Sample,
    /// What its source says of it later, if it says more.
    pub then: Option<fn(Sample) -> Sample>,
    /// What is scanned.
    pub scan: Code,
    /// Every reason against a release; none is a release.
    pub reasons: &'static [ReasonCode],
}

/// What is scanned of a parcel.
#[derive(Debug, Clone, Copy)]
pub enum Code {
    /// The waybill on its first label.
    Waybill,
    /// The waybill in the label's QR code.
    LabelQr,
    /// The warehouse system's number.
    Wms,
    /// The order number, as a till prints it.
    OrderNo,
    /// The waybill as somebody else's scanner sends it: lower case, with blanks.
    Untidy,
    /// Something that has nothing to do with the order.
    Text(&'static str),
}

impl Code {
    /// What the scanner sends. `first` is the order as its source first told it.
    pub fn text(self, first: &Sample) -> String {
        match self {
            Code::Waybill => first.waybill(),
            Code::LabelQr => format!("MMM={{'k1':'755','k2':'755AB','k5':'{}','k6':''}}", first.waybill()),
            Code::Wms => wms_no(first.number),
            Code::OrderNo => crate::sample::order_no(first.number),
            Code::Untidy => format!(" {} ", first.waybill().to_lowercase()),
            Code::Text(text) => text.to_owned(),
        }
    }
}

impl Case {
    /// What must be said.
    pub fn outcome(&self) -> Outcome {
        self.reasons.iter().map(|reason| reason.outcome()).max().unwrap_or(Outcome::Release)
    }
}

/// A waybill that two orders have: labels were printed twice.
const TWICE: &str = "SF0009999999999";

use Code::{LabelQr, OrderNo, Text, Untidy, Waybill, Wms};
use ReasonCode as R;

/// Every stop and every ask that the state of an order or the code itself can bring about, and releases by every code.
pub fn all() -> Vec<Case> {
    vec![
        case("nothing speaks against it", |o| o, Waybill, &[]),
        case("scanned by the label's QR code", |o| o, LabelQr, &[]),
        case("scanned by the warehouse system's number", |o| o, Wms, &[]),
        case("scanned by the order number", |o| o, OrderNo, &[]),
        case("scanned in lower case with blanks", |o| o, Untidy, &[]),
        case("without gifts", |o| o.with("/gifts", json!([])).picked(&[("SKU-7", 2)]), Waybill, &[]),
        case("another gift in its place, by decision", substituted, Waybill, &[]),
        case("a cancelled gift that was not picked", |o| gift_off(o).picked(&[("SKU-7", 2)]), Waybill, &[]),
        case("approved", |o| o.with("/approval", "granted"), Waybill, &[]),
        case("refunded goods were taken out", |o| refunded(o).picked(&[("SKU-7", 1), ("GIFT-1", 1)]), Waybill, &[]),
        later("the refund was withdrawn", |o| o.with("/refund", "requested"), |o| o.with("/refund", "none"), &[]),
        later("an older message comes late", |o| o, |o| unpaid(o).earlier(), &[]),
        // Stops.
        later("cancelled after picking", |o| o, cancelled, &[R::Cancelled, R::GiftIssuedThoughCancelled]),
        case("cancelled before picking", |o| cancelled(o).with("/stock_out", json!([])), Waybill, &[R::Cancelled]),
        later("a refund is asked for", |o| o, |o| o.with("/refund", "requested"), &[R::RefundRequested]),
        later("refunded", |o| o, |o| o.with("/refund", "done"), &[R::RefundDone, R::GiftIssuedThoughCancelled]),
        later("one piece was refunded after picking", |o| o, refunded, &[R::RefundedLines]),
        case("the gift was not picked", |o| o.picked(&[("SKU-7", 2)]), Waybill, &[R::GiftNotIssued]),
        case("one gift of two was picked", |o| o.with("/gifts/0/quantity", 2), Waybill, &[R::GiftShort]),
        case("the gift was cancelled but picked", gift_off, Waybill, &[R::GiftIssuedThoughCancelled]),
        case("another gift was picked", |o| o.picked(&[("SKU-7", 2), ("GIFT-9", 1)]), Waybill, &[R::WrongGift]),
        case("an article nobody ordered", |o| with_goods(o, "SKU-9", 1), Waybill, &[R::WrongItem]),
        case("one piece too many", |o| o.picked(&[("SKU-7", 3), ("GIFT-1", 1)]), Waybill, &[R::SurplusItem]),
        case("one piece too few", |o| o.picked(&[("SKU-7", 1), ("GIFT-1", 1)]), Waybill, &[R::MissingItem]),
        later("the parcel has left", |o| o, |o| o.with("/parcels/0/status", "dispatched"), &[R::AlreadyDispatched]),
        later("the order was shipped", |o| o, |o| o.with("/status", "shipped"), &[R::AlreadyDispatched]),
        later("the address changed since the label", |o| address(o, "样品路 1 号"), moved, &[R::AddressChanged]),
        later("must not ship", |o| o, |o| o.with("/must_not_ship", true), &[R::MustNotShip]),
        case("not paid", unpaid, Waybill, &[R::Unpaid]),
        case("waits for approval", |o| o.with("/approval", "pending"), Waybill, &[R::ApprovalPending]),
        later("not approved", pending, |o| o.with("/approval", "refused"), &[R::ApprovalRefused]),
        later("the reservation lapsed", |o| o.with("/hold", "valid"), |o| o.with("/hold", "lapsed"), &[R::HoldLapsed]),
        // Asks.
        case("the address is a placeholder", |o| address(o, "待定"), Waybill, &[R::AddressPlaceholder]),
        case("the label is another courier's", |o| o.labelled("YT0000000000017"), Waybill, &[R::CourierMismatch]),
        case("another parcel is not ready", |o| o.with("/parcels/0/waiting", true), Waybill, &[R::PartWaiting]),
        case("a label printed twice", |o| o.labelled(TWICE), Waybill, &[R::Ambiguous]),
        case("its twin", |o| o.labelled(TWICE), Text("sf0009999999999"), &[R::Ambiguous]),
        case("a parcel of another site", |o| o.with("/site", "north"), Waybill, &[R::Unknown]),
        case("another site packs this parcel of the order", packed_apart, Waybill, &[R::OtherSite]),
        case("a number that nobody knows", |o| o, Text("SF0009000000001"), &[R::Unknown]),
        case("nothing was read", |o| o, Text("NOREAD"), &[R::NoRead]),
        case("an article's code", |o| o, Text("]E02000000000015"), &[R::ItemCode]),
        case("an article or a parcel, nobody can tell", |o| o, Text("2000000000022"), &[R::Ambiguous]),
        case("an advertisement", |o| o, Text("https://example.com/spring"), &[R::NotAParcel]),
        // Several things at once: all are said.
        case("not paid, no gift, another parcel waits", three, Waybill, &[R::Unpaid, R::GiftNotIssued, R::PartWaiting]),
    ]
}

fn case(name: &'static str, order: fn(Sample) -> Sample, scan: Code, reasons: &'static [ReasonCode]) -> Case {
    Case { name, order, then: None, scan, reasons }
}

fn later(
    name: &'static str,
    order: fn(Sample) -> Sample,
    then: fn(Sample) -> Sample,
    reasons: &'static [ReasonCode],
) -> Case {
    Case { name, order, then: Some(then), scan: Waybill, reasons }
}

fn cancelled(order: Sample) -> Sample {
    order.with("/status", "cancelled")
}

fn unpaid(order: Sample) -> Sample {
    order.with("/status", "unpaid")
}

fn pending(order: Sample) -> Sample {
    order.with("/approval", "pending")
}

fn refunded(order: Sample) -> Sample {
    order.with("/lines/0/refunded", 1)
}

fn gift_off(order: Sample) -> Sample {
    order.with("/gifts/0/cancelled", true)
}

fn substituted(order: Sample) -> Sample {
    order.with("/gifts/0/substitute_sku", "GIFT-2").picked(&[("SKU-7", 2), ("GIFT-2", 1)])
}

fn with_goods(order: Sample, sku: &str, pieces: u32) -> Sample {
    order.picked(&[("SKU-7", 2), ("GIFT-1", 1), (sku, pieces)])
}

/// The order has two parcels; the one that is scanned belongs to another site.
fn packed_apart(order: Sample) -> Sample {
    let (number, waybill) = (wms_no(order.number), order.waybill());
    let theirs = json!({"number": number, "waybills": [waybill], "courier": "sf", "site": "north"});
    let ours = json!({"number": format!("{number}-2"), "waybills": [format!("{waybill}2")], "courier": "sf"});
    order.with("/parcels", json!([theirs, ours]))
}

fn address(order: Sample, street: &str) -> Sample {
    order.with("/buyer", json!({"name": "样品收件人", "phone": "00000000000", "address": street}))
}

fn moved(order: Sample) -> Sample {
    address(order, "样品路 2 号")
}

fn three(order: Sample) -> Sample {
    unpaid(order).picked(&[("SKU-7", 2)]).with("/parcels/0/waiting", true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Reasons that no order brings about: a story of their own does.
    const ELSEWHERE: &[ReasonCode] = &[
        R::ReleasedElsewhere,
        R::ParcelVoid,
        R::RuleStop,
        R::RuleAsk,
        R::Stale,
        R::Burst,
        R::StorageSlow,
        R::StorageFull,
        R::ReplicaUnreadable,
    ];

    #[test]
    fn every_reason_has_a_case_or_a_story_of_its_own() {
        let here: BTreeSet<ReasonCode> = all().iter().flat_map(|case| case.reasons).copied().collect();
        for reason in ReasonCode::ALL {
            assert_ne!(here.contains(reason), ELSEWHERE.contains(reason), "{reason:?}");
        }
    }

    #[test]
    fn every_case_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = all().iter().map(|case| case.name).collect();
        assert_eq!(names.len(), all().len());
    }
}
