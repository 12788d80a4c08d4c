//! The station's replica: judging from it, filling it, keeping up.

use super::Args;
use super::measure::{Row, Samples};
use super::sample::{body, waybill};
use crate::clock::instant;
use anyhow::{Context, Result, bail};
use packline_edge::clock;
use packline_edge::disk::RealDisk;
use packline_edge::replica::{Applied, Replica, Settings};
use packline_edge::scan::intake::RawScan;
use packline_edge::station::{Language, Output, Station, StationSettings};
use packline_protocol::change::{Change, RowId};
use packline_protocol::downlink::{Chunk, Delta, Downlink, ROWS_BYTES_MAX, ROWS_MAX, SnapshotOffer};
use packline_protocol::envelope::{Opener, Sealer};
use packline_protocol::id::{BootId, Epoch, ParcelId, ScanSeq, ScannerId, Seq, SiteId, StationId};
use packline_protocol::proof::Proof;
use packline_protocol::time::Moment;
use redb::{Database, ReadableDatabase, TableDefinition};
use std::path::Path;
use std::sync::Arc;

const EPOCH: Epoch = Epoch(7);
/// What the benchmarks' replicas may keep of their files.
pub const CACHE_BYTES: usize = 16 << 20;
const BARE: TableDefinition<u64, &[u8]> = TableDefinition::new("bare");

/// Frame complete to verdict computed, in a replica of a million parcels and 16 MiB of cache; then what follows it.
pub fn verdict(args: &Args) -> Result<Vec<Row>> {
    let (count, rounds) = (args.rows.unwrap_or(1_000_000), args.rounds.unwrap_or(100_000));
    let folder = tempfile::tempdir()?;
    let replica = open(folder.path())?;
    fill(&replica, count)?;
    let bare = bare_table(folder.path(), count)?;
    replica.heard(EPOCH, Seq(count), replica.state().root, clock::now());
    let mut station = Station::new(station_settings()?);
    let (mut ours, mut whole, mut theirs) = (Samples::default(), Samples::default(), Samples::default());
    for round in 0..rounds as u64 {
        // Three parcels a round: none of the three finds its pages warmed by another.
        let [judged, said, bare_one] = [0, 1, 2].map(|step| scattered(round * 3 + step, count));
        let (scan, now) = (raw_scan(judged, round)?, clock::now());
        let judgement = ours.time(|| station.judge(&scan, &replica, now))?;
        if judgement.verdict().parcel != Some(ParcelId(judged)) {
            bail!("parcel {judged} was not found");
        }
        let (scan, now) = (raw_scan(said, round)?, clock::now());
        let outputs = whole.time(|| station.on_scan(scan, &replica, now));
        record(&mut station, &replica, outputs, ScanSeq(round + 1))?;
        theirs.time(|| bare_get(&bare, bare_one))?;
    }
    Ok(vec![
        Row::beside("frame to verdict", "µs", &ours, "a bare redb look-up of a row of the same table", &theirs),
        Row::p99_to_goal("frame to verdict, p99", "µs", &ours, 30.0),
        Row::p99_beside("the same", "µs", &ours, "p99 of the bare look-up", &theirs),
        Row::beside("… with record and answer made up for disk and page", "µs", &whole, "the bare look-up", &theirs),
    ])
}

/// The record is dropped here: what it costs to make it durable is measured by `durable-scan`.
fn record(station: &mut Station, replica: &Replica, outputs: Vec<Output>, seq: ScanSeq) -> Result<()> {
    let ticket = outputs.into_iter().find_map(|output| match output {
        Output::Append { ticket, .. } => Some(ticket),
        _ => None,
    });
    station.on_durable(ticket.context("a scan was not answered")?, Ok(seq), replica, clock::now());
    Ok(())
}

