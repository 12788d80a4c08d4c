//! What can go wrong with the store, and which of it is worth another try.

use crate::clock;
use crate::error::{Error, Kind};
use std::time::Duration;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened.
    #[error("failed to open the database {database}")]
    Open {
        /// Which one, without user and password.
        database: String,
        /// Why.
        #[source]
        cause: sqlx::Error,
    },
    /// The schema cannot be brought to this program's version.
    #[error("failed to bring the database to this program's schema")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A statement or a transaction failed.
    #[error("failed to run `{what}`")]
    Sql {
        /// The statement's or the transaction's name.
        what: &'static str,
        /// Why.
        #[source]
        cause: sqlx::Error,
    },
    /// Somebody else changed the same rows between our read and our write. Worth another try.
    #[error("`{what}` met another writer")]
    Raced {
        /// The transaction's name.
        what: &'static str,
    },
    /// A row is not what this program writes.
    #[error("`{what}` found a row it cannot understand: {why}")]
    Row {
        /// The statement's name.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl StoreError {
    /// A statement or transaction of this name failed.
    pub fn sql(what: &'static str, cause: sqlx::Error) -> StoreError {
        StoreError::Sql { what, cause }
    }

    /// A row of this statement is not what this program writes.
    pub fn row(what: &'static str, why: impl ToString) -> StoreError {
        StoreError::Row { what, why: why.to_string() }
    }

    /// The row would have been a second one with the same unique key.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, StoreError::Sql { cause: sqlx::Error::Database(error), .. } if error.is_unique_violation())
    }

    /// What is wrong is one row that cannot be understood, so that others can still be read in the same transaction.
    pub fn is_of_a_row(&self) -> bool {
        use sqlx::Error::{ColumnDecode, Decode, TypeNotFound};
        match self {
            StoreError::Row { .. } => true,
            StoreError::Sql { cause, .. } => matches!(cause, ColumnDecode { .. } | Decode(_) | TypeNotFound { .. }),
            _ => false,
        }
    }

    /// The same transaction, tried again from its start, may succeed.
    pub fn is_worth_retrying(&self) -> bool {
        match self {
            StoreError::Raced { .. } => true,
            StoreError::Sql { cause: sqlx::Error::Database(error), .. } => {
                // PostgreSQL: serialization failure, deadlock. SQLite: busy, busy snapshot.
                error.code().is_some_and(|code| matches!(&*code, "40001" | "40P01" | "5" | "517"))
            }
            _ => false,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        let busy = matches!(&error, StoreError::Sql { cause: sqlx::Error::PoolTimedOut, .. });
        if busy || error.is_worth_retrying() {
            Error::new(Kind::Unavailable, "the store is busy; try again").because(error)
        } else {
            Error::internal("the store failed", error)
        }
    }
}

/// How often a transaction that met another writer is tried again.
///
/// ```text
/// let mut retry = Retry::default();
/// loop {
///     match attempt(db).await {
///         Err(error) if retry.again(&error).await => continue,
///         done => return done,
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct Retry {
    tries: u32,
}

const TRIES_MAX: u32 = 8;

impl Retry {
    /// Waits a little and says whether to try again.
    pub async fn again(&mut self, error: &StoreError) -> bool {
        self.tries += 1;
        if self.tries >= TRIES_MAX || !error.is_worth_retrying() {
            return false;
        }
        let spread = clock::random_u64() % 10;
        tokio::time::sleep(Duration::from_millis(spread << self.tries.min(5))).await;
        true
    }
}
