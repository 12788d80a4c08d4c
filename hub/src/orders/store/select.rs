//! The one place that puts SQL for lists together.
//!
//! Nothing that somebody typed becomes part of a text: names of columns and indexes are constants of this file, values
//! are bound. Each question names the index that it follows (its driver), so that no planner has to guess how many
//! orders a value has; on SQLite the text says so (`INDEXED BY`, which fails rather than reads a whole table), and on
//! PostgreSQL, which knows how often each value occurs, the same index is there to be chosen.

use super::load::signed;
use super::query::{order_row, row_columns};
use crate::orders::filter::Field;
use crate::orders::list::{COUNT_MAX, Cursor, OrderRow, Sort, SortBy};
use crate::store::{Engine, StoreError};
use packline_protocol::id::OrderId;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::fmt::Write as _;

/// A condition with everything looked up that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::orders) enum Clause {
    /// A column has this word.
    Word(Field, String),
    /// A flag is up or not.
    Flag(Field, bool),
    /// A number is at least this and less than that.
    Range(Field, Option<i64>, Option<i64>),
    /// The order has one of these texts.
    Texts(Vec<i64>),
    /// It is one of these orders.
    Orders(Vec<OrderId>),
}

/// What a list is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::orders) enum Driver {
    /// The index of the list's order.
    Sort,
    /// The index of this clause.
    Clause(usize),
}

/// A question that is ready to be asked.
#[derive(Debug)]
pub(in crate::orders) struct Question<'a> {
    /// All of these hold.
    pub clauses: &'a [Clause],
    /// In which order rows come.
    pub sort: Sort,
    /// What they are read by.
    pub driver: Driver,
}

/// Rows after `after`, and not beyond `end` where one is given.
pub(in crate::orders) async fn rows(
    connection: &mut AnyConnection,
    engine: Engine,
    question: &Question<'_>,
    after: Cursor,
    end: Option<Cursor>,
    limit: i64,
) -> Result<Vec<OrderRow>, StoreError> {
    let sql = Sql::rows(engine, question, after, end, limit);
    let found = sql.all(connection, "LIST_ORDERS").await?;
    found.iter().map(|row| order_row(row, "LIST_ORDERS")).collect()
}

/// How many orders the driver alone leads to, or all clauses together; never more than one above [`COUNT_MAX`].
pub(in crate::orders) async fn count(
    connection: &mut AnyConnection,
    engine: Engine,
    question: &Question<'_>,
    all: bool,
) -> Result<u64, StoreError> {
    let found = Sql::count(engine, question, all).all(connection, "COUNT_ORDERS").await?;
    number(found.first(), "COUNT_ORDERS")
}

/// Where the driver stands so many rows after `after`; nothing when it ends before.
pub(in crate::orders) async fn place_after(
    connection: &mut AnyConnection,
    engine: Engine,
    question: &Question<'_>,
    after: Cursor,
    steps: i64,
) -> Result<Option<Cursor>, StoreError> {
    let found = Sql::place(engine, question, after, steps).all(connection, "PLACE_IN_LIST").await?;
    let Some(row) = found.first() else { return Ok(None) };
    let part = |place| row.try_get::<i64, _>(place).map_err(|cause| StoreError::sql("PLACE_IN_LIST", cause));
    Ok(Some(Cursor { key: part(0)?, id: OrderId(part(1)?.cast_unsigned()) }))
}

/// How many rows up to `end` all clauses take.
pub(in crate::orders) async fn count_until(
    connection: &mut AnyConnection,
    engine: Engine,
    question: &Question<'_>,
    end: Cursor,
) -> Result<u64, StoreError> {
    let found = Sql::count_until(engine, question, end).all(connection, "COUNT_SOME_ORDERS").await?;
    number(found.first(), "COUNT_SOME_ORDERS")
}

fn number(row: Option<&sqlx::any::AnyRow>, what: &'static str) -> Result<u64, StoreError> {
    let row = row.ok_or_else(|| StoreError::row(what, "no count"))?;
    let count: i64 = row.try_get(0).map_err(|cause| StoreError::sql(what, cause))?;
    u64::try_from(count).map_err(|_| StoreError::row(what, "a count below zero"))
}

