//! Telling people, planning what is said later, saying it, and taking note.

use super::decide;
use super::model::{
    Goal, Notice, NoticeError, NoticeKind, NoticeState, NoticeTarget, NumberedRule, Occurrence, OpenTarget, Planned,
    Rule, Told,
};
use super::store;
use crate::accounts::model::Session;
use crate::actor::Actor;
use crate::app::App;
use crate::audit;
use crate::audit::model::{Entry, Subject};
use crate::clock;
use crate::effects;
use crate::effects::model::{Target, TargetKind, Wanted};
use crate::outbound::message::{Message, Receiver};
use crate::pages::text::Language;
use crate::privacy::vault::Place;
use crate::store::{Counter, Db, StoreError, Tx};
use packline_protocol::time::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Notices of one page at most, and how far unread ones are counted.
pub const PAGE_MAX: usize = 100;
/// Sends of one round of the job.
const ROUND_MAX: i64 = 500;
/// The longest line that is kept of what happened, in characters.
const TEXT_MAX: usize = 300;
/// Bits of a notice's number below its time.
const ID_DICE_BITS: u32 = 20;

/// Tells whoever should know, in the transaction that gives reason for it. What no rule is about leaves no trace; the
/// same thing within a while is counted.
pub async fn raise(tx: &mut Tx, occurrences: &[Occurrence], now: Timestamp) -> Result<(), StoreError> {
    if occurrences.is_empty() {
        return Ok(());
    }
    let rules = store::rules(tx).await?;
    for occurrence in occurrences {
        let plans = decide::plan(&rules, occurrence, now);
        if !plans.is_empty() {
            tell(tx, occurrence, &plans, now).await?;
        }
    }
    Ok(())
}

async fn tell(tx: &mut Tx, occurrence: &Occurrence, plans: &[Planned], now: Timestamp) -> Result<(), StoreError> {
    let id = new_id(now);
    let until = now.plus_ms(occurrence.kind.window_ms());
    let open = store::open_window(tx, &window_key(occurrence.kind, &occurrence.key), id, until, now).await?;
    if open != id {
        return store::count_again(tx, open, now).await;
    }
    store::add(tx, id, &trimmed(occurrence), now).await?;
    for planned in plans {
        match &planned.goal {
            Goal::Target(_) => store::add_send(tx, id, planned).await?,
            _ if planned.escalates => store::add_send(tx, id, planned).await?,
            who => store::add_for(tx, who, id).await?,
        }
    }
    Ok(())
}

/// Numbers rise with time, so that lists and old notices are found by them.
fn new_id(now: Timestamp) -> i64 {
    let dice = clock::random_u64() >> (64 - ID_DICE_BITS);
    first_id(now) + dice.cast_signed()
}

/// Below every number of a notice that is made from `at` on.
fn first_id(at: Timestamp) -> i64 {
    at.0.clamp(0, i64::MAX >> ID_DICE_BITS) << ID_DICE_BITS
}

fn window_key(kind: NoticeKind, key: &str) -> String {
    format!("{}/{key}", kind.word())
}

fn trimmed(occurrence: &Occurrence) -> Occurrence {
    let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect::<String>();
    Occurrence { about: cut(&occurrence.about), detail: cut(&occurrence.detail), ..occurrence.clone() }
}

/// As [`raise`], in a transaction of its own.
pub async fn raise_now(app: &App, occurrences: &[Occurrence]) -> Result<(), StoreError> {
    let mut tx = app.db.begin("notices.raise").await?;
    raise(&mut tx, occurrences, app.clock.now()).await?;
    tx.commit().await
}

/// It is over by itself: nobody needs to be told any more. When it comes back within its window, it is counted.
pub async fn end(tx: &mut Tx, kind: NoticeKind, key: &str) -> Result<bool, StoreError> {
    Ok(store::end(tx, kind, key).await? > 0)
}

/// The keys of what is not over of a kind.
pub async fn standing(db: &Db, kind: NoticeKind) -> Result<BTreeSet<String>, StoreError> {
    Ok(store::standing(db.read(), kind).await?.into_iter().collect())
}

