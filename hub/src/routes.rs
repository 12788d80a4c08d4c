//! Every URL of the hub on one page.

use crate::app::App;
use crate::telemetry;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::get;

/// The whole web interface.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(is_ready))
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn_with_state(app.clone(), telemetry::request_line))
        .with_state(app)
}

/// Whether the hub can work: the store answers and nobody asked it to stop.
async fn is_ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match app.db.ping().await {
        Ok(()) if !app.is_stopping() => (StatusCode::OK, "ready\n"),
        Ok(()) => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
    }
}

async fn metrics(State(app): State<App>) -> String {
    app.metrics.text()
}
