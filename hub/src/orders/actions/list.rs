//! Reading lists: how a question is turned into one walk along one index, and how many orders it finds.
//!
//! No page of a list is ever slow, whatever is asked. One condition follows its own index. Of several, the one that
//! leads to the fewest orders is followed, found by counting up to [`COUNT_MAX`] entries of each index. Up to `FEW`
//! orders are gathered and put in order; beyond, rows are read in the list's own order, and where others than the
//! followed condition may pass over orders without end, the walk is cut and the page says where the next one goes on.

use super::find;
use crate::app::App;
use crate::orders::filter::{self, Condition, Field, Filter, Operator, Value};
use crate::orders::grams;
use crate::orders::list::{COUNT_MAX, Count, Cursor, OrderRow, Page, Sort, SortBy};
use crate::orders::model::OrderError;
use crate::orders::store;
use crate::orders::store::select::{self, Clause, Driver, Question};
use crate::store::{Db, StoreError, View};
use packline_protocol::id::OrderId;
use std::collections::BTreeSet;

/// Orders that are gathered from all over the table for one page. Each may be a read of its own from disk.
const FEW: u64 = 2_000;
/// Orders that one page looks at, at most, in the order in which they were written; and in the order of a condition's
/// index, where they lie apart.
const WALK_MAX: i64 = 20_000;
const STEPS_MAX: i64 = 5_000;
/// Orders that a count looks at, at most, when no condition is rare.
const SAMPLE: i64 = 2_000;
/// Different texts that one word may stand in; of more, these are looked for.
const TEXTS_MAX: usize = 512;
/// Texts that are looked at for one word.
const TEXTS_READ: i64 = 4_096;

/// A list with how many orders there are in all.
#[derive(Debug)]
pub struct Counted {
    /// The page.
    pub page: Page,
    /// How many orders the question finds.
    pub count: Count,
}

/// A page of orders.
pub async fn list(app: &App, filter: &Filter, sort: Sort, after: Cursor, limit: usize) -> Result<Page, OrderError> {
    let limit = limit.clamp(1, super::PAGE_MAX);
    let asked = ask(app, filter).await?;
    let mut view = app.db.view("orders.list").await?;
    let plan = plan(&app.db, &mut view, &asked.clauses, sort).await?;
    Ok(page(&app.db, &mut view, &asked, &plan, sort, after, limit).await?)
}

/// A page of orders and how many there are.
pub async fn count(app: &App, filter: &Filter, sort: Sort, after: Cursor, limit: usize) -> Result<Counted, OrderError> {
    let limit = limit.clamp(1, super::PAGE_MAX);
    let asked = ask(app, filter).await?;
    let mut view = app.db.view("orders.list").await?;
    let plan = plan(&app.db, &mut view, &asked.clauses, sort).await?;
    let page = page(&app.db, &mut view, &asked, &plan, sort, after, limit).await?;
    let count = count_all(&app.db, &mut view, &asked.clauses, &plan, sort).await?;
    Ok(Counted { page, count })
}

/// The rows of these orders, the newest first.
pub async fn of_ids(app: &App, orders: Vec<OrderId>) -> Result<Vec<OrderRow>, OrderError> {
    let asked = Asked { clauses: vec![Clause::Orders(orders)], too_general: false };
    let (sort, mut view) = (Sort::CREATED, app.db.view("orders.of_ids").await?);
    let plan = plan(&app.db, &mut view, &asked.clauses, sort).await?;
    Ok(page(&app.db, &mut view, &asked, &plan, sort, sort.start(), super::PAGE_MAX).await?.rows)
}

/// A question with everything looked up.
struct Asked {
    clauses: Vec<Clause>,
    too_general: bool,
}

/// How a question is read.
struct Plan {
    driver: Driver,
    /// How many orders the driver leads to, when that was counted and is not above [`COUNT_MAX`].
    count: Option<u64>,
}

impl Plan {
    fn question<'a>(&self, clauses: &'a [Clause], sort: Sort) -> Question<'a> {
        Question { clauses, sort, driver: self.driver }
    }

    /// Whether a page may have to pass over orders without end.
    fn is_open(&self, clauses: &[Clause]) -> bool {
        let others = match self.driver {
            Driver::Sort => clauses.iter().filter(|clause| !matches!(clause, Clause::Range(..))).count(),
            Driver::Clause(_) => clauses.len() - 1,
        };
        self.count.is_none_or(|count| count > FEW) && others > 0
    }

    fn steps(&self) -> i64 {
        if self.driver == Driver::Sort { WALK_MAX } else { STEPS_MAX }
    }
}

