//! Saved views: lists that people keep under a name, for themselves or for everybody.

use crate::actor::Actor;
use crate::app::App;
use crate::audit;
use crate::audit::model::{Entry, Subject};
use crate::orders::model::{OrderError, SavedView};
use crate::orders::store;
use crate::store::Counter;
use serde_json::json;

/// Views of one person at most.
pub const VIEWS_MAX: i64 = 50;
/// Views that a page shows.
const SHOWN: i64 = 100;

/// The views that somebody sees: their own and shared ones, the oldest first.
pub async fn views_of(app: &App, owner: &str) -> Result<Vec<SavedView>, OrderError> {
    Ok(store::views_of(app.db.read(), owner, SHOWN).await?)
}

/// Keeps a view; one of the same name and owner is replaced. False when its owner has as many as anybody may.
pub async fn save_view(app: &App, view: SavedView, actor: &Actor) -> Result<bool, OrderError> {
    let id = app.db.ids(Counter::SavedView, 1).await?.first().copied().unwrap_or_default();
    let view = SavedView { id: i64::try_from(id).unwrap_or(i64::MAX), ..view };
    let now = app.clock.now();
    let mut tx = app.db.begin("orders.save_view").await?;
    if store::count_views(&mut tx, &view.owner).await? >= VIEWS_MAX {
        return Ok(false);
    }
    store::put_view(&mut tx, &view, now).await?;
    let after = json!({ "name": view.name, "shared": view.shared, "query": view.query });
    let entry = Entry::new(now, actor, "views.save", Subject::new("view", &view.name)).after(after);
    audit::actions::record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(true)
}

/// Forgets a view of its owner; says whether there was one.
pub async fn delete_view(app: &App, id: i64, owner: &str, actor: &Actor) -> Result<bool, OrderError> {
    let mut tx = app.db.begin("orders.delete_view").await?;
    let was_there = store::drop_view(&mut tx, id, owner).await?;
    if was_there {
        let entry = Entry::new(app.clock.now(), actor, "views.delete", Subject::new("view", id));
        audit::actions::record(&mut tx, entry).await?;
    }
    tx.commit().await?;
    Ok(was_there)
}
