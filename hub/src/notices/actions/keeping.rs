//! Rules and targets: what people keep of them, sealed where it is secret, and each change written down.

use super::want;
use crate::actor::Actor;
use crate::app::App;
use crate::audit;
use crate::audit::model::{Entry, Subject};
use crate::clock;
use crate::notices::model::{NoticeError, NoticeTarget, NumberedRule, OpenTarget, Rule};
use crate::notices::store;
use crate::outbound::message::{Message, Receiver};
use crate::pages::text::Language;
use crate::privacy::Place;
use crate::store::{Counter, Db, StoreError, Tx};
use serde_json::{Value, json};

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
