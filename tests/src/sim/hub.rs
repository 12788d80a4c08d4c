//! A small faithful hub in memory: the change log by the hub's own folding, records once each, everything else short.
//!
//! What it committed survives a kill; what it knew of connections does not. Its messages are smaller than the real
//! ones, so that few rows already take several of them.

use packline_edge::link::session::Dice;
use packline_hub::sync::fold::{self, Log, Place, Standing, Stored};
use packline_protocol::change::{Change, RowId};
use packline_protocol::downlink::{
    Ack, BucketRows, Buckets, Busy, Chunk, Delta, Downlink, Fork, Head, HelloWanted, RANGE_DELTAS_MAX, SnapshotOffer,
    Welcome,
};
use packline_protocol::id::{Epoch, ScanSeq, Seq, SiteId, StationEpoch};
use packline_protocol::proof::{Proof, Root, bucket_of};
use packline_protocol::record::{ChainLink, Event, ScanRecord};
use packline_protocol::time::Timestamp;
use packline_protocol::uplink::{Batch, BucketRowsRequest, ChunkRequest, Hello, RangeRequest, Uplink};
use packline_protocol::verdict::Outcome;
use std::collections::{BTreeMap, BTreeSet};

/// Rows in one message.
const ROWS: usize = 3;

/// To whom a message goes.
#[derive(Debug, Clone)]
pub enum Mail {
    /// All stations, at QoS 0.
    Log(Downlink),
    /// All stations, retained.
    Head(Downlink),
    /// One station.
    One(usize, Downlink),
}

/// A record as the hub has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its bytes.
    pub body: Vec<u8>,
    /// How often it was taken; anything but once is a fault.
    pub times: u32,
}

/// Names a record: station, journal's life, number.
pub type RecordId = (usize, StationEpoch, ScanSeq);

/// What a hub has committed.
#[derive(Debug, Clone)]
pub struct Store {
    log: Log,
    /// The log's proof, which takes a while to work out.
    root: Root,
    rows: BTreeMap<RowId, Stored>,
    lease: u64,
    ingest: BTreeMap<(usize, StationEpoch), Ingest>,
    records: BTreeMap<RecordId, Kept>,
    released: BTreeMap<u64, usize>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Ingest {
    upto: ScanSeq,
    link: ChainLink,
}

/// A hub.
#[derive(Debug)]
pub struct Hub {
    store: Store,
    backup: Store,
    up: bool,
    beat: u64,
    busy: bool,
    born: BTreeSet<usize>,
    snapshot: Option<(SnapshotOffer, Vec<Vec<Change>>)>,
    outbox: Vec<Mail>,
    /// Parcels that a record let go since they were last asked for.
    let_go: Vec<(u64, usize)>,
    /// Something that no station may do.
    objection: Option<String>,
    dice: Dice,
}

impl Hub {
    /// A hub with an empty log.
    pub fn new(site: &SiteId, dice: &mut Dice) -> Self {
        let mut dice = Dice::new(dice.roll());
        let (epoch, zero) = (Epoch(dice.roll()), Seq(0));
        let place = Place { epoch, lineage: Vec::new(), seq: zero, floor: zero, live: 0, gone: 0 };
        let log = Log { place, proof: Proof::empty(site) };
        let (rows, ingest) = (BTreeMap::new(), BTreeMap::new());
        let root = log.root();
        let store = Store { log, root, rows, lease: 1, ingest, records: BTreeMap::new(), released: BTreeMap::new() };
        let (backup, born) = (store.clone(), BTreeSet::new());
        let (outbox, let_go) = (Vec::new(), Vec::new());
        Self {
            store,
            backup,
            up: true,
            beat: 0,
            busy: false,
            born,
            snapshot: None,
            outbox,
            let_go,
            objection: None,
            dice,
        }
    }

    /// Whether it runs.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// Where its log stands, with the proof.
    pub fn stands_at(&self) -> (Epoch, Seq, Root) {
        let place = &self.store.log.place;
        (place.epoch, place.seq, self.store.root)
    }

