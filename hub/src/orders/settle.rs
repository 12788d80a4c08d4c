//! What follows from what was told: whose a code is, what became of the gifts, where each parcel stands. Pure, and a
//! function of the order alone, so that it does not matter in which order things were told.

use super::model::{GiftLine, Order, OrderParcel};
use packline_protocol::facts::{GiftStatus, OrderStatus, ParcelStatus, RefundState};
use packline_protocol::id::SiteId;
use packline_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How long stations are told of a parcel after there was nothing left to do with it: 14 days, in milliseconds.
/// A second scan of what left last week says so, instead of "unknown".
pub const KEEP_CLOSED_MS: i64 = 14 * 24 * 3_600_000;

/// When and where.
pub struct At<'a> {
    /// The wall time.
    pub now: Timestamp,
    /// The site of parcels whose source names none.
    pub default_site: &'a SiteId,
}

/// Works out everything that is derived.
pub fn settle(order: &mut Order, at: &At<'_>) {
    order.parcels.sort_by(|a, b| (!a.listed, a.place, &a.key).cmp(&(!b.listed, b.place, &b.key)));
    give_sites(order, at.default_site);
    void_unlisted(order);
    give_codes(order);
    settle_gifts(order);
    close_parcels(order, at.now);
}

fn give_sites(order: &mut Order, default_site: &SiteId) {
    for parcel in &mut order.parcels {
        let site = parcel.own_site.as_ref().or(order.own_site.as_ref()).unwrap_or(default_site);
        parcel.site = site.clone();
    }
}

fn void_unlisted(order: &mut Order) {
    for parcel in order.parcels.iter_mut().filter(|parcel| !parcel.listed) {
        parcel.status = ParcelStatus::Void;
    }
}

/// A code stands for the listed parcels that were told with it; among void ones, for the newest.
fn give_codes(order: &mut Order) {
    let rank = |parcel: &OrderParcel| match parcel.listed {
        true => (1, Timestamp(0), String::new()),
        false => (0, parcel.version, parcel.key.clone()),
    };
    let mut best: BTreeMap<String, _> = BTreeMap::new();
    for parcel in &order.parcels {
        for code in &parcel.codes {
            let holder = best.entry(code.text.clone()).or_insert_with(|| rank(parcel));
            *holder = holder.clone().max(rank(parcel));
        }
    }
    for parcel in &mut order.parcels {
        let own = rank(parcel);
        for code in &mut parcel.codes {
            code.held = best[&code.text] == own;
        }
    }
}

fn settle_gifts(order: &mut Order) {
    let is_off = order.status == OrderStatus::Cancelled || order.refund == RefundState::Done;
    let mut gifts = std::mem::take(&mut order.gifts);
    for gift in &mut gifts {
        let cancelled = gift.cancelled || is_off;
        (gift.issued, gift.status) = (0, if cancelled { GiftStatus::Cancelled } else { GiftStatus::Pending });
    }
    let listed: Vec<&OrderParcel> = order.listed().collect();
    for (place, parcel) in listed.iter().enumerate() {
        let Some(picked) = picked_of(order, parcel) else { continue };
        let own: Vec<&mut GiftLine> = gifts.iter_mut().filter(|gift| carrier(&listed, gift) == place).collect();
        issue(own, Shelf::new(order, parcel, picked));
    }
    order.gifts = gifts;
}

/// The place of the listed parcel that carries a gift.
fn carrier(listed: &[&OrderParcel], gift: &GiftLine) -> usize {
    let named = gift.parcel_ref.as_ref().and_then(|code| listed.iter().position(|parcel| is_called(parcel, code)));
    named.unwrap_or(0)
}

/// The gifts that a listed parcel carries.
pub fn gifts_in<'a>(order: &'a Order, parcel: &OrderParcel) -> Vec<&'a GiftLine> {
    let listed: Vec<&OrderParcel> = order.listed().collect();
    let Some(place) = listed.iter().position(|other| other.id == parcel.id) else { return Vec::new() };
    order.gifts.iter().filter(|gift| carrier(&listed, gift) == place).collect()
}

