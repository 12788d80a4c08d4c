//! Parcels with simple fates, and an independent word on which of them must not leave.

use packline_edge::link::session::Dice;
use packline_protocol::amount::Amount;
use packline_protocol::change::{Row, RowId};
use packline_protocol::facts::{
    AddressState, Approval, CodeRole, Gift, GiftStatus, HoldState, Line, OrderStatus, Parcel, ParcelCode, ParcelStatus,
    Part, RefundState, Release,
};
use packline_protocol::id::{OrderId, ParcelId, Revision, StationId};
use packline_protocol::rules::{RuleSet, builtin};
use packline_protocol::time::Timestamp;

/// A release needs facts no older than this, in milliseconds: short, so that cuts matter.
pub const MAX_AGE_MS: u64 = 45_000;

/// The rules of the simulated site: the built-in ones with a short patience.
pub fn rules() -> (RowId, Vec<u8>) {
    let rules = RuleSet { revision: Revision(1), max_age_ms: MAX_AGE_MS, ..builtin::rule_set() };
    (RowId::RULES, Row::Rules(rules).encode())
}

/// The waybill of parcel `id`.
pub fn code(id: u64) -> String {
    format!("SF{:013}", 7_000_000_000_000 + id * 7_919)
}

/// A parcel that nothing speaks against.
pub fn parcel(id: u64) -> Parcel {
    Parcel {
        id: ParcelId(id),
        order: OrderId(id),
        order_no: format!("SIM-{id}"),
        platform: "pos".to_owned(),
        codes: vec![ParcelCode { kind: CodeRole::Waybill, text: code(id) }],
        order_status: OrderStatus::Paid,
        refund: RefundState::None,
        status: ParcelStatus::Open,
        released: None,
        must_not_ship: false,
        approval: Approval::NotNeeded,
        hold: HoldState::NotNeeded,
        address: AddressState::Fine,
        courier: None,
        part: Part::ONLY,
        amount: Amount::cny(100),
        lines: vec![Line { sku: "SKU-1".to_owned(), title: "样品".to_owned(), quantity: 1, refunded: 0 }],
        gifts: Vec::new(),
        picked: None,
        tags: Vec::new(),
        changed_at: Timestamp(0),
    }
}

/// Something happens to the parcel.
pub fn happen(parcel: &mut Parcel, dice: &mut Dice, now: Timestamp) {
    parcel.changed_at = now;
    match dice.below(8) {
        0 => parcel.order_status = OrderStatus::Cancelled,
        1 => parcel.order_status = OrderStatus::Paid,
        2 => parcel.refund = RefundState::Requested,
        3 => parcel.refund = RefundState::None,
        4 => parcel.must_not_ship = !parcel.must_not_ship,
        5 => parcel.gifts = vec![gift(GiftStatus::Pending)],
        6 => parcel.gifts = vec![gift(GiftStatus::Issued)],
        _ => parcel.tags = vec![format!("tag-{}", dice.below(1_000))],
    }
}

/// The station let it go, and the hub heard of it.
pub fn let_go(parcel: &mut Parcel, station: &StationId, now: Timestamp) {
    parcel.released = Some(Release { station: station.clone(), at: now });
}

fn gift(status: GiftStatus) -> Gift {
    let issued = u32::from(status == GiftStatus::Issued);
    Gift { sku: "GIFT-1".to_owned(), title: "赠品".to_owned(), quantity: 1, issued, status }
}

/// Whether these facts forbid that `station` releases the parcel: said a second time, without the rules.
pub fn forbid(parcel: &Parcel, station: &StationId) -> bool {
    parcel.order_status == OrderStatus::Cancelled
        || parcel.refund != RefundState::None
        || parcel.must_not_ship
        || parcel.gifts.iter().any(|gift| gift.status == GiftStatus::Pending)
        || parcel.released.as_ref().is_some_and(|release| release.station != *station)
}
