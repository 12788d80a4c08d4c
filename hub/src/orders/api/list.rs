//! Lists of orders for programs.

use super::bad;
use crate::accounts::model::Session;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::orders::actions;
use crate::orders::filter::{Filter, FilterError};
use crate::orders::list::{Cursor, OrderRow, Sort, SortBy};
use crate::orders::words::Word;
use axum::Json;
use axum::extract::{Extension, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which orders to list. Every given part must hold. Times are texts in UTC+8 unless they name a zone, or milliseconds
/// since 1970; a day as an end means all of it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// With this order number, waybill or WMS number, or the last four or more characters of one.
    code: Option<String>,
    /// Going to this whole phone number, to one with these last four digits, or to this whole name.
    contact: Option<String>,
    /// With these words in article titles and numbers, shop or labels; each word anywhere in one of them.
    text: Option<String>,
    /// From this platform.
    platform: Option<String>,
    /// From this shop.
    shop: Option<String>,
    /// Shipping from this site.
    site: Option<String>,
    /// With this status.
    status: Option<String>,
    /// With this state of a refund.
    refund: Option<String>,
    /// With this gift status, or `none`.
    gifts: Option<String>,
    /// With this state of the stock reserved for it.
    hold: Option<String>,
    /// With this state of the address.
    address: Option<String>,
    /// With this state of approval.
    approval: Option<String>,
    /// `yes`: somebody said it must not ship.
    must_not_ship: Option<String>,
    /// `yes`: a station stopped a parcel of it.
    stopped: Option<String>,
    /// With this label.
    tag: Option<String>,
    /// With an article number that has this in it.
    sku: Option<String>,
    /// Made at this time or later.
    created_from: Option<String>,
    /// Made before this time.
    created_until: Option<String>,
    /// Paid at this time or later.
    paid_from: Option<String>,
    /// Paid before this time.
    paid_until: Option<String>,
    /// Changed here at this time or later.
    updated_from: Option<String>,
    /// Changed here before this time.
    updated_until: Option<String>,
    /// Worth this or more, for example `128.50`.
    amount_from: Option<String>,
    /// Worth less than this.
    amount_until: Option<String>,
    /// `created`, `paid`, `updated` or `amount`, the newest or greatest first; with `_up` behind it the other way round.
    /// Without it by what is narrowed, else `created`.
    sort: Option<String>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Orders on a page, 1 to 200; 50 without it.
    limit: Option<usize>,
}

impl ListQuery {
    fn pairs(&self) -> [(&'static str, &Option<String>); 24] {
        [
            ("code", &self.code),
            ("contact", &self.contact),
            ("text", &self.text),
            ("platform", &self.platform),
            ("shop", &self.shop),
            ("site", &self.site),
            ("status", &self.status),
            ("refund", &self.refund),
            ("gifts", &self.gifts),
            ("hold", &self.hold),
            ("address", &self.address),
            ("approval", &self.approval),
            ("must_not_ship", &self.must_not_ship),
            ("stopped", &self.stopped),
            ("tag", &self.tag),
            ("sku", &self.sku),
            ("created_from", &self.created_from),
            ("created_until", &self.created_until),
            ("paid_from", &self.paid_from),
            ("paid_until", &self.paid_until),
            ("updated_from", &self.updated_from),
            ("updated_until", &self.updated_until),
            ("amount_from", &self.amount_from),
            ("amount_until", &self.amount_until),
        ]
    }
}

/// A page of orders.
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
    /// The stock reserved for it.
    pub hold: &'static str,
    /// A station stopped a parcel of it.
    pub stopped: bool,
    /// Labels.
    pub tags: Vec<String>,
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
            hold: row.hold.word(),
            stopped: row.stopped,
            tags: row.tags,
            parcels: row.parcels,
            pieces: row.pieces,
            updated_at: row.updated_at.0,
        }
    }
}

/// List orders
///
/// Page by page. A page may hold fewer orders than asked for, even none, and still have a `next`: what was asked for is
/// rare among many, and the next page goes on looking.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", params(ListQuery),
    responses((status = 200, body = Orders), (status = 422, body = Problem)))]
pub async fn list(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Orders>> {
    let pairs = query.pairs();
    let given = pairs.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let filter = Filter::read(given)?.allowed(session.may(Right::MoneyView))?;
    let sort = match &query.sort {
        Some(word) => {
            let sort = Sort::parse(word).filter(|sort| sort.by != SortBy::Amount || session.may(Right::MoneyView));
            sort.ok_or_else(|| bad("sort", word, SORTS))?
        }
        None => filter.natural_sort(),
    };
    let after = match &query.cursor {
        Some(text) => Cursor::parse(text).ok_or_else(|| bad("cursor", text, "`next` of the page before"))?,
        None => sort.start(),
    };
    let limit = query.limit.unwrap_or(50);
    if !(1..=actions::PAGE_MAX).contains(&limit) {
        return Err(bad("limit", &limit.to_string(), "a number from 1 to 200"));
    }
    let page = actions::list(&app, &filter, sort, after, limit).await?;
    let next = page.next.map(|next| next.to_string());
    let with_money = session.may(Right::MoneyView);
    let seen = |row: OrderRow| OrderItem::from(if with_money { row } else { row.without_money() });
    Ok(Json(Orders { items: page.rows.into_iter().map(seen).collect(), next }))
}

const SORTS: &str = "created, paid, updated or amount, with _up behind it for the other way round";

impl From<FilterError> for crate::error::Error {
    fn from(error: FilterError) -> crate::error::Error {
        bad(&error.name, &error.given, &error.accepted)
    }
}
