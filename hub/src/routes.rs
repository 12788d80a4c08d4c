//! Every URL of the hub on one page, each with what it needs: a right, any log-in, or nothing.

use crate::accounts::api::gate::{Guard, gate};
use crate::accounts::model::Stage;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::body::BODY_MAX;
use crate::channels::import;
use crate::doors::Need::{At, Entering, LoggedIn, Open};
use crate::doors::{Doors, Needs};
use crate::pages::{assets, events, shell};
use crate::{
    accounts, audit, backup, contacts, effects, exports, fleet, health, idempotency, notices, orders, refusal, scans,
    settings, sync, telemetry, webhooks,
};
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::routes;

/// The whole web interface.
pub fn router(app: App) -> Router {
    let (router, needs, _) = doors();
    router
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(app.clone(), idempotency::api::once))
        .layer(from_fn(refusal::problems))
        .layer(from_fn_with_state(Guard::new(app.clone(), needs), gate))
        .layer(from_fn_with_state(app.clone(), telemetry::request_line))
        .with_state(app)
}

/// What each route needs.
pub fn needs() -> Needs {
    doors().1
}

/// The description of the API.
pub fn document() -> Value {
    doors().2
}

fn doors() -> (Router<App>, Needs, Value) {
    api().and(pages()).and(operations()).described_at("/api/v1/openapi.json", LoggedIn)
}

#[derive(OpenApi)]
#[openapi(info(title = "Packline hub", description = "Orders, stations and scans. Errors are problem+json."))]
struct Api;

/// The JSON API.
fn api() -> Doors {
    Doors::new(Api::openapi())
        .api(Open, routes!(accounts::api::log_in))
        .api(LoggedIn, routes!(accounts::api::log_out))
        .api(LoggedIn, routes!(accounts::api::me))
        .api(Right::TokensOwn, routes!(accounts::api::make_token))
        .api(Right::TokensOwn, routes!(accounts::api::list_tokens))
        .api(Right::TokensOwn, routes!(accounts::api::revoke_token))
        // Each event needs the right to see what it is about.
        .api(LoggedIn, routes!(events::stream))
        .api(Right::OrdersImport, routes!(orders::api::send))
        .api(Right::OrdersView, routes!(orders::api::list))
        .api(Right::OrdersBulk, routes!(orders::api::bulk))
        .api(Right::OrdersView, routes!(orders::api::order))
        .api(Right::OrdersView, routes!(orders::api::events))
        .api(Right::OrdersView, routes!(contacts::api::contact))
        .api(Right::OrdersReveal, routes!(contacts::api::reveal))
        .api(Right::AuditView, routes!(audit::api::entries))
        .api(Right::AuditView, routes!(audit::api::export))
        .api(Right::AuditView, routes!(audit::api::verify))
        .api_upload(Right::OrdersImport, routes!(import::api::send))
        .api(Right::OrdersImport, routes!(import::api::list))
        .api(Right::OrdersImport, routes!(import::api::job))
        .api(Right::OrdersImport, routes!(import::api::errors))
        .api(Right::OrdersImport, routes!(import::api::errors_csv))
        // A station has no account: its one-time token is what it shows.
        .api(Open, routes!(fleet::api::enroll))
        .api(Right::StationsView, routes!(fleet::api::list))
        .api(Right::StationsManage, routes!(fleet::api::invite))
        .api(Right::StationsManage, routes!(fleet::api::revoke))
        .api(Right::StationsView, routes!(fleet::api::sites))
        .api(Right::StationsManage, routes!(fleet::api::set_settings))
        .api(Right::RulesView, routes!(fleet::api::rules))
        .api(Right::RulesPublish, routes!(fleet::api::publish_rules))
        .api(Right::ScansView, routes!(scans::api::list))
        .api(Right::ScansView, routes!(scans::api::conflicts))
        .api(Right::StationsView, routes!(sync::api::log))
        .api(Right::SettingsView, routes!(settings::api::read))
        .api(Right::SettingsManage, routes!(settings::api::change))
        .api(Right::SettingsView, routes!(settings::api::history))
        .api(Right::SettingsManage, routes!(settings::api::undo))
        .api(Right::HealthView, routes!(health::api::health))
        .api(Right::HealthView, routes!(backup::api::list))
        .api(Right::SettingsManage, routes!(backup::api::begin))
}

