//! The promise of one glance: what is known to stand against shipping an order.

use crate::orders::model::Order;
use crate::orders::text::Text;
use packline_protocol::facts::{AddressState, Approval, GiftStatus, HoldState, OrderStatus, RefundState};

/// Everything that is known to stand against shipping, the gravest first. Empty is not a green light: that is the
/// station's to give, parcel by parcel.
pub fn against_shipping(order: &Order, o: &'static Text) -> Vec<&'static str> {
    let address = order.address();
    let gifts = order.gift_status();
    let reasons = [
        (order.status == OrderStatus::Cancelled, o.against_cancelled),
        (order.refund == RefundState::Done, o.against_refunded),
        (order.refund == RefundState::Requested, o.against_refund),
        (order.must_not_ship, o.against_must_not_ship),
        (order.status == OrderStatus::Unpaid, o.against_unpaid),
        (order.approval == Approval::Refused, o.against_approval_refused),
        (order.approval == Approval::Pending, o.against_approval),
        (order.hold == HoldState::Lapsed, o.against_hold),
        (address == AddressState::ChangedSincePrint, o.against_address_changed),
        (address == AddressState::Placeholder, o.against_address),
        (matches!(gifts, Some(GiftStatus::Wrong | GiftStatus::Short)), o.against_gifts_wrong),
        (gifts == Some(GiftStatus::Pending), o.against_gifts),
    ];
    reasons.into_iter().filter_map(|(holds, text)| holds.then_some(text)).collect()
}
