//! All SQL of webhooks.

use super::model::{Delivery, EventKind, HookState, StoredEvent, Webhook};
use crate::statements;
use crate::store::{Statement, StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;
use sqlx::any::AnyRow;

statements! {
    /// All webhooks.
    LIST_HOOKS: All = "SELECT id, title, host, kinds, state, failing_since, created_at FROM webhook ORDER BY id";
    /// One webhook.
    FIND_HOOK = "SELECT id, title, host, kinds, state, failing_since, created_at FROM webhook WHERE id = $1";
    /// What is sealed of a webhook.
    FIND_SEALED = "SELECT state, sealed FROM webhook WHERE id = $1";
    /// Adds a webhook.
    ADD_HOOK = "INSERT INTO webhook (id, title, host, kinds, state, sealed, created_at) \
        VALUES ($1, $2, $3, $4, 'on', $5, $6)";
    /// Changes what is sealed of a webhook, unless somebody else did.
    SET_SEALED = "UPDATE webhook SET sealed = $2 WHERE id = $1 AND sealed = $3";
    /// Switches a webhook.
    SET_STATE = "UPDATE webhook SET state = $2, failing_since = NULL WHERE id = $1";
    /// Switches a webhook off that still is on.
    SET_BROKEN = "UPDATE webhook SET state = 'broken' WHERE id = $1 AND state = 'on'";
    /// Notes that a webhook failed.
    SET_FAILING = "UPDATE webhook SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL";
    /// Notes that a webhook works.
    SET_WORKING = "UPDATE webhook SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL";
    /// Removes a webhook.
    DROP_HOOK = "DELETE FROM webhook WHERE id = $1";
    /// Its tries go with it.
    DROP_TRIES_OF: All = "DELETE FROM webhook_try WHERE webhook = $1";
    /// Keeps an event.
    ADD_EVENT = "INSERT INTO webhook_event (id, kind, subject, happened_at, body) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (id) DO NOTHING";
    /// An event.
    FIND_EVENT = "SELECT id, kind, subject, happened_at, body FROM webhook_event WHERE id = $1";
    /// Events of a time, oldest first.
    LIST_EVENTS: Walk = "SELECT id, kind, subject, happened_at, body FROM webhook_event \
        WHERE (happened_at, id) > ($1, $2) AND happened_at < $3 ORDER BY happened_at, id LIMIT $4";
    /// Keeps a try.
    ADD_TRY = "INSERT INTO webhook_try (webhook, tried_at, event, tries, kind, duration_ms, status, note) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    /// Tries of a webhook, newest first.
    LIST_TRIES: Walk = "SELECT event, kind, tried_at, duration_ms, tries, status, note FROM webhook_try \
        WHERE webhook = $1 AND tried_at < $2 ORDER BY tried_at DESC, event DESC LIMIT $3";
    /// Forgets old tries.
    DROP_TRIES: All = "DELETE FROM webhook_try WHERE tried_at < $1";
    /// Forgets old events.
    DROP_EVENTS = "DELETE FROM webhook_event WHERE happened_at < $1";
}

/// All webhooks, read inside a transaction.
pub async fn hooks_in(tx: &mut Tx) -> Result<Vec<Webhook>, StoreError> {
    LIST_HOOKS.all(tx.conn(), LIST_HOOKS.query()).await?.iter().map(|row| hook(LIST_HOOKS, row)).collect()
}

/// All webhooks.
pub async fn hooks(db: &AnyPool) -> Result<Vec<Webhook>, StoreError> {
    LIST_HOOKS.all(db, LIST_HOOKS.query()).await?.iter().map(|row| hook(LIST_HOOKS, row)).collect()
}

/// One webhook, read inside a transaction.
pub async fn find_hook(tx: &mut Tx, id: i64) -> Result<Option<Webhook>, StoreError> {
    let row = FIND_HOOK.find(tx.conn(), FIND_HOOK.query().bind(id)).await?;
    row.map(|row| hook(FIND_HOOK, &row)).transpose()
}

/// Where a webhook stands, and what is sealed of it.
pub async fn find_sealed(db: &AnyPool, id: i64) -> Result<Option<(HookState, Vec<u8>)>, StoreError> {
    let row = FIND_SEALED.find(db, FIND_SEALED.query().bind(id)).await?;
    row.map(|row| Ok((state(FIND_SEALED, &row, 0)?, FIND_SEALED.get(&row, 1)?))).transpose()
}

/// Adds a webhook.
pub async fn add_hook(tx: &mut Tx, hook: &Webhook, sealed: Vec<u8>) -> Result<(), StoreError> {
    let kinds: Vec<&str> = hook.kinds.iter().map(|kind| kind.word()).collect();
    let query = ADD_HOOK
        .query()
        .bind(hook.id)
        .bind(hook.title.clone())
        .bind(hook.host.clone())
        .bind(kinds.join(" "))
        .bind(sealed)
        .bind(hook.created_at.0);
    ADD_HOOK.run(tx, query).await?;
    Ok(())
}

/// Changes what is sealed; `false` when somebody else did meanwhile.
pub async fn set_sealed(tx: &mut Tx, id: i64, new: Vec<u8>, old: Vec<u8>) -> Result<bool, StoreError> {
    Ok(SET_SEALED.run(tx, SET_SEALED.query().bind(id).bind(new).bind(old)).await? > 0)
}

/// Switches a webhook; `false` when it is not there.
pub async fn set_state(tx: &mut Tx, id: i64, state: HookState) -> Result<bool, StoreError> {
    Ok(SET_STATE.run(tx, SET_STATE.query().bind(id).bind(state.word())).await? > 0)
}

/// Switches a webhook off that failed for long; `false` when it was off.
pub async fn set_broken(tx: &mut Tx, id: i64) -> Result<bool, StoreError> {
    Ok(SET_BROKEN.run(tx, SET_BROKEN.query().bind(id)).await? > 0)
}

/// Notes whether a webhook works.
pub async fn set_working(tx: &mut Tx, id: i64, works: bool, now: Timestamp) -> Result<(), StoreError> {
    if works {
        SET_WORKING.run(tx, SET_WORKING.query().bind(id)).await?;
    } else {
        SET_FAILING.run(tx, SET_FAILING.query().bind(id).bind(now.0)).await?;
    }
    Ok(())
}

/// Removes a webhook and its tries; `false` when it was not there.
pub async fn drop_hook(tx: &mut Tx, id: i64) -> Result<bool, StoreError> {
    DROP_TRIES_OF.run(tx, DROP_TRIES_OF.query().bind(id)).await?;
    Ok(DROP_HOOK.run(tx, DROP_HOOK.query().bind(id)).await? > 0)
}

/// Keeps an event; `false` when it was kept before.
pub async fn add_event(tx: &mut Tx, event: &StoredEvent) -> Result<bool, StoreError> {
    let query = ADD_EVENT
        .query()
        .bind(event.id.clone())
        .bind(event.kind.word())
        .bind(event.subject.clone())
        .bind(event.at.0)
        .bind(event.body.clone());
    Ok(ADD_EVENT.run(tx, query).await? > 0)
}

/// An event.
pub async fn find_event(db: &AnyPool, id: &str) -> Result<Option<StoredEvent>, StoreError> {
    let row = FIND_EVENT.find(db, FIND_EVENT.query().bind(id.to_owned())).await?;
    row.map(|row| event(FIND_EVENT, &row)).transpose()
}

/// Events after this place and before `to`, oldest first.
pub async fn events(
    db: &AnyPool,
    after: (i64, String),
    to: Timestamp,
    limit: i64,
) -> Result<Vec<StoredEvent>, StoreError> {
    let query = LIST_EVENTS.query().bind(after.0).bind(after.1).bind(to.0).bind(limit);
    LIST_EVENTS.all(db, query).await?.iter().map(|row| event(LIST_EVENTS, row)).collect()
}

/// Keeps a try.
pub async fn add_try(tx: &mut Tx, hook: i64, delivery: &Delivery) -> Result<(), StoreError> {
    let query = ADD_TRY
        .query()
        .bind(hook)
        .bind(delivery.at.0)
        .bind(delivery.event.clone())
        .bind(delivery.tries)
        .bind(delivery.kind.clone())
        .bind(delivery.duration_ms)
        .bind(delivery.status)
        .bind(delivery.note.clone());
    ADD_TRY.run(tx, query).await?;
    Ok(())
}

/// Tries of a webhook before this time, newest first.
pub async fn tries(db: &AnyPool, hook: i64, before: i64, limit: i64) -> Result<Vec<Delivery>, StoreError> {
    let rows = LIST_TRIES.all(db, LIST_TRIES.query().bind(hook).bind(before).bind(limit)).await?;
    let delivery = |row: &AnyRow| {
        Ok(Delivery {
            event: LIST_TRIES.get(row, 0)?,
            kind: LIST_TRIES.get(row, 1)?,
            at: Timestamp(LIST_TRIES.get(row, 2)?),
            duration_ms: LIST_TRIES.get(row, 3)?,
            tries: LIST_TRIES.get(row, 4)?,
            status: LIST_TRIES.get(row, 5)?,
            note: LIST_TRIES.get(row, 6)?,
        })
    };
    rows.iter().map(delivery).collect()
}

/// Forgets events and tries from before `before`.
pub async fn forget(tx: &mut Tx, before: Timestamp) -> Result<(), StoreError> {
    DROP_TRIES.run(tx, DROP_TRIES.query().bind(before.0)).await?;
    DROP_EVENTS.run(tx, DROP_EVENTS.query().bind(before.0)).await?;
    Ok(())
}

fn hook(statement: Statement, row: &AnyRow) -> Result<Webhook, StoreError> {
    let kinds: String = statement.get(row, 3)?;
    Ok(Webhook {
        id: statement.get(row, 0)?,
        title: statement.get(row, 1)?,
        host: statement.get(row, 2)?,
        // A kind of a newer program is not listened to by this one.
        kinds: kinds.split(' ').filter_map(EventKind::from_word).collect(),
        state: state(statement, row, 4)?,
        failing_since: statement.get::<Option<i64>>(row, 5)?.map(Timestamp),
        created_at: Timestamp(statement.get(row, 6)?),
    })
}

fn state(statement: Statement, row: &AnyRow, place: usize) -> Result<HookState, StoreError> {
    let word: String = statement.get(row, place)?;
    HookState::from_word(&word).ok_or_else(|| StoreError::row(statement.name, format!("a webhook is `{word}`")))
}

fn event(statement: Statement, row: &AnyRow) -> Result<StoredEvent, StoreError> {
    let kind: String = statement.get(row, 1)?;
    Ok(StoredEvent {
        id: statement.get(row, 0)?,
        kind: EventKind::from_word(&kind)
            .ok_or_else(|| StoreError::row(statement.name, format!("an event is `{kind}`")))?,
        subject: statement.get(row, 2)?,
        at: Timestamp(statement.get(row, 3)?),
        body: statement.get(row, 4)?,
    })
}
