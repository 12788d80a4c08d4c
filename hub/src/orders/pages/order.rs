//! One order with everything about it. Every department reads the same page; each finds its own panels first, and what
//! its role may not see is not there.

use super::glance;
use super::timeline::{self, Happening};
use crate::accounts::model::Session;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::audit::actions as audit;
use crate::contacts::actions::same_phone;
use crate::contacts::pages::{self as contacts, ContactPanel};
use crate::error::{Error, Result};
use crate::orders::actions;
use crate::orders::model::{GiftLine, Order, OrderParcel};
use crate::orders::settle::picked_of;
use crate::orders::text;
use crate::pages::mark::{Mark, Show as _, gifts as gifts_mark};
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::{Language, Text};
use crate::pages::time::{age, clock_time, maybe_time, money};
use crate::scans::actions::{self as scans, Of};
use crate::scans::model::ScanRow;
use crate::scans::pages::{ScanLine, line as scan_line};
use askama::Template;
use axum::extract::{Extension, Path, Query, State};
use axum::response::Html;
use packline_protocol::facts::AddressState;
use packline_protocol::id::OrderId;
use packline_protocol::record::Event;
use packline_protocol::verdict::{Outcome, Verdict};
use serde::Deserialize;

/// Scans shown of each parcel.
const SCANS_SHOWN: usize = 20;
/// Scans of each parcel of which the whole verdict is shown, the newest first.
const VERDICTS_SHOWN: usize = 5;
/// Other orders of the same customer that are shown.
const OTHERS_SHOWN: usize = 10;
/// Events shown of an order.
const EVENTS_SHOWN: usize = 200;