    /// All live rows.
    pub fn rows(&self) -> impl Iterator<Item = (RowId, &[u8])> {
        self.store.rows.iter().filter_map(|(row, stored)| Some((*row, stored.body.as_deref()?)))
    }

    /// All records.
    pub fn records(&self) -> &BTreeMap<RecordId, Kept> {
        &self.store.records
    }

    /// Whether the last backup has this record.
    pub fn is_safe(&self, record: &RecordId) -> bool {
        self.backup.records.contains_key(record)
    }

    /// The newest record of a journal that it has.
    pub fn upto(&self, station: usize, epoch: StationEpoch) -> ScanSeq {
        self.store.ingest.get(&(station, epoch)).map_or(ScanSeq(0), |ingest| ingest.upto)
    }

    /// Parcels that stations let go, since last asked.
    pub fn let_go(&mut self) -> Vec<(u64, usize)> {
        std::mem::take(&mut self.let_go)
    }

    /// What a station did that none may do.
    pub fn objection(&self) -> Option<&str> {
        self.objection.as_deref()
    }

    /// What it wants to say, since last asked.
    pub fn mail(&mut self) -> Vec<Mail> {
        std::mem::take(&mut self.outbox)
    }

    /// Brings rows to these bodies, in one transaction.
    pub fn change(&mut self, wanted: BTreeMap<RowId, Option<Vec<u8>>>) {
        let folded = fold::fold(&self.store.log, &self.store.rows, wanted);
        self.store.log = folded.log;
        self.store.root = self.store.log.root();
        for delta in folded.deltas {
            for change in &delta.changes {
                self.store.rows.insert(change.row, Stored { seq: change.seq, body: change.body.clone() });
            }
            self.outbox.push(Mail::Log(delta.into()));
        }
    }

    /// Says where the log stands.
    pub fn tick(&mut self, now: Timestamp) {
        self.beat += 1;
        let Log { place, .. } = &self.store.log;
        let Place { epoch, seq, floor, .. } = *place;
        let (lineage, root) = (place.lineage.clone(), self.store.root);
        let (lease, beat) = (self.store.lease, self.beat);
        self.outbox.push(Mail::Head(Head { epoch, lineage, lease, beat, seq, floor, root, wall: now }.into()));
    }

    /// Answers nothing but "later" for a while.
    pub fn set_busy(&mut self, busy: bool) {
        self.busy = busy;
    }

    /// Its process dies.
    pub fn kill(&mut self) {
        self.up = false;
        self.outbox.clear();
        self.born.clear();
        self.snapshot = None;
    }

    /// Its process starts.
    pub fn start(&mut self) {
        (self.up, self.beat, self.busy) = (true, 0, false);
        self.store.lease += 1;
    }

    /// Copies what is committed to a safe place.
    pub fn back_up(&mut self) {
        self.backup = self.store.clone();
    }

    /// The database is lost and the last copy put in its place; a file beside it tells, so a new life begins.
    pub fn restore(&mut self) {
        self.store = self.backup.clone();
        self.begin_life();
    }

    /// Forgets tombstones up to some change.
    pub fn compact(&mut self) {
        let Place { seq, floor, .. } = self.store.log.place;
        let floor = Seq(floor.0 + self.dice.below(seq.0 - floor.0 + 1));
        let before = self.store.rows.len();
        self.store.rows.retain(|_, stored| stored.body.is_some() || stored.seq > floor);
        self.store.log.place.floor = floor;
        let dropped = (before - self.store.rows.len()) as u64;
        self.store.log.place.gone -= dropped;
    }

    fn begin_life(&mut self) {
        let place = &mut self.store.log.place;
        place.lineage.insert(0, Fork { epoch: place.epoch, seq: place.seq });
        place.epoch = Epoch(self.dice.roll());
        self.store.root = self.store.log.root();
        self.snapshot = None;
    }

    /// Says that it has records without taking them: a fault put in on purpose.
    pub fn only_acknowledge(&mut self, station: usize, station_epoch: StationEpoch, upto: ScanSeq) {
        self.answer(station, Ack { station_epoch, upto, safe_upto: upto, refused: Vec::new() });
    }

