//! The contact on an order's page: masked, with a form that asks why it is to be shown in full.

use super::actions;
use super::model::Shown;
use super::text::{self, Text};
use crate::accounts::model::Session;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::pages::form::PlainForm;
use crate::pages::shell::Shell;
use crate::pages::time::{clock_time, maybe_time};
use crate::privacy::Sight;
use askama::Template;
use axum::extract::{Extension, Form, Path, State};
use axum::response::Redirect;
use packline_protocol::id::OrderId;
use serde::Deserialize;

/// The panel, to be put into an order's page as `{{ contact|safe }}`. The page also loads `/assets/contact.js`, which
/// puts the mask back when the time is over.
#[derive(Template)]
#[template(path = "order_contact.html")]
pub struct ContactPanel {
    w: &'static Text,
    csrf: String,
    order: u64,
    contact: Option<Shown>,
    erased: Option<String>,
    until: String,
    left_ms: i64,
    is_clear: bool,
    may_reveal: bool,
}

/// The panel of an order for this visitor.
pub async fn panel(app: &App, shell: &Shell, order: OrderId) -> Result<ContactPanel> {
    let actor = shell.actor.as_ref().ok_or_else(|| Error::new(Kind::Unauthenticated, shell.text().forbidden))?;
    let contact = actions::shown_to(app, actor, order).await?;
    let until = contact.as_ref().and_then(|contact| contact.until);
    let erased = contact.as_ref().and_then(|contact| contact.erased_at);
    Ok(ContactPanel {
        w: text::of(shell.language),
        csrf: shell.csrf.clone(),
        order: order.0,
        erased: erased.map(clock_time),
        until: maybe_time(until),
        left_ms: until.map_or(0, |until| until.since_ms(app.clock.now())),
        is_clear: contact.as_ref().is_some_and(|contact| contact.sight == Sight::Clear),
        may_reveal: shell.may(Right::OrdersReveal),
        contact: contact.filter(|contact| contact.erased_at.is_none()),
    })
}

/// What the form sends.
#[derive(Deserialize)]
pub struct RevealForm {
    csrf: String,
    reason: String,
}

/// Shows the contact in full for a while, on the order's page.
pub async fn reveal(
    State(app): State<App>,
    shell: Shell,
    Extension(session): Extension<Session>,
    Path(id): Path<u64>,
    Form(form): Form<RevealForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::reveal(&app, &session.actor(), OrderId(id), &form.reason).await?;
    Ok(Redirect::to(&format!("/orders/{id}#contact")))
}

/// Puts the mask back.
pub async fn hide(
    State(app): State<App>,
    shell: Shell,
    Extension(session): Extension<Session>,
    Path(id): Path<u64>,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::hide(&app, &session.actor(), OrderId(id)).await?;
    Ok(Redirect::to(&format!("/orders/{id}#contact")))
}
