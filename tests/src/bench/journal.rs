//! The station's journal: what it costs until a scan may be shown as green.

use super::Args;
use super::measure::{Row, Samples};
use anyhow::{Context, Result, bail};
use packline_edge::clock;
use packline_edge::disk::RealDisk;
use packline_edge::journal::{Birth, Entry, Journal, Settings, Store};
use packline_protocol::facts::{CodeClass, Facts};
use packline_protocol::id::{BootId, OrderId, ScanSeq, StationEpoch};
use packline_protocol::record::{Event, Judged};
use packline_protocol::rules::{Position, builtin};
use packline_protocol::samples;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// A scan made durable, beside a bare append and fdatasync of the same bytes, alternating.
pub fn durable_scan(args: &Args) -> Result<Vec<Row>> {
    let rounds = args.rounds.unwrap_or(1_000);
    let folder = tempfile::tempdir()?;
    let journal = open(folder.path())?;
    let mut bare = File::create(folder.path().join("bare"))?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    let (mut our_bytes, mut their_bytes, mut group) = (Samples::default(), Samples::default(), Samples::default());
    let length = entry().numbered(ScanSeq(1)).encode().len();
    for _ in 0..rounds {
        let (entries, before) = (vec![entry()], written()?);
        ours.time(|| append(&journal, entries))?;
        our_bytes.add_value((written()? - before) as f64 / 1e3);
        let before = written()?;
        theirs.time(|| bare.write_all(&vec![7; length]).and_then(|()| bare.sync_data()))?;
        their_bytes.add_value((written()? - before) as f64 / 1e3);
    }
    for _ in 0..rounds / 10 {
        let (entries, before) = (vec![entry(); GROUP], written()?);
        append(&journal, entries)?;
        group.add_value((written()? - before) as f64 / 1e3 / GROUP as f64);
    }
    let mut goal = Row::beside(
        "a scan made durable, of the goal of 1.3 × the same",
        "µs",
        &ours,
        "1.3 × append + fdatasync",
        &theirs,
    );
    goal.peer_median *= 1.3;
    goal.ratio /= 1.3;
    Ok(vec![
        Row::beside("a scan made durable", "µs", &ours, "a bare append + fdatasync of the same bytes", &theirs),
        goal,
        Row::beside("bytes written per scan", "KB", &our_bytes, "the same, bare", &their_bytes),
        Row::beside(&format!("bytes written per scan, {GROUP} at once"), "KB", &group, "one by one", &our_bytes),
    ])
}

/// Scans that fire together.
const GROUP: usize = 20;
/// A disk that takes longer is broken.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(folder: &Path) -> Result<Journal> {
    let disk = Arc::new(RealDisk::open(folder)?);
    let birth = Birth { epoch: StationEpoch(1), boot: BootId(1), now: clock::now() };
    Ok(Journal::start(Store::open(disk, Settings::default(), birth)?.0))
}

/// Appends records and waits until all are durable, as a station does before it shows a green.
fn append(journal: &Journal, entries: Vec<Entry>) -> Result<()> {
    let (done, finished) = channel();
    let count = entries.len();
    for entry in entries {
        let done = done.clone();
        // The receiver is here until every record has said how it went.
        journal.append(entry, Box::new(move |written| drop(done.send(written))));
    }
    for _ in 0..count {
        if let Err(error) = finished.recv_timeout(PATIENCE).context("the journal does not answer")? {
            bail!("a record was not written: {error}");
        }
    }
    Ok(())
}

/// A release as the station records it.
fn entry() -> Entry {
    let (parcel, scan) = (samples::parcel(), samples::scan_facts());
    let verdict = builtin::rule_set().judge(&Facts { parcel: Some(&parcel), scan: &scan }, Position::default());
    let judged = Judged {
        scanner: "gun-1".parse().expect("a good name"),
        raw: b"]C0SF0000000004711".to_vec(),
        code: "SF0000000004711".to_owned(),
        class: CodeClass::Parcel,
        order: Some(OrderId(815)),
        verdict,
    };
    Entry::new(BootId(1), clock::now(), Event::Judged(Box::new(judged)))
}

/// Bytes that this process has had written to storage so far.
fn written() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io").context("failed to read this process's counters")?;
    let line =
        io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).context("the counters name write_bytes")?;
    Ok(line.trim().parse()?)
}
