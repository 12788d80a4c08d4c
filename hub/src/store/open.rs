//! Opens the pools, each connection set up for its engine.

use super::{Engine, StoreError};
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use std::path::PathBuf;
use std::time::Duration;

/// Readers on SQLite, and connections on PostgreSQL.
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a request waits for a connection.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(30);

/// Every connection to SQLite. The log is synced at each commit; readers see the last commit and never wait.
const SQLITE_ALL: &str = "PRAGMA busy_timeout = 30000; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;";
/// The writer's log is folded into the file every 16 MB, and cut to that length afterwards.
const SQLITE_WRITER: &str = "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 16777216;";
const SQLITE_READER: &str = "PRAGMA query_only = ON;";
const POSTGRES_ALL: &str = "SET application_name = 'packline-hub'; SET client_min_messages = 'warning'; \
    SET idle_in_transaction_session_timeout = '60s';";

pub(super) async fn pools(url: &str) -> Result<(Engine, AnyPool, AnyPool), StoreError> {
    sqlx::any::install_default_drivers();
    if let Some(file) = url.strip_prefix("sqlite:") {
        let url = sqlite_url(file.strip_prefix("//").unwrap_or(file), "rwc");
        // The writer first: it makes the file and switches it to WAL.
        let write = connect(&url, url_for_people(file), 1, &[SQLITE_ALL, SQLITE_WRITER]).await?;
        let read = connect(&url, url_for_people(file), READERS, &[SQLITE_ALL, SQLITE_READER]).await?;
        return Ok((Engine::Sqlite, write, read));
    }
    let pool = connect(url, "on PostgreSQL".to_owned(), POSTGRES_CONNECTIONS, &[POSTGRES_ALL]).await?;
    Ok((Engine::Postgres, pool.clone(), pool))
}

async fn connect(
    url: &str,
    database: String,
    connections: u32,
    setup: &'static [&'static str],
) -> Result<AnyPool, StoreError> {
    let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_LIMIT).after_connect(
        move |connection, _| {
            Box::pin(async move {
                for statements in setup {
                    sqlx::raw_sql(*statements).execute(&mut *connection).await?;
                }
                Ok(())
            })
        },
    );
    options.connect(url).await.map_err(|cause| StoreError::Open { database, cause })
}

fn url_for_people(file: &str) -> String {
    format!("`{file}`")
}

/// The file of an SQLite database, by its URL; `None` for another kind of database.
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    let file = url.strip_prefix("sqlite:")?;
    Some(PathBuf::from(file.strip_prefix("//").unwrap_or(file)))
}

/// The file's name as a URL, whatever characters it has; `mode` is how to open it.
pub fn sqlite_url(file: &str, mode: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let path: String = file.bytes().map(escape).collect();
    format!("sqlite:{path}?mode={mode}")
}
