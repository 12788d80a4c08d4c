//! Proof that two tables of rows are equal: 1,024 bucket hashes and a root over them.
//!
//! The hash is over *state*, not history, so compaction is free. Each row's hash goes into its bucket by exclusive or:
//! adding and taking away are the same step. This finds faults, not forgers; forgers are stopped by signatures.

use crate::change::RowId;
use crate::id::{Epoch, Seq, SiteId};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed, xxh3_128};

/// How many buckets a table has.
pub const BUCKETS: usize = 1_024;

/// The proof of a table at one position.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Root(pub [u8; 16]);

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Bucket hashes of one site's table.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    seed: u64,
    buckets: Vec<u128>,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proof({:032x})", self.buckets.iter().fold(0, |all, bucket| all ^ bucket))
    }
}

impl Proof {
    /// The proof of an empty table of `site`.
    pub fn empty(site: &SiteId) -> Self {
        Self { seed: xxh3_64(site.as_str().as_bytes()), buckets: vec![0; BUCKETS] }
    }

    /// The proof with these bucket hashes, missing ones empty; used when they were stored.
    pub fn with_buckets(site: &SiteId, stored: impl IntoIterator<Item = (u16, u128)>) -> Self {
        let mut proof = Self::empty(site);
        for (bucket, hash) in stored {
            proof.buckets[usize::from(bucket) % BUCKETS] = hash;
        }
        proof
    }

    /// Adds a row, or takes the same row away; answers the bucket it touched.
    pub fn toggle(&mut self, row: RowId, seq: Seq, body: &[u8]) -> u16 {
        self.flip(row, self.row_hash(row, seq, body))
    }

    /// As [`Proof::toggle`], by the row's hash; several hashes of one row may be joined by exclusive or.
    pub fn flip(&mut self, row: RowId, hash: u128) -> u16 {
        let bucket = bucket_of(row);
        self.buckets[usize::from(bucket)] ^= hash;
        bucket
    }

    /// The hash of one bucket.
    pub fn bucket(&self, bucket: u16) -> u128 {
        self.buckets[usize::from(bucket) % BUCKETS]
    }

    /// All bucket hashes, in order.
    pub fn buckets(&self) -> &[u128] {
        &self.buckets
    }

    /// The buckets in which this table differs from one with the hashes `other`.
    pub fn differing(&self, other: &[u128]) -> Vec<u16> {
        let theirs = other.iter().copied().chain(std::iter::repeat(0));
        let pairs = self.buckets.iter().zip(theirs).enumerate();
        pairs.filter(|(_, (ours, theirs))| *ours != theirs).filter_map(|(i, _)| u16::try_from(i).ok()).collect()
    }

    /// The root: bucket hashes, life and position in one.
    pub fn root(&self, epoch: Epoch, seq: Seq) -> Root {
        let mut bytes = Vec::with_capacity(BUCKETS * 16 + 16);
        self.buckets.iter().for_each(|bucket| bytes.extend_from_slice(&bucket.to_le_bytes()));
        bytes.extend_from_slice(&epoch.0.to_le_bytes());
        bytes.extend_from_slice(&seq.0.to_le_bytes());
        Root(xxh3_128(&bytes).to_le_bytes())
    }

    /// The hash that a row puts into its bucket.
    pub fn row_hash(&self, row: RowId, seq: Seq, body: &[u8]) -> u128 {
        let mut hasher = Xxh3::with_seed(self.seed);
        hasher.update(&row.0.to_le_bytes());
        hasher.update(&seq.0.to_le_bytes());
        hasher.update(body);
        hasher.digest128()
    }
}

/// The bucket that a row belongs to.
pub fn bucket_of(row: RowId) -> u16 {
    u16::try_from(xxh3_64_with_seed(&row.0.to_le_bytes(), 0) % BUCKETS as u64)
        .expect("there are fewer than 65,536 buckets")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn proof() -> Proof {
        Proof::empty(&SiteId::parse("sz-1").unwrap())
    }

    proptest! {
        #[test]
        fn the_order_of_changes_does_not_matter_and_taking_a_row_away_undoes_it(
            rows in prop::collection::btree_map(any::<u64>(), (any::<u64>(), prop::collection::vec(any::<u8>(), 0..40)), 0..40)
        ) {
            let (mut there, mut back) = (proof(), proof());
            for (row, (seq, body)) in &rows {
                there.toggle(RowId(*row), Seq(*seq), body);
            }
            for (row, (seq, body)) in rows.iter().rev() {
                back.toggle(RowId(*row), Seq(*seq), body);
            }
            prop_assert_eq!(&there, &back);
            for (row, (seq, body)) in &rows {
                there.toggle(RowId(*row), Seq(*seq), body);
            }
            prop_assert_eq!(there, proof());
        }
    }

    #[test]
    fn any_difference_changes_the_root_and_names_its_bucket() {
        let (epoch, seq) = (Epoch(7), Seq(9));
        let mut one = proof();
        one.toggle(RowId(1), Seq(3), b"paid");
        for (row, at, body) in [(1, 3, "paid!"), (1, 4, "paid"), (2, 3, "paid")] {
            let mut other = proof();
            other.toggle(RowId(row), Seq(at), body.as_bytes());
            assert_ne!(one.root(epoch, seq), other.root(epoch, seq), "{row} {at} {body}");
            assert!(one.differing(other.buckets()).contains(&bucket_of(RowId(1))));
        }
        assert_ne!(one.root(epoch, seq), one.root(Epoch(8), seq));
        assert_ne!(one.root(epoch, seq), one.root(epoch, Seq(10)));
    }

    #[test]
    fn the_same_rows_of_two_sites_prove_differently() {
        let mut here = proof();
        let mut there = Proof::empty(&SiteId::parse("bj-2").unwrap());
        here.toggle(RowId(1), Seq(1), b"x");
        there.toggle(RowId(1), Seq(1), b"x");
        assert_ne!(here.buckets(), there.buckets());
    }
}
