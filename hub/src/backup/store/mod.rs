//! All SQL of backups: the runs, what a copy of the database holds, and what a restore changes in it. What only one
//! engine understands is in a file of its own.

pub mod postgres;
pub mod sqlite;

use super::model::{JournalPosition, NUMBERS_LEFT_OUT, Run};
use crate::store::{Connection, Statement, StoreError, Tx, tables};
use crate::{rows, statements};
use packline_protocol::id::{ScanSeq, StationEpoch, StationId};
use packline_protocol::time::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Row as _};
use std::collections::BTreeMap;

/// Columns of a run, in the order in which [`run`] reads them.
macro_rules! runs {
    ($rest:literal) => {
        concat!(
            "SELECT id, actor, status, target, off_machine, started_at, finished_at, bytes, failure FROM backup_run ",
            $rest
        )
    };
}

statements! {
    /// A backup begins, unless one for the same day did.
    ADD_RUN = "INSERT INTO backup_run (id, due, actor, status, target, off_machine, started_at) \
        VALUES ($1, $2, $3, 'running', $4, $5, $6) ON CONFLICT (due) DO NOTHING";
    /// A backup is done.
    END_RUN = "UPDATE backup_run SET status = 'done', finished_at = $2, bytes = $3, content_hash = $4 WHERE id = $1";
    /// A backup failed; its day is free for another try.
    FAIL_RUN = "UPDATE backup_run SET status = 'failed', finished_at = $2, failure = $3, due = NULL WHERE id = $1";
    /// Backups that a program never came back from.
    FAIL_RUNNING: All = "UPDATE backup_run SET status = 'failed', finished_at = $1, failure = $2, due = NULL \
        WHERE status = 'running'";
    /// The newest backups.
    RECENT_RUNS: Walk = runs!("ORDER BY started_at DESC, id DESC LIMIT $1");
    /// The newest backup that is done.
    LAST_DONE: Walk = runs!("WHERE status = 'done' ORDER BY started_at DESC, id DESC LIMIT 1");
    /// Whether the backup for a day is made or being made.
    FIND_DUE = "SELECT id FROM backup_run WHERE due = $1";
    /// How far each journal is in.
    POSITIONS: All = "SELECT station, station_epoch, upto FROM ingest_position ORDER BY station, station_epoch";
    /// Where each change log stands.
    LOGS: All = "SELECT site, epoch, seq FROM replica_site ORDER BY site";
    /// Notes that this database was put here from a backup.
    PUT_RESTORED = "INSERT INTO restored (only_row, restored_at, backup_at, content_hash, pending) \
        VALUES (1, $1, $2, $3, 1) ON CONFLICT (only_row) DO UPDATE SET restored_at = excluded.restored_at, \
        backup_at = excluded.backup_at, content_hash = excluded.content_hash, pending = 1";
    /// Whether a restore is to be finished.
    FIND_RESTORED = "SELECT backup_at, pending FROM restored WHERE only_row = 1";
    /// The restore is finished.
    END_RESTORE = "UPDATE restored SET pending = 0 WHERE only_row = 1";
    /// Nobody leads a site.
    END_LEASES: All = "UPDATE replica_site SET lease_until = 0";
    /// Leaves out numbers that the lost hub may have given.
    SKIP_NUMBERS: All = "UPDATE counter SET next_value = next_value + $1";
    /// Everybody logs in anew.
    END_SESSIONS: All = "DELETE FROM session";
    /// Nobody enrols with an old invitation.
    END_CLAIMS: All = "DELETE FROM station_claim";
    /// What was wanted outside may have been done since by the hub that was lost: a person decides.
    HOLD_EFFECTS: All = "UPDATE effect SET state = 'given_up', ended_at = $1, problem = $2 \
        WHERE state IN ('waiting', 'running')";
    /// When a hub will have let go of a site.
    LAST_LEASE: All = "SELECT MAX(lease_until) FROM replica_site";
}

rows! {
    /// Records of these journals are in a backup that survives this machine.
    PUT_SAFE [0; TEXT, BIGINT, BIGINT] = "UPDATE ingest_position SET safe_upto = given.column3 \
        FROM (VALUES {rows}) AS given WHERE ingest_position.station = given.column1 \
        AND ingest_position.station_epoch = given.column2 AND ingest_position.safe_upto < given.column3";
}

