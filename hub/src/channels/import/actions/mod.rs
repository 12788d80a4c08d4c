//! What can be done with imports.

pub(super) mod run;
pub mod upload;

use super::mapping;
use super::model::{ImportError, Job, JobStatus, Options, Problem, Progress};
use super::store;
use crate::actor::Actor;
use crate::app::App;
use crate::audit::actions::record_all;
use crate::audit::model::{Entry, Subject};
use crate::sheet::harmless;
use crate::store::Counter;
use packline_protocol::id::SiteId;
use packline_protocol::time::Timestamp;

/// Imports or problems on a page at most.
pub const PAGE_MAX: usize = 500;

/// A new import of a file, not yet in the store.
pub async fn new_job(
    app: &App,
    file_name: &str,
    content_hash: String,
    length: u64,
    options: Options,
    actor: &Actor,
) -> Result<Job, ImportError> {
    check(&options)?;
    let id = app.db.ids(Counter::ImportJob, 1).await?;
    let now = app.clock.now();
    Ok(Job {
        id: id.first().map_or(0, |id| i64::try_from(*id).unwrap_or(i64::MAX)),
        file_name: clean_name(file_name),
        content_hash,
        format: None,
        options,
        columns: None,
        actor: actor.to_string(),
        status: JobStatus::Queued,
        failure: None,
        created_at: now,
        started_at: None,
        touched_at: now,
        finished_at: None,
        progress: Progress { bytes_total: length, ..Progress::default() },
    })
}

/// Whether the options can be used, before anything is read.
pub fn check(options: &Options) -> Result<(), ImportError> {
    mapping::fields_of(&options.mapping)?;
    match &options.platform {
        Some(platform) if SiteId::parse(platform).is_err() => Err(ImportError::Option {
            name: "platform",
            given: platform.chars().take(64).collect(),
            accepted: "1 to 32 characters of a-z, 0-9 and `-`, for example pos",
        }),
        _ => Ok(()),
    }
}

/// Writes a new import down: from here on it will be read, whatever happens.
pub async fn queue(app: &App, job: &Job) -> Result<(), ImportError> {
    let mut tx = app.db.begin("imports.queue").await?;
    store::insert(&mut tx, job).await?;
    record_all(&mut tx, entry(job).into_iter().collect()).await?;
    tx.commit().await?;
    app.show("import", shown(job));
    Ok(())
}

/// What the audit log says of a new import: who brought which file. What became of its orders stands with the import.
fn entry(job: &Job) -> Option<Entry> {
    let after = serde_json::json!({
        "file": job.file_name,
        "blake3": job.content_hash,
        "bytes": job.progress.bytes_total,
        "options": job.options,
    });
    let by = Actor::parse(&job.actor)?;
    Some(Entry::new(job.created_at, &by, "imports.queue", Subject::new("import", job.id)).after(after))
}

/// An import.
pub async fn get(app: &App, id: i64) -> Result<Option<Job>, ImportError> {
    Ok(store::find(app.db.read(), id).await?)
}

/// The newest imports before one, newest first.
pub async fn list(app: &App, before: Option<i64>, limit: usize) -> Result<Vec<Job>, ImportError> {
    let limit = i64::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(i64::MAX);
    Ok(store::list(app.db.read(), before.unwrap_or(i64::MAX), limit).await?)
}

/// What was wrong in a file, in its order, after a place. Each comes with its place.
pub async fn problems(app: &App, job: i64, after: i64, limit: usize) -> Result<Vec<(i64, Problem)>, ImportError> {
    let limit = i64::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(i64::MAX);
    Ok(store::problems(app.db.read(), job, after, limit).await?)
}

/// Everything that was wrong in a file, as a CSV file that spreadsheets open.
pub async fn problems_csv(app: &App, job: i64) -> Result<String, ImportError> {
    let mut writer = csv::Writer::from_writer("\u{FEFF}".as_bytes().to_vec());
    let header = ["row", "order_no", "column", "given", "message", "taken"];
    writer.write_record(header).map_err(std::io::Error::other)?;
    let mut after = 0;
    loop {
        let page = problems(app, job, after, PAGE_MAX).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, problem) in &page {
            let text = |text: &Option<String>| harmless(text.as_deref().unwrap_or_default());
            let taken = if problem.note { "yes" } else { "no" };
            let record = [
                problem.row.to_string(),
                text(&problem.order_no),
                text(&problem.column),
                text(&problem.given),
                harmless(&problem.message),
                taken.to_owned(),
            ];
            writer.write_record(record).map_err(std::io::Error::other)?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// An import for open pages.
pub fn shown(job: &Job) -> serde_json::Value {
    serde_json::json!({ "id": job.id, "status": job.status.word(), "progress": job.progress })
}

/// Imports of other processes that made no progress for this long were cut off, in milliseconds.
const SILENT_MAX_MS: i64 = 120_000;

/// Ends imports whose file is not here and that nobody reads any more.
pub async fn end_lost(app: &App, lost: &[Job], now: Timestamp) -> Result<(), ImportError> {
    for job in lost.iter().filter(|job| now.since_ms(job.touched_at) > SILENT_MAX_MS) {
        let why = "it was cut off; bring the file again, nothing is taken twice";
        let mut tx = app.db.begin("imports.end").await?;
        store::end(&mut tx, job.id, JobStatus::Failed, Some(why), now).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Imports that are not over.
pub async fn open(app: &App) -> Result<Vec<Job>, ImportError> {
    Ok(store::open(app.db.read()).await?)
}

fn clean_name(file_name: &str) -> String {
    let last = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).take(120).collect();
    if name.trim().is_empty() { "file".to_owned() } else { name }
}

/// Imports forgotten in one transaction: each may have many problems.
const FORGET_AT_ONCE: i64 = 20;

/// Forgets some of the imports that were over before `before`, with their lists of problems; says how many.
pub async fn forget_old(app: &App, before: Timestamp) -> Result<u64, ImportError> {
    let mut tx = app.db.begin("imports.forget_old").await?;
    let dropped = store::drop_old(&mut tx, before, FORGET_AT_ONCE).await?;
    tx.commit().await?;
    Ok(dropped)
}
