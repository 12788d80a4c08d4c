//! What any channel hands on: one message about one order.
//!
//! A message tells what it knows; what it does not mention stays as it was. Names, phone numbers and addresses come in
//! here and go to [`crate::contacts`]; the order itself keeps only a fingerprint and whether it is a placeholder.

use super::when::SourceTime;
use packline_protocol::amount::Amount;
use packline_protocol::code::{self, NUMBER_MAX};
use packline_protocol::facts::{Approval, HoldState, OrderStatus, ParcelStatus, RefundState};
use packline_protocol::id::SiteId;
use packline_protocol::time::Timestamp;
use std::collections::BTreeSet;
use std::fmt;

/// A message about one order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderInput {
    /// The sales platform: 1 to 32 characters of `a-z`, `0-9` and `-`.
    pub platform: String,
    /// The order number as the platform gave it; 1 to 64 characters.
    pub origin_no: String,
    /// When the source last changed what this message tells. Without it, the time counts at which the message, or the
    /// file that it is from, first came, and the same content again is no news.
    pub version: Option<Timestamp>,
    /// The shop.
    pub shop: Option<String>,
    /// The site that it ships from, for parcels that name none.
    pub site: Option<SiteId>,
    /// Where it stands.
    pub status: Option<OrderStatus>,
    /// Where a refund of the whole order stands.
    pub refund: Option<RefundState>,
    /// What it is worth.
    pub amount: Option<Amount>,
    /// When it was made.
    pub created: Option<SourceTime>,
    /// When it was paid.
    pub paid: Option<SourceTime>,
    /// Paid, but somebody said it must not ship.
    pub must_not_ship: Option<bool>,
    /// Whether somebody must approve.
    pub approval: Option<Approval>,
    /// The stock reserved for it.
    pub hold: Option<HoldState>,
    /// Who gets it, and where it goes.
    pub address: Option<AddressText>,
    /// Labels by people.
    pub tags: Option<Vec<String>>,
    /// What was bought, all of it.
    pub lines: Option<Vec<LineInput>>,
    /// What is given on top, all of it.
    pub gifts: Option<Vec<GiftInput>>,
    /// All parcels of the order. One that was listed before and is not any more becomes void.
    pub parcels: Option<Vec<ParcelInput>>,
    /// Stock-out records, each the whole record of its parcel.
    pub stock_out: Option<Vec<StockOutInput>>,
    /// The status of the order when its source never tells one; any that was told is stronger.
    pub initial_status: Option<OrderStatus>,
    /// Where in its source the message stands, for the history: `row 4`.
    pub reference: Option<String>,
}

/// Goods that were bought.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LineInput {
    /// The seller's article number.
    pub sku: String,
    /// What the packer calls it; empty is the article number.
    pub title: String,
    /// Pieces, at least 1.
    pub quantity: u32,
    /// Pieces of these that were refunded, or for which a refund was asked.
    pub refunded: u32,
}

/// A gift that was promised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct GiftInput {
    /// The seller's article number.
    pub sku: String,
    /// What the packer calls it; empty is the article number.
    pub title: String,
    /// Pieces promised, at least 1.
    pub quantity: u32,
    /// It is not to be given any more.
    pub cancelled: bool,
    /// The article that may be issued in its place, by decision.
    pub substitute_sku: Option<String>,
    /// A code of the parcel that carries it; without it, the first one.
    pub parcel: Option<String>,
}

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ParcelInput {
    /// What the source or the WMS calls it.
    pub number: Option<String>,
    /// Waybills on its label.
    pub waybills: Vec<String>,
    /// The courier, by any of its names.
    pub courier: Option<String>,
    /// The site that it ships from.
    pub site: Option<SiteId>,
    /// Where it stands; open unless said otherwise.
    pub status: Option<ParcelStatusInput>,
    /// What is inside: article number and pieces. Without it, a single parcel carries the whole order.
    pub contents: Option<Vec<(String, u32)>>,
    /// When its label was printed; without it, when it was first told with a waybill.
    pub printed: Option<Timestamp>,
    /// The parcels of this order leave together, and another one is not ready.
    pub waiting: bool,
}

/// Where a parcel stands, in an order in which two can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParcelStatusInput(pub ParcelStatus);

impl PartialOrd for ParcelStatusInput {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ParcelStatusInput {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// What the WMS says it picked for a parcel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct StockOutInput {
    /// A code of the parcel; without it, the only parcel of the order.
    pub parcel: Option<String>,
    /// Article number and pieces.
    pub picked: Vec<(String, u32)>,
}

/// Who gets an order, and where. The texts never show themselves and are only stored sealed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AddressText {
    /// Who gets it.
    pub name: String,
    /// How to call them.
    pub phone: String,
    /// Where; `None` when the source does not say, which is not the same as an empty one.
    pub address: Option<String>,
}

impl fmt::Debug for AddressText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressText(…)")
    }
}

/// What is wrong with a message: one value, where it stands, and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is `{given}`; give {accepted}")]
pub struct Fault {
    /// Which value, for example `parcels[0].waybills[1]`.
    pub field: String,
    /// What was given, cut to 64 characters.
    pub given: String,
    /// What is accepted.
    pub accepted: String,
}

