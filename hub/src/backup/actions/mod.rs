//! Makes backups, checks them, and says what is known of them.

mod dump;
pub mod file;
pub mod keys;
pub mod restore;

use super::model::{BackupError, Manifest, Run, engine_word};
use super::store::{self, Content, NewRun};
use crate::app::App;
use crate::clock;
use crate::error::chain;
use crate::keys::to_hex;
use crate::notices;
use crate::notices::model::{NoticeKind, Occurrence};
use crate::store::{Counter, Engine, StoreError, sqlite_file};
use chrono::DateTime;
use keys::Passphrase;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

/// The ending of backups that get their name from the hub.
pub const ENDING: &str = "backup";

/// What is asked of a backup.
pub struct Order {
    /// The file; it must not be there yet. A folder gets a file with a name of its own.
    pub target: PathBuf,
    /// Who asks.
    pub actor: String,
    /// The day for which it is due, when it is the schedule's.
    pub due: Option<String>,
    /// Whether the target is on another machine, or is copied there: only then do stations forget what is in it.
    pub off_machine: bool,
    /// Seals the hub's keys into it.
    pub passphrase: Option<Passphrase>,
}

/// A backup that was made and checked.
#[derive(Debug)]
pub struct Made {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// What it says about itself.
    pub manifest: Manifest,
}

/// Makes a backup while the hub works. When this comes back the file was read again from its beginning to its end and
/// is what was copied. `None` when the one that was due is made by another hub.
pub async fn make(app: &App, order: Order) -> Result<Option<Made>, BackupError> {
    let target = name_target(app, &order.target);
    file::refuse_taken(&target)?;
    let shown = target.display().to_string();
    let failed = |cause| BackupError::Store { what: "note the backup", cause };
    let id = app.db.ids(Counter::BackupRun, 1).await.map_err(failed)?;
    let id = id.first().and_then(|id| i64::try_from(*id).ok()).unwrap_or_default();
    let Order { actor, due, off_machine, passphrase, .. } = order;
    let mut tx = app.db.begin("backup.begin").await.map_err(failed)?;
    let new = NewRun { id, due, actor, target: &shown, off_machine };
    if !store::add_run(&mut tx, &new, app.clock.now()).await.map_err(failed)? {
        return Ok(None);
    }
    tx.commit().await.map_err(failed)?;
    match copy_and_check(app, &target, passphrase).await {
        Ok(made) => {
            note_done(app, id, &made, off_machine).await.map_err(failed)?;
            info!(backup.id = id, bytes = made.bytes, "Made a backup: `{shown}`");
            Ok(Some(made))
        }
        Err(error) => {
            note_failed(app, id, &error).await;
            Err(error)
        }
    }
}

/// Where the file goes: into a folder under a name with the hub and the time.
fn name_target(app: &App, target: &Path) -> PathBuf {
    if !target.is_dir() {
        return target.to_owned();
    }
    let at = DateTime::from_timestamp_millis(app.clock.now().0).unwrap_or_default();
    target.join(format!("{}{}.{ENDING}", name_start(app), at.format("%Y%m%dT%H%M%SZ")))
}

/// How the names of this hub's own backups begin.
pub fn name_start(app: &App) -> String {
    format!("packline-{}-", &app.keys.hub_id()[..8])
}

async fn copy_and_check(app: &App, target: &Path, passphrase: Option<Passphrase>) -> Result<Made, BackupError> {
    let work = WorkFolder::make(&app.config.data)?;
    let copy = work.path.join("content");
    let made_at = app.clock.now();
    let content = copy_database(app, &copy).await?;
    let mut manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema: content.schema,
        engine: engine_word(app.db.engine()).to_owned(),
        made_at,
        hub_id: app.keys.hub_id(),
        data_keys: app.vault.key_ids(),
        logs: content.logs,
        tables: content.tables,
        positions: content.positions,
        content_bytes: 0,
        content_blake3: String::new(),
        keys: None,
    };
    let (data, target) = (app.config.data.clone(), target.to_owned());
    let written = spawn_blocking(move || {
        if let Some(passphrase) = passphrase {
            manifest.keys = Some(keys::seal(&data, &manifest.hub_id, &passphrase)?);
        }
        let bytes = file::write(&target, &mut manifest, &copy)?;
        let checked = file::check(&target);
        if checked.is_err() {
            // Nobody shall find a file that looks like a backup and is none.
            let _ = fs::remove_file(&target);
        }
        checked.map(|manifest| Made { path: target, bytes, manifest })
    });
    let made = written.await.map_err(|_| BackupError::Cut)??;
    drop(work);
    Ok(made)
}

