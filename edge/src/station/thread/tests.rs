use super::super::view::Counts;
use super::*;
use crate::disk::fault::FaultDisk;
use crate::journal::{Birth, Store};
use crate::panel::gpio::NoLight;
use crate::replica::Settings;
use packline_protocol::change::{Change, Row, RowId};
use packline_protocol::downlink::Delta;
use packline_protocol::facts::{Parcel, ParcelCode};
use packline_protocol::id::{BootId, Epoch, ParcelId, Seq, StationEpoch, StationId};
use packline_protocol::samples;
use packline_protocol::verdict::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);

fn parts(disk: &FaultDisk) -> Parts {
    let (station, site) = (StationId::parse("pack-01").unwrap(), SiteId::parse("sz-1").unwrap());
    let settings = Settings { site: site.clone(), cache_bytes: 1 << 20 };
    let (replica, _) = Replica::open(Arc::new(disk.clone()), settings).unwrap();
    let birth = Birth { epoch: StationEpoch(1), boot: BootId(1), now: clock::now() };
    let (store, _) = Store::open(Arc::new(disk.clone()), crate::journal::Settings::default(), birth).unwrap();
    Parts {
        settings: StationSettings { station, boot: BootId(1), lock_on_stop: false, language: Language::Zh },
        site,
        scanners: Vec::new(),
        replica,
        journal: Journal::start(store),
        light: LightThread::start(Box::new(NoLight), Signal::Idle).unwrap(),
        alarms: Alarms::default(),
    }
}

fn know(replica: &Replica, seq: u64, parcel: &Parcel) {
    let body = Some(Row::Parcel(Box::new(parcel.clone())).encode());
    let changes = vec![Change { row: RowId::parcel(parcel.id), seq: Seq(seq), body }];
    replica.apply(&[Delta { epoch: Epoch(7), prev: Seq(seq - 1), to: Seq(seq), root: None, changes }]).unwrap();
    replica.heard(Epoch(7), Seq(seq), replica.state().root, clock::now());
}

/// Waits until a picture is as wanted.
#[track_caller]
fn until(station: &StationHandle, wanted: impl Fn(&PanelView) -> bool) -> Arc<PanelView> {
    let started = clock::moment();
    loop {
        let picture = Arc::clone(&station.pictures().borrow());
        if wanted(&picture) {
            return picture;
        }
        assert!(clock::moment().since_ms(started) < 20_000, "never came: {picture:?}");
        std::thread::yield_now();
    }
}

#[test]
fn a_typed_code_goes_through_replica_and_journal_to_the_page() {
    let disk = FaultDisk::new(0);
    let parts = parts(&disk);
    let (replica, journal) = (parts.replica.clone(), parts.journal.clone());
    know(&replica, 1, &samples::parcel());
    let other = Parcel { id: ParcelId(2), codes: Vec::<ParcelCode>::new(), ..samples::parcel() };
    know(&replica, 2, &other);
    let station = StationThread::start(parts).unwrap();
    station.handle().enter("SF0000000004711").unwrap();
    let durable = |picture: &PanelView| picture.answer.as_ref().is_some_and(|answer| answer.seq.is_some());
    let picture = until(station.handle(), durable);
    assert_eq!(picture.answer.as_ref().unwrap().outcome, Outcome::Release);
    assert_eq!((picture.counts.release, picture.backlog, picture.journal_to), (1, 1, ScanSeq(1)));
    station.handle().acknowledge(None).unwrap();
    until(station.handle(), |picture| picture.answer.is_none());
    drop(station);
    assert_eq!(journal.verify().unwrap(), 1);
}

#[test]
fn a_probe_comes_back_and_not_when_the_thread_has_ended() {
    let station = StationThread::start(parts(&FaultDisk::new(0))).unwrap();
    let handle = station.handle().clone();
    assert!(handle.probe(PATIENCE));
    drop(station);
    assert!(!handle.probe(Duration::from_millis(10)));
    assert_eq!(handle.enter("A"), Err(EntryError::Closed));
}

#[test]
fn a_probe_goes_through_the_journals_thread_and_leaves_no_trace() {
    let parts = parts(&FaultDisk::new(0));
    let journal = parts.journal.clone();
    let station = StationThread::start(parts).unwrap();
    assert!(station.handle().probe(PATIENCE));
    let picture = Arc::clone(&station.handle().pictures().borrow());
    assert_eq!((picture.counts, picture.journal_to, picture.answer.as_ref()), (Counts::default(), ScanSeq(0), None));
    journal.close();
    assert!(!station.handle().probe(Duration::from_millis(100)), "no scan would be recorded");
}

#[test]
fn a_replica_that_breaks_is_asked_about_and_begun_anew() {
    let disk = FaultDisk::new(0);
    let parts = parts(&disk);
    let replica = parts.replica.clone();
    for seq in 1..=400 {
        know(&replica, seq, &Parcel { id: ParcelId(seq), ..samples::parcel() });
    }
    // Opened again, it has no page in memory but the few that opening reads.
    drop(replica);
    let parts = Parts { replica: reopened(&disk), ..parts };
    let replica = parts.replica.clone();
    let station = StationThread::start(parts).unwrap();
    disk.overwrite("replica.redb", 4_096, &vec![0xa5; 1 << 20]);
    station.handle().enter("NOBODY-1").unwrap();
    let picture = until(station.handle(), |picture| picture.answer.as_ref().is_some_and(|answer| answer.seq.is_some()));
    let answer = picture.answer.as_ref().unwrap();
    let reasons: Vec<&str> = answer.reasons.iter().map(|reason| reason.code).collect();
    assert_eq!((answer.outcome, reasons.as_slice()), (Outcome::Ask, &["replica_unreadable"][..]));
    let picture = until(station.handle(), |picture| !picture.alarms.is_empty());
    let alarms: Vec<&str> = picture.alarms.iter().map(|alarm| alarm.key.as_str()).collect();
    assert_eq!(alarms, ["replica-damaged"]);
    assert_eq!(replica.state().rows, 0);
    assert!(disk.names().contains(&"replica.redb.damaged".to_owned()));

    know(&replica, 1, &samples::parcel());
    station.handle().enter("SF0000000004711").unwrap();
    until(station.handle(), |picture| picture.counts.release == 1);
}

fn reopened(disk: &FaultDisk) -> Replica {
    let settings = Settings { site: SiteId::parse("sz-1").unwrap(), cache_bytes: 1 << 20 };
    let (replica, opened) = Replica::open(Arc::new(disk.clone()), settings).unwrap();
    assert_eq!(opened, Opened::Whole);
    replica
}
