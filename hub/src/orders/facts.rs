//! What stations are told of a parcel. Pure.

use super::model::{Order, OrderParcel};
use super::settle::{gifts_in, picked_of};
use packline_protocol::amount::Amount;
use packline_protocol::change::Elsewhere;
use packline_protocol::code;
use packline_protocol::facts::{CodeRole, Gift, LIST_MAX, Line, Parcel, ParcelCode, Part, Picked, Release};
use packline_protocol::id::{ParcelId, SiteId};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of titles that one parcel carries; with more lines each gets less, so that a row never grows too long.
const TITLES_MAX: usize = 12 * 1024;

/// What stations of one site are told of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// They pack it: everything.
    Here(Box<Parcel>),
    /// Another site packs it, and they another parcel of its order: where it belongs.
    Sibling(Elsewhere),
    /// Another site packs it: where it belongs, if they knew it before.
    Away(Elsewhere),
}

/// What stations of `site` are told of a parcel of this order; nothing once it is long over.
pub fn told_at(order: &Order, parcel: &OrderParcel, site: &SiteId) -> Option<Told> {
    if !is_told(parcel) {
        return None;
    }
    if parcel.site == *site {
        return Some(Told::Here(Box::new(facts(order, parcel))));
    }
    let codes = codes(order, parcel).into_iter().map(|code| code.text).collect();
    let elsewhere = Elsewhere { parcel: parcel.id, site: parcel.site.clone(), codes };
    let packs_some = order.parcels.iter().any(|other| other.site == *site && is_told(other));
    Some(if packs_some { Told::Sibling(elsewhere) } else { Told::Away(elsewhere) })
}

/// The facts of a parcel of this order.
pub fn facts(order: &Order, parcel: &OrderParcel) -> Parcel {
    let lines = lines_in(order, parcel);
    let gifts = gifts_in(order, parcel);
    let title_max = TITLES_MAX / (lines.len() + gifts.len()).max(1);
    let listed = order.listed().count();
    Parcel {
        id: parcel.id,
        order: order.id,
        order_no: order.origin_no.clone(),
        platform: order.platform.clone(),
        codes: codes(order, parcel),
        order_status: order.status,
        refund: order.refund,
        status: parcel.status,
        released: release(order, parcel),
        must_not_ship: order.must_not_ship,
        approval: order.approval,
        hold: order.hold,
        address: order.address_of(parcel),
        courier: parcel.courier.clone(),
        part: Part {
            number: if parcel.listed { parcel.place } else { 1 },
            of: u16::try_from(listed.max(1)).unwrap_or(u16::MAX),
            waiting: parcel.waiting,
        },
        amount: order.amount.clone().unwrap_or_else(|| Amount::cny(0)),
        lines: lines.into_iter().map(|line| Line { title: shortened(&line.title, title_max), ..line }).collect(),
        gifts: gifts
            .into_iter()
            .map(|gift| Gift {
                sku: gift.sku.clone(),
                title: shortened(&gift.title, title_max),
                quantity: gift.quantity,
                issued: gift.issued,
                status: gift.status,
            })
            .collect(),
        // A void parcel's record is about the box that took its place: nothing in it is wrong here.
        picked: picked_of(order, parcel).filter(|_| parcel.listed).map(|picked| {
            let picked = picked.iter().filter(|(_, pieces)| **pieces > 0);
            picked.map(|(sku, pieces)| Picked { sku: sku.clone(), quantity: *pieces }).take(LIST_MAX).collect()
        }),
        tags: order.tags.clone(),
        changed_at: order.changed_at(),
    }
}

/// The codes that stand for a parcel. The order number stands for each listed one.
fn codes(order: &Order, parcel: &OrderParcel) -> Vec<ParcelCode> {
    let held = parcel.codes.iter().filter(|code| code.held);
    let mut codes: Vec<ParcelCode> = held.map(|code| ParcelCode { kind: code.role, text: code.text.clone() }).collect();
    let order_no = code::canonical(&order.origin_no);
    if parcel.listed && !order_no.is_empty() && codes.iter().all(|code| code.text != order_no) {
        codes.push(ParcelCode { kind: CodeRole::Order, text: order_no });
    }
    codes
}

/// Who let it go: under this entry, or under an older entry of the same box.
fn release(order: &Order, parcel: &OrderParcel) -> Option<Release> {
    let own = parcel.released.clone();
    let is_same_box = |other: &OrderParcel| {
        let shares = |code: &super::model::Code| parcel.codes.iter().any(|own| own.held && own.text == code.text);
        !other.listed && other.codes.iter().any(shares)
    };
    let older = || order.parcels.iter().filter(|other| is_same_box(other)).find_map(|other| other.released.clone());
    own.or_else(|| if parcel.listed { older() } else { None })
}

