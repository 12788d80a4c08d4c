//! Orders over HTTP.

use super::doc;
use super::input::Fault;
use super::list::{Cursor, Filter, OrderRow};
use super::model::{Effect, Order, OrderEvent, OrderParcel, Outcome};
use super::words::Word;
use super::{actions, settle};
use crate::accounts::model::Session;
use crate::app::App;
use crate::body;
use crate::error::{Detail, Error, Kind, Problem, Result};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::HeaderMap;
use packline_protocol::facts::OrderStatus;
use packline_protocol::id::{OrderId, SiteId};
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Orders in one request at most.
const BATCH_MAX: usize = 1000;

/// An order as it comes in. Only `platform` and `order_no` must be there; what is not mentioned stays as it was.
/// Times are texts in UTC+8 unless they name a zone, or seconds or milliseconds since 1970.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what `doc::read` reads")]
pub struct OrderIn {
    /// The sales platform: 1 to 32 characters of a-z, 0-9 and `-`.
    platform: String,
    /// The order number as the platform gave it.
    order_no: String,
    /// When the source last changed what this says. Older than what is known: it does not overwrite.
    updated_at: Option<String>,
    /// The shop.
    shop: Option<String>,
    /// The site that it ships from.
    site: Option<String>,
    /// `unpaid`, `paid`, `shipped`, `completed` or `cancelled`, or a usual Chinese word for one.
    status: Option<String>,
    /// `none`, `requested` or `done`.
    refund: Option<String>,
    /// What it is worth, for example `128.50`.
    amount: Option<String>,
    /// ISO 4217 letters; CNY without it.
    currency: Option<String>,
    /// When it was made.
    created_at: Option<String>,
    /// When it was paid.
    paid_at: Option<String>,
    /// Somebody said it must not ship.
    must_not_ship: Option<bool>,
    /// `not_needed`, `pending`, `granted` or `refused`.
    approval: Option<String>,
    /// The stock reserved for it: `not_needed`, `valid` or `lapsed`.
    hold: Option<String>,
    /// Where it goes. Never stored: only a fingerprint and whether it is a placeholder are.
    buyer: Option<BuyerIn>,
    /// Labels.
    tags: Option<Vec<String>>,
    /// What was bought, all of it.
    lines: Option<Vec<LineIn>>,
    /// Gifts, all of them.
    gifts: Option<Vec<GiftIn>>,
    /// All parcels. One that was listed before and is not any more becomes void.
    parcels: Option<Vec<ParcelIn>>,
    /// What the WMS says it picked, parcel by parcel.
    stock_out: Option<Vec<StockOutIn>>,
}

/// Who gets it and where. Never stored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what `doc::read` reads")]
pub struct BuyerIn {
    /// Who.
    name: Option<String>,
    /// How to call them.
    phone: Option<String>,
    /// Where.
    address: Option<String>,
}

/// Goods that were bought.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what `doc::read` reads")]
pub struct LineIn {
    /// The seller's article number.
    sku: String,
    /// What the packer calls it.
    title: Option<String>,
    /// Pieces; 1 without it.
    quantity: Option<u32>,
    /// Pieces of these that were refunded, or for which a refund was asked.
    refunded: Option<u32>,
}

/// A gift.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what `doc::read` reads")]
pub struct GiftIn {
    /// The seller's article number.
    sku: String,
    /// What the packer calls it.
    title: Option<String>,
    /// Pieces; 1 without it.
    quantity: Option<u32>,
    /// It is not to be given any more.
    cancelled: Option<bool>,
    /// The article that may be issued in its place.
    substitute_sku: Option<String>,
    /// A code of the parcel that carries it; the first one without it.
    parcel: Option<String>,
}

/// A parcel.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what `doc::read` reads")]
pub struct ParcelIn {
    /// What the source or the WMS calls it.
    number: Option<String>,
    /// Its waybill.
    waybill: Option<String>,
    /// Its waybills, when there are several.
    waybills: Option<Vec<String>>,
    /// The courier.
    courier: Option<String>,
    /// The site that it ships from.
    site: Option<String>,
    /// `open`, `dispatched` or `void`.
    status: Option<String>,
    /// What is inside; without it a single parcel carries the whole order.
    contents: Option<Vec<PieceIn>>,
    /// When its label was printed.
    printed_at: Option<String>,
    /// It waits for another parcel of the order.
    waiting: Option<bool>,
}