/// What the WMS says it picked for a parcel: the newest record under any of its codes, or that of the whole order when
/// the parcel is its only one.
pub fn picked_of<'a>(order: &'a Order, parcel: &OrderParcel) -> Option<&'a BTreeMap<String, u32>> {
    let is_only = order.listed().count() == 1;
    let ours = order.stock_out.keys().filter(|key| is_called(parcel, key) || is_only && key.is_empty());
    let newest = ours.max_by_key(|key| (order.claims.stock_out.get(*key).copied(), *key))?;
    order.stock_out.get(newest)
}

fn is_called(parcel: &OrderParcel, code: &str) -> bool {
    parcel.key == code || parcel.codes.iter().any(|own| own.text == code)
}

/// What was picked and is not taken by goods.
struct Shelf {
    pieces: BTreeMap<String, u32>,
    /// Picked pieces that nobody ordered and nobody promised.
    foreign: u32,
}

impl Shelf {
    fn new(order: &Order, parcel: &OrderParcel, picked: &BTreeMap<String, u32>) -> Shelf {
        let bought = |sku: &str| match &parcel.contents {
            Some(contents) => contents.get(sku).copied().unwrap_or(0),
            None => order
                .lines
                .iter()
                .filter(|line| line.sku == sku)
                .fold(0, |sum: u32, line| sum.saturating_add(line.quantity)),
        };
        let substitutes = order.gifts.iter().filter_map(|gift| gift.substitute_sku.as_deref());
        let gifts = order.gifts.iter().map(|gift| gift.sku.as_str());
        let lines = order.lines.iter().map(|line| line.sku.as_str());
        let contents = parcel.contents.iter().flat_map(|contents| contents.keys().map(String::as_str));
        let known: BTreeSet<&str> = lines.chain(contents).chain(gifts).chain(substitutes).collect();
        let foreign = picked.iter().filter(|(sku, _)| !known.contains(sku.as_str())).map(|(_, pieces)| *pieces);
        Shelf {
            pieces: picked.iter().map(|(sku, pieces)| (sku.clone(), pieces.saturating_sub(bought(sku)))).collect(),
            foreign: foreign.fold(0, u32::saturating_add),
        }
    }

    fn take(&mut self, sku: &str, wanted: u32) -> u32 {
        let Some(left) = self.pieces.get_mut(sku) else { return 0 };
        let taken = wanted.min(*left);
        *left -= taken;
        taken
    }
}

/// Gifts that are to be given are served first; what is left of a cancelled one was issued though cancelled.
fn issue(mut gifts: Vec<&mut GiftLine>, mut shelf: Shelf) {
    gifts.sort_by_key(|gift| gift.status == GiftStatus::Cancelled);
    for gift in gifts {
        gift.issued = shelf.take(&gift.sku, gift.quantity);
        if gift.status == GiftStatus::Cancelled {
            continue;
        }
        gift.status = match gift.issued {
            issued if issued >= gift.quantity => GiftStatus::Issued,
            0 => instead_of(gift, &mut shelf),
            _ => GiftStatus::Short,
        };
    }
}

/// What became of a gift of which no piece was picked.
fn instead_of(gift: &mut GiftLine, shelf: &mut Shelf) -> GiftStatus {
    if let Some(sku) = &gift.substitute_sku {
        let taken = shelf.take(sku, gift.quantity);
        if taken > 0 {
            gift.issued = taken;
            return if taken >= gift.quantity { GiftStatus::Substituted } else { GiftStatus::Short };
        }
    }
    if shelf.foreign > 0 {
        shelf.foreign = shelf.foreign.saturating_sub(gift.quantity);
        return GiftStatus::Wrong;
    }
    GiftStatus::Pending
}

fn close_parcels(order: &mut Order, now: Timestamp) {
    let is_over = matches!(order.status, OrderStatus::Shipped | OrderStatus::Completed | OrderStatus::Cancelled)
        || order.refund == RefundState::Done;
    // History that is taken in late was over long ago, and stations need not hear of it.
    let newest_time = order.paid.as_ref().or(order.created.as_ref()).map(|time| time.at);
    let told = order.changed_at();
    let over_since = match newest_time {
        Some(time) if order.revision == 0 && told >= now => time,
        _ => told,
    };
    for parcel in &mut order.parcels {
        let is_closed = is_over || parcel.status != ParcelStatus::Open;
        parcel.closed_at = is_closed.then(|| parcel.closed_at.unwrap_or(over_since.min(now)));
        parcel.on_stations = parcel.closed_at.is_none_or(|at| now.since_ms(at) < KEEP_CLOSED_MS);
    }
}