/// What of the timeline is shown.
#[derive(Deserialize)]
pub struct Part {
    #[serde(default)]
    show: String,
}

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Panel {
    Contact,
    History,
    Facts,
    Money,
    Lines,
    Gifts,
    Parcels,
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static text::Text,
    origin_no: &'a str,
    marks: Vec<Mark>,
    against: Vec<&'static str>,
    panels: Vec<Panel>,
    facts: Vec<(&'static str, String)>,
    money: Vec<(&'static str, String)>,
    order: &'a Order,
    contact: ContactPanel,
    others: Vec<Other>,
    gifts: Vec<GiftRow<'a>>,
    parcels: Vec<ParcelCard>,
    shows: Vec<timeline::Tab>,
    happenings: Vec<Happening>,
}

/// Another order of the same customer.
struct Other {
    id: u64,
    origin_no: String,
    platform: String,
    created_at: String,
    status: Mark,
    refund: Mark,
}

struct GiftRow<'a> {
    gift: &'a GiftLine,
    parcel: String,
    status: Mark,
}

struct ParcelCard {
    codes: String,
    part: String,
    marks: Vec<Mark>,
    facts: Vec<(&'static str, String)>,
    scans: Vec<ScanCard>,
}

struct ScanCard {
    scan: ScanLine,
    why: Vec<String>,
}

/// One order with everything about it.
pub async fn order(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<u64>,
    Query(shown): Query<Part>,
) -> Result<Html<String>> {
    let id = OrderId(id);
    let order = actions::get(&app.db, id).await?.ok_or_else(|| Error::not_found(format!("there is no order {id}")))?;
    let events = actions::events_of(&app.db, id, None, EVENTS_SHOWN).await?;
    let with_money = session.may(Right::MoneyView);
    let language = shell.language;
    let (t, o) = (shell.text(), text::Text::of(language));
    let (mut parcels, mut all_scans) = (Vec::with_capacity(order.parcels.len()), Vec::new());
    for parcel in &order.parcels {
        let rows = match session.may(Right::ScansView) {
            true => scans::recent(&app.db, &Of::Parcel(parcel.id), None, SCANS_SHOWN).await?,
            false => Vec::new(),
        };
        let scans = scan_cards(&app, &rows, language, o).await?;
        parcels.push(parcel_card(&order, parcel, scans, t, o, language));
        all_scans.extend(rows);
    }
    let contact = contacts::panel(&app, &shell, id).await?;
    let others = others(&app, id, language).await?;
    let audited = match session.may(Right::AuditView) {
        true => audit::of_order(&app.db, id, EVENTS_SHOWN).await?,
        false => Vec::new(),
    };
    let events: Vec<_> =
        events.into_iter().map(|event| if with_money { event } else { event.without_money() }).collect();
    render(&OrderPage {
        shell: &shell,
        t,
        o,
        origin_no: &order.origin_no,
        marks: marks(&order, t, language),
        against: glance::against_shipping(&order, o),
        panels: panels(&session, !others.is_empty()),
        contact,
        others,
        facts: facts_of(&order, &app, t, o, language),
        money: money_of(&order, t, o),
        gifts: order.gifts.iter().map(|gift| gift_row(gift, language)).collect(),
        parcels,
        shows: timeline::tabs(id, &shown.show, o),
        happenings: timeline::timeline(&events, &all_scans, &audited, &shown.show, language),
        order: &order,
    })
}

/// The panels in the order in which this visitor's department needs them.
fn panels(session: &Session, has_history: bool) -> Vec<Panel> {
    use Panel::{Contact, Facts, Gifts, History, Lines, Money, Parcels};
    let order = match session.role.as_str() {
        "warehouse" => [Parcels, Gifts, Lines, Facts, Contact, Money, History],
        "finance" => [Money, Lines, Facts, History, Gifts, Contact, Parcels],
        "service" => [Contact, Facts, Lines, Gifts, History, Money, Parcels],
        _ => [Facts, Lines, Gifts, Contact, Money, History, Parcels],
    };
    let is_there = |panel: &Panel| match panel {
        Money => session.may(Right::MoneyView),
        History => has_history,
        Contact | Facts | Lines | Gifts | Parcels => true,
    };
    order.into_iter().filter(is_there).collect()
}

/// What else went to the same phone number.
async fn others(app: &App, id: OrderId, language: Language) -> Result<Vec<Other>> {
    let ids = same_phone(app, id, OTHERS_SHOWN).await?;
    let rows = actions::list::of_ids(app, ids).await?;
    let other = |row: &crate::orders::list::OrderRow| Other {
        id: row.id.0,
        origin_no: row.origin_no.clone(),
        platform: row.platform.clone(),
        created_at: clock_time(row.created_at),
        status: row.status.mark(language),
        refund: row.refund.mark(language),
    };
    Ok(rows.iter().map(other).collect())
}

fn marks(order: &Order, t: &Text, language: Language) -> Vec<Mark> {
    let mut marks = vec![order.status.mark(language)];
    let refund = order.refund.mark(language);
    marks.push(Mark::new(refund.tone, format!("{} {}", t.refund, refund.word)));
    let gifts = gifts_mark(order.gift_status(), language);
    marks.push(Mark::new(gifts.tone, format!("{} {}", t.gift_status, gifts.word)));
    marks
}

fn facts_of(
    order: &Order,
    app: &App,
    t: &'static Text,
    o: &'static text::Text,
    language: Language,
) -> Vec<(&'static str, String)> {
    let since = |at: packline_protocol::time::Timestamp| {
        let ms = u64::try_from(app.clock.now().since_ms(at)).unwrap_or(0);
        format!("{}（{}）", clock_time(at), age(Some(ms), language))
    };
    let none = || "–".to_owned();
    vec![
        (t.platform, order.platform.clone()),
        (t.shop, order.shop.clone().unwrap_or_else(none)),
        (t.created_at, clock_time(order.created_at())),
        (t.paid_at, maybe_time(order.paid.as_ref().map(|paid| paid.at))),
        (o.channel_told, since(order.changed_at())),
        (t.updated_at, since(order.updated_at)),
        (t.address, order.address().mark(language).word),
        (t.approval, order.approval.mark(language).word),
        (t.hold, order.hold.mark(language).word),
        (t.tags, if order.tags.is_empty() { t.none.to_owned() } else { order.tags.join(language.pick("，", ", ")) }),
    ]
}

fn money_of(order: &Order, t: &'static Text, o: &'static text::Text) -> Vec<(&'static str, String)> {
    let amount = order.amount.as_ref().map(|amount| money(amount.minor, &amount.currency));
    let refunded: u32 = order.lines.iter().map(|line| line.refunded).sum();
    vec![
        (t.amount, amount.unwrap_or_else(|| "–".to_owned())),
        (t.paid_at, maybe_time(order.paid.as_ref().map(|paid| paid.at))),
        (o.refunded_pieces, refunded.to_string()),
    ]
}

fn gift_row(gift: &GiftLine, language: Language) -> GiftRow<'_> {
    let parcel = gift.parcel_ref.clone().unwrap_or_default();
    GiftRow { gift, parcel, status: gift.status.mark(language) }
}

/// Scans as rows; the newest stops and asks with all their reasons and how old the station's knowledge was.
async fn scan_cards(app: &App, rows: &[ScanRow], language: Language, o: &text::Text) -> Result<Vec<ScanCard>> {
    let mut cards = Vec::with_capacity(rows.len());
    let mut told = 0;
    for row in rows {
        let halted = matches!(row.outcome, Some(Outcome::Stop | Outcome::Ask)) && told < VERDICTS_SHOWN;
        let why = match halted {
            true => match scans::find(&app.db, row.id).await?.map(|record| record.event) {
                Some(Event::Judged(judged)) => reasons(&judged.verdict, language, o),
                _ => Vec::new(),
            },
            false => Vec::new(),
        };
        told += usize::from(halted);
        cards.push(ScanCard { scan: scan_line(row, language), why });
    }
    Ok(cards)
}

fn reasons(verdict: &Verdict, language: Language, o: &text::Text) -> Vec<String> {
    let sentence = |reason: &packline_protocol::verdict::Reason| {
        let own = reason.say.as_ref().map(|say| language.pick(&say.zh, &say.en).to_owned());
        let said = language.pick(reason.code.zh().sentence, reason.code.en().sentence);
        let said = own.unwrap_or_else(|| said.to_owned());
        if reason.about.is_empty() { said } else { format!("{said} · {}", reason.about) }
    };
    let mut why: Vec<String> = verdict.reasons.iter().map(sentence).collect();
    why.push(format!("{} {}", o.data_age, age(verdict.age_ms, language)));
    why
}

fn parcel_card(
    order: &Order,
    parcel: &OrderParcel,
    scans: Vec<ScanCard>,
    t: &'static Text,
    o: &'static text::Text,
    language: Language,
) -> ParcelCard {
    let between = language.pick("，", ", ");
    let pieces = |pieces: &std::collections::BTreeMap<String, u32>| {
        pieces.iter().map(|(sku, count)| format!("{sku} ×{count}")).collect::<Vec<_>>().join(between)
    };
    let codes: Vec<&str> = parcel.codes.iter().filter(|code| code.held).map(|code| code.text.as_str()).collect();
    let mut marks = vec![parcel.status.mark(language)];
    marks.extend((order.address_of(parcel) != AddressState::Fine).then(|| order.address_of(parcel).mark(language)));
    marks.extend(parcel.waiting.then(|| Mark::new("warn", t.waiting)));
    let picked = picked_of(order, parcel).map_or_else(|| t.no_stock_out.to_owned(), pieces);
    let mut facts = vec![
        (t.courier, parcel.courier.clone().unwrap_or_else(|| "–".to_owned())),
        (t.stock_out, picked),
        (o.printed, maybe_time(parcel.printed_at)),
    ];
    facts.extend(parcel.contents.as_ref().map(|contents| (o.contents, pieces(contents))));
    let released = parcel.released.as_ref().map(|release| format!("{} · {}", release.station, clock_time(release.at)));
    facts.extend(released.map(|released| (t.released_by, released)));
    ParcelCard {
        codes: if codes.is_empty() { order.origin_no.clone() } else { codes.join(" · ") },
        part: format!("{} / {} · {}", parcel.place, order.listed().count().max(1), parcel.site),
        marks,
        facts,
        scans,
    }
}
