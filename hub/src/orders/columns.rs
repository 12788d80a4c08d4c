//! What a list shows of an order: the same columns on the page and in files.

use super::list::OrderRow;
use super::text::Text;
use crate::pages::mark::{Mark, Show as _, gifts};
use crate::pages::text::Language;
use crate::pages::time::{clock_time, money};

/// One column of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The order number.
    OrderNo,
    /// The sales platform.
    Platform,
    /// The shop.
    Shop,
    /// Where it ships from.
    Site,
    /// Where it stands.
    Status,
    /// Where a refund of it stands.
    Refund,
    /// The worst of its gifts.
    Gifts,
    /// What it is worth.
    Amount,
    /// When it was made.
    Created,
    /// When it was paid.
    Paid,
    /// When it last changed here.
    Updated,
    /// The address against the labels.
    Address,
    /// Whether somebody must approve.
    Approval,
    /// The stock reserved for it.
    Hold,
    /// Somebody said it must not ship.
    MustNotShip,
    /// A station stopped a parcel of it.
    Stopped,
    /// Labels.
    Tags,
    /// Parcels that are to leave.
    Parcels,
    /// Pieces of goods.
    Pieces,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number, an amount or a time: figures of one width.
    Figure(String),
    /// A state.
    State(Mark),
}

impl Column {
    /// Every column, in the order of lists.
    pub const ALL: [Column; 19] = [
        Column::OrderNo,
        Column::Platform,
        Column::Shop,
        Column::Status,
        Column::Refund,
        Column::Gifts,
        Column::Amount,
        Column::Created,
        Column::Paid,
        Column::Updated,
        Column::Site,
        Column::Address,
        Column::Approval,
        Column::Hold,
        Column::MustNotShip,
        Column::Stopped,
        Column::Tags,
        Column::Parcels,
        Column::Pieces,
    ];

    /// Those that a list shows when nobody chose.
    pub const USUAL: [Column; 9] = [
        Column::OrderNo,
        Column::Platform,
        Column::Status,
        Column::Refund,
        Column::Gifts,
        Column::Amount,
        Column::Created,
        Column::Site,
        Column::Tags,
    ];

    /// As addresses have it.
    pub fn word(self) -> &'static str {
        match self {
            Column::OrderNo => "order_no",
            Column::Platform => "platform",
            Column::Shop => "shop",
            Column::Site => "site",
            Column::Status => "status",
            Column::Refund => "refund",
            Column::Gifts => "gifts",
            Column::Amount => "amount",
            Column::Created => "created",
            Column::Paid => "paid",
            Column::Updated => "updated",
            Column::Address => "address",
            Column::Approval => "approval",
            Column::Hold => "hold",
            Column::MustNotShip => "must_not_ship",
            Column::Stopped => "stopped",
            Column::Tags => "tags",
            Column::Parcels => "parcels",
            Column::Pieces => "pieces",
        }
    }

    /// Its heading.
    pub fn title(self, language: Language) -> &'static str {
        let (shared, t) = (language.text(), Text::of(language));
        match self {
            Column::OrderNo => shared.order_no,
            Column::Platform => shared.platform,
            Column::Shop => shared.shop,
            Column::Site => shared.site,
            Column::Status => shared.status,
            Column::Refund => shared.refund,
            Column::Gifts => shared.gift_status,
            Column::Amount => shared.amount,
            Column::Created => shared.created_at,
            Column::Paid => shared.paid_at,
            Column::Updated => shared.updated_at,
            Column::Address => shared.address,
            Column::Approval => shared.approval,
            Column::Hold => shared.hold,
            Column::MustNotShip => shared.must_not_ship,
            Column::Stopped => t.stopped,
            Column::Tags => shared.tags,
            Column::Parcels => shared.parcels,
            Column::Pieces => t.pieces,
        }
    }

    /// The columns with these words, the order number always first; the usual ones when there are none. Money is left
    /// out for who may not see it.
    pub fn chosen<'a>(words: impl IntoIterator<Item = &'a str>, with_money: bool) -> Vec<Column> {
        let words: Vec<&str> = words.into_iter().flat_map(|words| words.split(',')).collect();
        let wanted = |column: &Column| *column == Column::OrderNo || words.contains(&column.word());
        let may = |column: &Column| with_money || *column != Column::Amount;
        let known = Column::ALL.iter().any(|column| words.contains(&column.word()));
        if !known {
            return Column::USUAL.into_iter().filter(may).collect();
        }
        Column::ALL.into_iter().filter(wanted).filter(may).collect()
    }

    /// What this order has there.
    pub fn cell(self, row: &OrderRow, language: Language) -> Cell {
        let flag = |up: bool| match up {
            true => Cell::State(Mark::new("bad", language.text().yes)),
            false => Cell::Text(language.text().no.to_owned()),
        };
        let figure = |number: u64| Cell::Figure(number.to_string());
        match self {
            Column::OrderNo => Cell::Text(row.origin_no.clone()),
            Column::Platform => Cell::Text(row.platform.clone()),
            Column::Shop => Cell::Text(row.shop.clone().unwrap_or_default()),
            Column::Site => Cell::Text(row.site.clone()),
            Column::Status => Cell::State(row.status.mark(language)),
            Column::Refund => Cell::State(row.refund.mark(language)),
            Column::Gifts => Cell::State(gifts(row.gift_status, language)),
            Column::Amount => {
                let amount = row.amount.as_ref().map(|amount| money(amount.minor, &amount.currency));
                Cell::Figure(amount.unwrap_or_default())
            }
            Column::Created => Cell::Figure(clock_time(row.created_at)),
            Column::Paid => Cell::Figure(row.paid_at.map(clock_time).unwrap_or_default()),
            Column::Updated => Cell::Figure(clock_time(row.updated_at)),
            Column::Address => Cell::State(row.address.mark(language)),
            Column::Approval => Cell::State(row.approval.mark(language)),
            Column::Hold => Cell::State(row.hold.mark(language)),
            Column::MustNotShip => flag(row.must_not_ship),
            Column::Stopped => flag(row.stopped),
            Column::Tags => Cell::Text(row.tags.join(language.pick("，", ", "))),
            Column::Parcels => figure(u64::from(row.parcels)),
            Column::Pieces => figure(row.pieces),
        }
    }
}

impl Cell {
    /// The cell as plain text.
    pub fn text(&self) -> &str {
        match self {
            Cell::Text(text) | Cell::Figure(text) => text,
            Cell::State(mark) => &mark.word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_in_their_own_order_and_money_only_for_those_who_may() {
        let words = |columns: Vec<Column>| columns.into_iter().map(Column::word).collect::<Vec<_>>().join(" ");
        assert_eq!(words(Column::chosen(["pieces,amount", "shop"], true)), "order_no shop amount pieces");
        assert_eq!(words(Column::chosen(["pieces,amount"], false)), "order_no pieces");
        assert_eq!(Column::chosen(["nonsense"], true), Column::USUAL);
        assert!(!Column::chosen([], false).contains(&Column::Amount));
    }
}