impl Clause {
    /// The index that leads to its orders; nothing for what nearly every order is.
    fn index(&self) -> Option<&'static str> {
        match self {
            Clause::Word(field, word) => match field {
                Field::Platform => Some("orders_by_platform"),
                Field::Shop => Some("orders_by_shop"),
                Field::Site => Some("orders_by_site"),
                Field::Status => Some("orders_by_status"),
                Field::Gifts => Some("orders_by_gifts"),
                Field::Hold => Some("orders_by_hold"),
                Field::Refund => (word != "none").then_some("orders_by_refund"),
                Field::Address => (word != "fine").then_some("orders_by_address"),
                Field::Approval => (word != "not_needed").then_some("orders_by_approval"),
                _ => None,
            },
            Clause::Flag(Field::MustNotShip, true) => Some("orders_must_not_ship"),
            Clause::Flag(Field::Stopped, true) => Some("orders_stopped"),
            Clause::Flag(..) => None,
            Clause::Range(Field::Created, ..) => Some("orders_by_time"),
            Clause::Range(Field::Paid, ..) => Some("orders_by_paid"),
            Clause::Range(Field::Updated, ..) => Some("orders_by_updated"),
            Clause::Range(Field::Amount, ..) => Some("orders_by_amount"),
            Clause::Range(..) => None,
            Clause::Texts(_) => Some("order_text_by_text"),
            Clause::Orders(_) => Some("orders by number"),
        }
    }

    /// Whether a list can be read by it.
    pub(in crate::orders) fn can_drive(&self, sort: Sort) -> bool {
        // The range of what the list is ordered by narrows its own index.
        let is_own = matches!(self, Clause::Range(field, ..) if *field == sort.field());
        self.index().is_some() && !is_own
    }

    /// Whether its index gives rows in the order of their creation.
    pub(in crate::orders) fn is_in_time(&self) -> bool {
        match self {
            Clause::Word(..) | Clause::Flag(..) => self.index().is_some(),
            Clause::Texts(texts) => texts.len() == 1,
            Clause::Range(..) | Clause::Orders(_) => false,
        }
    }

    fn column(&self) -> &'static str {
        match self {
            Clause::Word(field, _) | Clause::Flag(field, _) | Clause::Range(field, ..) => match field {
                Field::Platform => "platform",
                Field::Shop => "shop",
                Field::Site => "site",
                Field::Status => "status",
                Field::Gifts => "gift_status",
                Field::Hold => "hold",
                Field::Refund => "refund",
                Field::Address => "address",
                Field::Approval => "approval",
                Field::MustNotShip => "must_not_ship",
                Field::Stopped => "stopped",
                Field::Created => "created_at",
                Field::Paid => "paid_at",
                Field::Updated => "updated_at",
                Field::Amount => "amount_minor",
                Field::Code | Field::Contact | Field::Text | Field::Tag | Field::Sku => "id",
            },
            Clause::Texts(_) | Clause::Orders(_) => "id",
        }
    }
}

impl Sort {
    fn field(self) -> Field {
        match self.by {
            SortBy::Created => Field::Created,
            SortBy::Paid => Field::Paid,
            SortBy::Updated => Field::Updated,
            SortBy::Amount => Field::Amount,
        }
    }

    fn column(self) -> &'static str {
        Clause::Range(self.field(), None, None).column()
    }

    fn index(self) -> &'static str {
        Clause::Range(self.field(), None, None).index().unwrap_or("orders_by_time")
    }
}

/// The states that the indexes leave out, as the text must say it for an index to be used.
fn usual(field: Field) -> Option<&'static str> {
    match field {
        Field::Refund => Some("none"),
        Field::Address => Some("fine"),
        Field::Approval => Some("not_needed"),
        _ => None,
    }
}

/// A value that is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Bind {
    Text(String),
    Number(i64),
}

/// A text with the values that are bound to it.
#[derive(Debug)]
pub(in crate::orders) struct Sql {
    engine: Engine,
    pub(in crate::orders) text: String,
    binds: Vec<Bind>,
}

impl Sql {
    /// The rows of a list.
    pub(in crate::orders) fn rows(
        engine: Engine,
        question: &Question<'_>,
        after: Cursor,
        end: Option<Cursor>,
        limit: i64,
    ) -> Sql {
        let mut sql = Sql::begin(engine, concat!("SELECT ", row_columns!("o.")));
        sql.from(question, (question.clauses.len() == 1).then_some((after, limit)));
        sql.place_in(question, after, end);
        sql.clauses(question, true);
        sql.order(question);
        sql.limit(limit);
        sql
    }

    pub(in crate::orders) fn count(engine: Engine, question: &Question<'_>, all: bool) -> Sql {
        let mut sql = Sql::begin(engine, "SELECT COUNT(*) FROM (SELECT 1 AS one");
        match question.leading() {
            // Their orders need not be looked at.
            Some(Clause::Texts(texts)) if !all => {
                sql.push(" FROM order_text x WHERE x.text_id IN (");
                sql.list(texts);
                sql.push(")");
            }
            _ => {
                sql.from(question, None);
                sql.push(" WHERE 1 = 1");
                sql.clauses(question, all);
            }
        }
        sql.limit(i64::try_from(COUNT_MAX).unwrap_or(i64::MAX).saturating_add(1));
        sql.push(") AS counted");
        sql
    }

