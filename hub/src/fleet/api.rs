//! Sites and stations over the API.

use super::actions::{self, EnrolRequest};
use super::model::{FleetError, StationView};
use crate::accounts::model::Session;
use crate::app::App;
use crate::clock;
use crate::error::{Error, Kind, Problem, Result};
use axum::Json;
use axum::extract::{ConnectInfo, Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use packline_protocol::change::SiteSettings;
use packline_protocol::id::{SiteId, StationId};
use packline_protocol::rules::RuleSet;
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use utoipa::ToSchema;

/// What a station sends to enrol.
#[derive(Deserialize, ToSchema)]
pub struct Enrol {
    /// The one-time token from `packline-hub station add`.
    pub token: String,
    /// The public half of the key that the station made, Ed25519 in hex.
    pub public_key: String,
    /// The secret that the station made for MQTT: 64 hexadecimal digits.
    pub mqtt_secret: String,
}

/// What a station needs to know to work.
#[derive(Serialize, ToSchema)]
pub struct Enrolled {
    /// Its site.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Its name: user name and client id for MQTT.
    #[schema(value_type = String)]
    pub station: StationId,
    /// Where its broker is.
    pub mqtt_url: String,
    /// What the hub's messages are checked with, Ed25519 in hex.
    pub hub_public_key: String,
    /// The hub's name for itself.
    pub hub_id: String,
}

/// Enrol a station
///
/// Exchanges a one-time token for a place in the fleet. The same token with the same keys gives the same answer until
/// the token runs out, so a lost answer does no harm.
#[utoipa::path(post, path = "/api/v1/enroll", tag = "stations", request_body = Enrol,
    responses((status = 200, body = Enrolled), (status = 401, body = Problem), (status = 409, body = Problem),
        (status = 410, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem)))]
pub async fn enroll(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Json(enrol): Json<Enrol>,
) -> Result<Json<Enrolled>> {
    if !app.fleet.may_enrol(from.ip(), clock::moment()) {
        return Err(Error::new(Kind::TooMany, "too many enrolments from this address; try again in a minute"));
    }
    let Enrol { token, public_key, mqtt_secret } = enrol;
    let station = actions::enrol(&app.db, &EnrolRequest { token, public_key, mqtt_secret }, app.clock.now()).await?;
    // The station connects at once, so the broker must know it by then.
    app.fleet.reload(&app.db).await?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    Ok(Json(Enrolled {
        site: station.site,
        station: station.station,
        mqtt_url: app.fleet.mqtt_url(host),
        hub_public_key: crate::keys::to_hex(&app.keys.public().to_bytes()),
        hub_id: app.keys.hub_id(),
    }))
}

/// Who is invited where.
#[derive(Deserialize, ToSchema)]
pub struct Invite {
    /// The site; it is made when it is new.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The station.
    #[schema(value_type = String)]
    pub station: StationId,
}

/// An invitation.
#[derive(Serialize, ToSchema)]
pub struct Invited {
    /// The one-time token; it is not shown again.
    pub token: String,
    /// When it runs out, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub expires_at: Timestamp,
}

