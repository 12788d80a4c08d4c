//! From (the order as it is, a message, now) to the order as it shall be. Pure.

use super::claims::{AddressMark, Claims, Facet, RefusedMove, may_move_refund, may_move_status};
use super::couriers;
use super::input::{GiftInput, LineInput, OrderInput, ParcelInput, StockOutInput, TITLE_MAX};
use super::model::{Code, Effect, GiftLine, Order, OrderLine, OrderParcel};
use super::settle::{self, settle};
use super::words::Word;
use packline_protocol::code;
use packline_protocol::facts::{Approval, CodeRole, GiftStatus, HoldState, OrderStatus, ParcelStatus, RefundState};
use packline_protocol::id::{OrderId, ParcelId, SiteId};
use packline_protocol::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a decision needs besides order and message.
pub struct Context<'a> {
    /// The wall time.
    pub now: Timestamp,
    /// The version of a message whose source gives none.
    pub undated: Timestamp,
    /// The site of parcels whose source names none.
    pub default_site: &'a SiteId,
    /// The address that came with the message, if one did.
    pub address: Option<AddressMark>,
}

/// Numbers for what is new, taken beforehand.
pub struct Fresh {
    /// For orders.
    pub orders: std::vec::IntoIter<u64>,
    /// For parcels.
    pub parcels: std::vec::IntoIter<u64>,
}

/// What shall be.
#[derive(Debug)]
pub struct Decision {
    /// The order.
    pub order: Order,
    /// What the message did, for whoever sent it.
    pub effect: Effect,
    /// Whether anything at all is to be written.
    pub is_news: bool,
    /// What to write into the history: kind and detail.
    pub event: Option<(&'static str, Value)>,
    /// Moves that were asked for and not made.
    pub refused: Vec<String>,
}

/// What a message does to an order, or to none yet.
pub fn receive(before: Option<&Order>, input: &OrderInput, context: &Context<'_>, fresh: &mut Fresh) -> Decision {
    let mut order = before.cloned().unwrap_or_else(|| blank(input, context, fresh));
    let at = input.version.unwrap_or(context.undated);
    let was_newest = before.map(Order::changed_at);
    let claimed = Message { input, at, dated: input.version.is_some() }.apply(&mut order, context, fresh);
    settle(&mut order, &settle::At { now: context.now, default_site: context.default_site });
    let Some(before) = before else {
        let event = Some(("created", json!({ "status": order.status.word() })));
        return Decision { order, effect: Effect::Created, is_news: true, event, refused: claimed.refused };
    };
    let changes = changes(before, &order);
    let effect = if changes.is_empty() { Effect::Unchanged } else { Effect::Changed };
    let is_late = was_newest.is_some_and(|newest| at < newest);
    let kind = match (effect, &claimed) {
        (Effect::Changed, _) if is_late => Some("late"),
        (Effect::Changed, _) => Some("changed"),
        (_, Claimed { refused, is_new: true }) if !refused.is_empty() => Some("refused"),
        (_, Claimed { is_new: true, .. }) if is_late => Some("late"),
        _ => None,
    };
    let event = kind.map(|kind| (kind, detail(changes, &claimed.refused)));
    Decision { is_news: *before != order, order, effect, event, refused: claimed.refused }
}

fn blank(input: &OrderInput, context: &Context<'_>, fresh: &mut Fresh) -> Order {
    Order {
        id: OrderId(fresh.orders.next().expect("a number was taken for each message")),
        platform: input.platform.clone(),
        origin_no: input.origin_no.trim().to_owned(),
        shop: None,
        own_site: None,
        status: OrderStatus::Unpaid,
        refund: RefundState::None,
        amount: None,
        created: None,
        paid: None,
        must_not_ship: false,
        approval: Approval::NotNeeded,
        hold: HoldState::NotNeeded,
        tags: Vec::new(),
        lines: Vec::new(),
        gifts: Vec::new(),
        parcels: Vec::new(),
        stock_out: BTreeMap::new(),
        claims: Claims::default(),
        revision: 0,
        received_at: context.now,
        updated_at: context.now,
    }
}

/// A message with the version that counts for it.
struct Message<'a> {
    input: &'a OrderInput,
    at: Timestamp,
    dated: bool,
}

/// What its claims of states came to.
#[derive(Debug, Default)]
struct Claimed {
    /// Moves it asked for that are not made.
    refused: Vec<String>,
    /// It claimed a state that had not been claimed.
    is_new: bool,
}

