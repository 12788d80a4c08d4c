//! Hubs on temporary databases, one for each engine.

pub mod cluster;

use super::{Db, Engine};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, Settings};
use crate::keys::HubKeys;
use crate::privacy::Vault;
use cluster::Cluster;
use packline_protocol::time::Timestamp;
use std::ops::Deref;
use tokio::sync::OnceCell;

/// When the clock of a test hub stands until it is moved: 2026-03-01 08:00 in UTC+8.
pub const START: Timestamp = Timestamp(1_772_323_200_000);

/// Both engines, for `for engine in ENGINES`.
pub const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// A hub that nothing of runs but its store. Its database goes with it.
pub struct TestApp {
    app: App,
    _folder: tempfile::TempDir,
}

impl Deref for TestApp {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

impl TestApp {
    /// A hub with an empty database at this program's schema, and a clock that stands at [`START`].
    pub async fn on(engine: Engine) -> TestApp {
        let folder = tempfile::tempdir().unwrap();
        let (db, url) = match engine {
            Engine::Sqlite => (sqlite(&folder).await, None),
            Engine::Postgres => postgres().await,
        };
        let settings = Settings {
            db: url,
            data: Some(folder.path().to_owned()),
            // Those outside are simulated on this machine.
            outbound_allow: Some("127.0.0.0/8".to_owned()),
            ..Settings::default()
        };
        let config = Config::try_from(settings).unwrap();
        let app = App::new(config, db, HubKeys::random(), Vault::random(), Clock::standing_at(START));
        TestApp { app, _folder: folder }
    }
}

async fn sqlite(folder: &tempfile::TempDir) -> Db {
    let db = Db::open(&format!("sqlite:{}", folder.path().join("hub.db").display())).await.unwrap();
    db.migrate().await.unwrap();
    db
}

/// Copied from a template, since running the migrations for each test takes longer.
async fn postgres() -> (Db, Option<String>) {
    static TEMPLATE: OnceCell<()> = OnceCell::const_new();
    let cluster = Cluster::get();
    TEMPLATE.get_or_init(|| make_template(cluster)).await;
    let name = cluster.fresh_name();
    run(cluster, format!("CREATE DATABASE {name} TEMPLATE packline")).await;
    let url = cluster.url(&name);
    (Db::open(&url).await.unwrap(), Some(url))
}

/// The address of a new database without any table, on the cluster of this process.
pub async fn empty_postgres() -> String {
    let cluster = Cluster::get();
    let name = cluster.fresh_name();
    run(cluster, format!("CREATE DATABASE {name}")).await;
    cluster.url(&name)
}

async fn make_template(cluster: &Cluster) {
    run(cluster, "CREATE DATABASE packline".to_owned()).await;
    let db = Db::open(&cluster.url("packline")).await.unwrap();
    db.migrate().await.unwrap();
    db.close().await;
}

async fn run(cluster: &Cluster, statement: String) {
    let db = Db::open(&cluster.url("postgres")).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&db.write).await.unwrap();
    db.close().await;
}