    /// Takes a message of a station; what it answers is in the mail.
    pub fn hear(&mut self, station: usize, message: &Uplink, now: Timestamp) {
        let is_birth = matches!(message, Uplink::Hello(_));
        if self.busy && !is_birth {
            let retry_ms = 200 + self.dice.below(3_000) as u32;
            return self.answer(station, Busy { retry_ms });
        }
        if !is_birth && !self.born.contains(&station) {
            return self.answer(station, HelloWanted { count: 1 });
        }
        match message {
            Uplink::Hello(hello) => self.hello(station, hello, now),
            Uplink::Batch(batch) => self.batch(station, batch),
            Uplink::Hint(_) | Uplink::Report(_) | Uplink::Goodbye(_) => {}
            Uplink::RangeRequest(wanted) => self.range(station, wanted),
            Uplink::ChunkRequest(wanted) => self.chunks(station, wanted),
            Uplink::BucketsRequest(wanted) => {
                let Log { place, proof } = &self.store.log;
                if wanted.epoch == place.epoch {
                    let (epoch, seq, hashes) = (place.epoch, place.seq, proof.buckets().to_vec());
                    self.answer(station, Buckets { epoch, seq, hashes });
                }
            }
            Uplink::BucketRowsRequest(wanted) => self.bucket_rows(station, wanted),
        }
    }

    fn answer(&mut self, station: usize, message: impl Into<Downlink>) {
        self.outbox.push(Mail::One(station, message.into()));
    }

    fn hello(&mut self, station: usize, hello: &Hello, now: Timestamp) {
        self.born.insert(station);
        let replica = hello.replica;
        if fold::standing(&self.store.log.place, replica.epoch, replica.seq) == Standing::Ahead {
            self.begin_life();
            self.tick(now);
        }
        let ingest = self.store.ingest.entry((station, hello.station_epoch)).or_default();
        let upto = ingest.upto;
        let safe_upto = self.safe(station, hello.station_epoch);
        let (session, station_epoch) = (hello.session, hello.station_epoch);
        self.answer(station, Welcome { session, station_epoch, upto, safe_upto, wall: now });
    }

    fn safe(&self, station: usize, epoch: StationEpoch) -> ScanSeq {
        self.backup.ingest.get(&(station, epoch)).map_or(ScanSeq(0), |ingest| ingest.upto)
    }

    fn batch(&mut self, station: usize, batch: &Batch) {
        let epoch = batch.station_epoch;
        let mut ingest = self.store.ingest.get(&(station, epoch)).copied().unwrap_or_default();
        if batch.first.0 <= ingest.upto.0 + 1 {
            let mut link = batch.before;
            for (seq, record) in (batch.first.0..).zip(&batch.records) {
                let before = link;
                link = link.next(record);
                if seq == ingest.upto.0 + 1 {
                    if before != ingest.link {
                        self.objection.get_or_insert(format!("station {station}: the chain breaks at record {seq}"));
                    }
                    self.keep((station, epoch, ScanSeq(seq)), record);
                    ingest = Ingest { upto: ScanSeq(seq), link };
                }
            }
            self.store.ingest.insert((station, epoch), ingest);
        }
        let (upto, safe_upto) = (ingest.upto, self.safe(station, epoch));
        self.answer(station, Ack { station_epoch: epoch, upto, safe_upto, refused: Vec::new() });
    }

    fn keep(&mut self, id: RecordId, body: &[u8]) {
        let kept = self.store.records.entry(id).or_insert_with(|| Kept { body: body.to_vec(), times: 0 });
        kept.times += 1;
        let record = ScanRecord::decode(body).expect("stations send what their journal wrote");
        if let Event::Judged(judged) = record.event
            && judged.verdict.outcome == Outcome::Release
            && let Some(parcel) = judged.verdict.parcel
            && self.store.released.insert(parcel.0, id.0).is_none()
        {
            self.let_go.push((parcel.0, id.0));
        }
    }

