//! The journal, on a disk that fails on purpose.

use super::*;
use crate::disk::fault::FaultDisk;
use packline_protocol::facts::{CodeClass, FactsDigest};
use packline_protocol::id::{Epoch, Revision, ScannerId, Seq};
use packline_protocol::record::{Judged, Note};
use packline_protocol::verdict::{Outcome, Verdict};
use std::sync::Arc;

mod crash;
mod damage;
mod space;
mod thread;

const DAY_MS: i64 = 24 * 3_600_000;

fn at(ms: u64) -> Now {
    Now { moment: Moment(ms), wall: Timestamp(1_800_000_000_000 + ms as i64), wall_trusted: true }
}

fn birth(epoch: u64) -> Birth {
    Birth { epoch: StationEpoch(epoch), boot: BootId(1), now: at(0) }
}

/// A release of parcel `code`, `size` raw bytes long.
fn entry(code: u64, size: usize) -> Entry {
    let verdict = Verdict {
        outcome: Outcome::Release,
        reasons: Vec::new(),
        parcel: None,
        repeat: false,
        revision: Revision(0),
        facts: FactsDigest([0; 16]),
        epoch: Epoch(1),
        position: Seq(1),
        age_ms: Some(0),
    };
    let judged = Judged {
        scanner: ScannerId::parse("left").unwrap(),
        raw: vec![b'7'; size],
        code: code.to_string(),
        class: CodeClass::Parcel,
        order: None,
        verdict,
    };
    Entry::new(BootId(1), at(code), Event::Judged(Box::new(judged)))
}

