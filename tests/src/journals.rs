//! What a stopped station has in its journal: the ledger that the hub's records are held against.

use crate::clock::wall_ms;
use anyhow::{Context, Result, bail, ensure};
use packline_edge::disk::RealDisk;
use packline_edge::journal::{Birth, Head, Opened, Settings, Store};
use packline_protocol::id::{BootId, ScanSeq, StationEpoch};
use packline_protocol::record::{Event, Judged, ScanRecord};
use packline_protocol::time::{Now, Timestamp};
use std::path::Path;
use std::sync::Arc;

/// A journal as it lies on the disk.
#[derive(Debug)]
pub struct Ledger {
    /// Where it stands.
    pub head: Head,
    /// Its records, oldest first; those that the hub acknowledged long ago may be gone.
    pub records: Vec<ScanRecord>,
}

impl Ledger {
    /// Reads the journal in this state folder. Its station must not run.
    pub fn read(state: &Path) -> Result<Ledger> {
        let disk = Arc::new(RealDisk::open(state)?);
        let now = Now { wall: Timestamp(wall_ms()), ..Now::default() };
        let birth = Birth { epoch: StationEpoch(1), boot: BootId(1), now };
        let (store, opened) = Store::open(disk, Settings::default(), birth)?;
        ensure!(opened == Opened::Whole, "the journal in {} is not whole: {opened:?}", state.display());
        store.verify().context("the journal's chain does not hold")?;
        let ledger = Ledger { head: store.head(), records: records(&store)? };
        store.close();
        Ok(ledger)
    }

    /// The scans in it that were judged, with their numbers.
    pub fn judged(&self) -> impl Iterator<Item = (ScanSeq, &Judged)> {
        self.records.iter().filter_map(|record| match &record.event {
            Event::Judged(judged) => Some((record.seq, &**judged)),
            Event::Acknowledged(_) | Event::Noted(_) => None,
        })
    }
}

fn records(store: &Store) -> Result<Vec<ScanRecord>> {
    let head = store.head();
    let (mut records, mut from) = (Vec::new(), head.oldest);
    while from <= head.newest {
        let pending = store.pending(from, 512, 1 << 20)?;
        if pending.first != from || pending.records.is_empty() {
            bail!("the journal has nothing at {from}, though it stands at {}", head.newest);
        }
        for bytes in &pending.records {
            records.push(ScanRecord::decode(bytes)?);
        }
        from = ScanSeq(from.0 + pending.records.len() as u64);
    }
    Ok(records)
}
