//! Writing one export: a reader walks the list, a thread writes the file, and never more than a few hundred orders are
//! between them.

use super::file::SheetFile;
use super::{End, path_of, remove, store};
use crate::app::App;
use crate::exports::model::{ExportError, Job, Status};
use crate::orders::actions::list::Walk;
use crate::orders::list::OrderRow;
use crate::orders::question::Wanted;
use crate::pages::text::Language;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Orders between two notes of progress, each of which also looks whether somebody stopped it.
const STRIDE: u64 = 5_000;

/// Writes an export to its end.
pub async fn run(app: &App, job: &Job) -> Result<(), ExportError> {
    let mut tx = app.db.begin("exports.begin").await?;
    let ours = store::begin(&mut tx, job.id, app.clock.now()).await?;
    tx.commit().await?;
    if !ours {
        return Ok(());
    }
    let path = path_of(&app.config.data, job);
    let written = write(app, job, path.clone()).await;
    let end = match &written {
        Ok(Some((rows, bytes))) => End { status: Status::Done, failure: None, rows: *rows, bytes: *bytes },
        Ok(None) => return Ok(remove(&path)?),
        Err(error) => {
            warn!(export.id = job.id, error = %crate::error::chain(error), "Failed to write export `{}`", job.id);
            let failure = Some("the file could not be written; the log says why");
            End { status: Status::Failed, failure, rows: job.rows, bytes: 0 }
        }
    };
    let mut tx = app.db.begin("exports.end").await?;
    let stands = store::end(&mut tx, job.id, &end, app.clock.now()).await?;
    tx.commit().await?;
    if !stands || end.status != Status::Done {
        remove(&path)?;
    }
    info!(export.id = job.id, rows = end.rows, bytes = end.bytes, "Wrote export `{}`", job.id);
    Ok(())
}

/// Rows and bytes, or nothing when somebody stopped it.
async fn write(app: &App, job: &Job, path: PathBuf) -> Result<Option<(u64, u64)>, ExportError> {
    let wanted = Wanted::parse(&job.query, job.with_money)?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(super::folder(&app.config.data))?;
    let mut file = SheetFile::create(&path, job.format, wanted.columns.clone(), Language::parse(&job.language))?;
    let (sender, mut pages) = mpsc::channel::<Vec<OrderRow>>(2);
    let writer = tokio::task::spawn_blocking(move || {
        while let Some(rows) = pages.blocking_recv() {
            rows.iter().try_for_each(|row| file.add(row))?;
        }
        Ok::<_, ExportError>(file)
    });
    let read = read(app, job, &wanted, &sender).await;
    drop(sender);
    let file = writer.await.map_err(std::io::Error::other)??;
    match read? {
        Some(rows) => {
            let bytes = tokio::task::spawn_blocking(move || file.finish()).await.map_err(std::io::Error::other)??;
            Ok(Some((rows, bytes)))
        }
        None => Ok(None),
    }
}

/// Hands every order of the list to the writer; nothing when somebody stopped it.
async fn read(
    app: &App,
    job: &Job,
    wanted: &Wanted,
    sender: &mpsc::Sender<Vec<OrderRow>>,
) -> Result<Option<u64>, ExportError> {
    let mut walk = Walk::open(app, &wanted.filter, wanted.sort).await?;
    let (mut rows, mut noted) = (0, 0);
    while let Some(page) = walk.next(app).await? {
        rows += page.len() as u64;
        if sender.send(page).await.is_err() || app.is_stopping() {
            // The writer broke and says why itself; a hub that stops leaves the rest to be asked for again.
            return Ok(Some(rows).filter(|_| !app.is_stopping()));
        }
        if rows - noted >= STRIDE {
            noted = rows;
            let mut tx = app.db.begin("exports.move").await?;
            let goes_on = store::move_on(&mut tx, job.id, rows, app.clock.now()).await?;
            tx.commit().await?;
            if !goes_on {
                return Ok(None);
            }
        }
    }
    Ok(Some(rows))
}
