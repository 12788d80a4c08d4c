//! Orders as pages: the list, and one order with everything about it.

use super::actions;
use super::list::{self, Cursor};
use super::model::{GiftLine, Order, OrderEvent, OrderLine, OrderParcel};
use super::settle::picked_of;
use super::words::Word;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::audit::pages as audit;
use crate::contacts::pages::{self as contacts, ContactPanel};
use crate::error::{Error, Result};
use crate::pages::mark::{Mark, Show as _, gifts as gifts_mark};
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::{Language, Text};
use crate::pages::time::{clock_time, maybe_time, money, yes_no};
use crate::scans::actions::{self as scans, Of};
use crate::scans::pages::{ScanLine, line as scan_line};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use packline_protocol::amount::Amount;
use packline_protocol::facts::{AddressState, OrderStatus};
use packline_protocol::id::{OrderId, SiteId};
use packline_protocol::time::Timestamp;
use serde::Deserialize;
use std::fmt::Write as _;

/// Orders on one page.
const PAGE: usize = 50;
/// Scans shown of each parcel.
const SCANS_SHOWN: usize = 20;
/// Events shown of an order.
const EVENTS_SHOWN: usize = 200;

/// What the list is narrowed to, as the page's address says it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    q: String,
    status: String,
    platform: String,
    site: String,
    cursor: String,
}

impl Filter {
    fn is_empty(&self) -> bool {
        [&self.q, &self.status, &self.platform, &self.site].iter().all(|value| value.trim().is_empty())
    }

    /// The address of this list from a cursor on.
    fn address(&self, cursor: &str) -> String {
        let mut address = "/orders?".to_owned();
        let values = [
            ("q", &*self.q),
            ("status", &self.status),
            ("platform", &self.platform),
            ("site", &self.site),
            ("cursor", cursor),
        ];
        for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            let _ = write!(address, "{name}={value}&");
        }
        address.truncate(address.len() - 1);
        address
    }
}

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    filter: &'a Filter,
    statuses: Vec<(&'static str, String)>,
    orders: Vec<OrderRow>,
    paged: bool,
    first: String,
    next: Option<String>,
}

struct OrderRow {
    id: u64,
    origin_no: String,
    platform: String,
    status: Mark,
    refund: Mark,
    gifts: Mark,
    amount: String,
    created_at: String,
    site: String,
}

/// The list.
pub async fn list(State(app): State<App>, shell: Shell, Query(filter): Query<Filter>) -> Result<Html<String>> {
    let after = match filter.cursor.as_str() {
        "" => Cursor::START,
        text => Cursor::parse(text).ok_or_else(|| Error::invalid("cursor is not one that this list gave"))?,
    };
    let page = actions::list(&app.db, &wanted(&filter)?, after, PAGE).await?;
    let language = shell.language;
    render(&OrdersPage {
        shell: &shell,
        t: shell.text(),
        filter: &filter,
        statuses: OrderStatus::ALL.iter().map(|(status, word)| (*word, status.mark(language).word)).collect(),
        orders: page.rows.iter().map(|row| order_row(row, language)).collect(),
        paged: !filter.cursor.is_empty(),
        first: filter.address(""),
        next: page.next.map(|next| filter.address(&next.to_string())),
    })
}

fn wanted(filter: &Filter) -> Result<list::Filter> {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let status = given(&filter.status).map(|word| {
        let accepted = || Error::invalid(format!("status is `{word}`; give {}", <OrderStatus as Word>::words()));
        OrderStatus::from_word(&word).ok_or_else(accepted)
    });
    let site = given(&filter.site).map(|site| SiteId::parse(&site).map_err(|error| Error::invalid(error.to_string())));
    Ok(list::Filter {
        status: status.transpose()?,
        platform: given(&filter.platform),
        site: site.transpose()?,
        code: given(&filter.q),
        ..list::Filter::default()
    })
}

fn order_row(row: &list::OrderRow, language: Language) -> OrderRow {
    OrderRow {
        id: row.id.0,
        origin_no: row.origin_no.clone(),
        platform: row.platform.clone(),
        status: row.status.mark(language),
        refund: row.refund.mark(language),
        gifts: gifts_mark(row.gift_status, language),
        amount: amount(row.amount.as_ref()),
        created_at: clock_time(row.created_at),
        site: row.site.clone(),
    }
}

fn amount(amount: Option<&Amount>) -> String {
    amount.map_or_else(|| "–".to_owned(), |amount| money(amount.minor, &amount.currency))
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    order: OrderRow,
    facts: Vec<(&'static str, String)>,
    lines: &'a [OrderLine],
    gifts: Vec<GiftRow<'a>>,
    parcels: Vec<ParcelCard>,
    events: Vec<EventLine>,
    contact: ContactPanel,
}

struct GiftRow<'a> {
    sku: &'a str,
    title: &'a str,
    quantity: u32,
    issued: u32,
    status: Mark,
}

struct ParcelCard {
    codes: String,
    part: String,
    marks: Vec<Mark>,
    courier: String,
    stock_out: String,
    released: Option<String>,
    scans: Vec<ScanLine>,
}

struct EventLine {
    at: String,
    actor: String,
    what: String,
}