impl Message<'_> {
    fn apply(&self, order: &mut Order, context: &Context<'_>, fresh: &mut Fresh) -> Claimed {
        let input = self.input;
        let mut claimed = Claimed::default();
        self.claim_status(order, &mut claimed);
        self.claim_refund(order, &mut claimed);
        if let Some(mark) = context.address {
            self.claim_address(order, mark);
        }
        let Message { at, dated, .. } = *self;
        let Order { claims, shop, own_site, created, paid, must_not_ship, approval, hold, tags, .. } = order;
        put(claims, Facet::Shop, at, dated, shop, input.shop.as_ref().map(|shop| Some(cut(shop, 64))));
        put(claims, Facet::Site, at, dated, own_site, input.site.clone().map(Some));
        put(claims, Facet::Created, at, dated, created, input.created.clone().map(Some));
        put(claims, Facet::Paid, at, dated, paid, input.paid.clone().map(Some));
        put(claims, Facet::MustNotShip, at, dated, must_not_ship, input.must_not_ship);
        put(claims, Facet::Approval, at, dated, approval, input.approval);
        put(claims, Facet::Hold, at, dated, hold, input.hold);
        put(claims, Facet::Tags, at, dated, tags, input.tags.as_deref().map(sorted_tags));
        self.put_amount(order);
        let Order { claims, lines, .. } = order;
        put(claims, Facet::Lines, at, dated, lines, input.lines.as_ref().map(|new| new.iter().map(line).collect()));
        self.put_gifts(order);
        if let Some(list) = &input.parcels {
            self.put_parcels(order, list, fresh);
        }
        if order.listed().next().is_none() {
            order.parcels.push(implicit_parcel(ParcelId(take(&mut fresh.parcels)), context.default_site));
        }
        for record in input.stock_out.iter().flatten() {
            self.put_stock_out(order, record);
        }
        claimed
    }

    fn claim_status(&self, order: &mut Order, claimed: &mut Claimed) {
        let initial = self.input.initial_status.filter(|_| order.claims.status.last().is_none());
        let Some(status) = self.input.status.or(initial) else { return };
        let is_repeat = !self.dated && order.status == status && order.claims.status.last().is_some();
        if !is_repeat {
            claimed.is_new |= order.claims.status.add(self.at, status, may_move_status);
        }
        if let Some((settled, refused)) = order.claims.status.settle(may_move_status) {
            order.status = settled;
            claimed.refused.extend(self.refused("status", &refused));
        }
    }

    fn claim_refund(&self, order: &mut Order, claimed: &mut Claimed) {
        let Some(refund) = self.input.refund else { return };
        let is_repeat = !self.dated && order.refund == refund && order.claims.refund.last().is_some();
        if !is_repeat {
            claimed.is_new |= order.claims.refund.add(self.at, refund, may_move_refund);
        }
        if let Some((settled, refused)) = order.claims.refund.settle(may_move_refund) {
            order.refund = settled;
            claimed.refused.extend(self.refused("refund", &refused));
        }
    }

    /// Those of the refused moves that this message asked for.
    fn refused<S: Word>(&self, what: &str, refused: &[RefusedMove<S>]) -> Vec<String> {
        let ours = refused.iter().filter(|refused| refused.at == self.at);
        ours.map(|refused| format!("{what}: {} → {}", refused.from.word(), refused.to.word())).collect()
    }

    fn claim_address(&self, order: &mut Order, mark: AddressMark) {
        let is_repeat = !self.dated && order.claims.address.last().is_some_and(|(_, last)| last == mark);
        if !is_repeat {
            order.claims.address.add(self.at, mark, |_, _| true);
        }
    }

    fn put_amount(&self, order: &mut Order) {
        let Some(new) = &self.input.amount else { return };
        let key = |amount: &packline_protocol::amount::Amount| (amount.currency.clone(), amount.minor);
        let old = order.amount.as_ref().map(key);
        if order.claims.wins(Facet::Amount, self.at, self.dated, &old, &Some(key(new))) {
            order.amount = Some(new.clone());
        }
    }

    fn put_gifts(&self, order: &mut Order) {
        let Some(new) = &self.input.gifts else { return };
        let new: Vec<GiftLine> = new.iter().map(gift).collect();
        let old: Vec<GiftLine> = order.gifts.iter().map(as_told).collect();
        if order.claims.wins(Facet::Gifts, self.at, self.dated, &old, &new) {
            order.gifts = new;
        }
    }

    fn put_stock_out(&self, order: &mut Order, record: &StockOutInput) {
        let key = record.parcel.as_deref().map(code::canonical).unwrap_or_default();
        let new = summed(&record.picked);
        let old = order.stock_out.get(&key);
        let seen = order.claims.stock_out.get(&key);
        let wins = match (seen, old) {
            (Some(_), Some(old)) if !self.dated && *old == new => false,
            (Some(seen), Some(old)) => self.at > *seen || self.at == *seen && new > *old,
            _ => true,
        };
        if wins {
            order.claims.stock_out.insert(key.clone(), self.at);
            order.stock_out.insert(key, new);
        }
    }

    fn put_parcels(&self, order: &mut Order, list: &[ParcelInput], fresh: &mut Fresh) {
        let nothing = [ParcelInput::default()];
        let list = if list.is_empty() { &nothing } else { list };
        let told: Vec<Told> = list.iter().enumerate().map(|(place, parcel)| Told::new(place, parcel)).collect();
        let old: Vec<Told> = order.listed().map(Told::of).collect();
        if order.claims.wins(Facet::Parcels, self.at, self.dated, &old, &told) {
            self.list_parcels(order, told, fresh);
        } else {
            self.note_late_parcels(order, told, fresh);
        }
    }

    /// The newest list: what it has is listed, what it does not have is void from here on.
    fn list_parcels(&self, order: &mut Order, told: Vec<Told>, fresh: &mut Fresh) {
        for parcel in &mut order.parcels {
            parcel.listed = false;
        }
        for told in told {
            let known = order.parcels.iter().position(|parcel| parcel.key == told.key);
            // A parcel without codes is the one that now has got some.
            let place = known.or_else(|| order.parcels.iter().position(|old| !old.listed && is_numbered(&old.key)));
            let place = place.unwrap_or_else(|| push_blank(order, fresh));
            self.describe(&mut order.parcels[place], told);
            order.parcels[place].listed = true;
        }
        let is_kept = |parcel: &OrderParcel| parcel.listed || !is_numbered(&parcel.key) || parcel.released.is_some();
        order.parcels.retain(is_kept);
    }

    /// An older list: a label of it may be on a box, so its parcels are known as void.
    fn note_late_parcels(&self, order: &mut Order, told: Vec<Told>, fresh: &mut Fresh) {
        for told in told.into_iter().filter(|told| !is_numbered(&told.key)) {
            let known = order.parcels.iter().position(|parcel| parcel.key == told.key);
            let place = known.unwrap_or_else(|| push_blank(order, fresh));
            let parcel = &mut order.parcels[place];
            let has_waybill = told.codes.iter().any(|(role, _)| *role == CodeRole::Waybill);
            let is_newer = self.at > parcel.version || self.at == parcel.version && told > Told::of(parcel);
            if known.is_none() || !parcel.listed && is_newer {
                self.describe(parcel, told);
            } else if has_waybill {
                parcel.labelled_at = earliest(parcel.labelled_at, self.at);
            }
        }
    }

    fn describe(&self, parcel: &mut OrderParcel, told: Told) {
        let Told { place, key, codes, own_site, courier, status, waiting, contents, printed_at } = told;
        if codes.iter().any(|(role, _)| *role == CodeRole::Waybill) {
            parcel.labelled_at = earliest(parcel.labelled_at, self.at);
        }
        parcel.codes = codes.into_iter().map(|(role, text)| Code { role, text, held: true }).collect();
        (parcel.place, parcel.key, parcel.own_site, parcel.courier) = (place, key, own_site, courier);
        (parcel.status, parcel.waiting, parcel.contents, parcel.printed_at) = (status, waiting, contents, printed_at);
        parcel.version = self.at;
    }
}

