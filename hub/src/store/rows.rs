//! Statements over many rows at once: a statement costs about 85 µs through sqlx whatever it does, so that one for 256
//! rows is what makes bulk work fast.
//!
//! The text has a hole `{rows}` that becomes `($1, $2), ($3, $4), …`. Only a few sizes are used, so that each stays
//! prepared.

use super::statement::Bound;
use super::{Statement, StoreError, Tx};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

/// A statement with a hole for rows of values.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    /// Name, text with `{rows}`, and what it may read.
    pub statement: Statement,
    /// Values before the rows: `$1` to `$fixed`.
    pub fixed: usize,
    /// Values in each row.
    pub columns: usize,
    /// For rows that are compared and not inserted: the type of each value, so that PostgreSQL need not guess.
    pub types: &'static [&'static str],
}

/// Rows per statement, the largest first.
const SIZES: [usize; 5] = [256, 64, 16, 4, 1];
/// The most values of one statement: SQLite takes 32,766 and PostgreSQL 65,535.
const VALUES_MAX: usize = 30_000;

/// Defines statements over many rows and the list that the registry takes. `[f, c]`: fixed values, values per row;
/// `[f; BIGINT, TEXT]`: fixed values, types of the values of rows that are compared.
///
/// ```text
/// rows! {
///     /// Writes lines.
///     INSERT_LINES [0, 3] = "INSERT INTO order_line (order_id, place, sku) VALUES {rows}";
///     /// The orders with these numbers.
///     ORDERS_OF [0; BIGINT] = "SELECT id FROM orders WHERE id IN (VALUES {rows})";
/// }
/// ```
#[macro_export]
macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident [$fixed:literal $(, $columns:expr)? $(; $($kind:ident),+)?] $(: $reading:ident)?
        = $sql:expr;)+) => {
        $(
            $(#[$doc])*
            const $name: $crate::store::Rows = $crate::store::Rows {
                statement: $crate::store::Statement {
                    name: stringify!($name),
                    sql: $sql,
                    reading: $crate::statements!(@reading $($reading)?),
                },
                fixed: $fixed,
                columns: $($columns +)? $([$(stringify!($kind)),+].len() +)? 0,
                types: &[$($(stringify!($kind)),+)?],
            };
        )+
        /// Every statement over many rows of this module, for the registry.
        pub(crate) const ROWS: &[$crate::store::Rows] = &[$($name),+];
    };
}

impl Rows {
    /// The text for this many rows.
    pub fn text(&self, count: usize) -> String {
        let value = |row: usize, column: usize| {
            let place = self.fixed + row * self.columns + column + 1;
            match self.types.get(column) {
                Some(kind) if row == 0 => format!("CAST(${place} AS {kind})"),
                _ => format!("${place}"),
            }
        };
        let row = |row: usize| {
            let values: Vec<String> = (0..self.columns).map(|column| value(row, column)).collect();
            format!("({})", values.join(","))
        };
        let rows: Vec<String> = (0..count).map(row).collect();
        self.statement.sql.replace("{rows}", &rows.join(","))
    }

    /// Writes `items`, some hundred per statement, and says how many rows changed. `bind` adds the values of one item.
    pub async fn write<T>(
        &self,
        tx: &mut Tx,
        items: &[T],
        bind: impl for<'q> Fn(Bound<'q>, &'q T) -> Bound<'q>,
    ) -> Result<u64, StoreError> {
        let mut changed = 0;
        let mut rest = items;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(self.size_for(rest.len()));
            rest = later;
            let query = now.iter().fold(self.query(now.len()), &bind);
            changed += self.statement.run(tx, query).await?;
        }
        Ok(changed)
    }

    /// The rows that answer for `keys`, in no particular order. The text uses `IN (VALUES {rows})`: a key that is
    /// repeated to fill a statement of a usual size changes nothing.
    pub async fn fetch<T>(
        &self,
        connection: &mut AnyConnection,
        keys: &[T],
        bind: impl for<'q> Fn(Bound<'q>, &'q T) -> Bound<'q>,
    ) -> Result<Vec<AnyRow>, StoreError> {
        self.fetch_with(connection, keys, |query| query, bind).await
    }

    /// As [`Rows::fetch`], with values for the places before the rows.
    pub async fn fetch_with<T>(
        &self,
        connection: &mut AnyConnection,
        keys: &[T],
        fixed: impl for<'q> Fn(Bound<'q>) -> Bound<'q>,
        bind: impl for<'q> Fn(Bound<'q>, &'q T) -> Bound<'q>,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let mut rows = Vec::with_capacity(keys.len());
        for now in keys.chunks(self.size_max()) {
            let size = SIZES.iter().rev().copied().find(|size| *size >= now.len()).unwrap_or(now.len());
            let size = size.min(self.size_max());
            let filled = now.iter().chain(now.last().into_iter().cycle()).take(size);
            let query = filled.fold(fixed(self.query(size)), &bind);
            rows.extend(self.statement.all(&mut *connection, query).await?);
        }
        Ok(rows)
    }

    fn query<'q>(&self, count: usize) -> Bound<'q> {
        // The text is a constant of this program and place holders.
        sqlx::query(AssertSqlSafe(self.text(count)))
    }

    fn size_for(&self, left: usize) -> usize {
        let fits = |size: &&usize| **size <= left.min(self.size_max());
        SIZES.iter().find(fits).copied().unwrap_or(1)
    }

    fn size_max(&self) -> usize {
        let fits = |size: &&usize| **size * self.columns + self.fixed <= VALUES_MAX;
        SIZES.iter().find(fits).copied().unwrap_or(1)
    }
}
