//! What the story came to: the stations' journals and the hub's records against each other and against the book.

use super::book::Entry;
use crate::journals::Ledger;
use crate::packer::outcome_of;
use anyhow::{Context, Result};
use packline_protocol::verdict::Outcome;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The figures of a story; its JSON keys are relied upon from outside.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Every expectation held.
    pub ok: bool,
    /// What everything random followed from.
    pub seed: u64,
    /// Orders that the hub has.
    pub orders: u64,
    /// Scans that stations read and judged, from their journals.
    pub scans: u64,
    /// Judged scans that the hub has.
    pub records: u64,
    /// Records of a journal that the hub does not have.
    pub lost: u64,
    /// Records that the hub has more than once.
    pub repeated: u64,
    /// Answers other than the story expects, on the page or at the hub.
    pub wrong: u64,
    /// Releases that the facts known to the station forbade.
    pub wrong_green: u64,
    /// The hub's judged records by answer and by gravest reason.
    pub verdicts: Verdicts,
    /// Every station's replica was the hub's at the end, proof for proof.
    pub replicas_equal: bool,
    /// Releases that the hub found to contradict each other or a fact that came late, as the story arranged them.
    pub conflicts: u64,
    /// What did not hold, in one line each.
    pub failures: Vec<String>,
}

/// Counts of answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// By answer.
    pub outcome: BTreeMap<String, u64>,
    /// By gravest reason.
    pub reason: BTreeMap<String, u64>,
}

/// A place in a station's journal.
type Place = (String, u64);

/// Compares the journals of stopped stations with what the hub has; `entries` are the scans of the book.
pub fn compare(ledgers: &BTreeMap<String, Ledger>, records: &[Value], entries: &[Entry]) -> Result<Summary> {
    let mut summary = Summary::default();
    let at_hub = by_place(ledgers, records)?;
    summary.repeated = at_hub.values().map(|records| records.len() as u64 - 1).sum();
    for (station, ledger) in ledgers {
        summary.scans += ledger.judged().count() as u64;
        for seq in 1..=ledger.head.newest.0 {
            if !at_hub.contains_key(&(station.clone(), seq)) {
                summary.lost += 1;
                summary.failures.push(format!("the hub does not have record {seq} of {station}"));
            }
        }
    }
    summary.records = records.iter().filter(|record| record["kind"] == "judged").count() as u64;
    summary.verdicts = Verdicts::of(records);
    for entry in entries {
        let record = at_hub.get(&(entry.station.clone(), entry.seen.seq)).and_then(|records| records.first());
        if !entry.is_right() {
            summary.failures.push(entry.complaint());
        } else if !record.is_some_and(|record| says_the_same(record, entry)) {
            summary.failures.push(format!("{}; the hub has {record:?}", entry.complaint()));
        } else {
            continue;
        }
        summary.wrong += 1;
        summary.wrong_green += u64::from(entry.is_wrong_green());
    }
    Ok(summary)
}

/// The hub's records by the place in the journal that they claim. One of another journal's life is a failure by itself.
fn by_place<'a>(ledgers: &BTreeMap<String, Ledger>, records: &'a [Value]) -> Result<BTreeMap<Place, Vec<&'a Value>>> {
    let mut places: BTreeMap<Place, Vec<&Value>> = BTreeMap::new();
    for record in records {
        let station = record["station"].as_str().context("a record names its station")?;
        let seq = record["seq"].as_u64().context("a record has a number")?;
        let life = ledgers.get(station).map(|ledger| ledger.head.epoch.to_string());
        if record["station_epoch"].as_str() != life.as_deref() {
            anyhow::bail!("record {seq} of {station} is of another journal: {record}");
        }
        places.entry((station.to_owned(), seq)).or_default().push(record);
    }
    Ok(places)
}

fn says_the_same(record: &Value, entry: &Entry) -> bool {
    let outcome = record["outcome"].as_str().and_then(|word| outcome_of(word).ok());
    let gravest = record["reason"].as_str();
    let reason_fits = match gravest {
        Some(reason) => entry.seen.reasons.contains(reason),
        None => entry.seen.outcome == Outcome::Release,
    };
    outcome == Some(entry.seen.outcome) && reason_fits && record["code"] == entry.seen.code.as_str()
}

impl Verdicts {
    /// The judged ones of these records.
    pub fn of(records: &[Value]) -> Verdicts {
        let mut verdicts = Verdicts::default();
        for record in records.iter().filter(|record| record["kind"] == "judged") {
            for (key, counts) in [("outcome", &mut verdicts.outcome), ("reason", &mut verdicts.reason)] {
                if let Some(word) = record[key].as_str() {
                    *counts.entry(word.to_owned()).or_default() += 1;
                }
            }
        }
        verdicts
    }
}
