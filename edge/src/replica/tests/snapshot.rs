//! Snapshots: part by part, over restarts, proven before they count.

use super::*;

#[track_caller]
fn fetch(staging: &mut Staging, chunks: &[Chunk]) {
    for chunk in chunks.iter().skip(staging.next() as usize) {
        assert_eq!(staging.add(chunk).unwrap(), chunk.number + 1);
    }
}

#[test]
fn a_snapshot_takes_the_place_of_the_replica_under_whoever_is_looking() {
    let old = Hub::with(5);
    let replica = level(&old);
    let mut hub = Hub { epoch: Epoch(8), ..Hub::with(1_000) };
    hub.put(
        RowId::SETTINGS,
        Some(Row::Settings(SiteSettings { title: "new".to_owned(), ..SiteSettings::default() }).encode()),
    );
    let (offer, chunks) = hub.snapshot(64);
    let mut staging = replica.stage(&offer).unwrap();
    fetch(&mut staging, &chunks);
    assert_eq!(found(&replica, "W900"), [0u64; 0], "nothing counts before it is proven");
    let state = replica.install(staging).unwrap();
    assert_eq!((state.epoch, state.seq, state.rows), (Epoch(8), hub.seq, 1_001));
    hub.check(&replica);
    assert_eq!(found(&replica, "W900"), [900]);
    assert_eq!(replica.view().settings.title, "new");
    hub.put_parcel(&parcel(1_001));
    replica.apply(&[hub.delta(1_001)]).unwrap();
    hub.check(&replica);
}

#[test]
fn a_snapshot_goes_on_after_a_restart_where_it_was() {
    let hub = Hub::with(400);
    let (offer, chunks) = hub.snapshot(50);
    let disk = FaultDisk::new(1);
    {
        let replica = open(&disk);
        let mut staging = replica.stage(&offer).unwrap();
        fetch(&mut staging, &chunks[..3]);
        staging.commit().unwrap();
        fetch(&mut staging, &chunks[..5]);
    }
    disk.restart();
    let replica = open(&disk);
    let mut staging = replica.stage(&offer).unwrap();
    assert_eq!(staging.next(), 3, "what was committed is there, the rest is fetched again");
    fetch(&mut staging, &chunks);
    replica.install(staging).unwrap();
    hub.check(&replica);
}

/// Fetches all that is missing and puts it in place.
fn try_whole(replica: &Replica, offer: &SnapshotOffer, chunks: &[Chunk]) -> Result<(), ApplyError> {
    let mut staging = replica.stage(offer)?;
    for chunk in chunks.iter().skip(staging.next() as usize) {
        staging.add(chunk)?;
    }
    replica.install(staging).map(|_| ())
}

#[test]
fn a_snapshot_whose_file_was_damaged_is_fetched_again() {
    let hub = Hub::with(160);
    let (offer, chunks) = hub.snapshot(20);
    let original = FaultDisk::new(1);
    {
        let replica = open(&original);
        let mut staging = replica.stage(&offer).unwrap();
        fetch(&mut staging, &chunks[..4]);
        staging.commit().unwrap();
    }
    let length = original.length("replica.stage");
    let check = |damage: &dyn Fn(&FaultDisk), says: &str| {
        let disk = original.copy();
        damage(&disk);
        let replica = open(&disk);
        // Damage may show only when the parts are put together; then the second try begins anew.
        let tries = (0..3).find(|_| try_whole(&replica, &offer, &chunks).is_ok());
        assert!(tries.is_some_and(|tries| tries <= 1), "{says}: {tries:?}");
        hub.check(&replica);
    };
    // The pages in use are the first ones.
    for at in (0..length.min(64 * 4_096)).step_by(4_096) {
        check(&|disk| disk.overwrite("replica.stage", at, &[0xa5; 4_096]), &format!("a page at {at}"));
        // A page that still looks like one, and leads astray.
        check(&|disk| disk.overwrite("replica.stage", at + 4, &[0xa5; 64]), &format!("the head of the page at {at}"));
    }
    for at in (0..length).step_by(48_311) {
        check(&|disk| disk.overwrite("replica.stage", at, &[0xa5; 64]), &format!("64 bytes at {at}"));
    }
    for cut in [0, 1, 4_096, length / 2, length - 1] {
        check(&|disk| disk.truncate("replica.stage", cut), &format!("cut to {cut}"));
    }
    check(&|disk| disk.overwrite("replica.stage", 4_096, &vec![0; 1 << 22]), "all but the header");
}

