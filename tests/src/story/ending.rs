//! The end of the story: everybody stops, and the books are compared.

use super::Story;
use super::summary::{Summary, compare};
use crate::journals::Ledger;
use anyhow::Result;
use std::collections::BTreeMap;

impl Story<'_> {
    pub(super) async fn close(&mut self) -> Result<Summary> {
        self.audience.chapter("the site closes, the books are compared");
        self.world.settle().await?;
        let replicas_equal = self.world.replicas_equal().await?;
        let records = self.world.records().await?;
        let orders = self.world.hub().list("/api/v1/orders").await?.len() as u64;
        let conflicts = self.world.hub().list("/api/v1/scans/conflicts").await?.len() as u64;
        self.expect(orders == self.sent.len() as u64, || format!("the hub has {orders} orders"));
        let mut ledgers = BTreeMap::new();
        for station in &mut self.world.stations {
            station.stop().await?;
            ledgers.insert(station.name().to_owned(), Ledger::read(&station.state())?);
        }
        let mut summary = compare(&ledgers, &records, &self.entries)?;
        summary.failures.append(&mut self.failures);
        summary.ok = summary.failures.is_empty() && replicas_equal && summary.repeated == 0 && summary.lost == 0;
        Ok(Summary { orders, conflicts, replicas_equal, ..summary })
    }
}