/// A whole list, read a page at a time: what is asked is looked up and planned once.
pub struct Walk {
    asked: Asked,
    plan: Plan,
    sort: Sort,
    after: Option<Cursor>,
}

/// Orders of a walk's page.
const WALK_PAGE: usize = 1_000;

impl Walk {
    /// A walk through all that this filter takes.
    pub async fn open(app: &App, filter: &Filter, sort: Sort) -> Result<Walk, OrderError> {
        let asked = ask(app, filter).await?;
        let mut view = app.db.view("orders.walk").await?;
        let plan = plan(&app.db, &mut view, &asked.clauses, sort).await?;
        Ok(Walk { asked, plan, sort, after: Some(sort.start()) })
    }

    /// The next orders, sometimes none; nothing at the end. An order that moves in the list while it is walked may be
    /// missed or come twice, as on pages that a person turns.
    pub async fn next(&mut self, app: &App) -> Result<Option<Vec<OrderRow>>, OrderError> {
        let Some(after) = self.after else { return Ok(None) };
        let mut view = app.db.view("orders.walk").await?;
        let page = page(&app.db, &mut view, &self.asked, &self.plan, self.sort, after, WALK_PAGE).await?;
        self.after = page.next;
        Ok(Some(page.rows))
    }
}

async fn ask(app: &App, filter: &Filter) -> Result<Asked, OrderError> {
    let mut asked = Asked { clauses: Vec::new(), too_general: false };
    for condition in filter.conditions() {
        match (condition.field, &condition.value) {
            (Field::Code, Value::Text(code)) => {
                let orders = find::find_by_code(app, code).await?.into_iter().map(|hit| hit.order);
                let orders: BTreeSet<OrderId> = orders.take(super::PAGE_MAX).collect();
                asked.clauses.push(Clause::Orders(orders.into_iter().collect()));
            }
            (Field::Contact, Value::Text(text)) => {
                asked.clauses.push(Clause::Orders(find::find_by_contact(app, text).await?));
            }
            (Field::Text, Value::Text(text)) => {
                for word in filter::words(text) {
                    asked.add_texts(&app.db, word, false).await?;
                }
            }
            (Field::Sku, Value::Text(text)) => asked.add_texts(&app.db, text, true).await?,
            (Field::Tag, Value::Text(tag)) => {
                asked.clauses.push(Clause::Texts(vec![grams::text_id(grams::TextKind::Tag, tag)]));
            }
            _ => asked.add_plain(condition),
        }
    }
    Ok(asked)
}

impl Asked {
    fn add_plain(&mut self, condition: &Condition) {
        let Condition { field, operator, value, .. } = condition;
        match value {
            Value::Text(word) => self.clauses.push(Clause::Word(*field, word.clone())),
            Value::Flag(flag) => self.clauses.push(Clause::Flag(*field, *flag)),
            Value::Number(number) => self.add_end(*field, *operator, *number),
        }
    }

    /// Both ends of a range are one clause: together they may be few.
    fn add_end(&mut self, wanted: Field, operator: Operator, number: i64) {
        let range = |clause: &&mut Clause| matches!(clause, Clause::Range(field, ..) if *field == wanted);
        if self.clauses.iter_mut().find(range).is_none() {
            self.clauses.push(Clause::Range(wanted, None, None));
        }
        let known = self.clauses.iter_mut().find(range);
        let Some(Clause::Range(_, from, until)) = known else { return };
        match operator {
            Operator::Until => *until = Some(until.map_or(number, |until| until.min(number))),
            Operator::Is | Operator::Contains | Operator::From => {
                *from = Some(from.map_or(number, |from| from.max(number)));
            }
        }
    }

