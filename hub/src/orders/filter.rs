//! What can be asked of orders: a field, an operator, a value; read from the address of a page or of an API call.
//!
//! This is the one place where a question is put together. What comes out is typed and checked, so that the store can
//! turn it into SQL without ever looking at text that somebody typed: values are bound, names come from the enums here.

use super::list::Sort;
use super::when::SourceTime;
use super::words::Word;
use packline_protocol::facts::{AddressState, Approval, GiftStatus, HoldState, OrderStatus, RefundState};
use packline_protocol::id::SiteId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write as _;

/// Conditions of one question at most.
pub const CONDITIONS_MAX: usize = 12;
/// The longest value, in characters.
pub const VALUE_MAX: usize = 128;
/// Words of one full-text question at most.
const WORDS_MAX: usize = 5;

/// What of an order is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// A number of it or of its parcels, whole or the end of one.
    Code,
    /// Who gets it: a whole phone number, its last four digits, or a whole name.
    Contact,
    /// Any of its texts: article titles and numbers, shop, labels.
    Text,
    /// The sales platform.
    Platform,
    /// The shop.
    Shop,
    /// Where it ships from.
    Site,
    /// Where it stands.
    Status,
    /// Where a refund of it stands.
    Refund,
    /// The worst of its gifts.
    Gifts,
    /// The stock reserved for it.
    Hold,
    /// The address against the labels.
    Address,
    /// Whether somebody must approve.
    Approval,
    /// Somebody said it must not ship.
    MustNotShip,
    /// A station stopped a parcel of it.
    Stopped,
    /// A label.
    Tag,
    /// An article number in it.
    Sku,
    /// When it was made.
    Created,
    /// When it was paid.
    Paid,
    /// When it last changed here.
    Updated,
    /// What it is worth.
    Amount,
}

/// How the field is compared with the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// It is the same.
    Is,
    /// The value is part of it.
    Contains,
    /// It is the same or more.
    From,
    /// It is less.
    Until,
}

/// What it is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A word or a text.
    Text(String),
    /// Milliseconds since 1970, or money in the smallest unit.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// What is looked at.
    pub field: Field,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: Value,
    /// The value as it was given, for forms and addresses.
    pub given: String,
}

/// Which orders: every condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    conditions: Vec<Condition>,
}

/// A name that an address may use, and what it asks.
#[derive(Debug)]
pub struct Name {
    /// As addresses have it.
    pub name: &'static str,
    /// What is looked at.
    pub field: Field,
    /// How.
    pub operator: Operator,
}

/// Every name of a condition, in the order in which forms show them.
pub const NAMES: &[Name] = &[
    name("code", Field::Code, Operator::Is),
    name("contact", Field::Contact, Operator::Is),
    name("text", Field::Text, Operator::Contains),
    name("platform", Field::Platform, Operator::Is),
    name("shop", Field::Shop, Operator::Is),
    name("site", Field::Site, Operator::Is),
    name("status", Field::Status, Operator::Is),
    name("refund", Field::Refund, Operator::Is),
    name("gifts", Field::Gifts, Operator::Is),
    name("hold", Field::Hold, Operator::Is),
    name("address", Field::Address, Operator::Is),
    name("approval", Field::Approval, Operator::Is),
    name("must_not_ship", Field::MustNotShip, Operator::Is),
    name("stopped", Field::Stopped, Operator::Is),
    name("tag", Field::Tag, Operator::Is),
    name("sku", Field::Sku, Operator::Contains),
    name("created_from", Field::Created, Operator::From),
    name("created_until", Field::Created, Operator::Until),
    name("paid_from", Field::Paid, Operator::From),
    name("paid_until", Field::Paid, Operator::Until),
    name("updated_from", Field::Updated, Operator::From),
    name("updated_until", Field::Updated, Operator::Until),
    name("amount_from", Field::Amount, Operator::From),
    name("amount_until", Field::Amount, Operator::Until),
];

const fn name(name: &'static str, field: Field, operator: Operator) -> Name {
    Name { name, field, operator }
}

/// A value that is not acceptable: which, what was given, what is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is `{given}`; give {accepted}")]
pub struct FilterError {
    /// The name in the address.
    pub name: String,
    /// What was given, cut short.
    pub given: String,
    /// What is accepted.
    pub accepted: String,
}