/// A stock-out record.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what `doc::read` reads")]
pub struct StockOutIn {
    /// A code of the parcel; the only one of the order without it.
    parcel: Option<String>,
    /// What was picked; empty when it was nothing.
    picked: Vec<PieceIn>,
}

/// Pieces of an article.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it documents what `doc::read` reads")]
pub struct PieceIn {
    /// The seller's article number.
    sku: String,
    /// Pieces; 1 without it.
    quantity: Option<u32>,
}

/// What became of the orders that were sent.
#[derive(Serialize, ToSchema)]
pub struct Received {
    /// One for each order, in their order.
    pub items: Vec<ReceivedOrder>,
}

/// What became of one order.
#[derive(Serialize, ToSchema)]
pub struct ReceivedOrder {
    /// The hub's number of it.
    pub id: u64,
    /// `created`, `changed` or `unchanged`.
    pub effect: &'static str,
    /// Moves that it asked for and the order does not make.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
}

/// Send orders
///
/// Takes one order, a list of up to 1,000, or as many lines of one order each (`application/x-ndjson`). The same
/// content again changes nothing, so a request whose answer was lost can be sent again. Either all of them are taken
/// or, when anything is wrong with one, none.
#[utoipa::path(post, path = "/api/v1/orders", tag = "orders", request_body = OrderIn,
    responses((status = 200, body = Received), (status = 400, body = Problem), (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem)))]
pub async fn send(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Received>> {
    body::refuse_encoded(&headers)?;
    let (docs, is_list) = docs(&headers, &body::whole(body, body::BODY_MAX)?)?;
    if docs.len() > BATCH_MAX {
        let message = format!("the request has {} orders; send at most {BATCH_MAX}, or use an import", docs.len());
        return Err(Error::new(Kind::TooLarge, message));
    }
    let now = app.clock.now();
    let (mut inputs, mut details) = (Vec::with_capacity(docs.len()), Vec::new());
    for (place, doc) in docs.iter().enumerate() {
        let read = doc::read(doc).and_then(|input| {
            let faults = input.faults(now);
            if faults.is_empty() { Ok(input) } else { Err(faults) }
        });
        match read {
            Ok(input) => inputs.push(input),
            Err(faults) => details.extend(faults.into_iter().map(|fault| detail(place, is_list, fault))),
        }
    }
    if !details.is_empty() {
        let message = format!("{} values are not acceptable; nothing was taken", details.len());
        return Err(Error::invalid(message).with(details));
    }
    let outcomes = actions::receive(&app, &inputs, &session.actor(), actions::SENT).await?;
    Ok(Json(Received { items: outcomes.into_iter().map(ReceivedOrder::from).collect() }))
}

/// The orders of a body, and whether it is a list of them. A kind of content that cannot be JSON is refused by name;
/// of others the content itself counts, since many programs name none or a wrong one.
fn docs(headers: &HeaderMap, body: &[u8]) -> Result<(Vec<Value>, bool)> {
    let kind = body::kind_of(headers).unwrap_or_default();
    if matches!(kind.as_str(), "application/x-ndjson" | "application/ndjson" | "application/jsonl") {
        return Ok((lines(body)?, true));
    }
    if matches!(kind.as_str(), "text/csv" | "multipart/form-data" | "application/xml" | "text/xml") {
        let accepted = "send application/json or application/x-ndjson; files go to /api/v1/imports";
        return Err(Error::new(Kind::Unsupported, format!("the body is `{kind}`; {accepted}")));
    }
    let body: Value = serde_json::from_slice(body)
        .map_err(|cause| Error::new(Kind::Malformed, format!("the body is not JSON: {cause}")))?;
    Ok(match body {
        Value::Array(docs) => (docs, true),
        doc => (vec![doc], false),
    })
}

fn lines(body: &[u8]) -> Result<Vec<Value>> {
    let lines = body.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    let read = |(line, number): (&[u8], u32)| {
        serde_json::from_slice(line)
            .map_err(|cause| Error::new(Kind::Malformed, format!("line {number} is not JSON: {cause}")))
    };
    lines.map(read).collect()
}

fn detail(place: usize, is_list: bool, fault: Fault) -> Detail {
    let Fault { field, given, accepted } = fault;
    let field = if is_list { format!("[{place}].{field}") } else { field };
    Detail { field, given, accepted }
}

impl From<Outcome> for ReceivedOrder {
    fn from(outcome: Outcome) -> ReceivedOrder {
        let effect = match outcome.effect {
            Effect::Created => "created",
            Effect::Changed => "changed",
            Effect::Unchanged => "unchanged",
        };
        ReceivedOrder { id: outcome.order.0, effect, refused: outcome.refused }
    }
}

/// Which orders to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// With this status.
    status: Option<String>,
    /// From this platform.
    platform: Option<String>,
    /// Shipping from this site.
    site: Option<String>,
    /// Made at this time or later; milliseconds since 1970.
    from: Option<i64>,
    /// Made before this time; milliseconds since 1970.
    until: Option<i64>,
    /// With this order number, waybill or WMS number, or the last six characters of one.
    code: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Orders on a page, 1 to 200; 50 without it.
    limit: Option<usize>,
}

