//! Reads and changes settings; every change is written down.

use super::decide;
use super::model::{Change, HUB, HubSettings, SettingsError, Values};
use super::store;
use crate::actor::Actor;
use crate::app::App;
use crate::audit::actions::record;
use crate::audit::model::{Entry, Subject};
use crate::store::{Counter, Db, Retry, StoreError, Tx};
use packline_protocol::time::Timestamp;
use serde_json::Value;
use tracing::warn;

/// The most changes of one page.
pub const PAGE_MAX: usize = 200;

/// The settings in the database. What is stored wrongly counts as not set.
pub async fn load(db: &Db) -> Result<HubSettings, SettingsError> {
    let stored = store::settings(db.read()).await;
    let stored = stored.map_err(|cause| SettingsError::Store { what: "read the settings", cause })?;
    let (settings, wrong) = decide::read(&stored);
    for name in wrong {
        warn!("The setting `{name}` is stored wrongly; its default counts");
    }
    Ok(settings)
}

/// The names of settings that are stored wrongly.
pub async fn faults(db: &Db) -> Result<Vec<String>, SettingsError> {
    let stored = store::settings(db.read()).await;
    let stored = stored.map_err(|cause| SettingsError::Store { what: "read the settings", cause })?;
    Ok(decide::read(&stored).1)
}

/// Reads the settings anew for this process.
pub async fn refresh(app: &App) -> Result<(), SettingsError> {
    app.settings.put(load(&app.db).await?);
    Ok(())
}

/// Changes some settings, all of them or none. What is as it was is no change.
pub async fn change(app: &App, changes: &Values, actor: &Actor) -> Result<HubSettings, SettingsError> {
    let failed = |cause| SettingsError::Store { what: "change settings", cause };
    let mut retry = Retry::default();
    let settings = loop {
        match attempt(app, changes, actor).await {
            Err(SettingsError::Store { cause, .. }) if retry.again(&cause).await => {}
            Err(SettingsError::Store { cause, .. }) => return Err(failed(cause)),
            done => break done?,
        }
    };
    app.settings.put(settings.clone());
    Ok(settings)
}

async fn attempt(app: &App, changes: &Values, actor: &Actor) -> Result<HubSettings, SettingsError> {
    let failed = |cause| SettingsError::Store { what: "change settings", cause };
    let ids = app.db.ids(Counter::SettingChange, changes.len()).await.map_err(failed)?;
    let mut tx = app.db.begin_fixed("settings.change").await.map_err(failed)?;
    let stored = store::settings_in(tx.conn()).await.map_err(failed)?;
    let (before, _) = decide::read(&stored);
    let (after, names) = decide::change(&before, changes).map_err(|details| SettingsError::Values { details })?;
    if names.is_empty() {
        return Ok(after);
    }
    let (was, is) = (decide::values(&before), decide::values(&after));
    let now = app.clock.now();
    let pick = |values: &Values| names.iter().map(|name| ((*name).to_owned(), values[*name].clone())).collect();
    for name in &names {
        store::put(&mut tx, name, &is[*name], now).await.map_err(failed)?;
    }
    let (was, is): (Values, Values) = (pick(&was), pick(&is));
    write_down(&mut tx, HUB, &ids, actor, now, &was, &is).await.map_err(failed)?;
    let entry = Entry::new(now, actor, "settings.change", Subject::new("settings", HUB));
    let entry = entry.before(Value::Object(was)).after(Value::Object(is));
    record(&mut tx, entry).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(after)
}

/// Takes back one change of the hub's settings: the setting gets the value that it had before.
pub async fn undo(app: &App, id: i64, actor: &Actor) -> Result<HubSettings, SettingsError> {
    let found = store::find_change(app.db.read(), id).await;
    let found = found.map_err(|cause| SettingsError::Store { what: "look for a change", cause })?;
    let found = found.ok_or(SettingsError::NoChange { id })?;
    if found.scope != HUB {
        return Err(SettingsError::OtherScope { id, scope: found.scope });
    }
    change(app, &Values::from_iter([(found.name, found.before)]), actor).await
}

/// Up to `limit` changes below number `before`, the newest first; of one scope if it is given.
pub async fn history(
    db: &Db,
    scope: Option<&str>,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Change>, SettingsError> {
    let limit = i64::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(1);
    let changes = store::changes(db.read(), scope, before.unwrap_or(i64::MAX), limit).await;
    changes.map_err(|cause| SettingsError::Store { what: "list changes", cause })
}

/// Writes a change of settings into their history, in the transaction that makes it; `ids` are at least as many numbers
/// as there are settings.
pub async fn write_down(
    tx: &mut Tx,
    scope: &str,
    ids: &[u64],
    actor: &Actor,
    at: Timestamp,
    before: &Values,
    after: &Values,
) -> Result<(), StoreError> {
    for ((name, after), id) in after.iter().zip(ids) {
        let (scope, name, actor) = (scope.to_owned(), name.clone(), actor.to_string());
        let before = before.get(&name).cloned().unwrap_or(Value::Null);
        let id = i64::try_from(*id).unwrap_or(i64::MAX);
        store::add_change(tx, &Change { id, scope, name, at, actor, before, after: after.clone() }).await?;
    }
    Ok(())
}
