//! Rules as pages: who is told of what, and when.

use super::{Choice, kinds, role_name, severities, severity_name, tabs};
use crate::accounts::actions::roles::BUILT_IN;
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::{Kind, Result};
use crate::notices::actions;
use crate::notices::model::{Goal, NoticeError, NoticeKind, NoticeTarget, NumberedRule, Quiet, Rule, Severity};
use crate::outbound::text::{OutText, text};
use crate::pages::fields::Fields;
use crate::pages::form::PlainForm;
use crate::pages::mark::Mark;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::{Language, Text};
use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};

#[derive(Template)]
#[template(path = "notice_rules.html")]
struct RulesPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static OutText,
    tabs: [(&'static str, &'static str); 4],
    problem: Option<String>,
    rules: Vec<Card>,
}

struct Card {
    id: i64,
    title: String,
    mark: Mark,
    facts: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "notice_rule.html")]
struct RulePage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static OutText,
    tabs: [(&'static str, &'static str); 4],
    problem: Option<String>,
    action: String,
    id: Option<i64>,
    rule: Shown,
    kinds: Vec<Choice>,
    from: Vec<Choice>,
    awake: Vec<Choice>,
    goals: Vec<Choice>,
    next: Vec<Choice>,
}

/// A rule as its form shows it.
struct Shown {
    title: String,
    on: bool,
    site: String,
    people: String,
    quiet_from: String,
    quiet_to: String,
    gather: u32,
    escalate: u32,
    next_people: String,
}

/// All rules.
pub async fn list(State(app): State<App>, shell: Shell) -> Result<Html<String>> {
    let rules = actions::rules(&app.db).await?;
    let targets = actions::targets(&app.db).await?;
    let rules = rules.iter().map(|rule| card(rule, &targets, shell.language)).collect();
    let o = text(shell.language);
    render(&RulesPage { shell: &shell, t: shell.text(), o, tabs: tabs(&shell), problem: None, rules })
}

fn card(NumberedRule { id, rule }: &NumberedRule, targets: &[NoticeTarget], language: Language) -> Card {
    let o = text(language);
    let joint = language.pick("、", ", ");
    let kinds: Vec<&str> = rule.kinds.iter().map(|kind| kind.title(language)).collect();
    let who =
        |goals: &[Goal]| goals.iter().map(|goal| goal_name(goal, targets, language)).collect::<Vec<_>>().join(joint);
    let mut facts = vec![
        (o.kinds, if kinds.is_empty() { o.all_kinds.to_owned() } else { kinds.join(joint) }),
        (o.from_severity, severity_name(rule.from, o).to_owned()),
        (o.who, who(&rule.goals)),
    ];
    facts.extend(rule.site.clone().map(|site| (o.site, site)));
    facts.extend(
        rule.quiet.map(|quiet| (o.quiet_hours, format!("{} – {}", hours(quiet.from_minute), hours(quiet.to_minute)))),
    );
    if rule.gather_minutes > 0 {
        facts.push((o.gather_minutes, rule.gather_minutes.to_string()));
    }
    if rule.escalate_minutes > 0 {
        facts.push((o.escalation, format!("{} {} → {}", rule.escalate_minutes, o.minutes, who(&rule.escalate_to))));
    }
    let mark = if rule.on { Mark::new("good", o.on) } else { Mark::new("plain", o.off) };
    Card { id: *id, title: rule.title.clone(), mark, facts }
}

fn goal_name(goal: &Goal, targets: &[NoticeTarget], language: Language) -> String {
    match goal {
        Goal::All => text(language).everybody.to_owned(),
        Goal::Role(role) => role_name(role, language),
        Goal::Person(name) => name.clone(),
        Goal::Target(id) => {
            let known = targets.iter().find(|target| target.id == *id);
            known.map_or_else(|| format!("#{id}"), |target| target.title.clone())
        }
    }
}

