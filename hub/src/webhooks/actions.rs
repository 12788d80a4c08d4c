//! Emitting events, keeping webhooks, and delivering to them.

use super::decide::{self, Heard};
use super::model::{Delivery, Event, EventKind, HookState, Secret, Secrets, StoredEvent, Webhook, WebhookError};
use super::store;
use crate::actor::Actor;
use crate::app::App;
use crate::audit;
use crate::audit::model::{Entry, Subject};
use crate::clock;
use crate::effects;
use crate::effects::model::{Claimed, Outcome, Target, TargetKind, Wanted};
use crate::notices;
use crate::notices::model::{NoticeKind, Occurrence};
use crate::outbound::client::Client;
use crate::outbound::signing;
use crate::privacy::Place;
use crate::store::{Counter, Db, StoreError, Tx};
use packline_protocol::time::Timestamp;
use serde_json::{Value, json};

/// Tries on one page at most.
pub const PAGE_MAX: usize = 100;
/// Events that are sent again in one transaction, and in one go.
const REPLAY_BATCH: i64 = 200;
const REPLAY_MAX: usize = 20_000;

/// Tells every webhook that listens, in the transaction of the change. Wake [`crate::app::Inner::effects_wake`] after
/// the commit. An event whose key is known is told no second time.
pub async fn emit(tx: &mut Tx, events: &[Event], now: Timestamp) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let hooks = store::hooks_in(tx).await?;
    for event in events {
        // Also for one that is off: what it missed can be sent later.
        let listens = |hook: &&Webhook| hook.kinds.contains(&event.kind);
        if !hooks.iter().any(|hook| listens(&hook)) {
            continue;
        }
        let stored = kept(event, now);
        if !store::add_event(tx, &stored).await? {
            continue;
        }
        for hook in hooks.iter().filter(listens).filter(|hook| hook.state == HookState::On) {
            want(tx, hook.id, &stored, "", now).await?;
        }
    }
    Ok(())
}

/// As [`emit`], in a transaction of its own.
pub async fn emit_now(app: &App, events: &[Event]) -> Result<(), StoreError> {
    let mut tx = app.db.begin("webhooks.emit").await?;
    emit(&mut tx, events, app.clock.now()).await?;
    tx.commit().await?;
    app.effects_wake.notify_one();
    Ok(())
}

fn kept(event: &Event, now: Timestamp) -> StoredEvent {
    StoredEvent {
        id: decide::event_id(&event.key),
        kind: event.kind,
        subject: event.subject.clone(),
        at: now,
        body: decide::body(event, now),
    }
}

/// `again` tells a sending apart that a person asked for; empty for the first.
async fn want(tx: &mut Tx, hook: i64, event: &StoredEvent, again: &str, now: Timestamp) -> Result<(), StoreError> {
    let wanted = Wanted {
        key: format!("webhook:{hook}/{}{again}", event.id),
        target: Target { kind: TargetKind::Webhook, id: hook },
        subject: Some(event.subject.clone()),
        payload: json!({ "event": event.id, "test": event.kind == EventKind::Test }),
        not_before: None,
    };
    effects::want(tx, &wanted, now).await?;
    Ok(())
}

