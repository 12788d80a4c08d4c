//! From the rows of one order to a message about it, or to everything that is wrong in them.

use super::super::given;
use super::super::mapping::{Columns, Field};
use super::super::model::Problem;
use super::super::read::{Place, Read1};
use super::{Group, Row};
use crate::orders::input::{
    AddressText, GiftInput, LineInput, OrderInput, ParcelInput, ParcelStatusInput, StockOutInput,
};
use crate::orders::synonyms::{self, Synonyms};
use crate::orders::{money, when};
use packline_protocol::amount::Amount;
use packline_protocol::code;
use packline_protocol::id::SiteId;

/// The message that these rows say.
pub(super) fn assemble(columns: &Columns, group: &Group) -> Read1 {
    let mut cells = Cells { columns, group, problems: Vec::new() };
    group.rows.iter().for_each(|row| cells.check_width(row));
    let mut input = whole_order(&mut cells);
    let place = parts(&mut cells, &mut input);
    Read1 { input, problems: cells.problems, place }
}

/// The cells of one order, and what was wrong in them.
struct Cells<'a> {
    columns: &'a Columns,
    group: &'a Group,
    problems: Vec<Problem>,
}

fn whole_order(cells: &mut Cells<'_>) -> OrderInput {
    let order_no = cells.group.order_no.clone();
    let first = &cells.group.rows[0];
    if order_no.is_empty() {
        cells.fault(first, Field::OrderNo, "an order number; the row has none and no row above has one");
    }
    cells.check_digits(first, Field::OrderNo);
    OrderInput {
        platform: cells.group.platform.to_lowercase(),
        origin_no: order_no,
        version: cells.common(Field::UpdatedAt, when::SourceTime::parse, || when::ACCEPTED.into()).map(|time| time.at),
        shop: cells.common(Field::Shop, |text| Some(text.to_owned()), String::new),
        site: cells.common(Field::Site, site, site_accepted),
        status: cells.state(Field::Status),
        refund: cells.state(Field::Refund),
        amount: amount(cells),
        created: cells.common(Field::CreatedAt, when::SourceTime::parse, || when::ACCEPTED.into()),
        paid: cells.common(Field::PaidAt, when::SourceTime::parse, || when::ACCEPTED.into()),
        must_not_ship: cells.common(Field::MustNotShip, synonyms::flag, || synonyms::FLAG.into()),
        approval: cells.state(Field::Approval),
        hold: cells.state(Field::Hold),
        address: address(cells),
        tags: cells.common(Field::Tags, |text| Some(split(text)), String::new),
        reference: Some(format!("row {}", first.line)),
        ..OrderInput::default()
    }
}

fn amount(cells: &mut Cells<'_>) -> Option<Amount> {
    let is_currency = |text: &str| money::is_currency(text).then(|| text.to_owned());
    let currency = cells.common(Field::Currency, is_currency, || "three capital letters such as CNY".into());
    let currency = currency.unwrap_or_else(|| money::CURRENCY.to_owned());
    cells.common(Field::Amount, |text| money::parse(text, &currency), || money::ACCEPTED.into())
}

/// Who gets it and where it goes, when the file has columns for it. A blank address is one that nobody gave.
fn address(cells: &mut Cells<'_>) -> Option<AddressText> {
    let columns = cells.columns;
    if ![Field::Address, Field::BuyerName, Field::BuyerPhone].into_iter().any(|field| columns.has(field)) {
        return None;
    }
    let first = |field: Field| {
        let texts = cells.group.rows.iter().map(|row| cells.columns.cell(&row.cells, field));
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned()
    };
    let address = columns.has(Field::Address).then(|| first(Field::Address));
    Some(AddressText { name: first(Field::BuyerName), phone: first(Field::BuyerPhone), address })
}

/// Lines, gifts, parcels and stock-out records, row by row.
fn parts(cells: &mut Cells<'_>, input: &mut OrderInput) -> Place {
    let mut parts = Parts::default();
    for row in &cells.group.rows {
        parts.add_row(cells, row);
    }
    let columns = cells.columns;
    let has = |fields: &[Field]| fields.iter().any(|field| columns.has(*field));
    parts.give_contents();
    input.lines = has(&[Field::Sku]).then_some(parts.lines);
    input.gifts = has(&[Field::GiftSku, Field::IsGift]).then_some(parts.gifts);
    input.parcels = (!parts.parcels.is_empty()).then(|| parts.parcels.into_iter().map(|parcel| parcel.input).collect());
    input.stock_out = (!parts.records.is_empty()).then_some(parts.records);
    Place { row: cells.group.rows[0].line, lines: parts.line_rows, gifts: parts.gift_rows, parcels: parts.parcel_rows }
}

#[derive(Default)]
struct Parts {
    lines: Vec<LineInput>,
    line_rows: Vec<u64>,
    gifts: Vec<GiftInput>,
    gift_rows: Vec<u64>,
    parcels: Vec<RowParcel>,
    parcel_rows: Vec<u64>,
    records: Vec<StockOutInput>,
    /// Goods of rows that name no parcel.
    loose: bool,
}

