//! The replica against a small hub, on a disk that fails on purpose.

use super::*;
use crate::disk::fault::FaultDisk;
use crate::disk::{Disk as _, RealDisk};
use packline_protocol::change::{BODY_MAX, Change, Row, RowId, SiteSettings};
use packline_protocol::downlink::Chunk;
use packline_protocol::facts::{CodeRole, OrderStatus, ParcelCode};
use packline_protocol::id::Revision;
use packline_protocol::proof::{BUCKETS, Proof, bucket_of};
use packline_protocol::rules::{RuleSet, builtin};
use packline_protocol::samples;
use packline_protocol::time::Moment;
use packline_protocol::verdict::Outcome;
use std::collections::BTreeMap;

mod crash;
mod delta;
mod knowledge;
mod repair;
mod snapshot;

fn site() -> SiteId {
    SiteId::parse("sz-1").unwrap()
}

fn settings() -> Settings {
    Settings { site: site(), cache_bytes: 1 << 20 }
}

fn at(ms: u64) -> Now {
    Now { moment: Moment(ms), wall: Timestamp(1_800_000_000_000 + ms as i64), wall_trusted: true }
}

fn open(disk: &FaultDisk) -> Replica {
    let (replica, opened) = Replica::open(Arc::new(disk.clone()), settings()).unwrap();
    assert!(matches!(opened, Opened::Whole | Opened::New), "{opened:?}");
    replica
}

fn replica() -> Replica {
    open(&FaultDisk::new(0))
}

/// Parcel `number`, known by its waybill and by the number of its order, which two parcels share.
fn parcel(number: u64) -> Parcel {
    let code = |kind, text: String| ParcelCode { kind, text };
    let codes = vec![code(CodeRole::Waybill, format!("W{number}")), code(CodeRole::Order, format!("O{}", number / 2))];
    Parcel { id: ParcelId(number), codes, ..samples::parcel() }
}

fn body(parcel: &Parcel) -> Vec<u8> {
    Row::Parcel(Box::new(parcel.clone())).encode()
}

fn keys(key: &str) -> Vec<String> {
    vec![key.to_owned()]
}

/// The parcels under a code.
fn found(replica: &Replica, key: &str) -> Vec<u64> {
    match replica.lookup(&keys(key)).unwrap().1 {
        Lookup::None | Lookup::Elsewhere { .. } => Vec::new(),
        Lookup::One(parcel) => vec![parcel.id.0],
        Lookup::Many(parcels) => parcels.iter().map(|parcel| parcel.0).collect(),
    }
}

/// A small hub: the log of one site, each row once at its latest change.
#[derive(Clone)]
struct Hub {
    epoch: Epoch,
    seq: Seq,
    rows: BTreeMap<RowId, (Seq, Option<Vec<u8>>)>,
    proof: Proof,
}

impl Hub {
    fn new() -> Self {
        Self { epoch: Epoch(7), seq: Seq(0), rows: BTreeMap::new(), proof: Proof::empty(&site()) }
    }

    /// A hub with parcels 1 to `count`.
    fn with(count: u64) -> Self {
        let mut hub = Self::new();
        (1..=count).for_each(|number| hub.put(RowId::parcel(ParcelId(number)), Some(body(&parcel(number)))));
        hub
    }

    fn put(&mut self, row: RowId, body: Option<Vec<u8>>) {
        if let Some((seq, Some(old))) = self.rows.get(&row) {
            self.proof.toggle(row, *seq, old);
        }
        self.seq = Seq(self.seq.0 + 1);
        if let Some(body) = &body {
            self.proof.toggle(row, self.seq, body);
        }
        self.rows.insert(row, (self.seq, body));
    }

    fn put_parcel(&mut self, parcel: &Parcel) {
        self.put(RowId::parcel(parcel.id), Some(body(parcel)));
    }

    fn remove(&mut self, number: u64) {
        self.put(RowId::parcel(ParcelId(number)), None);
    }

    fn root(&self) -> Root {
        self.proof.root(self.epoch, self.seq)
    }

    /// Everything after `prev`, with the proof.
    fn delta(&self, prev: u64) -> Delta {
        let after = self.rows.iter().filter(|(_, (seq, _))| seq.0 > prev);
        let mut changes: Vec<Change> =
            after.map(|(row, (seq, body))| Change { row: *row, seq: *seq, body: body.clone() }).collect();
        changes.sort_by_key(|change| change.seq);
        Delta { epoch: self.epoch, prev: Seq(prev), to: self.seq, root: Some(self.root()), changes }
    }

    fn live(&self) -> Vec<Change> {
        let live = |(row, (seq, body)): (&RowId, &(Seq, Option<Vec<u8>>))| {
            Some(Change { row: *row, seq: *seq, body: Some(body.clone()?) })
        };
        self.rows.iter().filter_map(live).collect()
    }

    /// A snapshot in parts of `per_chunk` rows.
    fn snapshot(&self, per_chunk: usize) -> (SnapshotOffer, Vec<Chunk>) {
        let rows = self.live();
        let parts = rows.chunks(per_chunk).enumerate();
        let chunks: Vec<Chunk> =
            parts.map(|(number, rows)| Chunk { snapshot: 1, number: number as u32, rows: rows.to_vec() }).collect();
        let (epoch, seq, root) = (self.epoch, self.seq, self.root());
        let offer =
            SnapshotOffer { snapshot: 1, epoch, seq, root, rows: rows.len() as u64, chunks: chunks.len() as u32 };
        (offer, chunks)
    }

