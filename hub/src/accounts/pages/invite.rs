//! Taking an invitation up: whoever has the link chooses the password of the account.

use super::{Words, agent_of, problem_of, with_session, words};
use crate::accounts::actions::{self, people};
use crate::accounts::decide::device::device_of;
use crate::accounts::model::{AccountError, Password, SessionToken, UserName};
use crate::app::App;
use crate::error::Result;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "invite.html")]
struct InvitePage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    a: &'static Words,
    problem: Option<&'static str>,
    /// Whose invitation it is, while it is good.
    user: Option<UserName>,
}

/// The page.
pub async fn page(State(app): State<App>, shell: Shell, Path(token): Path<String>) -> Result<Response> {
    match invited(&app, &token).await {
        Ok((user, _)) => draw(&shell, Some(user), None),
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            Ok((status, draw(&shell, None, Some(problem))?).into_response())
        }
    }
}

/// What the page sends.
#[derive(Deserialize)]
pub struct AcceptForm {
    new_password: String,
    repeat: String,
}

/// Takes the password, and logs in with it. There is no session yet whose token a form could carry; the link itself is
/// what no other site knows.
pub async fn accept(
    State(app): State<App>,
    shell: Shell,
    headers: HeaderMap,
    cookies: CookieJar,
    Path(token): Path<String>,
    Form(form): Form<AcceptForm>,
) -> Result<Response> {
    let (user, token) = match invited(&app, &token).await {
        Ok(found) => found,
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            return Ok((status, draw(&shell, None, Some(problem))?).into_response());
        }
    };
    if form.new_password != form.repeat {
        let page = draw(&shell, Some(user), Some(words(&shell).passwords_differ))?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    match people::accept(&app, &token, &Password::new(form.new_password)).await {
        Ok(user) => {
            let session = actions::begin_session(&app, &user, &device_of(&agent_of(&headers)), true, false).await?;
            Ok((with_session(cookies, &session, &headers), Redirect::to("/")).into_response())
        }
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            Ok((status, draw(&shell, Some(user), Some(problem))?).into_response())
        }
    }
}

async fn invited(app: &App, token: &str) -> Result<(UserName, SessionToken)> {
    let token = SessionToken::parse(token).ok_or(AccountError::NoInvitation)?;
    Ok((people::invited(app, &token).await?, token))
}

fn draw(shell: &Shell, user: Option<UserName>, problem: Option<&'static str>) -> Result<Response> {
    let page = InvitePage { shell, t: shell.text(), a: words(shell), problem, user };
    Ok(render(&page)?.into_response())
}