fn code(record: &[u8]) -> u64 {
    match ScanRecord::decode(record).unwrap().event {
        Event::Judged(judged) => judged.code.parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn open(disk: &FaultDisk, epoch: u64) -> (Store, Opened) {
    Store::open(Arc::new(disk.clone()), Settings::default(), birth(epoch)).unwrap()
}

/// A disk with a journal of records 1 to `count`, closed.
fn filled(count: u64) -> FaultDisk {
    let disk = FaultDisk::new(0);
    let (store, _) = open(&disk, 7);
    for code in 1..=count {
        store.append(&[entry(code, 40)]).unwrap();
    }
    store.close();
    disk
}

fn codes(store: &Store) -> Vec<u64> {
    store.pending(ScanSeq(1), usize::MAX, usize::MAX).unwrap().records.iter().map(|record| code(record)).collect()
}

#[test]
fn records_are_numbered_without_gaps_and_chained() {
    let disk = FaultDisk::new(0);
    let (store, opened) = open(&disk, 7);
    assert_eq!(opened, Opened::New);
    assert_eq!(
        (store.head().oldest, store.head().newest, store.head().link),
        (ScanSeq(1), ScanSeq(0), ChainLink::START)
    );
    assert_eq!(store.append(&[entry(1, 10)]), Ok(ScanSeq(1)));
    assert_eq!(store.append(&[entry(2, 10), entry(3, 10)]), Ok(ScanSeq(2)));
    let pending = store.pending(ScanSeq(1), 100, 1 << 20).unwrap();
    let mut link = pending.before;
    assert_eq!((pending.first, link), (ScanSeq(1), ChainLink::START));
    for (seq, record) in (1..).zip(&pending.records) {
        assert_eq!(ScanRecord::decode(record).unwrap().seq, ScanSeq(seq));
        link = link.next(record);
    }
    assert_eq!((store.head().newest, store.head().link), (ScanSeq(3), link));
    assert_eq!(store.verify().unwrap(), 3);
}

#[test]
fn a_part_starts_where_asked_and_ends_at_either_limit() {
    let (store, _) = open(&filled(10), 8);
    let part = |from, records, bytes| {
        let pending = store.pending(ScanSeq(from), records, bytes).unwrap();
        let seqs: Vec<u64> = pending.records.iter().map(|record| code(record)).collect();
        assert_eq!(seqs.first().copied().unwrap_or(pending.first.0), pending.first.0);
        seqs
    };
    assert_eq!(part(4, 3, 1 << 20), [4, 5, 6]);
    assert_eq!(part(9, 100, 1 << 20), [9, 10]);
    assert_eq!(part(4, 100, 1), [4], "one record always fits");
    assert_eq!(part(11, 100, 1 << 20), [0u64; 0]);
    let whole = store.pending(ScanSeq(1), 100, 1 << 20).unwrap();
    let later = store.pending(ScanSeq(4), 100, 1 << 20).unwrap();
    let before = whole.records.iter().take(3).fold(whole.before, |link, record| link.next(record));
    assert_eq!(later.before, before);
    assert_eq!(store.pending(ScanSeq(99), 1, 1).unwrap().before, store.head().link);
}

#[test]
fn a_journal_goes_on_after_a_restart_where_it_was() {
    let disk = filled(5);
    let (store, opened) = open(&disk, 99);
    assert_eq!(opened, Opened::Whole);
    let head = store.head();
    assert_eq!((head.epoch, head.oldest, head.newest), (StationEpoch(7), ScanSeq(1), ScanSeq(5)));
    assert_eq!(store.append(&[entry(6, 40)]), Ok(ScanSeq(6)));
    assert_eq!(codes(&store), [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.verify().unwrap(), 6);
}

#[test]
fn records_go_only_when_the_hub_has_them_in_a_backup_or_long_enough() {
    let (store, _) = open(&filled(10), 8);
    let soon = at(60_000);
    assert_eq!(store.prunable(soon).unwrap(), 0);
    store.acknowledge(ScanSeq(6), ScanSeq(4));
    assert_eq!(store.prunable(soon).unwrap(), 4, "in a backup");
    assert_eq!(store.prune(soon).unwrap(), 4);
    assert_eq!((store.head().oldest, codes(&store)), (ScanSeq(5), vec![5, 6, 7, 8, 9, 10]));
    assert_eq!(store.prune(soon).unwrap(), 0);
    let late = Now { wall: soon.wall.plus_ms(8 * DAY_MS), ..soon };
    assert_eq!(store.prunable(Now { wall_trusted: false, ..late }).unwrap(), 0, "a wrong clock deletes nothing");
    assert_eq!(store.prune(late).unwrap(), 2, "acknowledged and old enough");
    assert_eq!(codes(&store), [7, 8, 9, 10], "what the hub does not have stays, however old");
    assert_eq!(store.verify().unwrap(), 4);
}

/// A disk with records 1 to `count` that the hub has; of the numbers in `dateless` no trusted clock tells the age.
fn acknowledged(count: u64, dateless: std::ops::Range<u64>) -> Store {
    let (store, _) = open(&FaultDisk::new(0), 7);
    let entries: Vec<Entry> =
        (1..=count).map(|code| Entry { wall_trusted: !dateless.contains(&code), ..entry(code, 40) }).collect();
    entries.chunks(200).for_each(|part| assert!(store.append(part).is_ok()));
    store.acknowledge(ScanSeq(count), ScanSeq(0));
    store
}

/// Deletes until nothing more goes; a pass may only have looked, so a few are in vain.
fn prune_all(store: &Store, now: Now) {
    let mut vain = 0;
    while vain < 8 {
        vain = if store.prune(now).unwrap() == 0 { vain + 1 } else { 0 };
    }
}

#[test]
fn records_without_a_trusted_clock_go_with_the_next_one_that_is_old_enough() {
    let late = Now { wall: at(0).wall.plus_ms(8 * DAY_MS), ..at(60_000) };
    for dateless in [1..2, 3..6, 1..600, 100..900] {
        let store = acknowledged(1_000, dateless.clone());
        assert_eq!(store.prune(at(60_000)).unwrap(), 0, "{dateless:?}");
        prune_all(&store, late);
        assert_eq!(codes(&store), [1_000], "{dateless:?}");
    }
    let store = acknowledged(1_000, 1..1_000);
    prune_all(&store, late);
    assert_eq!(codes(&store), [1_000], "the newest, which carries the chain on, tells the age of all others");
    let store = acknowledged(1_000, 500..1_001);
    prune_all(&store, late);
    assert_eq!(codes(&store).first(), Some(&500), "nothing says how old these are");
}

#[test]
fn a_record_from_the_future_keeps_no_other_one() {
    let (store, _) = open(&FaultDisk::new(0), 7);
    let future = Entry { wall: at(0).wall.plus_ms(900 * DAY_MS), ..entry(2, 40) };
    store.append(&[entry(1, 40), future, entry(3, 40), entry(4, 40)]).unwrap();
    store.acknowledge(ScanSeq(4), ScanSeq(0));
    prune_all(&store, Now { wall: at(0).wall.plus_ms(8 * DAY_MS), ..at(60_000) });
    assert_eq!(codes(&store), [4]);
}

#[test]
fn the_newest_record_carries_number_and_chain_over_an_empty_outbox() {
    let disk = filled(3);
    let (store, _) = open(&disk, 8);
    let link = store.head().link;
    store.acknowledge(ScanSeq(3), ScanSeq(3));
    assert_eq!(store.prune(at(0)).unwrap(), 2);
    store.close();
    let (store, opened) = open(&disk, 9);
    assert_eq!(opened, Opened::Whole);
    let head = store.head();
    assert_eq!((head.newest, head.link, head.acked, head.backlog()), (ScanSeq(3), link, ScanSeq(3), 0));
    assert_eq!(store.append(&[entry(4, 40)]), Ok(ScanSeq(4)));
    assert_eq!(store.verify().unwrap(), 2);
}

#[test]
fn a_hub_that_claims_more_than_was_written_is_not_believed() {
    let (store, _) = open(&filled(3), 8);
    store.acknowledge(ScanSeq(100), ScanSeq(200));
    assert_eq!((store.head().acked, store.head().safe), (ScanSeq(3), ScanSeq(3)));
    store.acknowledge(ScanSeq(1), ScanSeq(1));
    assert_eq!(store.head().acked, ScanSeq(3), "an acknowledgement never goes back");
}

#[test]
fn a_record_longer_than_any_is_refused_and_spends_no_number() {
    let (store, _) = open(&FaultDisk::new(0), 7);
    let error = store.append(&[entry(1, RECORD_MAX)]).unwrap_err();
    assert!(matches!(error, AppendError::TooLong { max: ENTRY_BYTES_MAX, .. }), "{error}");
    assert_eq!(store.append(&[entry(1, 10)]), Ok(ScanSeq(1)));
}

#[test]
fn a_closed_journal_takes_nothing() {
    let (store, _) = open(&filled(1), 8);
    store.close();
    assert_eq!(store.append(&[entry(2, 10)]), Err(AppendError::Closed));
    assert!(matches!(store.pending(ScanSeq(1), 1, 1), Err(JournalError::NotOpen)));
}

#[test]
fn a_journal_that_another_process_holds_is_not_taken_for_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(crate::disk::RealDisk::open(folder.path()).unwrap());
    let (_held, _) = Store::open(disk.clone(), Settings::default(), birth(1)).unwrap();
    let error = Store::open(disk.clone(), Settings::default(), birth(2)).unwrap_err();
    assert!(matches!(error, JournalError::Storage { .. }), "{error}");
    let names = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    assert!(!names.into_iter().any(|name| name.to_string_lossy().contains("damaged")), "nothing was set aside");
}
