//! SQL of saved views.

use crate::orders::model::SavedView;
use crate::statements;
use crate::store::{StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;

statements! {
    /// Views that somebody sees: their own and shared ones.
    VIEWS_OF: Walk = "SELECT id, owner, name, shared, query FROM saved_view WHERE owner = $1 \
        UNION SELECT id, owner, name, shared, query FROM saved_view WHERE shared = 1 ORDER BY id LIMIT $2";
    /// How many views somebody has.
    COUNT_VIEWS = "SELECT COUNT(*) FROM saved_view WHERE owner = $1";
    /// Keeps a view; one of the same name is replaced.
    PUT_VIEW = "INSERT INTO saved_view (id, owner, name, shared, query, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT (owner, name) DO UPDATE SET shared = excluded.shared, query = excluded.query";
    /// Forgets a view of its owner.
    DROP_VIEW = "DELETE FROM saved_view WHERE id = $1 AND owner = $2";
}

pub(in crate::orders) async fn views_of(pool: &AnyPool, owner: &str, limit: i64) -> Result<Vec<SavedView>, StoreError> {
    let rows = VIEWS_OF.all(pool, VIEWS_OF.query().bind(owner).bind(limit)).await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in &rows {
        views.push(SavedView {
            id: VIEWS_OF.get(row, 0)?,
            owner: VIEWS_OF.get(row, 1)?,
            name: VIEWS_OF.get(row, 2)?,
            shared: VIEWS_OF.get::<i64>(row, 3)? != 0,
            query: VIEWS_OF.get(row, 4)?,
        });
    }
    Ok(views)
}

pub(in crate::orders) async fn count_views(tx: &mut Tx, owner: &str) -> Result<i64, StoreError> {
    COUNT_VIEWS.one(tx, COUNT_VIEWS.query().bind(owner)).await
}

pub(in crate::orders) async fn put_view(tx: &mut Tx, view: &SavedView, now: Timestamp) -> Result<(), StoreError> {
    let query = PUT_VIEW.query().bind(view.id).bind(view.owner.as_str()).bind(view.name.as_str());
    let query = query.bind(i64::from(view.shared)).bind(view.query.as_str()).bind(now.0);
    PUT_VIEW.run(tx, query).await.map(drop)
}

/// Says whether there was one.
pub(in crate::orders) async fn drop_view(tx: &mut Tx, id: i64, owner: &str) -> Result<bool, StoreError> {
    Ok(DROP_VIEW.run(tx, DROP_VIEW.query().bind(id).bind(owner)).await? > 0)
}
