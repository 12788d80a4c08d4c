//! What is done to the orders that were selected in the list.

use crate::accounts::model::Session;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::error::{Error, Result};
use crate::orders::actions;
use crate::orders::actions::bulk::{self, BULK_MAX, Change, ChangeResult, Changed, REASON_MAX, TAG_MAX};
use crate::orders::question::Wanted;
use crate::orders::text;
use crate::pages::mark::Mark;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Html;
use packline_protocol::id::OrderId;
use std::collections::BTreeSet;

#[derive(Template)]
#[template(path = "orders_bulk.html")]
struct BulkPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static text::Text,
    back: String,
    lines: Vec<Line>,
}

struct Line {
    id: u64,
    origin_no: String,
    result: Mark,
}

/// Changes the orders that were selected, or all that the list finds, and says what became of each.
pub async fn bulk(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    body: String,
) -> Result<Html<String>> {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let value = |wanted: &str| form.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.trim());
    shell.check_form(value("csrf"))?;
    let o = text::Text::of(shell.language);
    let change = change(value("act"), value("tag"), value("reason"), o)?;
    let orders = match value("all") {
        "" => {
            form.iter().filter(|(name, _)| name == "order").filter_map(|(_, id)| id.parse().ok()).map(OrderId).collect()
        }
        _ => all_of(&app, value("query"), session.may(Right::MoneyView)).await?,
    };
    if orders.is_empty() {
        return Err(Error::invalid(o.bulk_none));
    }
    if orders.len() > BULK_MAX {
        return Err(Error::invalid(o.bulk_too_many));
    }
    let orders: Vec<OrderId> = orders.into_iter().collect();
    let done = bulk::change(&app, &orders, &change, value("reason"), &session.actor()).await?;
    let lines = done.into_iter().map(|changed| line(changed, o)).collect();
    let back = format!("/orders?{}", value("query"));
    render(&BulkPage { shell: &shell, t: shell.text(), o, back, lines })
}

/// Everything that a list finds, up to one order more than may be changed at once.
async fn all_of(app: &App, query: &str, with_money: bool) -> Result<BTreeSet<OrderId>> {
    let wanted = Wanted::parse(query, with_money)?;
    let (mut orders, mut after) = (BTreeSet::new(), wanted.sort.start());
    while orders.len() <= BULK_MAX {
        let page = actions::list(app, &wanted.filter, wanted.sort, after, actions::PAGE_MAX).await?;
        orders.extend(page.rows.iter().map(|row| row.id));
        let Some(next) = page.next else { break };
        after = next;
    }
    Ok(orders)
}

fn change(act: &str, tag: &str, reason: &str, o: &text::Text) -> Result<Change> {
    let is_tag = (1..=TAG_MAX).contains(&tag.chars().count()) && !tag.chars().any(char::is_control);
    if reason.chars().count() > REASON_MAX {
        return Err(Error::invalid(o.bulk_reason_long));
    }
    match act {
        "add_tag" | "remove_tag" if !is_tag => Err(Error::invalid(o.bulk_tag_needed)),
        "add_tag" => Ok(Change::AddTag(tag.to_owned())),
        "remove_tag" => Ok(Change::RemoveTag(tag.to_owned())),
        "stop_shipping" | "allow_shipping" if reason.is_empty() => Err(Error::invalid(o.bulk_reason_needed)),
        "stop_shipping" => Ok(Change::MustNotShip(true)),
        "allow_shipping" => Ok(Change::MustNotShip(false)),
        other => {
            Err(Error::invalid(format!("act is `{other}`; give add_tag, remove_tag, stop_shipping or allow_shipping")))
        }
    }
}

fn line(changed: Changed, o: &text::Text) -> Line {
    let result = match changed.result {
        ChangeResult::Done => Mark::new("good", o.bulk_done),
        ChangeResult::WasSo => Mark::new("plain", o.bulk_was_so),
        ChangeResult::TooManyTags => Mark::new("bad", o.bulk_full),
        ChangeResult::Unknown => Mark::new("bad", o.bulk_unknown),
    };
    Line { id: changed.order.0, origin_no: changed.origin_no.unwrap_or_default(), result }
}