/// A sound copy of the database at one moment, and what it holds.
async fn copy_database(app: &App, copy: &Path) -> Result<Content, BackupError> {
    let failed = |cause| BackupError::Store { what: "copy the database", cause };
    match app.db.engine() {
        Engine::Sqlite => {
            let file = sqlite_file(&app.config.db_url()).unwrap_or_default();
            store::sqlite::copy(&file, copy).await.map_err(failed)?;
            let faults = store::sqlite::faults(copy).await.map_err(failed)?;
            if let Some(why) = faults.first() {
                return Err(BackupError::Unsound { why: why.clone() });
            }
            store::sqlite::content_of(copy).await.map_err(failed)
        }
        Engine::Postgres => {
            let mut view = app.db.view("backup.view").await.map_err(failed)?;
            let moment = store::postgres::share_moment(view.conn()).await.map_err(failed)?;
            let content = store::content(view.conn()).await.map_err(failed)?;
            dump::dump(&app.config.db_url(), &moment, copy).await?;
            drop(view);
            dump::check(copy).await?;
            Ok(content)
        }
    }
}

async fn note_done(app: &App, id: i64, made: &Made, off_machine: bool) -> Result<(), StoreError> {
    let mut tx = app.db.begin("backup.end").await?;
    store::end_run(&mut tx, id, made.bytes, &made.manifest.content_blake3, app.clock.now()).await?;
    if off_machine {
        store::put_safe(&mut tx, &made.manifest.positions).await?;
    }
    tx.commit().await
}

async fn note_failed(app: &App, id: i64, error: &BackupError) {
    let noted = async {
        let mut tx = app.db.begin("backup.fail").await?;
        let now = app.clock.now();
        store::fail_run(&mut tx, id, &chain(error), now).await?;
        let failed = Occurrence::new(NoticeKind::BackupFailed, "backup").saying(error.to_string()).see("/health");
        notices::actions::raise(&mut tx, &[failed], now).await?;
        tx.commit().await
    };
    if let Err(cause) = noted.await {
        warn!(error = %chain(&cause), "Failed to note that a backup failed");
    }
}

/// Up to `limit` backups, the newest first.
pub async fn recent(app: &App, limit: usize) -> Result<Vec<Run>, BackupError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let runs = store::recent_runs(app.db.read(), limit).await;
    runs.map_err(|cause| BackupError::Store { what: "list backups", cause })
}

/// The newest backup that is done.
pub async fn last_done(app: &App) -> Result<Option<Run>, BackupError> {
    let run = store::last_done(app.db.read()).await;
    run.map_err(|cause| BackupError::Store { what: "look for the newest backup", cause })
}

/// Whether the backup for this day is made or being made.
pub async fn is_made(app: &App, due: &str) -> Result<bool, BackupError> {
    let due = store::has_due(app.db.read(), due).await;
    due.map_err(|cause| BackupError::Store { what: "look for a backup", cause })
}

/// Backups that this process left unfinished in an earlier life.
pub async fn fail_left(app: &App) -> Result<(), BackupError> {
    let failed = |cause| BackupError::Store { what: "note backups that were cut off", cause };
    let mut tx = app.db.begin("backup.fail_left").await.map_err(failed)?;
    store::fail_running(&mut tx, "the hub stopped before it was done", app.clock.now()).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// A folder for the copy, beside the database and as closed as it; gone when this is dropped.
struct WorkFolder {
    path: PathBuf,
}

/// How the names of work folders begin.
const WORK_START: &str = "backup-work-";

impl WorkFolder {
    fn make(data: &Path) -> Result<WorkFolder, BackupError> {
        let path = data.join(format!("{WORK_START}{}", to_hex(&clock::random_u64().to_be_bytes())));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|cause| BackupError::file("make the folder", &path, cause))?;
        Ok(WorkFolder { path })
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            warn!(%error, "Failed to remove `{}`", self.path.display());
        }
    }
}

/// Removes work folders that a killed program left. Only for a hub that has its data folder to itself.
pub fn sweep(data: &Path) {
    let entries = fs::read_dir(data).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(WORK_START)) {
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// Keeps the newest `keep` of this hub's own backups in `folder`; answers the names of those that went.
pub fn keep_newest(app: &App, folder: &Path, keep: usize) -> Result<Vec<String>, BackupError> {
    let failed = |cause| BackupError::file("list", folder, cause);
    let start = name_start(app);
    let mut ours = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&start) && name.ends_with(&format!(".{ENDING}")) {
            ours.push(name);
        }
    }
    ours.sort();
    let surplus = ours.len().saturating_sub(keep.max(1));
    ours.truncate(surplus);
    for name in &ours {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(|cause| BackupError::file("remove", path, cause))?;
    }
    Ok(ours)
}
