//! What can be done with orders: take messages, look, and note what stations did.

pub mod bulk;
pub mod find;
pub mod list;
pub mod views;

pub use find::{Found, find_by_code, look_up};
pub use list::{Counted, count, list};

use super::claims::AddressMark;
use super::decide::{self, Context, Decision, Fresh};
use super::facts;
use super::input::{AddressText, OrderInput};
use super::model::{Effect, Order, OrderError, OrderEvent, Outcome};
use super::news;
use super::settle::KEEP_CLOSED_MS;
use super::store::{self, NewEvent};
use crate::actor::Actor;
use crate::app::App;
use crate::audit::actions::record_all;
use crate::audit::model::{Entry, Subject};
use crate::contacts::actions as contacts;
use crate::contacts::model::Told;
use crate::privacy::mask;
use crate::store::{Counter, Db, Retry, StoreError, Tx, changelog};
use crate::webhooks;
use crate::webhooks::model::Event;
use packline_protocol::code;
use packline_protocol::facts::{Parcel, Release};
use packline_protocol::id::{OrderId, ParcelId, SiteId};
use packline_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Messages in one transaction. More make each one cheaper and everybody else wait longer.
const BATCH: usize = 256;
/// Rows of a page at most.
pub const PAGE_MAX: usize = 200;
/// The source of orders that came over the API.
pub const SENT: &str = "api";
/// So many orders an entry of the audit log names at most.
const NAMED_MAX: usize = 20;

/// Takes messages into the order master, and says what became of each, in their order. Every one is durable when this
/// comes back. The messages must be without [`OrderInput::faults`].
///
/// `source` says where they came from, for example `import:17`. A message without a version tells how things stand now.
pub async fn receive(
    app: &App,
    inputs: &[OrderInput],
    actor: &Actor,
    source: &str,
) -> Result<Vec<Outcome>, OrderError> {
    receive_of(app, inputs, actor, source, app.clock.now()).await
}

/// As [`receive`], for messages that may be read again later, such as those of a file: those without a version tell how
/// things stood at `undated`. It must be the same at every reading, or old facts would come back as the newest.
pub async fn receive_of(
    app: &App,
    inputs: &[OrderInput],
    actor: &Actor,
    source: &str,
    undated: Timestamp,
) -> Result<Vec<Outcome>, OrderError> {
    let mut outcomes = Vec::with_capacity(inputs.len());
    for batch in inputs.chunks(BATCH) {
        outcomes.extend(receive_batch(app, batch, actor, source, undated).await?);
    }
    measure(app, &outcomes);
    Ok(outcomes)
}

async fn receive_batch(
    app: &App,
    inputs: &[OrderInput],
    actor: &Actor,
    source: &str,
    undated: Timestamp,
) -> Result<Vec<Outcome>, OrderError> {
    let marks: Vec<Option<AddressMark>> = inputs.iter().map(|input| mark(app, input)).collect();
    let mut retry = Retry::default();
    loop {
        let batch = Batch { app, inputs, marks: &marks, actor, source, undated };
        match batch.take().await {
            Err(error) if retry.again(&error).await => {}
            Err(error) => return Err(error.into()),
            Ok(outcomes) => {
                app.feed_wake.notify_one();
                app.effects_wake.notify_one();
                show(app, &outcomes);
                return Ok(outcomes);
            }
        }
    }
}

/// Messages that are taken in one transaction.
struct Batch<'a> {
    app: &'a App,
    inputs: &'a [OrderInput],
    marks: &'a [Option<AddressMark>],
    actor: &'a Actor,
    source: &'a str,
    undated: Timestamp,
}

