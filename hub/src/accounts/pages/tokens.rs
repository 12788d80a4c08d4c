//! Programs' tokens as a page.

use super::{Fields, Words, problem_of, words};
use crate::accounts::actions::tokens;
use crate::accounts::model::{ApiToken, Session};
use crate::accounts::rights::Right;
use crate::app::App;
use crate::error::Result;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use crate::pages::time::clock_time;
use askama::Template;
use axum::extract::{Extension, RawForm, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use packline_protocol::time::Timestamp;

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    a: &'static Words,
    problem: Option<&'static str>,
    /// Shown once: the name and the token.
    made: Option<(String, String)>,
    tokens: Vec<Line>,
    rights: Vec<(&'static str, &'static str)>,
}

struct Line {
    name: String,
    owner: String,
    rights: String,
    expires_at: String,
    is_over: bool,
    used_at: String,
}

/// The page.
pub async fn page(State(app): State<App>, Extension(session): Extension<Session>, shell: Shell) -> Result<Response> {
    draw(&app, &session, &shell, None, None).await
}

async fn draw(
    app: &App,
    session: &Session,
    shell: &Shell,
    problem: Option<&'static str>,
    made: Option<(String, String)>,
) -> Result<Response> {
    let (a, now) = (words(shell), app.clock.now());
    let tokens = tokens::list(app, session).await?.iter().map(|token| line(token, a, now)).collect();
    let title = |right: Right| (right.name(), shell.language.pick(right.zh(), right.en()));
    let rights = session.rights.iter().map(title).collect();
    Ok(render(&TokensPage { shell, t: shell.text(), a, problem, made, tokens, rights })?.into_response())
}

fn line(token: &ApiToken, a: &Words, now: Timestamp) -> Line {
    Line {
        name: token.name.clone(),
        owner: token.owner.to_string(),
        rights: token.rights.iter().map(Right::name).collect::<Vec<_>>().join(" "),
        expires_at: clock_time(token.expires_at),
        is_over: token.expires_at <= now,
        used_at: token.used_at.map_or_else(|| a.never.to_owned(), clock_time),
    }
}

/// Makes a token and shows it.
pub async fn make(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    RawForm(body): RawForm,
) -> Result<Response> {
    let form = Fields::read(&body);
    shell.check_form(form.one("csrf"))?;
    let days = form.one("days").trim().parse().unwrap_or(0);
    match tokens::make(&app, &session, form.one("name").trim(), &form.all("right"), days).await {
        Ok((secret, token)) => draw(&app, &session, &shell, None, Some((token.name, secret.reveal_api()))).await,
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            Ok((status, draw(&app, &session, &shell, Some(problem), None).await?).into_response())
        }
    }
}

/// Ends a token.
pub async fn revoke(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    RawForm(body): RawForm,
) -> Result<Response> {
    let form = Fields::read(&body);
    shell.check_form(form.one("csrf"))?;
    match tokens::revoke(&app, &session, form.one("name")).await {
        Ok(()) => Ok(Redirect::to("/account/tokens").into_response()),
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            Ok((status, draw(&app, &session, &shell, Some(problem), None).await?).into_response())
        }
    }
}