/// A snapshot as it comes over the wire: checked, applied, proven.
pub fn snapshot(args: &Args) -> Result<Vec<Row>> {
    let (count, rounds) = (args.rows.unwrap_or(1_000_000), args.rounds.unwrap_or(3));
    let sealer = Sealer::new(&[7; 32]);
    let opener = Opener::new(&sealer.public())?;
    let (offer, chunks) = chunks(count);
    let payloads = chunks.iter().map(|chunk| sealer.seal(chunk)).collect::<Result<Vec<_>, _>>()?;
    let plain: usize =
        chunks.iter().flat_map(|chunk| &chunk.rows).map(|row| 16 + row.body.as_ref().map_or(0, Vec::len)).sum();
    drop(chunks);
    let wire: usize = payloads.iter().map(Vec::len).sum();
    let (mut ours, mut theirs, mut bytes) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..rounds {
        let folder = tempfile::tempdir()?;
        let replica = open(folder.path())?;
        let start = instant();
        let mut staging = replica.stage(&offer)?;
        for payload in &payloads {
            let Downlink::Chunk(chunk) = Downlink::open(payload, &opener)? else { bail!("a part is no part") };
            staging.add(&chunk)?;
        }
        let state = replica.install(staging)?;
        ours.add_value(start.elapsed().as_secs_f64());
        if state.root != offer.root {
            bail!("the replica does not prove");
        }
        let copy = theirs_copy(&payloads);
        theirs.add_value(copy);
        bytes.add_value(wire as f64 / 1e6);
    }
    let mut plain_bytes = Samples::default();
    plain_bytes.add_value(plain as f64 / 1e6);
    Ok(vec![
        Row::beside(
            &format!("{count} parcels checked, applied, proven, without the network"),
            "s",
            &ours,
            "a copy of the same bytes in memory",
            &theirs,
        ),
        Row::beside("bytes on the wire", "MB", &bytes, "the rows uncompressed", &plain_bytes),
    ])
}

/// A backlog of changes after a break: checked, applied, proven at every step.
pub fn changes(args: &Args) -> Result<Vec<Row>> {
    let (count, rounds) = (args.rows.unwrap_or(200_000), args.rounds.unwrap_or(200_000));
    let folder = tempfile::tempdir()?;
    let replica = open(folder.path())?;
    fill(&replica, count)?;
    let (payloads, opener) = backlog(count, rounds as u64)?;
    let bare = bare_table(folder.path(), count)?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    for group in payloads.chunks(GROUP) {
        let start = instant();
        let deltas = group.iter().map(|payload| open_delta(payload, &opener)).collect::<Result<Vec<_>>>()?;
        let rows: usize = deltas.iter().map(|delta| delta.changes.len()).sum();
        let Applied::Moved { proven: true, .. } = replica.apply(&deltas)? else { bail!("the changes did not prove") };
        ours.add_value(rows as f64 / start.elapsed().as_secs_f64() / 1e3);
        let start = instant();
        bare_write(&bare, deltas.iter().flat_map(|delta| &delta.changes))?;
        theirs.add_value(rows as f64 / start.elapsed().as_secs_f64() / 1e3);
    }
    Ok(vec![
        Row::median_to_goal("changes checked, applied, proven", "k/s", &ours, 100.0).higher(),
        Row::beside("the same", "k/s", &ours, "bare redb inserts of the same rows, same transactions", &theirs)
            .higher(),
    ])
}

/// Changes in one delta of a backlog.
const DELTA: u64 = 500;
/// Deltas in one transaction of the station.
const GROUP: usize = 40;

/// A replica of the benchmarks' site in this folder.
pub fn open(folder: &Path) -> Result<Replica> {
    let disk = Arc::new(RealDisk::open(folder)?);
    Ok(Replica::open(disk, Settings { site: site()?, cache_bytes: CACHE_BYTES })?.0)
}

/// The benchmarks' site.
pub fn site() -> Result<SiteId> {
    Ok(SiteId::parse("bench")?)
}

fn station_settings() -> Result<StationSettings> {
    let station = StationId::parse("bench-1")?;
    Ok(StationSettings { station, boot: BootId(1), lock_on_stop: false, language: Language::Zh })
}

fn change(number: u64, seq: u64) -> Change {
    Change { row: RowId::parcel(ParcelId(number)), seq: Seq(seq), body: Some(body(number, seq)) }
}

/// Parcels 1 to `count`, each changed once, as a snapshot has them.
fn chunks(count: u64) -> (SnapshotOffer, Vec<Chunk>) {
    let mut proof = Proof::empty(&site().expect("a good name"));
    let (mut chunks, mut rows, mut bytes) = (Vec::new(), Vec::new(), 0);
    for number in 1..=count {
        let change = change(number, number);
        let body = change.body.as_deref().unwrap_or_default();
        proof.toggle(change.row, change.seq, body);
        if bytes + body.len() + 24 > ROWS_BYTES_MAX || rows.len() >= ROWS_MAX {
            chunks.push(std::mem::take(&mut rows));
            bytes = 0;
        }
        bytes += body.len() + 24;
        rows.push(change);
    }
    chunks.push(rows);
    let chunks: Vec<Chunk> = (0..).zip(chunks).map(|(number, rows)| Chunk { snapshot: 1, number, rows }).collect();
    let parts = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    let root = proof.root(EPOCH, Seq(count));
    (SnapshotOffer { snapshot: 1, epoch: EPOCH, seq: Seq(count), root, rows: count, chunks: parts }, chunks)
}