/// Says what is due: bells get their entries, robots and mail one message each with everything that waits for them.
/// Answers whether there is more.
pub async fn say_due(app: &App, now: Timestamp) -> Result<bool, StoreError> {
    let mut tx = app.db.begin("notices.say_due").await?;
    let due = store::due_sends(&mut tx, now, ROUND_MAX).await?;
    if due.is_empty() {
        return Ok(false);
    }
    let count = due.len();
    let mut messages: BTreeMap<i64, Vec<Notice>> = BTreeMap::new();
    for (id, goal, escalates) in due {
        let notice = store::find_in(&mut tx, id).await?;
        let wanted = notice.filter(|notice| !escalates || notice.state == NoticeState::Open);
        let state = if wanted.is_some() { "said" } else { "dropped" };
        // Another hub may be saying it right now.
        if !store::end_send(&mut tx, id, &goal, escalates, state).await? {
            continue;
        }
        match (goal, wanted) {
            (Goal::Target(target), Some(notice)) => messages.entry(target).or_default().push(notice),
            (who, Some(_)) => store::add_for(&mut tx, &who, id).await?,
            (_, None) => {}
        }
    }
    let targets = store::list_targets(app.db.read()).await?;
    let targets: BTreeMap<i64, NoticeTarget> = targets.into_iter().map(|target| (target.id, target)).collect();
    for (id, notices) in messages {
        if let Some(target) = targets.get(&id).filter(|target| target.on) {
            let message = decide::compose(&notices, target.language, app.config.public_url.as_deref());
            let key = notices.iter().map(|notice| notice.id.to_string()).collect::<Vec<_>>().join(",");
            want(&mut tx, target, &format!("notices:{}", blake3::hash(key.as_bytes()).to_hex()), &message, false, now)
                .await?;
        }
    }
    tx.commit().await?;
    app.effects_wake.notify_one();
    Ok(count == usize::try_from(ROUND_MAX).unwrap_or(usize::MAX))
}

async fn want(
    tx: &mut Tx,
    target: &NoticeTarget,
    key: &str,
    message: &Message,
    is_test: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let kind = if target.kind == "mail" { TargetKind::Mail } else { TargetKind::Robot };
    let wanted = Wanted {
        key: format!("target:{}/{key}", target.id),
        target: Target { kind, id: target.id },
        subject: None,
        payload: json!({ "message": message, "test": is_test }),
        not_before: None,
    };
    effects::want(tx, &wanted, now).await?;
    Ok(())
}

/// Forgets notices from before `before`.
pub async fn forget(db: &Db, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let mut tx = db.begin("notices.forget").await?;
    let gone = store::forget(&mut tx, first_id(before), now).await?;
    tx.commit().await?;
    Ok(gone)
}

/// The number of the newest notice, to see that there is a newer one.
pub async fn newest(db: &Db) -> Result<i64, StoreError> {
    store::newest(db.read()).await
}

/// As whom a session is told.
fn goals_of(session: &Session) -> [Goal; 3] {
    [Goal::All, Goal::Role(session.role.clone()), Goal::Person(session.user.to_string())]
}

/// A reader's notices before this number, the newest first.
pub async fn bell(app: &App, session: &Session, before: Option<i64>, limit: usize) -> Result<Vec<Told>, NoticeError> {
    let failed = |cause| NoticeError::Store { what: "list notices", cause };
    let db = app.db.read();
    let limit = limit.min(PAGE_MAX);
    let asked = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut ids = BTreeSet::new();
    for who in goals_of(session) {
        ids.extend(store::list_for(db, &who, before.unwrap_or(i64::MAX), asked).await.map_err(failed)?);
    }
    let reader = session.user.to_string();
    let upto = store::read_upto(db, &reader).await.map_err(failed)?;
    let mut told = Vec::new();
    for id in ids.into_iter().rev().take(limit) {
        if let Some(notice) = store::find(db, id).await.map_err(failed)? {
            let read = id <= upto || store::has_read(db, &reader, id).await.map_err(failed)?;
            told.push(Told { notice, read });
        }
    }
    Ok(told)
}

/// How many notices a reader has not read; [`PAGE_MAX`] stands for that many or more.
pub async fn unread(app: &App, session: &Session) -> Result<usize, NoticeError> {
    let failed = |cause| NoticeError::Store { what: "count notices", cause };
    let db = app.db.read();
    let reader = session.user.to_string();
    let upto = store::read_upto(db, &reader).await.map_err(failed)?;
    let most = i64::try_from(PAGE_MAX).unwrap_or(i64::MAX);
    let mut ids = BTreeSet::new();
    for who in goals_of(session) {
        ids.extend(store::list_unread(db, &who, &reader, upto, most).await.map_err(failed)?);
    }
    Ok(ids.len().min(PAGE_MAX))
}

/// A reader has read everything that is on their bell now.
pub async fn read_all(app: &App, session: &Session) -> Result<(), NoticeError> {
    let failed = |cause| NoticeError::Store { what: "mark notices as read", cause };
    let newest = store::newest(app.db.read()).await.map_err(failed)?;
    let mut tx = app.db.begin("notices.read_all").await.map_err(failed)?;
    store::put_reader(&mut tx, &session.user.to_string(), newest).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    app.show("notice", json!({}));
    Ok(())
}

