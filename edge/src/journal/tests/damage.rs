//! Files that were damaged behind the journal's back.

use super::*;
use crate::disk::Disk;

/// Opens a damaged journal; answers the numbers of the records that came out of it.
#[track_caller]
fn salvaged(disk: &FaultDisk) -> Vec<u64> {
    let (store, opened) = open(disk, 70);
    let Opened::Rebuilt { aside, salvaged, why } = opened else { panic!("{opened:?}") };
    assert!(disk.exists(&aside).unwrap(), "the damaged file is kept");
    assert!(!why.is_empty());
    assert_eq!(store.head().epoch, StationEpoch(70), "a new life");
    let records = store.pending(ScanSeq(1), usize::MAX, usize::MAX).unwrap().records;
    let notes: Vec<Note> = records.iter().map(|record| note(record)).collect();
    assert!(matches!(&notes[0], Note::Begun { salvaged: said, .. } if *said == salvaged), "{:?}", notes[0]);
    assert_eq!(store.verify().unwrap(), u64::from(salvaged) + 1);
    store.append(&[entry(99, 10)]).unwrap();
    notes[1..].iter().map(saved_code).collect()
}

fn note(record: &[u8]) -> Note {
    match ScanRecord::decode(record).unwrap().event {
        Event::Noted(note) => note,
        other => panic!("{other:?}"),
    }
}

