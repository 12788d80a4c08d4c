//! The one store: SQLite inside the hub, or PostgreSQL. The same statements run on both.
//!
//! Statements stay in the subset that both engines and sqlx's `Any` driver share: BIGINT (times in milliseconds since
//! 1970, flags 0/1), TEXT, BYTEA; `CAST(SUM(..) AS BIGINT)`; no booleans, no JSON operators. Tables are designed in
//! `hub/migrations`, SQL lives in the domains' `store.rs`, and every statement is in the [`registry`].
//!
//! Nothing that was committed is ever lost: SQLite syncs its log on every commit.

pub mod changelog;
mod error;
mod ids;
mod migrate;
mod open;
pub mod registry;
pub mod rows;
pub mod statement;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use error::{Retry, StoreError};
pub use ids::Counter;
pub use migrate::{schema_version, tables};
pub use open::{sqlite_file, sqlite_url};
pub use rows::Rows;
pub use sqlx::AnyConnection as Connection;
pub use statement::{Reading, Statement};

use ids::IdBlocks;
use sqlx::{AnyConnection, AnyPool};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in a file of this machine.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        })
    }
}

/// An open store. Clones share it.
#[derive(Debug, Clone)]
pub struct Db {
    engine: Engine,
    /// One connection on SQLite, so that writers queue here and not at the file.
    write: AnyPool,
    read: AnyPool,
    blocks: Arc<IdBlocks>,
    chain_key: Arc<OnceLock<ChainKey>>,
}

/// What the audit log is sealed with. It comes from the hub's key and is never in the database.
#[derive(Clone)]
pub struct ChainKey {
    /// The hub that it belongs to.
    pub id: String,
    /// The secret itself.
    pub secret: [u8; 32],
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainKey({})", self.id)
    }
}

/// A named transaction. Dropped without [`Tx::commit`], it never was.
pub struct Tx {
    name: &'static str,
    inner: sqlx::Transaction<'static, sqlx::Any>,
    chain_key: Arc<OnceLock<ChainKey>>,
}

/// The store at one moment, for reading only.
pub struct View {
    inner: sqlx::Transaction<'static, sqlx::Any>,
}

impl View {
    /// The connection, for running statements.
    pub fn conn(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

impl Db {
    /// Opens the database at `url`: `postgres://…`, or `sqlite:FILE`, which is made when it is not there.
    pub async fn open(url: &str) -> Result<Db, StoreError> {
        let (engine, write, read) = open::pools(url).await?;
        Ok(Db { engine, write, read, blocks: Arc::default(), chain_key: Arc::default() })
    }

    /// Brings the schema to this program's version and returns that version.
    pub async fn migrate(&self) -> Result<i64, StoreError> {
        migrate::run(&self.write).await
    }

    /// Seals the audit log with this key from now on; the first one given stays.
    pub fn seal_with(&self, key: ChainKey) {
        let _ = self.chain_key.set(key);
    }

    /// Which database this is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Connections for plain reads. On SQLite they cannot write.
    pub fn read(&self) -> &AnyPool {
        &self.read
    }

    /// Begins a transaction that may write; on SQLite it holds the write lock from here on. `name` says in errors what
    /// was attempted, for example `orders.receive`.
    pub async fn begin(&self, name: &'static str) -> Result<Tx, StoreError> {
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        };
        let inner = self.write.begin_with(begin).await.map_err(|cause| StoreError::sql(name, cause))?;
        Ok(Tx { name, inner, chain_key: self.chain_key.clone() })
    }

    /// As [`Db::begin`], and everything in it sees the store as it was at its first statement. On PostgreSQL it fails as
    /// worth retrying when another writer changed what it changes.
    pub async fn begin_fixed(&self, name: &'static str) -> Result<Tx, StoreError> {
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN IMMEDIATE",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ",
        };
        let inner = self.write.begin_with(begin).await.map_err(|cause| StoreError::sql(name, cause))?;
        Ok(Tx { name, inner, chain_key: self.chain_key.clone() })
    }

    /// The store as it is at the first statement, for reading several things that belong together. Writers do not wait
    /// for it, but keep it short: meanwhile nothing old is cleaned up.
    pub async fn view(&self, name: &'static str) -> Result<View, StoreError> {
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN DEFERRED",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        let inner = self.read.begin_with(begin).await.map_err(|cause| StoreError::sql(name, cause))?;
        Ok(View { inner })
    }

    /// `count` numbers that nobody else ever gets. They ascend, and may have gaps after a restart.
    pub async fn ids(&self, counter: Counter, count: usize) -> Result<Vec<u64>, StoreError> {
        ids::take(self, counter, count).await
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let answer = sqlx::query("SELECT 1").execute(&self.read).await;
        answer.map(|_| ()).map_err(|cause| StoreError::sql("store.ping", cause))
    }

    /// Closes every connection after what runs on it.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

impl Tx {
    /// The connection, for running statements.
    pub fn conn(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// What the audit log is sealed with.
    pub fn chain_key(&self) -> Result<ChainKey, StoreError> {
        let key = self.chain_key.get().cloned();
        key.ok_or_else(|| StoreError::row(self.name, "the store was opened without the key of its audit log"))
    }

    /// What this transaction is for.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Makes it durable. On SQLite the data is synced to disk when this comes back; on PostgreSQL too, unless its
    /// administrator has decided otherwise.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Tx { name, inner, .. } = self;
        inner.commit().await.map_err(|cause| StoreError::sql(name, cause))
    }
}