impl Batch<'_> {
    async fn take(&self) -> Result<Vec<Outcome>, StoreError> {
        let db = &self.app.db;
        let now = self.app.clock.now();
        let mut fresh = self.fresh().await?;
        let event_ids = db.ids(Counter::OrderEvent, self.inputs.len()).await?;
        let mut tx = db.begin("orders.receive").await?;
        let keys: BTreeSet<(&str, &str)> = self.inputs.iter().map(key).collect();
        let keys: Vec<(&str, &str)> = keys.into_iter().collect();
        let found = store::by_keys(tx.conn(), &keys).await?;
        let before: BTreeMap<(String, String), Order> =
            found.into_iter().map(|order| ((order.platform.clone(), order.origin_no.clone()), order)).collect();
        let mut after: BTreeMap<(&str, &str), Order> = BTreeMap::new();
        let (mut outcomes, mut events, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for ((input, mark), event_id) in self.inputs.iter().zip(self.marks).zip(event_ids) {
            let known = before.get(&owned(key(input)));
            let current = after.get(&key(input)).or(known);
            let default_site = &self.app.config.default_site;
            let context = Context { now, undated: self.undated, default_site, address: *mark };
            let Decision { order, effect, is_news, event, refused } =
                decide::receive(current, input, &context, &mut fresh);
            told.extend(contact_of(input, order.id, is_news, self.undated));
            outcomes.push(Outcome { order: order.id, effect, refused });
            events.extend(event.map(|(kind, detail)| self.event(event_id, &order, input, kind, &detail, now)));
            if is_news {
                let revision = known.map_or(1, |known| known.revision + 1);
                after.insert(key(input), Order { revision, updated_at: now, ..order });
            }
        }
        let pairs: Vec<store::Pair<'_>> =
            after.values().map(|order| (before.get(&owned((&order.platform, &order.origin_no))), order)).collect();
        store::save(&mut tx, &pairs).await?;
        let texts = store::save_texts(&mut tx, &pairs, &self.app.texts).await?;
        store::insert_events(&mut tx, &events).await?;
        contacts::keep(&mut tx, &self.app.vault, &told, now).await?;
        mark_dirty(&mut tx, &pairs).await?;
        record_all(&mut tx, self.entry(&outcomes, now).into_iter().collect()).await?;
        let news: Vec<Event> = pairs.iter().flat_map(|(before, after)| news::events(*before, after)).collect();
        webhooks::actions::emit(&mut tx, &news, now).await?;
        tx.commit().await?;
        self.app.texts.learn(&texts);
        Ok(outcomes)
    }

    /// What the audit log says of orders that a person or a program sent by itself. A file has its entry already, and
    /// each order its own history.
    fn entry(&self, outcomes: &[Outcome], now: Timestamp) -> Option<Entry> {
        if self.source != SENT {
            return None;
        }
        let count = |effect| outcomes.iter().filter(|outcome| outcome.effect == effect).count();
        let (created, changed) = (count(Effect::Created), count(Effect::Changed));
        let news = outcomes.iter().filter(|outcome| outcome.effect != Effect::Unchanged);
        let orders: Vec<u64> = news.map(|outcome| outcome.order.0).take(NAMED_MAX).collect();
        let after = serde_json::json!({ "created": created, "changed": changed, "first": orders });
        let entry = Entry::new(now, self.actor, "orders.send", Subject::new("orders", SENT)).after(after);
        (created + changed > 0).then_some(entry)
    }

    /// Numbers for everything that the messages may make. Those that are not needed are never used.
    async fn fresh(&self) -> Result<Fresh, StoreError> {
        let parcels = self.inputs.iter().map(|input| 1 + input.parcels.as_ref().map_or(0, Vec::len)).sum();
        Ok(Fresh {
            orders: self.app.db.ids(Counter::Order, self.inputs.len()).await?.into_iter(),
            parcels: self.app.db.ids(Counter::Parcel, parcels).await?.into_iter(),
        })
    }

    fn event(
        &self,
        id: u64,
        order: &Order,
        input: &OrderInput,
        kind: &'static str,
        detail: &serde_json::Value,
        now: Timestamp,
    ) -> NewEvent {
        NewEvent {
            id,
            order: order.id,
            at: now,
            kind,
            actor: self.actor.to_string(),
            source: match &input.reference {
                Some(reference) => format!("{} {reference}", self.source),
                None => self.source.to_owned(),
            },
            version: input.version,
            detail: detail.to_string(),
        }
    }
}

fn key(input: &OrderInput) -> (&str, &str) {
    (&input.platform, input.origin_no.trim())
}

fn owned((platform, origin_no): (&str, &str)) -> (String, String) {
    (platform.to_owned(), origin_no.to_owned())
}

async fn mark_dirty(tx: &mut Tx, orders: &[store::Pair<'_>]) -> Result<(), StoreError> {
    let mut dirty: BTreeMap<SiteId, BTreeSet<ParcelId>> = BTreeMap::new();
    for (before, after) in orders {
        for (site, parcels) in facts::dirty(*before, after) {
            dirty.entry(site).or_default().extend(parcels);
        }
    }
    for (site, parcels) in dirty {
        changelog::mark_parcels(tx, &site, &parcels.into_iter().collect::<Vec<_>>()).await?;
    }
    let gone = orders.iter().filter_map(|(before, after)| Some(facts::gone((*before)?, after)));
    changelog::mark_everywhere(tx, &gone.flatten().collect::<Vec<_>>()).await
}

/// What a message tells of who gets the order. The same again from a source that gives no version is no news.
fn contact_of(input: &OrderInput, order: OrderId, is_news: bool, undated: Timestamp) -> Option<Told<'_>> {
    let AddressText { name, phone, address } = input.address.as_ref()?;
    let is_repeat = input.version.is_none() && !is_news && address.is_some();
    let at = input.version.unwrap_or(undated);
    (!is_repeat).then(|| Told { order, at, name, phone, address: address.as_deref().unwrap_or_default() })
}

