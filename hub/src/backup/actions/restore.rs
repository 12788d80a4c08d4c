//! Puts a backup in a database's place: everything is checked before anything is replaced, and what is replaced is
//! replaced whole.
//!
//! A restored database is behind what stations know. It begins a new life of every change log, so that stations bring
//! their replicas in step and send again what the backup does not have; and it leaves out the numbers that the lost
//! hub may have given, since stations' records still name them.

use super::{WorkFolder, dump, file, keys, store};
use crate::actor::at_command_line;
use crate::app::App;
use crate::audit;
use crate::backup::model::{BackupError, Manifest, engine_word};
use crate::clock::{self, Clock};
use crate::config::Config;
use crate::error::chain;
use crate::keys::{HubKeys, KEY_FILE, to_hex};
use crate::lifecycle::Alone;
use crate::privacy::{Vault, vault};
use crate::store::{Db, Engine, schema_version, sqlite_file};
use crate::sync;
use keys::Passphrase;
use packline_protocol::time::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tracing::info;

/// What is asked of a restore.
pub struct Order {
    /// The backup.
    pub source: PathBuf,
    /// Whether data that is there may be replaced.
    pub replace: bool,
    /// A file with sealed keys; without one, those in the backup.
    pub keys: Option<PathBuf>,
    /// What opens them.
    pub passphrase: Option<Passphrase>,
}

/// What a restore did.
#[derive(Debug)]
pub struct Done {
    /// What the backup said of itself.
    pub manifest: Manifest,
    /// Where the database that was replaced is kept, for SQLite.
    pub kept: Option<PathBuf>,
    /// How many change logs began a new life.
    pub lives: usize,
    /// Whether the key to the personal data in it is missing.
    pub lacks_data_key: bool,
    /// Whether the audit log goes on, or why it cannot.
    pub audit: Result<(), String>,
}

/// The longest wait for a hub that was killed to count as gone.
const LEASE_WAIT_MS: i64 = 12_000;

/// Restores `order.source` into the database of `config`.
pub async fn restore(config: &Config, order: Order) -> Result<Done, BackupError> {
    let alone = Alone::take(&config.data).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::WouldBlock => {
            BackupError::Live { what: format!("the data folder `{}`", config.data.display()) }
        }
        _ => BackupError::file("lock the data folder", &config.data, cause),
    })?;
    let head = file::manifest(&order.source)?;
    fits(&head, engine_of(config))?;
    let work = WorkFolder::make(&config.data)?;
    let copy = work.path.join("content");
    let manifest = unpack(order.source.clone(), copy.clone()).await?;
    put_keys(config, &manifest, &order)?;
    let kept = match engine_of(config) {
        Engine::Sqlite => replace_file(config, &manifest, &copy, order.replace).await?,
        Engine::Postgres => {
            replace_tables(config, &manifest, &work, &copy, order.replace).await?;
            None
        }
    };
    let failed = |cause| BackupError::Store { what: "open the restored database", cause };
    let db = Db::open(&config.db_url()).await.map_err(failed)?;
    db.migrate().await.map_err(failed)?;
    let lives = finish(&db, clock::wall()).await?;
    let audit = accept(config, db).await;
    // Snapshots are of the logs' former lives.
    let _ = fs::remove_dir_all(config.data.join("snapshots"));
    let lacks_data_key = lacks_data_key(&config.data, &manifest);
    drop((work, alone));
    Ok(Done { manifest, kept, lives, lacks_data_key, audit })
}

/// The audit log is shorter than its seal says: this writes down that it is so because of a restore, and by whom.
async fn accept(config: &Config, db: Db) -> Result<(), String> {
    let keys = HubKeys::open(&config.data).map_err(|error| chain(&error))?;
    let app = App::new(config.clone(), db, keys, Vault::random(), Clock::System);
    let accepted = audit::actions::accept_restore(&app, &at_command_line()).await;
    app.db.close().await;
    accepted.map(|_| ()).map_err(|error| chain(&error))
}

/// Whether something in the database is sealed with a key that is not here. None is made for want of one.
fn lacks_data_key(data: &Path, manifest: &Manifest) -> bool {
    let here = if data.join(vault::KEY_FILE).exists() { Vault::open(data).ok() } else { None };
    let here = here.map(|vault| vault.key_ids()).unwrap_or_default();
    manifest.data_keys.iter().any(|key| !here.contains(key))
}