/// A parcel with the goods of its rows.
struct RowParcel {
    key: String,
    input: ParcelInput,
    goods: Vec<(String, u32)>,
}

impl Parts {
    fn add_row(&mut self, cells: &mut Cells<'_>, row: &Row) {
        let parcel = self.parcel_of(cells, row);
        let code = parcel.and_then(|place| self.parcels.get(place)).map(|parcel| parcel.key.clone());
        let sku = cells.sku(row, Field::Sku);
        if let Some(sku) = sku {
            let title = cells.text(row, Field::Title);
            let quantity = cells.value(row, Field::Quantity, synonyms::pieces, synonyms::PIECES).unwrap_or(1);
            let refunded = cells.value(row, Field::Refunded, synonyms::pieces, synonyms::PIECES).unwrap_or(0);
            if cells.value(row, Field::IsGift, synonyms::flag, synonyms::FLAG).unwrap_or(false) {
                let gift =
                    GiftInput { sku: sku.clone(), title, quantity, parcel: code.clone(), ..GiftInput::default() };
                self.add_gift(gift, row);
            } else {
                self.lines.push(LineInput { sku: sku.clone(), title, quantity, refunded });
                self.line_rows.push(row.line);
                match parcel.and_then(|place| self.parcels.get_mut(place)) {
                    Some(parcel) => parcel.goods.push((sku.clone(), quantity)),
                    None => self.loose = true,
                }
            }
        }
        self.add_gift_beside(cells, row, code.as_ref());
        self.add_picked(cells, row, code.as_ref());
    }

    /// The parcel that the row is about. Blank cells under blank order numbers mean the parcel above.
    fn parcel_of(&mut self, cells: &mut Cells<'_>, row: &Row) -> Option<usize> {
        let number = cells.text(row, Field::ParcelNo);
        let waybills = split(&cells.text(row, Field::Waybill));
        cells.check_digits(row, Field::ParcelNo);
        cells.check_digits(row, Field::Waybill);
        let key = Some(&number).filter(|number| !number.is_empty()).or(waybills.first());
        let Some(key) = key.map(|text| code::canonical(text)) else {
            let is_merged = cells.text(row, Field::OrderNo).is_empty();
            return if is_merged { self.parcels.len().checked_sub(1) } else { None };
        };
        let known = self.parcels.iter().position(|parcel| parcel.key == key);
        let place = known.unwrap_or_else(|| {
            let input =
                ParcelInput { number: Some(number).filter(|number| !number.is_empty()), ..ParcelInput::default() };
            self.parcels.push(RowParcel { key, input, goods: Vec::new() });
            self.parcel_rows.push(row.line);
            self.parcels.len() - 1
        });
        let input = &mut self.parcels[place].input;
        for waybill in waybills {
            let canonical = code::canonical(&waybill);
            if input.waybills.iter().all(|known| code::canonical(known) != canonical) {
                input.waybills.push(waybill);
            }
        }
        fill(&mut input.courier, Some(cells.text(row, Field::Courier)).filter(|courier| !courier.is_empty()));
        fill(
            &mut input.printed,
            cells.value(row, Field::PrintedAt, when::SourceTime::parse, when::ACCEPTED).map(|t| t.at),
        );
        fill(&mut input.status, cells.row_state(row, Field::ParcelStatus).map(ParcelStatusInput));
        input.waiting |= cells.value(row, Field::Waiting, synonyms::flag, synonyms::FLAG).unwrap_or(false);
        Some(place)
    }

    fn add_gift(&mut self, gift: GiftInput, row: &Row) {
        self.gifts.push(gift);
        self.gift_rows.push(row.line);
    }

    fn add_gift_beside(&mut self, cells: &mut Cells<'_>, row: &Row, code: Option<&String>) {
        let Some(sku) = cells.sku(row, Field::GiftSku) else { return };
        let gift = GiftInput {
            sku,
            title: cells.text(row, Field::GiftTitle),
            quantity: cells.value(row, Field::GiftQuantity, synonyms::pieces, synonyms::PIECES).unwrap_or(1),
            cancelled: cells.value(row, Field::GiftCancelled, synonyms::flag, synonyms::FLAG).unwrap_or(false),
            substitute_sku: cells.sku(row, Field::GiftSubstitute),
            parcel: code.cloned(),
        };
        self.add_gift(gift, row);
    }

    fn add_picked(&mut self, cells: &mut Cells<'_>, row: &Row, code: Option<&String>) {
        let own = cells.sku(row, Field::PickedSku).or_else(|| cells.sku(row, Field::Sku));
        let pieces = cells.value(row, Field::PickedQuantity, synonyms::pieces, synonyms::PIECES);
        let gift = cells.sku(row, Field::GiftSku);
        let gift_pieces = cells.value(row, Field::GiftPickedQuantity, synonyms::pieces, synonyms::PIECES);
        let picked: Vec<(String, u32)> = own.zip(pieces).into_iter().chain(gift.zip(gift_pieces)).collect();
        if picked.is_empty() {
            return;
        }
        match self.records.iter_mut().find(|record| record.parcel.as_ref() == code) {
            Some(record) => record.picked.extend(picked),
            None => self.records.push(StockOutInput { parcel: code.cloned(), picked }),
        }
    }