    fn place(engine: Engine, question: &Question<'_>, after: Cursor, steps: i64) -> Sql {
        let (key, id) = question.order_columns();
        let mut sql = Sql::begin(engine, &format!("SELECT {key}, {id}"));
        sql.from(question, None);
        sql.place_in(question, after, None);
        sql.clauses(question, false);
        sql.order(question);
        sql.limit(1);
        sql.push(" OFFSET ");
        sql.bind(Bind::Number(steps));
        sql
    }

    fn count_until(engine: Engine, question: &Question<'_>, end: Cursor) -> Sql {
        let mut sql = Sql::begin(engine, "SELECT COUNT(*)");
        sql.from(question, None);
        sql.place_in(question, question.sort.start(), Some(end));
        sql.clauses(question, true);
        sql
    }

    fn begin(engine: Engine, text: &str) -> Sql {
        Sql { engine, text: text.to_owned(), binds: Vec::new() }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn bind(&mut self, value: Bind) {
        self.binds.push(value);
        let _ = write!(self.text, "${}", self.binds.len());
    }

    /// The table that leads, and `orders o`. `head` is the part of the list that is wanted when nothing else narrows it.
    fn from(&mut self, question: &Question<'_>, head: Option<(Cursor, i64)>) {
        match question.leading() {
            Some(Clause::Texts(_)) if question.is_by_text() => {
                self.push(" FROM order_text x");
                self.hint("order_text_by_text");
                self.push(" CROSS JOIN orders o");
            }
            Some(Clause::Texts(texts)) => {
                self.push(" FROM (SELECT DISTINCT y.created_at AS made, y.order_id AS id FROM order_text y");
                self.push(" WHERE y.text_id IN (");
                self.list(texts);
                self.push(")");
                if let Some((after, limit)) = head.filter(|_| question.is_by_texts()) {
                    self.text_head(question.sort, after, limit);
                }
                self.push(") AS h CROSS JOIN orders o");
            }
            Some(Clause::Orders(_)) => self.push(" FROM orders o"),
            Some(clause) => {
                self.push(" FROM orders o");
                self.hint(clause.index().unwrap_or("orders_by_time"));
            }
            None => {
                self.push(" FROM orders o");
                self.hint(question.sort.index());
            }
        }
    }

    /// Only the orders that the page shows are looked up.
    fn text_head(&mut self, sort: Sort, after: Cursor, limit: i64) {
        let (beyond, way) = if sort.ascending { (">", "") } else { ("<", " DESC") };
        self.push(" AND ");
        self.beside("y.created_at", "y.order_id", beyond, after);
        let _ = write!(self.text, " ORDER BY y.created_at{way}, y.order_id{way}");
        self.limit(limit);
    }

    fn hint(&mut self, index: &str) {
        if self.engine == Engine::Sqlite {
            self.push(" INDEXED BY ");
            self.push(index);
        }
    }

    /// Where the list goes on.
    fn place_in(&mut self, question: &Question<'_>, after: Cursor, end: Option<Cursor>) {
        let (key, id) = question.order_columns();
        let (beyond, within) = if question.sort.ascending { (">", "<=") } else { ("<", ">=") };
        self.push(" WHERE ");
        self.beside(key, id, beyond, after);
        if let Some(end) = end {
            self.push(" AND ");
            self.beside(key, id, within, end);
        }
    }

    fn beside(&mut self, key: &str, id: &str, operator: &str, place: Cursor) {
        let _ = write!(self.text, "({key}, {id}) {operator} (");
        self.bind(Bind::Number(place.key));
        self.push(", ");
        self.bind(Bind::Number(signed(place.id.0)));
        self.push(")");
    }

    /// The driver's clause, and the others where they are wanted.
    fn clauses(&mut self, question: &Question<'_>, all: bool) {
        for (place, clause) in question.clauses.iter().enumerate() {
            let leads = question.driver == Driver::Clause(place);
            if leads || all {
                self.push(" AND ");
                self.clause(clause, leads.then_some(question));
            }
        }
    }

    fn clause(&mut self, clause: &Clause, leads: Option<&Question<'_>>) {
        let column = clause.column();
        match clause {
            Clause::Word(field, word) => {
                let _ = write!(self.text, "o.{column} = ");
                self.bind(Bind::Text(word.clone()));
                // An index over unusual states is only used where the text itself says that the state is unusual.
                if let Some(usual) = usual(*field).filter(|usual| usual != word) {
                    let _ = write!(self.text, " AND o.{column} <> '{usual}'");
                }
            }
            Clause::Flag(_, flag) => {
                let _ = write!(self.text, "o.{column} = {}", i64::from(*flag));
            }
            Clause::Range(_, from, until) => self.range(column, *from, *until),
            Clause::Texts(texts) => match leads {
                Some(question) if question.is_by_text() => {
                    self.push("o.id = x.order_id AND x.text_id = ");
                    self.bind(Bind::Number(texts.first().copied().unwrap_or_default()));
                }
                Some(_) => self.push("o.id = h.id"),
                None => {
                    // The plus keeps SQLite from looking up each text of the list for each order.
                    self.push("EXISTS (SELECT 1 FROM order_text z WHERE z.order_id = o.id AND +z.text_id IN (");
                    self.list(texts);
                    // The offset keeps PostgreSQL from joining all orders of the texts beforehand.
                    self.push(") LIMIT 1 OFFSET 0)");
                }
            },
            Clause::Orders(orders) => {
                self.push("o.id IN (");
                self.list(&orders.iter().map(|id| signed(id.0)).collect::<Vec<_>>());
                self.push(")");
            }
        }
    }

    fn range(&mut self, column: &str, from: Option<i64>, until: Option<i64>) {
        let ends = [(">=", from), ("<", until)];
        let mut between = "";
        for (operator, end) in ends.into_iter().filter_map(|(operator, end)| Some((operator, end?))) {
            let _ = write!(self.text, "{between}o.{column} {operator} ");
            self.bind(Bind::Number(end));
            between = " AND ";
        }
        if between.is_empty() {
            self.push("1 = 1");
        }
    }

    /// Numbers, the last one repeated up to a usual length, so that few texts are prepared.
    fn list(&mut self, numbers: &[i64]) {
        let length = numbers.len().max(1).next_power_of_two();
        let last = numbers.last().copied().unwrap_or(-1);
        for place in 0..length {
            if place > 0 {
                self.push(", ");
            }
            self.bind(Bind::Number(numbers.get(place).copied().unwrap_or(last)));
        }
    }

    fn order(&mut self, question: &Question<'_>) {
        let (key, id) = question.order_columns();
        let way = if question.sort.ascending { "" } else { " DESC" };
        let _ = write!(self.text, " ORDER BY {key}{way}, {id}{way}");
    }

    fn limit(&mut self, limit: i64) {
        self.push(" LIMIT ");
        self.bind(Bind::Number(limit));
    }

    /// The text with its values in it, for looking at plans.
    #[cfg(test)]
    pub(in crate::orders) fn literal(self) -> String {
        let values = self.binds.iter().enumerate().rev();
        values.fold(self.text, |text, (place, bind)| {
            let value = match bind {
                Bind::Text(value) => format!("'{value}'"),
                Bind::Number(number) => number.to_string(),
            };
            text.replace(&format!("${}", place + 1), &value)
        })
    }

    async fn all(
        self,
        connection: &mut AnyConnection,
        what: &'static str,
    ) -> Result<Vec<sqlx::any::AnyRow>, StoreError> {
        // The text is put together from constants of this file and place holders.
        let mut query = sqlx::query(AssertSqlSafe(self.text));
        for bind in self.binds {
            query = match bind {
                Bind::Text(text) => query.bind(text),
                Bind::Number(number) => query.bind(number),
            };
        }
        query.fetch_all(connection).await.map_err(|cause| StoreError::sql(what, cause))
    }
}

impl Question<'_> {
    fn leading(&self) -> Option<&Clause> {
        match self.driver {
            Driver::Sort => None,
            Driver::Clause(place) => self.clauses.get(place),
        }
    }

    /// Whether it follows the orders of one text in time.
    fn is_by_text(&self) -> bool {
        let one = matches!(self.leading(), Some(Clause::Texts(texts)) if texts.len() == 1);
        one && self.sort.by == SortBy::Created
    }

    /// Whether it gathers the orders of several texts in time.
    fn is_by_texts(&self) -> bool {
        let many = matches!(self.leading(), Some(Clause::Texts(texts)) if texts.len() != 1);
        many && self.sort.by == SortBy::Created
    }

    /// The columns that the list is ordered by.
    fn order_columns(&self) -> (&'static str, &'static str) {
        match self.sort.column() {
            _ if self.is_by_text() => ("x.created_at", "x.order_id"),
            _ if self.is_by_texts() => ("h.made", "h.id"),
            "paid_at" => ("o.paid_at", "o.id"),
            "updated_at" => ("o.updated_at", "o.id"),
            "amount_minor" => ("o.amount_minor", "o.id"),
            _ => ("o.created_at", "o.id"),
        }
    }
}