impl Fault {
    /// This value is not accepted.
    pub fn new(field: impl Into<String>, given: &str, accepted: impl Into<String>) -> Fault {
        Fault { field: field.into(), given: given.chars().take(64).collect(), accepted: accepted.into() }
    }
}

/// The most lines, or entries of a stock-out record.
pub const LINES_MAX: usize = 256;
/// The most gift lines, parcels or tags.
pub const SOME_MAX: usize = 64;
/// The most codes of one parcel.
pub const CODES_MAX: usize = 8;
/// The longest article number, in bytes.
pub const SKU_MAX: usize = 64;
/// The longest title, in characters; a longer one is cut.
pub const TITLE_MAX: usize = 120;
/// The most pieces of one line.
pub const QUANTITY_MAX: u32 = 1_000_000;
/// How far ahead of the hub's clock a version may be, in milliseconds. A wrong one would shut out all later ones.
pub const AHEAD_MAX_MS: i64 = 24 * 3_600_000;

impl OrderInput {
    /// Everything that is wrong with the message; empty when it can be taken.
    pub fn faults(&self, now: Timestamp) -> Vec<Fault> {
        let mut check = Check(Vec::new());
        check.platform(&self.platform);
        check.text("origin_no", &self.origin_no, NUMBER_MAX);
        if let Some(version) = self.version.filter(|version| version.since_ms(now) > AHEAD_MAX_MS || version.0 < 0) {
            check.fault("version", &version.to_string(), "a time that is not more than a day ahead");
        }
        self.shop.iter().for_each(|shop| check.text("shop", shop, 64));
        self.tags.iter().for_each(|tags| check.tags(tags));
        self.lines.iter().for_each(|lines| check.lines(lines));
        self.gifts.iter().for_each(|gifts| check.gifts(gifts));
        self.parcels.iter().for_each(|parcels| check.parcels(parcels));
        self.stock_out.iter().for_each(|records| check.stock_out(records));
        check.0
    }
}

struct Check(Vec<Fault>);

impl Check {
    fn fault(&mut self, field: impl Into<String>, given: &str, accepted: impl Into<String>) {
        self.0.push(Fault::new(field, given, accepted));
    }

    fn platform(&mut self, platform: &str) {
        // The same shape as a site's name.
        if SiteId::parse(platform).is_err() {
            self.fault("platform", platform, "1 to 32 characters of a-z, 0-9 and `-`, for example pos or tmall");
        }
    }

    fn text(&mut self, field: impl Into<String>, text: &str, max: usize) {
        let fits = !text.trim().is_empty() && text.chars().count() <= max && !text.chars().any(char::is_control);
        if !fits {
            self.fault(field, text, format!("1 to {max} characters"));
        }
    }

    fn sku(&mut self, field: String, sku: &str) {
        let fits = !sku.trim().is_empty() && sku.len() <= SKU_MAX && !sku.chars().any(char::is_control);
        if !fits {
            self.fault(field, sku, format!("an article number of 1 to {SKU_MAX} bytes"));
        }
    }

    fn pieces(&mut self, field: String, pieces: u32, least: u32) {
        if !(least..=QUANTITY_MAX).contains(&pieces) {
            self.fault(field, &pieces.to_string(), format!("a number from {least} to {QUANTITY_MAX}"));
        }
    }

    fn count(&mut self, field: impl Into<String>, count: usize, max: usize) {
        if count > max {
            self.fault(field, &format!("{count} entries"), format!("at most {max}"));
        }
    }

    fn code(&mut self, field: String, text: &str) {
        let canonical = code::canonical(text);
        if canonical.is_empty() || canonical.chars().count() > NUMBER_MAX {
            self.fault(field, text, format!("a number of 1 to {NUMBER_MAX} characters"));
        }
    }

    fn tags(&mut self, tags: &[String]) {
        self.count("tags", tags.len(), SOME_MAX);
        for (place, tag) in tags.iter().enumerate() {
            self.text(format!("tags[{place}]"), tag, 32);
        }
    }

    fn lines(&mut self, lines: &[LineInput]) {
        self.count("lines", lines.len(), LINES_MAX);
        for (place, line) in lines.iter().enumerate() {
            self.sku(format!("lines[{place}].sku"), &line.sku);
            self.pieces(format!("lines[{place}].quantity"), line.quantity, 1);
            if line.refunded > line.quantity {
                let accepted = format!("a number from 0 to the {} pieces of the line", line.quantity);
                self.fault(format!("lines[{place}].refunded"), &line.refunded.to_string(), accepted);
            }
        }
    }

    fn gifts(&mut self, gifts: &[GiftInput]) {
        self.count("gifts", gifts.len(), SOME_MAX);
        for (place, gift) in gifts.iter().enumerate() {
            self.sku(format!("gifts[{place}].sku"), &gift.sku);
            self.pieces(format!("gifts[{place}].quantity"), gift.quantity, 1);
            if let Some(sku) = &gift.substitute_sku {
                self.sku(format!("gifts[{place}].substitute_sku"), sku);
            }
            if let Some(parcel) = &gift.parcel {
                self.code(format!("gifts[{place}].parcel"), parcel);
            }
        }
    }