/// A backup that begins.
#[derive(Debug)]
pub struct NewRun<'a> {
    /// Its number.
    pub id: i64,
    /// The day for which it is due, when it is the schedule's.
    pub due: Option<String>,
    /// Who asked.
    pub actor: String,
    /// The file.
    pub target: &'a str,
    /// Whether it survives the loss of this machine.
    pub off_machine: bool,
}

/// Notes that a backup begins; `false` when the one for its day did already.
pub async fn add_run(tx: &mut Tx, new: &NewRun<'_>, now: Timestamp) -> Result<bool, StoreError> {
    let query = ADD_RUN
        .query()
        .bind(new.id)
        .bind(new.due.clone())
        .bind(new.actor.clone())
        .bind(new.target.to_owned())
        .bind(i64::from(new.off_machine))
        .bind(now.0);
    Ok(ADD_RUN.run(tx, query).await? > 0)
}

/// A backup is done.
pub async fn end_run(tx: &mut Tx, id: i64, bytes: u64, hash: &str, now: Timestamp) -> Result<(), StoreError> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    END_RUN.run(tx, END_RUN.query().bind(id).bind(now.0).bind(bytes).bind(hash.to_owned())).await.map(|_| ())
}

/// A backup failed.
pub async fn fail_run(tx: &mut Tx, id: i64, why: &str, now: Timestamp) -> Result<(), StoreError> {
    FAIL_RUN.run(tx, FAIL_RUN.query().bind(id).bind(now.0).bind(why.to_owned())).await.map(|_| ())
}

/// Every backup that should still run was cut off.
pub async fn fail_running(tx: &mut Tx, why: &str, now: Timestamp) -> Result<u64, StoreError> {
    FAIL_RUNNING.run(tx, FAIL_RUNNING.query().bind(now.0).bind(why.to_owned())).await
}

/// Up to `limit` backups, the newest first.
pub async fn recent_runs(db: &AnyPool, limit: i64) -> Result<Vec<Run>, StoreError> {
    RECENT_RUNS.all(db, RECENT_RUNS.query().bind(limit)).await?.iter().map(|row| run(RECENT_RUNS, row)).collect()
}

/// The newest backup that is done.
pub async fn last_done(db: &AnyPool) -> Result<Option<Run>, StoreError> {
    let row = LAST_DONE.find(db, LAST_DONE.query()).await?;
    row.map(|row| run(LAST_DONE, &row)).transpose()
}

/// Whether the backup for this day is made or being made.
pub async fn has_due(db: &AnyPool, due: &str) -> Result<bool, StoreError> {
    Ok(FIND_DUE.find(db, FIND_DUE.query().bind(due.to_owned())).await?.is_some())
}

/// Records of these journals are in a backup that survives this machine; a position never goes back.
pub async fn put_safe(tx: &mut Tx, positions: &[JournalPosition]) -> Result<(), StoreError> {
    PUT_SAFE
        .write(tx, positions, |query, position| {
            query
                .bind(position.station.as_str().to_owned())
                .bind(position.station_epoch.0.cast_signed())
                .bind(position.upto.0.cast_signed())
        })
        .await?;
    Ok(())
}

/// What a database holds, as far as a manifest says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its schema.
    pub schema: i64,
    /// Rows of each table.
    pub tables: BTreeMap<String, u64>,
    /// How far each journal is in.
    pub positions: Vec<JournalPosition>,
    /// Where each change log stands, in words.
    pub logs: BTreeMap<String, String>,
}

/// What the database on this connection holds. Read inside one view, it belongs together.
pub async fn content(conn: &mut Connection) -> Result<Content, StoreError> {
    let mut counts = BTreeMap::new();
    for table in tables() {
        counts.insert(table.to_owned(), count(conn, table).await?);
    }
    let row = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&mut *conn).await;
    let schema = row.and_then(|row| row.try_get::<Option<i64>, _>(0)).map_err(failed("backup.schema"))?;
    let (positions, logs) = (positions(conn).await?, logs(conn).await?);
    Ok(Content { schema: schema.unwrap_or_default(), tables: counts, positions, logs })
}

