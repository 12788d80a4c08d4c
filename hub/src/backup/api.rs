//! Backups over the API.

use super::actions;
use super::jobs;
use super::model::{BackupError, Run};
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::{Error, Kind, Problem, Result};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// Backups that are listed.
const LISTED: usize = 100;

/// The newest backups.
#[derive(Serialize, ToSchema)]
pub struct Backups {
    /// The newest first, at most a hundred.
    pub items: Vec<Run>,
}

/// List backups
#[utoipa::path(get, path = "/api/v1/backups", tag = "operations", responses((status = 200, body = Backups)))]
pub async fn list(State(app): State<App>) -> Result<Json<Backups>> {
    Ok(Json(Backups { items: actions::recent(&app, LISTED).await? }))
}

/// Begin a backup
///
/// It goes into the hub's backup folder beside the daily ones; how it ends is in the list.
#[utoipa::path(post, path = "/api/v1/backups", tag = "operations",
    responses((status = 202, description = "It has begun"), (status = 409, body = Problem)))]
pub async fn begin(State(app): State<App>, Extension(session): Extension<Session>) -> Result<StatusCode> {
    jobs::begin(&app, &session.actor()).await?;
    Ok(StatusCode::ACCEPTED)
}

impl From<BackupError> for Error {
    fn from(error: BackupError) -> Error {
        match error {
            BackupError::Store { cause, .. } => Error::from(cause),
            BackupError::Running => Error::new(Kind::Conflict, error.to_string()),
            error => Error::internal("failed to deal with backups", error),
        }
    }
}
