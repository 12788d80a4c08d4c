use super::actions::keys::{self, Passphrase};
use super::actions::{Made, Order, file, keep_newest, make, recent, restore};
use super::model::{BackupError, NUMBERS_LEFT_OUT};
use crate::config::{Config, Settings};
use crate::lifecycle::Alone;
use crate::store::testing::{ENGINES, TestApp, empty_postgres};
use crate::store::{Counter, Db, Engine};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use std::fs;
use std::path::Path;

/// A hub with some rows of its own, its key in its folder.
async fn hub(engine: Engine) -> TestApp {
    let app = TestApp::on(engine).await;
    fs::write(app.config.data.join("hub.key"), format!("{}\n", crate::keys::to_hex(app.keys.signing().as_bytes())))
        .unwrap();
    private(&app.config.data.join("hub.key"));
    for sql in [
        "INSERT INTO site (site, title, green_deadline_ms, journal_warn_percent, created_at) VALUES ('sz-1', 'a', 500, 80, 1)",
        "INSERT INTO account (name, password_hash, created_at, changed_at) VALUES ('anna', 'x', 1, 1)",
        "INSERT INTO ingest_position (station, station_epoch, upto, first_at, last_at) VALUES ('pack-1', 7, 40, 1, 1)",
    ] {
        execute(&app.db, sql).await;
    }
    app.db.ids(Counter::Parcel, 1).await.unwrap();
    app
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

async fn execute(db: &Db, sql: &str) {
    let mut tx = db.begin("test").await.unwrap();
    tx.conn().execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    tx.commit().await.unwrap();
}

async fn number(db: &Db, sql: &str) -> i64 {
    sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_one(db.read()).await.unwrap().get(0)
}

fn order(target: impl AsRef<Path>) -> Order {
    let (target, actor) = (target.as_ref().to_owned(), "cli:test".to_owned());
    Order { target, actor, due: None, off_machine: false, passphrase: None }
}

async fn made(app: &TestApp, order: Order) -> Made {
    make(app, order).await.unwrap().unwrap()
}

fn back(source: &Path) -> restore::Order {
    restore::Order { source: source.to_owned(), replace: false, keys: None, passphrase: None }
}

/// Another machine with an empty database of the same kind.
async fn elsewhere(engine: Engine, folder: &Path) -> Config {
    let db = match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(empty_postgres().await),
    };
    Config::try_from(Settings { db, data: Some(folder.to_owned()), ..Settings::default() }).unwrap()
}

#[tokio::test]
async fn a_backup_made_beside_writers_comes_back_whole_on_another_machine() {
    for engine in ENGINES {
        let (app, out) = (hub(engine).await, tempfile::tempdir().unwrap());
        let passphrase = || Some(Passphrase::given("a sample passphrase").unwrap());
        let made = made(&app, Order { passphrase: passphrase(), ..order(out.path().join("one.backup")) }).await;
        assert_eq!((made.manifest.tables["account"], made.manifest.tables["orders"]), (1, 0), "{engine}");
        execute(&app.db, "DELETE FROM account").await;

        let config = elsewhere(engine, &out.path().join("new")).await;
        crate::serve::make_data_folder(&config).unwrap();
        let refused = restore::restore(&config, back(&made.path)).await.unwrap_err().to_string();
        assert!(refused.contains("give the sealed keys"), "{engine}: {refused}");
        let order = restore::Order { passphrase: passphrase(), ..back(&made.path) };
        let done = restore::restore(&config, order).await.unwrap();
        // The vault of a test hub is in no file, so its key is missing.
        assert_eq!((done.lives, done.kept, done.lacks_data_key), (1, None, true), "{engine}");
        let db = Db::open(&config.db_url()).await.unwrap();
        assert_eq!(number(&db, "SELECT COUNT(*) FROM account").await, 1, "{engine}");
        assert_eq!(number(&db, "SELECT upto FROM ingest_position").await, 40, "{engine}");
        assert_eq!(number(&db, "SELECT COUNT(*) FROM lineage").await, 1, "{engine}");
        assert_eq!(number(&db, "SELECT pending FROM restored").await, 0, "{engine}");
        let next = db.ids(Counter::Parcel, 1).await.unwrap()[0];
        assert!(next > NUMBERS_LEFT_OUT.unsigned_abs(), "{engine} gives {next} again");
        db.close().await;
    }
}

