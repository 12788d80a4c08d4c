//! Statements as named constants, so that one test can prepare all of them on both engines.

use super::{StoreError, Tx};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyExecutor, Row as _};

/// A query with values bound to it.
pub type Bound<'q> = Query<'q, Any, AnyArguments>;

/// One SQL text with a name.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    /// What errors call it.
    pub name: &'static str,
    /// The text, in the portable subset, with `$1`, `$2` … for values.
    pub sql: &'static str,
    /// How much of a table it may read.
    pub reading: Reading,
}

/// How much of a big table a statement may read. A test holds it to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Only the rows it asks for, found through an index.
    Keyed,
    /// It walks along an index and stops at its `LIMIT`.
    Walk,
    /// All rows: only for small tables, or for jobs that say so.
    All,
}

/// Defines statements and the list that the registry takes.
///
/// ```text
/// statements! {
///     /// The order with this number.
///     FIND_ORDER = "SELECT id FROM orders WHERE id = $1";
///     /// The newest orders.
///     LIST_ORDERS: Walk = "SELECT id FROM orders ORDER BY created_at DESC, id DESC LIMIT $1";
/// }
/// ```
#[macro_export]
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident $(: $reading:ident)? = $sql:expr;)+) => {
        $(
            $(#[$doc])*
            const $name: $crate::store::Statement = $crate::store::Statement {
                name: stringify!($name),
                sql: $sql,
                reading: $crate::statements!(@reading $($reading)?),
            };
        )+
        /// Every statement of this module, for the registry.
        pub(crate) const STATEMENTS: &[$crate::store::Statement] = &[$($name),+];
    };
    (@reading) => { $crate::store::Reading::Keyed };
    (@reading $reading:ident) => { $crate::store::Reading::$reading };
}

impl Statement {
    /// The statement, ready for values.
    pub fn query<'q>(&self) -> Bound<'q> {
        sqlx::query(self.sql)
    }

    /// Runs it and says how many rows it changed.
    pub async fn run(&self, tx: &mut Tx, query: Bound<'_>) -> Result<u64, StoreError> {
        let done = query.execute(tx.conn()).await.map_err(|cause| StoreError::sql(self.name, cause))?;
        Ok(done.rows_affected())
    }

    /// The first column of its only row.
    pub async fn one<T>(&self, tx: &mut Tx, query: Bound<'_>) -> Result<T, StoreError>
    where
        T: for<'r> sqlx::Decode<'r, Any> + sqlx::Type<Any>,
    {
        let row = query.fetch_one(tx.conn()).await.map_err(|cause| StoreError::sql(self.name, cause))?;
        self.get(&row, 0)
    }

    /// All its rows, from a transaction's connection or the read pool.
    pub async fn all<'c>(&self, from: impl AnyExecutor<'c>, query: Bound<'_>) -> Result<Vec<AnyRow>, StoreError> {
        query.fetch_all(from).await.map_err(|cause| StoreError::sql(self.name, cause))
    }

    /// Its row, if there is one.
    pub async fn find<'c>(&self, from: impl AnyExecutor<'c>, query: Bound<'_>) -> Result<Option<AnyRow>, StoreError> {
        query.fetch_optional(from).await.map_err(|cause| StoreError::sql(self.name, cause))
    }

    /// A column of one of its rows, by place.
    pub fn get<T>(&self, row: &AnyRow, place: usize) -> Result<T, StoreError>
    where
        T: for<'r> sqlx::Decode<'r, Any> + sqlx::Type<Any>,
    {
        row.try_get(place).map_err(|cause| StoreError::sql(self.name, cause))
    }
}
