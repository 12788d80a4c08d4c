//! One's own account as a page: password, sessions, and the way to the second step and to tokens.

use super::{Words, problem_of, without_session, words};
use crate::accounts::actions::{self, passwords, second};
use crate::accounts::model::{Password, Session};
use crate::accounts::rights::Right;
use crate::app::App;
use crate::error::Result;
use crate::pages::form::PlainForm;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use crate::pages::time::clock_time;
use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::CookieJar;
use serde::Deserialize;
use std::net::SocketAddr;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    a: &'static Words,
    problem: Option<&'static str>,
    changed: bool,
    has_second: bool,
    recovery_left: i64,
    sessions: Vec<SessionLine>,
}

struct SessionLine {
    handle: String,
    device: String,
    created_at: String,
    used_at: String,
    is_own: bool,
}

/// The page.
pub async fn page(State(app): State<App>, Extension(session): Extension<Session>, shell: Shell) -> Result<Response> {
    draw(&app, &session, &shell, None, false).await
}

async fn draw(
    app: &App,
    session: &Session,
    shell: &Shell,
    problem: Option<&'static str>,
    changed: bool,
) -> Result<Response> {
    let sessions = actions::sessions(app, session).await?.into_iter().map(|(entry, is_own)| SessionLine {
        handle: entry.handle(),
        created_at: clock_time(entry.created_at),
        used_at: clock_time(entry.used_at),
        device: entry.device,
        is_own,
    });
    let page = AccountPage {
        shell,
        t: shell.text(),
        a: words(shell),
        problem,
        changed,
        has_second: second::is_on(app, &session.user).await?,
        recovery_left: second::recovery_left(app, &session.user).await?,
        sessions: sessions.collect(),
    };
    Ok(render(&page)?.into_response())
}

/// What the password form sends.
#[derive(Deserialize)]
pub struct PasswordForm {
    csrf: String,
    password: String,
    new_password: String,
    repeat: String,
}

/// Takes a new password.
pub async fn change_password(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Form(form): Form<PasswordForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    let (old, new) = (Password::new(form.password), Password::new(&form.new_password));
    let (status, problem) = if form.new_password == form.repeat {
        match passwords::change(&app, &session, &from.ip().to_string(), &old, &new).await {
            Ok(()) => (StatusCode::OK, None),
            Err(error) => problem_of(error, shell.language).map(|(status, problem)| (status, Some(problem)))?,
        }
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, Some(words(&shell).passwords_differ))
    };
    Ok((status, draw(&app, &session, &shell, problem, problem.is_none()).await?).into_response())
}

/// Which session ends.
#[derive(Deserialize)]
pub struct EndForm {
    csrf: String,
    handle: String,
}

/// Ends one of one's own sessions.
pub async fn end_session(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Form(form): Form<EndForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::end_session(&app, &session, &form.handle).await?;
    Ok(Redirect::to("/account"))
}

/// Ends all of one's own sessions.
pub async fn log_out_everywhere(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    cookies: CookieJar,
    Form(form): Form<PlainForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    actions::log_out_everywhere(&app, &session).await?;
    Ok((without_session(cookies), Redirect::to("/login")).into_response())
}
