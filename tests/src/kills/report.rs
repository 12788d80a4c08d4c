//! After the last plug was pulled: what must be there, and whether it is.

use super::crowd::{Accepted, Crowd, Shift};
use crate::journals::Ledger;
use crate::packer::outcome_of;
use crate::sample::order_no;
use crate::story::summary::Verdicts;
use crate::watch::{Green, Greens};
use crate::world::World;
use anyhow::{Context, Result};
use packline_protocol::verdict::Outcome;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The figures of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Everything held.
    pub ok: bool,
    /// What everything random followed from.
    pub seed: u64,
    /// How often each plug was pulled.
    pub kills: BTreeMap<String, u64>,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// Orders that the hub acknowledged.
    pub orders: u64,
    /// Acknowledged orders that the hub does not have exactly once.
    pub orders_lost: u64,
    /// Records in the stations' journals.
    pub scans: u64,
    /// Records that the hub has.
    pub records: u64,
    /// Records of a journal that the hub does not have.
    pub lost: u64,
    /// Records that the hub has more than once.
    pub repeated: u64,
    /// The hub's judged records by answer and by gravest reason.
    pub verdicts: Verdicts,
    /// Answers that a packer saw and the hub has otherwise.
    pub wrong: u64,
    /// Green lights that were seen on the bench pages.
    pub greens: u64,
    /// Green lights without a durable record that says release.
    pub greens_without_record: u64,
    /// Green lights for parcels that must not ship.
    pub wrong_green: u64,
    /// Every station's replica was the hub's at the end, proof for proof.
    pub replicas_equal: bool,
    /// What did not hold, in one line each.
    pub failures: Vec<String>,
}

/// Where a record is: station and number.
type Place = (String, u64);

/// Compares what was promised with what is there. The stations are stopped.
pub async fn compare(world: &mut World, shift: Shift, crowd: &Crowd, greens: &Greens) -> Result<Report> {
    let mut report =
        Report { kills: shift.kills_of, replicas_equal: world.replicas_equal().await?, ..Report::default() };
    let records = world.records().await?;
    let orders = world.hub().list("/api/v1/orders").await?;
    let mut ledgers = BTreeMap::new();
    for station in &mut world.stations {
        station.stop().await?;
        ledgers.insert(station.name().to_owned(), Ledger::read(&station.state())?);
    }
    let accepted = crowd.accepted();
    report.count_orders(&accepted, &orders);
    let at_hub = report.count_records(&ledgers, &records)?;
    report.verdicts = Verdicts::of(&records);
    for (station, seen) in &shift.scans {
        let record = at_hub.get(&(station.clone(), seen.seq));
        if !record.is_some_and(|record| says(record, &seen.code, seen.outcome)) {
            report.wrong += 1;
            report.failures.push(format!("{station} said {seen:?}; the hub has {record:?}"));
        }
    }
    report.count_greens(&greens.seen(), &at_hub, &accepted);
    report.ok = report.failures.is_empty() && report.replicas_equal && report.greens > 0;
    Ok(report)
}

impl Report {
    fn count_orders(&mut self, accepted: &BTreeMap<u64, Accepted>, orders: &[Value]) {
        let mut times: BTreeMap<&str, u64> = BTreeMap::new();
        for order in orders {
            *times.entry(order["order_no"].as_str().unwrap_or_default()).or_default() += 1;
        }
        self.orders = accepted.len() as u64;
        for number in accepted.keys().map(|number| order_no(*number)) {
            let found = times.get(number.as_str()).copied().unwrap_or(0);
            if found != 1 {
                self.orders_lost += 1;
                self.failures.push(format!("the hub took order {number} and has it {found} times"));
            }
        }
    }

    fn count_records<'a>(
        &mut self,
        ledgers: &BTreeMap<String, Ledger>,
        records: &'a [Value],
    ) -> Result<BTreeMap<Place, &'a Value>> {
        let mut at_hub = BTreeMap::new();
        self.records = records.len() as u64;
        for record in records {
            let station = record["station"].as_str().context("a record names its station")?;
            let ledger = ledgers.get(station).with_context(|| format!("`{station}` is no station of this site"))?;
            let seq = record["seq"].as_u64().context("a record has a number")?;
            let is_same_life = record["station_epoch"].as_str() == Some(&ledger.head.epoch.to_string());
            if at_hub.insert((station.to_owned(), seq), record).is_some() || !is_same_life {
                self.repeated += 1;
                self.failures.push(format!("the hub has record {seq} of {station} again: {record}"));
            }
        }
        for (station, ledger) in ledgers {
            self.scans += ledger.head.newest.0;
            for seq in (1..=ledger.head.newest.0).filter(|seq| !at_hub.contains_key(&(station.clone(), *seq))) {
                self.lost += 1;
                self.failures.push(format!("the hub does not have record {seq} of {station}"));
            }
        }
        Ok(at_hub)
    }

    fn count_greens(&mut self, seen: &[Green], at_hub: &BTreeMap<Place, &Value>, accepted: &BTreeMap<u64, Accepted>) {
        let good: BTreeSet<&str> =
            accepted.values().filter(|order| !order.is_bad).map(|order| order.waybill.as_str()).collect();
        self.greens = seen.len() as u64;
        for green in seen {
            let record = green.seq.and_then(|seq| at_hub.get(&(green.station.clone(), seq)));
            if !record.is_some_and(|record| says(record, &green.code, Outcome::Release)) {
                self.greens_without_record += 1;
                self.failures.push(format!("{green:?} was seen; the hub has {record:?}"));
            }
            if !good.contains(green.code.as_str()) {
                self.wrong_green += 1;
                self.failures.push(format!("{green:?} must not ship"));
            }
        }
    }
}

fn says(record: &Value, code: &str, outcome: Outcome) -> bool {
    let said = record["outcome"].as_str().and_then(|word| outcome_of(word).ok());
    said == Some(outcome) && record["code"] == code
}