/// Pages for people.
fn pages() -> Doors {
    Doors::new(Document::default())
        .get("/", LoggedIn, shell::home)
        .get("/assets/{name}", Open, assets::asset)
        .get("/login", Open, accounts::pages::login)
        .post("/login", Open, accounts::pages::log_in)
        .get("/search", Right::OrdersView, orders::pages::search)
        .get("/login/code", At(Stage::Code), accounts::pages::second::ask)
        .post("/login/code", At(Stage::Code), accounts::pages::second::enter)
        .post("/logout", Entering, accounts::pages::log_out)
        .get("/setup", At(Stage::SetUp), accounts::pages::setup::page)
        .post("/setup", At(Stage::SetUp), accounts::pages::setup::set_up)
        .get("/invite/{token}", Open, accounts::pages::invite::page)
        .post("/invite/{token}", Open, accounts::pages::invite::accept)
        .get("/account", LoggedIn, accounts::pages::account::page)
        .post("/account", LoggedIn, accounts::pages::account::change_password)
        .post("/account/sessions/end", LoggedIn, accounts::pages::account::end_session)
        .post("/account/sessions/end-all", LoggedIn, accounts::pages::account::log_out_everywhere)
        .get("/account/second", At(Stage::AddSecond), accounts::pages::second::page)
        .post("/account/second", At(Stage::AddSecond), accounts::pages::second::confirm)
        .post("/account/second/remove", LoggedIn, accounts::pages::second::remove)
        .get("/account/tokens", Right::TokensOwn, accounts::pages::tokens::page)
        .post("/account/tokens", Right::TokensOwn, accounts::pages::tokens::make)
        .post("/account/tokens/revoke", Right::TokensOwn, accounts::pages::tokens::revoke)
        .get("/people", Right::PeopleManage, accounts::pages::people::page)
        .post("/people", Right::PeopleManage, accounts::pages::people::add)
        .post("/people/{name}/role", Right::PeopleManage, accounts::pages::people::give_role)
        .post("/people/{name}/reset", Right::PeopleManage, accounts::pages::people::reset)
        .post("/people/{name}/disable", Right::PeopleManage, accounts::pages::people::disable)
        .post("/people/{name}/enable", Right::PeopleManage, accounts::pages::people::enable)
        .get("/people/roles", Right::PeopleManage, accounts::pages::roles::page)
        .post("/people/roles", Right::PeopleManage, accounts::pages::roles::add)
        .post("/people/roles/{role}", Right::PeopleManage, accounts::pages::roles::set)
        .post("/people/roles/{role}/remove", Right::PeopleManage, accounts::pages::roles::remove)
        .get("/orders", Right::OrdersView, orders::pages::list)
        .post("/orders/bulk", Right::OrdersBulk, orders::pages::bulk)
        .post("/orders/views", Right::OrdersView, orders::pages::save_view)
        .post("/orders/views/{id}/delete", Right::OrdersView, orders::pages::delete_view)
        .get("/orders/{id}", Right::OrdersView, orders::pages::order)
        .post("/orders/{id}/reveal", Right::OrdersReveal, contacts::pages::reveal)
        .post("/orders/{id}/hide", Right::OrdersReveal, contacts::pages::hide)
        .get("/audit", Right::AuditView, audit::pages::page)
        .get("/audit/export", Right::AuditView, audit::pages::export)
        .post("/audit/verify", Right::AuditView, audit::pages::verify)
        .get("/exports", Right::OrdersExport, exports::pages::list)
        .post("/exports", Right::OrdersExport, exports::pages::ask)
        .get("/exports/rows", Right::OrdersExport, exports::pages::rows)
        .get("/exports/{id}/file", Right::OrdersExport, exports::pages::file)
        .post("/exports/{id}/cancel", Right::OrdersExport, exports::pages::cancel)
        .get("/imports", Right::OrdersImport, import::pages::list)
        .post_upload("/imports", Right::OrdersImport, import::pages::upload)
        .get("/imports/{id}", Right::OrdersImport, import::pages::job)
        .get("/scans", Right::ScansView, scans::pages::page)
        .get("/stations", Right::StationsView, fleet::pages::page)
        .post("/stations", Right::StationsManage, fleet::pages::add)
        .get("/stations/cards", Right::StationsView, fleet::pages::cards)
        .post("/stations/{station}/revoke", Right::StationsManage, fleet::pages::revoke)
        .get("/notices", LoggedIn, notices::pages::bell::page)
        .get("/notices/count", LoggedIn, notices::pages::bell::count)
        .post("/notices/read", LoggedIn, notices::pages::bell::read_all)
        .post("/notices/{id}/note", LoggedIn, notices::pages::bell::note)
        .get("/notify", Right::NotifyManage, async || Redirect::to("/notify/rules"))
        .get("/notify/rules", Right::NotifyManage, notices::pages::rules::list)
        .post("/notify/rules", Right::NotifyManage, notices::pages::rules::add)
        .get("/notify/rules/new", Right::NotifyManage, notices::pages::rules::new)
        .get("/notify/rules/{id}", Right::NotifyManage, notices::pages::rules::edit)
        .post("/notify/rules/{id}", Right::NotifyManage, notices::pages::rules::change)
        .post("/notify/rules/{id}/remove", Right::NotifyManage, notices::pages::rules::remove)
        .get("/notify/targets", Right::NotifyManage, notices::pages::targets::page)
        .post("/notify/targets/robot", Right::NotifyManage, notices::pages::targets::add_robot)
        .post("/notify/targets/mail", Right::NotifyManage, notices::pages::targets::add_mail)
        .post("/notify/targets/{id}/test", Right::NotifyManage, notices::pages::targets::test)
        .post("/notify/targets/{id}/switch", Right::NotifyManage, notices::pages::targets::switch)
        .post("/notify/targets/{id}/remove", Right::NotifyManage, notices::pages::targets::remove)
        .get("/webhooks", Right::NotifyManage, webhooks::pages::list)
        .post("/webhooks", Right::NotifyManage, webhooks::pages::add)
        .get("/webhooks/{id}", Right::NotifyManage, webhooks::pages::page)
        .post("/webhooks/{id}/test", Right::NotifyManage, webhooks::pages::test)
        .post("/webhooks/{id}/rotate", Right::NotifyManage, webhooks::pages::rotate)
        .post("/webhooks/{id}/switch", Right::NotifyManage, webhooks::pages::switch)
        .post("/webhooks/{id}/replay", Right::NotifyManage, webhooks::pages::replay)
        .post("/webhooks/{id}/remove", Right::NotifyManage, webhooks::pages::remove)
        .get("/effects", Right::NotifyManage, effects::pages::page)
        .post("/effects/{id}", Right::NotifyManage, effects::pages::decide)
        .get("/health", Right::HealthView, health::pages::page)
        .post("/health/backup", Right::SettingsManage, health::pages::back_up)
        .get("/settings", Right::SettingsView, settings::pages::page)
        .post("/settings", Right::SettingsManage, settings::pages::save)
        .post("/settings/{id}/undo", Right::SettingsManage, settings::pages::undo)
        .post("/preferences", Open, accounts::pages::preferences)
        .fallback(shell::nowhere)
        .wrap(|router| router.layer(from_fn(shell::dress)))
}

/// For whoever runs the hub.
fn operations() -> Doors {
    Doors::new(Document::default()).get("/healthz", Open, async || "ok\n").get("/readyz", Open, is_ready).get(
        "/metrics",
        Right::MetricsView,
        health::api::metrics,
    )
}

/// Whether the hub can work: the store answers and nobody asked it to stop.
async fn is_ready(State(app): State<App>) -> (StatusCode, &'static str) {
    match app.db.ping().await {
        Ok(()) if !app.is_stopping() => (StatusCode::OK, "ready\n"),
        Ok(()) => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
    }
}
