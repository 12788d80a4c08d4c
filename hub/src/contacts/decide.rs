//! What of a message is kept, how it is sealed, and which of two tellings wins. Pure but for the vault's own chance.

use super::model::{ADDRESS_MAX, Kept, NAME_MAX, NewRow, PHONE_MAX, Told};
use crate::privacy::{Place, Vault, mask};
use packline_protocol::code;
use packline_protocol::time::Timestamp;

/// The table in which contacts are kept; sealed texts are bound to it.
pub(super) const TABLE: &str = "order_contact";
/// So much less a masked text weighs than a clear one of the same version.
const MASKED: i64 = 1 << 62;

/// What looks for a contact: keyed numbers, never the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Phone(i64),
    Tail(i64),
    Name(i64),
}

/// The row that this message makes.
pub(super) fn row(vault: &Vault, told: &Told<'_>, now: Timestamp) -> NewRow {
    let order = told.order.0.cast_signed();
    let (name, phone) = (cut(told.name, NAME_MAX), cut(told.phone, PHONE_MAX));
    let address = cut(told.address, ADDRESS_MAX);
    let keep = |column, text: &str| kept(vault, order, column, text, told.at);
    let number = mask::phone_key(&phone);
    NewRow {
        order,
        name: keep("name", &name),
        name_key: name_key(vault, &name),
        phone: keep("phone", &phone),
        phone_key: number.as_deref().map(|number| vault.blind_index("phone", number)),
        tail_key: number.as_deref().and_then(tail).map(|tail| vault.blind_index("phone tail", tail)),
        address: keep("address", &address),
        told_at: now.0,
    }
}

/// Puts `newer` over `row` as the table would.
pub(super) fn merge(row: &mut NewRow, newer: NewRow) {
    let wins = |new: &Kept, old: &Kept| (new.weight, new.tie) > (old.weight, old.tie);
    if wins(&newer.name, &row.name) {
        (row.name, row.name_key) = (newer.name, newer.name_key);
    }
    if wins(&newer.phone, &row.phone) {
        (row.phone, row.phone_key, row.tail_key) = (newer.phone, newer.phone_key, newer.tail_key);
    }
    if wins(&newer.address, &row.address) {
        row.address = newer.address;
    }
    row.told_at = row.told_at.max(newer.told_at);
}

/// What a text that somebody typed into the search can stand for: a phone number, its last four digits, a name.
pub(super) fn keys(vault: &Vault, text: &str) -> Vec<Key> {
    if mask::is_masked(text) {
        return Vec::new();
    }
    let digits = code::canonical(text);
    if digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()) {
        return vec![Key::Tail(vault.blind_index("phone tail", &digits))];
    }
    match mask::phone_key(text) {
        Some(number) => vec![Key::Phone(vault.blind_index("phone", &number))],
        None => name_key(vault, text).map(Key::Name).into_iter().collect(),
    }
}

fn kept(vault: &Vault, order: i64, column: &'static str, text: &str, at: Timestamp) -> Kept {
    if text.is_empty() {
        return Kept { sealed: None, weight: i64::MIN, tie: 0 };
    }
    let weight = if mask::is_masked(text) { at.0.saturating_sub(MASKED) } else { at.0 };
    let sealed = vault.seal(Place { table: TABLE, column, row: &order.to_string() }, text.as_bytes());
    Kept { sealed: Some(sealed), weight, tie: vault.blind_index(column, text) }
}

fn name_key(vault: &Vault, name: &str) -> Option<i64> {
    let name = code::canonical(name);
    let fits = !name.is_empty() && !mask::is_masked(&name);
    fits.then(|| vault.blind_index("name", &name))
}

fn tail(number: &str) -> Option<&str> {
    number.len().checked_sub(4).map(|place| &number[place..])
}

fn cut(text: &str, max: usize) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(visible).take(max).collect()
}
