//! Webhooks as pages: making them, testing them, what came of each delivery, and sending again.

use super::actions;
use super::model::{Delivery, EventKind, HookState, Webhook};
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::notices::pages::{Choice, tabs};
use crate::outbound::text::{OutText, text};
use crate::pages::fields::Fields;
use crate::pages::form::{PlainForm, SwitchForm};
use crate::pages::mark::Mark;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::{Language, Text};
use crate::pages::time::clock_time;
use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, Query, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use chrono::NaiveDateTime;
use packline_protocol::time::Timestamp;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "webhooks.html")]
struct WebhooksPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static OutText,
    tabs: [(&'static str, &'static str); 4],
    problem: Option<String>,
    secret: Option<String>,
    hooks: Vec<Line>,
    kinds: Vec<Choice>,
    form: Filled,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct WebhookPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static OutText,
    tabs: [(&'static str, &'static str); 4],
    problem: Option<String>,
    secret: Option<String>,
    said: Option<String>,
    hook: Line,
    tries: Vec<Try>,
    next: Option<i64>,
}

struct Line {
    id: i64,
    title: String,
    host: String,
    kinds: String,
    mark: Mark,
    on: bool,
    failing_since: Option<String>,
}

struct Try {
    at: String,
    kind: String,
    event: String,
    tries: i64,
    mark: Mark,
    duration_ms: i64,
    note: String,
}

/// What a form that was refused had in it; never the URL, which may hold a secret.
#[derive(Default)]
struct Filled {
    title: String,
    kinds: Vec<EventKind>,
}

/// All webhooks.
pub async fn list(State(app): State<App>, shell: Shell) -> Result<Html<String>> {
    draw_list(&app, &shell, Filled::default(), None, None).await
}

async fn draw_list(
    app: &App,
    shell: &Shell,
    form: Filled,
    secret: Option<String>,
    problem: Option<String>,
) -> Result<Html<String>> {
    let language = shell.language;
    let hooks = actions::list(&app.db).await?.into_iter().map(|hook| line(hook, language)).collect();
    let choice = |kind: EventKind| Choice {
        value: kind.word().to_owned(),
        name: language.pick(kind.titles().0, kind.titles().1).to_owned(),
        chosen: form.kinds.contains(&kind),
    };
    let kinds = EventKind::listed().map(choice).collect();
    let o = text(language);
    render(&WebhooksPage { shell, t: shell.text(), o, tabs: tabs(shell), problem, secret, hooks, kinds, form })
}

fn line(hook: Webhook, language: Language) -> Line {
    let o = text(language);
    let mark = match hook.state {
        HookState::On if hook.failing_since.is_some() => Mark::new("warn", o.all_failing),
        HookState::On => Mark::new("good", o.on),
        HookState::Off => Mark::new("plain", o.off),
        HookState::Broken => Mark::new("bad", o.switched_off_by_hub),
    };
    let kinds: Vec<&str> = hook.kinds.iter().map(|kind| language.pick(kind.titles().0, kind.titles().1)).collect();
    Line {
        id: hook.id,
        title: hook.title,
        host: hook.host,
        kinds: kinds.join(language.pick("、", "; ")),
        mark,
        on: hook.state == HookState::On,
        failing_since: hook.failing_since.map(clock_time),
    }
}

/// Adds a webhook and shows its secret, this once.
pub async fn add(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    fields: Fields,
) -> Result<Response> {
    shell.check_form(fields.get("csrf"))?;
    let kinds: Vec<EventKind> = fields.all("kind").filter_map(EventKind::from_word).collect();
    let title = fields.get("title").to_owned();
    match actions::add(&app, &title, fields.get("url"), kinds.clone(), &session.actor()).await {
        Ok((_, secret)) => Ok(draw_list(&app, &shell, Filled::default(), Some(secret), None).await?.into_response()),
        Err(error) => {
            let error = Error::from(error);
            if error.kind != Kind::Invalid {
                return Err(error);
            }
            let page = draw_list(&app, &shell, Filled { title, kinds }, None, Some(error.message)).await?;
            Ok((error.kind.status(), page).into_response())
        }
    }
}

