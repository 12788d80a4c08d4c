//! The health page: each thing in one row, with a sentence and what to do; and the backups.

use super::actions;
use super::model::{Facts, Figure, Item, State as Goodness};
use super::text::{self, Text as Words};
use crate::accounts::rights::Right;
use crate::app::App;
use crate::backup;
use crate::backup::model::Run;
use crate::error::Result;
use crate::pages::form::PlainForm;
use crate::pages::mark::Mark;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::{Language, Text};
use crate::pages::time::{age, clock_time};
use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{Html, Redirect};
use serde::Deserialize;

/// Backups on the page.
const BACKUPS: usize = 10;

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    w: &'static Words,
    state: Goodness,
    rows: Vec<Row>,
    about: Vec<(&'static str, String)>,
    sites: Vec<[String; 4]>,
    stations: Vec<[String; 8]>,
    backups: Vec<Backup>,
    may_back_up: bool,
    begun: bool,
}

struct Row {
    what: &'static str,
    mark: Mark,
    figure: String,
    to_do: &'static str,
}

struct Backup {
    file: String,
    began: String,
    by: String,
    mark: Mark,
    size: String,
    safe: &'static str,
    failure: String,
}

/// What the page may be asked.
#[derive(Deserialize)]
pub struct Asked {
    begun: Option<String>,
}

/// The page.
pub async fn page(State(app): State<App>, shell: Shell, Query(asked): Query<Asked>) -> Result<Html<String>> {
    let (facts, items, state) = actions::judged(&app).await?;
    let runs = backup::actions::recent(&app, BACKUPS).await?;
    let (language, w) = (shell.language, Words::of(shell.language));
    render(&HealthPage {
        t: shell.text(),
        w,
        state,
        rows: items.iter().map(|item| row(item, language)).collect(),
        about: about(&facts, language),
        sites: sites(&facts, w),
        stations: stations(&facts, language),
        backups: runs.iter().map(|run| shown(run, w)).collect(),
        may_back_up: shell.may(Right::SettingsManage),
        begun: asked.begun.is_some(),
        shell: &shell,
    })
}

/// Begins a backup.
pub async fn back_up(State(app): State<App>, shell: Shell, Form(form): Form<PlainForm>) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    let user = shell.user.clone().unwrap_or_default();
    backup::jobs::begin(&app, &crate::actor::Actor::User(user)).await?;
    Ok(Redirect::to("/health?begun=1"))
}

fn row(item: &Item, language: Language) -> Row {
    let (what, to_do) = text::about(item.topic, language);
    let tone = match item.state {
        Goodness::Good => "good",
        Goodness::Warn => "warn",
        Goodness::Bad => "bad",
    };
    let mark = Mark::new(tone, Words::of(language).state(item.state));
    let to_do = if item.state == Goodness::Good { "" } else { to_do };
    Row { what, mark, figure: text::figure(&item.figure, language), to_do }
}

fn about(facts: &Facts, language: Language) -> Vec<(&'static str, String)> {
    let w = Words::of(language);
    vec![
        (w.version, facts.version.to_owned()),
        (w.database, format!("{} · schema {} · {}", facts.engine, facts.schema, text::bytes(facts.database_bytes))),
        (w.uptime, age(Some(facts.uptime_ms), language)),
        (w.time, clock_time(facts.now)),
    ]
}

fn sites(facts: &Facts, w: &Words) -> Vec<[String; 4]> {
    let site = |site: &super::model::SiteFacts| {
        let led = if site.is_led { w.yes } else { w.no };
        [site.site.to_string(), site.seq.to_string(), site.rows.to_string(), led.to_owned()]
    };
    facts.sites.iter().map(site).collect()
}

fn stations(facts: &Facts, language: Language) -> Vec<[String; 8]> {
    let w = Words::of(language);
    let unknown = || "–".to_owned();
    let station = |at: &super::model::StationFacts| {
        let ahead = at.clock_ahead_ms.map(|ms| text::figure(&Figure::Ahead(ms), language));
        [
            at.station.to_string(),
            at.site.to_string(),
            if at.online { w.yes } else { w.no }.to_owned(),
            at.lag.map_or_else(unknown, |lag| lag.to_string()),
            at.backlog.to_string(),
            format!("{} %", at.journal_percent),
            ahead.unwrap_or_else(unknown),
            at.alarms.to_string(),
        ]
    };
    facts.stations.iter().map(station).collect()
}

fn shown(run: &Run, w: &Words) -> Backup {
    let (tone, word) = match run.status.as_str() {
        "done" => ("good", w.done),
        "running" => ("plain", w.running),
        _ => ("bad", w.failed),
    };
    Backup {
        file: run.target.clone(),
        began: clock_time(run.started_at),
        by: run.actor.clone(),
        mark: Mark::new(tone, word),
        size: run.bytes.map_or_else(|| "–".to_owned(), |size| text::bytes(size.unsigned_abs())),
        safe: if run.off_machine { w.yes } else { w.no },
        failure: run.failure.clone().unwrap_or_default(),
    }
}