fn engine_of(config: &Config) -> Engine {
    if sqlite_file(&config.db_url()).is_some() { Engine::Sqlite } else { Engine::Postgres }
}

fn fits(manifest: &Manifest, engine: Engine) -> Result<(), BackupError> {
    let unfit = |why: String| Err(BackupError::Unfit { why });
    if manifest.engine != engine_word(engine) {
        return unfit(format!("it is of `{}` and this hub's database is {engine}", manifest.engine));
    }
    if manifest.schema > schema_version() {
        let (theirs, ours) = (manifest.schema, schema_version());
        return unfit(format!("its schema is {theirs} and this program knows {ours}; install a newer program"));
    }
    Ok(())
}

async fn unpack(source: PathBuf, to: PathBuf) -> Result<Manifest, BackupError> {
    spawn_blocking(move || file::unpack(&source, &to)).await.map_err(|_| BackupError::Cut)?
}

/// The hub's key decides whom stations believe: it is this backup's, or nothing is changed.
fn put_keys(config: &Config, manifest: &Manifest, order: &Order) -> Result<(), BackupError> {
    let refused = |why: String| Err(BackupError::Keys { why });
    let sealed = match &order.keys {
        Some(path) => Some(read_sealed(path)?),
        None => manifest.keys.clone().filter(|_| order.passphrase.is_some()),
    };
    if let Some(sealed) = sealed {
        let Some(passphrase) = &order.passphrase else {
            return refused("sealed keys need their passphrase; give --passphrase-file".to_owned());
        };
        keys::put(&config.data, &keys::open(&sealed, passphrase)?)?;
    }
    let (path, theirs) = (config.data.join(KEY_FILE), &manifest.hub_id);
    if !path.exists() {
        return refused(format!(
            "`{}` is not there and stations believe only hub `{theirs}`; put the file back, or give the sealed keys \
             with --keys and --passphrase-file",
            path.display()
        ));
    }
    let ours = HubKeys::open(&config.data).map_err(|error| BackupError::Keys { why: error.to_string() })?.hub_id();
    if ours != *theirs {
        return refused(format!("the backup is of hub `{theirs}` and `{}` is of hub `{ours}`", path.display()));
    }
    Ok(())
}

fn read_sealed(path: &Path) -> Result<crate::backup::model::SealedKeys, BackupError> {
    let text = fs::read_to_string(path).map_err(|cause| BackupError::file("read the sealed keys in", path, cause))?;
    serde_json::from_str(&text)
        .map_err(|_| BackupError::Keys { why: format!("`{}` does not hold sealed keys", path.display()) })
}

/// SQLite: the checked copy takes the file's name in one step; what was there keeps another.
async fn replace_file(
    config: &Config,
    manifest: &Manifest,
    copy: &Path,
    replace: bool,
) -> Result<Option<PathBuf>, BackupError> {
    let failed = |cause| BackupError::Store { what: "check the copy of the database", cause };
    let file = sqlite_file(&config.db_url()).unwrap_or_default();
    let is_there = fs::metadata(&file).is_ok_and(|there| there.len() > 0);
    if is_there && !replace {
        return Err(BackupError::NotEmpty { what: format!("`{}`", file.display()) });
    }
    let faults = store::sqlite::faults(copy).await.map_err(failed)?;
    if let Some(why) = faults.first() {
        return Err(BackupError::Unsound { why: why.clone() });
    }
    let content = store::sqlite::content_of(copy).await.map_err(failed)?;
    if content.schema != manifest.schema || !same_tables(manifest, &content.tables) {
        return Err(BackupError::Unsound { why: "it has other rows than the manifest says".to_owned() });
    }
    let (now, hash) = (clock::wall(), &manifest.content_blake3);
    store::sqlite::mark_restored(copy, now, manifest.made_at, hash).await.map_err(failed)?;
    let kept = if is_there { Some(set_aside(&file).await?) } else { None };
    put_in_place(copy, &file)
        .map_err(|cause| BackupError::file("put the restored database in place of", file, cause))?;
    Ok(kept)
}

/// A table that a newer program added is not in the manifest.
fn same_tables(manifest: &Manifest, found: &std::collections::BTreeMap<String, u64>) -> bool {
    manifest.tables.iter().all(|(table, rows)| found.get(table) == Some(rows))
}

