//! Refusals: RFC 9457, `application/problem+json`, each naming what is accepted.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The paths that there are.
const PATHS: &str = "/, /api/view, /api/status, /api/events, /api/outbox, /api/scan, /api/acknowledge, /api/language";

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// The kind as a stable word, for programs and for the page's own sentences.
    code: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
}

impl Problem {
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "malformed", detail: detail.into() }
    }

    pub fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, code, detail: detail.into() }
    }

    pub fn foreign(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code: "foreign", detail: detail.into() }
    }

    pub fn misdirected(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::MISDIRECTED_REQUEST, code: "misdirected", detail: detail.into() }
    }

    pub fn unsupported(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, code: "unsupported", detail: detail.into() }
    }

    pub fn too_large(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, code: "too_large", detail: detail.into() }
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", detail: detail.into() }
    }

    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, code, detail: detail.into() }
    }

    /// The station does not listen any more.
    pub fn stopping() -> Self {
        Self::unavailable("stopping", "the station is stopping; try again when it is back")
    }

    pub fn no_such_path() -> Self {
        Self::not_found(format!("there is nothing at this path; there are {PATHS}"))
    }

    pub fn other_method(method: &Method, uri: &Uri) -> Self {
        let accepted = match uri.path() {
            "/api/scan" | "/api/acknowledge" | "/api/language" => "POST",
            _ => "GET",
        };
        let detail = format!("{method} is not accepted here; use {accepted}");
        Self { status: StatusCode::METHOD_NOT_ALLOWED, code: "method", detail }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, code, detail } = &self;
        let title = status.canonical_reason().unwrap_or("Error");
        let body = Body { r#type: "about:blank", title, status: status.as_u16(), detail, code };
        let mut response = (*status, Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