/// All that the order itself keeps of an address.
fn mark(app: &App, input: &OrderInput) -> Option<AddressMark> {
    let AddressText { name, phone, address } = input.address.as_ref()?;
    let address = address.as_ref()?;
    let key = app.keys.derive("address fingerprint");
    let mut hasher = blake3::Hasher::new_keyed(&key);
    for text in [name, phone, address] {
        hasher.update(code::canonical(text).as_bytes());
        hasher.update(&[0]);
    }
    let mut fingerprint = [0; 8];
    fingerprint.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    // 53 bits: a number that JSON carries everywhere.
    let fingerprint = u64::from_le_bytes(fingerprint) >> 11;
    let masked = [name, phone, address].into_iter().any(|text| mask::is_masked(text));
    Some(AddressMark { placeholder: is_placeholder(address), fingerprint, masked })
}

/// Whether no courier could find it: empty, or a word that stands for "to be said later", however it is written.
fn is_placeholder(address: &str) -> bool {
    let bare: String = code::canonical(address).chars().filter(|c| c.is_alphanumeric()).collect();
    let words = ["待定", "待確定", "待确定", "待补", "待填", "暂无", "未定", "未填", "TBD", "TOBEDETERMINED"];
    bare.is_empty() || words.iter().any(|word| bare.contains(word)) || ["无", "NA", "NULL", "NONE"].contains(&&*bare)
}

fn measure(app: &App, outcomes: &[Outcome]) {
    for (effect, word) in [(Effect::Created, "created"), (Effect::Changed, "changed"), (Effect::Unchanged, "unchanged")]
    {
        let count = outcomes.iter().filter(|outcome| outcome.effect == effect).count();
        let counter =
            app.metrics.counter("packline_orders_received_total", "Order messages taken.", &[("effect", word)]);
        counter.add(count as u64);
    }
}

fn show(app: &App, outcomes: &[Outcome]) {
    if app.is_watched() {
        let changed = outcomes.iter().filter(|outcome| outcome.effect != Effect::Unchanged);
        let orders: BTreeSet<u64> = changed.map(|outcome| outcome.order.0).collect();
        app.show("orders", serde_json::json!({ "orders": orders }));
    }
}

/// The order with this number.
pub async fn get(db: &Db, id: OrderId) -> Result<Option<Order>, OrderError> {
    let mut view = db.view("orders.get").await?;
    Ok(store::by_ids(view.conn(), &[id]).await?.pop())
}

/// The number of the order with this platform and order number.
pub async fn find(db: &Db, platform: &str, origin_no: &str) -> Result<Option<OrderId>, OrderError> {
    Ok(store::find_id(db.read(), platform, origin_no).await?)
}

/// The newest events of an order before `before` (an event's number), newest first.
pub async fn events_of(
    db: &Db,
    order: OrderId,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<OrderEvent>, OrderError> {
    let limit = i64::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(i64::MAX);
    Ok(store::events_of(db.read(), order, before.unwrap_or(i64::MAX), limit).await?)
}

/// What stations of `site` are to know of these parcels of theirs, by number. One that is not in the answer is none of
/// theirs: it never was, went to another site, or has been over for long.
pub async fn parcels_for_sync(
    connection: &mut crate::store::Connection,
    site: &SiteId,
    parcels: &[ParcelId],
) -> Result<Vec<Parcel>, OrderError> {
    let here = |told| match told {
        facts::Told::Here(parcel) => Some(*parcel),
        facts::Told::Sibling(_) | facts::Told::Away(_) => None,
    };
    Ok(told_for_sync(connection, site, parcels).await?.into_values().filter_map(here).collect())
}

/// What stations of `site` may be told of these parcels, theirs and others.
pub async fn told_for_sync(
    connection: &mut crate::store::Connection,
    site: &SiteId,
    parcels: &[ParcelId],
) -> Result<BTreeMap<ParcelId, facts::Told>, OrderError> {
    let wanted: BTreeSet<ParcelId> = parcels.iter().copied().collect();
    let orders = store::orders_of_parcels(connection, parcels).await?;
    let mut found = BTreeMap::new();
    for order in store::by_ids(connection, &orders).await? {
        let asked = order.parcels.iter().filter(|parcel| wanted.contains(&parcel.id));
        found.extend(asked.filter_map(|parcel| Some((parcel.id, facts::told_at(&order, parcel, site)?))));
    }
    Ok(found)
}

/// Up to `limit` parcels that stations of `site` are told of, in the order of their numbers, after `after`.
pub async fn parcels_of_site(
    db: &Db,
    site: &SiteId,
    after: ParcelId,
    limit: usize,
) -> Result<Vec<ParcelId>, OrderError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    Ok(store::parcels_of_site(db.read(), site, after, limit).await?)
}

