//! Whole orders, many at a time.

use super::Columns;
use crate::orders::claims::Claims;
use crate::orders::model::{Code, GiftLine, Order, OrderLine, OrderParcel};
use crate::orders::when::SourceTime;
use crate::rows;
use crate::store::StoreError;
use packline_protocol::amount::Amount;
use packline_protocol::facts::Release;
use packline_protocol::id::{OrderId, ParcelId, SiteId, StationId};
use packline_protocol::time::Timestamp;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

macro_rules! order_columns {
    () => {
        "o.id, o.platform, o.origin_no, o.shop, o.own_site, o.status, o.refund, o.amount_minor, o.currency, \
         o.created_at, o.created_text, o.paid_at, o.paid_text, o.must_not_ship, o.approval, o.hold, o.tags, o.claims, \
         o.revision, o.received_at, o.updated_at"
    };
}

rows! {
    /// Orders by platform and order number.
    ORDERS_BY_KEY [0; TEXT, TEXT] =
        concat!("SELECT ", order_columns!(), " FROM orders o WHERE (o.platform, o.origin_no) IN (VALUES {rows})");
    /// Orders by number.
    ORDERS_BY_ID [0; BIGINT] =
        concat!("SELECT ", order_columns!(), " FROM orders o WHERE o.id IN (VALUES {rows})");
    /// Lines of orders.
    LINES_OF [0; BIGINT] =
        "SELECT order_id, place, sku, title, quantity, refunded FROM order_line WHERE order_id IN (VALUES {rows})";
    /// Gifts of orders.
    GIFTS_OF [0; BIGINT] =
        "SELECT order_id, place, sku, title, quantity, cancelled, substitute_sku, parcel_ref, issued, status \
         FROM gift_line WHERE order_id IN (VALUES {rows})";
    /// Parcels of orders.
    PARCELS_OF [0; BIGINT] =
        "SELECT order_id, id, parcel_key, place, listed, status, site, own_site, courier, waiting, contents, \
         printed_at, labelled_at, version, released_station, released_at, closed_at, on_stations \
         FROM parcel WHERE order_id IN (VALUES {rows})";
    /// Codes of the parcels of orders.
    CODES_OF [0; BIGINT] =
        "SELECT p.order_id, c.parcel_id, c.role, c.code, c.held FROM parcel p JOIN parcel_code c ON c.parcel_id = p.id \
         WHERE p.order_id IN (VALUES {rows})";
    /// Stock-out records of orders.
    STOCK_OUT_OF [0; BIGINT] =
        "SELECT order_id, parcel_ref, sku, quantity FROM stock_out WHERE order_id IN (VALUES {rows})";
}

/// The orders with these platforms and order numbers, as far as they are there.
pub(in crate::orders) async fn by_keys(
    connection: &mut AnyConnection,
    keys: &[(&str, &str)],
) -> Result<Vec<Order>, StoreError> {
    let rows = ORDERS_BY_KEY.fetch(connection, keys, |query, key| query.bind(key.0).bind(key.1)).await?;
    with_children(connection, rows).await
}

/// The orders with these numbers, as far as they are there.
pub(in crate::orders) async fn by_ids(
    connection: &mut AnyConnection,
    ids: &[OrderId],
) -> Result<Vec<Order>, StoreError> {
    let rows = ORDERS_BY_ID.fetch(connection, ids, |query, id| query.bind(signed(id.0))).await?;
    with_children(connection, rows).await
}

async fn with_children(connection: &mut AnyConnection, rows: Vec<AnyRow>) -> Result<Vec<Order>, StoreError> {
    let mut orders: BTreeMap<i64, Order> = BTreeMap::new();
    for row in &rows {
        let order = order(row)?;
        orders.insert(signed(order.id.0), order);
    }
    let ids: Vec<i64> = orders.keys().copied().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    add_lines(connection, &ids, &mut orders).await?;
    add_gifts(connection, &ids, &mut orders).await?;
    add_parcels(connection, &ids, &mut orders).await?;
    add_stock_out(connection, &ids, &mut orders).await?;
    Ok(orders.into_values().collect())
}

fn order(row: &AnyRow) -> Result<Order, StoreError> {
    let mut columns = Columns::of(row, "ORDERS");
    let id = OrderId(columns.number()?);
    let (platform, origin_no, shop) = (columns.take()?, columns.take()?, columns.take()?);
    let own_site = columns.maybe_parsed(|text| SiteId::parse(text).ok())?;
    let (status, refund) = (columns.word()?, columns.word()?);
    let amount = columns.take::<Option<i64>>()?.zip(columns.take::<Option<String>>()?);
    let created = (columns.take::<i64>()?, columns.take::<Option<String>>()?);
    let paid = (columns.take::<Option<i64>>()?, columns.take::<Option<String>>()?);
    let time = |at: i64, text: String| SourceTime { at: Timestamp(at), text };
    Ok(Order {
        id,
        platform,
        origin_no,
        shop,
        own_site,
        status,
        refund,
        amount: amount.map(|(minor, currency)| Amount { minor, currency }),
        created: created.1.map(|text| time(created.0, text)),
        paid: paid.0.zip(paid.1).map(|(at, text)| time(at, text)),
        must_not_ship: columns.flag()?,
        approval: columns.word()?,
        hold: columns.word()?,
        tags: columns.parsed(|text| serde_json::from_str(text).ok())?,
        claims: columns.parsed(|text| Claims::from_json(text).ok())?,
        lines: Vec::new(),
        gifts: Vec::new(),
        parcels: Vec::new(),
        stock_out: BTreeMap::new(),
        revision: columns.take()?,
        received_at: columns.time()?,
        updated_at: columns.time()?,
    }
    .with_stock_out_keys())
}