/// Puts parcels 1 to `count` into the replica, as a snapshot would.
pub fn fill(replica: &Replica, count: u64) -> Result<()> {
    let (offer, chunks) = chunks(count);
    let mut staging = replica.stage(&offer)?;
    for chunk in &chunks {
        staging.add(chunk)?;
    }
    replica.install(staging).context("failed to fill the replica")?;
    Ok(())
}

/// `wanted` changes of scattered parcels after the snapshot, as signed deltas with a proof each.
fn backlog(count: u64, wanted: u64) -> Result<(Vec<Vec<u8>>, Opener)> {
    let sealer = Sealer::new(&[7; 32]);
    let mut proof = Proof::empty(&site()?);
    let mut newest: Vec<(u64, Vec<u8>)> = (1..=count).map(|number| (number, body(number, number))).collect();
    for (number, (seq, body)) in (1..).zip(&newest) {
        proof.toggle(RowId::parcel(ParcelId(number)), Seq(*seq), body);
    }
    let (mut payloads, mut seq) = (Vec::new(), count);
    while seq < count + wanted {
        let prev = seq;
        let mut changes = Vec::new();
        for step in 0..DELTA {
            seq += 1;
            // A stride that is prime to every round count: no parcel twice in one delta.
            let number = (seq * 7_919 + step) % count + 1;
            let change = change(number, seq);
            let place = usize::try_from(number - 1)?;
            let old = std::mem::replace(&mut newest[place], (seq, change.body.clone().unwrap_or_default()));
            proof.toggle(change.row, Seq(old.0), &old.1);
            proof.toggle(change.row, Seq(seq), change.body.as_deref().unwrap_or_default());
            changes.push(change);
        }
        let delta =
            Delta { epoch: EPOCH, prev: Seq(prev), to: Seq(seq), root: Some(proof.root(EPOCH, Seq(seq))), changes };
        payloads.push(sealer.seal(&delta)?);
    }
    Ok((payloads, Opener::new(&sealer.public())?))
}

fn open_delta(payload: &[u8], opener: &Opener) -> Result<Delta> {
    match Downlink::open(payload, opener)? {
        Downlink::Delta(delta) => Ok(delta),
        other => bail!("{other:?} is no delta"),
    }
}

fn bare_table(folder: &Path, count: u64) -> Result<Database> {
    let database = Database::builder().set_cache_size(CACHE_BYTES).create(folder.join("bare.redb"))?;
    let write = database.begin_write()?;
    let mut table = write.open_table(BARE)?;
    for number in 1..=count {
        table.insert(RowId::parcel(ParcelId(number)).0, body(number, number).as_slice())?;
    }
    drop(table);
    write.commit()?;
    Ok(database)
}

fn bare_get(database: &Database, number: u64) -> Result<usize> {
    let read = database.begin_read()?;
    let row = read.open_table(BARE)?.get(RowId::parcel(ParcelId(number)).0)?.context("the row is there")?;
    Ok(row.value().len())
}

fn bare_write<'a>(database: &Database, changes: impl Iterator<Item = &'a Change>) -> Result<()> {
    let write = database.begin_write()?;
    let mut table = write.open_table(BARE)?;
    for change in changes {
        table.insert(change.row.0, change.body.as_deref().unwrap_or_default())?;
    }
    drop(table);
    write.commit()?;
    Ok(())
}

fn theirs_copy(payloads: &[Vec<u8>]) -> f64 {
    let start = instant();
    let copy: Vec<u8> = payloads.concat();
    std::hint::black_box(&copy);
    start.elapsed().as_secs_f64()
}

/// Numbers that jump about, so that look-ups do not follow the pages.
fn scattered(round: u64, count: u64) -> u64 {
    (round.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % count + 1
}

fn raw_scan(number: u64, round: u64) -> Result<RawScan> {
    let bytes = waybill(number).into_bytes();
    let scanner = ScannerId::parse("gun-1")?;
    Ok(RawScan { scanner, at: Moment(round * 2_000), bytes: bytes.clone(), codes: vec![bytes], burst: None })
}
