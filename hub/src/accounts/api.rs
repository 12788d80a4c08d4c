//! Sessions over the API.

use super::actions;
use super::model::{Password, Session};
use crate::app::App;
use crate::error::{Problem, Result};
use axum::Json;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The cookie with a browser's session.
pub const COOKIE: &str = "packline_session";

/// Who wants in.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct LogIn {
    /// The account's name.
    pub user: String,
    /// Its password.
    pub password: String,
}

/// A session for a program.
#[derive(Serialize, utoipa::ToSchema)]
pub struct LoggedIn {
    /// Send it as `Authorization: Bearer …`. It ends after 12 hours of rest or after 7 days.
    pub token: String,
}

/// Log in
///
/// Exchanges a user name and a password for a session token.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "sessions", request_body = LogIn,
    responses((status = 201, body = LoggedIn), (status = 401, body = Problem), (status = 429, body = Problem)))]
pub async fn log_in(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(login): Json<LogIn>,
) -> Result<(StatusCode, Json<LoggedIn>)> {
    let token = actions::log_in(&app, &login.user, &Password::new(login.password), &from.ip().to_string()).await?;
    Ok((StatusCode::CREATED, Json(LoggedIn { token: token.reveal() })))
}

/// Log out
///
/// Ends the session that this request is made with.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "sessions", responses((status = 204)))]
pub async fn log_out(State(app): State<App>, Extension(session): Extension<Session>) -> Result<StatusCode> {
    actions::log_out(&app, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}
