//! Settings over the API.

use super::actions;
use super::model::{Change, HUB, HubSettings, SettingsError, Values};
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::{Error, Kind, Problem, Result};
use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Read the hub's settings
#[utoipa::path(get, path = "/api/v1/settings", tag = "operations", responses((status = 200, body = HubSettings)))]
pub async fn read(State(app): State<App>) -> Result<Json<HubSettings>> {
    Ok(Json(actions::load(&app.db).await?))
}

/// Change the hub's settings
///
/// Only the settings that are given change; all of them, or none when one is not accepted. Each change is written down
/// and can be taken back.
#[utoipa::path(patch, path = "/api/v1/settings", tag = "operations",
    request_body(content = Object, description = "Some settings with their new values",
        example = json!({"backup_hour": 4, "backup_keep": 14})),
    responses((status = 200, body = HubSettings), (status = 422, body = Problem)))]
pub async fn change(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Json(changes): Json<Values>,
) -> Result<Json<HubSettings>> {
    Ok(Json(actions::change(&app, &changes, &session.actor()).await?))
}

/// Which changes are wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// `hub`, or `site:` and a site's name; all without.
    #[param(max_length = 64)]
    scope: Option<String>,
    /// Continue below this number.
    #[param(minimum = 1)]
    cursor: Option<i64>,
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A page of changes.
#[derive(Serialize, ToSchema)]
pub struct Changes {
    /// The newest first.
    pub items: Vec<Change>,
    /// The cursor of the next page, when there may be one.
    pub next: Option<i64>,
}

/// List changes of settings
#[utoipa::path(get, path = "/api/v1/settings/history", tag = "operations", params(Wanted),
    responses((status = 200, body = Changes)))]
pub async fn history(State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Json<Changes>> {
    let limit = wanted.limit.unwrap_or(50).clamp(1, actions::PAGE_MAX);
    let items = actions::history(&app.db, wanted.scope.as_deref(), wanted.cursor, limit).await?;
    let next = items.last().filter(|_| items.len() == limit).map(|change| change.id);
    Ok(Json(Changes { items, next }))
}

/// Take a change of settings back
///
/// The setting gets the value that it had before that change. Only the hub's own settings.
#[utoipa::path(post, path = "/api/v1/settings/history/{id}/undo", tag = "operations",
    params(("id" = i64, Path, description = "The change", minimum = 1)),
    responses((status = 200, body = HubSettings), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn undo(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Path(id): Path<i64>,
) -> Result<Json<HubSettings>> {
    Ok(Json(actions::undo(&app, id, &session.actor()).await?))
}

impl From<SettingsError> for Error {
    fn from(error: SettingsError) -> Error {
        let message = error.to_string();
        match error {
            SettingsError::Values { details } => Error::invalid(message).with(details),
            SettingsError::NoChange { .. } => Error::not_found(message),
            SettingsError::OtherScope { .. } => Error::new(Kind::Conflict, message),
            SettingsError::Store { cause, .. } => Error::from(cause),
        }
    }
}

/// The scope of a site's settings.
pub fn site_scope(site: &packline_protocol::id::SiteId) -> String {
    format!("site:{site}")
}

/// Whether a scope is the hub's own.
pub fn is_hub(scope: &str) -> bool {
    scope == HUB
}
