//! All SQL of exports.

use super::model::{Format, Job, Status};
use crate::statements;
use crate::store::{StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, Decode, Row as _, Type};

macro_rules! job_columns {
    () => {
        "id, actor, format, language, query, with_money, status, failure, rows_written, rows_expected, bytes, \
         created_at, touched_at, finished_at"
    };
}

statements! {
    /// A new export.
    PUT_JOB = "INSERT INTO export_job (id, actor, format, language, query, with_money, status, rows_written, \
        rows_expected, bytes, created_at, touched_at) VALUES ($1, $2, $3, $4, $5, $6, 'queued', 0, $7, 0, $8, $8)";
    /// One export.
    FIND_JOB = concat!("SELECT ", job_columns!(), " FROM export_job WHERE id = $1");
    /// The newest exports of somebody.
    JOBS_OF: Walk = concat!("SELECT ", job_columns!(), " FROM export_job WHERE actor = $1 ORDER BY id DESC LIMIT $2");
    /// Exports with this status, the oldest first.
    JOBS_IN: Walk = concat!("SELECT ", job_columns!(), " FROM export_job WHERE status = $1 ORDER BY id LIMIT $2");
    /// How many exports of somebody are not over.
    COUNT_OPEN = "SELECT COUNT(*) FROM export_job WHERE actor = $1 AND finished_at IS NULL";
    /// Writing begins, once.
    BEGIN_JOB = "UPDATE export_job SET status = 'running', touched_at = $2 WHERE id = $1 AND status = 'queued'";
    /// How far it is, unless somebody stopped it.
    MOVE_JOB = "UPDATE export_job SET rows_written = $2, touched_at = $3 WHERE id = $1 AND status = 'running'";
    /// It is over, unless it was already.
    END_JOB = "UPDATE export_job SET status = $2, failure = $3, rows_written = $4, bytes = $5, finished_at = $6 \
        WHERE id = $1 AND status IN ('queued', 'running')";
    /// Its file is gone.
    EXPIRE_JOB = "UPDATE export_job SET status = 'expired' WHERE id = $1 AND status = 'done'";
}

pub(super) async fn insert(tx: &mut Tx, job: &Job) -> Result<(), StoreError> {
    let query = PUT_JOB
        .query()
        .bind(job.id)
        .bind(job.actor.as_str())
        .bind(job.format.word())
        .bind(job.language.as_str())
        .bind(job.query.as_str())
        .bind(i64::from(job.with_money))
        .bind(signed(job.expected))
        .bind(job.created_at.0);
    PUT_JOB.run(tx, query).await.map(drop)
}

pub(super) async fn find(pool: &AnyPool, id: i64) -> Result<Option<Job>, StoreError> {
    let row = FIND_JOB.find(pool, FIND_JOB.query().bind(id)).await?;
    row.as_ref().map(job).transpose()
}

pub(super) async fn jobs_of(pool: &AnyPool, actor: &str, limit: i64) -> Result<Vec<Job>, StoreError> {
    JOBS_OF.all(pool, JOBS_OF.query().bind(actor).bind(limit)).await?.iter().map(job).collect()
}

pub(super) async fn jobs_in(pool: &AnyPool, status: Status, limit: i64) -> Result<Vec<Job>, StoreError> {
    JOBS_IN.all(pool, JOBS_IN.query().bind(status.word()).bind(limit)).await?.iter().map(job).collect()
}

pub(super) async fn count_open(tx: &mut Tx, actor: &str) -> Result<i64, StoreError> {
    COUNT_OPEN.one(tx, COUNT_OPEN.query().bind(actor)).await
}

/// False when another process has it, or it was cancelled.
pub(super) async fn begin(tx: &mut Tx, id: i64, now: Timestamp) -> Result<bool, StoreError> {
    Ok(BEGIN_JOB.run(tx, BEGIN_JOB.query().bind(id).bind(now.0)).await? == 1)
}

/// False when somebody stopped it.
pub(super) async fn move_on(tx: &mut Tx, id: i64, rows: u64, now: Timestamp) -> Result<bool, StoreError> {
    Ok(MOVE_JOB.run(tx, MOVE_JOB.query().bind(id).bind(signed(rows)).bind(now.0)).await? == 1)
}

/// How an export ended.
pub(super) struct End<'a> {
    pub status: Status,
    pub failure: Option<&'a str>,
    pub rows: u64,
    pub bytes: u64,
}

/// False when it was over already.
pub(super) async fn end(tx: &mut Tx, id: i64, end: &End<'_>, now: Timestamp) -> Result<bool, StoreError> {
    let query = END_JOB.query().bind(id).bind(end.status.word()).bind(end.failure);
    let query = query.bind(signed(end.rows)).bind(signed(end.bytes)).bind(now.0);
    Ok(END_JOB.run(tx, query).await? == 1)
}

pub(super) async fn expire(tx: &mut Tx, id: i64) -> Result<(), StoreError> {
    EXPIRE_JOB.run(tx, EXPIRE_JOB.query().bind(id)).await.map(drop)
}

fn job(row: &AnyRow) -> Result<Job, StoreError> {
    let mut columns = Columns { row, next: 0 };
    Ok(Job {
        id: columns.take()?,
        actor: columns.take()?,
        format: columns.parsed(Format::parse)?,
        language: columns.take()?,
        query: columns.take()?,
        with_money: columns.take::<i64>()? != 0,
        status: columns.parsed(Status::parse)?,
        failure: columns.take()?,
        rows: columns.count()?,
        expected: columns.count()?,
        bytes: columns.count()?,
        created_at: columns.take().map(Timestamp)?,
        touched_at: columns.take().map(Timestamp)?,
        finished_at: columns.take::<Option<i64>>()?.map(Timestamp),
    })
}

/// Reads the columns of a row from left to right.
struct Columns<'r> {
    row: &'r AnyRow,
    next: usize,
}

impl<'r> Columns<'r> {
    fn take<T: Decode<'r, Any> + Type<Any>>(&mut self) -> Result<T, StoreError> {
        self.next += 1;
        self.row.try_get(self.next - 1).map_err(|cause| StoreError::sql("FIND_JOB", cause))
    }

    fn parsed<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        let word = self.take::<String>()?;
        parse(&word).ok_or_else(|| StoreError::row("FIND_JOB", format!("`{word}`")))
    }

    fn count(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.take::<i64>()?).map_err(|_| StoreError::row("FIND_JOB", "a count below zero"))
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
