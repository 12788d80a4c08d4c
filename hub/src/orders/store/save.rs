//! Writes whole orders, many at a time, and only what of them differs.

use super::load::signed;
use crate::orders::filter::NO_GIFTS;
use crate::orders::model::{Code, GiftLine, Order, OrderLine, OrderParcel};
use crate::orders::words::Word as _;
use crate::rows;
use crate::store::statement::Bound;
use crate::store::{StoreError, Tx};
use packline_protocol::code;
use packline_protocol::facts::GiftStatus;
use packline_protocol::id::{ParcelId, SiteId};
use std::collections::BTreeMap;

rows! {
    /// Writes orders. A row that another writer moved on meanwhile is left alone and not counted.
    PUT_ORDERS [0, 28] =
        "INSERT INTO orders (id, platform, origin_no, order_code, code_tail, shop, site, own_site, status, refund, \
         amount_minor, currency, created_at, created_text, paid_at, paid_text, must_not_ship, approval, hold, address, \
         gift_status, tags, claims, revision, received_at, updated_at, parcel_count, piece_count) VALUES {rows} \
         ON CONFLICT (platform, origin_no) DO UPDATE SET shop = excluded.shop, site = excluded.site, \
         own_site = excluded.own_site, status = excluded.status, refund = excluded.refund, \
         amount_minor = excluded.amount_minor, currency = excluded.currency, created_at = excluded.created_at, \
         created_text = excluded.created_text, paid_at = excluded.paid_at, paid_text = excluded.paid_text, \
         must_not_ship = excluded.must_not_ship, approval = excluded.approval, hold = excluded.hold, \
         address = excluded.address, gift_status = excluded.gift_status, tags = excluded.tags, \
         claims = excluded.claims, revision = excluded.revision, updated_at = excluded.updated_at, \
         parcel_count = excluded.parcel_count, piece_count = excluded.piece_count \
         WHERE orders.revision = excluded.revision - 1";
    /// Removes the lines of orders.
    CUT_LINES [0; BIGINT] = "DELETE FROM order_line WHERE order_id IN (VALUES {rows})";
    /// Writes lines.
    PUT_LINES [0, 6] = "INSERT INTO order_line (order_id, place, sku, title, quantity, refunded) VALUES {rows}";
    /// Removes the gifts of orders.
    CUT_GIFTS [0; BIGINT] = "DELETE FROM gift_line WHERE order_id IN (VALUES {rows})";
    /// Writes gifts.
    PUT_GIFTS [0, 10] =
        "INSERT INTO gift_line (order_id, place, sku, title, quantity, cancelled, substitute_sku, parcel_ref, issued, \
         status) VALUES {rows}";
    /// Removes parcels.
    CUT_PARCELS [0; BIGINT] = "DELETE FROM parcel WHERE id IN (VALUES {rows})";
    /// Writes parcels. Who released one is not touched: that comes from scans.
    PUT_PARCELS [0, 16] =
        "INSERT INTO parcel (id, order_id, parcel_key, place, listed, status, site, own_site, courier, waiting, \
         contents, printed_at, labelled_at, version, closed_at, on_stations) VALUES {rows} \
         ON CONFLICT (id) DO UPDATE SET parcel_key = excluded.parcel_key, place = excluded.place, \
         listed = excluded.listed, status = excluded.status, site = excluded.site, own_site = excluded.own_site, \
         courier = excluded.courier, waiting = excluded.waiting, contents = excluded.contents, \
         printed_at = excluded.printed_at, labelled_at = excluded.labelled_at, version = excluded.version, \
         closed_at = excluded.closed_at, on_stations = excluded.on_stations";
    /// Removes the codes of parcels.
    CUT_CODES [0; BIGINT] = "DELETE FROM parcel_code WHERE parcel_id IN (VALUES {rows})";
    /// Writes codes.
    PUT_CODES [0, 5] = "INSERT INTO parcel_code (parcel_id, code, code_tail, role, held) VALUES {rows}";
    /// Removes the stock-out records of orders.
    CUT_STOCK_OUT [0; BIGINT] = "DELETE FROM stock_out WHERE order_id IN (VALUES {rows})";
    /// Writes stock-out records.
    PUT_STOCK_OUT [0, 4] = "INSERT INTO stock_out (order_id, parcel_ref, sku, quantity) VALUES {rows}";
}

/// An order as it was, if it was, and as it shall be.
pub(in crate::orders) type Pair<'a> = (Option<&'a Order>, &'a Order);

