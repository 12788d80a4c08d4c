//! The list of what goes out: what waits, what fails, what was given up, and what a person decides about it.

use super::actions::{self, Which, Wish};
use super::model::{EffectError, EffectId, EffectRow};
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::{Error, Result};
use crate::notices::pages::tabs;
use crate::outbound::text::{OutText, text};
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use crate::pages::time::clock_time;
use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, Query, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

/// Effects on one page.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "effects.html")]
struct EffectsPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static OutText,
    tabs: [(&'static str, &'static str); 4],
    problem: Option<String>,
    views: [View; 3],
    which: &'static str,
    effects: Vec<Line>,
    next: Option<String>,
}

/// One of the lists.
struct View {
    value: &'static str,
    name: &'static str,
    count: i64,
    chosen: bool,
}

struct Line {
    id: String,
    wanted_at: String,
    target: String,
    key: String,
    tries: u32,
    next: String,
    problem: String,
}

/// Which list, and where it begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    which: String,
    after: Option<i64>,
    id: String,
}

/// The list.
pub async fn page(State(app): State<App>, shell: Shell, Query(query): Query<ListQuery>) -> Result<Html<String>> {
    draw(&app, &shell, &query, None).await
}

async fn draw(app: &App, shell: &Shell, query: &ListQuery, problem: Option<String>) -> Result<Html<String>> {
    let which = which(&query.which);
    let after = (query.after.unwrap_or(i64::MIN), query.id.clone());
    let rows = actions::list(&app.db, which, after, SHOWN).await?;
    let counts = actions::counts(&app.db).await?;
    let o = text(shell.language);
    let view = |of, name, count| View { value: word(of), name, count, chosen: of == which };
    let next = rows.last().filter(|_| rows.len() == SHOWN);
    let next = next.map(|last| format!("/effects?which={}&after={}&id={}", word(which), last.wanted_at.0, last.id));
    let page = EffectsPage {
        shell,
        t: shell.text(),
        o,
        tabs: tabs(shell),
        problem,
        views: [
            view(Which::GivenUp, o.all_given_up, counts.given_up),
            view(Which::Failing, o.all_failing, counts.failing),
            view(Which::Waiting, o.all_waiting, counts.waiting),
        ],
        which: word(which),
        effects: rows.into_iter().map(|row| line(row, which)).collect(),
        next,
    };
    render(&page)
}

fn which(word: &str) -> Which {
    match word {
        "waiting" => Which::Waiting,
        "failing" => Which::Failing,
        _ => Which::GivenUp,
    }
}

fn word(which: Which) -> &'static str {
    match which {
        Which::Waiting => "waiting",
        Which::Failing => "failing",
        Which::GivenUp => "given_up",
    }
}

fn line(row: EffectRow, which: Which) -> Line {
    let next = if which == Which::GivenUp { "–".to_owned() } else { clock_time(row.due_at) };
    Line {
        id: row.id.to_string(),
        wanted_at: clock_time(row.wanted_at),
        target: row.target.to_string(),
        key: row.key,
        tries: row.tries,
        next,
        problem: row.problem.unwrap_or_default(),
    }
}

/// What a person decides.
#[derive(Deserialize)]
pub struct WishForm {
    csrf: String,
    which: String,
    wish: String,
    reason: String,
}

/// Does what a person decided.
pub async fn decide(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<WishForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    let id = EffectId::parse(&id).ok_or_else(|| Error::not_found(format!("there is no effect `{id}`")))?;
    let wish = match form.wish.as_str() {
        "retry" => Wish::Retry,
        "skip" => Wish::Skip,
        _ => return Err(Error::invalid("wish is not accepted; give retry or skip")),
    };
    match actions::decide_on(&app, &id, wish, &form.reason, &session.actor()).await {
        Ok(()) => {
            let to = format!("/effects?which={}", word(which(&form.which)));
            Ok(Redirect::to(&to).into_response())
        }
        Err(error @ (EffectError::Reason | EffectError::State { .. })) => {
            let error = Error::from(error);
            let query = ListQuery { which: form.which, ..ListQuery::default() };
            Ok((error.kind.status(), draw(&app, &shell, &query, Some(error.message)).await?).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