fn put<T: Ord>(claims: &mut Claims, facet: Facet, at: Timestamp, dated: bool, old: &mut T, new: Option<T>) {
    let Some(new) = new else { return };
    if claims.wins(facet, at, dated, old, &new) {
        *old = new;
    }
}

/// A parcel as a message tells it, in a form in which two lists can be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    place: u16,
    key: String,
    codes: Vec<(CodeRole, String)>,
    own_site: Option<SiteId>,
    courier: Option<String>,
    status: ParcelStatus,
    waiting: bool,
    contents: Option<BTreeMap<String, u32>>,
    printed_at: Option<Timestamp>,
}

impl Told {
    fn new(place: usize, parcel: &ParcelInput) -> Told {
        let place = u16::try_from(place + 1).unwrap_or(u16::MAX);
        let waybills = parcel.waybills.iter().map(|text| (CodeRole::Waybill, code::canonical(text)));
        let number = parcel.number.iter().map(|text| (CodeRole::Wms, code::canonical(text)));
        let mut codes: Vec<(CodeRole, String)> = waybills.chain(number.clone()).collect();
        codes.sort();
        // One text may be told as waybill and as number; it is one code.
        let mut seen = std::collections::BTreeSet::new();
        codes.retain(|(_, text)| seen.insert(text.clone()));
        let key =
            number.map(|(_, text)| text).next().or_else(|| parcel.waybills.first().map(|text| code::canonical(text)));
        Told {
            place,
            key: key.unwrap_or_else(|| format!("#{place}")),
            codes,
            own_site: parcel.site.clone(),
            courier: parcel.courier.as_deref().map(couriers::short_name).filter(|name| !name.is_empty()),
            status: parcel.status.map_or(ParcelStatus::Open, |status| status.0),
            waiting: parcel.waiting,
            contents: parcel.contents.as_deref().map(summed),
            printed_at: parcel.printed,
        }
    }

