//! SQL of the text index: the dictionary of distinct texts, and which orders have which.

use super::load::signed;
use super::save::Pair;
use crate::orders::grams::{self, Text, texts_of};
use crate::store::{StoreError, Tx};
use crate::{rows, statements};
use packline_protocol::id::OrderId;
use sqlx::AnyPool;
use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

statements! {
    /// Texts that have two grams, by number.
    TEXTS_WITH = "SELECT t.id, t.kind, t.body FROM search_gram a \
        JOIN search_gram b ON b.text_id = a.text_id AND b.gram = $2 \
        JOIN search_text t ON t.id = a.text_id WHERE a.gram = $1 LIMIT $3";
}

rows! {
    /// New texts. One that another writer added meanwhile stays.
    PUT_TEXTS [0, 3] = "INSERT INTO search_text (id, kind, body) VALUES {rows} ON CONFLICT (id) DO NOTHING";
    /// What texts are found by.
    PUT_GRAMS [0, 2] = "INSERT INTO search_gram (gram, text_id) VALUES {rows} ON CONFLICT (gram, text_id) DO NOTHING";
    /// Texts that are in the dictionary.
    KNOWN_TEXTS [0; BIGINT] = "SELECT id FROM search_text WHERE id IN (VALUES {rows})";
    /// Orders lose texts.
    CUT_ORDER_TEXTS [0; BIGINT] = "DELETE FROM order_text WHERE order_id IN (VALUES {rows})";
    /// Orders have texts.
    PUT_ORDER_TEXTS [0, 3] = "INSERT INTO order_text (order_id, text_id, created_at) VALUES {rows}";
    /// Notes that a station stopped parcels of these orders.
    MARK_STOPPED [0; BIGINT] = "UPDATE orders SET stopped = 1 WHERE stopped = 0 AND id IN (VALUES {rows})";
}

/// Texts that this process knows to be in the dictionary, so that it need not ask again.
#[derive(Debug, Default)]
pub struct KnownTexts(Mutex<HashSet<i64>>);

/// Numbers that are remembered at most; beyond, all are forgotten.
const KNOWN_MAX: usize = 500_000;

impl KnownTexts {
    fn unknown<'a>(&self, texts: &'a BTreeSet<Text>) -> Vec<&'a Text> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        texts.iter().filter(|text| !known.contains(&text.id)).collect()
    }

    /// These are committed.
    pub(in crate::orders) fn learn(&self, ids: &[i64]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + ids.len() > KNOWN_MAX {
            known.clear();
        }
        known.extend(ids);
    }
}

/// Brings the index to what these orders have. Comes back with the texts that are in the dictionary once this
/// transaction is committed.
pub(in crate::orders) async fn save_texts(
    tx: &mut Tx,
    orders: &[Pair<'_>],
    known: &KnownTexts,
) -> Result<Vec<i64>, StoreError> {
    let (mut cut, mut put, mut all) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (before, after) in orders {
        let texts = texts_of(after);
        let had = before.map(texts_of);
        let moved = before.is_some_and(|before| before.created_at() != after.created_at());
        if had.as_ref() == Some(&texts) && !moved {
            continue;
        }
        cut.extend(had.filter(|had| !had.is_empty()).map(|_| signed(after.id.0)));
        put.extend(texts.iter().map(|text| (signed(after.id.0), text.id, after.created_at().0)));
        all.extend(texts);
    }
    let learned = add_unknown(tx, known.unknown(&all)).await?;
    CUT_ORDER_TEXTS.write(tx, &cut, |query, id| query.bind(*id)).await?;
    PUT_ORDER_TEXTS.write(tx, &put, |query, row| query.bind(row.0).bind(row.1).bind(row.2)).await?;
    Ok(learned)
}

async fn add_unknown(tx: &mut Tx, texts: Vec<&Text>) -> Result<Vec<i64>, StoreError> {
    let ids: Vec<i64> = texts.iter().map(|text| text.id).collect();
    let mut there = BTreeSet::new();
    for row in KNOWN_TEXTS.fetch(tx.conn(), &ids, |query, id| query.bind(*id)).await? {
        there.insert(KNOWN_TEXTS.statement.get::<i64>(&row, 0)?);
    }
    let new: Vec<&Text> = texts.into_iter().filter(|text| !there.contains(&text.id)).collect();
    put_texts(tx, &new).await?;
    Ok(ids)
}

async fn put_texts(tx: &mut Tx, texts: &[&Text]) -> Result<(), StoreError> {
    PUT_TEXTS
        .write(tx, texts, |query, text| query.bind(text.id).bind(text.kind.word()).bind(text.body.as_str()))
        .await?;
    let mut cut: Vec<(String, i64)> = Vec::new();
    for text in texts {
        cut.extend(grams::grams(&text.body).into_iter().map(|gram| (gram, text.id)));
    }
    PUT_GRAMS.write(tx, &cut, |query, (gram, id)| query.bind(gram.as_str()).bind(*id)).await.map(drop)
}

/// Texts that may have a word: their number, kind and body.
pub(in crate::orders) async fn texts_with(
    pool: &AnyPool,
    (first, last): &(String, String),
    limit: i64,
) -> Result<Vec<(i64, String, String)>, StoreError> {
    let query = TEXTS_WITH.query().bind(first.as_str()).bind(last.as_str()).bind(limit);
    let rows = TEXTS_WITH.all(pool, query).await?;
    rows.iter().map(|row| Ok((TEXTS_WITH.get(row, 0)?, TEXTS_WITH.get(row, 1)?, TEXTS_WITH.get(row, 2)?))).collect()
}

/// Notes that a station stopped parcels of these orders.
pub(in crate::orders) async fn mark_stopped(tx: &mut Tx, orders: &[OrderId]) -> Result<(), StoreError> {
    MARK_STOPPED.write(tx, orders, |query, id| query.bind(signed(id.0))).await.map(drop)
}