    async fn add_texts(&mut self, db: &Db, word: &str, article: bool) -> Result<(), StoreError> {
        let word = grams::plain(word);
        let Some(ends) = grams::ends(&word) else {
            self.clauses.push(Clause::Texts(Vec::new()));
            return Ok(());
        };
        let found = store::texts_with(db.read(), &ends, TEXTS_READ).await?;
        let read_all = i64::try_from(found.len()).is_ok_and(|count| count < TEXTS_READ);
        let has = |(_, kind, body): &&(i64, String, String)| grams::has(kind, body, &word, article);
        let mut texts: Vec<i64> = found.iter().filter(has).map(|(id, ..)| *id).collect();
        self.too_general |= !read_all || texts.len() > TEXTS_MAX;
        texts.truncate(TEXTS_MAX);
        self.clauses.push(Clause::Texts(texts));
        Ok(())
    }
}

/// Which index to follow.
async fn plan(db: &Db, view: &mut View, clauses: &[Clause], sort: Sort) -> Result<Plan, StoreError> {
    let is_nothing = |clause: &Clause| match clause {
        Clause::Texts(texts) => texts.is_empty(),
        Clause::Orders(orders) => orders.is_empty(),
        _ => false,
    };
    if let Some(place) = clauses.iter().position(is_nothing) {
        return Ok(Plan { driver: Driver::Clause(place), count: Some(0) });
    }
    let named = clauses.iter().enumerate().find_map(|(place, clause)| match clause {
        Clause::Orders(orders) => Some((place, orders.len() as u64)),
        _ => None,
    });
    if let Some((place, few)) = named {
        return Ok(Plan { driver: Driver::Clause(place), count: Some(few) });
    }
    let mut best = Plan { driver: Driver::Sort, count: None };
    let mut common = None;
    for (place, clause) in clauses.iter().enumerate().filter(|(_, clause)| clause.can_drive(sort)) {
        let question = Question { clauses, sort, driver: Driver::Clause(place) };
        let count = select::count(view.conn(), db.engine(), &question, false).await?;
        let follows = clause.is_in_time() && sort.by == SortBy::Created;
        let gathers = count <= FEW || matches!(clause, Clause::Texts(_)) && clauses.len() == 1 && count <= COUNT_MAX;
        if count > COUNT_MAX {
            common = common.or(follows.then_some(place));
        } else if (follows || gathers) && best.count.is_none_or(|best| count < best) {
            best = Plan { driver: Driver::Clause(place), count: Some(count) };
        }
    }
    match (best.count, common) {
        (None, Some(place)) => Ok(Plan { driver: Driver::Clause(place), count: None }),
        _ => Ok(best),
    }
}

async fn page(
    db: &Db,
    view: &mut View,
    asked: &Asked,
    plan: &Plan,
    sort: Sort,
    after: Cursor,
    limit: usize,
) -> Result<Page, StoreError> {
    let too_general = asked.too_general;
    if plan.count == Some(0) {
        return Ok(Page { rows: Vec::new(), next: None, too_general });
    }
    let question = plan.question(&asked.clauses, sort);
    let end = match plan.is_open(&asked.clauses) {
        true => select::place_after(view.conn(), db.engine(), &question, after, plan.steps()).await?,
        false => None,
    };
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = select::rows(view.conn(), db.engine(), &question, after, end, wanted).await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| has_more).map(|row| sort.place(row)).or(end);
    Ok(Page { rows, next, too_general })
}

async fn count_all(db: &Db, view: &mut View, clauses: &[Clause], plan: &Plan, sort: Sort) -> Result<Count, StoreError> {
    let question = plan.question(clauses, sort);
    let whole = matches!(plan.driver, Driver::Clause(place) if !matches!(clauses[place], Clause::Texts(_)));
    match plan.count {
        Some(0) => return Ok(Count::Exactly(0)),
        Some(count) if clauses.len() == 1 && whole => return Ok(Count::Exactly(count)),
        _ if plan.is_open(clauses) => return count_some(db, view, &question).await,
        _ => {}
    }
    let count = select::count(view.conn(), db.engine(), &question, true).await?;
    Ok(if count > COUNT_MAX { Count::AtLeast(COUNT_MAX) } else { Count::Exactly(count) })
}

/// How many there are among the first orders of the walk.
async fn count_some(db: &Db, view: &mut View, question: &Question<'_>) -> Result<Count, StoreError> {
    let start = question.sort.start();
    match select::place_after(view.conn(), db.engine(), question, start, SAMPLE).await? {
        Some(end) => Ok(Count::AtLeast(select::count_until(view.conn(), db.engine(), question, end).await?)),
        None => Ok(Count::Exactly(select::count(view.conn(), db.engine(), question, true).await?)),
    }
}
