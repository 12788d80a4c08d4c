//! What the hub says about itself while it runs: the log, one line per request, and the request metrics.

use crate::app::App;
use crate::clock;
use crate::config::LogFormat;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::json;
use std::io::IsTerminal as _;
use tracing::{debug, info};
use tracing_subscriber::EnvFilter;

/// Sends the log to standard error. `filter` is in the syntax of `RUST_LOG`, for example `info,packline_hub=debug`.
pub fn init(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| format!("log is `{filter}`; give a filter such as `info,packline_hub=debug` ({error})"))?;
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    // A second call in one process (tests, the demo) keeps the first log.
    let _ = match format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Who asked, on its way from the gate to the log.
#[derive(Debug, Clone)]
pub struct Who(pub String);

/// The header with a request's own number.
pub const REQUEST_ID: &str = "x-request-id";

/// The number that a request came with, when it is one that a log can hold; otherwise a new one.
fn request_id(headers: &HeaderMap) -> String {
    let fits = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(fits);
    given.map_or_else(|| format!("{:016x}", clock::random_u64()), str::to_owned)
}

/// Middleware: one line and one measurement per request. The path is the route's pattern, so that neither the log nor
/// the metrics grow with the data.
pub async fn request_line(
    State(app): State<App>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let start = clock::instant();
    let method = method_word(request.method());
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned();
    let id = request_id(request.headers());
    let span = app.traces.begin(request.headers()).filter(|_| !is_probe(&route));
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let who = response.extensions().get::<Who>().map_or("nobody", |who| who.0.as_str()).to_owned();
    let duration = start.elapsed();
    let status = response.status().as_u16();
    let class = match status {
        0..400 => "ok",
        400..500 => "refused",
        _ => "failed",
    };
    let labels = [("method", method), ("route", route.as_str()), ("result", class)];
    app.metrics.counter("packline_http_requests_total", "Requests answered.", &labels).inc();
    app.metrics
        .histogram("packline_http_request_seconds", "Time to the first byte of an answer.", &[("route", &route)])
        .observe(duration);
    if let Some(span) = span {
        let attributes = vec![
            ("http.request.method", json!(method)),
            ("http.route", json!(route)),
            ("http.response.status_code", json!(status)),
            ("packline.request.id", json!(id)),
        ];
        app.traces.end(span, format!("{method} {route}"), class == "failed", attributes);
    }
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if is_probe(&route) {
        debug!(
            http.method = method,
            http.route = route,
            http.status = status,
            duration_ms,
            request.id = id,
            "Answered"
        );
    } else {
        info!(
            http.method = method,
            http.route = route,
            http.status = status,
            duration_ms,
            request.id = id,
            user = who,
            "Answered"
        );
    }
    response
}

fn is_probe(route: &str) -> bool {
    matches!(route, "/healthz" | "/readyz" | "/metrics")
}

/// Unknown methods share one word: a caller cannot make new series.
fn method_word(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
