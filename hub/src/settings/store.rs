//! All SQL of settings.

use super::model::{Change, Values};
use crate::statements;
use crate::store::{Statement, StoreError, Tx};
use packline_protocol::time::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool};

/// Columns of a change, in the order in which [`change`] reads them.
macro_rules! changes {
    ($rest:literal) => {
        concat!("SELECT id, scope, name, changed_at, actor, before_content, after_content FROM setting_change ", $rest)
    };
}

statements! {
    /// All settings that are not as they come.
    LIST_SETTINGS: All = "SELECT name, content FROM setting ORDER BY name";
    /// Changes a setting.
    PUT_SETTING = "INSERT INTO setting (name, content, changed_at) VALUES ($1, $2, $3) \
        ON CONFLICT (name) DO UPDATE SET content = excluded.content, changed_at = excluded.changed_at";
    /// Writes a change down.
    ADD_CHANGE = "INSERT INTO setting_change (id, scope, name, changed_at, actor, before_content, after_content) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    /// The newest changes below a number.
    CHANGES: Walk = changes!("WHERE id < $1 ORDER BY id DESC LIMIT $2");
    /// The newest changes of a scope below a number.
    CHANGES_OF: Walk = changes!("WHERE scope = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
    /// One change.
    FIND_CHANGE = changes!("WHERE id = $1");
}

/// All settings that are not as they come.
pub async fn settings(db: &AnyPool) -> Result<Values, StoreError> {
    read(LIST_SETTINGS.all(db, LIST_SETTINGS.query()).await?)
}

/// As [`settings`], inside a transaction.
pub async fn settings_in(conn: &mut AnyConnection) -> Result<Values, StoreError> {
    read(LIST_SETTINGS.all(conn, LIST_SETTINGS.query()).await?)
}

fn read(rows: Vec<AnyRow>) -> Result<Values, StoreError> {
    let pair = |row: &AnyRow| {
        let content: String = LIST_SETTINGS.get(row, 1)?;
        // What is no JSON is kept as text, which no setting but a text accepts.
        Ok((LIST_SETTINGS.get(row, 0)?, serde_json::from_str(&content).unwrap_or(Value::String(content))))
    };
    rows.iter().map(pair).collect()
}

/// Changes a setting.
pub async fn put(tx: &mut Tx, name: &str, value: &Value, now: Timestamp) -> Result<(), StoreError> {
    let query = PUT_SETTING.query().bind(name.to_owned()).bind(value.to_string()).bind(now.0);
    PUT_SETTING.run(tx, query).await.map(|_| ())
}

/// Writes a change down.
pub async fn add_change(tx: &mut Tx, change: &Change) -> Result<(), StoreError> {
    let query = ADD_CHANGE
        .query()
        .bind(change.id)
        .bind(change.scope.clone())
        .bind(change.name.clone())
        .bind(change.at.0)
        .bind(change.actor.clone())
        .bind(change.before.to_string())
        .bind(change.after.to_string());
    ADD_CHANGE.run(tx, query).await.map(|_| ())
}

/// Up to `limit` changes below number `before`, the newest first; of one scope if it is given.
pub async fn changes(db: &AnyPool, scope: Option<&str>, before: i64, limit: i64) -> Result<Vec<Change>, StoreError> {
    let (statement, query) = match scope {
        None => (CHANGES, CHANGES.query().bind(before)),
        Some(scope) => (CHANGES_OF, CHANGES_OF.query().bind(scope.to_owned()).bind(before)),
    };
    statement.all(db, query.bind(limit)).await?.iter().map(|row| change(statement, row)).collect()
}

/// One change.
pub async fn find_change(db: &AnyPool, id: i64) -> Result<Option<Change>, StoreError> {
    let row = FIND_CHANGE.find(db, FIND_CHANGE.query().bind(id)).await?;
    row.map(|row| change(FIND_CHANGE, &row)).transpose()
}

fn change(statement: Statement, row: &AnyRow) -> Result<Change, StoreError> {
    let value = |place| {
        let text: String = statement.get(row, place)?;
        Ok::<_, StoreError>(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    };
    Ok(Change {
        id: statement.get(row, 0)?,
        scope: statement.get(row, 1)?,
        name: statement.get(row, 2)?,
        at: Timestamp(statement.get(row, 3)?),
        actor: statement.get(row, 4)?,
        before: value(5)?,
        after: value(6)?,
    })
}