/// Delivers an event, and writes down what came of it.
pub async fn deliver(app: &App, client: &Client, effect: &Claimed) -> Result<Outcome, WebhookError> {
    let failed = |cause| WebhookError::Store { what: "deliver an event", cause };
    let id = effect.target.id;
    let dropped = |problem: &str| Ok(Outcome::Dropped { problem: problem.to_owned() });
    let Some((state, sealed)) = store::find_sealed(app.db.read(), id).await.map_err(failed)? else {
        return dropped("the webhook was removed");
    };
    let is_test = effect.payload["test"] == json!(true);
    if state != HookState::On && !is_test {
        return dropped("the webhook is off");
    }
    let event = effect.payload["event"].as_str().unwrap_or_default();
    let Some(event) = store::find_event(app.db.read(), event).await.map_err(failed)? else {
        return dropped("the event was forgotten");
    };
    let secrets = open(app, id, &sealed)?;
    let now = app.clock.now();
    let started = clock::instant();
    let answer = client.post(&secrets.url, &headers(&secrets, &event, now), event.body.clone().into_bytes()).await;
    let heard = decide::heard(&answer);
    let delivery = Delivery {
        event: event.id,
        kind: event.kind.word().to_owned(),
        at: now,
        duration_ms: i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX),
        tries: i64::from(effect.tries),
        status: heard.status.map(i64::from),
        note: heard.note.clone(),
    };
    write_down(app, id, &delivery, &heard, now).await.map_err(failed)?;
    Ok(heard.outcome)
}

fn headers(secrets: &Secrets, event: &StoredEvent, now: Timestamp) -> [(&'static str, String); 3] {
    let seconds = now.0 / 1_000;
    let keys = decide::in_force(&secrets.secrets, now);
    let signature = signing::webhook_signature(&keys, &event.id, seconds, event.body.as_bytes());
    [("webhook-id", event.id.clone()), ("webhook-timestamp", seconds.to_string()), ("webhook-signature", signature)]
}

async fn write_down(app: &App, id: i64, delivery: &Delivery, heard: &Heard, now: Timestamp) -> Result<(), StoreError> {
    let mut tx = app.db.begin("webhooks.write_down").await?;
    store::add_try(&mut tx, id, delivery).await?;
    match heard.outcome {
        Outcome::Done => store::set_working(&mut tx, id, true, now).await?,
        Outcome::Slow { .. } => {}
        _ => store::set_working(&mut tx, id, false, now).await?,
    }
    let hook = store::find_hook(&mut tx, id).await?;
    if let Some(hook) = hook
        && (heard.gone || decide::is_broken(hook.failing_since, now))
        && store::set_broken(&mut tx, id).await?
    {
        let why = if heard.gone { "410 Gone" } else { "5 d" };
        let off = Occurrence::new(NoticeKind::WebhookDisabled, id.to_string());
        let off = Occurrence { about: hook.title, ..off }.saying(why).see(format!("/webhooks/{id}"));
        notices::actions::raise(&mut tx, &[off], now).await?;
    }
    tx.commit().await?;
    app.show("effect", json!({ "webhook": id }));
    Ok(())
}

fn open(app: &App, id: i64, sealed: &[u8]) -> Result<Secrets, WebhookError> {
    let opened = app.vault.open_sealed(place(&id.to_string()), sealed).map_err(|_| WebhookError::Sealed { id })?;
    serde_json::from_slice(&opened).map_err(|_| WebhookError::Sealed { id })
}

fn seal(app: &App, id: i64, secrets: &Secrets) -> Vec<u8> {
    let text = serde_json::to_vec(secrets).expect("plain data always becomes JSON");
    app.vault.seal(place(&id.to_string()), &text)
}

fn place(row: &str) -> Place<'_> {
    Place { table: "webhook", column: "sealed", row }
}

/// All webhooks.
pub async fn list(db: &Db) -> Result<Vec<Webhook>, WebhookError> {
    store::hooks(db.read()).await.map_err(|cause| WebhookError::Store { what: "list webhooks", cause })
}

/// One webhook.
pub async fn get(db: &Db, id: i64) -> Result<Webhook, WebhookError> {
    list(db).await?.into_iter().find(|hook| hook.id == id).ok_or(WebhookError::None { id })
}

