//! Targets as pages: group robots and mail, with secrets that are written and never shown.

use super::{tabs, target_kind};
use crate::accounts::model::Session;
use crate::app::App;
use crate::effects;
use crate::effects::model::{EffectRow, EffectState, Target, TargetKind};
use crate::error::{Error, Kind, Result};
use crate::notices::actions;
use crate::notices::model::NoticeTarget;
use crate::outbound::message::Receiver;
use crate::outbound::message::mail::{MailSettings, Protection};
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
use axum::extract::{Extension, Path, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};

#[derive(Template)]
#[template(path = "notice_targets.html")]
struct TargetsPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static OutText,
    tabs: [(&'static str, &'static str); 4],
    problem: Option<String>,
    targets: Vec<Card>,
}

struct Card {
    id: i64,
    title: String,
    kind: &'static str,
    shown: String,
    on: bool,
    mark: Mark,
    last: Option<Last>,
}

/// How the newest message to a target did.
struct Last {
    mark: Mark,
    at: String,
    problem: String,
}

/// The page.
pub async fn page(State(app): State<App>, shell: Shell) -> Result<Html<String>> {
    draw(&app, &shell, None).await
}

async fn draw(app: &App, shell: &Shell, problem: Option<String>) -> Result<Html<String>> {
    let mut cards = Vec::new();
    for target in actions::targets(&app.db).await? {
        let kind = if target.kind == "mail" { TargetKind::Mail } else { TargetKind::Robot };
        let last = effects::actions::latest_of(&app.db, Target { kind, id: target.id }).await?;
        cards.push(card(target, last, shell.language));
    }
    let o = text(shell.language);
    render(&TargetsPage { shell, t: shell.text(), o, tabs: tabs(shell), problem, targets: cards })
}

fn card(target: NoticeTarget, last: Option<EffectRow>, language: Language) -> Card {
    let o = text(language);
    Card {
        id: target.id,
        title: target.title,
        kind: target_kind(&target.kind, o),
        shown: target.shown,
        on: target.on,
        mark: if target.on { Mark::new("good", o.on) } else { Mark::new("plain", o.off) },
        last: last.map(|effect| Last {
            mark: state_mark(effect.state, effect.tries, o),
            at: clock_time(effect.wanted_at),
            problem: effect.problem.filter(|_| effect.state != EffectState::Done).unwrap_or_default(),
        }),
    }
}

fn state_mark(state: EffectState, tries: u32, o: &OutText) -> Mark {
    match state {
        EffectState::Waiting if tries > 0 => Mark::new("warn", o.all_failing),
        EffectState::Waiting => Mark::new("plain", o.waiting),
        EffectState::Running => Mark::new("plain", o.running),
        EffectState::Done => Mark::new("good", o.done),
        EffectState::GivenUp => Mark::new("bad", o.given_up),
        EffectState::Skipped => Mark::new("plain", o.skipped),
    }
}

/// Adds a group robot.
pub async fn add_robot(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    fields: Fields,
) -> Result<Response> {
    shell.check_form(fields.get("csrf"))?;
    let (url, secret) = (fields.get("url").to_owned(), fields.get("secret").to_owned());
    let receiver = match fields.get("kind") {
        "dingtalk" => Receiver::Dingtalk { url, secret },
        "wecom" => Receiver::Wecom { url },
        "feishu" => Receiver::Feishu { url, secret },
        _ => return Err(Error::invalid("kind is not accepted; give dingtalk, wecom or feishu")),
    };
    keep(&app, &session, &shell, &fields, receiver).await
}

/// Adds people with mail.
pub async fn add_mail(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    fields: Fields,
) -> Result<Response> {
    shell.check_form(fields.get("csrf"))?;
    let protection = match fields.get("protection") {
        "starttls" => Protection::Starttls,
        "none" => Protection::None,
        _ => Protection::Tls,
    };
    let port = fields.get("port").parse().ok().filter(|port| *port > 0);
    let settings = MailSettings {
        host: fields.get("host").to_owned(),
        port: port.unwrap_or_default(),
        protection,
        user: fields.get("user").to_owned(),
        password: fields.get("password").to_owned(),
        from: fields.get("from").to_owned(),
        to: fields.words("to"),
    };
    keep(&app, &session, &shell, &fields, Receiver::Mail(settings)).await
}

async fn keep(app: &App, session: &Session, shell: &Shell, fields: &Fields, receiver: Receiver) -> Result<Response> {
    let language = Language::parse(fields.get("language"));
    match actions::add_target(app, fields.get("title"), language, &receiver, &session.actor()).await {
        Ok(_) => Ok(Redirect::to("/notify/targets").into_response()),
        Err(error) if error.kind == Kind::Invalid => {
            Ok((error.kind.status(), draw(app, shell, Some(error.message)).await?).into_response())
        }
        Err(error) => Err(error),
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
    actions::test_target(&app, id, &session.actor()).await?;
    Ok(Redirect::to("/notify/targets"))
}

/// Switches a target on or off.
pub async fn switch(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<SwitchForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::switch_target(&app, id, form.on == "1", &session.actor()).await?;
    Ok(Redirect::to("/notify/targets"))
}

/// Removes a target.
pub async fn remove(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::drop_target(&app, id, &session.actor()).await?;
    Ok(Redirect::to("/notify/targets"))
}