fn saved_code(note: &Note) -> u64 {
    match note {
        Note::Salvaged { seq, record, .. } => {
            assert_eq!(ScanRecord::decode(record).unwrap().seq, *seq, "it says where it was first");
            code(record)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_with_a_broken_header_gives_back_every_record() {
    let disk = filled(40);
    disk.overwrite("journal.redb", 0, &[0; 512]);
    assert_eq!(salvaged(&disk), (1..=40).collect::<Vec<_>>());
}

#[test]
fn what_the_hub_had_acknowledged_is_not_sent_again() {
    let disk = FaultDisk::new(0);
    let (store, _) = open(&disk, 7);
    for code in 1..=10 {
        store.append(&[entry(code, 40)]).unwrap();
    }
    store.acknowledge(ScanSeq(8), ScanSeq(0));
    store.append(&[entry(11, 40)]).unwrap();
    drop(store);
    disk.overwrite("journal.redb", 0, &[0; 512]);
    assert_eq!(salvaged(&disk), [9, 10, 11]);
}

#[test]
fn a_bad_sector_costs_the_records_in_it_and_no_other() {
    let disk = filled(40);
    let length = disk.length("journal.redb");
    disk.overwrite("journal.redb", 0, &[0; 64]);
    disk.spoil("journal.redb", length / 2, length / 2 + 4_096);
    let found = salvaged(&disk);
    assert!(found.len() >= 20, "{found:?}");
    assert!(found.is_sorted(), "{found:?}");
}

#[test]
fn an_empty_and_a_foreign_file_are_set_aside() {
    for content in [&b""[..], b"not a database", &[0; 4_096]] {
        let disk = FaultDisk::new(0);
        let file = disk.open("journal.redb", true).unwrap();
        redb::StorageBackend::set_len(&file, content.len() as u64).unwrap();
        redb::StorageBackend::write(&file, 0, content).unwrap();
        assert_eq!(salvaged(&disk), [0u64; 0]);
    }
}

#[test]
fn a_file_cut_short_gives_back_what_is_left_of_it() {
    let disk = filled(200);
    disk.truncate("journal.redb", disk.length("journal.redb") / 2);
    assert!(!salvaged(&disk).is_empty());
}

#[test]
fn damage_anywhere_never_panics_and_never_goes_unnoticed() {
    let whole = (1..=30).collect::<Vec<_>>();
    let original = filled(30);
    let length = original.length("journal.redb");
    let (mut noticed, mut harmless) = (0, 0);
    for at in (0..length).step_by(397) {
        let disk = original.copy();
        disk.overwrite("journal.redb", at, &[0xa5; 16]);
        let (store, opened) = open(&disk, 70);
        match opened {
            // Some bytes of the file mean nothing; then everything must be there.
            Opened::Whole => {
                assert_eq!(codes(&store), whole, "damage at {at} went unnoticed");
                harmless += 1;
            }
            Opened::Rebuilt { .. } => noticed += 1,
            Opened::New => panic!("damage at {at} made the journal forget everything"),
        }
    }
    assert!(noticed > 10 && harmless > 10, "{noticed} noticed, {harmless} harmless");
}

#[test]
fn a_second_disaster_does_not_wrap_what_the_first_one_saved() {
    let disk = filled(5);
    disk.overwrite("journal.redb", 0, &[0; 512]);
    let (store, _) = open(&disk, 8);
    store.close();
    disk.overwrite("journal.redb", 0, &[0; 512]);
    let (store, opened) = open(&disk, 9);
    assert!(matches!(opened, Opened::Rebuilt { salvaged: 6, .. }), "{opened:?}");
    let records = store.pending(ScanSeq(1), 100, 1 << 20).unwrap().records;
    let saved: Vec<u64> = records[2..].iter().map(|record| saved_code(&note(record))).collect();
    assert_eq!(saved, [1, 2, 3, 4, 5]);
}

#[test]
fn a_salvage_that_is_cut_off_is_done_again() {
    let original = filled(12);
    for operations in 0..80 {
        let disk = original.copy();
        disk.overwrite("journal.redb", 0, &[0; 512]);
        disk.crash_after(operations);
        let _ = Store::open(Arc::new(disk.clone()), Settings::default(), birth(8));
        disk.restart();
        let (store, _) = open(&disk, 9);
        let records = store.pending(ScanSeq(1), 100, 1 << 20).unwrap().records;
        let saved: Vec<u64> = records[1..].iter().map(|record| saved_code(&note(record))).collect();
        assert_eq!(saved, (1..=12).collect::<Vec<_>>(), "cut off after {operations} operations");
    }
}

#[test]
fn a_whole_journal_begins_a_new_life_by_command_and_by_nothing_else() {
    let disk = FaultDisk::new(0);
    let (store, _) = open(&disk, 7);
    for code in 1..=4 {
        store.append(&[entry(code, 40)]).unwrap();
    }
    store.acknowledge(ScanSeq(3), ScanSeq(0));
    store.append(&[entry(5, 40)]).unwrap();
    store.close();
    let (store, opened) = open(&disk, 8);
    assert_eq!((opened, store.head().epoch), (Opened::Whole, StationEpoch(7)), "a restart alone changes nothing");
    store.close();
    let renewed = Store::renew(&disk, birth(9), "renewed by command").unwrap();
    let Opened::Rebuilt { aside, salvaged: 2, .. } = renewed else { panic!("{renewed:?}") };
    assert!(disk.exists(&aside).unwrap(), "the old file is kept");
    let (store, _) = open(&disk, 10);
    assert_eq!(store.head().epoch, StationEpoch(9));
    let records = store.pending(ScanSeq(1), usize::MAX, usize::MAX).unwrap().records;
    let saved: Vec<u64> = records[1..].iter().map(|record| saved_code(&note(record))).collect();
    assert_eq!(saved, [4, 5], "what the hub does not have goes along");
    store.close();
    disk.overwrite("journal.redb", 0, &[0; 512]);
    let refused = Store::renew(&disk, birth(11), "renewed by command").unwrap_err();
    assert!(matches!(refused, JournalError::Damaged(_)), "a damaged one is the station's to save: {refused:?}");
}

/// The lives, numbers and codes of what was carried over, in order.
fn carried(store: &Store) -> Vec<(u64, u64, u64)> {
    let records = store.pending(ScanSeq(1), usize::MAX, usize::MAX).unwrap().records;
    let place = |record: &Vec<u8>| match note(record) {
        Note::Salvaged { epoch, seq, record } => Some((epoch.0, seq.0, record)),
        _ => None,
    };
    let inner = |(epoch, seq, record): (u64, u64, Vec<u8>)| match ScanRecord::decode(&record).unwrap().event {
        Event::Judged(_) => Some((epoch, seq, code(&record))),
        _ => None,
    };
    records.iter().filter_map(place).filter_map(inner).collect()
}

#[test]
fn what_is_carried_over_says_in_which_life_and_where_it_was_first_however_often_it_moves() {
    let disk = filled(3);
    disk.overwrite("journal.redb", 0, &[0; 512]);
    let (store, _) = open(&disk, 8);
    assert_eq!(carried(&store), [(7, 1, 1), (7, 2, 2), (7, 3, 3)]);
    store.append(&[entry(4, 40)]).unwrap();
    store.close();
    Store::renew(&disk, birth(9), "renewed by command").unwrap();
    let (store, _) = open(&disk, 10);
    assert_eq!(carried(&store), [(7, 1, 1), (7, 2, 2), (7, 3, 3), (8, 5, 4)], "by command as after damage");
}

#[test]
fn rows_of_several_lives_in_one_file_are_all_saved_each_under_its_own() {
    let stale = filled(2);
    let old = stale.content("journal.redb");
    let disk = FaultDisk::new(0);
    let (store, _) = open(&disk, 8);
    for code in 11..=15 {
        store.append(&[entry(code, 40)]).unwrap();
    }
    store.acknowledge(ScanSeq(3), ScanSeq(0));
    store.append(&[entry(16, 40)]).unwrap();
    store.close();
    // A card that hands out old sectors: the rows of the life before lie behind those of this one.
    let file = disk.open("journal.redb", false).unwrap();
    let end = redb::StorageBackend::len(&file).unwrap();
    redb::StorageBackend::set_len(&file, end + old.len() as u64).unwrap();
    redb::StorageBackend::write(&file, end, &old).unwrap();
    disk.overwrite("journal.redb", 0, &[0; 512]);
    let (store, _) = open(&disk, 9);
    let expected = [(7, 1, 1), (7, 2, 2), (8, 4, 14), (8, 5, 15), (8, 6, 16)];
    assert_eq!(carried(&store), expected, "each life by what the hub had of it, not the longest alone");
}