/// The goods that belong inside.
///
/// Where the source does not say which parcel carries what, the only parcel carries everything; of several, each is
/// taken to carry what was picked for it, and before that anything of the order, so that a refund stops all of them.
fn lines_in(order: &Order, parcel: &OrderParcel) -> Vec<Line> {
    let whole = || {
        order.lines.iter().map(|line| Line {
            sku: line.sku.clone(),
            title: line.title.clone(),
            quantity: line.quantity,
            refunded: line.refunded,
        })
    };
    match (&parcel.contents, picked_of(order, parcel)) {
        (Some(contents), _) => share(order, contents),
        (None, _) if !parcel.listed => Vec::new(),
        (None, Some(picked)) if order.listed().count() > 1 => {
            let gifts: BTreeSet<&str> = gifts_in(order, parcel).into_iter().map(|gift| gift.sku.as_str()).collect();
            let is_ordered = |sku: &str| order.lines.iter().any(|line| line.sku == sku) && !gifts.contains(sku);
            let own = picked.iter().filter(|(sku, pieces)| **pieces > 0 && is_ordered(sku));
            share(order, &own.map(|(sku, pieces)| (sku.clone(), *pieces)).collect())
        }
        _ => whole().take(LIST_MAX).collect(),
    }
}

/// Lines for these pieces, with titles and refunds from the order. A refund counts in each parcel that has the article.
fn share(order: &Order, pieces: &BTreeMap<String, u32>) -> Vec<Line> {
    let line = |(sku, quantity): (&String, &u32)| {
        let same = order.lines.iter().filter(|line| line.sku == *sku);
        let refunded = same.clone().fold(0, |sum: u32, line| sum.saturating_add(line.refunded));
        let title = same.map(|line| line.title.clone()).next().unwrap_or_else(|| sku.clone());
        Line { sku: sku.clone(), title, quantity: *quantity, refunded: refunded.min(*quantity) }
    };
    pieces.iter().filter(|(_, quantity)| **quantity > 0).map(line).take(LIST_MAX).collect()
}

fn shortened(title: &str, max: usize) -> String {
    let mut end = title.len().min(max);
    while !title.is_char_boundary(end) {
        end -= 1;
    }
    title[..end].to_owned()
}

/// Whether stations are told of this parcel.
pub fn is_told(parcel: &OrderParcel) -> bool {
    parcel.on_stations && (parcel.listed || parcel.codes.iter().any(|code| code.held))
}

/// The parcels whose facts differ, by the sites that must hear of it.
pub fn dirty(before: Option<&Order>, after: &Order) -> BTreeMap<SiteId, BTreeSet<ParcelId>> {
    let old = before.map(told).unwrap_or_default();
    let new = told(after);
    let mut dirty: BTreeMap<SiteId, BTreeSet<ParcelId>> = BTreeMap::new();
    for (place, facts) in &new {
        if old.get(place) != Some(facts) {
            dirty.entry(place.0.clone()).or_default().insert(place.1);
        }
    }
    for place in old.keys().filter(|place| !new.contains_key(*place)) {
        dirty.entry(place.0.clone()).or_default().insert(place.1);
    }
    dirty
}

/// Parcels that went to another site, or that stations are told of no more: sites that do not pack them may know them.
pub fn gone(before: &Order, after: &Order) -> Vec<ParcelId> {
    let went = |old: &&OrderParcel| {
        let new = after.parcels.iter().find(|new| new.id == old.id);
        is_told(old) && new.is_none_or(|new| new.site != old.site || !is_told(new))
    };
    before.parcels.iter().filter(went).map(|parcel| parcel.id).collect()
}

/// What stations know of an order's parcels. That the same was told again later is no news.
fn told(order: &Order) -> BTreeMap<(SiteId, ParcelId), Told> {
    let sites: BTreeSet<&SiteId> =
        order.parcels.iter().filter(|parcel| is_told(parcel)).map(|parcel| &parcel.site).collect();
    let places = sites.into_iter().flat_map(|site| order.parcels.iter().map(move |parcel| (site, parcel)));
    let told = places.filter_map(|(site, parcel)| Some(((site.clone(), parcel.id), told_at(order, parcel, site)?)));
    told.map(|(place, told)| (place, timeless(told))).collect()
}

fn timeless(told: Told) -> Told {
    match told {
        Told::Here(mut parcel) => {
            parcel.changed_at = packline_protocol::time::Timestamp(0);
            Told::Here(parcel)
        }
        elsewhere => elsewhere,
    }
}
