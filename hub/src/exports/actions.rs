//! What can be done with exports.

pub mod file;
pub mod run;

use super::model::{ExportError, Format, Job, Status};
use super::store::{self, End};
use crate::actor::Actor;
use crate::app::App;
use crate::audit;
use crate::audit::model::{Entry, Subject};
use crate::orders;
use crate::orders::list::Count;
use crate::orders::question::Wanted;
use crate::store::Counter;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Exports of one person that may be on their way at once.
pub const OPEN_MAX: usize = 3;
/// Exports on a page.
const SHOWN: i64 = 50;
/// How long a file is kept: a day, in milliseconds.
const KEEP_MS: i64 = 24 * 3_600_000;
/// An export that got no further for this long was cut off, in milliseconds.
const SILENT_MAX_MS: i64 = 120_000;

/// Asks for a file of a list. From here on it will be written, whatever happens.
pub async fn ask(
    app: &App,
    actor: &Actor,
    format: Format,
    language: &str,
    query: &str,
    with_money: bool,
) -> Result<i64, ExportError> {
    let wanted = Wanted::parse(query, with_money)?;
    let counted = orders::actions::count(app, &wanted.filter, wanted.sort, wanted.sort.start(), 1).await?;
    let (Count::Exactly(expected) | Count::AtLeast(expected)) = counted.count;
    let id = app.db.ids(Counter::ExportJob, 1).await?.first().copied().unwrap_or_default();
    let now = app.clock.now();
    let job = Job {
        id: i64::try_from(id).unwrap_or(i64::MAX),
        actor: actor.to_string(),
        format,
        language: language.to_owned(),
        query: wanted.query(&wanted.filter),
        with_money,
        status: Status::Queued,
        failure: None,
        rows: 0,
        expected,
        bytes: 0,
        created_at: now,
        touched_at: now,
        finished_at: None,
    };
    let mut tx = app.db.begin("exports.ask").await?;
    if usize::try_from(store::count_open(&mut tx, &job.actor).await?).is_ok_and(|open| open >= OPEN_MAX) {
        return Err(ExportError::TooMany(OPEN_MAX));
    }
    store::insert(&mut tx, &job).await?;
    let after = json!({ "format": format.word(), "query": job.query, "expected": expected, "with_money": with_money });
    let entry = Entry::new(now, actor, "orders.export", Subject::new("export", job.id)).after(after);
    audit::actions::record(&mut tx, entry).await?;
    tx.commit().await?;
    app.export_wake.notify_one();
    Ok(job.id)
}

/// An export of this actor; nobody else's is there for them.
pub async fn get(app: &App, id: i64, actor: &Actor) -> Result<Option<Job>, ExportError> {
    let job = store::find(app.db.read(), id).await?;
    Ok(job.filter(|job| job.actor == actor.to_string()))
}

/// The newest exports of this actor.
pub async fn list(app: &App, actor: &Actor) -> Result<Vec<Job>, ExportError> {
    Ok(store::jobs_of(app.db.read(), &actor.to_string(), SHOWN).await?)
}

/// Stops an export of this actor; says whether there was anything to stop.
pub async fn cancel(app: &App, id: i64, actor: &Actor) -> Result<bool, ExportError> {
    let Some(job) = get(app, id, actor).await? else { return Ok(false) };
    let mut tx = app.db.begin("exports.cancel").await?;
    let end = End { status: Status::Cancelled, failure: None, rows: job.rows, bytes: 0 };
    let stopped = store::end(&mut tx, id, &end, app.clock.now()).await?;
    if stopped {
        let entry = Entry::new(app.clock.now(), actor, "orders.export.cancel", Subject::new("export", id));
        audit::actions::record(&mut tx, entry).await?;
    }
    tx.commit().await?;
    Ok(stopped)
}

/// Where files are.
pub fn folder(data: &Path) -> PathBuf {
    data.join("exports")
}

/// Where the file of an export is.
pub fn path_of(data: &Path, job: &Job) -> PathBuf {
    folder(data).join(format!("orders-{}.{}", job.id, job.format.word()))
}

/// Ends exports that were cut off, and removes files that were kept for their time.
pub async fn tidy(app: &App) -> Result<(), ExportError> {
    let now = app.clock.now();
    for job in store::jobs_in(app.db.read(), Status::Running, SHOWN).await? {
        if now.since_ms(job.touched_at) > SILENT_MAX_MS {
            let failure = Some("it was cut off; ask for it again");
            let end = End { status: Status::Failed, failure, rows: job.rows, bytes: 0 };
            let mut tx = app.db.begin("exports.end").await?;
            store::end(&mut tx, job.id, &end, now).await?;
            tx.commit().await?;
            remove(&path_of(&app.config.data, &job))?;
        }
    }
    for job in store::jobs_in(app.db.read(), Status::Done, SHOWN).await? {
        if job.finished_at.is_some_and(|at| now.since_ms(at) > KEEP_MS) {
            remove(&path_of(&app.config.data, &job))?;
            let mut tx = app.db.begin("exports.expire").await?;
            store::expire(&mut tx, job.id).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
