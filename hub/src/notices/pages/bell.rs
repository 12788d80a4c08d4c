//! The bell: what a reader was told, how much of it is unread, and taking note.

use super::severity_mark;
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::Result;
use crate::notices::actions;
use crate::notices::model::{NoticeState, Told};
use crate::outbound::text::{OutText, text};
use crate::pages::form::PlainForm;
use crate::pages::mark::Mark;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::{Language, Text};
use crate::pages::time::clock_time;
use askama::Template;
use axum::extract::{Extension, Path, Query, State};
use axum::response::{Html, Redirect};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Value, json};

/// Notices on one page.
const SHOWN: usize = 30;

#[derive(Template)]
#[template(path = "notices.html")]
struct NoticesPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static OutText,
    notices: Vec<Line>,
    unread: usize,
    next: Option<i64>,
}

struct Line {
    id: i64,
    mark: Mark,
    title: String,
    detail: String,
    site: Option<String>,
    first: String,
    last: String,
    times: i64,
    unread: bool,
    open: bool,
    over: bool,
    noted_by: Option<String>,
    link: Option<String>,
}

/// Where a page of notices begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Before {
    before: Option<i64>,
}

/// The list.
pub async fn page(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Query(query): Query<Before>,
) -> Result<Html<String>> {
    let told = actions::bell(&app, &session, query.before, SHOWN).await?;
    let unread = actions::unread(&app, &session).await?;
    let next = told.last().filter(|_| told.len() == SHOWN).map(|told| told.notice.id);
    let notices = told.into_iter().map(|told| line(told, shell.language)).collect();
    render(&NoticesPage { shell: &shell, t: shell.text(), o: text(shell.language), notices, unread, next })
}

fn line(Told { notice, read }: Told, language: Language) -> Line {
    let colon = language.pick("：", ": ");
    Line {
        id: notice.id,
        mark: severity_mark(notice.severity, language),
        title: format!("{}{colon}{}", notice.kind.title(language), notice.about),
        detail: notice.detail,
        site: notice.site,
        first: clock_time(notice.first_at),
        last: clock_time(notice.last_at),
        times: notice.times,
        unread: !read,
        open: notice.state == NoticeState::Open,
        over: notice.state == NoticeState::Over,
        noted_by: notice.noted_by,
        link: notice.link,
    }
}

/// How much is unread, for the bell of a page that is open.
pub async fn count(State(app): State<App>, Extension(session): Extension<Session>) -> Result<Json<Value>> {
    Ok(Json(json!({ "unread": actions::unread(&app, &session).await? })))
}

/// Everything is read.
pub async fn read_all(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::read_all(&app, &session).await?;
    Ok(Redirect::to("/notices"))
}

/// Takes note of one.
pub async fn note(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::note(&app, &session, id).await?;
    Ok(Redirect::to(&format!("/notices#notice-{id}")))
}