/// A page of orders, newest first.
#[derive(Serialize, ToSchema)]
pub struct Orders {
    /// The orders.
    pub items: Vec<OrderItem>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One order of a list.
#[derive(Serialize, ToSchema)]
pub struct OrderItem {
    /// The hub's number of it.
    pub id: u64,
    /// The sales platform.
    pub platform: String,
    /// The order number as the platform gave it.
    pub order_no: String,
    /// The shop.
    pub shop: Option<String>,
    /// Where it ships from.
    pub site: String,
    /// Where it stands.
    pub status: &'static str,
    /// Where a refund of it stands.
    pub refund: &'static str,
    /// What it is worth, in the currency's smallest unit.
    pub amount_minor: Option<i64>,
    /// ISO 4217 letters.
    pub currency: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was paid, in milliseconds since 1970.
    pub paid_at: Option<i64>,
    /// The worst of its gifts.
    pub gift_status: Option<&'static str>,
    /// The address against the labels.
    pub address: &'static str,
    /// Whether somebody must approve.
    pub approval: &'static str,
    /// Somebody said it must not ship.
    pub must_not_ship: bool,
    /// Parcels that are to leave.
    pub parcels: u32,
    /// Pieces of goods.
    pub pieces: u64,
    /// When it last changed here, in milliseconds since 1970.
    pub updated_at: i64,
}

impl From<OrderRow> for OrderItem {
    fn from(row: OrderRow) -> OrderItem {
        OrderItem {
            id: row.id.0,
            platform: row.platform,
            order_no: row.origin_no,
            shop: row.shop,
            site: row.site,
            status: row.status.word(),
            refund: row.refund.word(),
            amount_minor: row.amount.as_ref().map(|amount| amount.minor),
            currency: row.amount.map(|amount| amount.currency),
            created_at: row.created_at.0,
            paid_at: row.paid_at.map(|at| at.0),
            gift_status: row.gift_status.map(Word::word),
            address: row.address.word(),
            approval: row.approval.word(),
            must_not_ship: row.must_not_ship,
            parcels: row.parcels,
            pieces: row.pieces,
            updated_at: row.updated_at.0,
        }
    }
}

/// List orders
///
/// Newest first, page by page. With `code` there is one page only.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", params(ListQuery),
    responses((status = 200, body = Orders), (status = 422, body = Problem)))]
pub async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Result<Json<Orders>> {
    let cursor = match &query.cursor {
        Some(text) => Cursor::parse(text).ok_or_else(|| bad("cursor", text, "`next` of the page before"))?,
        None => Cursor::START,
    };
    let limit = query.limit.unwrap_or(50);
    if !(1..=actions::PAGE_MAX).contains(&limit) {
        return Err(bad("limit", &limit.to_string(), "a number from 1 to 200"));
    }
    let page = actions::list(&app.db, &filter(query)?, cursor, limit).await?;
    let next = page.next.map(|next| next.to_string());
    Ok(Json(Orders { items: page.rows.into_iter().map(OrderItem::from).collect(), next }))
}

fn filter(query: ListQuery) -> Result<Filter> {
    let status = |word: String| {
        OrderStatus::from_word(&word).ok_or_else(|| bad("status", &word, &format!("one of {}", OrderStatus::words())))
    };
    let site = |name: String| SiteId::parse(&name).map_err(|error| Error::invalid(error.to_string()));
    Ok(Filter {
        status: query.status.map(status).transpose()?,
        platform: query.platform,
        site: query.site.map(site).transpose()?,
        from: query.from.map(Timestamp),
        until: query.until.map(Timestamp),
        code: query.code,
    })
}