/// The number of rows of one of the hub's tables: the name is one of its own migrations.
pub async fn count(conn: &mut Connection, table: &str) -> Result<u64, StoreError> {
    let row = sqlx::query(AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"))).fetch_one(&mut *conn).await;
    let count: i64 = row.and_then(|row| row.try_get(0)).map_err(failed("backup.count"))?;
    Ok(count.unsigned_abs())
}

async fn positions(conn: &mut Connection) -> Result<Vec<JournalPosition>, StoreError> {
    let rows = POSITIONS.all(conn, POSITIONS.query()).await?;
    let position = |row: &AnyRow| {
        let station: String = POSITIONS.get(row, 0)?;
        Ok(JournalPosition {
            station: StationId::parse(&station).map_err(|why| StoreError::row(POSITIONS.name, why))?,
            station_epoch: StationEpoch(POSITIONS.get::<i64>(row, 1)?.cast_unsigned()),
            upto: ScanSeq(POSITIONS.get::<i64>(row, 2)?.cast_unsigned()),
        })
    };
    rows.iter().map(position).collect()
}

async fn logs(conn: &mut Connection) -> Result<BTreeMap<String, String>, StoreError> {
    let rows = LOGS.all(conn, LOGS.query()).await?;
    let log = |row: &AnyRow| {
        let (epoch, seq): (i64, i64) = (LOGS.get(row, 1)?, LOGS.get(row, 2)?);
        Ok((LOGS.get(row, 0)?, format!("{:016x}/{seq}", epoch.cast_unsigned())))
    };
    rows.iter().map(log).collect()
}

/// Where a restored database came from, and whether the restore is to be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made.
    pub backup_at: Timestamp,
    /// Whether something is left to do.
    pub pending: bool,
}

/// The restore that this database came from, if it did.
pub async fn find_restored(db: &AnyPool) -> Result<Option<Restored>, StoreError> {
    let row = FIND_RESTORED.find(db, FIND_RESTORED.query()).await?;
    let restored = |row: AnyRow| {
        let pending = FIND_RESTORED.get::<i64>(&row, 1)? != 0;
        Ok(Restored { backup_at: Timestamp(FIND_RESTORED.get(&row, 0)?), pending })
    };
    row.map(restored).transpose()
}

/// Takes out of a restored database what was true only for the hub that was lost: leases, sessions, invitations, and
/// numbers that it may have given since. What it may have done outside since is left to people.
pub async fn forget_the_lost_hub(tx: &mut Tx, now: Timestamp) -> Result<(), StoreError> {
    let why = "the database was restored from a backup, and the hub that was lost may have done it since";
    HOLD_EFFECTS.run(tx, HOLD_EFFECTS.query().bind(now.0).bind(why)).await?;
    END_LEASES.run(tx, END_LEASES.query()).await?;
    END_SESSIONS.run(tx, END_SESSIONS.query()).await?;
    END_CLAIMS.run(tx, END_CLAIMS.query()).await?;
    SKIP_NUMBERS.run(tx, SKIP_NUMBERS.query().bind(NUMBERS_LEFT_OUT)).await.map(|_| ())
}

/// The restore is finished.
pub async fn end_restore(tx: &mut Tx) -> Result<(), StoreError> {
    END_RESTORE.run(tx, END_RESTORE.query()).await.map(|_| ())
}

/// When every hub that leads a site now will have let go of it, unless it goes on.
pub async fn last_lease(db: &AnyPool) -> Result<Timestamp, StoreError> {
    let row = LAST_LEASE.find(db, LAST_LEASE.query()).await?;
    let until: Option<Option<i64>> = row.map(|row| LAST_LEASE.get(&row, 0)).transpose()?;
    Ok(Timestamp(until.flatten().unwrap_or_default()))
}

fn run(statement: Statement, row: &AnyRow) -> Result<Run, StoreError> {
    Ok(Run {
        id: statement.get(row, 0)?,
        actor: statement.get(row, 1)?,
        status: statement.get(row, 2)?,
        target: statement.get(row, 3)?,
        off_machine: statement.get::<i64>(row, 4)? != 0,
        started_at: Timestamp(statement.get(row, 5)?),
        finished_at: statement.get::<Option<i64>>(row, 6)?.map(Timestamp),
        bytes: statement.get(row, 7)?,
        failure: statement.get(row, 8)?,
    })
}

fn failed(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |cause| StoreError::sql(what, cause)
}
