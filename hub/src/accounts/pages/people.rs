//! People as a page: who there is, with which role, and what can be done about it.

use super::{Words, problem_of, words};
use crate::accounts::actions::{people, role};
use crate::accounts::model::{AccountError, Manager, Person, Session, UserName};
use crate::app::App;
use crate::error::Result;
use crate::pages::form::PlainForm;
use crate::pages::mark::Mark;
use crate::pages::render;
use crate::pages::shell::{Shell, own_address};
use crate::pages::text::Text;
use crate::pages::time::clock_time;
use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    a: &'static Words,
    problem: Option<&'static str>,
    link: Option<Link>,
    people: Vec<Line>,
    roles: Vec<(String, String)>,
}

/// A fresh invitation: shown in the answer to the form that asked for it, and never again.
struct Link {
    user: String,
    address: String,
}

struct Line {
    name: String,
    role: String,
    role_title: String,
    marks: Vec<Mark>,
    seen_at: String,
    is_own: bool,
    is_shut: bool,
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
    link: Option<Link>,
) -> Result<Response> {
    let title = |zh: &str, en: &str| shell.language.pick(zh, en).to_owned();
    let roles: Vec<(String, String)> =
        role::list(app).await?.iter().map(|role| (role.name.clone(), title(&role.title_zh, &role.title_en))).collect();
    let people = people::list(app).await?;
    let people = people.iter().map(|person| line(person, session, &roles, words(shell))).collect();
    let page = PeoplePage { shell, t: shell.text(), a: words(shell), problem, link, people, roles };
    Ok(render(&page)?.into_response())
}

fn line(person: &Person, session: &Session, roles: &[(String, String)], a: &Words) -> Line {
    let mut marks = vec![match (person.disabled_at, person.is_waiting) {
        (Some(_), _) => Mark::new("bad", a.disabled),
        (None, true) => Mark::new("warn", a.waiting),
        (None, false) => Mark::new("good", a.active),
    }];
    marks.extend(person.has_second.then(|| Mark::new("plain", a.second_on)));
    let title = roles.iter().find(|(name, _)| *name == person.role).map(|(_, title)| title.clone());
    Line {
        name: person.name.to_string(),
        role: person.role.clone(),
        role_title: title.unwrap_or_else(|| person.role.clone()),
        marks,
        seen_at: person.seen_at.map_or_else(|| a.never.to_owned(), clock_time),
        is_own: person.name == session.user,
        is_shut: person.disabled_at.is_some(),
    }
}

/// What the form for a new person sends.
#[derive(Deserialize)]
pub struct AddForm {
    csrf: String,
    name: String,
    role: String,
}

/// Adds somebody and shows the invitation.
pub async fn add(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    headers: HeaderMap,
    Form(form): Form<AddForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    let done = match UserName::parse(form.name.trim()) {
        Ok(name) => people::add(&app, &Manager::of(&session), &name, &form.role).await,
        Err(error) => Err(error.into()),
    };
    show_link(&app, &session, &shell, &headers, form.name.trim(), done).await
}

/// Resets somebody's log-in and shows the invitation.
pub async fn reset(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    headers: HeaderMap,
    Path(name): Path<String>,
    Form(form): Form<PlainForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    let done = match UserName::parse(&name) {
        Ok(name) => people::reset(&app, &Manager::of(&session), &name).await,
        Err(error) => Err(error.into()),
    };
    show_link(&app, &session, &shell, &headers, &name, done).await
}

async fn show_link(
    app: &App,
    session: &Session,
    shell: &Shell,
    headers: &HeaderMap,
    user: &str,
    done: Result<people::Invitation>,
) -> Result<Response> {
    match done {
        Ok(invitation) => {
            let address = format!("{}/invite/{}", own_address(headers), invitation.token.reveal());
            draw(app, session, shell, None, Some(Link { user: user.to_owned(), address })).await
        }
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            Ok((status, draw(app, session, shell, Some(problem), None).await?).into_response())
        }
    }
}

/// What the form for another role sends.
#[derive(Deserialize)]
pub struct RoleForm {
    csrf: String,
    role: String,
}

/// Gives somebody another role.
pub async fn give_role(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(name): Path<String>,
    Form(form): Form<RoleForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    let done = match user_of(&name) {
        Ok(name) => people::give_role(&app, &Manager::of(&session), &name, &form.role).await,
        Err(error) => Err(error.into()),
    };
    back(&app, &session, &shell, done).await
}

/// Shuts an account.
pub async fn disable(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(name): Path<String>,
    Form(form): Form<PlainForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    let done = match user_of(&name) {
        Ok(name) => people::disable(&app, &Manager::of(&session), &name).await,
        Err(error) => Err(error.into()),
    };
    back(&app, &session, &shell, done).await
}

/// Opens an account that was shut.
pub async fn enable(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(name): Path<String>,
    Form(form): Form<PlainForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    let done = match user_of(&name) {
        Ok(name) => people::enable(&app, &Manager::of(&session), &name).await,
        Err(error) => Err(error.into()),
    };
    back(&app, &session, &shell, done).await
}

fn user_of(name: &str) -> Result<UserName, AccountError> {
    UserName::parse(name)
}

async fn back(app: &App, session: &Session, shell: &Shell, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(Redirect::to("/people").into_response()),
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            Ok((status, draw(app, session, shell, Some(problem), None).await?).into_response())
        }
    }
}