#[tokio::test]
async fn what_is_there_is_replaced_only_when_that_was_said_and_an_old_file_is_kept() {
    for engine in ENGINES {
        let (app, out) = (hub(engine).await, tempfile::tempdir().unwrap());
        let made = made(&app, order(out.path())).await;
        assert!(made.path.file_name().unwrap().to_string_lossy().starts_with("packline-"));
        execute(&app.db, "DELETE FROM account").await;
        let refused = restore::restore(&app.config, back(&made.path)).await.unwrap_err();
        assert!(matches!(refused, BackupError::NotEmpty { .. }), "{engine}: {refused}");

        let alone = Alone::take(&app.config.data).unwrap();
        let replace = || restore::Order { replace: true, ..back(&made.path) };
        let refused = restore::restore(&app.config, replace()).await.unwrap_err();
        assert!(matches!(refused, BackupError::Live { .. }), "{engine}: {refused}");
        drop(alone);

        app.db.close().await;
        let done = restore::restore(&app.config, replace()).await.unwrap();
        assert_eq!(done.kept.is_some_and(|kept| kept.exists()), engine == Engine::Sqlite);
        let db = Db::open(&app.config.db_url()).await.unwrap();
        assert_eq!(number(&db, "SELECT COUNT(*) FROM account").await, 1, "{engine}");
        db.close().await;
    }
}

#[tokio::test]
async fn a_file_that_is_not_whole_is_refused_and_changes_nothing() {
    let (app, out) = (hub(Engine::Sqlite).await, tempfile::tempdir().unwrap());
    let made = made(&app, order(out.path().join("whole.backup"))).await;
    let whole = fs::read(&made.path).unwrap();
    let head = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(2).unwrap().0;
    let broken = out.path().join("broken.backup");
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        ("empty", Vec::new()),
        ("another file", b"hello\nworld\n".to_vec()),
        ("another layout", flipped(16)),
        ("a changed manifest", flipped(head - 20)),
        ("a changed hash", flipped(30)),
        ("a cut head", whole[..head - 5].to_vec()),
        ("no content", whole[..=head].to_vec()),
        ("a cut end", whole[..whole.len() - 9].to_vec()),
        ("a changed content", flipped(head + (whole.len() - head) / 2)),
        ("a changed end", flipped(whole.len() - 1)),
    ];
    for (what, bytes) in cases {
        fs::write(&broken, bytes).unwrap();
        let order = restore::Order { replace: true, ..back(&broken) };
        let refused = restore::restore(&app.config, order).await.unwrap_err();
        assert!(matches!(refused, BackupError::Damaged { .. }), "{what}: {refused}");
        assert!(file::check(&broken).is_err(), "{what}");
    }
    assert_eq!(number(&app.db, "SELECT COUNT(*) FROM account").await, 1);
    let left = fs::read_dir(&app.config.data).unwrap().filter_map(Result::ok).map(|entry| entry.file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("work")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn only_a_backup_that_survives_the_machine_lets_stations_forget() {
    for engine in ENGINES {
        let (app, out) = (hub(engine).await, tempfile::tempdir().unwrap());
        let safe = async || number(&app.db, "SELECT safe_upto FROM ingest_position").await;
        made(&app, order(out.path().join("here"))).await;
        assert_eq!(safe().await, 0, "{engine}");
        made(&app, Order { off_machine: true, ..order(out.path().join("there")) }).await;
        assert_eq!(safe().await, 40, "{engine}");
        execute(&app.db, "UPDATE ingest_position SET safe_upto = 50").await;
        made(&app, Order { off_machine: true, ..order(out.path().join("again")) }).await;
        assert_eq!(safe().await, 50, "{engine}: it never goes back");
    }
}

#[tokio::test]
async fn a_backup_that_cannot_be_written_is_noted_and_leaves_no_file() {
    let (app, out) = (hub(Engine::Sqlite).await, tempfile::tempdir().unwrap());
    let target = out.path().join("no-such-folder").join("one.backup");
    let error = make(&app, Order { due: Some("2026-03-01".to_owned()), ..order(&target) }).await.unwrap_err();
    assert!(error.to_string().contains("no-such-folder"), "{error}");
    let runs = recent(&app, 10).await.unwrap();
    assert_eq!((runs[0].status.as_str(), runs[0].failure.is_some()), ("failed", true));
    assert!(!super::actions::is_made(&app, "2026-03-01").await.unwrap(), "its day is free for another try");
    fs::write(out.path().join("taken"), "something").unwrap();
    let error = make(&app, order(out.path().join("taken"))).await.unwrap_err();
    assert!(matches!(error, BackupError::Taken { .. }), "{error}");
    assert_eq!(fs::read_to_string(out.path().join("taken")).unwrap(), "something");
}

#[tokio::test]
async fn the_backup_of_a_day_is_made_once() {
    for engine in ENGINES {
        let (app, out) = (hub(engine).await, tempfile::tempdir().unwrap());
        let due = |name: &str| Order { due: Some("2026-03-01".to_owned()), ..order(out.path().join(name)) };
        assert!(make(&app, due("a")).await.unwrap().is_some());
        assert!(make(&app, due("b")).await.unwrap().is_none(), "{engine}");
    }
}

#[tokio::test]
async fn the_newest_own_backups_stay_and_other_files_are_left_alone() {
    let (app, out) = (hub(Engine::Sqlite).await, tempfile::tempdir().unwrap());
    let mut made_names = Vec::new();
    for _ in 0..4 {
        let made = made(&app, order(out.path())).await;
        made_names.push(made.path.file_name().unwrap().to_string_lossy().into_owned());
        app.clock.advance_ms(60_000);
    }
    fs::write(out.path().join("notes.txt"), "mine").unwrap();
    fs::write(out.path().join("packline-ffffffff-20200101T000000Z.backup"), "another hub's").unwrap();
    assert_eq!(keep_newest(&app, out.path(), 2).unwrap(), made_names[..2]);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 4);
}