/// Where the list of deliveries begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Before {
    before: Option<i64>,
}

/// One webhook.
pub async fn page(
    State(app): State<App>,
    shell: Shell,
    Path(id): Path<i64>,
    Query(query): Query<Before>,
) -> Result<Html<String>> {
    draw(&app, &shell, id, query.before, Said::default()).await
}

/// What is said at the top of a webhook's page.
#[derive(Default)]
struct Said {
    secret: Option<String>,
    said: Option<String>,
    problem: Option<String>,
}

async fn draw(app: &App, shell: &Shell, id: i64, before: Option<i64>, said: Said) -> Result<Html<String>> {
    let hook = line(actions::get(&app.db, id).await?, shell.language);
    let found = actions::tries(&app.db, id, before).await?;
    let next = found.last().filter(|_| found.len() == actions::PAGE_MAX).map(|last| last.at.0);
    let tries = found.into_iter().map(shown).collect();
    let o = text(shell.language);
    let Said { secret, said, problem } = said;
    render(&WebhookPage { shell, t: shell.text(), o, tabs: tabs(shell), problem, secret, said, hook, tries, next })
}

fn shown(delivery: Delivery) -> Try {
    let mark = match delivery.status {
        Some(status @ 200..300) => Mark::new("good", status.to_string()),
        Some(status) => Mark::new("bad", status.to_string()),
        None => Mark::new("bad", "–"),
    };
    Try {
        at: clock_time(delivery.at),
        kind: delivery.kind,
        event: delivery.event,
        tries: delivery.tries,
        mark,
        duration_ms: delivery.duration_ms,
        note: delivery.note,
    }
}

/// Sends a test.
pub async fn test(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::test(&app, id, &session.actor()).await?;
    Ok(Redirect::to(&format!("/webhooks/{id}")))
}

/// Makes a new secret and shows it, this once.
pub async fn rotate(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<PlainForm>,
) -> Result<Html<String>> {
    shell.check_form(&form.csrf)?;
    let secret = actions::rotate(&app, id, &session.actor()).await?;
    draw(&app, &shell, id, None, Said { secret: Some(secret), ..Said::default() }).await
}

/// Switches a webhook on or off.
pub async fn switch(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<SwitchForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::switch(&app, id, form.on == "1", &session.actor()).await?;
    Ok(Redirect::to(&format!("/webhooks/{id}")))
}

/// What the form for sending again sends.
#[derive(Deserialize)]
pub struct ReplayForm {
    csrf: String,
    from: String,
    to: String,
}

/// Sends events of a time again.
pub async fn replay(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<ReplayForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    let (Some(from), Some(to)) = (local_time(&form.from), local_time(&form.to)) else {
        let problem = "from or to is not accepted; give times such as `2026-03-01T08:00`".to_owned();
        let page = draw(&app, &shell, id, None, Said { problem: Some(problem), ..Said::default() }).await?;
        return Ok((Kind::Invalid.status(), page).into_response());
    };
    let count = actions::replay(&app, id, from, to, &session.actor()).await?;
    let said = format!("{}{count}", text(shell.language).replayed);
    Ok(draw(&app, &shell, id, None, Said { said: Some(said), ..Said::default() }).await?.into_response())
}

/// A time as forms write it, in UTC+8.
fn local_time(text: &str) -> Option<Timestamp> {
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let read = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    Some(Timestamp(read.and_utc().timestamp_millis().checked_sub(8 * 3_600_000)?))
}

/// Removes a webhook.
pub async fn remove(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::remove(&app, id, &session.actor()).await?;
    Ok(Redirect::to("/webhooks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_a_form_is_in_the_zone_of_the_pages() {
        assert_eq!(local_time("2026-03-01T08:00"), Some(Timestamp(1_772_323_200_000)));
        assert_eq!(local_time("2026-03-01T08:00:01"), Some(Timestamp(1_772_323_201_000)));
        for text in ["", "now", "2026-03-01", "2026-13-01T08:00"] {
            assert_eq!(local_time(text), None, "{text}");
        }
    }
}