    fn buckets(&self) -> Buckets {
        Buckets { epoch: self.epoch, seq: self.seq, hashes: self.proof.buckets().to_vec() }
    }

    fn bucket_rows(&self, buckets: &[u16], root: bool) -> BucketRows {
        let rows = self.live().into_iter().filter(|change| buckets.contains(&bucket_of(change.row))).collect();
        let root = root.then(|| self.root());
        BucketRows { epoch: self.epoch, seq: self.seq, buckets: buckets.to_vec(), rows, root }
    }

    #[track_caller]
    fn check(&self, replica: &Replica) {
        let state = replica.state();
        assert_eq!((state.epoch, state.seq, state.root), (self.epoch, self.seq, self.root()));
        assert_eq!(state.rows, self.live().len() as u64);
        assert_eq!(replica.verify().unwrap(), state.rows);
    }
}

/// A replica level with the hub.
fn level(hub: &Hub) -> Replica {
    let replica = replica();
    replica.apply(&[hub.delta(0)]).unwrap();
    hub.check(&replica);
    replica
}

#[test]
fn an_empty_replica_knows_nothing_and_its_proof_holds() {
    let replica = replica();
    assert_eq!(found(&replica, "W1"), [0u64; 0]);
    assert_eq!((replica.state().epoch, replica.state().seq, replica.state().rows), (Epoch(0), Seq(0), 0));
    assert_eq!(replica.verify().unwrap(), 0);
    assert_eq!(replica.age_ms(at(0)), None);
}

#[test]
fn a_code_leads_to_its_parcel_and_a_shared_one_to_all_that_have_it() {
    let replica = level(&Hub::with(5));
    assert_eq!(found(&replica, "W3"), [3]);
    let mut both = found(&replica, "O1");
    both.sort_unstable();
    assert_eq!(both, [2, 3]);
    assert_eq!(found(&replica, "W9"), [0u64; 0]);
}

#[test]
fn the_first_key_that_any_parcel_has_decides() {
    let replica = level(&Hub::with(5));
    let first = replica.lookup(&["W9".to_owned(), "W4".to_owned(), "W1".to_owned()]).unwrap().1;
    assert!(matches!(first, Lookup::One(parcel) if parcel.id == ParcelId(4)));
}

#[test]
fn a_file_of_another_site_is_set_aside() {
    let disk = FaultDisk::new(0);
    drop(open(&disk));
    let settings = Settings { site: SiteId::parse("bj-2").unwrap(), ..settings() };
    let (replica, opened) = Replica::open(Arc::new(disk.clone()), settings).unwrap();
    let Opened::Emptied { aside, why } = opened else { panic!("{opened:?}") };
    assert!(why.contains("it is of site `sz-1`, not of `bj-2`"), "{why}");
    assert!(disk.exists(&aside).unwrap());
    assert_eq!(replica.state().rows, 0);
}

#[test]
fn a_damaged_file_is_set_aside_and_the_replica_can_be_filled_again() {
    let hub = Hub::with(300);
    let original = FaultDisk::new(0);
    open(&original).apply(&[hub.delta(0)]).unwrap();
    for at in (0..original.length("replica.redb")).step_by(6_007) {
        let disk = original.copy();
        disk.overwrite("replica.redb", at, &[0xa5; 64]);
        let (replica, opened) = Replica::open(Arc::new(disk.clone()), settings()).unwrap();
        let usable = replica.verify();
        if opened == Opened::Whole && usable.is_ok() {
            hub.check(&replica);
            continue;
        }
        if opened == Opened::Whole {
            let opened = replica.start_over("found by a test").unwrap();
            assert!(matches!(opened, Opened::Emptied { .. }), "damage at {at}: {opened:?}");
        }
        assert_eq!(found(&replica, "W1"), [0u64; 0], "damage at {at}");
        replica.apply(&[hub.delta(0)]).unwrap();
        hub.check(&replica);
    }
}

#[test]
fn a_replica_that_another_process_holds_is_not_taken_for_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::open(folder.path()).unwrap());
    let (_held, _) = Replica::open(disk.clone(), settings()).unwrap();
    let error = Replica::open(disk.clone(), settings()).err().unwrap();
    assert!(matches!(error, ReplicaError::Storage { .. }), "{error}");
    assert!(!disk.exists("replica.redb.damaged").unwrap());
}

#[test]
fn everything_works_on_a_real_disk_too() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::open(folder.path()).unwrap());
    let mut hub = Hub::with(500);
    let (replica, _) = Replica::open(disk.clone(), settings()).unwrap();
    replica.apply(&[hub.delta(0)]).unwrap();
    hub.put_parcel(&parcel(501));
    let (offer, chunks) = hub.snapshot(100);
    let mut staging = replica.stage(&offer).unwrap();
    for chunk in &chunks {
        staging.add(chunk).unwrap();
    }
    replica.install(staging).unwrap();
    hub.check(&replica);
    drop(replica);
    let (replica, opened) = Replica::open(disk, settings()).unwrap();
    assert_eq!(opened, Opened::Whole);
    hub.check(&replica);
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["replica.redb"], "nothing is left behind");
}
