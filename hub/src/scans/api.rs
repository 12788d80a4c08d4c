//! Scan records and conflicts over the API.

use super::actions::{self, Of, PAGE_MAX};
use super::model::{Conflict, ScanRow};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use axum::Json;
use axum::extract::{Query, State};
use packline_protocol::id::{ParcelId, StationId};
use packline_protocol::verdict::Outcome;
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
    /// Only answers of this kind: `release`, `ask` or `stop`. Not together with `parcel`.
    outcome: Option<String>,
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
    let station = query.station.as_deref().map(StationId::parse).transpose();
    let station = station.map_err(|error| Error::invalid(error.to_string()))?;
    let outcome = outcome_of(query.outcome.as_deref().unwrap_or_default())?;
    let limit = page_size(query.limit)?;
    let items = match (station, query.parcel, outcome) {
        (Some(_), Some(_), _) => return Err(Error::invalid("station and parcel are both given; give one of them")),
        (_, Some(_), Some(_)) => return Err(Error::invalid("outcome and parcel are both given; give one of them")),
        (None, Some(parcel), None) => {
            actions::recent(&app.db, &Of::Parcel(ParcelId(parcel)), query.cursor, limit).await?
        }
        (station, None, outcome) => actions::matching(&app.db, station, outcome, query.cursor, limit).await?,
    };
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

/// The outcome of this word; none for an empty one.
pub fn outcome_of(word: &str) -> Result<Option<Outcome>> {
    match word {
        "" => Ok(None),
        "release" => Ok(Some(Outcome::Release)),
        "ask" => Ok(Some(Outcome::Ask)),
        "stop" => Ok(Some(Outcome::Stop)),
        other => Err(Error::invalid(format!("outcome is `{other}`; give release, ask or stop"))),
    }
}

fn page_size(limit: Option<usize>) -> Result<usize> {
    match limit.unwrap_or(50) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        limit => Err(Error::invalid(format!("limit is `{limit}`; give 1 to {PAGE_MAX}"))),
    }
}