fn bad(field: &str, given: &str, accepted: &str) -> Error {
    let fault = Fault::new(field, given, accepted);
    Error::invalid(fault.to_string()).with([detail(0, false, fault)])
}

/// An order with everything about it.
#[derive(Serialize, ToSchema)]
pub struct OrderOut {
    /// The hub's number of it.
    pub id: u64,
    /// The sales platform.
    pub platform: String,
    /// The order number as the platform gave it.
    pub order_no: String,
    /// The shop.
    pub shop: Option<String>,
    /// Where it stands.
    pub status: &'static str,
    /// Where a refund of it stands.
    pub refund: &'static str,
    /// What it is worth, in the currency's smallest unit.
    pub amount_minor: Option<i64>,
    /// ISO 4217 letters.
    pub currency: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// The same as its source wrote it.
    pub created_text: Option<String>,
    /// When it was paid, in milliseconds since 1970.
    pub paid_at: Option<i64>,
    /// The same as its source wrote it.
    pub paid_text: Option<String>,
    /// Somebody said it must not ship.
    pub must_not_ship: bool,
    /// Whether somebody must approve.
    pub approval: &'static str,
    /// The stock reserved for it.
    pub hold: &'static str,
    /// The worst of its gifts.
    pub gift_status: Option<&'static str>,
    /// Labels.
    pub tags: Vec<String>,
    /// What was bought.
    pub lines: Vec<LineOut>,
    /// Gifts.
    pub gifts: Vec<GiftOut>,
    /// Parcels, void ones last.
    pub parcels: Vec<ParcelOut>,
    /// When the newest fact in here came to be at its source, in milliseconds since 1970.
    pub changed_at: i64,
    /// When it was first received, in milliseconds since 1970.
    pub received_at: i64,
    /// When it last changed here, in milliseconds since 1970.
    pub updated_at: i64,
}

/// Goods that were bought.
#[derive(Serialize, ToSchema)]
pub struct LineOut {
    /// The seller's article number.
    pub sku: String,
    /// What the packer calls it.
    pub title: String,
    /// Pieces.
    pub quantity: u32,
    /// Pieces of these that were refunded.
    pub refunded: u32,
}

/// A gift.
#[derive(Serialize, ToSchema)]
pub struct GiftOut {
    /// The seller's article number.
    pub sku: String,
    /// What the packer calls it.
    pub title: String,
    /// Pieces promised.
    pub quantity: u32,
    /// Pieces that the stock-out record shows.
    pub issued: u32,
    /// What became of it.
    pub status: &'static str,
}

/// A parcel.
#[derive(Serialize, ToSchema)]
pub struct ParcelOut {
    /// The hub's number of it.
    pub id: u64,
    /// What tells it apart within the order.
    pub key: String,
    /// Where it stands.
    pub status: &'static str,
    /// The site that it ships from.
    pub site: String,
    /// The courier's short name.
    pub courier: Option<String>,
    /// The codes that stand for it.
    pub codes: Vec<String>,
    /// The address against its label.
    pub address: &'static str,
    /// It waits for another parcel of the order.
    pub waiting: bool,
    /// What the WMS says it picked; absent without a record.
    pub picked: Option<Vec<PieceOut>>,
    /// The station that let it go.
    pub released_by: Option<String>,
    /// When, by that station's clock, in milliseconds since 1970.
    pub released_at: Option<i64>,
}

/// Pieces of an article.
#[derive(Serialize, ToSchema)]
pub struct PieceOut {
    /// The seller's article number.
    pub sku: String,
    /// Pieces.
    pub quantity: u32,
}

/// One order
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders", params(("id" = u64, Path, description = "Its number")),
    responses((status = 200, body = OrderOut), (status = 404, body = Problem)))]
pub async fn order(State(app): State<App>, Path(id): Path<u64>) -> Result<Json<OrderOut>> {
    let order = actions::get(&app.db, OrderId(id)).await?;
    let order = order.ok_or_else(|| Error::not_found(format!("there is no order `{id}`")))?;
    Ok(Json(OrderOut::from(&order)))
}

