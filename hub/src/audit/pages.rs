//! The audit log as a page, and its entries on an order's time line.

use super::actions::{self, Form};
use super::api;
use super::model::{Cursor, Entry, Filter, Recorded, Report, Subject};
use super::text::{self, Text as Words};
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::{Error, Result};
use crate::orders::when::SourceTime;
use crate::pages::form::PlainForm;
use crate::pages::mark::Mark;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::{Language, Text};
use crate::pages::time::clock_time;
use askama::Template;
use axum::extract::{Extension, Form as FormBody, Query, State};
use axum::response::{Html, Redirect, Response};
use packline_protocol::id::OrderId;
use packline_protocol::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Entries on one page.
const PAGE: usize = 50;
/// The longest state that is shown, in characters; an export has all of it.
const STATE_SHOWN: usize = 2_000;

/// What the list is narrowed to, as the page's address says it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct AuditFilter {
    actor: String,
    action: String,
    kind: String,
    subject: String,
    from: String,
    until: String,
    cursor: String,
    form: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    w: &'static Words,
    filter: &'a AuditFilter,
    kinds: Vec<(String, String)>,
    entries: Vec<EntryLine>,
    chain: ChainLine,
    csv: String,
    jsonl: String,
    paged: bool,
    first: String,
    next: Option<String>,
}

/// An entry as a line of a page.
pub struct EntryLine {
    /// When, for putting it among other lines.
    pub at: Timestamp,
    /// When, as text.
    pub time: String,
    /// Its number.
    pub seq: i64,
    /// Who.
    pub actor: String,
    /// What was done, in words.
    pub what: String,
    /// To what.
    pub subject: String,
    /// A page about it.
    pub link: Option<String>,
    /// The reason that was given.
    pub reason: Option<String>,
    /// How it was.
    pub before: Option<String>,
    /// How it is now.
    pub after: Option<String>,
}

struct ChainLine {
    mark: Mark,
    about: String,
    fault: Option<String>,
    head: String,
}

/// The list, with the state of the chain.
pub async fn page(State(app): State<App>, shell: Shell, Query(filter): Query<AuditFilter>) -> Result<Html<String>> {
    let before = match filter.cursor.as_str() {
        "" => None,
        text => Some(Cursor::parse(text).ok_or_else(|| Error::invalid("cursor is not one that this list gave"))?),
    };
    let page = actions::list(&app.db, &wanted(&filter)?, before, PAGE).await?;
    let language = shell.language;
    let kinds = actions::kinds(&app.db).await?;
    render(&AuditPage {
        shell: &shell,
        t: shell.text(),
        w: text::of(language),
        kinds: kinds.into_iter().map(|kind| named(kind, language)).collect(),
        entries: page.entries.iter().map(|entry| line(entry, language)).collect(),
        chain: chain_line(actions::last_report(&app), language),
        csv: filter.address("/audit/export", "csv", ""),
        jsonl: filter.address("/audit/export", "jsonl", ""),
        paged: !filter.cursor.is_empty(),
        first: filter.address("/audit", "", ""),
        next: page.next.map(|next| filter.address("/audit", "", &next.to_string())),
        filter: &filter,
    })
}

/// All entries that fit, as a file.
pub async fn export(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Query(filter): Query<AuditFilter>,
) -> Result<Response> {
    let form = if filter.form == "jsonl" { Form::JsonLines } else { Form::Csv };
    let wanted = wanted(&filter)?;
    let entry = Entry::new(app.clock.now(), &session.actor(), "audit.export", Subject::new("audit", "log"));
    actions::note(&app.db, entry.after(json!({ "form": if form == Form::Csv { "csv" } else { "jsonl" } }))).await?;
    Ok(api::file(&app, wanted, form))
}

/// Checks the whole chain now.
pub async fn verify(State(app): State<App>, shell: Shell, FormBody(form): FormBody<PlainForm>) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::verify(&app).await?;
    Ok(Redirect::to("/audit"))
}