/// Adds a webhook; answers its number and its secret, which is never shown again.
pub async fn add(
    app: &App,
    title: &str,
    url: &str,
    kinds: Vec<EventKind>,
    actor: &Actor,
) -> Result<(i64, String), WebhookError> {
    let failed = |cause| WebhookError::Store { what: "add a webhook", cause };
    let (title, url) = (title.trim().to_owned(), url.trim().to_owned());
    let host = check(&title, &url, &kinds)?;
    let id = app.db.ids(Counter::Webhook, 1).await.map_err(failed)?.first().copied().unwrap_or_default();
    let id = i64::try_from(id).map_err(|_| failed(StoreError::row("webhooks.add", "a number above 2^63")))?;
    let now = app.clock.now();
    let secret = new_secret();
    let secrets = Secrets { url, secrets: vec![Secret { text: secret.clone(), until: None }] };
    let hook = Webhook { id, title, host, kinds, state: HookState::On, failing_since: None, created_at: now };
    let mut tx = app.db.begin("webhooks.add").await.map_err(failed)?;
    store::add_hook(&mut tx, &hook, seal(app, id, &secrets)).await.map_err(failed)?;
    let kinds: Vec<&str> = hook.kinds.iter().map(|kind| kind.word()).collect();
    let after = json!({ "title": hook.title, "host": hook.host, "kinds": kinds });
    record(&mut tx, "webhooks.add", id, Some(after), actor, now).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok((id, secret))
}

fn check(title: &str, url: &str, kinds: &[EventKind]) -> Result<String, WebhookError> {
    let wrong = |field, accepted| WebhookError::Field { field, accepted };
    if title.is_empty() || title.chars().count() > 60 {
        return Err(wrong("title", "1 to 60 characters"));
    }
    if kinds.is_empty() {
        return Err(wrong("events", "at least one kind of event"));
    }
    let accepted = "https://HOST/PATH, up to 1000 characters, without user and password";
    let parsed = url::Url::parse(url).ok().filter(|_| url.len() <= 1_000);
    let parsed = parsed.filter(|url| matches!(url.scheme(), "https" | "http") && url.username().is_empty());
    let host = parsed.as_ref().and_then(url::Url::host_str).filter(|_| !url.contains('@'));
    host.map(str::to_owned).ok_or_else(|| wrong("url", accepted))
}

fn new_secret() -> String {
    let mut bytes = [0; 32];
    clock::random_bytes(&mut bytes);
    signing::secret_text(&bytes)
}

/// Makes a new secret; the old one still signs for a day.
pub async fn rotate(app: &App, id: i64, actor: &Actor) -> Result<String, WebhookError> {
    let failed = |cause| WebhookError::Store { what: "make a new secret", cause };
    let Some((_, old)) = store::find_sealed(app.db.read(), id).await.map_err(failed)? else {
        return Err(WebhookError::None { id });
    };
    let (secrets, now, secret) = (open(app, id, &old)?, app.clock.now(), new_secret());
    let secrets = Secrets { secrets: decide::rotated(&secrets.secrets, secret.clone(), now), ..secrets };
    let mut tx = app.db.begin("webhooks.rotate").await.map_err(failed)?;
    if !store::set_sealed(&mut tx, id, seal(app, id, &secrets), old).await.map_err(failed)? {
        return Err(failed(StoreError::Raced { what: "webhooks.rotate" }));
    }
    record(&mut tx, "webhooks.rotate", id, None, actor, now).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(secret)
}

