//! The audit log over HTTP.

use super::actions::{self, Form, PAGE_MAX};
use super::model::{Cursor, Entry, Filter, Recorded, Report, Subject};
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::keys::to_hex;
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// Which entries are wanted. Everything that is given must fit.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Who: `user:anna`, `token:erp`, `cli:root` …
    actor: Option<String>,
    /// What was done: `stations.revoke`.
    action: Option<String>,
    /// To what kind of thing: `order`, `station` …
    subject_kind: Option<String>,
    /// To which one; together with `subject_kind`.
    subject: Option<String>,
    /// From this time on, in milliseconds since 1970.
    from: Option<i64>,
    /// Before this time, in milliseconds since 1970.
    until: Option<i64>,
    /// Where the page begins: `next` of the page before.
    cursor: Option<String>,
    /// Entries on a page, 1 to 500; 50 unless given.
    limit: Option<usize>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryOut {
    /// Its number: 1, 2, 3 … without gaps.
    seq: i64,
    /// When, in milliseconds since 1970.
    at: i64,
    /// Who.
    actor: String,
    /// What was done.
    action: String,
    /// To what kind of thing.
    subject_kind: String,
    /// To which one.
    subject: String,
    /// How it was, as far as it changed.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// How it is now, as far as it changed.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// The reason that was given.
    reason: Option<String>,
    /// The hash of the entry before, in hexadecimal digits.
    prev_hash: String,
    /// The hash of this entry.
    hash: String,
}

/// A page of entries.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryPage {
    /// The newest first.
    items: Vec<EntryOut>,
    /// The cursor of the next page; none on the last one.
    next: Option<String>,
}

/// List audit entries
///
/// Who changed what and when, the newest first.
#[utoipa::path(get, path = "/api/v1/audit/entries", tag = "audit", params(AuditQuery),
    responses((status = 200, body = EntryPage), (status = 422, body = Problem)))]
pub async fn entries(State(app): State<App>, Query(query): Query<AuditQuery>) -> Result<Json<EntryPage>> {
    let limit = match query.limit.unwrap_or(50) {
        limit @ 1..=PAGE_MAX => limit,
        limit => return Err(Error::invalid(format!("limit is `{limit}`; give 1 to {PAGE_MAX}"))),
    };
    let cursor = query.cursor.as_deref().map(|text| {
        Cursor::parse(text).ok_or_else(|| Error::invalid("cursor is not one that this list gave; leave it out"))
    });
    let page = actions::list(&app.db, &query.filter()?, cursor.transpose()?, limit).await?;
    let next = page.next.map(|next| next.to_string());
    Ok(Json(EntryPage { items: page.entries.into_iter().map(EntryOut::from).collect(), next }))
}

/// What of an export is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// `csv`, or `jsonl` with one JSON object in each line; `csv` unless given.
    form: Option<String>,
    /// Who: `user:anna`, `token:erp`, `cli:root` …
    actor: Option<String>,
    /// What was done: `stations.revoke`.
    action: Option<String>,
    /// To what kind of thing: `order`, `station` …
    subject_kind: Option<String>,
    /// To which one; together with `subject_kind`.
    subject: Option<String>,
    /// From this time on, in milliseconds since 1970.
    from: Option<i64>,
    /// Before this time, in milliseconds since 1970.
    until: Option<i64>,
}

/// Export the audit log
///
/// All entries that fit, the newest first, in a stream. With `jsonl` everything is there that a check of the chain needs.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "audit", params(ExportQuery),
    responses((status = 200, content_type = "text/csv", body = String), (status = 422, body = Problem)))]
pub async fn export(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Query(query): Query<ExportQuery>,
) -> Result<Response> {
    let form = match query.form.as_deref() {
        None | Some("csv") => Form::Csv,
        Some("jsonl") => Form::JsonLines,
        Some(other) => return Err(Error::invalid(format!("form is `{other}`; give csv or jsonl"))),
    };
    let filter = query.list().filter()?;
    let entry = Entry::new(app.clock.now(), &session.actor(), "audit.export", Subject::new("audit", "log"));
    actions::note(&app.db, entry.after(json!({ "form": query.form.as_deref().unwrap_or("csv") }))).await?;
    Ok(file(&app, filter, form))
}

/// An export as a file to be saved.
pub(super) fn file(app: &App, filter: Filter, form: Form) -> Response {
    let (kind, name) = match form {
        Form::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
        Form::JsonLines => ("application/x-ndjson", "attachment; filename=\"audit.jsonl\""),
    };
    let body = Body::from_stream(actions::export(app.db.clone(), filter, form));
    let headers =
        [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name), (header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}

/// Whether the audit log is whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChainOut {
    /// Entries that were found right, from the first one on.
    verified: i64,
    /// How many there are.
    entries: i64,
    /// The last one that a signed seal stands behind.
    sealed: i64,
    /// The hash of the last right entry, in hexadecimal digits.
    head: String,
    /// When the check was made, in milliseconds since 1970.
    at: i64,
    /// The first thing that is wrong.
    fault: Option<String>,
}

/// Check the audit log
///
/// Goes along the whole chain now and says the first thing that is wrong with it.
#[utoipa::path(post, path = "/api/v1/audit/verify", tag = "audit", responses((status = 200, body = ChainOut)))]
pub async fn verify(State(app): State<App>) -> Result<Json<ChainOut>> {
    Ok(Json(ChainOut::from(actions::verify(&app).await?)))
}

impl AuditQuery {
    fn filter(&self) -> Result<Filter> {
        if self.subject.is_some() && self.subject_kind.is_none() {
            return Err(Error::invalid("subject is given without subject_kind; give both, for example order and 7"));
        }
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        Ok(Filter {
            actor: given(&self.actor),
            action: given(&self.action),
            subject_kind: given(&self.subject_kind),
            subject_id: given(&self.subject),
            from: self.from.map(Timestamp),
            until: self.until.map(Timestamp),
        })
    }
}

impl ExportQuery {
    fn list(&self) -> AuditQuery {
        let ExportQuery { actor, action, subject_kind, subject, from, until, .. } = self.clone();
        AuditQuery { actor, action, subject_kind, subject, from, until, ..AuditQuery::default() }
    }
}

impl From<Recorded> for EntryOut {
    fn from(entry: Recorded) -> EntryOut {
        let state = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        EntryOut {
            seq: entry.seq,
            at: entry.at.0,
            actor: entry.actor,
            action: entry.action,
            subject_kind: entry.subject_kind,
            subject: entry.subject_id,
            before: state(entry.before),
            after: state(entry.after),
            reason: entry.reason,
            prev_hash: to_hex(&entry.prev),
            hash: to_hex(&entry.hash),
        }
    }
}

impl From<Report> for ChainOut {
    fn from(report: Report) -> ChainOut {
        let Report { verified, entries, sealed, head, at, fault } = report;
        ChainOut { verified, entries, sealed, head, at: at.0, fault: fault.map(|fault| fault.to_string()) }
    }
}
