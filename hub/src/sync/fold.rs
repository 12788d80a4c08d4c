//! What a fold decides: which rows of a site's log change, what they prove, and how they travel.
//!
//! Pure: rows as they are and as they should be go in, numbered changes and deltas come out. The script that loads
//! and saves is in [`super::feed`].

use packline_protocol::change::{BODY_MAX, Change, RowId};
use packline_protocol::downlink::{Delta, Fork, ROWS_BYTES_MAX, ROWS_MAX};
use packline_protocol::id::{Epoch, Seq};
use packline_protocol::proof::{Proof, Root};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that a row takes in a message beside its body, at most.
const ROW_OVERHEAD: usize = 32;

/// Where a site's change log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its life.
    pub epoch: Epoch,
    /// Earlier lives that it continues, newest first.
    pub lineage: Vec<Fork>,
    /// Its newest change.
    pub seq: Seq,
    /// Changes at or below this are compacted.
    pub floor: Seq,
    /// How many rows live.
    pub live: u64,
    /// How many tombstones it keeps.
    pub gone: u64,
}

/// A site's change log: its place and what it proves there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Where it stands.
    pub place: Place,
    /// The proof of its live rows.
    pub proof: Proof,
}

impl Log {
    /// The proof at its newest change.
    pub fn root(&self) -> Root {
        self.proof.root(self.place.epoch, self.place.seq)
    }
}

/// A row as the log has it; a `None` body is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its latest change.
    pub seq: Seq,
    /// Its content.
    pub body: Option<Vec<u8>>,
}

/// What a fold leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The log after it.
    pub log: Log,
    /// The changes, as they travel; each delta proves itself.
    pub deltas: Vec<Delta>,
    /// The buckets whose hashes changed.
    pub touched: BTreeSet<u16>,
    /// Rows that are too long for any station and therefore left out.
    pub oversize: Vec<RowId>,
}

/// Brings the rows of `wanted` to their wanted bodies; `None` takes a row away. Rows that are as wanted do not change.
pub fn fold(log: &Log, stored: &BTreeMap<RowId, Stored>, wanted: BTreeMap<RowId, Option<Vec<u8>>>) -> Folded {
    let mut fold = Fold { log: log.clone(), deltas: Vec::new(), touched: BTreeSet::new(), open: Vec::new(), bytes: 0 };
    let mut oversize = Vec::new();
    for (row, body) in wanted {
        let fits = body.as_ref().is_none_or(|body| body.len() <= BODY_MAX);
        if !fits {
            oversize.push(row);
        }
        fold.bring(row, stored.get(&row), body.filter(|_| fits));
    }
    fold.close();
    Folded { log: fold.log, deltas: fold.deltas, touched: fold.touched, oversize }
}

struct Fold {
    log: Log,
    deltas: Vec<Delta>,
    touched: BTreeSet<u16>,
    open: Vec<Change>,
    bytes: usize,
}

impl Fold {
    fn bring(&mut self, row: RowId, stored: Option<&Stored>, body: Option<Vec<u8>>) {
        let before = stored.and_then(|stored| stored.body.as_deref());
        if before == body.as_deref() {
            return;
        }
        if is_full(self.open.len(), self.bytes, body.as_deref()) {
            self.close();
        }
        let Log { place, proof } = &mut self.log;
        let seq = Seq(place.seq.0 + 1);
        if let Some((stored, before)) = stored.zip(before) {
            self.touched.insert(proof.toggle(row, stored.seq, before));
            place.live = place.live.saturating_sub(1);
        } else if stored.is_some() {
            place.gone = place.gone.saturating_sub(1);
        }
        if let Some(body) = &body {
            self.touched.insert(proof.toggle(row, seq, body));
            place.live += 1;
        } else {
            place.gone += 1;
        }
        place.seq = seq;
        self.bytes += size(body.as_deref());
        self.open.push(Change { row, seq, body });
    }

    fn close(&mut self) {
        let changes = std::mem::take(&mut self.open);
        self.bytes = 0;
        if let Some(first) = changes.first() {
            let prev = Seq(first.seq.0 - 1);
            let Place { epoch, seq: to, .. } = self.log.place;
            self.deltas.push(Delta { epoch, prev, to, root: Some(self.log.root()), changes });
        }
    }
}

