//! Live scans as a page, and as events for pages that are open.

use super::actions;
use super::api::outcome_of;
use super::model::{Conflict, ConflictKind, ScanKind, ScanRow};
use crate::app::App;
use crate::error::{Error, Result};
use crate::pages::mark::{Mark, Show as _};
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::{Language, Text};
use crate::pages::time::{age, clock_time, maybe_time};
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use packline_protocol::id::StationId;
use packline_protocol::verdict::ReasonCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// Scans on the page.
const SHOWN: usize = 100;
/// Conflicts on the page.
const CONFLICTS_SHOWN: usize = 20;

/// What the page is narrowed to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    station: String,
    outcome: String,
    /// Records before this one: a page that is not the newest.
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "scans.html")]
struct ScansPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    filter: &'a Filter,
    outcomes: [(&'static str, &'static str); 3],
    scans: Vec<ScanLine>,
    blank: ScanLine,
    conflicts: Vec<ConflictLine>,
    next: Option<String>,
}

/// A scan as one row.
pub struct ScanLine {
    pub(crate) key: String,
    pub(crate) at: String,
    pub(crate) station: String,
    pub(crate) scanner: String,
    pub(crate) code: String,
    pub(crate) order: Option<u64>,
    pub(crate) outcome: Mark,
    pub(crate) reason: String,
    pub(crate) repeat: bool,
    pub(crate) age: String,
}

struct ConflictLine {
    at: String,
    what: &'static str,
    order: Option<u64>,
    stations: String,
}

/// The page.
pub async fn page(State(app): State<App>, shell: Shell, Query(filter): Query<Filter>) -> Result<Html<String>> {
    let station = Some(filter.station.trim()).filter(|name| !name.is_empty()).map(StationId::parse).transpose();
    let station = station.map_err(|error| Error::invalid(error.to_string()))?;
    let outcome = outcome_of(&filter.outcome)?;
    let rows = actions::matching(&app.db, station, outcome, filter.before, SHOWN).await?;
    let language = shell.language;
    let last = rows.last().filter(|_| rows.len() == SHOWN);
    let found = actions::open_conflicts(&app.db, CONFLICTS_SHOWN).await?;
    let t = shell.text();
    render(&ScansPage {
        shell: &shell,
        t,
        filter: &filter,
        outcomes: [("release", t.release), ("ask", t.ask), ("stop", t.stop)],
        scans: rows.iter().map(|row| line(row, language)).collect(),
        blank: blank(),
        conflicts: found.iter().map(|conflict| conflict_line(conflict, language)).collect(),
        next: last.map(|row| page_after(&filter, row.id)),
    })
}

/// Where the page after this record is. Names of stations and outcomes need no escaping.
fn page_after(filter: &Filter, id: i64) -> String {
    format!("/scans?station={}&outcome={}&before={id}", filter.station.trim(), filter.outcome)
}

/// A scan as a row in this language.
pub fn line(row: &ScanRow, language: Language) -> ScanLine {
    ScanLine {
        key: key(row),
        at: maybe_time(row.wall.or(Some(row.received_at))),
        station: row.station.to_string(),
        scanner: row.scanner.as_ref().map(ToString::to_string).unwrap_or_default(),
        code: row.code.clone(),
        order: row.order.map(|order| order.0),
        outcome: outcome_mark(row, language),
        reason: reason(row, language),
        repeat: row.repeat,
        age: row.age_ms.map_or_else(String::new, |ms| age(Some(ms), language)),
    }
}

/// A scan as a live event, its words in both languages.
pub fn live(row: &ScanRow) -> Value {
    let (zh, en) = (line(row, Language::Zh), line(row, Language::En));
    json!({
        "key": zh.key, "at": zh.at, "station": zh.station, "scanner": zh.scanner, "code": zh.code, "order": zh.order,
        "repeat": zh.repeat, "withdrawn": row.withdrawn, "outcome": row.outcome, "tone": zh.outcome.tone,
        "outcome_zh": zh.outcome.word, "outcome_en": en.outcome.word, "reason_zh": zh.reason, "reason_en": en.reason,
        "age_zh": zh.age, "age_en": en.age,
    })
}

/// The same for a hint and for the record that follows it.
fn key(row: &ScanRow) -> String {
    format!("{}-{:x}-{}", row.station, row.station_epoch.0, row.seq)
}

fn outcome_mark(row: &ScanRow, language: Language) -> Mark {
    if row.withdrawn {
        return Mark::new("plain", language.pick("放行已撤回", "Release withdrawn"));
    }
    let kind = match (row.outcome, row.kind) {
        (Some(outcome), _) => return outcome.mark(language),
        (None, ScanKind::Judged) => language.pick("扫描", "Scan"),
        (None, ScanKind::Acknowledged) => language.pick("已确认", "Acknowledged"),
        (None, ScanKind::Noted) => language.pick("工位通知", "Station note"),
        (None, ScanKind::Unfit) => language.pick("无法读取", "Unreadable"),
    };
    Mark::new("plain", kind)
}

fn reason(row: &ScanRow, language: Language) -> String {
    let said = row.reason.as_deref().map(|key| reason_sentence(key, language));
    said.or_else(|| row.refused.clone()).unwrap_or_default()
}

/// The sentence of a reason's key; the key itself when a newer station sent one that is not known here.
pub fn reason_sentence(key: &str, language: Language) -> String {
    let known = ReasonCode::ALL.iter().find(|code| code.key() == key);
    known.map_or_else(|| key.to_owned(), |code| language.pick(code.zh().sentence, code.en().sentence).to_owned())
}

fn conflict_line(conflict: &Conflict, language: Language) -> ConflictLine {
    let what = match conflict.kind {
        ConflictKind::TwoStations => language.pick("两个工位都放行了", "Two stations released it"),
        ConflictKind::LateFact => language.pick("放行时中心已知不应放行", "Released though the hub knew better"),
    };
    let stations = conflict.other_station.iter().chain([&conflict.station]).map(ToString::to_string);
    ConflictLine {
        at: clock_time(conflict.found_at),
        what,
        order: conflict.order.map(|order| order.0),
        stations: stations.collect::<Vec<_>>().join("，"),
    }
}

fn blank() -> ScanLine {
    ScanLine {
        key: String::new(),
        at: String::new(),
        station: String::new(),
        scanner: String::new(),
        code: String::new(),
        order: None,
        outcome: Mark::new("plain", ""),
        reason: String::new(),
        repeat: false,
        age: String::new(),
    }
}