    fn of(parcel: &OrderParcel) -> Told {
        let mut codes: Vec<_> = parcel.codes.iter().map(|code| (code.role, code.text.clone())).collect();
        codes.sort();
        Told {
            place: parcel.place,
            key: parcel.key.clone(),
            codes,
            own_site: parcel.own_site.clone(),
            courier: parcel.courier.clone(),
            status: parcel.status,
            waiting: parcel.waiting,
            contents: parcel.contents.clone(),
            printed_at: parcel.printed_at,
        }
    }
}

/// Whether a parcel has no code of its own, only a place.
fn is_numbered(key: &str) -> bool {
    key.starts_with('#')
}

/// The parcel of an order whose source tells of none: it is known by the order number.
fn implicit_parcel(id: ParcelId, site: &SiteId) -> OrderParcel {
    OrderParcel {
        id,
        key: "#1".to_owned(),
        place: 1,
        listed: true,
        status: ParcelStatus::Open,
        site: site.clone(),
        own_site: None,
        courier: None,
        waiting: false,
        contents: None,
        printed_at: None,
        labelled_at: None,
        codes: Vec::new(),
        version: Timestamp(0),
        released: None,
        closed_at: None,
        on_stations: true,
    }
}

fn push_blank(order: &mut Order, fresh: &mut Fresh) -> usize {
    let site = order.parcels.first().map(|parcel| parcel.site.clone());
    let site = site.or_else(|| order.own_site.clone());
    // Settling gives it its own site.
    let site = site.unwrap_or_else(|| SiteId::parse("unsettled").expect("the name is well formed"));
    let mut parcel = implicit_parcel(ParcelId(take(&mut fresh.parcels)), &site);
    parcel.listed = false;
    order.parcels.push(parcel);
    order.parcels.len() - 1
}

fn take(numbers: &mut std::vec::IntoIter<u64>) -> u64 {
    numbers.next().expect("a number was taken for each parcel of each message, and one more")
}

fn earliest(known: Option<Timestamp>, at: Timestamp) -> Option<Timestamp> {
    Some(known.map_or(at, |known| known.min(at)))
}

fn line(line: &LineInput) -> OrderLine {
    OrderLine {
        sku: line.sku.trim().to_owned(),
        title: title(&line.title, &line.sku),
        quantity: line.quantity,
        refunded: line.refunded,
    }
}

fn gift(gift: &GiftInput) -> GiftLine {
    GiftLine {
        sku: gift.sku.trim().to_owned(),
        title: title(&gift.title, &gift.sku),
        quantity: gift.quantity,
        cancelled: gift.cancelled,
        substitute_sku: gift.substitute_sku.as_ref().map(|sku| sku.trim().to_owned()),
        parcel_ref: gift.parcel.as_deref().map(code::canonical),
        issued: 0,
        status: GiftStatus::Pending,
    }
}

/// The gift line as it was told, without what was derived.
fn as_told(gift: &GiftLine) -> GiftLine {
    GiftLine { issued: 0, status: GiftStatus::Pending, ..gift.clone() }
}

