//! Where a site's change log stands, over the API: what a replica is compared with.

use super::store;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::keys::to_hex;
use axum::Json;
use axum::extract::{Path, State};
use packline_protocol::id::SiteId;
use serde::Serialize;
use utoipa::ToSchema;

/// Where a change log stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogView {
    /// The log's life: 16 hexadecimal digits.
    epoch: String,
    /// The newest change.
    seq: u64,
    /// Changes up to here are compacted: a station that is further behind gets a snapshot.
    floor: u64,
    /// The proof of the state at `seq`: 32 hexadecimal digits.
    root: String,
    /// Whether something has changed that is not in the log yet.
    is_waiting: bool,
}

/// Where a site's change log stands
///
/// A station whose replica has the same life, change and proof knows exactly what the hub knows.
#[utoipa::path(get, path = "/api/v1/sites/{site}/log", tag = "stations",
    params(("site" = String, Path, description = "The site")),
    responses((status = 200, body = LogView), (status = 404, body = Problem)))]
pub async fn log(State(app): State<App>, Path(site): Path<String>) -> Result<Json<LogView>> {
    let site = SiteId::parse(&site).map_err(|error| Error::invalid(error.to_string()))?;
    // Asked first: what is folded in between shows in the log.
    let is_waiting = store::any_dirty(app.db.read(), &site).await?;
    let mut view = app.db.view("sync.log").await?;
    let stored = store::find_place(view.conn(), &site).await?;
    let stored = stored.ok_or_else(|| Error::not_found(format!("there is no change log of site `{site}`")))?;
    Ok(Json(LogView {
        epoch: format!("{:016x}", stored.place.epoch.0),
        seq: stored.place.seq.0,
        floor: stored.place.floor.0,
        root: to_hex(&stored.root.0),
        is_waiting,
    }))
}