impl FilterError {
    /// This name has this value, and that is not acceptable.
    pub fn new(name: &str, given: &str, accepted: impl Into<String>) -> FilterError {
        FilterError { name: name.to_owned(), given: given.chars().take(64).collect(), accepted: accepted.into() }
    }
}

impl Filter {
    /// The conditions among these pairs of an address. Names that are not one of [`NAMES`] are somebody else's; empty
    /// values ask nothing.
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Filter, FilterError> {
        let mut filter = Filter::default();
        for (key, value) in pairs {
            let Some(name) = NAMES.iter().find(|name| name.name == key) else { continue };
            if !value.trim().is_empty() {
                filter.add(name, value.trim())?;
            }
        }
        Ok(filter)
    }

    /// This filter and one condition more, from its name in an address.
    pub fn with(mut self, key: &str, value: &str) -> Result<Filter, FilterError> {
        let name = NAMES.iter().find(|name| name.name == key);
        let name = name.ok_or_else(|| FilterError::new(key, value, "a name that lists know"))?;
        self.add(name, value)?;
        Ok(self)
    }

    fn add(&mut self, name: &Name, given: &str) -> Result<(), FilterError> {
        let refuse = |accepted: String| FilterError::new(name.name, given, accepted);
        if given.chars().count() > VALUE_MAX {
            return Err(refuse(format!("at most {VALUE_MAX} characters")));
        }
        if self.conditions.len() >= CONDITIONS_MAX {
            return Err(refuse(format!("at most {CONDITIONS_MAX} conditions")));
        }
        let value = value(name.field, name.operator, given).map_err(refuse)?;
        let Name { field, operator, .. } = *name;
        self.conditions.push(Condition { field, operator, value, given: given.to_owned() });
        Ok(())
    }

    /// This filter, for who may ask about money; for others it must not: what a list holds would tell the amount.
    pub fn allowed(self, with_money: bool) -> Result<Filter, FilterError> {
        match self.conditions.iter().find(|condition| condition.field == Field::Amount) {
            Some(condition) if !with_money => {
                Err(FilterError::new("amount", &condition.given, "nothing: your role does not see money"))
            }
            _ => Ok(self),
        }
    }

    /// The conditions.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether it takes every order.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// What was given under this name; empty when nothing was.
    pub fn given(&self, key: &str) -> &str {
        let is_it = |condition: &&Condition| {
            NAMES
                .iter()
                .any(|name| name.name == key && name.field == condition.field && name.operator == condition.operator)
        };
        self.conditions.iter().find(is_it).map_or("", |condition| &condition.given)
    }

    /// The order of the list when none is asked for: by the time or the amount that is narrowed, else by creation.
    pub fn natural_sort(&self) -> Sort {
        let asks = |field| self.conditions.iter().any(|condition| condition.field == field);
        let ranges = [(Field::Created, Sort::CREATED), (Field::Paid, Sort::PAID), (Field::Updated, Sort::UPDATED)];
        let ranges = ranges.into_iter().chain([(Field::Amount, Sort::AMOUNT)]);
        ranges.into_iter().find(|(field, _)| asks(*field)).map_or(Sort::CREATED, |(_, sort)| sort)
    }

    /// The conditions as a part of an address: `status=paid&tag=vip`.
    pub fn address(&self) -> String {
        let mut address = String::new();
        for condition in &self.conditions {
            let name = NAMES.iter().find(|name| name.field == condition.field && name.operator == condition.operator);
            let name = name.map_or("", |name| name.name);
            put(&mut address, name, &condition.given);
        }
        address
    }
}

/// What stands in an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');

/// Adds a pair to the part of an address behind its question mark.
pub fn put(address: &mut String, name: &str, value: &str) {
    let value = utf8_percent_encode(value, PLAIN);
    let between = if address.is_empty() { "" } else { "&" };
    let _ = write!(address, "{between}{name}={value}");
}

/// The words of a full-text question: each must be part of a text of the order.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().take(WORDS_MAX)
}

