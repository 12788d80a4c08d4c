//! What health asks of the database.

use crate::statements;
use crate::store::{Engine, StoreError};
use packline_protocol::id::SiteId;
use packline_protocol::time::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Row as _};

statements! {
    /// Imports that wait or run.
    IMPORTS_WAITING = "SELECT COUNT(*) FROM import_job WHERE status IN ('queued', 'running')";
    /// Marks that wait, counted as far as it matters.
    MARKS_WAITING: All = "SELECT COUNT(*) FROM (SELECT row_id FROM replica_dirty LIMIT 100000) AS waiting";
    /// Every site's change log.
    SITES: All = "SELECT site, seq, live, lease_until FROM replica_site ORDER BY site";
}

/// Imports that wait or run.
pub async fn imports_waiting(db: &AnyPool) -> Result<u64, StoreError> {
    count(db, IMPORTS_WAITING).await
}

/// Marks that wait; beyond a hundred thousand they are not counted.
pub async fn marks_waiting(db: &AnyPool) -> Result<u64, StoreError> {
    count(db, MARKS_WAITING).await
}

async fn count(db: &AnyPool, statement: crate::store::Statement) -> Result<u64, StoreError> {
    let row = statement.find(db, statement.query()).await?;
    let count: Option<i64> = row.map(|row| statement.get(&row, 0)).transpose()?;
    Ok(count.unwrap_or_default().unsigned_abs())
}

/// A site's change log: newest change, rows, and until when a hub leads it.
pub struct SiteRow {
    /// Which site.
    pub site: SiteId,
    /// Its newest change.
    pub seq: u64,
    /// Its rows.
    pub rows: u64,
    /// Until when it is led.
    pub led_until: Timestamp,
}

/// Every site's change log.
pub async fn sites(db: &AnyPool) -> Result<Vec<SiteRow>, StoreError> {
    let rows = SITES.all(db, SITES.query()).await?;
    let site = |row: &AnyRow| {
        let site: String = SITES.get(row, 0)?;
        Ok(SiteRow {
            site: SiteId::parse(&site).map_err(|why| StoreError::row(SITES.name, why))?,
            seq: SITES.get::<i64>(row, 1)?.unsigned_abs(),
            rows: SITES.get::<i64>(row, 2)?.unsigned_abs(),
            led_until: Timestamp(SITES.get(row, 3)?),
        })
    };
    rows.iter().map(site).collect()
}

/// How large the database is, in bytes.
pub async fn size(db: &AnyPool, engine: Engine) -> Result<u64, StoreError> {
    let query = match engine {
        Engine::Sqlite => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        Engine::Postgres => "SELECT pg_database_size(current_database())",
    };
    number(db, query).await.map(i64::unsigned_abs)
}

/// The database's own clock, in milliseconds since 1970, where it is another machine's.
pub async fn clock(db: &AnyPool, engine: Engine) -> Result<Option<Timestamp>, StoreError> {
    match engine {
        Engine::Sqlite => Ok(None),
        Engine::Postgres => {
            let query = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";
            number(db, query).await.map(|at| Some(Timestamp(at)))
        }
    }
}

async fn number(db: &AnyPool, query: &'static str) -> Result<i64, StoreError> {
    let row = sqlx::query(query).fetch_one(db).await;
    row.and_then(|row| row.try_get(0)).map_err(|cause| StoreError::sql("health.number", cause))
}
