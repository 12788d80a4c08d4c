//! SQL of contacts.

use super::model::{Kept, NewRow, Row};
use crate::store::statement::Bound;
use crate::store::{Connection, StoreError, Tx};
use crate::{rows, statements};
use packline_protocol::id::OrderId;
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;
use sqlx::any::AnyRow;

/// Whether the new text of a column wins over the one there is.
macro_rules! wins {
    ($text:literal) => {
        concat!(
            "(excluded.",
            $text,
            "_weight > order_contact.",
            $text,
            "_weight OR excluded.",
            $text,
            "_weight = order_contact.",
            $text,
            "_weight AND excluded.",
            $text,
            "_tie > order_contact.",
            $text,
            "_tie)"
        )
    };
}

/// A column that goes with a text.
macro_rules! newer {
    ($text:literal, $column:literal) => {
        concat!(
            $column,
            " = CASE WHEN ",
            wins!($text),
            " THEN excluded.",
            $column,
            " ELSE order_contact.",
            $column,
            " END"
        )
    };
}

rows! {
    /// Writes contacts; of each text the newest version stays, and what was erased stays erased.
    PUT_CONTACTS [0, 14] = concat!(
        "INSERT INTO order_contact (order_id, name, name_weight, name_tie, name_key, phone, phone_weight, phone_tie, \
         phone_key, tail_key, address, address_weight, address_tie, told_at) VALUES {rows} \
         ON CONFLICT (order_id) DO UPDATE SET ",
        newer!("name", "name"), ", ", newer!("name", "name_key"), ", ",
        newer!("name", "name_tie"), ", ", newer!("name", "name_weight"), ", ",
        newer!("phone", "phone"), ", ", newer!("phone", "phone_key"), ", ", newer!("phone", "tail_key"), ", ",
        newer!("phone", "phone_tie"), ", ", newer!("phone", "phone_weight"), ", ",
        newer!("address", "address"), ", ", newer!("address", "address_tie"), ", ",
        newer!("address", "address_weight"), ", told_at = excluded.told_at \
         WHERE order_contact.erased_at IS NULL AND (",
        wins!("name"), " OR ", wins!("phone"), " OR ", wins!("address"), ")"
    );
    /// The contacts of orders.
    CONTACTS_OF [0; BIGINT] = "SELECT order_id, name, phone, address, erased_at FROM order_contact \
        WHERE order_id IN (VALUES {rows})";
    /// Erases contacts, and everything by which they could be found.
    ERASE [0; BIGINT, BIGINT] = "UPDATE order_contact SET name = NULL, name_tie = 0, name_key = NULL, phone = NULL, \
        phone_tie = 0, phone_key = NULL, tail_key = NULL, address = NULL, address_tie = 0, \
        erased_at = given.column2 FROM (VALUES {rows}) AS given \
        WHERE order_contact.order_id = given.column1 AND order_contact.erased_at IS NULL";
}

statements! {
    /// The orders of a phone number.
    BY_PHONE = "SELECT order_id FROM order_contact WHERE phone_key = $1 ORDER BY order_id DESC LIMIT $2";
    /// The orders of the last four digits of a phone number.
    BY_TAIL = "SELECT order_id FROM order_contact WHERE tail_key = $1 ORDER BY order_id DESC LIMIT $2";
    /// Other orders with the phone number of an order.
    SAME_PHONE = "SELECT b.order_id FROM order_contact a JOIN order_contact b ON b.phone_key = a.phone_key \
        WHERE a.order_id = $1 AND b.order_id <> $1 ORDER BY b.order_id DESC LIMIT $2";
    /// The orders of a name.
    BY_NAME = "SELECT order_id FROM order_contact WHERE name_key = $1 ORDER BY order_id DESC LIMIT $2";
    /// Contacts of orders that have been over for long, the oldest first, after one of them.
    LONG_OVER: Walk = "SELECT c.told_at, c.order_id FROM order_contact c JOIN orders o ON o.id = c.order_id \
        WHERE c.erased_at IS NULL AND c.told_at < $1 AND (c.told_at, c.order_id) > ($2, $3) AND o.updated_at < $1 \
        AND o.status IN ('shipped', 'completed', 'cancelled') ORDER BY c.told_at, c.order_id LIMIT $4";
    /// Whether there is such an order.
    HAS_ORDER = "SELECT id FROM orders WHERE id = $1";
    /// Somebody sees a contact in clear until then.
    PUT_REVEAL = "INSERT INTO contact_reveal (actor, order_id, until) VALUES ($1, $2, $3) \
        ON CONFLICT (order_id, actor) DO UPDATE SET until = excluded.until";
    /// Until when somebody sees a contact in clear.
    FIND_REVEAL = "SELECT until FROM contact_reveal WHERE actor = $1 AND order_id = $2";
    /// Somebody does not need to see it any more.
    END_REVEAL = "DELETE FROM contact_reveal WHERE actor = $1 AND order_id = $2";
    /// How many contacts somebody sees in clear.
    COUNT_REVEALS = "SELECT COUNT(*) FROM contact_reveal WHERE actor = $1 AND until > $2";
    /// Reveals that are over are forgotten.
    END_REVEALS = "DELETE FROM contact_reveal WHERE until < $1";
}