fn title(title: &str, sku: &str) -> String {
    let title = title.trim();
    cut(if title.is_empty() { sku.trim() } else { title }, TITLE_MAX)
}

fn cut(text: &str, max: usize) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(max).collect()
}

fn sorted_tags(tags: &[String]) -> Vec<String> {
    let tags: std::collections::BTreeSet<String> = tags.iter().map(|tag| tag.trim().to_owned()).collect();
    tags.into_iter().collect()
}

fn summed(list: &[(String, u32)]) -> BTreeMap<String, u32> {
    let mut sums: BTreeMap<String, u32> = BTreeMap::new();
    for (sku, pieces) in list {
        let sum = sums.entry(sku.trim().to_owned()).or_default();
        *sum = sum.saturating_add(*pieces);
    }
    sums
}

/// What people see of an order, each as one text: comparing two of these says what changed.
fn shown(order: &Order) -> BTreeMap<&'static str, String> {
    let word = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    let lines = order.lines.iter().map(|line| match line.refunded {
        0 => format!("{} ×{}", line.sku, line.quantity),
        refunded => format!("{} ×{} (refunded {refunded})", line.sku, line.quantity),
    });
    let gifts = order.gifts.iter().map(|gift| format!("{} ×{} {}", gift.sku, gift.quantity, gift.status.word()));
    let parcels = order.parcels.iter().map(shown_parcel);
    let stock_out = order.stock_out.iter().map(|(key, picked)| format!("{key} {}", shown_pieces(picked)));
    let mut shown: BTreeMap<&'static str, String> = BTreeMap::from([
        ("status", order.status.word().to_owned()),
        ("refund", order.refund.word().to_owned()),
        ("approval", order.approval.word().to_owned()),
        ("hold", order.hold.word().to_owned()),
        ("must_not_ship", word(order.must_not_ship)),
        ("address", order.address().word().to_owned()),
        ("tags", order.tags.join(", ")),
        ("lines", lines.collect::<Vec<_>>().join(", ")),
        ("gifts", gifts.collect::<Vec<_>>().join(", ")),
        ("parcels", parcels.collect::<Vec<_>>().join("; ")),
        ("stock_out", stock_out.collect::<Vec<_>>().join("; ")),
    ]);
    let optional = [
        ("shop", order.shop.clone()),
        ("site", order.own_site.as_ref().map(ToString::to_string)),
        ("amount", order.amount.as_ref().map(super::money::text)),
        ("created", order.created.as_ref().map(|time| time.text.clone())),
        ("paid", order.paid.as_ref().map(|time| time.text.clone())),
    ];
    shown.extend(optional.into_iter().map(|(name, text)| (name, text.unwrap_or_default())));
    shown
}

fn shown_parcel(parcel: &OrderParcel) -> String {
    let codes: Vec<&str> = parcel.codes.iter().filter(|code| code.held).map(|code| code.text.as_str()).collect();
    let contents = parcel.contents.as_ref().map(shown_pieces).unwrap_or_default();
    let courier = parcel.courier.as_deref().unwrap_or_default();
    let waiting = if parcel.waiting { "waiting" } else { "" };
    let parts = [
        codes.join("/"),
        courier.into(),
        parcel.site.to_string(),
        parcel.status.word().into(),
        waiting.into(),
        contents,
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn shown_pieces(pieces: &BTreeMap<String, u32>) -> String {
    let pieces: Vec<String> = pieces.iter().map(|(sku, pieces)| format!("{sku}×{pieces}")).collect();
    pieces.join(",")
}

/// The longest text of a change in the history.
const SHOWN_MAX: usize = 300;

fn changes(before: &Order, after: &Order) -> Vec<Value> {
    let (old, new) = (shown(before), shown(after));
    let changed = old.into_iter().filter_map(|(name, from)| {
        let to = &new[name];
        let cut = |text: &str| text.chars().take(SHOWN_MAX).collect::<String>();
        (from != *to).then(|| json!({ "field": name, "from": cut(&from), "to": cut(to) }))
    });
    changed.collect()
}

fn detail(changes: Vec<Value>, refused: &[String]) -> Value {
    let mut detail = serde_json::Map::new();
    if !changes.is_empty() {
        detail.insert("changes".into(), changes.into());
    }
    if !refused.is_empty() {
        detail.insert("refused".into(), refused.into());
    }
    detail.into()
}
