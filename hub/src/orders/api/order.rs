//! One order for programs.

use crate::accounts::model::Session;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::orders::model::{GiftLine, Order, OrderEvent, OrderLine, OrderParcel};
use crate::orders::words::Word;
use crate::orders::{actions, settle};
use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use packline_protocol::id::OrderId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

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
pub async fn order(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Path(id): Path<u64>,
) -> Result<Json<OrderOut>> {
    let order = actions::get(&app.db, OrderId(id)).await?;
    let order = order.ok_or_else(|| Error::not_found(format!("there is no order `{id}`")))?;
    let order = if session.may(Right::MoneyView) { order } else { Order { amount: None, ..order } };
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

impl From<&OrderLine> for LineOut {
    fn from(line: &OrderLine) -> LineOut {
        let (sku, title) = (line.sku.clone(), line.title.clone());
        LineOut { sku, title, quantity: line.quantity, refunded: line.refunded }
    }
}

impl From<&GiftLine> for GiftOut {
    fn from(gift: &GiftLine) -> GiftOut {
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
    Extension(session): Extension<Session>,
    Path(id): Path<u64>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<Events>> {
    let events = actions::events_of(&app.db, OrderId(id), query.before, 100).await?;
    if events.is_empty() && actions::get(&app.db, OrderId(id)).await?.is_none() {
        return Err(Error::not_found(format!("there is no order `{id}`")));
    }
    let with_money = session.may(Right::MoneyView);
    let seen = events.into_iter().map(|event| if with_money { event } else { event.without_money() });
    Ok(Json(Events { items: seen.map(EventOut::from).collect() }))
}