#[test]
fn another_snapshot_starts_anew() {
    let disk = FaultDisk::new(1);
    let replica = open(&disk);
    let (offer, chunks) = Hub::with(100).snapshot(10);
    let mut staging = replica.stage(&offer).unwrap();
    fetch(&mut staging, &chunks[..4]);
    staging.commit().unwrap();
    drop(staging);
    let hub = Hub::with(60);
    let (offer, chunks) = hub.snapshot(10);
    let mut staging = replica.stage(&SnapshotOffer { snapshot: 2, ..offer }).unwrap();
    assert_eq!(staging.next(), 0);
    let renamed = |chunk: &Chunk| Chunk { snapshot: 2, ..chunk.clone() };
    fetch(&mut staging, &chunks.iter().map(renamed).collect::<Vec<_>>());
    replica.install(staging).unwrap();
    hub.check(&replica);
}

#[test]
fn parts_are_taken_in_order_and_once() {
    let replica = replica();
    let (offer, chunks) = Hub::with(30).snapshot(10);
    let mut staging = replica.stage(&offer).unwrap();
    let refused = |result: Result<u32, ApplyError>, says: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(staging.add(&chunks[1]), "part 1 of the snapshot came; part 0 is the next");
    assert_eq!(staging.add(&chunks[0]).unwrap(), 1);
    assert_eq!(staging.add(&chunks[0]).unwrap(), 1, "again changes nothing");
    let other = Chunk { snapshot: 9, ..chunks[1].clone() };
    refused(staging.add(&other), "part 1 of the snapshot came; part 1 is the next");
    let early = replica.install(staging);
    assert!(matches!(early, Err(ApplyError::Part { wanted: 1, got: 3 })));
    assert_eq!(replica.state().rows, 0);
}

#[test]
fn a_snapshot_that_does_not_prove_is_thrown_away() {
    let hub = Hub::with(40);
    let (offer, mut chunks) = hub.snapshot(10);
    let disk = FaultDisk::new(1);
    let replica = open(&disk);
    chunks[2].rows[3].body = Some(body(&Parcel { must_not_ship: true, ..parcel(24) }));
    let mut staging = replica.stage(&offer).unwrap();
    fetch(&mut staging, &chunks);
    assert!(matches!(replica.install(staging), Err(ApplyError::Mismatch { .. })));
    assert_eq!(replica.state().rows, 0);
    assert_eq!(replica.stage(&offer).unwrap().next(), 0, "nothing of it is gone on with");
}

#[test]
fn rows_out_of_place_are_refused() {
    let replica = replica();
    let (offer, chunks) = Hub::with(40).snapshot(10);
    let check = |change: &dyn Fn(&mut Chunk), says: &str| {
        let mut staging = replica.stage(&offer).unwrap();
        staging.add(&chunks[0]).unwrap();
        let mut chunk = chunks[1].clone();
        change(&mut chunk);
        let error = staging.add(&chunk).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    check(&|chunk| chunk.rows.reverse(), "of part 1 is out of place");
    check(&|chunk| chunk.rows[0].row = RowId::parcel(ParcelId(1)), "row 1/1 of part 1 is out of place");
    check(&|chunk| chunk.rows[0].body = None, "row 1/11 of part 1 is out of place");
    check(&|chunk| chunk.rows[0].body = Some(vec![0; BODY_MAX + 1]), "has 65537 bytes");
}

#[test]
fn an_empty_site_has_a_snapshot_too() {
    let hub = Hub::new();
    let (offer, _) = hub.snapshot(10);
    let replica = level(&Hub::with(3));
    let staging = replica.stage(&offer).unwrap();
    replica.install(staging).unwrap();
    hub.check(&replica);
    assert_eq!(found(&replica, "W1"), [0u64; 0]);
}

#[test]
fn codes_beyond_one_run_of_memory_are_all_found() {
    // More codes than one run holds, so that runs are merged; small parcels, so that it is quick.
    let mut hub = Hub::new();
    for number in 1..=700u64 {
        let code = |n: u64| ParcelCode { kind: CodeRole::Wms, text: format!("C{number}-{n}") };
        let codes = (0..200).map(code).collect();
        hub.put_parcel(&Parcel { codes, lines: Vec::new(), gifts: Vec::new(), picked: None, ..parcel(number) });
    }
    let (offer, chunks) = hub.snapshot(100);
    let replica = replica();
    let mut staging = replica.stage(&offer).unwrap();
    fetch(&mut staging, &chunks);
    replica.install(staging).unwrap();
    hub.check(&replica);
    for (parcel, code) in [(1, 0), (350, 199), (700, 7)] {
        assert_eq!(found(&replica, &format!("C{parcel}-{code}")), [parcel]);
    }
}
