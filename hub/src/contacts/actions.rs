//! Keeping contacts, showing them, revealing them, finding by them, erasing them.

use super::decide::{self, TABLE};
use super::model::{Contact, ContactError, NewRow, REASON_MIN, REVEAL_MS, REVEALS_MAX, Row, Shown, Told};
use super::store;
use crate::actor::Actor;
use crate::app::App;
use crate::audit::actions::record;
use crate::audit::model::{Entry, REASON_MAX, Subject};
use crate::privacy::{Place, Sight, Vault, VaultError};
use crate::store::{StoreError, Tx};
use packline_protocol::id::OrderId;
use packline_protocol::time::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;

/// Orders that a search by contact answers with at most.
pub const FOUND_MAX: usize = 200;
/// Contacts that are erased in one transaction.
const ERASE_BATCH: i64 = 1_000;

/// Keeps what messages told, in the transaction that takes them. Of each text the newest version stays, whatever order
/// they arrive in.
pub async fn keep(tx: &mut Tx, vault: &Vault, told: &[Told<'_>], now: Timestamp) -> Result<(), StoreError> {
    let mut rows: BTreeMap<i64, NewRow> = BTreeMap::new();
    for told in told {
        let new = decide::row(vault, told, now);
        match rows.get_mut(&new.order) {
            Some(row) => decide::merge(row, new),
            None => drop(rows.insert(new.order, new)),
        }
    }
    store::put(tx, &rows.into_values().collect::<Vec<_>>()).await
}

/// The contact of an order as this person gets it: masked, or in clear while a reveal of theirs is in force.
pub async fn shown_to(app: &App, actor: &Actor, order: OrderId) -> Result<Option<Shown>, ContactError> {
    let until = store::find_reveal(app.db.read(), &actor.to_string(), order).await?;
    let until = until.filter(|until| *until > app.clock.now());
    let sight = if until.is_some() { Sight::Clear } else { Sight::Masked };
    let Some(row) = rows_of(app, &[order]).await?.pop() else { return Ok(None) };
    Ok(Some(Shown { until, ..shown(&app.vault, &row, sight)? }))
}

/// The contacts of these orders, masked: for lists and exports.
pub async fn masked(app: &App, orders: &[OrderId]) -> Result<BTreeMap<OrderId, Shown>, ContactError> {
    let rows = rows_of(app, orders).await?;
    rows.iter().map(|row| Ok((row.order, shown(&app.vault, row, Sight::Masked)?))).collect()
}

/// Shows a person the contact of one order in clear, for a few minutes, and writes down why.
pub async fn reveal(
    app: &App,
    actor: &Actor,
    order: OrderId,
    reason: &str,
) -> Result<(Contact, Timestamp), ContactError> {
    let reason = reason.trim();
    let length = reason.chars().count();
    if !(REASON_MIN..=REASON_MAX).contains(&length) || reason.chars().any(char::is_control) {
        return Err(ContactError::Reason { length });
    }
    if !store::has_order(app.db.read(), order).await? {
        return Err(ContactError::NoOrder { order });
    }
    let row = rows_of(app, &[order]).await?.pop().filter(|row| row.erased_at.is_none());
    let contact = open(&app.vault, &row.ok_or(ContactError::NoContact { order })?)?;
    let now = app.clock.now();
    let until = now.plus_ms(REVEAL_MS);
    let entry = Entry::new(now, actor, "orders.reveal", Subject::order(order))
        .after(json!({ "shown": ["name", "phone", "address"], "until": until.0 }))
        .because(reason);
    let mut tx = app.db.begin("contacts.reveal").await?;
    store::end_reveals(&mut tx, now).await?;
    if store::count_reveals(&mut tx, &actor.to_string(), now).await? >= REVEALS_MAX {
        return Err(ContactError::TooMany);
    }
    store::put_reveal(&mut tx, &actor.to_string(), order, until).await?;
    record(&mut tx, entry).await?;
    tx.commit().await?;
    Ok((contact, until))
}

/// Ends a reveal before its time.
pub async fn hide(app: &App, actor: &Actor, order: OrderId) -> Result<(), ContactError> {
    let mut tx = app.db.begin("contacts.hide").await?;
    store::end_reveal(&mut tx, &actor.to_string(), order).await?;
    Ok(tx.commit().await?)
}

/// The newest orders of a whole phone number, of its last four digits, or of a name. Masked texts find nothing.
pub async fn find(app: &App, text: &str) -> Result<Vec<OrderId>, ContactError> {
    let limit = i64::try_from(FOUND_MAX).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    for key in decide::keys(&app.vault, text) {
        found.extend(store::by_key(app.db.read(), key, limit).await?);
    }
    Ok(found)
}

/// Other orders that went to the phone number of an order, the newest first.
pub async fn same_phone(app: &App, order: OrderId, limit: usize) -> Result<Vec<OrderId>, ContactError> {
    let limit = i64::try_from(limit.min(FOUND_MAX)).unwrap_or(i64::MAX);
    Ok(store::same_phone(app.db.read(), order, limit).await?)
}

/// Erases the contacts of orders that have been over for so many days, and says how many. Whether an address changed
/// can still be told afterwards: that needs only its fingerprint.
pub async fn erase_old(app: &App, keep_days: i64) -> Result<u64, ContactError> {
    let now = app.clock.now();
    let before = now.plus_ms(-keep_days.saturating_mul(24 * 3_600_000));
    let (mut after, mut erased) = ((i64::MIN, i64::MIN), 0);
    loop {
        let old = store::long_over(app.db.read(), before, after, ERASE_BATCH).await?;
        let Some(last) = old.last() else { return Ok(erased) };
        after = *last;
        let orders: Vec<i64> = old.iter().map(|(_, order)| *order).collect();
        erased += erase(app, &orders, now, keep_days).await?;
    }
}

async fn erase(app: &App, orders: &[i64], now: Timestamp, keep_days: i64) -> Result<u64, StoreError> {
    let mut tx = app.db.begin("contacts.erase").await?;
    let erased = store::erase(&mut tx, orders, now).await?;
    store::end_reveals(&mut tx, now).await?;
    let (first, last) = (orders.iter().min(), orders.iter().max());
    let entry = Entry::new(now, &Actor::Hub("contacts"), "orders.contact-erased", Subject::new("orders", "old"));
    let after = json!({ "orders": erased, "lowest": first, "highest": last, "keep_days": keep_days });
    record(&mut tx, entry.after(after)).await?;
    tx.commit().await?;
    Ok(erased)
}

async fn rows_of(app: &App, orders: &[OrderId]) -> Result<Vec<Row>, StoreError> {
    let mut view = app.db.view("contacts.read").await?;
    store::of(view.conn(), orders).await
}

fn shown(vault: &Vault, row: &Row, sight: Sight) -> Result<Shown, ContactError> {
    let contact = open(vault, row)?;
    Ok(Shown {
        sight,
        name: sight.name(&contact.name),
        phone: sight.phone(&contact.phone),
        address: sight.address(&contact.address),
        until: None,
        erased_at: row.erased_at,
    })
}

fn open(vault: &Vault, row: &Row) -> Result<Contact, ContactError> {
    let number = row.order.0.cast_signed().to_string();
    let text = |column: &'static str, sealed: &Option<Vec<u8>>| -> Result<String, VaultError> {
        let Some(sealed) = sealed else { return Ok(String::new()) };
        vault.open_text(Place { table: TABLE, column, row: &number }, sealed)
    };
    let all = || {
        Ok(Contact {
            name: text("name", &row.name)?,
            phone: text("phone", &row.phone)?,
            address: text("address", &row.address)?,
        })
    };
    all().map_err(|cause| ContactError::Sealed { order: row.order, cause })
}
