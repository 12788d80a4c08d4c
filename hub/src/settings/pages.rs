//! Settings as a page: a form, and every change with a way back.

use super::model::{Change, SPECS, SettingsError, Shape, Values};
use super::text::{Text as Words, words};
use super::{actions, api, decide};
use crate::accounts::rights::Right;
use crate::actor::Actor;
use crate::app::App;
use crate::error::{Detail, Result};
use crate::pages::form::PlainForm;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::{Language, Text};
use crate::pages::time::clock_time;
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Changes on one page.
const CHANGES: usize = 30;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    w: &'static Words,
    fields: Vec<Field>,
    problems: Vec<String>,
    saved: bool,
    may: bool,
    changes: Vec<Line>,
    older: Option<i64>,
}

/// A setting as a field of the form.
struct Field {
    name: &'static str,
    label: &'static str,
    help: &'static str,
    kind: &'static str,
    value: String,
    checked: bool,
    min: i64,
    max: i64,
}

/// A change as a line of the history.
struct Line {
    id: i64,
    at: String,
    actor: String,
    what: String,
    before: String,
    after: String,
    can_go_back: bool,
}

/// What the page may be asked.
#[derive(Deserialize)]
pub struct Asked {
    saved: Option<String>,
    cursor: Option<i64>,
}

/// The page.
pub async fn page(State(app): State<App>, shell: Shell, Query(asked): Query<Asked>) -> Result<Html<String>> {
    let values = decide::values(&actions::load(&app.db).await?);
    draw(&app, &shell, &values, &[], &asked).await
}

/// Saves the form.
pub async fn save(
    State(app): State<App>,
    shell: Shell,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<Response> {
    shell.check_form(form.get("csrf").map_or("", String::as_str))?;
    let pair = |spec: &super::model::Spec| {
        (spec.name.to_owned(), decide::of_form(spec, form.get(spec.name).map(String::as_str)))
    };
    let changes: Values = SPECS.iter().map(pair).collect();
    match actions::change(&app, &changes, &actor(&shell)).await {
        Ok(_) => Ok(Redirect::to("/settings?saved=1").into_response()),
        Err(SettingsError::Values { details }) => {
            let page = draw(&app, &shell, &changes, &details, &Asked { saved: None, cursor: None }).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes a change back.
pub async fn undo(
    State(app): State<App>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::undo(&app, id, &actor(&shell)).await?;
    Ok(Redirect::to("/settings?saved=1"))
}

fn actor(shell: &Shell) -> Actor {
    Actor::User(shell.user.clone().unwrap_or_default())
}

async fn draw(app: &App, shell: &Shell, values: &Values, wrong: &[Detail], asked: &Asked) -> Result<Html<String>> {
    let (language, may) = (shell.language, shell.may(Right::SettingsManage));
    let changes = actions::history(&app.db, None, asked.cursor, CHANGES).await?;
    let older = changes.last().filter(|_| changes.len() == CHANGES).map(|change| change.id);
    let problem = |detail: &Detail| {
        let label = words(&detail.field, language).map_or(detail.field.as_str(), |words| words.label);
        format!("{label}: {} → {}", detail.given, detail.accepted)
    };
    render(&SettingsPage {
        shell,
        t: shell.text(),
        w: Words::of(language),
        fields: SPECS.iter().map(|spec| field(spec, values, language)).collect(),
        problems: wrong.iter().map(problem).collect(),
        saved: asked.saved.is_some(),
        may,
        changes: changes.iter().map(|change| line(change, language, may)).collect(),
        older,
    })
}

fn field(spec: &super::model::Spec, values: &Values, language: Language) -> Field {
    let value = values.get(spec.name).cloned().unwrap_or(Value::Null);
    let words = words(spec.name, language);
    let (kind, min, max) = match spec.shape {
        Shape::Text { max } => ("text", 0, i64::try_from(max).unwrap_or(i64::MAX)),
        Shape::Flag => ("checkbox", 0, 0),
        Shape::Number { min, max } => ("number", min, max),
    };
    Field {
        name: spec.name,
        label: words.map_or(spec.name, |words| words.label),
        help: words.map_or("", |words| words.help),
        kind,
        checked: value == Value::Bool(true),
        value: plain(&value),
        min,
        max,
    }
}

fn line(change: &Change, language: Language, may: bool) -> Line {
    let w = Words::of(language);
    let said = |value: &Value| match value {
        Value::Bool(true) => w.yes.to_owned(),
        Value::Bool(false) => w.no.to_owned(),
        value => plain(value),
    };
    let label = match change.name.as_str() {
        "title" => w.site_title,
        "green_deadline_ms" => w.green_deadline_ms,
        "journal_warn_percent" => w.journal_warn_percent,
        name => words(name, language).map_or(name, |words| words.label),
    };
    let is_hub = api::is_hub(&change.scope);
    let what = if is_hub { label.to_owned() } else { format!("{} · {label}", change.scope) };
    Line {
        id: change.id,
        at: clock_time(change.at),
        actor: change.actor.clone(),
        what,
        before: said(&change.before),
        after: said(&change.after),
        can_go_back: may && is_hub,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        value => value.to_string(),
    }
}