/// The changes in pieces that each fit one message, in the order given.
pub fn pieces(changes: Vec<Change>) -> Vec<Vec<Change>> {
    let mut pieces = Vec::new();
    let (mut open, mut bytes) = (Vec::new(), 0);
    for change in changes {
        if is_full(open.len(), bytes, change.body.as_deref()) {
            pieces.push(std::mem::take(&mut open));
            bytes = 0;
        }
        bytes += size(change.body.as_deref());
        open.push(change);
    }
    pieces.extend((!open.is_empty()).then_some(open));
    pieces
}

/// Whether a message with so many rows and bytes has no room for one more row.
fn is_full(rows: usize, bytes: usize, body: Option<&[u8]>) -> bool {
    rows >= ROWS_MAX || (rows > 0 && bytes + size(body) > ROWS_BYTES_MAX)
}

fn size(body: Option<&[u8]>) -> usize {
    ROW_OVERHEAD + body.map_or(0, <[u8]>::len)
}

/// What a replica's position means to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can go on from where it is.
    Follows,
    /// It is of another life, or behind what was compacted: only a snapshot helps.
    Lost,
    /// It has seen changes that this log does not have: the log was restored from an older copy.
    Ahead,
}

/// How a replica at `(epoch, seq)` stands to the log.
pub fn standing(place: &Place, epoch: Epoch, seq: Seq) -> Standing {
    if epoch == place.epoch {
        return match seq {
            seq if seq > place.seq => Standing::Ahead,
            seq if seq < place.floor => Standing::Lost,
            _ => Standing::Follows,
        };
    }
    let fork = place.lineage.iter().find(|fork| fork.epoch == epoch);
    match fork {
        Some(fork) if seq <= fork.seq && seq >= place.floor => Standing::Follows,
        _ => Standing::Lost,
    }
}

/// Tombstones are kept so long unless the hub is told otherwise, in milliseconds: 14 days.
pub const TOMBSTONE_KEEP_MS: i64 = crate::config::LOG_KEEP_HOURS as i64 * 3_600_000;
/// So many tombstones are always allowed, whatever the share of live rows.
const TOMBSTONES_FREE: u64 = 1_000;

/// How many of the newest tombstones may stay; `None` while they are no burden.
pub fn tombstones_to_keep(place: &Place) -> Option<u64> {
    (place.gone > 2 * place.live + TOMBSTONES_FREE).then_some(place.live)
}

/// What a hub last saw of a log, kept beside the database: a database that stands before it was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The log's life.
    pub epoch: Epoch,
    /// Its newest change.
    pub seq: Seq,
}

