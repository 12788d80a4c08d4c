//! Questions about orders that need less than the whole of them, and writes that are not about a message.

use super::Columns;
use super::load::signed;
use super::save::tail;
use crate::orders::filter::NO_GIFTS;
use crate::orders::list::{CodeHit, OrderRow};
use crate::orders::model::OrderEvent;
use crate::orders::words::Word;
use crate::store::statement::Bound;
use crate::store::{Statement, StoreError, Tx};
use crate::{rows, statements};
use packline_protocol::amount::Amount;
use packline_protocol::facts::{CodeRole, GiftStatus, Release};
use packline_protocol::id::{OrderId, ParcelId, SiteId, StationId};
use packline_protocol::time::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyPool};

statements! {
    /// An order's number by platform and order number.
    FIND_ID = "SELECT id FROM orders WHERE platform = $1 AND origin_no = $2";
    /// No parcel of an order is released by this any more.
    TAKE_BACK_RELEASE = "UPDATE parcel SET released_station = NULL, released_at = NULL \
        WHERE order_id = $1 AND released_station = $2 AND released_at = $3";
    /// The newest events of an order, before one of them.
    EVENTS_OF = "SELECT id, order_id, happened_at, kind, actor, source, version, detail FROM order_event \
        WHERE order_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
    /// Orders and parcels that have this code.
    HITS_BY_CODE = "SELECT p.order_id, p.id, c.role, c.code, c.held FROM parcel_code c \
        JOIN parcel p ON p.id = c.parcel_id WHERE c.code = $1 ORDER BY c.held DESC, p.order_id DESC LIMIT $2";
    /// Orders and parcels that have a code with this end.
    HITS_BY_TAIL = "SELECT p.order_id, p.id, c.role, c.code, c.held FROM parcel_code c \
        JOIN parcel p ON p.id = c.parcel_id WHERE c.code_tail = $1 AND substr(c.code, length(c.code) - CAST($4 AS INTEGER) + 1) = $3 \
        ORDER BY c.held DESC, p.order_id DESC LIMIT $2";
    /// Orders with this number.
    ORDERS_BY_CODE = "SELECT id, order_code FROM orders WHERE order_code = $1 ORDER BY id DESC LIMIT $2";
    /// Orders whose number has this end.
    ORDERS_BY_TAIL = "SELECT id, order_code FROM orders WHERE code_tail = $1 \
        AND substr(order_code, length(order_code) - CAST($4 AS INTEGER) + 1) = $3 ORDER BY id DESC LIMIT $2";
    /// Parcels that stations of a site are told of, by number.
    PARCELS_OF_SITE: Walk = "SELECT id FROM parcel WHERE site = $1 AND on_stations = 1 AND id > $2 ORDER BY id LIMIT $3";
    /// Parcels that have been closed for long and are still on stations.
    AGED_OUT = "SELECT id, site FROM parcel WHERE on_stations = 1 AND closed_at < $1 ORDER BY closed_at LIMIT $2";
}

/// The columns of a list, in the order in which [`order_row`] reads them.
macro_rules! row_columns {
    ($of:literal) => {
        concat!(
            $of,
            "id, ",
            $of,
            "platform, ",
            $of,
            "origin_no, ",
            $of,
            "shop, ",
            $of,
            "site, ",
            $of,
            "status, ",
            $of,
            "refund, ",
            $of,
            "amount_minor, ",
            $of,
            "currency, ",
            $of,
            "created_at, ",
            $of,
            "paid_at, ",
            $of,
            "gift_status, ",
            $of,
            "address, ",
            $of,
            "approval, ",
            $of,
            "hold, ",
            $of,
            "must_not_ship, ",
            $of,
            "stopped, ",
            $of,
            "tags, ",
            $of,
            "parcel_count, ",
            $of,
            "piece_count, ",
            $of,
            "updated_at"
        )
    };
}
pub(super) use row_columns;

rows! {
    /// Adds events.
    PUT_EVENTS [0, 8] = "INSERT INTO order_event (id, order_id, happened_at, kind, actor, source, version, detail) \
        VALUES {rows}";
    /// The orders that these parcels belong to.
    ORDERS_OF_PARCELS [0; BIGINT] = "SELECT DISTINCT order_id FROM parcel WHERE id IN (VALUES {rows})";
    /// Who let these parcels go, and where they are.
    RELEASED [0; BIGINT] = "SELECT id, order_id, site, released_station, released_at FROM parcel \
        WHERE id IN (VALUES {rows})";
    /// Notes who let parcels go; the first one stays.
    RELEASE [0; BIGINT, TEXT, BIGINT] = "UPDATE parcel \
        SET released_station = given.column2, released_at = given.column3 FROM (VALUES {rows}) AS given \
        WHERE parcel.id = given.column1 AND parcel.released_station IS NULL";
    /// Stations are not told of these parcels any more.
    TAKE_OFF [0; BIGINT] = "UPDATE parcel SET on_stations = 0 WHERE id IN (VALUES {rows})";
}