    fn parcels(&mut self, parcels: &[ParcelInput]) {
        self.count("parcels", parcels.len(), SOME_MAX);
        let mut keys = BTreeSet::new();
        for (place, parcel) in parcels.iter().enumerate() {
            self.parcel(place, parcel);
            let key = parcel.number.as_ref().or(parcel.waybills.first()).map(|text| code::canonical(text));
            if let Some(key) = key.filter(|key| !keys.insert(key.clone())) {
                self.fault(format!("parcels[{place}]"), &key, "each parcel once, with a number or waybill of its own");
            }
        }
    }

    fn parcel(&mut self, place: usize, parcel: &ParcelInput) {
        self.count(format!("parcels[{place}].waybills"), parcel.waybills.len(), CODES_MAX);
        for (n, waybill) in parcel.waybills.iter().enumerate() {
            self.code(format!("parcels[{place}].waybills[{n}]"), waybill);
        }
        if let Some(number) = &parcel.number {
            self.code(format!("parcels[{place}].number"), number);
        }
        if let Some(courier) = &parcel.courier {
            self.text(format!("parcels[{place}].courier"), courier, 32);
        }
        if let Some(contents) = &parcel.contents {
            self.pieces_list(&format!("parcels[{place}].contents"), contents);
        }
        if parcel.status == Some(ParcelStatusInput(ParcelStatus::Void)) && parcel.waiting {
            self.fault(format!("parcels[{place}].waiting"), "true", "false for a parcel that is void");
        }
    }

    fn stock_out(&mut self, records: &[StockOutInput]) {
        self.count("stock_out", records.len(), SOME_MAX);
        for (place, record) in records.iter().enumerate() {
            if let Some(parcel) = &record.parcel {
                self.code(format!("stock_out[{place}].parcel"), parcel);
            }
            self.pieces_list(&format!("stock_out[{place}].picked"), &record.picked);
        }
    }

    fn pieces_list(&mut self, field: &str, list: &[(String, u32)]) {
        self.count(field, list.len(), LINES_MAX);
        for (place, (sku, pieces)) in list.iter().enumerate() {
            self.sku(format!("{field}[{place}].sku"), sku);
            self.pieces(format!("{field}[{place}].quantity"), *pieces, 0);
        }
    }
}

/// The words that a state may be, for a fault.
pub fn accepted_words<W: super::words::Word>() -> String {
    format!("one of {}", W::words())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> OrderInput {
        OrderInput {
            platform: "pos".into(),
            origin_no: "A-1".into(),
            lines: Some(vec![LineInput { sku: "TEA-01".into(), quantity: 2, ..LineInput::default() }]),
            parcels: Some(vec![ParcelInput { waybills: vec!["SF0000000000017".into()], ..ParcelInput::default() }]),
            ..OrderInput::default()
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut OrderInput), expected: &str) {
        let mut input = good();
        change(&mut input);
        let faults: Vec<String> = input.faults(Timestamp(1_000_000)).iter().map(ToString::to_string).collect();
        assert_eq!(faults.join("\n"), expected);
    }

    #[test]
    fn each_fault_names_the_value_and_what_is_accepted() {
        check(|_| {}, "");
        check(
            |o| o.platform = "天猫".into(),
            "platform is `天猫`; give 1 to 32 characters of a-z, 0-9 and `-`, for example pos or tmall",
        );
        check(|o| o.origin_no = " ".into(), "origin_no is ` `; give 1 to 64 characters");
        check(
            |o| o.version = Some(Timestamp(100_000_000)),
            "version is `100000000`; give a time that is not more than a day ahead",
        );
        check(
            |o| o.lines.as_mut().unwrap()[0].quantity = 0,
            "lines[0].quantity is `0`; give a number from 1 to 1000000",
        );
        check(
            |o| o.lines.as_mut().unwrap()[0].refunded = 3,
            "lines[0].refunded is `3`; give a number from 0 to the 2 pieces of the line",
        );
        check(
            |o| o.parcels.as_mut().unwrap()[0].waybills[0] = "\u{200b}".into(),
            "parcels[0].waybills[0] is `\u{200b}`; give a number of 1 to 64 characters",
        );
        let twice = |o: &mut OrderInput| {
            o.parcels
                .as_mut()
                .unwrap()
                .push(ParcelInput { number: Some("sf0000000000017".into()), ..ParcelInput::default() })
        };
        check(twice, "parcels[1] is `SF0000000000017`; give each parcel once, with a number or waybill of its own");
        check(|o| o.tags = Some(vec!["x".into(); 65]), "tags is `65 entries`; give at most 64");
    }

    #[test]
    fn an_address_never_shows_itself() {
        let address =
            AddressText { name: "测试甲".into(), phone: "000".into(), address: Some("某路 1 号".into()) };
        let shown = format!("{:?}", OrderInput { address: Some(address), ..good() });
        assert!(shown.contains("AddressText(…)") && !shown.contains("测试甲") && !shown.contains("某路"), "{shown}");
    }
}
