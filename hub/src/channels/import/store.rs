//! All SQL of imports.

use super::model::{Format, Job, JobStatus, Options, Problem, Progress};
use crate::store::statement::Bound;
use crate::store::{StoreError, Tx};
use crate::{rows, statements};
use packline_protocol::time::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, Decode, Row as _, Type};

macro_rules! job_columns {
    () => {
        "id, file_name, content_hash, format, options, columns_found, actor, status, failure, created_at, started_at, \
         touched_at, finished_at, bytes_total, bytes_read, rows_read, orders_read, orders_created, orders_changed, \
         orders_unchanged, orders_refused, problems"
    };
}

statements! {
    /// A new import.
    PUT_JOB = "INSERT INTO import_job (id, file_name, content_hash, options, actor, status, created_at, touched_at, \
        bytes_total, bytes_read, rows_read, orders_read, orders_created, orders_changed, orders_unchanged, \
        orders_refused, problems) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, 0, 0, 0, 0, 0, 0, 0, 0)";
    /// One import.
    FIND_JOB = concat!("SELECT ", job_columns!(), " FROM import_job WHERE id = $1");
    /// The newest imports.
    LIST_JOBS: Walk = concat!("SELECT ", job_columns!(), " FROM import_job WHERE id < $1 ORDER BY id DESC LIMIT $2");
    /// Imports that are not over.
    OPEN_JOBS = concat!("SELECT ", job_columns!(), " FROM import_job WHERE status IN ('queued', 'running') ORDER BY id");
    /// When the same content was first brought with the same options: with others it may say something else.
    FIRST_BROUGHT = "SELECT MIN(created_at) FROM import_job WHERE content_hash = $1 AND options = $2";
    /// Reading begins, or begins again.
    BEGIN_JOB = "UPDATE import_job SET status = 'running', started_at = $2, touched_at = $2, bytes_read = 0, \
        rows_read = 0, orders_read = 0, orders_created = 0, orders_changed = 0, orders_unchanged = 0, \
        orders_refused = 0, problems = 0 WHERE id = $1";
    /// How the file is written.
    DESCRIBE_JOB = "UPDATE import_job SET format = $2, columns_found = $3 WHERE id = $1";
    /// How far it is.
    MOVE_JOB = "UPDATE import_job SET touched_at = $2, bytes_read = $3, rows_read = $4, orders_read = $5, \
        orders_created = $6, orders_changed = $7, orders_unchanged = $8, orders_refused = $9, problems = $10 \
        WHERE id = $1";
    /// It is over.
    END_JOB = "UPDATE import_job SET status = $2, failure = $3, finished_at = $4 WHERE id = $1";
    /// Forgets imports that were over before a time, some at once; their problems go with them.
    DROP_OLD_JOBS: Walk = "DELETE FROM import_job WHERE id IN (SELECT id FROM import_job \
        WHERE created_at < $1 AND finished_at < $1 ORDER BY created_at, id LIMIT $2)";
    /// Problems of a run that begins again.
    CUT_PROBLEMS = "DELETE FROM import_error WHERE job_id = $1";
    /// Problems in their order.
    LIST_PROBLEMS = "SELECT place, row_number, order_no, column_name, given, message, is_note FROM import_error \
        WHERE job_id = $1 AND place > $2 ORDER BY place LIMIT $3";
}

rows! {
    /// Adds problems.
    PUT_PROBLEMS [0, 8] = "INSERT INTO import_error (job_id, place, row_number, order_no, column_name, given, message, \
        is_note) VALUES {rows}";
}

/// Forgets some of the imports that were over before `before`; says how many.
pub(super) async fn drop_old(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    DROP_OLD_JOBS.run(tx, DROP_OLD_JOBS.query().bind(before.0).bind(limit)).await
}

pub(super) async fn insert(tx: &mut Tx, job: &Job) -> Result<(), StoreError> {
    let query = PUT_JOB
        .query()
        .bind(job.id)
        .bind(job.file_name.as_str())
        .bind(job.content_hash.as_str())
        .bind(json(&job.options))
        .bind(job.actor.as_str())
        .bind(job.status.word())
        .bind(job.created_at.0)
        .bind(signed(job.progress.bytes_total));
    PUT_JOB.run(tx, query).await.map(drop)
}

pub(super) async fn find(pool: &AnyPool, id: i64) -> Result<Option<Job>, StoreError> {
    let row = FIND_JOB.find(pool, FIND_JOB.query().bind(id)).await?;
    row.as_ref().map(job).transpose()
}

pub(super) async fn list(pool: &AnyPool, before: i64, limit: i64) -> Result<Vec<Job>, StoreError> {
    let rows = LIST_JOBS.all(pool, LIST_JOBS.query().bind(before).bind(limit)).await?;
    rows.iter().map(job).collect()
}

pub(super) async fn open(pool: &AnyPool) -> Result<Vec<Job>, StoreError> {
    let rows = OPEN_JOBS.all(pool, OPEN_JOBS.query()).await?;
    rows.iter().map(job).collect()
}