/// An event that is to be written: all but its number.
pub(in crate::orders) struct NewEvent {
    pub id: u64,
    pub order: OrderId,
    pub at: Timestamp,
    pub kind: &'static str,
    pub actor: String,
    pub source: String,
    pub version: Option<Timestamp>,
    pub detail: String,
}

pub(in crate::orders) async fn insert_events(tx: &mut Tx, events: &[NewEvent]) -> Result<(), StoreError> {
    PUT_EVENTS.write(tx, events, bind_event).await.map(drop)
}

fn bind_event<'q>(query: Bound<'q>, event: &'q NewEvent) -> Bound<'q> {
    query
        .bind(signed(event.id))
        .bind(signed(event.order.0))
        .bind(event.at.0)
        .bind(event.kind)
        .bind(event.actor.as_str())
        .bind(event.source.as_str())
        .bind(event.version.map(|at| at.0))
        .bind(event.detail.as_str())
}

pub(in crate::orders) async fn find_id(
    pool: &AnyPool,
    platform: &str,
    origin_no: &str,
) -> Result<Option<OrderId>, StoreError> {
    let row = FIND_ID.find(pool, FIND_ID.query().bind(platform).bind(origin_no)).await?;
    row.map(|row| Columns::of(&row, "FIND_ID").number().map(OrderId)).transpose()
}

pub(in crate::orders) async fn events_of(
    pool: &AnyPool,
    order: OrderId,
    before: i64,
    limit: i64,
) -> Result<Vec<OrderEvent>, StoreError> {
    let query = EVENTS_OF.query().bind(signed(order.0)).bind(before).bind(limit);
    EVENTS_OF.all(pool, query).await?.iter().map(event).collect()
}

fn event(row: &AnyRow) -> Result<OrderEvent, StoreError> {
    let mut columns = Columns::of(row, "EVENTS_OF");
    Ok(OrderEvent {
        id: columns.take()?,
        order: OrderId(columns.number()?),
        at: columns.time()?,
        kind: columns.take()?,
        actor: columns.take()?,
        source: columns.take()?,
        version: columns.maybe_time()?,
        detail: columns.parsed(|text| serde_json::from_str(text).ok())?,
    })
}

pub(super) fn order_row(row: &AnyRow, what: &'static str) -> Result<OrderRow, StoreError> {
    let mut columns = Columns::of(row, what);
    Ok(OrderRow {
        id: OrderId(columns.number()?),
        platform: columns.take()?,
        origin_no: columns.take()?,
        shop: columns.take()?,
        site: columns.take()?,
        status: columns.word()?,
        refund: columns.word()?,
        amount: {
            let amount = columns.take::<Option<i64>>()?.zip(columns.take::<Option<String>>()?);
            amount.map(|(minor, currency)| Amount { minor, currency })
        },
        created_at: columns.time()?,
        paid_at: columns.maybe_time()?,
        gift_status: match columns.take::<String>()?.as_str() {
            NO_GIFTS => None,
            word => Some(GiftStatus::from_word(word).ok_or_else(|| columns.bad(format!("gift status `{word}`")))?),
        },
        address: columns.word()?,
        approval: columns.word()?,
        hold: columns.word()?,
        must_not_ship: columns.flag()?,
        stopped: columns.flag()?,
        tags: columns.parsed(|text| serde_json::from_str(text).ok())?,
        parcels: columns.number()?,
        pieces: columns.number()?,
        updated_at: columns.time()?,
    })
}

