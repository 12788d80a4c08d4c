//! One change to many orders, for programs.

use super::bad;
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::orders::actions::bulk::{self, BULK_MAX, Change, ChangeResult, Changed, REASON_MAX, TAG_MAX};
use axum::Json;
use axum::extract::{Extension, State};
use packline_protocol::id::OrderId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One change to many orders.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkIn {
    /// The hub's numbers of the orders, 1 to 1,000.
    orders: Vec<u64>,
    /// `add_tag`, `remove_tag`, `stop_shipping` or `allow_shipping`.
    change: String,
    /// The label, for changes of labels.
    tag: Option<String>,
    /// Why; needed to stop or allow shipping.
    reason: Option<String>,
}

/// What became of the orders.
#[derive(Serialize, ToSchema)]
pub struct BulkOut {
    /// One for each order, in their order.
    pub items: Vec<BulkItem>,
}

/// What became of one order.
#[derive(Serialize, ToSchema)]
pub struct BulkItem {
    /// The hub's number of it.
    pub id: u64,
    /// `changed`, `was_so`, `too_many_tags` or `unknown`.
    pub result: &'static str,
}

/// Change many orders
///
/// Every order for itself: one that cannot be changed does not keep the others. Each change stands in the order's
/// history and in the audit log.
#[utoipa::path(post, path = "/api/v1/orders/bulk", tag = "orders", request_body = BulkIn,
    responses((status = 200, body = BulkOut), (status = 422, body = Problem)))]
pub async fn bulk(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Json(wanted): Json<BulkIn>,
) -> Result<Json<BulkOut>> {
    let change = change(&wanted)?;
    let reason = wanted.reason.as_deref().unwrap_or_default().trim();
    let orders: Vec<OrderId> =
        wanted.orders.iter().copied().filter(|id| i64::try_from(*id).is_ok()).map(OrderId).collect();
    if orders.is_empty() || orders.len() > BULK_MAX {
        return Err(bad("orders", &wanted.orders.len().to_string(), "1 to 1,000 numbers of orders"));
    }
    let done = bulk::change(&app, &orders, &change, reason, &session.actor()).await?;
    Ok(Json(BulkOut { items: done.iter().map(item).collect() }))
}

fn change(wanted: &BulkIn) -> Result<Change> {
    let reason = wanted.reason.as_deref().unwrap_or_default().trim();
    if reason.chars().count() > REASON_MAX {
        return Err(bad("reason", reason, "at most 200 characters"));
    }
    let tag = wanted.tag.as_deref().unwrap_or_default().trim();
    let is_tag = (1..=TAG_MAX).contains(&tag.chars().count()) && !tag.chars().any(char::is_control);
    match wanted.change.as_str() {
        "add_tag" | "remove_tag" if !is_tag => Err(bad("tag", tag, "1 to 32 characters")),
        "add_tag" => Ok(Change::AddTag(tag.to_owned())),
        "remove_tag" => Ok(Change::RemoveTag(tag.to_owned())),
        "stop_shipping" | "allow_shipping" if reason.is_empty() => Err(bad("reason", reason, "why, in a few words")),
        "stop_shipping" => Ok(Change::MustNotShip(true)),
        "allow_shipping" => Ok(Change::MustNotShip(false)),
        other => Err(bad("change", other, "add_tag, remove_tag, stop_shipping or allow_shipping")),
    }
}

fn item(changed: &Changed) -> BulkItem {
    let result = match changed.result {
        ChangeResult::Done => "changed",
        ChangeResult::WasSo => "was_so",
        ChangeResult::TooManyTags => "too_many_tags",
        ChangeResult::Unknown => "unknown",
    };
    BulkItem { id: changed.order.0, result }
}