impl Order {
    /// A stock-out record without any piece has no rows; that it exists is in the claims.
    fn with_stock_out_keys(mut self) -> Order {
        self.stock_out = self.claims.stock_out.keys().map(|key| (key.clone(), BTreeMap::new())).collect();
        self
    }
}

async fn add_lines(
    connection: &mut AnyConnection,
    ids: &[i64],
    orders: &mut BTreeMap<i64, Order>,
) -> Result<(), StoreError> {
    let mut found = Vec::new();
    for row in LINES_OF.fetch(connection, ids, |query, id| query.bind(*id)).await? {
        let mut columns = Columns::of(&row, "LINES_OF");
        let place: (i64, i64) = (columns.take()?, columns.take()?);
        let (sku, title) = (columns.take()?, columns.take()?);
        found.push((place, OrderLine { sku, title, quantity: columns.number()?, refunded: columns.number()? }));
    }
    found.sort();
    for ((order, _), line) in found {
        orders.entry(order).and_modify(|order| order.lines.push(line));
    }
    Ok(())
}

async fn add_gifts(
    connection: &mut AnyConnection,
    ids: &[i64],
    orders: &mut BTreeMap<i64, Order>,
) -> Result<(), StoreError> {
    let mut found = Vec::new();
    for row in GIFTS_OF.fetch(connection, ids, |query, id| query.bind(*id)).await? {
        let mut columns = Columns::of(&row, "GIFTS_OF");
        let place: (i64, i64) = (columns.take()?, columns.take()?);
        let gift = GiftLine {
            sku: columns.take()?,
            title: columns.take()?,
            quantity: columns.number()?,
            cancelled: columns.flag()?,
            substitute_sku: columns.take()?,
            parcel_ref: columns.take()?,
            issued: columns.number()?,
            status: columns.word()?,
        };
        found.push((place, gift));
    }
    found.sort();
    for ((order, _), gift) in found {
        orders.entry(order).and_modify(|order| order.gifts.push(gift));
    }
    Ok(())
}

async fn add_parcels(
    connection: &mut AnyConnection,
    ids: &[i64],
    orders: &mut BTreeMap<i64, Order>,
) -> Result<(), StoreError> {
    let mut codes: BTreeMap<i64, Vec<Code>> = BTreeMap::new();
    for row in CODES_OF.fetch(connection, ids, |query, id| query.bind(*id)).await? {
        let mut columns = Columns::of(&row, "CODES_OF");
        let (_order, parcel): (i64, i64) = (columns.take()?, columns.take()?);
        let code = Code { role: columns.word()?, text: columns.take()?, held: columns.flag()? };
        codes.entry(parcel).or_default().push(code);
    }
    for row in PARCELS_OF.fetch(connection, ids, |query, id| query.bind(*id)).await? {
        let mut columns = Columns::of(&row, "PARCELS_OF");
        let order: i64 = columns.take()?;
        let mut parcel = parcel(&mut columns)?;
        parcel.codes = codes.remove(&signed(parcel.id.0)).unwrap_or_default();
        parcel.codes.sort();
        orders.entry(order).and_modify(|order| order.parcels.push(parcel));
    }
    for order in orders.values_mut() {
        order.parcels.sort_by(|a, b| (!a.listed, a.place, &a.key).cmp(&(!b.listed, b.place, &b.key)));
    }
    Ok(())
}

fn parcel(columns: &mut Columns<'_>) -> Result<OrderParcel, StoreError> {
    Ok(OrderParcel {
        id: ParcelId(columns.number()?),
        key: columns.take()?,
        place: columns.number()?,
        listed: columns.flag()?,
        status: columns.word()?,
        site: columns.parsed(|text| SiteId::parse(text).ok())?,
        own_site: columns.maybe_parsed(|text| SiteId::parse(text).ok())?,
        courier: columns.take()?,
        waiting: columns.flag()?,
        contents: columns.maybe_parsed(|text| serde_json::from_str(text).ok())?,
        printed_at: columns.maybe_time()?,
        labelled_at: columns.maybe_time()?,
        codes: Vec::new(),
        version: columns.time()?,
        released: {
            let station = columns.maybe_parsed(|text| StationId::parse(text).ok())?;
            station.zip(columns.maybe_time()?).map(|(station, at)| Release { station, at })
        },
        closed_at: columns.maybe_time()?,
        on_stations: columns.flag()?,
    })
}

async fn add_stock_out(
    connection: &mut AnyConnection,
    ids: &[i64],
    orders: &mut BTreeMap<i64, Order>,
) -> Result<(), StoreError> {
    for row in STOCK_OUT_OF.fetch(connection, ids, |query, id| query.bind(*id)).await? {
        let mut columns = Columns::of(&row, "STOCK_OUT_OF");
        let (order, key, sku): (i64, String, String) = (columns.take()?, columns.take()?, columns.take()?);
        let pieces = columns.number()?;
        if let Some(order) = orders.get_mut(&order) {
            order.stock_out.entry(key).or_default().insert(sku, pieces);
        }
    }
    Ok(())
}

/// Numbers are below 2^63: the database counts them with a sign.
pub(in crate::orders) fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
