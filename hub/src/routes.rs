//! Every URL of the hub on one page.

use crate::accounts::api::gate;
use crate::app::App;
use crate::channels::import;
use crate::pages::{assets, events, shell};
use crate::{accounts, fleet, orders, scans, sync, telemetry};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The largest body of a request that is not an upload, in bytes.
const BODY_MAX: usize = 2 * 1024 * 1024;

/// The whole web interface.
pub fn router(app: App) -> Router {
    let (api, document) = api();
    Router::new()
        .merge(api.route("/api/v1/openapi.json", get(async || Json(document))))
        .merge(pages())
        .merge(operations())
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(app.clone(), gate))
        .layer(from_fn_with_state(app.clone(), telemetry::request_line))
        .with_state(app)
}

#[derive(OpenApi)]
#[openapi(info(title = "Packline hub", description = "Orders, stations and scans. Errors are problem+json."))]
struct Api;

/// The JSON API and its description.
pub fn api() -> (Router<App>, Document) {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(accounts::api::log_in))
        .routes(routes!(accounts::api::log_out))
        .routes(routes!(events::stream))
        .routes(routes!(orders::api::send, orders::api::list))
        .routes(routes!(orders::api::order))
        .routes(routes!(orders::api::events))
        .merge(imports())
        .routes(routes!(fleet::api::enroll))
        .routes(routes!(fleet::api::list, fleet::api::invite))
        .routes(routes!(fleet::api::revoke))
        .routes(routes!(fleet::api::sites))
        .routes(routes!(fleet::api::set_settings))
        .routes(routes!(fleet::api::rules, fleet::api::publish_rules))
        .routes(routes!(scans::api::list))
        .routes(routes!(scans::api::conflicts))
        .routes(routes!(sync::api::log))
        .split_for_parts()
}

/// Files that come in may be far larger than other requests; the upload itself counts their bytes.
fn imports() -> OpenApiRouter<App> {
    let router = OpenApiRouter::new()
        .routes(routes!(import::api::send, import::api::list))
        .routes(routes!(import::api::job))
        .routes(routes!(import::api::errors))
        .routes(routes!(import::api::errors_csv));
    router.layer(DefaultBodyLimit::disable())
}

/// Pages for people.
fn pages() -> Router<App> {
    Router::new()
        .route("/", get(async || Redirect::to("/scans")))
        .route("/assets/{name}", get(assets::asset))
        .route("/login", get(accounts::pages::login).post(accounts::pages::log_in))
        .route("/logout", post(accounts::pages::log_out))
        .route("/account", get(accounts::pages::account).post(accounts::pages::change_password))
        .route("/orders", get(orders::pages::list))
        .route("/orders/{id}", get(orders::pages::order))
        // The upload itself keeps to its limit, and says so.
        .route("/imports", get(import::pages::list).post(import::pages::upload).layer(DefaultBodyLimit::disable()))
        .route("/imports/{id}", get(import::pages::job))
        .route("/scans", get(scans::pages::page))
        .route("/stations", get(fleet::pages::page).post(fleet::pages::add))
        .route("/stations/cards", get(fleet::pages::cards))
        .route("/stations/{station}/revoke", post(fleet::pages::revoke))
        .route("/preferences", post(accounts::pages::preferences))
        .fallback(shell::nowhere)
        .layer(from_fn(shell::dress))
}

/// For whoever runs the hub.
fn operations() -> Router<App> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(is_ready))
        .route("/metrics", get(metrics))
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