/// Somebody takes note of a notice: whoever would be told next is not.
pub async fn note(app: &App, session: &Session, id: i64) -> Result<(), NoticeError> {
    let failed = |cause| NoticeError::Store { what: "take note of a notice", cause };
    let is_theirs = bell_has(app, session, id).await.map_err(failed)?;
    if !is_theirs {
        return Err(NoticeError::None { what: "notice", id });
    }
    let (now, reader) = (app.clock.now(), session.user.to_string());
    let mut tx = app.db.begin("notices.note").await.map_err(failed)?;
    store::add_read(&mut tx, &reader, id, now).await.map_err(failed)?;
    if store::note(&mut tx, id, &reader, now).await.map_err(failed)? {
        let entry = Entry::new(now, &session.actor(), "notices.note", Subject::new("notice", id));
        audit::actions::record(&mut tx, entry).await.map_err(failed)?;
    }
    tx.commit().await.map_err(failed)?;
    app.show("notice", json!({}));
    Ok(())
}

async fn bell_has(app: &App, session: &Session, id: i64) -> Result<bool, StoreError> {
    for who in goals_of(session) {
        let above = store::list_for(app.db.read(), &who, id.saturating_add(1), 1).await?;
        if above.first() == Some(&id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All rules.
pub async fn rules(db: &Db) -> Result<Vec<NumberedRule>, NoticeError> {
    store::list_rules(db.read()).await.map_err(|cause| NoticeError::Store { what: "list rules", cause })
}

/// Adds a rule, or changes the one with this number.
pub async fn put_rule(app: &App, id: Option<i64>, rule: &Rule, actor: &Actor) -> Result<i64, NoticeError> {
    rule.check()?;
    let failed = |cause| NoticeError::Store { what: "keep a rule", cause };
    let number = match id {
        Some(id) => id,
        None => fresh(app, Counter::NoticeRule).await.map_err(failed)?,
    };
    let mut tx = app.db.begin("notices.put_rule").await.map_err(failed)?;
    let before = store::find_rule(&mut tx, number).await.map_err(failed)?;
    if id.is_some() && before.is_none() {
        return Err(NoticeError::None { what: "rule", id: number });
    }
    store::put_rule(&mut tx, number, rule).await.map_err(failed)?;
    let entry = Entry::new(app.clock.now(), actor, "notices.put_rule", Subject::new("notice_rule", number));
    let entry = match before {
        Some(before) => entry.before(shown(&before.rule)),
        None => entry,
    };
    audit::actions::record(&mut tx, entry.after(shown(rule))).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(number)
}

fn shown(rule: &Rule) -> Value {
    serde_json::to_value(rule).unwrap_or_default()
}

/// Removes a rule.
pub async fn drop_rule(app: &App, id: i64, actor: &Actor) -> Result<(), NoticeError> {
    let failed = |cause| NoticeError::Store { what: "remove a rule", cause };
    let mut tx = app.db.begin("notices.drop_rule").await.map_err(failed)?;
    let before = store::find_rule(&mut tx, id).await.map_err(failed)?;
    let Some(before) = before else { return Err(NoticeError::None { what: "rule", id }) };
    store::drop_rule(&mut tx, id).await.map_err(failed)?;
    let entry = Entry::new(app.clock.now(), actor, "notices.drop_rule", Subject::new("notice_rule", id));
    audit::actions::record(&mut tx, entry.before(shown(&before.rule))).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// All targets, without their secrets.
pub async fn targets(db: &Db) -> Result<Vec<NoticeTarget>, NoticeError> {
    store::list_targets(db.read()).await.map_err(|cause| NoticeError::Store { what: "list targets", cause })
}

/// Adds a target. Its settings can be replaced later, but never read again.
pub async fn add_target(
    app: &App,
    title: &str,
    language: Language,
    receiver: &Receiver,
    actor: &Actor,
) -> Result<i64, crate::error::Error> {
    let title = title.trim();
    if title.is_empty() || title.chars().count() > 60 {
        return Err(NoticeError::Field { field: "title", accepted: "1 to 60 characters" }.into());
    }
    receiver.check()?;
    let failed = |cause| NoticeError::Store { what: "keep a target", cause };
    let id = fresh(app, Counter::NoticeTarget).await.map_err(failed)?;
    let settings = serde_json::to_vec(receiver).expect("plain data always becomes JSON");
    let sealed = app.vault.seal(place(&id.to_string()), &settings);
    let (kind, shown) = outline(receiver);
    let target = NoticeTarget { id, title: title.to_owned(), language, on: true, kind: kind.to_owned(), shown };
    let mut tx = app.db.begin("notices.add_target").await.map_err(failed)?;
    store::put_target(&mut tx, &target, sealed).await.map_err(failed)?;
    let after = json!({ "title": target.title, "kind": target.kind, "at": target.shown });
    let entry = Entry::new(app.clock.now(), actor, "notices.add_target", Subject::new("notice_target", id));
    audit::actions::record(&mut tx, entry.after(after)).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(id)
}

/// What may be shown of a receiver: never a path, a token or a password.
fn outline(receiver: &Receiver) -> (&'static str, String) {
    let host = |url: &str| url::Url::parse(url.trim()).ok().and_then(|url| url.host_str().map(str::to_owned));
    match receiver {
        Receiver::Dingtalk { url, .. } => ("dingtalk", host(url).unwrap_or_default()),
        Receiver::Wecom { url } => ("wecom", host(url).unwrap_or_default()),
        Receiver::Feishu { url, .. } => ("feishu", host(url).unwrap_or_default()),
        Receiver::Mail(settings) => ("mail", format!("{}:{} · {}", settings.host, settings.port, settings.to.len())),
    }
}

fn place(row: &str) -> Place<'_> {
    Place { table: "notice_target", column: "sealed", row }
}

/// A target with its secrets, for calling it.
pub async fn open_target(app: &App, id: i64) -> Result<Option<OpenTarget>, NoticeError> {
    let failed = |cause| NoticeError::Store { what: "open a target", cause };
    let Some((on, sealed)) = store::find_target(app.db.read(), id).await.map_err(failed)? else { return Ok(None) };
    let opened = app.vault.open_sealed(place(&id.to_string()), &sealed).map_err(|_| NoticeError::Sealed { id })?;
    let receiver = serde_json::from_slice(&opened).map_err(|_| NoticeError::Sealed { id })?;
    Ok(Some(OpenTarget { on, receiver }))
}

/// Switches a target on or off.
pub async fn switch_target(app: &App, id: i64, on: bool, actor: &Actor) -> Result<(), NoticeError> {
    change_target(app, id, if on { "notices.target_on" } else { "notices.target_off" }, actor, async |tx: &mut Tx| {
        store::switch_target(tx, id, on).await
    })
    .await
}

/// Removes a target; what still waits for it is dropped.
pub async fn drop_target(app: &App, id: i64, actor: &Actor) -> Result<(), NoticeError> {
    change_target(app, id, "notices.drop_target", actor, async |tx: &mut Tx| store::drop_target(tx, id).await).await
}

async fn change_target(
    app: &App,
    id: i64,
    action: &'static str,
    actor: &Actor,
    change: impl AsyncFnOnce(&mut Tx) -> Result<bool, StoreError>,
) -> Result<(), NoticeError> {
    let failed = |cause| NoticeError::Store { what: "change a target", cause };
    let mut tx = app.db.begin("notices.change_target").await.map_err(failed)?;
    if !change(&mut tx).await.map_err(failed)? {
        return Err(NoticeError::None { what: "target", id });
    }
    let entry = Entry::new(app.clock.now(), actor, action, Subject::new("notice_target", id));
    audit::actions::record(&mut tx, entry).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// Sends a message that says that it is a test, once.
pub async fn test_target(app: &App, id: i64, actor: &Actor) -> Result<(), NoticeError> {
    let failed = |cause| NoticeError::Store { what: "test a target", cause };
    let target = targets(&app.db).await?.into_iter().find(|target| target.id == id);
    let target = target.ok_or(NoticeError::None { what: "target", id })?;
    let now = app.clock.now();
    let (title, line) = match target.language {
        Language::Zh => ("Packline 测试消息", format!("由 {actor} 发送。收到即表示配置正确。")),
        Language::En => ("Packline test message", format!("Sent by {actor}. If you read this, it works.")),
    };
    let message = Message { title: title.to_owned(), lines: vec![line], link: None };
    let mut tx = app.db.begin("notices.test_target").await.map_err(failed)?;
    let key = format!("test:{:016x}", clock::random_u64());
    want(&mut tx, &target, &key, &message, true, now).await.map_err(failed)?;
    let entry = Entry::new(now, actor, "notices.test_target", Subject::new("notice_target", id));
    audit::actions::record(&mut tx, entry).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    app.effects_wake.notify_one();
    Ok(())
}

async fn fresh(app: &App, counter: Counter) -> Result<i64, StoreError> {
    let id = app.db.ids(counter, 1).await?.first().copied().unwrap_or_default();
    i64::try_from(id).map_err(|_| StoreError::row("notices.fresh", "a number above 2^63"))
}
