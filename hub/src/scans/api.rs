//! Scan records and conflicts over the API.

use super::actions::{self, Of, PAGE_MAX};
use super::model::{Conflict, ScanRow};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use axum::Json;
use axum::extract::{Query, State};
use packline_protocol::id::{ParcelId, StationId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which records are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScanQuery {
    /// Only of this station.
    station: Option<String>,
    /// Only about this parcel, by the hub's number.
    parcel: Option<u64>,
    /// Where the page begins: `next` of the page before.
    cursor: Option<i64>,
    /// Records on a page, 1 to 500; 50 unless given.
    limit: Option<usize>,
}

/// A page of records.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScanPage {
    /// The newest first.
    items: Vec<ScanRow>,
    /// The cursor of the next page; none on the last one.
    next: Option<i64>,
}

/// List scan records
///
/// Everything that stations saw and said, the newest first. Each record is here exactly once.
#[utoipa::path(get, path = "/api/v1/scans", tag = "scans", params(ScanQuery),
    responses((status = 200, body = ScanPage), (status = 422, body = Problem)))]
pub async fn list(State(app): State<App>, Query(query): Query<ScanQuery>) -> Result<Json<ScanPage>> {
    let of = match (&query.station, query.parcel) {
        (None, None) => Of::All,
        (Some(name), None) => Of::Station(StationId::parse(name).map_err(|error| Error::invalid(error.to_string()))?),
        (None, Some(parcel)) => Of::Parcel(ParcelId(parcel)),
        (Some(_), Some(_)) => return Err(Error::invalid("station and parcel are both given; give one of them")),
    };
    let limit = page_size(query.limit)?;
    let items = actions::recent(&app.db, &of, query.cursor, limit).await?;
    let next = items.last().filter(|_| items.len() == limit).map(|row| row.id);
    Ok(Json(ScanPage { items, next }))
}

/// Which conflicts are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConflictQuery {
    /// Only about this parcel, by the hub's number.
    parcel: Option<u64>,
    /// Where the page begins: `next` of the page before.
    cursor: Option<i64>,
    /// Conflicts on a page, 1 to 500; 50 unless given.
    limit: Option<usize>,
}

/// A page of conflicts.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConflictPage {
    /// The newest first.
    items: Vec<Conflict>,
    /// The cursor of the next page; none on the last one.
    next: Option<i64>,
}

/// List conflicts
///
/// Releases that do not fit together: two stations let one parcel go, or the hub knew better when the record came.
#[utoipa::path(get, path = "/api/v1/scans/conflicts", tag = "scans", params(ConflictQuery),
    responses((status = 200, body = ConflictPage), (status = 422, body = Problem)))]
pub async fn conflicts(State(app): State<App>, Query(query): Query<ConflictQuery>) -> Result<Json<ConflictPage>> {
    let limit = page_size(query.limit)?;
    let items = actions::conflicts(&app.db, query.parcel.map(ParcelId), query.cursor, limit).await?;
    let next = items.last().filter(|_| items.len() == limit).map(|conflict| conflict.id);
    Ok(Json(ConflictPage { items, next }))
}

fn page_size(limit: Option<usize>) -> Result<usize> {
    match limit.unwrap_or(50) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        limit => Err(Error::invalid(format!("limit is `{limit}`; give 1 to {PAGE_MAX}"))),
    }
}