fn hours(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The form for a new rule.
pub async fn new(State(app): State<App>, shell: Shell) -> Result<Html<String>> {
    draw(&app, &shell, None, &blank(), None).await
}

fn blank() -> Rule {
    Rule {
        title: String::new(),
        on: true,
        kinds: Vec::new(),
        from: Severity::Warning,
        site: None,
        goals: Vec::new(),
        quiet: None,
        awake_from: Severity::Critical,
        gather_minutes: 0,
        escalate_minutes: 0,
        escalate_to: Vec::new(),
    }
}

/// The form for a rule.
pub async fn edit(State(app): State<App>, shell: Shell, Path(id): Path<i64>) -> Result<Html<String>> {
    let rule = actions::rules(&app.db).await?.into_iter().find(|rule| rule.id == id);
    let rule = rule.ok_or(NoticeError::None { what: "rule", id })?;
    draw(&app, &shell, Some(id), &rule.rule, None).await
}

async fn draw(app: &App, shell: &Shell, id: Option<i64>, rule: &Rule, problem: Option<String>) -> Result<Html<String>> {
    let targets = actions::targets(&app.db).await?;
    let language = shell.language;
    render(&RulePage {
        shell,
        t: shell.text(),
        o: text(language),
        tabs: tabs(shell),
        problem,
        action: id.map_or_else(|| "/notify/rules".to_owned(), |id| format!("/notify/rules/{id}")),
        id,
        rule: shown(rule),
        kinds: kinds(&rule.kinds, language),
        from: severities(rule.from, language),
        awake: severities(rule.awake_from, language),
        goals: choices(&rule.goals, &targets, language),
        next: choices(&rule.escalate_to, &targets, language),
    })
}

fn shown(rule: &Rule) -> Shown {
    let people = |goals: &[Goal]| {
        let names = goals.iter().filter_map(|goal| match goal {
            Goal::Person(name) => Some(name.as_str()),
            _ => None,
        });
        names.collect::<Vec<_>>().join(", ")
    };
    Shown {
        title: rule.title.clone(),
        on: rule.on,
        site: rule.site.clone().unwrap_or_default(),
        people: people(&rule.goals),
        quiet_from: rule.quiet.map(|quiet| hours(quiet.from_minute)).unwrap_or_default(),
        quiet_to: rule.quiet.map(|quiet| hours(quiet.to_minute)).unwrap_or_default(),
        gather: rule.gather_minutes,
        escalate: rule.escalate_minutes,
        next_people: people(&rule.escalate_to),
    }
}

/// Everybody, each role, each target; people are typed.
fn choices(chosen: &[Goal], targets: &[NoticeTarget], language: Language) -> Vec<Choice> {
    let roles = BUILT_IN.iter().map(|role| Goal::Role(role.name.to_owned()));
    let known = std::iter::once(Goal::All).chain(roles).chain(targets.iter().map(|target| Goal::Target(target.id)));
    let mut goals: Vec<Goal> = known.collect();
    // A role that people made, or a target that is gone, stays in the rule until somebody takes it out.
    let others = chosen.iter().filter(|goal| !matches!(goal, Goal::Person(_)) && !goals.contains(goal));
    goals.extend(others.cloned().collect::<Vec<_>>());
    let choice = |goal: &Goal| Choice {
        value: goal.to_string(),
        name: goal_name(goal, targets, language),
        chosen: chosen.contains(goal),
    };
    goals.iter().map(choice).collect()
}

/// Adds a rule.
pub async fn add(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    fields: Fields,
) -> Result<Response> {
    keep(&app, &session, &shell, None, &fields).await
}

/// Changes a rule.
pub async fn change(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    fields: Fields,
) -> Result<Response> {
    keep(&app, &session, &shell, Some(id), &fields).await
}

async fn keep(app: &App, session: &Session, shell: &Shell, id: Option<i64>, fields: &Fields) -> Result<Response> {
    shell.check_form(fields.get("csrf"))?;
    let rule = read(fields);
    let kept = match &rule {
        Ok(rule) => actions::put_rule(app, id, rule, &session.actor()).await,
        Err((_, error)) => Err(NoticeError::Field { field: error.0, accepted: error.1 }),
    };
    match kept {
        Ok(_) => Ok(Redirect::to("/notify/rules").into_response()),
        Err(error) => {
            let error = crate::error::Error::from(error);
            if error.kind != Kind::Invalid {
                return Err(error);
            }
            let rule = rule.unwrap_or_else(|(rule, _)| *rule);
            let page = draw(app, shell, id, &rule, Some(error.message)).await?;
            Ok((error.kind.status(), page).into_response())
        }
    }
}

/// The rule in a form; with what could be read, when something could not.
fn read(fields: &Fields) -> Result<Rule, (Box<Rule>, (&'static str, &'static str))> {
    let goals = |name, people: &str| {
        let ticked = fields.all(name).filter_map(|goal| Goal::try_from(goal.to_owned()).ok());
        let typed = fields.words(people).into_iter().map(Goal::Person);
        ticked.chain(typed).collect::<Vec<_>>()
    };
    let mut wrong = None;
    let mut minutes = |name: &'static str| {
        let text = fields.get(name);
        let read = if text.is_empty() { Some(0) } else { text.parse().ok() };
        read.unwrap_or_else(|| {
            wrong = Some((name, "a number of minutes from 0 to 1440"));
            0
        })
    };
    let (gather_minutes, escalate_minutes) = (minutes("gather"), minutes("escalate"));
    let (from, to) = (fields.get("quiet_from"), fields.get("quiet_to"));
    let quiet = match (from.is_empty() && to.is_empty(), minute(from), minute(to)) {
        (true, ..) => None,
        (_, Some(from_minute), Some(to_minute)) => Some(Quiet { from_minute, to_minute }),
        _ => {
            wrong = Some(("quiet", "both hours, such as 22:00 and 07:30, or neither"));
            None
        }
    };
    let site = fields.get("site");
    let rule = Rule {
        title: fields.get("title").to_owned(),
        on: fields.get("on") == "1",
        kinds: fields.all("kind").filter_map(NoticeKind::from_word).collect(),
        from: Severity::from_word(fields.get("from")).unwrap_or(Severity::Warning),
        site: Some(site.to_owned()).filter(|site| !site.is_empty()),
        goals: goals("goal", "people"),
        quiet,
        awake_from: Severity::from_word(fields.get("awake_from")).unwrap_or(Severity::Critical),
        gather_minutes,
        escalate_minutes,
        escalate_to: goals("next", "next_people"),
    };
    match wrong {
        None => Ok(rule),
        Some(wrong) => Err((Box::new(rule), wrong)),
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (hour.parse::<u16>().ok()?, minute.get(..2)?.parse::<u16>().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// Removes a rule.
pub async fn remove(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::drop_rule(&app, id, &session.actor()).await?;
    Ok(Redirect::to("/notify/rules"))
}