/// When the content of this import was first brought with these options: by this import, or by one before it.
pub(super) async fn first_brought(pool: &AnyPool, job: &Job) -> Result<Timestamp, StoreError> {
    let query = FIRST_BROUGHT.query().bind(job.content_hash.as_str()).bind(json(&job.options));
    let row = FIRST_BROUGHT.find(pool, query).await?;
    let first: Option<i64> = row.map(|row| FIRST_BROUGHT.get(&row, 0)).transpose()?.flatten();
    Ok(first.map_or(job.created_at, |first| job.created_at.min(Timestamp(first))))
}

pub(super) async fn begin(tx: &mut Tx, id: i64, now: Timestamp) -> Result<(), StoreError> {
    CUT_PROBLEMS.run(tx, CUT_PROBLEMS.query().bind(id)).await?;
    BEGIN_JOB.run(tx, BEGIN_JOB.query().bind(id).bind(now.0)).await.map(drop)
}

pub(super) async fn describe(tx: &mut Tx, job: &Job) -> Result<(), StoreError> {
    let format = job.format.map(Format::word);
    let query = DESCRIBE_JOB.query().bind(job.id).bind(format).bind(job.columns.as_ref().map(json));
    DESCRIBE_JOB.run(tx, query).await.map(drop)
}

pub(super) async fn move_on(tx: &mut Tx, id: i64, at: &Progress, now: Timestamp) -> Result<(), StoreError> {
    let counts = [at.bytes_read, at.rows, at.orders, at.created, at.changed, at.unchanged, at.refused, at.problems];
    let query = MOVE_JOB.query().bind(id).bind(now.0);
    let query = counts.into_iter().fold(query, |query, count| query.bind(signed(count)));
    MOVE_JOB.run(tx, query).await.map(drop)
}

pub(super) async fn end(
    tx: &mut Tx,
    id: i64,
    status: JobStatus,
    failure: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let query = END_JOB.query().bind(id).bind(status.word()).bind(failure).bind(now.0);
    END_JOB.run(tx, query).await.map(drop)
}

/// A problem with its job and place.
pub(super) struct ProblemRow {
    pub job: i64,
    pub place: i64,
    pub problem: Problem,
}

pub(super) async fn add_problems(tx: &mut Tx, problems: &[ProblemRow]) -> Result<(), StoreError> {
    PUT_PROBLEMS.write(tx, problems, bind_problem).await.map(drop)
}

fn bind_problem<'q>(query: Bound<'q>, row: &'q ProblemRow) -> Bound<'q> {
    let problem = &row.problem;
    query
        .bind(row.job)
        .bind(row.place)
        .bind(signed(problem.row))
        .bind(problem.order_no.as_deref())
        .bind(problem.column.as_deref())
        .bind(problem.given.as_deref())
        .bind(problem.message.as_str())
        .bind(i64::from(problem.note))
}

/// Problems after a place, each with its own place.
pub(super) async fn problems(
    pool: &AnyPool,
    job: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, Problem)>, StoreError> {
    let query = LIST_PROBLEMS.query().bind(job).bind(after).bind(limit);
    let mut found = Vec::new();
    for row in LIST_PROBLEMS.all(pool, query).await? {
        let mut columns = Columns { row: &row, next: 0 };
        let place = columns.take()?;
        let problem = Problem {
            row: columns.count()?,
            order_no: columns.take()?,
            column: columns.take()?,
            given: columns.take()?,
            message: columns.take()?,
            note: columns.take::<i64>()? != 0,
        };
        found.push((place, problem));
    }
    Ok(found)
}

fn job(row: &AnyRow) -> Result<Job, StoreError> {
    let mut columns = Columns { row, next: 0 };
    Ok(Job {
        id: columns.take()?,
        file_name: columns.take()?,
        content_hash: columns.take()?,
        format: columns.take::<Option<String>>()?.and_then(|word| Format::from_word(&word)),
        options: serde_json::from_str::<Options>(&columns.take::<String>()?).map_err(unreadable)?,
        columns: match columns.take::<Option<String>>()? {
            Some(text) => Some(serde_json::from_str(&text).map_err(unreadable)?),
            None => None,
        },
        actor: columns.take()?,
        status: JobStatus::from_word(&columns.take::<String>()?).ok_or_else(|| unreadable("status"))?,
        failure: columns.take()?,
        created_at: columns.take().map(Timestamp)?,
        started_at: columns.take::<Option<i64>>()?.map(Timestamp),
        touched_at: columns.take().map(Timestamp)?,
        finished_at: columns.take::<Option<i64>>()?.map(Timestamp),
        progress: Progress {
            bytes_total: columns.count()?,
            bytes_read: columns.count()?,
            rows: columns.count()?,
            orders: columns.count()?,
            created: columns.count()?,
            changed: columns.count()?,
            unchanged: columns.count()?,
            refused: columns.count()?,
            problems: columns.count()?,
        },
    })
}

fn unreadable(why: impl ToString) -> StoreError {
    StoreError::row("FIND_JOB", why)
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

    fn count(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.take::<i64>()?).map_err(unreadable)
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data always encodes")
}
