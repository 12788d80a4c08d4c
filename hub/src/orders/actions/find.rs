//! From what people type or scan to orders.

use crate::app::App;
use crate::contacts::actions as contacts;
use crate::orders::filter::Filter;
use crate::orders::list::CodeHit;
use crate::orders::model::OrderError;
use crate::orders::store;
use packline_protocol::code;
use packline_protocol::id::OrderId;
use std::collections::BTreeSet;

/// What a look-up leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// One order.
    One(OrderId),
    /// Several orders have this code, or codes that end so.
    Codes,
    /// Several orders go to whoever this is.
    Contacts,
    /// Orders have texts with these words.
    Texts,
    /// Nothing.
    Nothing,
}

/// Where the search box leads: to the one order that a code names, to the list of several, to orders with these words in
/// their texts, or nowhere.
pub async fn look_up(app: &App, text: &str) -> Result<Found, OrderError> {
    if text.trim().is_empty() {
        return Ok(Found::Nothing);
    }
    let hits = find_by_code(app, text).await?;
    let held: BTreeSet<OrderId> = hits.iter().filter(|hit| hit.held).map(|hit| hit.order).collect();
    let all: BTreeSet<OrderId> = hits.iter().map(|hit| hit.order).collect();
    match (held.iter().next(), held.len(), all.iter().next(), all.len()) {
        (Some(order), 1, ..) | (.., Some(order), 1) => return Ok(Found::One(*order)),
        (.., 0) => {}
        _ => return Ok(Found::Codes),
    }
    match find_by_contact(app, text).await?.as_slice() {
        [] => {}
        [only] => return Ok(Found::One(*only)),
        _ => return Ok(Found::Contacts),
    }
    let Ok(filter) = Filter::default().with("text", text) else { return Ok(Found::Nothing) };
    let sort = filter.natural_sort();
    let page = super::list(app, &filter, sort, sort.start(), 2).await?;
    match page.rows.as_slice() {
        [] => Ok(Found::Nothing),
        [only] => Ok(Found::One(only.id)),
        _ => Ok(Found::Texts),
    }
}

/// Orders that go to this phone number, to one that ends so, or to this name: the newest ones, each once.
pub async fn find_by_contact(app: &App, text: &str) -> Result<Vec<OrderId>, OrderError> {
    let found = contacts::find(app, text).await?;
    let orders: BTreeSet<OrderId> = found.into_iter().collect();
    Ok(orders.into_iter().rev().take(super::PAGE_MAX).collect())
}

/// Everything that stands under a code as people type or scan it: order numbers, waybills, WMS numbers. From four
/// characters on, a text that is no whole code is looked for at the end of codes.
pub async fn find_by_code(app: &App, text: &str) -> Result<Vec<CodeHit>, OrderError> {
    let code = code::canonical(text);
    if code.is_empty() {
        return Ok(Vec::new());
    }
    let limit = i64::try_from(super::PAGE_MAX).unwrap_or(i64::MAX);
    let mut hits = store::code_hits(app.db.read(), &code, false, limit).await?;
    if hits.is_empty() && code.chars().count() >= store::TAIL_CHARS {
        hits = store::code_hits(app.db.read(), &code, true, limit).await?;
    }
    hits.sort_by_key(|hit| (hit.order, hit.parcel));
    Ok(hits)
}
