//! A full disk, a full share of it, and a disk that fails.

use super::*;

fn later(store: &Store, code: u64) -> Result<ScanSeq, AppendError> {
    let mut entry = entry(code, 400);
    // The file is opened anew a second after a failure at the earliest.
    entry.moment = Moment(code * 10_000);
    store.append(&[entry])
}

#[test]
fn a_full_disk_is_refused_loudly_eats_nothing_and_heals_when_space_returns() {
    let disk = FaultDisk::new(0);
    let (store, _) = open(&disk, 7);
    disk.set_capacity(disk.used() + 60_000);
    let mut written = 0;
    let refusal = loop {
        match later(&store, written + 1) {
            Ok(seq) => written = seq.0,
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, AppendError::Full(_)), "{refusal}");
    assert!(written > 10, "{written}");
    assert!(matches!(later(&store, written + 1), Err(AppendError::Full(_))), "it stays full");
    assert_eq!(codes(&store), (1..=written).collect::<Vec<_>>(), "old records can still be read");
    disk.set_capacity(u64::MAX);
    assert_eq!(later(&store, written + 2), Ok(ScanSeq(written + 1)));
    assert_eq!(store.verify().unwrap(), written + 1);
}

#[test]
fn a_full_share_is_refused_and_frees_itself_as_the_hub_takes_records() {
    let disk = FaultDisk::new(0);
    let settings = Settings { bytes_max: 20_000, ..Settings::default() };
    let (store, _) = Store::open(Arc::new(disk), settings, birth(7)).unwrap();
    let mut code = 1;
    while later(&store, code).is_ok() {
        code += 1;
    }
    let head = store.head();
    assert!(head.bytes <= 20_000 && head.percent() > 90, "{head:?}");
    assert!(matches!(later(&store, code), Err(AppendError::Full(_))));
    store.acknowledge(head.newest, ScanSeq(10));
    assert_eq!(store.prune(at(0)).unwrap(), 10);
    assert_eq!(later(&store, code), Ok(ScanSeq(code)));
    let counted: u64 =
        store.pending(ScanSeq(1), usize::MAX, usize::MAX).unwrap().records.iter().map(|r| row::length(r.len())).sum();
    assert_eq!(store.head().bytes, counted);
}

#[test]
fn a_full_share_makes_way_for_a_scan_before_it_is_refused() {
    let settings = Settings { bytes_max: 200_000, ..Settings::default() };
    let (store, _) = Store::open(Arc::new(FaultDisk::new(0)), settings, birth(7)).unwrap();
    let mut code = 1;
    while later(&store, code).is_ok() {
        code += 1;
    }
    let newest = store.head().newest;
    store.acknowledge(newest, ScanSeq(1));
    assert_eq!(later(&store, code), Ok(ScanSeq(newest.0 + 1)), "one that the hub has in a backup makes way");
    assert!(matches!(later(&store, code), Err(AppendError::Full(_))), "the others are too young");
    assert_eq!(store.verify().unwrap(), newest.0);
}

#[test]
fn a_full_disk_makes_way_for_a_scan_before_it_is_refused() {
    let disk = FaultDisk::new(0);
    let (store, _) = open(&disk, 7);
    for code in 1..=300 {
        later(&store, code).unwrap();
    }
    disk.set_capacity(disk.used());
    let mut code = 301;
    while later(&store, code).is_ok() {
        code += 1;
    }
    let newest = store.head().newest;
    store.acknowledge(newest, newest);
    assert_eq!(later(&store, code + 1), Ok(ScanSeq(newest.0 + 1)));
    assert!(store.head().oldest > ScanSeq(1));
}

#[test]
fn a_disk_that_is_full_lets_go_of_what_the_hub_has() {
    let disk = FaultDisk::new(0);
    let (store, _) = open(&disk, 7);
    disk.set_capacity(disk.used() + 60_000);
    let mut code = 1;
    while later(&store, code).is_ok() {
        code += 1;
    }
    let newest = store.head().newest;
    store.acknowledge(newest, newest);
    let now = at((code + 1) * 10_000);
    while store.prune(now).unwrap() > 0 {}
    assert_eq!(store.head().oldest, newest);
    assert_eq!(later(&store, code + 2), Ok(ScanSeq(newest.0 + 1)));
}

#[test]
fn a_commit_that_fails_is_never_reported_durable() {
    let disk = FaultDisk::new(3);
    let (store, _) = open(&disk, 7);
    assert_eq!(later(&store, 1), Ok(ScanSeq(1)));
    disk.fail_syncs(true);
    assert!(matches!(later(&store, 2), Err(AppendError::Broken(_))));
    disk.fail_syncs(false);
    let next = later(&store, 3).unwrap();
    disk.restart();
    let (store, opened) = open(&disk, 8);
    assert_eq!(opened, Opened::Whole);
    let codes = codes(&store);
    assert_eq!(codes.first(), Some(&1));
    assert_eq!(codes.last(), Some(&3));
    assert_eq!(store.head().newest, next);
    assert_eq!(store.verify().unwrap(), codes.len() as u64);
}

#[test]
fn what_a_failed_sync_left_in_memory_is_not_heard_of_and_its_numbers_are_given_anew() {
    let disk = FaultDisk::new(0);
    let (store, _) = open(&disk, 7);
    assert_eq!(later(&store, 1), Ok(ScanSeq(1)));
    let known = store.head();
    disk.forget_at_next_sync();
    let group: Vec<Entry> = (2..=4).map(|code| Entry { moment: Moment(20_000), ..entry(code, 400) }).collect();
    assert!(matches!(store.append(&group), Err(AppendError::Broken(_))));
    let head = store.head();
    assert_eq!((head.newest, head.link), (known.newest, known.link), "the link is told of nothing new");
    assert_eq!(codes(&store), [1], "what was durable can still be sent, and nothing else");
    store.acknowledge(ScanSeq(4), ScanSeq(4));
    assert_eq!(store.head().acked, ScanSeq(1), "nobody can have had more");
    assert_eq!(later(&store, 5), Ok(ScanSeq(2)), "written anew, without what failed");
    assert_eq!((codes(&store), store.verify().unwrap()), (vec![1, 5], 2));
    disk.restart();
    let (store, opened) = open(&disk, 8);
    assert_eq!((opened, codes(&store)), (Opened::Whole, vec![1, 5]), "what was said is on the disk");
}

#[test]
fn what_was_sent_outlives_a_power_cut_after_a_failed_sync() {
    let disk = FaultDisk::new(0);
    let (store, _) = open(&disk, 7);
    later(&store, 1).unwrap();
    disk.forget_at_next_sync();
    assert!(later(&store, 2).is_err());
    let (sent, heard) = (codes(&store), store.head().newest);
    disk.restart();
    let (store, opened) = open(&disk, 8);
    let records = store.pending(ScanSeq(1), usize::MAX, usize::MAX).unwrap().records;
    if opened == Opened::Whole {
        assert!(heard <= store.head().newest, "{heard} was sent, {:?} is left", store.head());
        assert!(codes(&store).starts_with(&sent));
    } else {
        // A new life: nothing can be sent twice under one number, and what was sent is carried over.
        let has = |code: &u64| records.iter().any(|record| String::from_utf8_lossy(record).contains(&code.to_string()));
        assert!(sent.iter().all(has), "{opened:?}");
    }
}