/// The newest entries about an order, for its time line.
pub async fn lines_of_order(app: &App, order: OrderId, limit: usize, language: Language) -> Result<Vec<EntryLine>> {
    let entries = actions::of_order(&app.db, order, limit).await?;
    Ok(entries.iter().map(|entry| line(entry, language)).collect())
}

impl AuditFilter {
    /// The address of a page or a file with this filter.
    fn address(&self, path: &str, form: &str, cursor: &str) -> String {
        let mut address = format!("{path}?");
        let values = [
            ("actor", &*self.actor),
            ("action", &self.action),
            ("kind", &self.kind),
            ("subject", &self.subject),
            ("from", &self.from),
            ("until", &self.until),
            ("form", form),
            ("cursor", cursor),
        ];
        for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            let _ = write!(address, "{name}={value}&");
        }
        address.truncate(address.len() - 1);
        address
    }
}

fn wanted(filter: &AuditFilter) -> Result<Filter> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let (kind, subject) = (given(&filter.kind), given(&filter.subject));
    let time = |name: &str, text: &str| {
        let accepted = || Error::invalid(format!("{name} is `{text}`; give a day such as 2026-03-01"));
        given(text).map(|text| SourceTime::parse(&text).map(|time| time.at).ok_or_else(accepted)).transpose()
    };
    // Most things that are looked for by number are orders.
    let kind = kind.or_else(|| subject.as_ref().map(|_| super::model::ORDER.to_owned()));
    let day = 24 * 3_600_000;
    Ok(Filter {
        // A bare name is a person's.
        actor: given(&filter.actor).map(|name| if name.contains(':') { name } else { format!("user:{name}") }),
        action: given(&filter.action),
        subject_kind: kind,
        subject_id: subject,
        from: time("from", &filter.from)?,
        // The day itself is meant too.
        until: time("until", &filter.until)?.map(|until| until.plus_ms(day)),
    })
}

/// A kind of change with what it is called.
fn named(kind: String, language: Language) -> (String, String) {
    let words = text::action(&kind, language);
    (kind, words)
}

fn line(entry: &Recorded, language: Language) -> EntryLine {
    EntryLine {
        at: entry.at,
        time: clock_time(entry.at),
        seq: entry.seq,
        actor: entry.actor.clone(),
        what: text::action(&entry.action, language),
        subject: format!("{} {}", entry.subject_kind, entry.subject_id),
        link: link(&entry.subject_kind, &entry.subject_id),
        reason: entry.reason.clone(),
        before: entry.before.as_deref().map(state),
        after: entry.after.as_deref().map(state),
    }
}

fn link(kind: &str, id: &str) -> Option<String> {
    let is_number = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    match kind {
        "order" if is_number => Some(format!("/orders/{id}")),
        "import" if is_number => Some(format!("/imports/{id}")),
        _ => None,
    }
}

/// A state for people: `name: value`, one after the other.
fn state(text: &str) -> String {
    let shown = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(map)) => {
            let parts = map.iter().map(|(name, value)| format!("{name}: {}", plain(value)));
            parts.collect::<Vec<_>>().join("；")
        }
        Ok(value) => plain(&value),
        Err(_) => text.to_owned(),
    };
    shown.chars().take(STATE_SHOWN).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn chain_line(report: Option<Report>, language: Language) -> ChainLine {
    let w = text::of(language);
    let Some(report) = report else {
        return ChainLine {
            mark: Mark::new("plain", w.unchecked),
            about: String::new(),
            fault: None,
            head: String::new(),
        };
    };
    let mark = if report.fault.is_some() { Mark::new("bad", w.broken) } else { Mark::new("good", w.whole) };
    let about = format!(
        "{} {} {} {} · {} {} · {}",
        w.verified,
        report.verified,
        w.of,
        report.entries,
        w.sealed,
        report.sealed,
        clock_time(report.at)
    );
    ChainLine { mark, about, fault: report.fault.map(|fault| fault.to_string()), head: report.head }
}