/// Invite a station
///
/// Gives a one-time token, good for half an hour, that lets one device enrol as this station. A station that works
/// already goes on until the token is used.
#[utoipa::path(post, path = "/api/v1/stations", tag = "stations", request_body = Invite,
    responses((status = 201, body = Invited), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn invite(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Json(invite): Json<Invite>,
) -> Result<(StatusCode, Json<Invited>)> {
    let Invite { site, station } = invite;
    let invitation = actions::invite(&app.db, &site, &station, &session.actor(), app.clock.now()).await?;
    app.feed_wake.notify_one();
    let invited = Invited { token: invitation.token, expires_at: invitation.expires_at };
    Ok((StatusCode::CREATED, Json(invited)))
}

/// All stations.
#[derive(Serialize, ToSchema)]
pub struct Stations {
    /// By site and name.
    pub items: Vec<StationView>,
}

/// List stations
///
/// All stations with what is known of them now.
#[utoipa::path(get, path = "/api/v1/stations", tag = "stations", responses((status = 200, body = Stations)))]
pub async fn list(State(app): State<App>) -> Result<Json<Stations>> {
    Ok(Json(Stations { items: actions::views(&app).await? }))
}

/// Revoke a station
///
/// Shuts the station out, disconnects it and takes its invitations back. Its records stay.
#[utoipa::path(delete, path = "/api/v1/stations/{station}", tag = "stations",
    params(("station" = String, Path, description = "The station")),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn revoke(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Path(station): Path<String>,
) -> Result<StatusCode> {
    let station = StationId::parse(&station).map_err(|error| Error::invalid(error.to_string()))?;
    actions::revoke(&app.db, &station, &session.actor(), app.clock.now()).await?;
    app.fleet.reload(&app.db).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A site.
#[derive(Serialize, ToSchema)]
pub struct SiteView {
    /// Its name.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// What people call it.
    pub title: String,
    /// How long a green may wait for the disk, in milliseconds.
    pub green_deadline_ms: u32,
    /// Above this share of the journal's space, in percent, stations warn.
    pub journal_warn_percent: u8,
}

/// All sites.
#[derive(Serialize, ToSchema)]
pub struct Sites {
    /// By name.
    pub items: Vec<SiteView>,
}

/// List sites
#[utoipa::path(get, path = "/api/v1/sites", tag = "stations", responses((status = 200, body = Sites)))]
pub async fn sites(State(app): State<App>) -> Result<Json<Sites>> {
    let view = |site: super::model::Site| SiteView {
        site: site.site,
        title: site.settings.title,
        green_deadline_ms: site.settings.green_deadline_ms,
        journal_warn_percent: site.settings.journal_warn_percent,
    };
    Ok(Json(Sites { items: actions::sites(&app.db).await?.into_iter().map(view).collect() }))
}

/// How a site works.
#[derive(Deserialize, ToSchema)]
pub struct Settings {
    /// What people call it.
    pub title: String,
    /// How long a green may wait for the disk, in milliseconds.
    pub green_deadline_ms: u32,
    /// Above this share of the journal's space, in percent, stations warn.
    pub journal_warn_percent: u8,
}

/// Change a site's settings
///
/// Stations of the site work by them as soon as they hear of them.
#[utoipa::path(put, path = "/api/v1/sites/{site}/settings", tag = "stations", request_body = Settings,
    params(("site" = String, Path, description = "The site")),
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn set_settings(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Path(site): Path<String>,
    Json(settings): Json<Settings>,
) -> Result<StatusCode> {
    let Settings { title, green_deadline_ms, journal_warn_percent } = settings;
    let settings = SiteSettings { title, green_deadline_ms, journal_warn_percent };
    actions::set_settings(&app.db, &site_of(&site)?, &settings, &session.actor(), app.clock.now()).await?;
    app.feed_wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Read a site's rules
///
/// The rule set that its stations judge by, as JSON.
#[utoipa::path(get, path = "/api/v1/sites/{site}/rules", tag = "rules",
    params(("site" = String, Path, description = "The site")),
    responses((status = 200, body = serde_json::Value), (status = 404, body = Problem)))]
pub async fn rules(State(app): State<App>, Path(site): Path<String>) -> Result<Json<RuleSet>> {
    Ok(Json(actions::rules_of(&app.db, &site_of(&site)?).await?))
}

/// Publish rules
///
/// Stations of the site judge by them as soon as they hear of them. The revision must be above the one that holds.
#[utoipa::path(put, path = "/api/v1/sites/{site}/rules", tag = "rules", request_body = serde_json::Value,
    params(("site" = String, Path, description = "The site")),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
pub async fn publish_rules(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Path(site): Path<String>,
    Json(rules): Json<RuleSet>,
) -> Result<StatusCode> {
    actions::publish_rules(&app.db, &site_of(&site)?, &rules, &session.actor(), app.clock.now()).await?;
    app.feed_wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

fn site_of(text: &str) -> Result<SiteId> {
    SiteId::parse(text).map_err(|error| Error::invalid(error.to_string()))
}

impl From<FleetError> for Error {
    fn from(error: FleetError) -> Error {
        let kind = match &error {
            FleetError::NoStation { .. } | FleetError::NoSite { .. } => Kind::NotFound,
            FleetError::ElsewhereActive { .. } | FleetError::UsedToken | FleetError::OldRules { .. } => Kind::Conflict,
            FleetError::UnknownToken => Kind::Unauthenticated,
            FleetError::ExpiredToken => Kind::Gone,
            FleetError::Field { .. } | FleetError::Rules(_) => Kind::Invalid,
            FleetError::Store { .. } => Kind::Internal,
        };
        match error {
            FleetError::Store { cause, .. } => Error::from(cause),
            error => Error::new(kind, crate::error::chain(&error)),
        }
    }
}
