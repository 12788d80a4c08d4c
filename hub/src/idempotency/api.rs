//! The layer that sees requests with a key before their handlers do.

use super::actions::{self, Turn};
use super::store::Kept;
use crate::accounts::model::Session;
use crate::app::App;
use crate::body::BODY_MAX;
use crate::error::{Error, Kind, Result, chain};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::warn;

/// The header with the key.
pub const KEY: &str = "idempotency-key";
/// The header that says that an answer was given before.
pub const REPLAYED: &str = "idempotency-replayed";
/// The longest key.
pub const KEY_MAX: usize = 255;
/// A longer answer is not kept; then its key is free again.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// Does the work of requests with a key once. Others pass.
pub async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_api = request.method() == Method::POST && request.uri().path().starts_with("/api/");
    let Some(key) = request.headers().get(KEY).filter(|_| is_api).cloned() else {
        return next.run(request).await;
    };
    match take(&app, &key, request).await {
        Ok((key, request, Turn::First)) => first(app, key, request, next).await,
        Ok((.., Turn::Again(kept))) => replay(kept),
        Err(error) => error.into_response(),
    }
}

/// Reads the request whole, since it is held against the one that came before.
async fn take(app: &App, key: &HeaderValue, request: Request) -> Result<(String, Request, Turn)> {
    let text = key.to_str().ok().filter(|text| (1..=KEY_MAX).contains(&text.len()));
    let text = text.ok_or_else(|| {
        Error::new(Kind::Malformed, format!("Idempotency-Key is not accepted; give 1 to {KEY_MAX} visible characters"))
    })?;
    let who = request.extensions().get::<Session>().map(|session| session.actor().to_string());
    let who = who.ok_or_else(|| Error::new(Kind::Unauthenticated, "an Idempotency-Key needs a log-in"))?;
    let path = request.uri().path().to_owned();
    let key = digest(&[who.as_bytes(), path.as_bytes(), text.as_bytes()]);
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.map_err(|_| {
        Error::new(
            Kind::TooLarge,
            format!("a body with an Idempotency-Key has at most {BODY_MAX} bytes; send it without"),
        )
    })?;
    let kind = parts.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let query = parts.uri.query().unwrap_or_default();
    let hash = digest(&[kind, query.as_bytes(), &body]);
    let turn = actions::take(app, &key, &hash).await?;
    Ok((key, Request::from_parts(parts, Body::from(body)), turn))
}

/// The work goes on when the caller hangs up: whoever asks again gets the answer.
async fn first(app: App, key: String, request: Request, next: Next) -> Response {
    let work = tokio::spawn(async move {
        let answer = next.run(request).await;
        let (parts, body) = answer.into_parts();
        let body = match to_bytes(body, ANSWER_MAX).await {
            Ok(body) => body,
            Err(_) => Bytes::new(),
        };
        let kept = is_kept(parts.status).then(|| kept(parts.status, &parts.headers, &body));
        let noted = match kept {
            Some(kept) => actions::keep(&app, &key, kept).await,
            None => actions::let_go(&app, &key).await,
        };
        if let Err(error) = noted {
            warn!(error = %chain(&error), "Failed to keep an answer for repeats");
        }
        Response::from_parts(parts, Body::from(body))
    });
    work.await.unwrap_or_else(|_| Error::new(Kind::Internal, "the request broke off").into_response())
}

/// What is the caller's to mend, or the hub's, is not an answer for good.
fn is_kept(status: StatusCode) -> bool {
    status.is_success() || matches!(status.as_u16(), 400 | 404 | 409 | 410 | 415 | 422)
}

fn kept(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Kept {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (content_type, location) = (text(header::CONTENT_TYPE), text(header::LOCATION));
    Kept { status: status.as_u16(), content_type, location, body: body.to_vec() }
}

fn replay(kept: Kept) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let mut answer = (status, kept.body).into_response();
    let headers = answer.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in [(header::CONTENT_TYPE, kept.content_type), (header::LOCATION, kept.location)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

/// One hash of several parts, each with its length, so that no two lists give the same.
fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("packline-hub 2026 idempotent request");
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex().to_string()
}