impl From<&Order> for OrderOut {
    fn from(order: &Order) -> OrderOut {
        OrderOut {
            id: order.id.0,
            platform: order.platform.clone(),
            order_no: order.origin_no.clone(),
            shop: order.shop.clone(),
            status: order.status.word(),
            refund: order.refund.word(),
            amount_minor: order.amount.as_ref().map(|amount| amount.minor),
            currency: order.amount.as_ref().map(|amount| amount.currency.clone()),
            created_at: order.created_at().0,
            created_text: order.created.as_ref().map(|time| time.text.clone()),
            paid_at: order.paid.as_ref().map(|time| time.at.0),
            paid_text: order.paid.as_ref().map(|time| time.text.clone()),
            must_not_ship: order.must_not_ship,
            approval: order.approval.word(),
            hold: order.hold.word(),
            gift_status: order.gift_status().map(Word::word),
            tags: order.tags.clone(),
            lines: order.lines.iter().map(LineOut::from).collect(),
            gifts: order.gifts.iter().map(GiftOut::from).collect(),
            parcels: order.parcels.iter().map(|parcel| parcel_out(order, parcel)).collect(),
            changed_at: order.changed_at().0,
            received_at: order.received_at.0,
            updated_at: order.updated_at.0,
        }
    }
}

impl From<&super::model::OrderLine> for LineOut {
    fn from(line: &super::model::OrderLine) -> LineOut {
        let (sku, title) = (line.sku.clone(), line.title.clone());
        LineOut { sku, title, quantity: line.quantity, refunded: line.refunded }
    }
}

impl From<&super::model::GiftLine> for GiftOut {
    fn from(gift: &super::model::GiftLine) -> GiftOut {
        let (sku, title) = (gift.sku.clone(), gift.title.clone());
        GiftOut { sku, title, quantity: gift.quantity, issued: gift.issued, status: gift.status.word() }
    }
}

fn parcel_out(order: &Order, parcel: &OrderParcel) -> ParcelOut {
    let picked = settle::picked_of(order, parcel).map(|picked| {
        let piece = |(sku, quantity): (&String, &u32)| PieceOut { sku: sku.clone(), quantity: *quantity };
        picked.iter().map(piece).collect()
    });
    ParcelOut {
        id: parcel.id.0,
        key: parcel.key.clone(),
        status: parcel.status.word(),
        site: parcel.site.to_string(),
        courier: parcel.courier.clone(),
        codes: parcel.codes.iter().filter(|code| code.held).map(|code| code.text.clone()).collect(),
        address: order.address_of(parcel).word(),
        waiting: parcel.waiting,
        picked,
        released_by: parcel.released.as_ref().map(|release| release.station.to_string()),
        released_at: parcel.released.as_ref().map(|release| release.at.0),
    }
}

/// Which events to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// Events before this one.
    before: Option<i64>,
}

/// What happened to an order, newest first.
#[derive(Serialize, ToSchema)]
pub struct Events {
    /// At most 100.
    pub items: Vec<EventOut>,
}

/// Something that happened to an order.
#[derive(Serialize, ToSchema)]
pub struct EventOut {
    /// Ascends with time.
    pub id: i64,
    /// When the hub learned of it, in milliseconds since 1970.
    pub at: i64,
    /// `created`, `changed`, `late` or `refused`.
    pub kind: String,
    /// Who told it.
    pub actor: String,
    /// Where it came from.
    pub source: String,
    /// When it came to be at its source, in milliseconds since 1970.
    pub version: Option<i64>,
    /// What changed.
    #[schema(value_type = Object)]
    pub detail: Value,
}

impl From<OrderEvent> for EventOut {
    fn from(event: OrderEvent) -> EventOut {
        let OrderEvent { id, at, kind, actor, source, version, detail, .. } = event;
        EventOut { id, at: at.0, kind, actor, source, version: version.map(|at| at.0), detail }
    }
}

/// What happened to an order
#[utoipa::path(get, path = "/api/v1/orders/{id}/events", tag = "orders",
    params(("id" = u64, Path, description = "The order's number"), EventsQuery),
    responses((status = 200, body = Events), (status = 404, body = Problem)))]
pub async fn events(
    State(app): State<App>,
    Path(id): Path<u64>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Events>> {
    let events = actions::events_of(&app.db, OrderId(id), query.before, 100).await?;
    if events.is_empty() && actions::get(&app.db, OrderId(id)).await?.is_none() {
        return Err(Error::not_found(format!("there is no order `{id}`")));
    }
    Ok(Json(Events { items: events.into_iter().map(EventOut::from).collect() }))
}