/// What stands under this canonical code, or with `end` under codes that end so.
pub(in crate::orders) async fn code_hits(
    pool: &AnyPool,
    text: &str,
    end: bool,
    limit: i64,
) -> Result<Vec<CodeHit>, StoreError> {
    let (parcels, orders) = if end { (HITS_BY_TAIL, ORDERS_BY_TAIL) } else { (HITS_BY_CODE, ORDERS_BY_CODE) };
    let key = if end { tail(text) } else { text.to_owned() };
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let bound = |statement: Statement| {
        let query = statement.query().bind(key.clone()).bind(limit);
        if end { query.bind(text.to_owned()).bind(length) } else { query }
    };
    let mut hits = Vec::new();
    for row in parcels.all(pool, bound(parcels)).await? {
        let mut columns = Columns::of(&row, parcels.name);
        hits.push(CodeHit {
            order: OrderId(columns.number()?),
            parcel: Some(ParcelId(columns.number()?)),
            role: columns.word()?,
            code: columns.take()?,
            held: columns.flag()?,
        });
    }
    for row in orders.all(pool, bound(orders)).await? {
        let mut columns = Columns::of(&row, orders.name);
        let order = OrderId(columns.number()?);
        hits.push(CodeHit { order, parcel: None, role: CodeRole::Order, code: columns.take()?, held: true });
    }
    Ok(hits)
}

pub(in crate::orders) async fn orders_of_parcels(
    connection: &mut AnyConnection,
    parcels: &[ParcelId],
) -> Result<Vec<OrderId>, StoreError> {
    let rows = ORDERS_OF_PARCELS.fetch(connection, parcels, |query, id| query.bind(signed(id.0))).await?;
    let mut orders = Vec::with_capacity(rows.len());
    for row in &rows {
        orders.push(OrderId(Columns::of(row, "ORDERS_OF_PARCELS").number()?));
    }
    orders.sort();
    orders.dedup();
    Ok(orders)
}

/// Parcels of a site that stations are told of, after one of them.
pub(in crate::orders) async fn parcels_of_site(
    pool: &AnyPool,
    site: &SiteId,
    after: ParcelId,
    limit: i64,
) -> Result<Vec<ParcelId>, StoreError> {
    let query = PARCELS_OF_SITE.query().bind(site.as_str()).bind(signed(after.0)).bind(limit);
    let rows = PARCELS_OF_SITE.all(pool, query).await?;
    rows.iter().map(|row| Columns::of(row, "PARCELS_OF_SITE").number().map(ParcelId)).collect()
}

/// A parcel with who let it go, if anybody did.
pub(in crate::orders) struct ReleasedRow {
    pub parcel: ParcelId,
    pub order: OrderId,
    pub site: SiteId,
    pub release: Option<Release>,
}

pub(in crate::orders) async fn released(
    connection: &mut AnyConnection,
    parcels: &[ParcelId],
) -> Result<Vec<ReleasedRow>, StoreError> {
    let rows = RELEASED.fetch(connection, parcels, |query, id| query.bind(signed(id.0))).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::of(row, "RELEASED");
        let (parcel, order) = (ParcelId(columns.number()?), OrderId(columns.number()?));
        let site = columns.parsed(|text| SiteId::parse(text).ok())?;
        let station = columns.maybe_parsed(|text| StationId::parse(text).ok())?;
        let release = station.zip(columns.maybe_time()?).map(|(station, at)| Release { station, at });
        found.push(ReleasedRow { parcel, order, site, release });
    }
    Ok(found)
}

/// No parcel of the order is released by this any more; says how many were.
pub(in crate::orders) async fn take_back_release(
    tx: &mut Tx,
    order: OrderId,
    release: &Release,
) -> Result<u64, StoreError> {
    let query = TAKE_BACK_RELEASE.query().bind(signed(order.0)).bind(release.station.as_str()).bind(release.at.0);
    TAKE_BACK_RELEASE.run(tx, query).await
}

/// Notes releases of parcels that were not released yet. Each parcel stands in the list once.
pub(in crate::orders) async fn release(tx: &mut Tx, releases: &[(ParcelId, Release)]) -> Result<(), StoreError> {
    RELEASE
        .write(tx, releases, |query, (parcel, release)| {
            query.bind(signed(parcel.0)).bind(release.station.as_str()).bind(release.at.0)
        })
        .await?;
    Ok(())
}

pub(in crate::orders) async fn aged_out(
    pool: &AnyPool,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<(SiteId, ParcelId)>, StoreError> {
    let mut found = Vec::new();
    for row in AGED_OUT.all(pool, AGED_OUT.query().bind(before.0).bind(limit)).await? {
        let mut columns = Columns::of(&row, "AGED_OUT");
        let parcel = ParcelId(columns.number()?);
        found.push((columns.parsed(|text| SiteId::parse(text).ok())?, parcel));
    }
    Ok(found)
}

pub(in crate::orders) async fn take_off(tx: &mut Tx, parcels: &[ParcelId]) -> Result<(), StoreError> {
    TAKE_OFF.write(tx, parcels, |query, id| query.bind(signed(id.0))).await.map(drop)
}
