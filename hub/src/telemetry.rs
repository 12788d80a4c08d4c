//! What the hub says about itself while it runs: the log, one line per request, and the request metrics.

use crate::app::App;
use crate::clock;
use crate::config::LogFormat;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
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
    let response = next.run(request).await;
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
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if is_probe(&route) {
        debug!(http.method = method, http.route = route, http.status = status, duration_ms, "Answered");
    } else {
        info!(http.method = method, http.route = route, http.status = status, duration_ms, "Answered");
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
