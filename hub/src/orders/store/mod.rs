//! All SQL of the order master.

mod load;
mod query;
mod save;
pub(super) mod select;
mod texts;
mod views;

pub(super) use load::{by_ids, by_keys};
pub(super) use query::{
    NewEvent, ReleasedRow, aged_out, code_hits, events_of, find_id, insert_events, orders_of_parcels, parcels_of_site,
    release, released, take_back_release, take_off,
};
pub(crate) use save::tail;
pub(super) use save::{Pair, TAIL_CHARS, save};
pub use texts::KnownTexts;
pub(super) use texts::{mark_stopped, save_texts, texts_with};
pub(super) use views::{count_views, drop_view, put_view, views_of};

use crate::store::{Rows, Statement};
use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row as _, Type};

/// Every statement of this domain.
pub(crate) fn statements() -> Vec<Statement> {
    [query::STATEMENTS, texts::STATEMENTS, views::STATEMENTS].concat()
}

/// Every statement over many rows of this domain.
pub(crate) fn rows() -> Vec<Rows> {
    [load::ROWS, save::ROWS, query::ROWS, texts::ROWS].concat()
}

/// Reads the columns of a row from left to right.
struct Columns<'r> {
    row: &'r AnyRow,
    next: usize,
    what: &'static str,
}

impl<'r> Columns<'r> {
    fn of(row: &'r AnyRow, what: &'static str) -> Self {
        Columns { row, next: 0, what }
    }

    fn take<T: Decode<'r, Any> + Type<Any>>(&mut self) -> Result<T, crate::store::StoreError> {
        let place = self.next;
        self.next += 1;
        self.row.try_get(place).map_err(|cause| crate::store::StoreError::sql(self.what, cause))
    }

    fn time(&mut self) -> Result<packline_protocol::time::Timestamp, crate::store::StoreError> {
        self.take().map(packline_protocol::time::Timestamp)
    }

    fn maybe_time(&mut self) -> Result<Option<packline_protocol::time::Timestamp>, crate::store::StoreError> {
        Ok(self.take::<Option<i64>>()?.map(packline_protocol::time::Timestamp))
    }

    fn flag(&mut self) -> Result<bool, crate::store::StoreError> {
        Ok(self.take::<i64>()? != 0)
    }

    fn number<N: TryFrom<i64>>(&mut self) -> Result<N, crate::store::StoreError> {
        let value = self.take::<i64>()?;
        N::try_from(value).map_err(|_| self.bad(format!("`{value}` in column {}", self.next)))
    }

    fn word<W: super::words::Word>(&mut self) -> Result<W, crate::store::StoreError> {
        let word = self.take::<String>()?;
        W::from_word(&word).ok_or_else(|| self.bad(format!("`{word}` in column {}", self.next)))
    }

    fn parsed<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, crate::store::StoreError> {
        let text = self.take::<String>()?;
        parse(&text).ok_or_else(|| self.bad(format!("column {} does not read", self.next)))
    }

    fn maybe_parsed<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, crate::store::StoreError> {
        let Some(text) = self.take::<Option<String>>()? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| self.bad(format!("column {} does not read", self.next)))
    }

    fn bad(&self, why: String) -> crate::store::StoreError {
        crate::store::StoreError::row(self.what, why)
    }
}