    fn range(&mut self, station: usize, wanted: &RangeRequest) {
        let place = &self.store.log.place;
        let fresh = wanted.epoch == Epoch(0);
        let from = wanted.from;
        let follows = fold::standing(place, wanted.epoch, from) == Standing::Follows;
        let changed: Vec<Change> = self.after(from);
        if fresh || !follows || changed.len() as u64 >= place.live.max(1) {
            return self.offer(station);
        }
        let (epoch, head, root) = (place.epoch, place.seq, self.store.root);
        let (mut prev, last) = (from, changed.len().div_ceil(ROWS));
        for (number, changes) in changed.chunks(ROWS).enumerate().take(RANGE_DELTAS_MAX) {
            let whole = number + 1 == last;
            let to = if whole { head } else { changes.last().map_or(prev, |change| change.seq) };
            let root = whole.then_some(root);
            self.answer(station, Delta { epoch, prev, to, root, changes: changes.to_vec() });
            prev = to;
        }
    }

    /// All rows that changed after `from`, by rising change number.
    fn after(&self, from: Seq) -> Vec<Change> {
        let newer = self.store.rows.iter().filter(|(_, stored)| stored.seq > from);
        let change =
            |(row, stored): (&RowId, &Stored)| Change { row: *row, seq: stored.seq, body: stored.body.clone() };
        let mut changes: Vec<Change> = newer.map(change).collect();
        changes.sort_by_key(|change| change.seq);
        changes
    }

    fn offer(&mut self, station: usize) {
        let Place { epoch, seq, .. } = self.store.log.place;
        let stale = self.snapshot.as_ref().is_none_or(|(offer, _)| offer.epoch != epoch || offer.seq.0 + 20 < seq.0);
        if stale {
            let rows: Vec<Change> = self.live(|_| true);
            let chunks: Vec<Vec<Change>> = rows.chunks(ROWS).map(<[Change]>::to_vec).collect();
            let (snapshot, root) = (self.dice.roll(), self.store.root);
            let count = u32::try_from(chunks.len()).expect("few");
            let offer = SnapshotOffer { snapshot, epoch, seq, root, rows: rows.len() as u64, chunks: count };
            self.snapshot = Some((offer, chunks));
        }
        let offer = self.snapshot.as_ref().map(|(offer, _)| *offer).expect("it was just made");
        self.answer(station, offer);
    }

    fn live(&self, wanted: impl Fn(RowId) -> bool) -> Vec<Change> {
        let live = self.store.rows.iter().filter(|(row, stored)| stored.body.is_some() && wanted(**row));
        live.map(|(row, stored)| Change { row: *row, seq: stored.seq, body: stored.body.clone() }).collect()
    }

    fn chunks(&mut self, station: usize, wanted: &ChunkRequest) {
        let known = self.snapshot.as_ref().filter(|(offer, _)| offer.snapshot == wanted.snapshot);
        let Some((_, chunks)) = known else { return self.offer(station) };
        let from = wanted.from as usize;
        let sent: Vec<(usize, Vec<Change>)> =
            chunks.iter().cloned().enumerate().skip(from).take(usize::from(wanted.credit)).collect();
        for (number, rows) in sent {
            let number = u32::try_from(number).expect("few");
            self.answer(station, Chunk { snapshot: wanted.snapshot, number, rows });
        }
    }

    fn bucket_rows(&mut self, station: usize, wanted: &BucketRowsRequest) {
        let Place { epoch, seq, .. } = self.store.log.place;
        if wanted.epoch != epoch {
            return;
        }
        let root = self.store.root;
        let parts: Vec<&[u16]> = wanted.buckets.chunks(3).collect();
        for (number, buckets) in parts.iter().enumerate() {
            let rows = self.live(|row| buckets.contains(&bucket_of(row)));
            let root = (number + 1 == parts.len()).then_some(root);
            self.answer(station, BucketRows { epoch, seq, buckets: buckets.to_vec(), rows, root });
        }
    }
}