/// One order with everything about it.
pub async fn order(State(app): State<App>, shell: Shell, Path(id): Path<u64>) -> Result<Html<String>> {
    let id = OrderId(id);
    let order = actions::get(&app.db, id).await?.ok_or_else(|| Error::not_found(format!("there is no order {id}")))?;
    let events = actions::events_of(&app.db, id, None, EVENTS_SHOWN).await?;
    let (t, language) = (shell.text(), shell.language);
    let mut parcels = Vec::with_capacity(order.parcels.len());
    for parcel in &order.parcels {
        let scans = scans::recent(&app.db, &Of::Parcel(parcel.id), None, SCANS_SHOWN).await?;
        let scans = scans.iter().map(|row| scan_line(row, language)).collect();
        parcels.push(parcel_card(&order, parcel, scans, t, language));
    }
    render(&OrderPage {
        shell: &shell,
        t,
        order: head_of(&order, language),
        facts: facts_of(&order, t, language),
        lines: &order.lines,
        gifts: order.gifts.iter().map(|gift| gift_row(gift, language)).collect(),
        parcels,
        events: history(&app, &shell, id, &events).await?,
        contact: contacts::panel(&app, &shell, id).await?,
    })
}

/// What happened to the order and, for whoever may see it, who did what with it: the newest first.
async fn history(app: &App, shell: &Shell, order: OrderId, events: &[OrderEvent]) -> Result<Vec<EventLine>> {
    let mut lines: Vec<(Timestamp, EventLine)> =
        events.iter().map(|event| (event.at, event_line(event, shell.language))).collect();
    if shell.may(Right::AuditView) {
        let audited = audit::lines_of_order(app, order, EVENTS_SHOWN, shell.language).await?;
        lines.extend(audited.into_iter().map(|line| {
            let what = [Some(line.what), line.reason].into_iter().flatten().collect::<Vec<_>>().join(" · ");
            (line.at, EventLine { at: line.time, actor: line.actor, what })
        }));
    }
    lines.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

fn head_of(order: &Order, language: Language) -> OrderRow {
    OrderRow {
        id: order.id.0,
        origin_no: order.origin_no.clone(),
        platform: order.platform.clone(),
        status: order.status.mark(language),
        refund: order.refund.mark(language),
        gifts: gifts_mark(order.gift_status(), language),
        amount: amount(order.amount.as_ref()),
        created_at: clock_time(order.created_at()),
        site: String::new(),
    }
}

fn facts_of(order: &Order, t: &'static Text, language: Language) -> Vec<(&'static str, String)> {
    vec![
        (t.platform, order.platform.clone()),
        (t.shop, order.shop.clone().unwrap_or_else(|| "–".to_owned())),
        (t.amount, amount(order.amount.as_ref())),
        (t.created_at, clock_time(order.created_at())),
        (t.paid_at, maybe_time(order.paid.as_ref().map(|paid| paid.at))),
        (t.address, order.address().mark(language).word),
        (t.approval, order.approval.mark(language).word),
        (t.hold, order.hold.mark(language).word),
        (t.must_not_ship, yes_no(order.must_not_ship, t).to_owned()),
        (t.tags, if order.tags.is_empty() { t.none.to_owned() } else { order.tags.join("，") }),
        (t.updated_at, clock_time(order.updated_at)),
    ]
}

fn gift_row(gift: &GiftLine, language: Language) -> GiftRow<'_> {
    GiftRow {
        sku: &gift.sku,
        title: &gift.title,
        quantity: gift.quantity,
        issued: gift.issued,
        status: gift.status.mark(language),
    }
}

fn parcel_card(order: &Order, parcel: &OrderParcel, scans: Vec<ScanLine>, t: &Text, language: Language) -> ParcelCard {
    let codes: Vec<&str> = parcel.codes.iter().filter(|code| code.held).map(|code| code.text.as_str()).collect();
    let picked = picked_of(order, parcel).map(|picked| {
        let pieces = picked.iter().map(|(sku, pieces)| format!("{sku} ×{pieces}"));
        pieces.collect::<Vec<_>>().join("，")
    });
    let mut marks = vec![parcel.status.mark(language)];
    marks.extend((order.address_of(parcel) != AddressState::Fine).then(|| order.address_of(parcel).mark(language)));
    marks.extend(parcel.waiting.then(|| Mark::new("warn", t.waiting)));
    ParcelCard {
        codes: codes.join(" · "),
        part: format!("{} / {} · {}", parcel.place, order.listed().count().max(1), parcel.site),
        marks,
        courier: parcel.courier.clone().unwrap_or_else(|| "–".to_owned()),
        stock_out: picked.unwrap_or_else(|| t.no_stock_out.to_owned()),
        released: parcel.released.as_ref().map(|release| format!("{} · {}", release.station, clock_time(release.at))),
        scans,
    }
}

fn event_line(event: &OrderEvent, language: Language) -> EventLine {
    let kind = match event.kind.as_str() {
        "created" => language.pick("新建", "created"),
        "changed" => language.pick("变更", "changed"),
        "late" => language.pick("迟到的消息", "late message"),
        "refused" => language.pick("拒绝的变更", "refused"),
        "released" => language.pick("工位放行", "released"),
        other => other,
    };
    let detail = event.detail.as_object().filter(|detail| !detail.is_empty()).map(|detail| {
        let parts = detail.iter().map(|(name, value)| format!("{name} {}", plain(value)));
        parts.collect::<Vec<_>>().join("；")
    });
    EventLine {
        at: clock_time(event.at),
        actor: format!("{} · {}", event.actor, event.source),
        what: [Some(kind.to_owned()), detail].into_iter().flatten().collect::<Vec<_>>().join(" · "),
    }
}

/// A value without the marks of JSON around a text.
fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
