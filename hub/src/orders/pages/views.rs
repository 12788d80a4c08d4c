//! Saving and forgetting views from the list.

use crate::accounts::model::Session;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::error::{Error, Result};
use crate::orders::actions::views;
use crate::orders::model::SavedView;
use crate::orders::question::Wanted;
use crate::orders::text;
use crate::pages::form::PlainForm;
use crate::pages::shell::Shell;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::response::Redirect;
use serde::Deserialize;

/// The longest name, in characters.
const NAME_MAX: usize = 40;

/// A list to be kept.
#[derive(Deserialize)]
pub struct ViewForm {
    csrf: String,
    name: String,
    query: String,
    #[serde(default)]
    shared: String,
}

/// Keeps the list under a name.
pub async fn save_view(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Form(form): Form<ViewForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    let o = text::Text::of(shell.language);
    let name = form.name.trim();
    if !(1..=NAME_MAX).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Error::invalid(o.view_bad_name));
    }
    let shared = !form.shared.is_empty();
    if shared {
        session.require(Right::OrdersBulk)?;
    }
    // What is kept is what was understood, not what was sent.
    let wanted = Wanted::parse(&form.query, session.may(Right::MoneyView))?;
    let query = wanted.query(&wanted.filter);
    let view = SavedView { id: 0, owner: session.user.to_string(), name: name.to_owned(), shared, query };
    let address = format!("/orders?{}", view.query);
    match views::save_view(&app, view, &session.actor()).await? {
        true => Ok(Redirect::to(&address)),
        false => Err(Error::invalid(o.view_too_many)),
    }
}

/// Forgets a view.
pub async fn delete_view(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    let was_there = views::delete_view(&app, id, session.user.as_str(), &session.actor()).await?;
    if was_there {
        Ok(Redirect::to("/orders"))
    } else {
        Err(Error::not_found(format!("there is no view {id} of yours")))
    }
}
