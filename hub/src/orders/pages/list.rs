//! The list: what it is narrowed to, in which order, and which columns it shows all stand in the page's address.

use crate::accounts::model::Session;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::error::Result;
use crate::orders::actions::bulk::BULK_MAX;
use crate::orders::actions::{self, Counted, views};
use crate::orders::columns::{Cell, Column};
use crate::orders::filter::{Filter, NAMES, NO_GIFTS, put};
use crate::orders::list::{Count, Cursor, Page, Sort, SortBy};
use crate::orders::model::SavedView;
use crate::orders::question::Wanted;
use crate::orders::text;
use crate::orders::words::Word;
use crate::pages::mark::Show;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::{Language, Text};
use askama::Template;
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use packline_protocol::facts::{AddressState, Approval, GiftStatus, HoldState, OrderStatus, RefundState};

/// Orders on one page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    o: &'static text::Text,
    problem: Option<String>,
    main_fields: Vec<FormField>,
    more_fields: Vec<FormField>,
    more_open: bool,
    chips: Vec<Chip>,
    sorts: Vec<Choice>,
    columns: Vec<Choice>,
    columns_given: bool,
    titles: Vec<&'static str>,
    views: Vec<ViewLink>,
    may_share: bool,
    may_export: bool,
    may_change: bool,
    /// How many orders may be changed at once besides those on this page.
    changeable: Option<u64>,
    query: String,
    orders: Vec<Line>,
    count: String,
    too_general: bool,
    filtered: bool,
    first: Option<String>,
    next: Option<String>,
}

/// A field of the form.
struct FormField {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    value: String,
    choices: Vec<Choice>,
}

struct Choice {
    word: &'static str,
    title: String,
    on: bool,
}

/// A condition in force, and the list without it.
struct Chip {
    label: String,
    without: String,
}

/// A saved view; `own` is its number where the visitor may forget it.
struct ViewLink {
    name: String,
    shared: bool,
    address: String,
    own: Option<i64>,
}

struct Line {
    id: u64,
    origin_no: String,
    cells: Vec<(&'static str, Cell)>,
}

/// The list.
pub async fn list(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let with_money = session.may(Right::MoneyView);
    let (wanted, problem) = match Wanted::parse(query.as_deref().unwrap_or_default(), with_money) {
        Ok(wanted) => (wanted, None),
        Err(error) => (Wanted::parse("", with_money)?, Some(error.to_string())),
    };
    let after = wanted.after.unwrap_or(wanted.sort.start());
    let counted = match problem {
        None => actions::count(&app, &wanted.filter, wanted.sort, after, PAGE).await?,
        Some(_) => nothing(),
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let mut page = page(&shell, &wanted, counted, problem, with_money);
    page.views =
        views::views_of(&app, session.user.as_str()).await?.into_iter().map(|view| view_link(view, &session)).collect();
    Ok((status, render(&page)?).into_response())
}

fn nothing() -> Counted {
    let page = Page { rows: Vec::new(), next: None, too_general: false };
    Counted { page, count: Count::Exactly(0) }
}

fn address(wanted: &Wanted, after: Option<Cursor>) -> String {
    let mut query = wanted.query(&wanted.filter);
    if let Some(after) = after {
        put(&mut query, "cursor", &after.to_string());
    }
    if query.is_empty() { "/orders".to_owned() } else { format!("/orders?{query}") }
}

fn page<'a>(
    shell: &'a Shell,
    wanted: &Wanted,
    counted: Counted,
    problem: Option<String>,
    with_money: bool,
) -> OrdersPage<'a> {
    let (language, t, o) = (shell.language, shell.text(), text::Text::of(shell.language));
    let Counted { page, count } = counted;
    let mut fields = fields(&wanted.filter, language);
    fields.retain(|field| with_money || !field.name.starts_with("amount"));
    let (main_fields, more_fields): (Vec<_>, Vec<_>) =
        fields.into_iter().partition(|field| ["text", "status", "platform", "created_from"].contains(&field.name));
    let line = |row: &crate::orders::list::OrderRow| Line {
        id: row.id.0,
        origin_no: row.origin_no.clone(),
        cells: wanted.columns[1..].iter().map(|it| (it.title(language), it.cell(row, language))).collect(),
    };
    OrdersPage {
        shell,
        t,
        o,
        problem,
        more_open: more_fields.iter().any(|field| !field.value.is_empty()),
        main_fields,
        more_fields,
        chips: chips(wanted, language),
        sorts: Sort::ALL
            .into_iter()
            .filter(|sort| with_money || sort.by != SortBy::Amount)
            .map(|sort| sort_choice(sort, wanted, o))
            .collect(),
        columns: Column::ALL[1..]
            .iter()
            .filter(|it| with_money || **it != Column::Amount)
            .map(|it| column_choice(*it, wanted, language))
            .collect(),
        columns_given: wanted.chosen,
        titles: wanted.columns.iter().map(|column| column.title(language)).collect(),
        views: Vec::new(),
        may_share: shell.may(Right::OrdersBulk),
        may_export: shell.may(Right::OrdersExport),
        may_change: shell.may(Right::OrdersBulk) && !page.rows.is_empty(),
        changeable: match count {
            Count::Exactly(count) if count > page.rows.len() as u64 && count <= BULK_MAX as u64 => Some(count),
            _ => None,
        },
        query: wanted.query(&wanted.filter),
        orders: page.rows.iter().map(line).collect(),
        count: count.to_string(),
        too_general: page.too_general,
        filtered: !wanted.filter.is_empty(),
        first: wanted.after.map(|_| address(wanted, None)),
        next: page.next.map(|next| address(wanted, Some(next))),
    }
}