async fn set_aside(file: &Path) -> Result<PathBuf, BackupError> {
    // A damaged database cannot be folded; then its log is kept beside it under the same new name.
    let _ = store::sqlite::fold_log(file).await;
    let kept = file::beside(file, &format!("before-restore-{}", to_hex(&clock::random_u64().to_be_bytes()[4..])));
    let failed = |cause| BackupError::file("keep", file, cause);
    fs::hard_link(file, &kept).map_err(failed)?;
    for ending in ["-wal", "-shm"] {
        let name = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        match fs::rename(name(file), name(&kept)) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(failed(cause)),
            _ => {}
        }
    }
    Ok(kept)
}

fn put_in_place(copy: &Path, file: &Path) -> std::io::Result<()> {
    // The database may be on another file system than the data folder.
    let aside = file::beside(file, "restoring");
    fs::copy(copy, &aside)?;
    fs::File::open(&aside)?.sync_all()?;
    fs::rename(&aside, file)?;
    file::sync_folder(file)
}

/// PostgreSQL: our tables go and the backup's come in one transaction.
async fn replace_tables(
    config: &Config,
    manifest: &Manifest,
    work: &WorkFolder,
    copy: &Path,
    replace: bool,
) -> Result<(), BackupError> {
    let failed = |cause| BackupError::Store { what: "look at the database", cause };
    let url = config.db_url();
    let db = Db::open(&url).await.map_err(failed)?;
    let mut view = db.view("restore.look").await.map_err(failed)?;
    let there = store::postgres::tables_there(view.conn()).await.map_err(failed)?;
    if !replace {
        for table in there.iter().filter(|table| !["fleet_version", "counter"].contains(&table.as_str())) {
            let rows = store::count(view.conn(), table).await.map_err(failed)?;
            if rows > 0 {
                return Err(BackupError::NotEmpty { what: format!("{rows} rows in `{table}`") });
            }
        }
    }
    drop(view);
    if there.iter().any(|table| table == "replica_site") {
        nobody_leads(&db).await?;
    }
    db.close().await;
    let part = |name: &str| work.path.join(name);
    let (before, tables, after) = (part("before.sql"), part("tables.sql"), part("after.sql"));
    dump::script(copy, &tables).await?;
    let last = store::postgres::after_restore(clock::wall(), manifest.made_at, &manifest.content_blake3);
    for (path, text) in [(&before, store::postgres::before_restore()), (&after, last)] {
        fs::write(path, text).map_err(|cause| BackupError::file("write", path, cause))?;
    }
    dump::run_scripts(&url, &[&before, &tables, &after]).await
}

/// Waits for hubs that were killed to count as gone; one that runs goes on holding its lease.
async fn nobody_leads(db: &Db) -> Result<(), BackupError> {
    let failed = |cause| BackupError::Store { what: "look for running hubs", cause };
    let deadline = clock::wall().plus_ms(LEASE_WAIT_MS);
    while store::last_lease(db.read()).await.map_err(failed)? >= clock::wall() {
        if clock::wall() > deadline {
            return Err(BackupError::Live { what: "this database".to_owned() });
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}

/// Finishes a restore, if one is to be finished: whoever opens the database does this before anything else. Says how
/// many change logs began a new life.
pub async fn finish(db: &Db, now: Timestamp) -> Result<usize, BackupError> {
    let failed = |cause| BackupError::Store { what: "finish the restore", cause };
    let restored = store::find_restored(db.read()).await.map_err(failed)?;
    if !restored.is_some_and(|restored| restored.pending) {
        return Ok(0);
    }
    let mut tx = db.begin("restore.forget").await.map_err(failed)?;
    store::forget_the_lost_hub(&mut tx, now).await.map_err(failed)?;
    store::fail_running(&mut tx, "it was being made when this database was copied", now).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    let lives = sync::service::begin_lives(db, "the database was restored from a backup", now).await;
    let lives = lives.map_err(|error| BackupError::Lives(error.into()))?;
    let mut tx = db.begin("restore.end").await.map_err(failed)?;
    store::end_restore(&mut tx).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    info!("Finished the restore: {lives} change logs began a new life");
    Ok(lives)
}