/// Switches a webhook on or off.
pub async fn switch(app: &App, id: i64, on: bool, actor: &Actor) -> Result<(), WebhookError> {
    let failed = |cause| WebhookError::Store { what: "switch a webhook", cause };
    let mut tx = app.db.begin("webhooks.switch").await.map_err(failed)?;
    let state = if on { HookState::On } else { HookState::Off };
    if !store::set_state(&mut tx, id, state).await.map_err(failed)? {
        return Err(WebhookError::None { id });
    }
    let action = if on { "webhooks.on" } else { "webhooks.off" };
    record(&mut tx, action, id, None, actor, app.clock.now()).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// Removes a webhook; what still waits for it is dropped.
pub async fn remove(app: &App, id: i64, actor: &Actor) -> Result<(), WebhookError> {
    let failed = |cause| WebhookError::Store { what: "remove a webhook", cause };
    let mut tx = app.db.begin("webhooks.remove").await.map_err(failed)?;
    let before = store::find_hook(&mut tx, id).await.map_err(failed)?.ok_or(WebhookError::None { id })?;
    store::drop_hook(&mut tx, id).await.map_err(failed)?;
    let shown = json!({ "title": before.title, "host": before.host });
    let entry = Entry::new(app.clock.now(), actor, "webhooks.remove", Subject::new("webhook", id)).before(shown);
    audit::actions::record(&mut tx, entry).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// Sends an event that says that it is a test, once, also to a webhook that is off.
pub async fn test(app: &App, id: i64, actor: &Actor) -> Result<(), WebhookError> {
    let failed = |cause| WebhookError::Store { what: "test a webhook", cause };
    let now = app.clock.now();
    let key = format!("webhook:{id}/test:{:016x}", clock::random_u64());
    let event = Event { subject: key.clone(), key, kind: EventKind::Test, data: json!({ "webhook": id }) };
    let stored = kept(&event, now);
    let mut tx = app.db.begin("webhooks.test").await.map_err(failed)?;
    store::find_hook(&mut tx, id).await.map_err(failed)?.ok_or(WebhookError::None { id })?;
    store::add_event(&mut tx, &stored).await.map_err(failed)?;
    want(&mut tx, id, &stored, "", now).await.map_err(failed)?;
    record(&mut tx, "webhooks.test", id, None, actor, now).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    app.effects_wake.notify_one();
    Ok(())
}

/// Sends the events from `from` to before `to` again, each under its own number; says how many.
pub async fn replay(app: &App, id: i64, from: Timestamp, to: Timestamp, actor: &Actor) -> Result<usize, WebhookError> {
    let failed = |cause| WebhookError::Store { what: "send events again", cause };
    let hook = get(&app.db, id).await?;
    let now = app.clock.now();
    let again = format!("/again:{:016x}", clock::random_u64());
    let mut after = (from.0.saturating_sub(1), "~".to_owned());
    let mut count = 0;
    while count < REPLAY_MAX {
        let events = store::events(app.db.read(), after, to, REPLAY_BATCH).await.map_err(failed)?;
        let Some(last) = events.last() else { break };
        after = (last.at.0, last.id.clone());
        let mut tx = app.db.begin("webhooks.replay").await.map_err(failed)?;
        for event in events.iter().filter(|event| hook.kinds.contains(&event.kind)) {
            want(&mut tx, id, event, &again, now).await.map_err(failed)?;
            count += 1;
        }
        tx.commit().await.map_err(failed)?;
    }
    let mut tx = app.db.begin("webhooks.replay").await.map_err(failed)?;
    let after = json!({ "from": from.0, "to": to.0, "events": count });
    record(&mut tx, "webhooks.replay", id, Some(after), actor, now).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    app.effects_wake.notify_one();
    Ok(count)
}

/// Tries of a webhook before this time, newest first.
pub async fn tries(db: &Db, id: i64, before: Option<i64>) -> Result<Vec<Delivery>, WebhookError> {
    let limit = i64::try_from(PAGE_MAX).unwrap_or(i64::MAX);
    let found = store::tries(db.read(), id, before.unwrap_or(i64::MAX), limit).await;
    found.map_err(|cause| WebhookError::Store { what: "list deliveries", cause })
}

/// Forgets events and tries from before `before`.
pub async fn forget(db: &Db, before: Timestamp) -> Result<(), StoreError> {
    let mut tx = db.begin("webhooks.forget").await?;
    store::forget(&mut tx, before).await?;
    tx.commit().await
}

async fn record(
    tx: &mut Tx,
    action: &'static str,
    id: i64,
    after: Option<Value>,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let entry = Entry { after, ..Entry::new(now, actor, action, Subject::new("webhook", id)) };
    audit::actions::record(tx, entry).await
}
