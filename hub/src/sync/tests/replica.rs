//! A station's replica as plain as can be, to compare with.

use packline_protocol::change::{Change, RowId};
use packline_protocol::downlink::{BucketRows, Chunk, Delta, SnapshotOffer};
use packline_protocol::id::{Epoch, Seq, SiteId};
use packline_protocol::proof::{Proof, Root, bucket_of};
use std::collections::BTreeMap;

/// Rows and position. It panics on anything that a station would have to repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    site: SiteId,
    pub epoch: Epoch,
    pub seq: Seq,
    rows: BTreeMap<RowId, (Seq, Vec<u8>)>,
}

impl Replica {
    pub fn empty(site: &SiteId) -> Self {
        Self { site: site.clone(), epoch: Epoch(0), seq: Seq(0), rows: BTreeMap::new() }
    }

    /// Applies a delta that follows on, and compares its proof.
    pub fn apply(&mut self, delta: &Delta) {
        assert_eq!(delta.prev, self.seq, "the delta follows on");
        for Change { row, seq, body } in &delta.changes {
            assert!(*seq > delta.prev && *seq <= delta.to);
            match body {
                Some(body) => drop(self.rows.insert(*row, (*seq, body.clone()))),
                None => drop(self.rows.remove(row)),
            }
        }
        (self.epoch, self.seq) = (delta.epoch, delta.to);
        if let Some(root) = delta.root {
            assert_eq!(root, self.root(), "the proof at {}", self.seq);
        }
    }

    /// A whole snapshot, its proof compared.
    pub fn of_snapshot(site: &SiteId, offer: &SnapshotOffer, chunks: &[Chunk]) -> Self {
        let rows = chunks.iter().enumerate().flat_map(|(number, chunk)| {
            assert_eq!((chunk.snapshot, chunk.number as usize), (offer.snapshot, number));
            chunk.rows.iter().map(|row| (row.row, (row.seq, row.body.clone().unwrap())))
        });
        let replica = Self { site: site.clone(), epoch: offer.epoch, seq: offer.seq, rows: rows.collect() };
        assert_eq!((replica.root(), replica.rows() as u64), (offer.root, offer.rows));
        replica
    }

    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    pub fn proof(&self) -> Proof {
        let mut proof = Proof::empty(&self.site);
        for (row, (seq, body)) in &self.rows {
            proof.toggle(*row, *seq, body);
        }
        proof
    }

    pub fn root(&self) -> Root {
        self.proof().root(self.epoch, self.seq)
    }

    /// Spoils some rows.
    pub fn damage(&mut self, count: usize) {
        self.rows.values_mut().step_by(7).take(count).for_each(|(_, body)| body[5] ^= 1);
    }

    /// Puts the rows of these buckets in the place of its own.
    pub fn mend(&mut self, buckets: &[u16], parts: &[BucketRows]) {
        self.rows.retain(|row, _| !buckets.contains(&bucket_of(*row)));
        for row in parts.iter().flat_map(|part| &part.rows) {
            assert!(buckets.contains(&bucket_of(row.row)));
            self.rows.insert(row.row, (row.seq, row.body.clone().unwrap()));
        }
        self.seq = parts[0].seq;
    }
}

/// Numbers that look random and follow from a seed (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 27)) % limit
    }
}