/// Writes these orders. `Raced` when another writer moved one of them on meanwhile; then nothing may be kept.
pub(in crate::orders) async fn save(tx: &mut Tx, orders: &[Pair<'_>]) -> Result<(), StoreError> {
    let written = PUT_ORDERS.write(tx, orders, |query, pair| bind_order(query, pair.1)).await?;
    if written != orders.len() as u64 {
        return Err(StoreError::Raced { what: tx.name() });
    }
    save_lines(tx, orders).await?;
    save_gifts(tx, orders).await?;
    save_stock_out(tx, orders).await?;
    save_parcels(tx, orders).await
}

/// The orders of which `part` differs, and of those the numbers of the ones that had something there before.
fn differing<'a, P: PartialEq>(
    orders: &[Pair<'a>],
    part: impl Fn(&Order) -> &P,
    is_empty: impl Fn(&P) -> bool,
) -> (Vec<&'a Order>, Vec<i64>) {
    let (mut changed, mut stale) = (Vec::new(), Vec::new());
    for (before, after) in orders {
        if before.is_none_or(|before| part(before) != part(after)) {
            changed.push(*after);
            if before.is_some_and(|before| !is_empty(part(before))) {
                stale.push(signed(after.id.0));
            }
        }
    }
    (changed, stale)
}

async fn save_lines(tx: &mut Tx, orders: &[Pair<'_>]) -> Result<(), StoreError> {
    let (changed, stale) = differing(orders, |order| &order.lines, Vec::is_empty);
    CUT_LINES.write(tx, &stale, |query, id| query.bind(*id)).await?;
    let rows: Vec<(i64, i64, &OrderLine)> = changed.iter().flat_map(|order| numbered(order, &order.lines)).collect();
    PUT_LINES.write(tx, &rows, bind_line).await.map(drop)
}

async fn save_gifts(tx: &mut Tx, orders: &[Pair<'_>]) -> Result<(), StoreError> {
    let (changed, stale) = differing(orders, |order| &order.gifts, Vec::is_empty);
    CUT_GIFTS.write(tx, &stale, |query, id| query.bind(*id)).await?;
    let rows: Vec<(i64, i64, &GiftLine)> = changed.iter().flat_map(|order| numbered(order, &order.gifts)).collect();
    PUT_GIFTS.write(tx, &rows, bind_gift).await.map(drop)
}

async fn save_stock_out(tx: &mut Tx, orders: &[Pair<'_>]) -> Result<(), StoreError> {
    let (changed, stale) = differing(orders, |order| &order.stock_out, BTreeMap::is_empty);
    CUT_STOCK_OUT.write(tx, &stale, |query, id| query.bind(*id)).await?;
    let mut rows: Vec<PickedRow<'_>> = Vec::new();
    for order in changed {
        for (key, picked) in &order.stock_out {
            rows.extend(picked.iter().map(|(sku, pieces)| PickedRow { order, key, sku, pieces: *pieces }));
        }
    }
    PUT_STOCK_OUT.write(tx, &rows, bind_picked).await.map(drop)
}

async fn save_parcels(tx: &mut Tx, orders: &[Pair<'_>]) -> Result<(), StoreError> {
    let (mut put, mut cut, mut recoded, mut codes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (before, after) in orders {
        let old: BTreeMap<ParcelId, &OrderParcel> =
            before.iter().flat_map(|order| &order.parcels).map(|parcel| (parcel.id, parcel)).collect();
        for parcel in &after.parcels {
            let old = old.get(&parcel.id);
            if old.is_none_or(|old| *old != parcel) {
                put.push((*after, parcel));
            }
            if old.is_none_or(|old| old.codes != parcel.codes) {
                codes.extend(parcel.codes.iter().map(|code| (parcel.id, code)));
                recoded.extend(old.filter(|old| !old.codes.is_empty()).map(|old| signed(old.id.0)));
            }
        }
        let is_gone = |id: &&ParcelId| after.parcels.iter().all(|parcel| parcel.id != **id);
        cut.extend(old.keys().filter(is_gone).map(|id| signed(id.0)));
    }
    CUT_PARCELS.write(tx, &cut, |query, id| query.bind(*id)).await?;
    PUT_PARCELS.write(tx, &put, bind_parcel).await?;
    CUT_CODES.write(tx, &recoded, |query, id| query.bind(*id)).await?;
    PUT_CODES.write(tx, &codes, bind_code).await.map(drop)
}

fn numbered<'a, T>(order: &Order, list: &'a [T]) -> impl Iterator<Item = (i64, i64, &'a T)> + use<'a, T> {
    let id = signed(order.id.0);
    list.iter().zip(1i64..).map(move |(item, place)| (id, place, item))
}

/// One article of a stock-out record.
struct PickedRow<'a> {
    order: &'a Order,
    key: &'a str,
    sku: &'a str,
    pieces: u32,
}

fn bind_order<'q>(query: Bound<'q>, order: &'q Order) -> Bound<'q> {
    let code = code::canonical(&order.origin_no);
    let site = order.listed().next().map_or("", |parcel| parcel.site.as_str());
    let pieces: i64 = order.lines.iter().map(|line| i64::from(line.quantity)).sum();
    query
        .bind(signed(order.id.0))
        .bind(order.platform.as_str())
        .bind(order.origin_no.as_str())
        .bind(code.clone())
        .bind(tail(&code))
        .bind(order.shop.as_deref())
        .bind(site)
        .bind(order.own_site.as_ref().map(SiteId::as_str))
        .bind(order.status.word())
        .bind(order.refund.word())
        .bind(order.amount.as_ref().map(|amount| amount.minor))
        .bind(order.amount.as_ref().map(|amount| amount.currency.as_str()))
        .bind(order.created_at().0)
        .bind(order.created.as_ref().map(|time| time.text.as_str()))
        .bind(order.paid.as_ref().map(|time| time.at.0))
        .bind(order.paid.as_ref().map(|time| time.text.as_str()))
        .bind(i64::from(order.must_not_ship))
        .bind(order.approval.word())
        .bind(order.hold.word())
        .bind(order.address().word())
        .bind(order.gift_status().map_or(NO_GIFTS, GiftStatus::word))
        .bind(serde_json::to_string(&order.tags).expect("plain data always encodes"))
        .bind(order.claims.to_json())
        .bind(order.revision)
        .bind(order.received_at.0)
        .bind(order.updated_at.0)
        .bind(i64::try_from(order.listed().count()).unwrap_or(i64::MAX))
        .bind(pieces)
}

fn bind_line<'q>(query: Bound<'q>, (order, place, line): &'q (i64, i64, &OrderLine)) -> Bound<'q> {
    let query = query.bind(*order).bind(*place).bind(line.sku.as_str()).bind(line.title.as_str());
    query.bind(i64::from(line.quantity)).bind(i64::from(line.refunded))
}

fn bind_gift<'q>(query: Bound<'q>, (order, place, gift): &'q (i64, i64, &GiftLine)) -> Bound<'q> {
    query
        .bind(*order)
        .bind(*place)
        .bind(gift.sku.as_str())
        .bind(gift.title.as_str())
        .bind(i64::from(gift.quantity))
        .bind(i64::from(gift.cancelled))
        .bind(gift.substitute_sku.as_deref())
        .bind(gift.parcel_ref.as_deref())
        .bind(i64::from(gift.issued))
        .bind(gift.status.word())
}

fn bind_picked<'q>(query: Bound<'q>, row: &'q PickedRow<'_>) -> Bound<'q> {
    query.bind(signed(row.order.id.0)).bind(row.key).bind(row.sku).bind(i64::from(row.pieces))
}

fn bind_parcel<'q>(query: Bound<'q>, (order, parcel): &'q (&Order, &OrderParcel)) -> Bound<'q> {
    let contents = parcel.contents.as_ref();
    query
        .bind(signed(parcel.id.0))
        .bind(signed(order.id.0))
        .bind(parcel.key.as_str())
        .bind(i64::from(parcel.place))
        .bind(i64::from(parcel.listed))
        .bind(parcel.status.word())
        .bind(parcel.site.as_str())
        .bind(parcel.own_site.as_ref().map(SiteId::as_str))
        .bind(parcel.courier.as_deref())
        .bind(i64::from(parcel.waiting))
        .bind(contents.map(|contents| serde_json::to_string(contents).expect("plain data always encodes")))
        .bind(parcel.printed_at.map(|at| at.0))
        .bind(parcel.labelled_at.map(|at| at.0))
        .bind(parcel.version.0)
        .bind(parcel.closed_at.map(|at| at.0))
        .bind(i64::from(parcel.on_stations))
}

fn bind_code<'q>(query: Bound<'q>, (parcel, code): &'q (ParcelId, &Code)) -> Bound<'q> {
    let query = query.bind(signed(parcel.0)).bind(code.text.as_str()).bind(tail(&code.text));
    query.bind(code.role.word()).bind(i64::from(code.held))
}

/// By how many characters at the end codes are found; who gives more gets those that end so.
pub(in crate::orders) const TAIL_CHARS: usize = 4;

/// The end of a code, by which people look for it.
pub(crate) fn tail(code: &str) -> String {
    let length = code.chars().count();
    code.chars().skip(length.saturating_sub(TAIL_CHARS)).collect()
}
