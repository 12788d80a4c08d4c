//! What the chapters do again and again: make orders, scan, expect.

use super::Story;
use super::book::{Entry, Expected, Line};
use crate::packer::Seen;
use crate::sample::Sample;
use crate::world::SITE;
use anyhow::Result;

/// The two stations, by their place.
pub(super) const STATIONS: [&str; 2] = ["pack-1", "pack-2"];

impl Story<'_> {
    /// An order that nothing speaks against, not yet sent.
    pub(super) fn sample(&mut self) -> Sample {
        self.next += 1;
        Sample::new(SITE, self.next)
    }

    /// Sends orders to the hub, which must take all of them.
    pub(super) async fn send(&mut self, orders: &[Sample]) -> Result<()> {
        self.sent.extend(orders.iter().map(|order| order.number));
        self.world.hub().send(orders).await
    }

    /// Orders that nothing speaks against, known at every station that can be reached.
    pub(super) async fn good_orders<const N: usize>(&mut self) -> Result<[Sample; N]> {
        let orders = std::array::from_fn(|_| self.sample());
        self.send(&orders).await?;
        self.world.settle().await?;
        Ok(orders)
    }

    /// Scans a code at a station and writes down what had to be said and what was.
    pub(super) async fn scan(
        &mut self,
        at: usize,
        gun: usize,
        code: &str,
        what: &str,
        expected: Expected,
    ) -> Result<()> {
        let seen = self.world.stations[at].scan(gun, code).await?;
        self.note(at, seen, what, expected);
        Ok(())
    }

    /// Writes down an answer.
    pub(super) fn note(&mut self, at: usize, seen: Seen, what: &str, expected: Expected) {
        let station = self.world.stations[at].name().to_owned();
        let entry = Entry { what: what.to_owned(), station, expected, seen };
        let line = Line {
            station: entry.station.clone(),
            code: entry.seen.code.clone(),
            outcome: entry.seen.outcome,
            reasons: entry.seen.reasons.iter().cloned().collect(),
            what: entry.what.clone(),
        };
        self.audience.scan(&line);
        self.entries.push(entry);
    }

    /// Something that must hold beside the verdicts.
    pub(super) fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(what());
        }
    }
}
