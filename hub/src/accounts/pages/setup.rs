//! The first set-up as a page.

use super::{Words, problem_of, words};
use crate::accounts::actions::setup::{self, SetUp};
use crate::accounts::model::{Password, Session, Stage, UserName};
use crate::app::App;
use crate::error::Result;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use packline_protocol::id::SiteId;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "setup.html")]
struct SetUpPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    a: &'static Words,
    problem: Option<&'static str>,
    name: &'a str,
    site: &'a str,
    site_title: &'a str,
}

/// The page.
pub async fn page(State(app): State<App>, Extension(session): Extension<Session>, shell: Shell) -> Result<Response> {
    if session.stage != Stage::SetUp {
        return Ok(Redirect::to("/").into_response());
    }
    draw(&shell, None, "", app.config.default_site.as_str(), "")
}

/// What the page sends.
#[derive(Deserialize)]
pub struct SetUpForm {
    csrf: String,
    name: String,
    new_password: String,
    repeat: String,
    site: String,
    #[serde(default)]
    site_title: String,
}

/// Takes the set-up.
pub async fn set_up(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Form(form): Form<SetUpForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    match taken(&app, &session, &shell, &form).await? {
        None => Ok(Redirect::to("/").into_response()),
        Some((status, problem)) => {
            let page = draw(&shell, Some(problem), &form.name, &form.site, &form.site_title)?;
            Ok((status, page).into_response())
        }
    }
}

/// What is wrong with what was sent; nothing when it was taken.
async fn taken(
    app: &App,
    session: &Session,
    shell: &Shell,
    form: &SetUpForm,
) -> Result<Option<(StatusCode, &'static str)>> {
    let bad = |problem| Ok(Some((StatusCode::UNPROCESSABLE_ENTITY, problem)));
    if form.new_password != form.repeat {
        return bad(words(shell).passwords_differ);
    }
    let Ok(name) = UserName::parse(form.name.trim()) else { return bad(words(shell).name_bad) };
    let Ok(site) = SiteId::parse(form.site.trim()) else { return bad(words(shell).site_bad) };
    let password = Password::new(&form.new_password);
    let wanted = SetUp { name, password, site, site_title: form.site_title.clone() };
    match setup::set_up(app, session, &wanted).await {
        Ok(()) => Ok(None),
        Err(error) => problem_of(error, shell.language).map(Some),
    }
}

fn draw(shell: &Shell, problem: Option<&'static str>, name: &str, site: &str, site_title: &str) -> Result<Response> {
    let page = SetUpPage { shell, t: shell.text(), a: words(shell), problem, name, site, site_title };
    Ok(render(&page)?.into_response())
}
