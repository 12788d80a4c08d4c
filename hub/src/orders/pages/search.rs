//! The search box of every page: one hit opens the order, several open the list, none says what was looked for.

use crate::app::App;
use crate::error::Result;
use crate::orders::actions::{self, Found};
use crate::orders::filter::{VALUE_MAX, put};
use crate::orders::text;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

/// What is looked for.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Wanted {
    q: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static text::Text,
    wanted: &'a str,
}

/// Where the search box leads.
pub async fn search(State(app): State<App>, shell: Shell, Query(wanted): Query<Wanted>) -> Result<Response> {
    let cut: String = wanted.q.chars().filter(|c| !c.is_control()).take(VALUE_MAX).collect();
    let wanted = cut.trim();
    let list = |name: &str| {
        let mut address = String::new();
        put(&mut address, name, wanted);
        Redirect::to(&format!("/orders?{address}")).into_response()
    };
    Ok(match actions::look_up(&app, wanted).await? {
        Found::One(order) => Redirect::to(&format!("/orders/{order}")).into_response(),
        Found::Codes => list("code"),
        Found::Contacts => list("contact"),
        Found::Texts => list("text"),
        Found::Nothing => {
            let (t, o) = (shell.text(), text::Text::of(shell.language));
            render(&SearchPage { shell: &shell, t, o, wanted })?.into_response()
        }
    })
}
