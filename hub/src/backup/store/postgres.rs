//! What only PostgreSQL is asked: a moment that other connections can share, and the SQL around a restore.

use super::failed;
use crate::store::{Connection, StoreError, tables};
use packline_protocol::time::Timestamp;
use sqlx::Row as _;

/// Gives the moment that this connection's view shows a name under which `pg_dump` sees the same. It holds as long as
/// the view is open.
pub async fn share_moment(conn: &mut Connection) -> Result<String, StoreError> {
    // A large dump takes longer than a forgotten transaction may.
    let patience = sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0").execute(&mut *conn).await;
    patience.map_err(failed("backup.share_moment"))?;
    let row = sqlx::query("SELECT pg_export_snapshot()").fetch_one(&mut *conn).await;
    row.and_then(|row| row.try_get(0)).map_err(failed("backup.share_moment"))
}

/// Which of the hub's tables are there, without their schema's own list.
pub async fn tables_there(conn: &mut Connection) -> Result<Vec<String>, StoreError> {
    let query = "SELECT CAST(tablename AS TEXT) FROM pg_catalog.pg_tables WHERE schemaname = 'public'";
    let rows = sqlx::query(query).fetch_all(&mut *conn).await.map_err(failed("backup.tables_there"))?;
    let names = rows.iter().filter_map(|row| row.try_get::<String, _>(0).ok());
    Ok(names.filter(|name| tables().contains(&name.as_str())).collect())
}

/// What runs before the restored tables are made: ours go, and nothing else.
pub fn before_restore() -> String {
    let names: Vec<String> = tables().into_iter().map(|table| format!("public.{table}")).collect();
    format!("DROP TABLE IF EXISTS {}, public._sqlx_migrations CASCADE;\n", names.join(", "))
}

/// What runs after them, in the same transaction.
pub fn after_restore(now: Timestamp, backup_at: Timestamp, hash: &str) -> String {
    let digits: String = hash.chars().filter(char::is_ascii_hexdigit).collect();
    format!(
        "DELETE FROM public.restored;\n\
         INSERT INTO public.restored (only_row, restored_at, backup_at, content_hash, pending) \
         VALUES (1, {}, {}, '{digits}', 1);\nANALYZE;\n",
        now.0, backup_at.0
    )
}