/// The value in this text, or what is accepted instead.
fn value(field: Field, operator: Operator, given: &str) -> Result<Value, String> {
    match field {
        Field::Status => word::<OrderStatus>(given),
        Field::Refund => word::<RefundState>(given),
        Field::Hold => word::<HoldState>(given),
        Field::Address => word::<AddressState>(given),
        Field::Approval => word::<Approval>(given),
        Field::Gifts if given == NO_GIFTS => Ok(Value::Text(given.to_owned())),
        Field::Gifts => word::<GiftStatus>(given).map_err(|accepted| format!("{accepted}, {NO_GIFTS}")),
        Field::MustNotShip | Field::Stopped => flag(given),
        Field::Site => SiteId::parse(given).map(|site| Value::Text(site.to_string())).map_err(|why| why.to_string()),
        Field::Created | Field::Paid | Field::Updated => time(operator, given),
        Field::Amount => money(given),
        Field::Code | Field::Contact | Field::Text | Field::Platform | Field::Shop | Field::Tag | Field::Sku => {
            Ok(Value::Text(given.to_owned()))
        }
    }
}

/// How an order without gifts says so.
pub const NO_GIFTS: &str = "none";

fn word<W: Word>(given: &str) -> Result<Value, String> {
    let known = W::from_word(given).map(|word| Value::Text(word.word().to_owned()));
    known.ok_or_else(|| format!("one of {}", W::words()))
}

fn flag(given: &str) -> Result<Value, String> {
    match given {
        "yes" | "true" | "1" => Ok(Value::Flag(true)),
        "no" | "false" | "0" => Ok(Value::Flag(false)),
        _ => Err("yes or no".to_owned()),
    }
}

/// A day as an upper end means all of that day.
fn time(operator: Operator, given: &str) -> Result<Value, String> {
    const DAY_MS: i64 = 86_400_000;
    let time = SourceTime::parse(given).ok_or_else(|| super::when::ACCEPTED.to_owned())?;
    let is_day = given.chars().count() <= 11 && given.contains(['-', '/', '年', '.']) && !given.contains([':', '：']);
    let whole_day = if is_day && operator == Operator::Until { DAY_MS } else { 0 };
    Ok(Value::Number(time.at.0.saturating_add(whole_day)))
}

/// In yuan, with at most two decimals; compared with the smallest unit of whatever currency the order has.
fn money(given: &str) -> Result<Value, String> {
    let amount = super::money::parse(given, super::money::CURRENCY);
    amount.map(|amount| Value::Number(amount.minor)).ok_or_else(|| super::money::ACCEPTED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a condition reads as, or what is accepted instead.
    #[track_caller]
    fn check(name: &str, given: &str, expected: &str) {
        let read = match Filter::read([(name, given)]) {
            Ok(filter) => match filter.conditions() {
                [] => "nothing".to_owned(),
                [condition] => match &condition.value {
                    Value::Text(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    Value::Flag(flag) => flag.to_string(),
                },
                _ => "many".to_owned(),
            },
            Err(error) => error.to_string(),
        };
        assert!(read.starts_with(expected), "{name}={given}: {read}");
    }

    #[test]
    fn values_are_read_by_their_fields() {
        check("status", "paid", "paid");
        check("status", "PAID", "status is `PAID`; give one of unpaid, paid");
        check("status", " ", "nothing");
        check("color", "red", "nothing");
        check("gifts", "none", "none");
        check("gifts", "gone", "gifts is `gone`; give one of pending");
        check("must_not_ship", "yes", "true");
        check("stopped", "maybe", "stopped is `maybe`; give yes or no");
        check("site", "North 1", "site is `North 1`; give");
        check("created_from", "2026-02-18", "1771344000000");
        check("created_until", "2026-02-18", "1771430400000");
        check("created_until", "2026-02-18 00:00", "1771344000000");
        check("created_until", "1771344000000", "1771344000000");
        check("paid_from", "gestern", "paid_from is `gestern`; give a time such as");
        check("amount_from", "128.5", "12850");
        check("amount_until", "a lot", "amount_until is `a lot`; give an amount");
        check("text", &"长".repeat(129), "text is `长长");
    }

    #[test]
    fn an_address_says_what_was_read_from_it() {
        let pairs = [("status", "paid"), ("tag", "直播 & co"), ("amount_from", "1"), ("cursor", "7")];
        let filter = Filter::read(pairs).unwrap();
        let address = filter.address();
        assert_eq!(address, "status=paid&tag=%E7%9B%B4%E6%92%AD%20%26%20co&amount_from=1");
        assert_eq!((filter.given("tag"), filter.given("amount_until")), ("直播 & co", ""));
        assert_eq!(filter.natural_sort(), Sort::AMOUNT);
        assert!(Filter::read((0..13).map(|_| ("tag", "x"))).is_err());
    }
}
