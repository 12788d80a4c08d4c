//! One change to many orders by a person: each order is changed or says why not, and every change stands in its history
//! and in the audit log, in the transaction that makes it.

use super::super::claims::Facet;
use super::super::decide::{self, Context, Decision, Fresh};
use crate::actor::Actor;
use crate::app::App;
use crate::audit;
use crate::audit::model::{Entry, Subject};
use crate::orders::input::OrderInput;
use crate::orders::model::{Effect, Order, OrderError};
use crate::orders::store::{self, NewEvent};
use crate::store::{Counter, Retry, StoreError};
use packline_protocol::id::OrderId;
use packline_protocol::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Orders of one call at most.
pub const BULK_MAX: usize = 1_000;
/// Orders in one transaction.
const AT_ONCE: usize = 200;
/// The longest reason, in characters.
pub const REASON_MAX: usize = 200;
/// The longest label, in characters.
pub const TAG_MAX: usize = 32;

/// What is done to each order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It gets this label.
    AddTag(String),
    /// It loses this label.
    RemoveTag(String),
    /// It must not ship, or may again.
    MustNotShip(bool),
}

/// What became of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Which.
    pub order: OrderId,
    /// Its number, if it is there.
    pub origin_no: Option<String>,
    /// How it went.
    pub result: ChangeResult,
}

/// How a change of one order went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeResult {
    /// It is changed.
    Done,
    /// It was so already.
    WasSo,
    /// It has as many labels as an order may have.
    TooManyTags,
    /// There is no such order.
    Unknown,
}

/// Changes orders and says what became of each, in their order.
pub async fn change(
    app: &App,
    orders: &[OrderId],
    change: &Change,
    reason: &str,
    actor: &Actor,
) -> Result<Vec<Changed>, OrderError> {
    let mut done = Vec::with_capacity(orders.len());
    for some in orders.chunks(AT_ONCE) {
        let mut retry = Retry::default();
        let batch = Batch { app, change, reason, actor };
        done.extend(loop {
            match batch.take(some).await {
                Err(error) if retry.again(&error).await => {}
                ended => break ended?,
            }
        });
        app.feed_wake.notify_one();
    }
    if app.is_watched() {
        let changed = done.iter().filter(|changed| changed.result == ChangeResult::Done);
        let orders: Vec<u64> = changed.map(|changed| changed.order.0).collect();
        app.show("orders", json!({ "orders": orders }));
    }
    Ok(done)
}

struct Batch<'a> {
    app: &'a App,
    change: &'a Change,
    reason: &'a str,
    actor: &'a Actor,
}

impl Batch<'_> {
    async fn take(&self, ids: &[OrderId]) -> Result<Vec<Changed>, StoreError> {
        let db = &self.app.db;
        let now = self.app.clock.now();
        let events_ids = db.ids(Counter::OrderEvent, ids.len()).await?;
        let parcels = db.ids(Counter::Parcel, ids.len()).await?.into_iter();
        let mut fresh = Fresh { orders: Vec::new().into_iter(), parcels };
        let mut tx = db.begin("orders.change").await?;
        let found = store::by_ids(tx.conn(), ids).await?;
        let found: BTreeMap<OrderId, Order> = found.into_iter().map(|order| (order.id, order)).collect();
        let (mut results, mut after, mut events, mut entries) = (Vec::new(), BTreeMap::new(), Vec::new(), Vec::new());
        for (id, event_id) in ids.iter().zip(events_ids) {
            let result = match found.get(id) {
                None => ChangeResult::Unknown,
                Some(_) if after.contains_key(id) => ChangeResult::WasSo,
                Some(order) => match self.decide(order, now, &mut fresh) {
                    Err(result) => result,
                    Ok((next, detail)) => {
                        entries.push(self.entry(order, &next, now));
                        events.push(self.event(event_id, *id, &detail, now));
                        after.insert(*id, next);
                        ChangeResult::Done
                    }
                },
            };
            let origin_no = found.get(id).map(|order| order.origin_no.clone());
            results.push(Changed { order: *id, origin_no, result });
        }
        let pairs: Vec<store::Pair<'_>> = after.values().map(|order| (found.get(&order.id), order)).collect();
        store::save(&mut tx, &pairs).await?;
        let texts = store::save_texts(&mut tx, &pairs, &self.app.texts).await?;
        store::insert_events(&mut tx, &events).await?;
        super::mark_dirty(&mut tx, &pairs).await?;
        audit::actions::record_all(&mut tx, entries).await?;
        tx.commit().await?;
        self.app.texts.learn(&texts);
        Ok(results)
    }

    /// The order as it shall be, and what its history says; or why it stays.
    fn decide(&self, order: &Order, now: Timestamp, fresh: &mut Fresh) -> Result<(Order, Value), ChangeResult> {
        let (input, facet) = self.input(order)?;
        // What a person says now is newer than what any source said, whatever its clock.
        let seen = order.claims.seen.get(&facet).map_or(now, |seen| seen.plus_ms(1));
        let input = OrderInput { version: Some(now.max(seen)), ..input };
        let default_site = &self.app.config.default_site;
        let context = Context { now, undated: now, default_site, address: None };
        let Decision { order: next, effect, event, .. } = decide::receive(Some(order), &input, &context, fresh);
        if effect != Effect::Changed {
            return Err(ChangeResult::WasSo);
        }
        let mut detail = event.map(|(_, detail)| detail).unwrap_or_else(|| json!({}));
        if !self.reason.is_empty() {
            detail["reason"] = self.reason.into();
        }
        Ok((Order { revision: order.revision + 1, updated_at: now, ..next }, detail))
    }

    fn input(&self, order: &Order) -> Result<(OrderInput, Facet), ChangeResult> {
        let blank = OrderInput {
            platform: order.platform.clone(),
            origin_no: order.origin_no.clone(),
            ..OrderInput::default()
        };
        let mut tags = order.tags.clone();
        match self.change {
            Change::MustNotShip(flag) => {
                return Ok((OrderInput { must_not_ship: Some(*flag), ..blank }, Facet::MustNotShip));
            }
            Change::AddTag(tag) if !tags.contains(tag) => tags.push(tag.clone()),
            Change::RemoveTag(tag) if tags.contains(tag) => tags.retain(|known| known != tag),
            Change::AddTag(_) | Change::RemoveTag(_) => return Err(ChangeResult::WasSo),
        }
        if tags.len() > crate::orders::input::SOME_MAX {
            return Err(ChangeResult::TooManyTags);
        }
        Ok((OrderInput { tags: Some(tags), ..blank }, Facet::Tags))
    }

    fn entry(&self, before: &Order, after: &Order, now: Timestamp) -> Entry {
        let id = after.id;
        let (action, before, after) = match self.change {
            Change::MustNotShip(_) => {
                let flag = |order: &Order| json!({ "must_not_ship": order.must_not_ship });
                ("orders.must_not_ship", flag(before), flag(after))
            }
            Change::AddTag(_) | Change::RemoveTag(_) => {
                let tags = |order: &Order| json!({ "tags": order.tags });
                ("orders.tags", tags(before), tags(after))
            }
        };
        let entry = Entry::new(now, self.actor, action, Subject::order(id)).before(before).after(after);
        if self.reason.is_empty() { entry } else { entry.because(self.reason) }
    }

    fn event(&self, id: u64, order: OrderId, detail: &Value, now: Timestamp) -> NewEvent {
        NewEvent {
            id,
            order,
            at: now,
            kind: "changed",
            actor: self.actor.to_string(),
            source: "page".to_owned(),
            version: None,
            detail: detail.to_string(),
        }
    }
}