    /// What is inside is only said where it does not follow: with several parcels, or with goods outside the only one.
    fn give_contents(&mut self) {
        if self.parcels.len() > 1 || self.loose {
            for parcel in self.parcels.iter_mut().filter(|parcel| !parcel.goods.is_empty()) {
                parcel.input.contents = Some(std::mem::take(&mut parcel.goods));
            }
        }
    }
}

fn fill<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

impl Cells<'_> {
    fn text(&self, row: &Row, field: Field) -> String {
        self.columns.cell(&row.cells, field).to_owned()
    }

    fn sku(&mut self, row: &Row, field: Field) -> Option<String> {
        self.check_digits(row, field);
        Some(self.text(row, field)).filter(|sku| !sku.is_empty())
    }

    fn fault(&mut self, row: &Row, field: Field, accepted: &str) {
        let given: String = self.columns.cell(&row.cells, field).chars().take(64).collect();
        let given = given::kept(field.name(), &given);
        let problem = Problem {
            row: row.line,
            order_no: Some(self.group.order_no.clone()).filter(|order_no| !order_no.is_empty()),
            column: Some(self.columns.column(field).to_owned()),
            given: Some(given),
            message: format!("give {accepted}"),
            note: false,
        };
        // One cell may be looked at twice.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Cells beyond the header mean that the row's cells stand under the wrong columns.
    fn check_width(&mut self, row: &Row) {
        let width = self.columns.width();
        if row.cells.iter().skip(width).any(|cell| !cell.trim().is_empty()) {
            let message = format!(
                "the row has {} cells and the header {width}; a cell with a comma in it needs quotes around it",
                row.cells.len()
            );
            let order_no = Some(self.group.order_no.clone()).filter(|order_no| !order_no.is_empty());
            self.problems.push(Problem { row: row.line, order_no, column: None, given: None, message, note: false });
        }
    }

    /// A spreadsheet that showed a long number as `1.2E+17` has lost its last digits.
    fn check_digits(&mut self, row: &Row, field: Field) {
        let cell = self.columns.cell(&row.cells, field);
        let is_rounded = cell.to_ascii_uppercase().split_once("E+").is_some_and(|(number, exponent)| {
            let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            is_number(number) && is_number(exponent)
        });
        if is_rounded {
            self.fault(row, field, "the whole number; a spreadsheet has rounded it, format the column as text first");
        }
    }

    fn value<T>(&mut self, row: &Row, field: Field, parse: impl Fn(&str) -> Option<T>, accepted: &str) -> Option<T> {
        let cell = self.columns.cell(&row.cells, field);
        if cell.is_empty() {
            return None;
        }
        let value = parse(cell);
        if value.is_none() {
            self.fault(row, field, accepted);
        }
        value
    }

    fn row_state<S: Synonyms>(&mut self, row: &Row, field: Field) -> Option<S> {
        let cell = self.columns.cell(&row.cells, field);
        let state = S::read(cell);
        if state.is_none() && !cell.is_empty() {
            self.fault(row, field, &S::accepted());
        }
        state
    }

    fn state<S: Synonyms>(&mut self, field: Field) -> Option<S> {
        self.common(field, S::read, S::accepted)
    }

    /// What belongs to the whole order: the same in each row that says it.
    fn common<T>(
        &mut self,
        field: Field,
        parse: impl Fn(&str) -> Option<T>,
        accepted: impl Fn() -> String,
    ) -> Option<T> {
        let columns = self.columns;
        let group = self.group;
        let mut said: Option<(&str, &Row)> = None;
        for row in &group.rows {
            let cell = columns.cell(&row.cells, field);
            match said {
                _ if cell.is_empty() => {}
                None => said = Some((cell, row)),
                Some((first, _)) if first == cell => {}
                Some((_, at)) => {
                    let accepted = format!("the same as in row {}, since it belongs to the whole order", at.line);
                    self.fault(row, field, &accepted);
                    return None;
                }
            }
        }
        let (cell, row) = said?;
        let value = parse(cell);
        if value.is_none() {
            self.fault(row, field, &accepted());
        }
        value
    }
}

/// The site of an order: any writing of its name.
fn site(text: &str) -> Option<SiteId> {
    SiteId::parse(&text.to_lowercase()).ok()
}

fn site_accepted() -> String {
    "a site's name: 1 to 32 characters of a-z, 0-9 and `-`".to_owned()
}

/// `SF1, SF2；SF3`
fn split(text: &str) -> Vec<String> {
    let parts = text.split([',', ';', '，', '；', '、', '|', '\n', '\r']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
