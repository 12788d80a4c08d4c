//! Orders that programs send.

use crate::accounts::model::Session;
use crate::app::App;
use crate::body;
use crate::error::{Detail, Error, Kind, Problem, Result};
use crate::orders::input::Fault;
use crate::orders::model::{Effect, Outcome};
use crate::orders::{actions, doc};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

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
