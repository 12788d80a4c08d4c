//! The hub's health over the API, and its figures for Prometheus.

use super::model::{HealthError, State as Goodness};
use super::{actions, exposition, text};
use crate::app::App;
use crate::error::{Error, Result};
use crate::pages::text::Language;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use packline_protocol::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// How the hub is doing.
#[derive(Serialize, ToSchema)]
pub struct HealthView {
    /// The worst of its items.
    pub state: Goodness,
    /// The program's version.
    pub version: &'static str,
    /// The database's kind.
    pub engine: String,
    /// Its schema.
    pub schema: i64,
    /// How long this program runs, in milliseconds.
    pub uptime_ms: u64,
    /// The hub's clock, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub now: Timestamp,
    /// Each thing that was looked at.
    pub items: Vec<ItemView>,
}

/// Something that was looked at.
#[derive(Serialize, ToSchema)]
pub struct ItemView {
    /// What it is.
    pub what: &'static str,
    /// How good it is.
    pub state: Goodness,
    /// The figure that says it, in words.
    pub figure: String,
    /// What to do when it is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_do: Option<&'static str>,
}

/// How the hub is doing
///
/// Connections, queues, stations, disk and backups, each judged, with what to do where it is not good.
#[utoipa::path(get, path = "/api/v1/health", tag = "operations", responses((status = 200, body = HealthView)))]
pub async fn health(State(app): State<App>) -> Result<Json<HealthView>> {
    let (facts, items, state) = actions::judged(&app).await?;
    let item = |item: &super::model::Item| {
        let (what, to_do) = text::about(item.topic, Language::En);
        let figure = text::figure(&item.figure, Language::En);
        ItemView { what, state: item.state, figure, to_do: (item.state != Goodness::Good).then_some(to_do) }
    };
    Ok(Json(HealthView {
        state,
        version: facts.version,
        engine: facts.engine.clone(),
        schema: facts.schema,
        uptime_ms: facts.uptime_ms,
        now: facts.now,
        items: items.iter().map(item).collect(),
    }))
}

/// Everything that the hub measures of itself and knows of its stations, in Prometheus' text format.
pub async fn metrics(State(app): State<App>) -> Result<impl IntoResponse> {
    let facts = actions::facts(&app).await?;
    let text = app.metrics.text() + &exposition::text(&facts);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

impl From<HealthError> for Error {
    fn from(HealthError(cause): HealthError) -> Error {
        Error::from(cause)
    }
}
