//! Roles as a page: every right against every role.

use super::{Fields, Words, problem_of, words};
use crate::accounts::actions::role;
use crate::accounts::model::{Manager, Role, Session};
use crate::accounts::rights::{Right, Rights};
use crate::app::App;
use crate::error::Result;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use askama::Template;
use axum::extract::{Extension, Path, Query, RawForm, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "roles.html")]
struct RolesPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    a: &'static Words,
    problem: Option<&'static str>,
    saved: bool,
    roles: Vec<Column>,
    rights: Vec<Row>,
}

struct Column {
    name: String,
    title: String,
    people: i64,
    needs_second: bool,
    removable: bool,
}

struct Row {
    name: &'static str,
    title: &'static str,
    /// Role, its title, and whether it has the right.
    cells: Vec<(String, String, bool)>,
}

/// What the page is told by its own address.
#[derive(Deserialize)]
pub struct Done {
    #[serde(default)]
    saved: String,
}

/// The page.
pub async fn page(State(app): State<App>, shell: Shell, Query(done): Query<Done>) -> Result<Response> {
    draw(&app, &shell, None, !done.saved.is_empty()).await
}

async fn draw(app: &App, shell: &Shell, problem: Option<&'static str>, saved: bool) -> Result<Response> {
    let known = role::list(app).await?;
    let title = |role: &Role| shell.language.pick(&role.title_zh, &role.title_en).to_owned();
    let roles = known.iter().map(|role| Column {
        name: role.name.clone(),
        title: title(role),
        people: role.people,
        needs_second: role.needs_second,
        removable: !role.built_in && role.people == 0,
    });
    let rights = Right::ALL.iter().map(|right| Row {
        name: right.name(),
        title: shell.language.pick(right.zh(), right.en()),
        cells: known.iter().map(|role| (role.name.clone(), title(role), role.rights.has(*right))).collect(),
    });
    let (roles, rights) = (roles.collect(), rights.collect());
    let page = RolesPage { shell, t: shell.text(), a: words(shell), problem, saved, roles, rights };
    Ok(render(&page)?.into_response())
}

/// Makes a role.
pub async fn add(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    RawForm(body): RawForm,
) -> Result<Response> {
    let form = Fields::read(&body);
    shell.check_form(form.one("csrf"))?;
    let (name, zh, en) = (form.one("name").trim(), form.one("title_zh"), form.one("title_en"));
    back(&app, &shell, role::add(&app, &Manager::of(&session), name, zh, en).await).await
}

/// Sets what a role may do.
pub async fn set(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(name): Path<String>,
    RawForm(body): RawForm,
) -> Result<Response> {
    let form = Fields::read(&body);
    shell.check_form(form.one("csrf"))?;
    let rights: Rights = form.all("right").iter().filter_map(|right| Right::parse(right)).collect();
    let needs_second = !form.one("needs_second").is_empty();
    back(&app, &shell, role::set(&app, &Manager::of(&session), &name, rights, needs_second).await).await
}

/// Removes a role.
pub async fn remove(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(name): Path<String>,
    RawForm(body): RawForm,
) -> Result<Response> {
    shell.check_form(Fields::read(&body).one("csrf"))?;
    back(&app, &shell, role::remove(&app, &Manager::of(&session), &name).await).await
}

async fn back(app: &App, shell: &Shell, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(Redirect::to("/people/roles?saved=1").into_response()),
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            Ok((status, draw(app, shell, Some(problem), false).await?).into_response())
        }
    }
}
