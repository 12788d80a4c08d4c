//! Lists of orders: what is asked for, one row of the answer, and where the next page begins.

use super::words::Word as _;
use packline_protocol::amount::Amount;
use packline_protocol::facts::{AddressState, Approval, CodeRole, GiftStatus, OrderStatus, RefundState};
use packline_protocol::id::{OrderId, ParcelId, SiteId};
use packline_protocol::time::Timestamp;

/// Which orders. Every given part must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// With this status.
    pub status: Option<OrderStatus>,
    /// From this platform.
    pub platform: Option<String>,
    /// Shipping from this site.
    pub site: Option<SiteId>,
    /// Made at this time or later.
    pub from: Option<Timestamp>,
    /// Made before this time.
    pub until: Option<Timestamp>,
    /// With this order number, waybill or WMS number, or the last six characters of one.
    pub code: Option<String>,
}

/// One order of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// The hub's number of it.
    pub id: OrderId,
    /// The sales platform.
    pub platform: String,
    /// The order number as the platform gave it.
    pub origin_no: String,
    /// The shop.
    pub shop: Option<String>,
    /// Where it ships from.
    pub site: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// Where a refund of it stands.
    pub refund: RefundState,
    /// What it is worth.
    pub amount: Option<Amount>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// The worst of its gifts.
    pub gift_status: Option<GiftStatus>,
    /// The address against the labels.
    pub address: AddressState,
    /// Whether somebody must approve.
    pub approval: Approval,
    /// Somebody said it must not ship.
    pub must_not_ship: bool,
    /// Parcels that are to leave.
    pub parcels: u32,
    /// Pieces of goods.
    pub pieces: u64,
    /// When it last changed here.
    pub updated_at: Timestamp,
}

/// A page of a list, newest orders first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The orders.
    pub rows: Vec<OrderRow>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
}

/// A place in a list: the order before the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When it was made.
    pub created_at: Timestamp,
    /// Its number.
    pub id: OrderId,
}

impl Cursor {
    /// Before the first order.
    pub const START: Cursor = Cursor { created_at: Timestamp(i64::MAX), id: OrderId(i64::MAX as u64) };

    /// The cursor in this text.
    pub fn parse(text: &str) -> Option<Cursor> {
        let (at, id) = text.split_once('.')?;
        let id = id.parse::<u64>().ok().filter(|id| i64::try_from(*id).is_ok())?;
        Some(Cursor { created_at: Timestamp(at.parse().ok()?), id: OrderId(id) })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.created_at, self.id)
    }
}

/// Something that stands under a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeHit {
    /// The order.
    pub order: OrderId,
    /// The parcel; `None` when the code is the order's own number.
    pub parcel: Option<ParcelId>,
    /// What kind of number it is.
    pub role: CodeRole,
    /// The whole code.
    pub code: String,
    /// Whether it stands for that parcel today; false when a newer parcel of the order has it.
    pub held: bool,
}

impl Filter {
    /// Whether this order is asked for, its code aside.
    pub fn takes(&self, row: &OrderRow) -> bool {
        self.status.is_none_or(|status| row.status.word() == status.word())
            && self.platform.as_ref().is_none_or(|platform| row.platform == *platform)
            && self.site.as_ref().is_none_or(|site| row.site == site.as_str())
            && self.from.is_none_or(|from| row.created_at >= from)
            && self.until.is_none_or(|until| row.created_at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_it_writes_and_refuses_the_rest() {
        let cursor = Cursor { created_at: Timestamp(-5), id: OrderId(7) };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        assert_eq!(Cursor::parse(&Cursor::START.to_string()), Some(Cursor::START));
        for bad in ["", "7", "a.b", "1.-2", "1.99999999999999999999", "1.9223372036854775808"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