/// What became of a release that a station reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseNoted {
    /// It is the first of this parcel.
    First {
        /// The parcel's order.
        order: OrderId,
        /// The site that ships it.
        site: SiteId,
    },
    /// The parcel had been let go before; that stays.
    Before {
        /// The parcel's order.
        order: OrderId,
        /// Who had let it go.
        by: Release,
    },
    /// There is no such parcel.
    Unknown,
}

/// Notes that stations let parcels go, and marks those for their sites' stations; says what became of each, in order.
/// The first release of a parcel stays; what the caller makes of another one is its own matter.
pub async fn mark_released(tx: &mut Tx, releases: &[(ParcelId, Release)]) -> Result<Vec<ReleaseNoted>, OrderError> {
    let mut firsts: BTreeMap<ParcelId, Release> = BTreeMap::new();
    for (parcel, release) in releases {
        firsts.entry(*parcel).or_insert_with(|| release.clone());
    }
    let parcels: Vec<ParcelId> = firsts.keys().copied().collect();
    store::release(tx, &firsts.into_iter().collect::<Vec<_>>()).await?;
    let rows = store::released(tx.conn(), &parcels).await?;
    let rows: BTreeMap<ParcelId, store::ReleasedRow> = rows.into_iter().map(|row| (row.parcel, row)).collect();
    let noted: Vec<ReleaseNoted> = releases.iter().map(|(parcel, by)| noted(rows.get(parcel), by)).collect();
    mark_siblings(tx, &noted).await?;
    Ok(noted)
}

/// The station took this release back: nothing left on it. Whether the parcel, or another entry of the same box, was
/// released by it; it is not any more.
pub async fn take_back_release(tx: &mut Tx, parcel: ParcelId, release: &Release) -> Result<bool, OrderError> {
    let Some(row) = store::released(tx.conn(), &[parcel]).await?.pop() else { return Ok(false) };
    let taken = store::take_back_release(tx, row.order, release).await? > 0;
    if taken {
        mark_siblings(tx, &[ReleaseNoted::First { order: row.order, site: row.site }]).await?;
    }
    Ok(taken)
}

fn noted(row: Option<&store::ReleasedRow>, by: &Release) -> ReleaseNoted {
    let Some(row) = row else { return ReleaseNoted::Unknown };
    match &row.release {
        Some(first) if first != by => ReleaseNoted::Before { order: row.order, by: first.clone() },
        _ => ReleaseNoted::First { order: row.order, site: row.site.clone() },
    }
}

/// Marks every parcel of the orders that were released: another entry of the same box may show the release too.
async fn mark_siblings(tx: &mut Tx, noted: &[ReleaseNoted]) -> Result<(), StoreError> {
    let first = |noted: &ReleaseNoted| match noted {
        ReleaseNoted::First { order, .. } => Some(*order),
        ReleaseNoted::Before { .. } | ReleaseNoted::Unknown => None,
    };
    let orders: BTreeSet<OrderId> = noted.iter().filter_map(first).collect();
    let mut sites: BTreeMap<SiteId, Vec<ParcelId>> = BTreeMap::new();
    for order in store::by_ids(tx.conn(), &orders.into_iter().collect::<Vec<_>>()).await? {
        for parcel in &order.parcels {
            sites.entry(parcel.site.clone()).or_default().push(parcel.id);
        }
    }
    for (site, parcels) in sites {
        changelog::mark_parcels(tx, &site, &parcels).await?;
    }
    Ok(())
}

/// Notes that a station stopped parcels of these orders, so that lists can ask for them.
pub async fn mark_stopped(tx: &mut Tx, orders: &[OrderId]) -> Result<(), OrderError> {
    Ok(store::mark_stopped(tx, orders).await?)
}

/// Takes parcels off the stations that have been over for long, and says how many. To be called every few minutes.
pub async fn retire_parcels(app: &App) -> Result<usize, OrderError> {
    let before = app.clock.now().plus_ms(-KEEP_CLOSED_MS);
    let mut retired = 0;
    loop {
        let old = store::aged_out(app.db.read(), before, 1000).await?;
        if old.is_empty() {
            return Ok(retired);
        }
        let mut tx = app.db.begin("orders.retire").await?;
        let parcels: Vec<ParcelId> = old.iter().map(|(_, parcel)| *parcel).collect();
        store::take_off(&mut tx, &parcels).await?;
        for (site, parcel) in &old {
            changelog::mark_parcels(&mut tx, site, &[*parcel]).await?;
        }
        changelog::mark_everywhere(&mut tx, &parcels).await?;
        tx.commit().await?;
        app.feed_wake.notify_one();
        retired += old.len();
    }
}
