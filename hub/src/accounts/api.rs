//! Sessions over the API, and the gate that every request passes.

use super::actions;
use super::model::{Password, Session, SessionToken};
use crate::app::App;
use crate::error::{Error, Kind, Problem, Result};
use axum::Json;
use axum::extract::{ConnectInfo, Extension, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The cookie with a browser's session.
pub const COOKIE: &str = "packline_session";

/// Paths that need no log-in: everything else does.
const OPEN: &[&str] = &["/login", "/preferences", "/healthz", "/readyz", "/api/v1/sessions", "/api/v1/enroll"];

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

/// Lets a request through when it is open to everybody or comes with a session in force.
pub async fn gate(State(app): State<App>, cookies: CookieJar, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let open = OPEN.contains(&path) || path.starts_with("/assets/");
    let (token, by_cookie) = token_of(request.headers(), &cookies);
    if by_cookie && !same_origin(request.method(), request.headers()) {
        return Error::new(Kind::Forbidden, "the request comes from another site; open the hub's own page")
            .into_response();
    }
    let session = match token {
        Some(token) => actions::session(&app, token).await,
        None => Ok(None),
    };
    match session {
        Ok(Some(session)) => {
            request.extensions_mut().insert(session);
            next.run(request).await
        }
        Ok(None) if open => next.run(request).await,
        Ok(None) => turn_away(&request),
        Err(error) => error.into_response(),
    }
}

/// The session's token, and whether a browser sent it by itself.
fn token_of(headers: &HeaderMap, cookies: &CookieJar) -> (Option<SessionToken>, bool) {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match bearer {
        Some(text) => (SessionToken::parse(text.trim()), false),
        None => (cookies.get(COOKIE).and_then(|cookie| SessionToken::parse(cookie.value())), true),
    }
}

/// Whether a request that changes something comes from one of the hub's own pages. Forms carry a token besides.
fn same_origin(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let fetched_here = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin_here = match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, origin)| origin == host),
        _ => true,
    };
    fetched_here && origin_here
}

/// A page leads to the log-in; a program gets 401.
fn turn_away(request: &Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/api/") || path == "/metrics" || !request.method().is_safe() {
        return Error::new(Kind::Unauthenticated, "log in first: POST /api/v1/sessions, then send its token")
            .into_response();
    }
    let whole = request.uri().path_and_query().map_or(path, |whole| whole.as_str());
    let next: String = whole
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"/-_.".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    Redirect::to(&format!("/login?next={next}")).into_response()
}
