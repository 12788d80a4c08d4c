//! What is derived of orders, worked out again from what was told: to prove that it is stored rightly, and to mend it.

use super::filter::NO_GIFTS;
use super::model::Order;
use super::settle::{At, settle};
use super::store;
use super::words::Word as _;
use crate::app::App;
use crate::store::{Connection, Retry, StoreError, changelog};
use packline_protocol::facts::GiftStatus;
use packline_protocol::id::{OrderId, SiteId};
use packline_protocol::time::Timestamp;
use std::collections::BTreeMap;

/// What follows of an order, and what of it is stored otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What its platform calls it.
    pub origin_no: String,
    /// The worst of its gifts.
    pub gift_status: Option<String>,
    /// Its listed parcels.
    pub parcels: usize,
    /// Its pieces of goods.
    pub pieces: i64,
    /// Where it ships from.
    pub site: String,
    /// What its gifts and parcels say otherwise.
    pub faults: Vec<String>,
}

/// What follows of these orders, as far as they are there.
pub async fn settled(
    conn: &mut Connection,
    ids: &[OrderId],
    default_site: &SiteId,
    now: Timestamp,
) -> Result<BTreeMap<OrderId, Settled>, StoreError> {
    let orders = store::by_ids(conn, ids).await?;
    let at = At { now, default_site };
    Ok(orders.into_iter().map(|order| (order.id, follow(&order, &at))).collect())
}

fn follow(stored: &Order, at: &At<'_>) -> Settled {
    let mut order = stored.clone();
    settle(&mut order, at);
    let pieces = order.lines.iter().map(|line| i64::from(line.quantity)).sum();
    let site = order.listed().next().map_or("", |parcel| parcel.site.as_str()).to_owned();
    Settled {
        origin_no: order.origin_no.clone(),
        gift_status: Some(order.gift_status().map_or(NO_GIFTS, GiftStatus::word).to_owned()),
        parcels: order.listed().count(),
        pieces,
        site,
        faults: faults(stored, &order),
    }
}

/// When a parcel was closed is not held against anything: it depends on when somebody looked.
fn faults(stored: &Order, settled: &Order) -> Vec<String> {
    let mut faults = Vec::new();
    for (is, follows) in stored.gifts.iter().zip(&settled.gifts) {
        if (is.issued, is.status) != (follows.issued, follows.status) {
            let (was, now) = (GiftStatus::word(is.status), GiftStatus::word(follows.status));
            faults.push(format!("gift `{}` is stored as `{was}` and `{now}` follows", is.sku));
        }
    }
    for parcel in &stored.parcels {
        let Some(follows) = settled.parcels.iter().find(|other| other.id == parcel.id) else { continue };
        if parcel.status != follows.status {
            faults.push(format!("the state of parcel {} is not what follows", parcel.id));
        }
        if parcel.codes != follows.codes {
            faults.push(format!("which codes parcel {} has is not what follows", parcel.id));
        }
    }
    faults
}

/// Stores these orders with what follows of them; says how many.
pub async fn resettle(app: &App, ids: &[OrderId]) -> Result<u64, StoreError> {
    let mut retry = Retry::default();
    loop {
        match attempt(app, ids).await {
            Err(error) if retry.again(&error).await => {}
            done => return done,
        }
    }
}

async fn attempt(app: &App, ids: &[OrderId]) -> Result<u64, StoreError> {
    let mut tx = app.db.begin("orders.resettle").await?;
    let before = store::by_ids(tx.conn(), ids).await?;
    let now = app.clock.now();
    let at = At { now, default_site: &app.config.default_site };
    let after: Vec<Order> = before
        .iter()
        .map(|order| {
            let mut order = Order { revision: order.revision + 1, updated_at: now, ..order.clone() };
            settle(&mut order, &at);
            order
        })
        .collect();
    let pairs: Vec<_> = before.iter().map(Some).zip(&after).collect();
    store::save(&mut tx, &pairs).await?;
    for parcel in before.iter().chain(&after).flat_map(|order| &order.parcels) {
        changelog::mark_parcels(&mut tx, &parcel.site, &[parcel.id]).await?;
    }
    tx.commit().await?;
    app.feed_wake.notify_one();
    Ok(after.len() as u64)
}
