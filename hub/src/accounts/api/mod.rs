//! Sessions and programs' tokens over the API.

pub mod gate;

use super::actions::{self, Attempt, Device, tokens};
use super::model::{ApiToken, Password, Session};
use super::rights::Right;
use crate::app::App;
use crate::error::{Problem, Result};
use axum::Json;
use axum::extract::{ConnectInfo, Extension, Path, State};
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
    /// The code of the second step, or a recovery code, where the account has one.
    pub code: Option<String>,
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
    let attempt = Attempt {
        name: &login.user,
        password: &Password::new(login.password),
        code: login.code.as_deref(),
        address: &from.ip().to_string(),
        device: Device::Program,
    };
    let token = actions::log_in(&app, attempt).await?;
    Ok((StatusCode::CREATED, Json(LoggedIn { token: token.reveal() })))
}

/// Log out
///
/// Ends the session that this request is made with. A token of a program is revoked instead.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "sessions",
    responses((status = 204), (status = 403, body = Problem)))]
pub async fn log_out(State(app): State<App>, Extension(session): Extension<Session>) -> Result<StatusCode> {
    actions::log_out(&app, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who asks, and what they may do.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Me {
    /// The account's name.
    pub user: String,
    /// Its role.
    pub role: String,
    /// The token's name, when a program asks with a token of its own.
    pub token: Option<String>,
    /// What this session or token may do.
    pub rights: Vec<&'static str>,
}

/// Who am I
///
/// The account, role and rights of the session or token that asks.
#[utoipa::path(get, path = "/api/v1/me", tag = "sessions", responses((status = 200, body = Me)))]
pub async fn me(Extension(session): Extension<Session>) -> Json<Me> {
    let rights = session.rights.iter().map(Right::name).collect();
    Json(Me { user: session.user.to_string(), role: session.role, token: session.program, rights })
}

/// What a new token is to be.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewToken {
    /// Its name: 1 to 64 characters of `a-z`, `0-9`, `.`, `_` and `-`, the only one of that name.
    pub name: String,
    /// What it may do: some of your own rights, for example `orders.view`.
    pub rights: Vec<String>,
    /// How many days it lives: 1 to 365.
    pub days: i64,
}

/// A token as lists show it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct TokenView {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: String,
    /// What it was given. It may do this as long as its owner may.
    pub rights: Vec<&'static str>,
    /// When it was made, in milliseconds since 1970.
    pub made_at: i64,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: i64,
    /// When it was last used, to the minute, in milliseconds since 1970.
    pub used_at: Option<i64>,
}

impl From<ApiToken> for TokenView {
    fn from(token: ApiToken) -> TokenView {
        TokenView {
            name: token.name,
            owner: token.owner.to_string(),
            rights: token.rights.iter().map(Right::name).collect(),
            made_at: token.made_at.0,
            expires_at: token.expires_at.0,
            used_at: token.used_at.map(|at| at.0),
        }
    }
}

/// A token that was just made.
#[derive(Serialize, utoipa::ToSchema)]
pub struct MadeToken {
    /// Send it as `Authorization: Bearer …`. It is not shown again.
    pub token: String,
    /// What it is.
    pub about: TokenView,
}

/// Tokens.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Tokens {
    /// By name.
    pub items: Vec<TokenView>,
}

/// Make a token
///
/// For a program of yours. It needs a session: a token makes no tokens.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = NewToken,
    responses((status = 201, body = MadeToken), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn make_token(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Json(wanted): Json<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>)> {
    let (secret, token) = tokens::make(&app, &session, &wanted.name, &wanted.rights, wanted.days).await?;
    Ok((StatusCode::CREATED, Json(MadeToken { token: secret.reveal_api(), about: token.into() })))
}

/// List tokens
///
/// Your own; everybody's with the right `tokens.manage`.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = Tokens)))]
pub async fn list_tokens(State(app): State<App>, Extension(session): Extension<Session>) -> Result<Json<Tokens>> {
    let items = tokens::list(&app, &session).await?.into_iter().map(TokenView::from).collect();
    Ok(Json(Tokens { items }))
}

/// Revoke a token
///
/// It does nothing from here on.
#[utoipa::path(delete, path = "/api/v1/tokens/{name}", tag = "tokens",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn revoke_token(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    tokens::revoke(&app, &session, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
