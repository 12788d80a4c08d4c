//! Orders: what is derived must follow from what was told.

use crate::app::App;
use crate::doctor::model::Checked;
use crate::doctor::store::{self, Derived};
use crate::orders;
use crate::store::StoreError;
use packline_protocol::code;
use packline_protocol::id::OrderId;
use std::collections::BTreeMap;

/// Orders and codes read at a time.
const PAGE: i64 = 500;

/// Sums, gift states and places of orders.
pub async fn derived(app: &App, checked: &mut Checked, repair: bool) -> Result<(), StoreError> {
    let mut after = OrderId(0);
    loop {
        let mut view = app.db.view("doctor.orders").await?;
        let page = store::orders_after(view.conn(), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let ids: Vec<OrderId> = page.iter().map(|order| order.id).collect();
        let site = &app.config.default_site;
        let settled = orders::project::settled(view.conn(), &ids, site, app.clock.now()).await?;
        drop(view);
        checked.looked_at += ids.len() as u64;
        let wrong = compare(page, &settled, checked);
        if repair && !wrong.is_empty() {
            checked.repaired += orders::project::resettle(app, &wrong).await?;
        }
    }
}

fn compare(
    page: Vec<Derived>,
    settled: &BTreeMap<OrderId, orders::project::Settled>,
    checked: &mut Checked,
) -> Vec<OrderId> {
    let mut wrong = Vec::new();
    for stored in page {
        let Some(settled) = settled.get(&stored.id) else { continue };
        let mut faults = settled.faults.clone();
        let mut differ = |what: &str, stored: &str, follows: &str| {
            if stored != follows {
                faults.push(format!("{what} is stored as `{stored}` and `{follows}` follows"));
            }
        };
        let word = |status: &Option<String>| status.clone().unwrap_or_default();
        differ("the gift status", &word(&stored.gift_status), &word(&settled.gift_status));
        differ("the number of parcels", &stored.parcels.to_string(), &settled.parcels.to_string());
        differ("the sum of pieces", &stored.pieces.to_string(), &settled.pieces.to_string());
        differ("the site", &stored.site, &settled.site);
        differ("the code", &stored.code, &code::canonical(&settled.origin_no));
        if !faults.is_empty() {
            checked.add(format!("order {}", stored.id), faults.join("; "), true);
            wrong.push(stored.id);
        }
    }
    wrong
}

/// Codes and their ends, by which scanners and people find things.
pub async fn codes(app: &App, checked: &mut Checked) -> Result<(), StoreError> {
    let mut after = OrderId(0);
    loop {
        let mut view = app.db.view("doctor.codes").await?;
        let page = store::orders_after(view.conn(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        drop(view);
        for order in page {
            checked.looked_at += 1;
            if order.tail != orders::store::tail(&order.code) || order.code != code::canonical(&order.code) {
                checked.add(format!("order {}", order.id), "its code is not in the form that is compared", false);
            }
        }
    }
    let mut after = 0;
    loop {
        let mut view = app.db.view("doctor.codes").await?;
        let page = store::codes_after(view.conn(), after, PAGE).await?;
        drop(view);
        let Some((last, ..)) = page.last() else { return Ok(()) };
        after = *last;
        for (parcel, text, tail) in page {
            checked.looked_at += 1;
            if text != code::canonical(&text) || tail != orders::store::tail(&text) {
                checked.add(
                    format!("parcel {parcel}"),
                    format!("its code `{text}` is not in the form that is compared"),
                    false,
                );
            }
        }
    }
}
