//! Contacts over HTTP: masked for everybody who sees orders, in clear only as the answer to a reason.

use super::actions;
use super::model::Shown;
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::privacy::Sight;
use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderName, header};
use packline_protocol::id::OrderId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who gets an order.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactOut {
    /// `张*`.
    name: String,
    /// `138****1234`.
    phone: String,
    /// Down to the district: `广东省深圳市南山区***`.
    address: String,
    /// Whether the texts are masked.
    masked: bool,
    /// When they were erased, in milliseconds since 1970; the texts are empty then.
    erased_at: Option<i64>,
}

/// Who gets an order
///
/// Name, phone and address, masked.
#[utoipa::path(get, path = "/api/v1/orders/{id}/contact", tag = "orders",
    params(("id" = u64, Path, description = "The order's number")),
    responses((status = 200, body = ContactOut), (status = 404, body = Problem)))]
pub async fn contact(State(app): State<App>, Path(id): Path<u64>) -> Result<Json<ContactOut>> {
    let order = OrderId(id);
    let shown = actions::masked(&app, &[order]).await?.remove(&order);
    let shown = shown.ok_or_else(|| Error::not_found(format!("there is no contact of an order `{id}`")))?;
    Ok(Json(ContactOut::from(shown)))
}

/// Why a contact is to be shown.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevealIn {
    /// 4 to 500 characters; it goes into the audit log.
    reason: String,
}

/// A contact in clear.
#[derive(Serialize, ToSchema)]
pub struct Revealed {
    /// Who gets it.
    name: String,
    /// How to call them.
    phone: String,
    /// Where.
    address: String,
    /// Until when pages show it in clear to whoever asked, in milliseconds since 1970.
    until: i64,
}

/// Show who gets an order in clear
///
/// Name, phone and address as they were told. Who asked, and why, goes into the audit log and onto the order's time line.
#[utoipa::path(post, path = "/api/v1/orders/{id}/contact/reveal", tag = "orders", request_body = RevealIn,
    params(("id" = u64, Path, description = "The order's number")),
    responses((status = 200, body = Revealed), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 422, body = Problem), (status = 429, body = Problem)))]
pub async fn reveal(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Path(id): Path<u64>,
    Json(request): Json<RevealIn>,
) -> Result<([(HeaderName, &'static str); 1], Json<Revealed>)> {
    let (contact, until) = actions::reveal(&app, &session.actor(), OrderId(id), &request.reason).await?;
    let revealed = Revealed { name: contact.name, phone: contact.phone, address: contact.address, until: until.0 };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(revealed)))
}

impl From<Shown> for ContactOut {
    fn from(shown: Shown) -> ContactOut {
        let Shown { sight, name, phone, address, erased_at, .. } = shown;
        ContactOut { name, phone, address, masked: sight == Sight::Masked, erased_at: erased_at.map(|at| at.0) }
    }
}
