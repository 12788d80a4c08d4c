//! What only SQLite is asked: a copy of a database in use, and whether a copy is sound.

use super::{Content, content, failed};
use crate::store::StoreError;
use packline_protocol::time::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AnyConnection, ConnectOptions as _, Connection as _, Row as _};
use std::path::Path;
use std::time::Duration;

const BUSY_LIMIT: Duration = Duration::from_secs(30);

/// Writes the database as it is at this moment to `to`. Writers go on meanwhile.
pub async fn copy(file: &Path, to: &Path) -> Result<(), StoreError> {
    let name = to.to_str().ok_or_else(|| StoreError::row("backup.copy", "the folder's name is not UTF-8"))?;
    let mut conn = connect(file, false).await?;
    sqlx::query("VACUUM INTO $1").bind(name).execute(&mut conn).await.map_err(failed("backup.copy"))?;
    conn.close().await.map_err(failed("backup.copy"))
}

/// What is wrong with a copy, as SQLite itself sees it; nothing when it is sound.
pub async fn faults(file: &Path) -> Result<Vec<String>, StoreError> {
    let mut conn = connect(file, true).await?;
    let rows = sqlx::query("PRAGMA integrity_check(20)").fetch_all(&mut conn).await.map_err(failed("backup.faults"))?;
    let mut faults: Vec<String> =
        rows.iter().filter_map(|row| row.try_get(0).ok()).filter(|said| said != "ok").collect();
    if rows.is_empty() {
        faults.push("SQLite says nothing about it".to_owned());
    }
    let rows = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut conn).await.map_err(failed("backup.faults"))?;
    faults.extend(rows.iter().take(20).map(|row| {
        let table: String = row.try_get(0).unwrap_or_default();
        format!("a row of `{table}` hangs on nothing")
    }));
    conn.close().await.map_err(failed("backup.faults"))?;
    Ok(faults)
}

/// What a copy holds.
pub async fn content_of(file: &Path) -> Result<Content, StoreError> {
    let name = file.to_str().ok_or_else(|| StoreError::row("backup.content", "the folder's name is not UTF-8"))?;
    sqlx::any::install_default_drivers();
    let url = crate::store::sqlite_url(name, "ro&immutable=1");
    let mut conn = AnyConnection::connect(&url).await.map_err(failed("backup.content"))?;
    let content = content(&mut conn).await;
    conn.close().await.map_err(failed("backup.content"))?;
    content
}

/// Notes in a copy that it is about to be put in place.
pub async fn mark_restored(file: &Path, now: Timestamp, backup_at: Timestamp, hash: &str) -> Result<(), StoreError> {
    let mut conn = connect(file, false).await?;
    let query = super::PUT_RESTORED.sql;
    let done = sqlx::query(query).bind(now.0).bind(backup_at.0).bind(hash.to_owned()).execute(&mut conn).await;
    done.map_err(failed("backup.mark_restored"))?;
    conn.close().await.map_err(failed("backup.mark_restored"))
}

/// Folds what a database that nobody uses has in its log into its file. A damaged one stays as it is.
pub async fn fold_log(file: &Path) -> Result<(), StoreError> {
    let mut conn = connect(file, false).await?;
    let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut conn).await;
    folded.map_err(failed("backup.fold_log"))?;
    conn.close().await.map_err(failed("backup.fold_log"))
}

async fn connect(file: &Path, read_only: bool) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new().filename(file).read_only(read_only).busy_timeout(BUSY_LIMIT);
    options.immutable(read_only).connect().await.map_err(failed("backup.open"))
}