/// Whether the log stands before something that was seen of it, or never was there.
pub fn is_behind(place: &Place, seen: Seen) -> bool {
    if seen.epoch == place.epoch {
        return seen.seq > place.seq;
    }
    !place.lineage.iter().any(|fork| fork.epoch == seen.epoch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::id::SiteId;
    use proptest::prelude::*;

    fn empty() -> Log {
        let proof = Proof::empty(&SiteId::parse("sz-1").unwrap());
        Log { place: place(), proof }
    }

    fn place() -> Place {
        Place { epoch: Epoch(7), lineage: Vec::new(), seq: Seq(0), floor: Seq(0), live: 0, gone: 0 }
    }

    /// A station that applies deltas the plain way.
    #[derive(Default)]
    struct Replica(BTreeMap<RowId, Stored>);

    impl Replica {
        fn apply(&mut self, delta: &Delta) {
            for change in &delta.changes {
                assert!(change.seq > delta.prev && change.seq <= delta.to, "{change:?}");
                self.0.insert(change.row, Stored { seq: change.seq, body: change.body.clone() });
            }
        }

        fn proof(&self) -> Proof {
            let mut proof = empty().proof;
            for (row, stored) in &self.0 {
                if let Some(body) = &stored.body {
                    proof.toggle(*row, stored.seq, body);
                }
            }
            proof
        }
    }

    type Step = BTreeMap<u64, Option<Vec<u8>>>;

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let body = prop::option::of(prop::collection::vec(any::<u8>(), 0..4));
        let step = prop::collection::btree_map(0..12u64, body, 0..8);
        prop::collection::vec(step, 0..12)
    }

    proptest! {
        #[test]
        fn every_delta_proves_the_state_that_it_leads_to(steps in steps()) {
            let (mut log, mut replica) = (empty(), Replica::default());
            for step in steps {
                let wanted = step.into_iter().map(|(row, body)| (RowId(row), body)).collect();
                let folded = fold(&log, &replica.0, wanted);
                for delta in &folded.deltas {
                    prop_assert_eq!(delta.prev, log.place.seq);
                    replica.apply(delta);
                    log.place.seq = delta.to;
                    prop_assert_eq!(delta.root, Some(replica.proof().root(delta.epoch, delta.to)));
                }
                let live = replica.0.values().filter(|row| row.body.is_some()).count() as u64;
                let after = &folded.log.place;
                prop_assert_eq!((after.live, after.gone), (live, replica.0.len() as u64 - live));
                prop_assert_eq!(log.place.seq, after.seq);
                log = folded.log;
            }
        }
    }

    #[test]
    fn a_row_that_is_as_wanted_makes_no_change() {
        let wanted = || BTreeMap::from([(RowId(1), Some(b"paid".to_vec())), (RowId(2), None)]);
        let first = fold(&empty(), &BTreeMap::new(), wanted());
        assert_eq!(first.deltas.len(), 1);
        let stored = BTreeMap::from([(RowId(1), Stored { seq: Seq(1), body: Some(b"paid".to_vec()) })]);
        let second = fold(&first.log, &stored, wanted());
        assert_eq!((second.deltas.len(), &second.log), (0, &first.log));
    }

    #[test]
    fn a_large_fold_travels_in_chained_deltas_that_fit_and_each_prove_themselves() {
        let wanted = (0..5_000u64).map(|row| (RowId(row), Some(vec![7; 60]))).collect();
        let folded = fold(&empty(), &BTreeMap::new(), wanted);
        assert!(folded.deltas.len() > 2);
        let mut at = Seq(0);
        for delta in &folded.deltas {
            assert_eq!(delta.prev, at);
            assert!(delta.root.is_some() && delta.changes.len() <= ROWS_MAX);
            assert!(postcard::to_allocvec(delta).unwrap().len() < ROWS_BYTES_MAX + 4_096);
            at = delta.to;
        }
        assert_eq!(at, Seq(5_000));
    }

    #[test]
    fn a_row_too_long_for_any_station_is_left_out_and_named() {
        let row = RowId(3);
        let stored = BTreeMap::from([(row, Stored { seq: Seq(1), body: Some(b"old".to_vec()) })]);
        let mut log = empty();
        log.proof.toggle(row, Seq(1), b"old");
        (log.place.seq, log.place.live) = (Seq(1), 1);
        let folded = fold(&log, &stored, BTreeMap::from([(row, Some(vec![0; BODY_MAX + 1]))]));
        assert_eq!(folded.oversize, [row]);
        assert_eq!(folded.deltas[0].changes, [Change { row, seq: Seq(2), body: None }]);
        assert_eq!(folded.log.proof, empty().proof);
    }

    #[test]
    fn a_position_goes_on_where_the_log_still_has_everything_after_it() {
        let lineage = vec![Fork { epoch: Epoch(6), seq: Seq(40) }, Fork { epoch: Epoch(5), seq: Seq(20) }];
        let place = Place { lineage, seq: Seq(50), floor: Seq(10), ..place() };
        for (epoch, seq, expected) in [
            (7, 50, Standing::Follows),
            (7, 10, Standing::Follows),
            (7, 9, Standing::Lost),
            (7, 51, Standing::Ahead),
            (6, 40, Standing::Follows),
            (6, 41, Standing::Lost),
            (5, 20, Standing::Follows),
            (5, 21, Standing::Lost),
            (5, 9, Standing::Lost),
            (0, 0, Standing::Lost),
        ] {
            assert_eq!(standing(&place, Epoch(epoch), Seq(seq)), expected, "{epoch} {seq}");
        }
    }

    #[test]
    fn tombstones_are_thinned_only_when_they_outweigh_the_living() {
        for (live, gone, keep) in [(0, 1_000, None), (0, 1_001, Some(0)), (600, 2_200, None), (600, 2_201, Some(600))] {
            assert_eq!(tombstones_to_keep(&Place { live, gone, ..place() }), keep, "{live} {gone}");
        }
    }

    #[test]
    fn a_log_before_what_was_seen_of_it_was_restored() {
        let lineage = vec![Fork { epoch: Epoch(6), seq: Seq(40) }];
        let place = Place { lineage, seq: Seq(50), ..place() };
        for (epoch, seq, behind) in [(7, 50, false), (7, 51, true), (6, 45, false), (9, 1, true)] {
            assert_eq!(is_behind(&place, Seen { epoch: Epoch(epoch), seq: Seq(seq) }), behind, "{epoch} {seq}");
        }
    }
}
