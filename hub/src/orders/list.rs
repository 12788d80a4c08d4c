//! Lists of orders: one row of the answer, in which order rows come, where the next page begins, how many there are.

use packline_protocol::amount::Amount;
use packline_protocol::facts::{AddressState, Approval, CodeRole, GiftStatus, HoldState, OrderStatus, RefundState};
use packline_protocol::id::{OrderId, ParcelId};
use packline_protocol::time::Timestamp;

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
    /// The stock reserved for it.
    pub hold: HoldState,
    /// Somebody said it must not ship.
    pub must_not_ship: bool,
    /// A station stopped a parcel of it.
    pub stopped: bool,
    /// Labels.
    pub tags: Vec<String>,
    /// Parcels that are to leave.
    pub parcels: u32,
    /// Pieces of goods.
    pub pieces: u64,
    /// When it last changed here.
    pub updated_at: Timestamp,
}

impl OrderRow {
    /// The row for somebody who may not see money.
    pub fn without_money(self) -> OrderRow {
        OrderRow { amount: None, ..self }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The orders.
    pub rows: Vec<OrderRow>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Cursor>,
    /// A word of the question is in more texts than are looked for: there may be more orders than these.
    pub too_general: bool,
}

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// When it was made.
    Created,
    /// When it was paid; unpaid orders are left out.
    Paid,
    /// When it last changed here.
    Updated,
    /// What it is worth, in the smallest unit; orders without an amount are left out.
    Amount,
}

/// In which order a list comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// The smallest or oldest first.
    pub ascending: bool,
}

impl Sort {
    /// The newest first.
    pub const CREATED: Sort = Sort { by: SortBy::Created, ascending: false };
    /// The last paid first.
    pub const PAID: Sort = Sort { by: SortBy::Paid, ascending: false };
    /// The last changed first.
    pub const UPDATED: Sort = Sort { by: SortBy::Updated, ascending: false };
    /// The dearest first.
    pub const AMOUNT: Sort = Sort { by: SortBy::Amount, ascending: false };
    /// Every sort.
    pub const ALL: [Sort; 8] = [
        Sort::CREATED,
        Sort::CREATED.up(),
        Sort::PAID,
        Sort::PAID.up(),
        Sort::UPDATED,
        Sort::UPDATED.up(),
        Sort::AMOUNT,
        Sort::AMOUNT.up(),
    ];

    const fn up(self) -> Sort {
        Sort { ascending: true, ..self }
    }

    /// As addresses have it.
    pub fn word(self) -> &'static str {
        match (self.by, self.ascending) {
            (SortBy::Created, false) => "created",
            (SortBy::Created, true) => "created_up",
            (SortBy::Paid, false) => "paid",
            (SortBy::Paid, true) => "paid_up",
            (SortBy::Updated, false) => "updated",
            (SortBy::Updated, true) => "updated_up",
            (SortBy::Amount, false) => "amount",
            (SortBy::Amount, true) => "amount_up",
        }
    }

    /// The sort with this word.
    pub fn parse(word: &str) -> Option<Sort> {
        Sort::ALL.into_iter().find(|sort| sort.word() == word)
    }

    /// Where a list in this order begins.
    pub fn start(self) -> Cursor {
        if self.ascending {
            Cursor { key: i64::MIN, id: OrderId(0) }
        } else {
            Cursor { key: i64::MAX, id: OrderId(i64::MAX as u64) }
        }
    }

    /// The place of a row in this order.
    pub fn place(self, row: &OrderRow) -> Cursor {
        let key = match self.by {
            SortBy::Created => Some(row.created_at.0),
            SortBy::Paid => row.paid_at.map(|at| at.0),
            SortBy::Updated => Some(row.updated_at.0),
            SortBy::Amount => row.amount.as_ref().map(|amount| amount.minor),
        };
        Cursor { key: key.unwrap_or(i64::MIN), id: row.id }
    }
}

/// A place in a list: the order before the next page, by what the list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// What the list is ordered by.
    pub key: i64,
    /// Its number.
    pub id: OrderId,
}

impl Cursor {
    /// The cursor in this text.
    pub fn parse(text: &str) -> Option<Cursor> {
        let (key, id) = text.split_once('.')?;
        let id = id.parse::<u64>().ok().filter(|id| i64::try_from(*id).is_ok())?;
        Some(Cursor { key: key.parse().ok()?, id: OrderId(id) })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.key, self.id)
    }
}

/// How many orders a question finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Exactly(u64),
    /// So many were counted, and there may be more.
    AtLeast(u64),
}

/// Up to so many orders are counted one by one.
pub const COUNT_MAX: u64 = 10_000;

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (number, more) = match self {
            Count::Exactly(number) => (number, ""),
            Count::AtLeast(number) => (number, "+"),
        };
        let digits = number.to_string();
        let grouped = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
        write!(f, "{}{more}", grouped.collect::<Vec<_>>().join(","))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_it_writes_and_refuses_the_rest() {
        let cursor = Cursor { key: -5, id: OrderId(7) };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for sort in Sort::ALL {
            assert_eq!(Cursor::parse(&sort.start().to_string()), Some(sort.start()));
            assert_eq!(Sort::parse(sort.word()), Some(sort));
        }
        for bad in ["", "7", "a.b", "1.-2", "1.99999999999999999999", "1.9223372036854775808"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn counts_are_grouped_and_say_when_they_stopped() {
        assert_eq!(Count::Exactly(0).to_string(), "0");
        assert_eq!(Count::Exactly(1_234).to_string(), "1,234");
        assert_eq!(Count::AtLeast(COUNT_MAX).to_string(), "10,000+");
    }
}
