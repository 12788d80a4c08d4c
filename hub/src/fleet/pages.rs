//! Stations as a page: how each does, and inviting and revoking them.

use super::actions;
use super::model::{DataAge, Digest, StationStatus, StationView};
use crate::accounts::model::Session;
use crate::accounts::rights::Right;
use crate::actor::Actor;
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::pages::form::PlainForm;
use crate::pages::mark::Mark;
use crate::pages::render;
use crate::pages::shell::{Shell, own_address};
use crate::pages::text::{Language, Text};
use crate::pages::time::age;
use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use packline_protocol::id::{SiteId, StationId};
use packline_protocol::time::Timestamp;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "stations.html")]
struct StationsPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    stations: Vec<Card>,
    problem: Option<String>,
    claim: Option<Claim>,
    site: String,
}

#[derive(Template)]
#[template(path = "station_cards.html")]
struct StationCards<'a> {
    shell: &'a Shell,
    t: &'static Text,
    stations: Vec<Card>,
}

/// A station as a card.
struct Card {
    name: String,
    marks: Vec<Mark>,
    facts: Vec<(&'static str, String)>,
    alarms: Vec<String>,
    revocable: bool,
}

/// A fresh claim token: shown in the answer to the form that asked for it, and never again.
struct Claim {
    station: String,
    token: String,
    hub: String,
}

/// The page.
pub async fn page(State(app): State<App>, shell: Shell) -> Result<Html<String>> {
    answer(&app, &shell, None, None).await
}

/// Only the cards, for a page that is open.
pub async fn cards(State(app): State<App>, shell: Shell) -> Result<Html<String>> {
    let stations = draw(&app, &shell).await?;
    render(&StationCards { shell: &shell, t: shell.text(), stations })
}

/// What the form for a new station sends.
#[derive(Deserialize)]
pub struct AddForm {
    csrf: String,
    site: String,
    station: String,
}

/// Invites a station and shows its claim token.
pub async fn add(
    State(app): State<App>,
    shell: Shell,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    Form(form): Form<AddForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    match invite(&app, &form, &session.actor()).await {
        Ok(token) => {
            let claim = Claim { station: form.station, token, hub: own_address(&headers) };
            Ok(answer(&app, &shell, None, Some(claim)).await?.into_response())
        }
        Err(error) if error.kind == Kind::Internal => Err(error),
        Err(error) => {
            let status = error.kind.status();
            Ok((status, answer(&app, &shell, Some(error.message), None).await?).into_response())
        }
    }
}

async fn invite(app: &App, form: &AddForm, by: &Actor) -> Result<String> {
    let site = SiteId::parse(form.site.trim()).map_err(|error| Error::invalid(error.to_string()))?;
    let station = StationId::parse(form.station.trim()).map_err(|error| Error::invalid(error.to_string()))?;
    Ok(actions::invite(&app.db, &site, &station, by, app.clock.now()).await?.token)
}

/// Shuts a station out.
pub async fn revoke(
    State(app): State<App>,
    shell: Shell,
    Extension(session): Extension<Session>,
    Path(station): Path<String>,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    let station = StationId::parse(&station).map_err(|error| Error::invalid(error.to_string()))?;
    actions::revoke(&app.db, &station, &session.actor(), app.clock.now()).await?;
    Ok(Redirect::to("/stations"))
}

async fn answer(app: &App, shell: &Shell, problem: Option<String>, claim: Option<Claim>) -> Result<Html<String>> {
    let stations = draw(app, shell).await?;
    let site = app.config.default_site.to_string();
    render(&StationsPage { shell, t: shell.text(), stations, problem, claim, site })
}

async fn draw(app: &App, shell: &Shell) -> Result<Vec<Card>> {
    let now = app.clock.now();
    let views = actions::views(app).await?;
    Ok(views.iter().map(|view| card(view, now, shell.language)).collect())
}

fn card(view: &StationView, now: Timestamp, language: Language) -> Card {
    let t = language.text();
    let number = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |value| value.to_string());
    let seen = view.seen_at.map(|at| u64::try_from(now.since_ms(at)).unwrap_or(0));
    let scanners = view.scanners.iter().map(|scanner| {
        let state = if scanner.online { t.online } else { t.offline };
        format!("{} {state} · {} / {}", scanner.scanner, scanner.frames, scanner.refused)
    });
    let replica = view.replica_seq.map(|seq| format!("{seq} · {} {}", number(view.replica_rows), t.rows));
    let facts = vec![
        (t.site, view.site.to_string()),
        (
            language.pick("最近消息", "Last heard"),
            seen.map_or_else(|| t.never_seen.to_owned(), |ms| age(Some(ms), language)),
        ),
        (language.pick("数据龄", "Data age"), data_age(view.data, now, language)),
        (t.replica, replica.unwrap_or_else(|| "–".to_owned())),
        (t.rules, number(view.revision.map(|revision| revision.0))),
        (t.backlog, number(view.backlog)),
        (t.journal, view.journal_percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"))),
        (t.scanners, scanners.collect::<Vec<_>>().join("；")),
        (t.version, view.version.clone().unwrap_or_else(|| "–".to_owned())),
    ];
    Card {
        name: view.station.to_string(),
        marks: marks(view, language),
        facts,
        alarms: view.alarms.iter().map(|alarm| format!("{}: {}", alarm.key, alarm.text)).collect(),
        revocable: view.status != StationStatus::Revoked,
    }
}

/// Not when the station was heard, but how old what it judges by is.
fn data_age(data: DataAge, now: Timestamp, language: Language) -> String {
    match data {
        DataAge::Unknown => "–".to_owned(),
        DataAge::UpToDate => language.pick("最新", "up to date").to_owned(),
        DataAge::Behind { since } => age(Some(u64::try_from(now.since_ms(since)).unwrap_or(0)), language),
    }
}

fn marks(view: &StationView, language: Language) -> Vec<Mark> {
    let t = language.text();
    match view.status {
        StationStatus::Revoked => vec![Mark::new("bad", t.revoked)],
        StationStatus::Invited => vec![Mark::new("warn", t.waiting_enrol)],
        StationStatus::Active if view.seen_at.is_none() => vec![Mark::new("plain", t.never_seen)],
        StationStatus::Active => {
            let link = if view.online { Mark::new("good", t.online) } else { Mark::new("bad", t.offline) };
            vec![link, digest_mark(view.digest, t)]
        }
    }
}

fn digest_mark(digest: Digest, t: &Text) -> Mark {
    let word = |state: &str| format!("{} {state}", t.digest);
    match digest {
        Digest::Equal => Mark::new("good", word(t.equal)),
        Digest::Behind { changes, .. } => Mark::new("warn", word(&format!("{} {changes}", t.behind))),
        Digest::Different => Mark::new("bad", word(t.different)),
        Digest::Unknown | Digest::OtherLife => Mark::new("plain", word("–")),
    }
}