/// Other orders with the phone number of an order, the newest first.
pub(super) async fn same_phone(pool: &AnyPool, order: OrderId, limit: i64) -> Result<Vec<OrderId>, StoreError> {
    let rows = SAME_PHONE.all(pool, SAME_PHONE.query().bind(order.0.cast_signed()).bind(limit)).await?;
    rows.iter().map(|row| Ok(OrderId(SAME_PHONE.get::<i64>(row, 0)?.cast_unsigned()))).collect()
}

pub(super) async fn put(tx: &mut Tx, rows: &[NewRow]) -> Result<(), StoreError> {
    PUT_CONTACTS.write(tx, rows, bind_row).await.map(drop)
}

fn bind_row<'q>(query: Bound<'q>, row: &'q NewRow) -> Bound<'q> {
    let text = |query: Bound<'q>, kept: &'q Kept| query.bind(kept.sealed.as_deref()).bind(kept.weight).bind(kept.tie);
    let query = text(query.bind(row.order), &row.name).bind(row.name_key);
    let query = text(query, &row.phone).bind(row.phone_key).bind(row.tail_key);
    text(query, &row.address).bind(row.told_at)
}

pub(super) async fn of(connection: &mut Connection, orders: &[OrderId]) -> Result<Vec<Row>, StoreError> {
    let rows = CONTACTS_OF.fetch(connection, orders, |query, order| query.bind(order.0.cast_signed())).await?;
    rows.iter().map(row).collect()
}

fn row(row: &AnyRow) -> Result<Row, StoreError> {
    let what = CONTACTS_OF.statement;
    let erased_at: Option<i64> = what.get(row, 4)?;
    Ok(Row {
        order: order(what.get(row, 0)?),
        name: what.get(row, 1)?,
        phone: what.get(row, 2)?,
        address: what.get(row, 3)?,
        erased_at: erased_at.map(Timestamp),
    })
}

fn order(id: i64) -> OrderId {
    OrderId(id.cast_unsigned())
}

/// The newest orders with this key.
pub(super) async fn by_key(pool: &AnyPool, key: super::decide::Key, limit: i64) -> Result<Vec<OrderId>, StoreError> {
    use super::decide::Key;
    let (statement, key) = match key {
        Key::Phone(key) => (BY_PHONE, key),
        Key::Tail(key) => (BY_TAIL, key),
        Key::Name(key) => (BY_NAME, key),
    };
    let rows = statement.all(pool, statement.query().bind(key).bind(limit)).await?;
    rows.iter().map(|row| statement.get(row, 0).map(order)).collect()
}

/// Contacts to be erased after (`told_at`, order), with where the next look begins.
pub(super) async fn long_over(
    pool: &AnyPool,
    before: Timestamp,
    after: (i64, i64),
    limit: i64,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let query = LONG_OVER.query().bind(before.0).bind(after.0).bind(after.1).bind(limit);
    let rows = LONG_OVER.all(pool, query).await?;
    rows.iter().map(|row| Ok((LONG_OVER.get(row, 0)?, LONG_OVER.get(row, 1)?))).collect()
}

/// How many were erased.
pub(super) async fn erase(tx: &mut Tx, orders: &[i64], now: Timestamp) -> Result<u64, StoreError> {
    ERASE.write(tx, orders, |query, order| query.bind(*order).bind(now.0)).await
}

pub(super) async fn has_order(pool: &AnyPool, order: OrderId) -> Result<bool, StoreError> {
    Ok(HAS_ORDER.find(pool, HAS_ORDER.query().bind(order.0.cast_signed())).await?.is_some())
}

pub(super) async fn put_reveal(tx: &mut Tx, actor: &str, order: OrderId, until: Timestamp) -> Result<(), StoreError> {
    let query = PUT_REVEAL.query().bind(actor.to_owned()).bind(order.0.cast_signed()).bind(until.0);
    PUT_REVEAL.run(tx, query).await.map(drop)
}

pub(super) async fn find_reveal(pool: &AnyPool, actor: &str, order: OrderId) -> Result<Option<Timestamp>, StoreError> {
    let query = FIND_REVEAL.query().bind(actor.to_owned()).bind(order.0.cast_signed());
    let row = FIND_REVEAL.find(pool, query).await?;
    row.map(|row| FIND_REVEAL.get(&row, 0).map(Timestamp)).transpose()
}

/// How many contacts somebody sees in clear now.
pub(super) async fn count_reveals(tx: &mut Tx, actor: &str, now: Timestamp) -> Result<i64, StoreError> {
    COUNT_REVEALS.one(tx, COUNT_REVEALS.query().bind(actor.to_owned()).bind(now.0)).await
}

pub(super) async fn end_reveal(tx: &mut Tx, actor: &str, order: OrderId) -> Result<u64, StoreError> {
    END_REVEAL.run(tx, END_REVEAL.query().bind(actor.to_owned()).bind(order.0.cast_signed())).await
}

pub(super) async fn end_reveals(tx: &mut Tx, before: Timestamp) -> Result<(), StoreError> {
    END_REVEALS.run(tx, END_REVEALS.query().bind(before.0)).await.map(drop)
}