fn view_link(view: SavedView, session: &Session) -> ViewLink {
    let own = (view.owner == session.user.as_str()).then_some(view.id);
    ViewLink { name: view.name, shared: view.shared, address: format!("/orders?{}", view.query), own }
}

fn sort_choice(sort: Sort, wanted: &Wanted, o: &text::Text) -> Choice {
    let title = match sort.word() {
        "created" => o.created_down,
        "created_up" => o.created_up,
        "paid" => o.paid_down,
        "paid_up" => o.paid_up,
        "updated" => o.updated_down,
        "updated_up" => o.updated_up,
        "amount" => o.amount_down,
        _ => o.amount_up,
    };
    Choice { word: sort.word(), title: title.to_owned(), on: wanted.sorted && wanted.sort == sort }
}

fn column_choice(column: Column, wanted: &Wanted, language: Language) -> Choice {
    let title = column.title(language).to_owned();
    Choice { word: column.word(), title, on: wanted.columns.contains(&column) }
}

fn chips(wanted: &Wanted, language: Language) -> Vec<Chip> {
    let fields = fields(&wanted.filter, language);
    let shown = fields.iter().filter(|field| !field.value.is_empty());
    shown
        .map(|field| {
            let others = NAMES.iter().filter(|name| name.name != field.name);
            let others = others.map(|name| (name.name, wanted.filter.given(name.name)));
            let rest = Filter::read(others).unwrap_or_default();
            let chosen = field.choices.iter().find(|choice| choice.on).map(|choice| choice.title.as_str());
            Chip {
                label: format!("{} {}", field.label, chosen.unwrap_or(&field.value)),
                without: format!("/orders?{}", wanted.query(&rest)),
            }
        })
        .collect()
}

/// Every field of the form with what the address gave it.
fn fields(filter: &Filter, language: Language) -> Vec<FormField> {
    let (t, o) = (language.text(), text::Text::of(language));
    let yes_no = || vec![("yes", t.yes.to_owned()), ("no", t.no.to_owned())];
    let field = |name: &'static str| {
        let (label, kind, choices) = match name {
            "code" => (o.code, "text", vec![]),
            "contact" => (o.contact, "text", vec![]),
            "text" => (o.text, "text", vec![]),
            "platform" => (t.platform, "text", vec![]),
            "shop" => (t.shop, "text", vec![]),
            "site" => (t.site, "text", vec![]),
            "status" => (t.status, "choice", words::<OrderStatus>(language)),
            "refund" => (t.refund, "choice", words::<RefundState>(language)),
            "gifts" => (t.gift_status, "choice", gift_words(language, o)),
            "hold" => (t.hold, "choice", words::<HoldState>(language)),
            "address" => (t.address, "choice", words::<AddressState>(language)),
            "approval" => (t.approval, "choice", words::<Approval>(language)),
            "must_not_ship" => (t.must_not_ship, "choice", yes_no()),
            "stopped" => (o.stopped, "choice", yes_no()),
            "tag" => (o.tag, "text", vec![]),
            "sku" => (o.sku, "text", vec![]),
            "created_from" => (o.created_from, "date", vec![]),
            "created_until" => (o.created_until, "date", vec![]),
            "paid_from" => (o.paid_from, "date", vec![]),
            "paid_until" => (o.paid_until, "date", vec![]),
            "updated_from" => (o.updated_from, "date", vec![]),
            "updated_until" => (o.updated_until, "date", vec![]),
            "amount_from" => (o.amount_from, "text", vec![]),
            _ => (o.amount_until, "text", vec![]),
        };
        let value = filter.given(name).to_owned();
        let choice = |(word, title)| Choice { word, title, on: word == value };
        let choices = choices.into_iter().map(choice).collect();
        FormField { name, label, kind, choices, value }
    };
    NAMES.iter().map(|name| field(name.name)).collect()
}

fn words<W: Word + Show>(language: Language) -> Vec<(&'static str, String)> {
    W::ALL.iter().map(|(state, word)| (*word, state.mark(language).word)).collect()
}

fn gift_words(language: Language, o: &text::Text) -> Vec<(&'static str, String)> {
    let mut words = words::<GiftStatus>(language);
    words.push((NO_GIFTS, o.no_gifts.to_owned()));
    words
}