#[test]
fn sealed_keys_open_with_their_passphrase_alone_and_replace_no_key() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub_id = crate::keys::HubKeys::open(from.path()).unwrap().hub_id();
    fs::write(from.path().join("data.key"), "sample data key\n").unwrap();
    let data_key = |folder: &Path| fs::read_to_string(folder.join("data.key")).unwrap();
    assert!(Passphrase::given("too short").is_err());
    let right = Passphrase::given("a sample passphrase").unwrap();
    let sealed = keys::seal(from.path(), &hub_id, &right).unwrap();
    assert!(keys::open(&sealed, &Passphrase::given("another passphrase").unwrap()).is_err());
    let moved = super::model::SealedKeys { hub_id: "another".to_owned(), ..sealed.clone() };
    assert!(keys::open(&moved, &right).is_err(), "the hub's name is bound to them");
    let greedy = super::model::SealedKeys { cost: [u32::MAX, 3, 1], ..sealed.clone() };
    assert!(keys::open(&greedy, &right).is_err());
    keys::put(to.path(), &keys::open(&sealed, &right).unwrap()).unwrap();
    keys::put(to.path(), &keys::open(&sealed, &right).unwrap()).unwrap();
    assert_eq!(crate::keys::HubKeys::open(to.path()).unwrap().hub_id(), hub_id);
    assert_eq!(data_key(to.path()), data_key(from.path()));
    fs::write(to.path().join("data.key"), "sample data key\na newer one\n").unwrap();
    keys::put(to.path(), &keys::open(&sealed, &right).unwrap()).unwrap();
    fs::write(to.path().join("data.key"), "another data key\n").unwrap();
    assert!(keys::put(to.path(), &keys::open(&sealed, &right).unwrap()).is_err());
    assert_eq!(data_key(to.path()), "another data key\n");
}
