//! The wire, byte for byte. A difference here means that programs in the field would misread each other.
//!
//! `PACKLINE_GOLDEN=write` writes files that are missing; it never changes one that is there.
#![allow(clippy::unwrap_used)]

use packline_protocol::change::{Change, Elsewhere, Row, RowId, SiteSettings};
use packline_protocol::downlink::*;
use packline_protocol::envelope::{Message, Opener, Sealer};
use packline_protocol::facts::{CodeClass, Facts, FactsDigest};
use packline_protocol::id::*;
use packline_protocol::proof::Root;
use packline_protocol::record::*;
use packline_protocol::rules::{Position, builtin};
use packline_protocol::samples::{parcel, scan_facts};
use packline_protocol::time::{Moment, Timestamp};
use packline_protocol::uplink::*;
use std::path::Path;

const WALL: Timestamp = Timestamp(1_795_000_000_123);

/// Compares bytes with the file of that name, and says where they part.
#[track_caller]
fn check(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"));
    let hex: String =
        bytes.chunks(32).map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n").collect();
    if !path.exists() && std::env::var("PACKLINE_GOLDEN").is_ok_and(|mode| mode == "write") {
        std::fs::write(&path, &hex).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("no golden file for `{name}`: {error}"));
    assert_eq!(hex, golden, "the bytes of `{name}` changed");
}

/// Checks a message's envelope and that the bytes in the file still read as the message.
#[track_caller]
fn check_up<M: Message + Clone + Into<Uplink>>(schema: u16, message: &M) {
    let sealer = Sealer::new(&[7; 32]);
    let payload = sealer.seal(message).unwrap();
    check(&format!("up-{}-{schema}", M::NAME), &payload);
    assert_eq!(Uplink::open(&payload, &Opener::new(&sealer.public()).unwrap()).unwrap(), message.clone().into());
}

#[track_caller]
fn check_down<M: Message + Clone + Into<Downlink>>(schema: u16, message: &M) {
    let sealer = Sealer::new(&[9; 32]);
    let payload = sealer.seal(message).unwrap();
    check(&format!("down-{}-{schema}", M::NAME), &payload);
    assert_eq!(Downlink::open(&payload, &Opener::new(&sealer.public()).unwrap()).unwrap(), message.clone().into());
}

fn replica() -> ReplicaState {
    ReplicaState { epoch: Epoch(0xE0C4), seq: Seq(900), root: Root([3; 16]), rows: 25_000 }
}

fn judged() -> ScanRecord {
    let (parcel, scan) = (parcel(), scan_facts());
    let facts = Facts { parcel: Some(&parcel), scan: &scan };
    let verdict = builtin::rule_set().judge(&facts, Position { epoch: Epoch(0xE0C4), seq: Seq(900) });
    let judged = Judged {
        scanner: "gun-1".parse().unwrap(),
        raw: b"]C0SF0000000004711\r".to_vec(),
        code: "SF0000000004711".to_owned(),
        class: CodeClass::Parcel,
        order: Some(OrderId(815)),
        verdict,
    };
    record(Event::Judged(Box::new(judged)))
}

fn record(event: Event) -> ScanRecord {
    ScanRecord { seq: ScanSeq(12), boot: BootId(77), moment: Moment(123_456), wall: WALL, wall_trusted: true, event }
}

fn change() -> Change {
    Change { row: RowId::parcel(ParcelId(4_711)), seq: Seq(901), body: Some(Row::Parcel(Box::new(parcel())).encode()) }
}

#[test]
fn every_message_from_a_station_keeps_its_bytes() {
    check_up(
        1,
        &Hello {
            session: 5,
            boot: BootId(77),
            version: "0.1.0".to_owned(),
            row_schema: 1,
            station_epoch: StationEpoch(0x57A7),
            journal_from: ScanSeq(3),
            journal_to: ScanSeq(12),
            replica: replica(),
        },
    );
    let records = vec![judged().encode()];
    check_up(
        1,
        &Batch { station_epoch: StationEpoch(0x57A7), first: ScanSeq(12), before: ChainLink([1; 16]), records },
    );
    check_up(1, &Hint { station_epoch: StationEpoch(0x57A7), record: judged().encode() });
    check_up(
        1,
        &Report {
            session: 5,
            replica: replica(),
            revision: Revision(0),
            backlog: 9,
            journal_percent: 2,
            scanners: vec![ScannerReport { scanner: "gun-1".parse().unwrap(), online: true, frames: 40, refused: 1 }],
            alarms: vec![Alarm { key: "replica-damaged".to_owned(), text: "moved aside, fetched again".to_owned() }],
            wall: WALL,
            wall_trusted: false,
        },
    );
    check_up(1, &RangeRequest { epoch: Epoch(0xE0C4), from: Seq(900) });
    check_up(1, &ChunkRequest { snapshot: 6, from: 4, credit: 4 });
    check_up(1, &BucketsRequest { epoch: Epoch(0xE0C4) });
    check_up(1, &BucketRowsRequest { epoch: Epoch(0xE0C4), buckets: vec![0, 1_023] });
    check_up(1, &Goodbye { session: 5 });
}

#[test]
fn every_message_from_the_hub_keeps_its_bytes() {
    let epoch = Epoch(0xE0C4);
    check_down(
        1,
        &Head {
            epoch,
            lineage: vec![Fork { epoch: Epoch(0xE0C3), seq: Seq(850) }],
            lease: 2,
            beat: 31,
            seq: Seq(901),
            floor: Seq(10),
            root: Root([4; 16]),
            wall: WALL,
        },
    );
    let gone = Change { row: RowId::parcel(ParcelId(9)), seq: Seq(902), body: None };
    check_down(
        1,
        &Delta { epoch, prev: Seq(900), to: Seq(902), root: Some(Root([4; 16])), changes: vec![change(), gone] },
    );
    let station_epoch = StationEpoch(0x57A7);
    check_down(1, &Welcome { session: 5, station_epoch, upto: ScanSeq(11), safe_upto: ScanSeq(0), wall: WALL });
    let refused = vec![Refusal { seq: ScanSeq(12), why: "does not decode".to_owned() }];
    check_down(1, &Ack { station_epoch, upto: ScanSeq(12), safe_upto: ScanSeq(2), refused });
    check_down(1, &SnapshotOffer { snapshot: 6, epoch, seq: Seq(900), root: Root([4; 16]), rows: 25_000, chunks: 40 });
    check_down(1, &Chunk { snapshot: 6, number: 4, rows: vec![change()] });
    check_down(1, &Buckets { epoch, seq: Seq(900), hashes: vec![0, 1, u128::MAX] });
    check_down(
        1,
        &BucketRows { epoch, seq: Seq(900), buckets: vec![7], rows: vec![change()], root: Some(Root([4; 16])) },
    );
    check_down(1, &Busy { retry_ms: 1_500 });
    check_down(1, &HelloWanted { count: 1 });
}

#[test]
fn every_record_keeps_its_bytes_and_reads_back() {
    let acknowledged = Acknowledged {
        scanner: "bench".parse().unwrap(),
        of: ScanSeq(11),
        parcel: Some(ParcelId(4_711)),
        facts: FactsDigest([5; 16]),
    };
    let salvaged = Note::Salvaged { epoch: StationEpoch(0x57A7), seq: ScanSeq(7), record: vec![1, 0, 9] };
    for (name, record) in [
        ("record-judged-1", judged()),
        ("record-acknowledged-1", record(Event::Acknowledged(acknowledged))),
        ("record-withdrawn-1", record(Event::Noted(Note::Withdrawn { of: ScanSeq(4), why: Withdrawal::Overtaken }))),
        ("record-begun-1", record(Event::Noted(Note::Begun { salvaged: 3, why: "damaged".to_owned() }))),
        ("record-salvaged-1", record(Event::Noted(salvaged))),
    ] {
        let bytes = record.encode();
        check(name, &bytes);
        assert_eq!(ScanRecord::decode(&bytes).unwrap(), record, "{name}");
    }
}

fn elsewhere() -> Elsewhere {
    let codes = vec!["SF0000000004711".to_owned(), "WMS-4711".to_owned()];
    Elsewhere { parcel: ParcelId(4_711), site: "north".parse().unwrap(), codes }
}

#[test]
fn every_row_keeps_its_bytes_and_reads_back() {
    let settings = SiteSettings { title: "样品仓".to_owned(), ..SiteSettings::default() };
    for (name, row, content) in [
        ("row-parcel-1", RowId::parcel(ParcelId(4_711)), Row::Parcel(Box::new(parcel()))),
        ("row-elsewhere-2", RowId::parcel(ParcelId(4_711)), Row::Elsewhere(elsewhere())),
        ("row-rules-1", RowId::RULES, Row::Rules(builtin::rule_set())),
        ("row-settings-1", RowId::SETTINGS, Row::Settings(settings)),
    ] {
        let body = content.encode();
        check(name, &body);
        assert_eq!(Row::decode(row, &body).unwrap(), content, "{name}");
    }
}

#[test]
fn a_row_is_refused_when_it_is_not_what_its_number_says() {
    let body = Row::Parcel(Box::new(parcel())).encode();
    let row = RowId::parcel(ParcelId(1));
    assert_eq!(Row::decode(row, &body).unwrap_err().to_string(), "row `1/1` holds parcel `4711`");
    let other = Row::Elsewhere(elsewhere()).encode();
    assert_eq!(Row::decode(row, &other).unwrap_err().to_string(), "row `1/1` holds parcel `4711`");
    assert_eq!(Row::keys(row, &other).unwrap_err().to_string(), "row `1/1` holds parcel `4711`");
    assert_eq!(Row::keys(RowId::parcel(ParcelId(4_711)), &other).unwrap().codes, elsewhere().codes);
    assert_eq!(Row::decode(RowId::RULES, &other).unwrap(), Row::Foreign, "only parcels are elsewhere");
    let row = RowId::parcel(ParcelId(4_711));
    let long = [body.clone(), vec![0]].concat();
    assert_eq!(Row::decode(row, &long).unwrap_err().to_string(), "row `1/4711` has 1 bytes after its end");
    assert!(Row::decode(row, &body[..body.len() - 1]).is_err());
    let newer = [vec![3, 0], body[2..].to_vec()].concat();
    assert_eq!(Row::decode(row, &newer).unwrap(), Row::Foreign, "a newer schema is kept, not misread");
    assert_eq!(Row::decode(RowId(99 << 56), &body).unwrap(), Row::Foreign);
}

#[test]
fn a_record_of_another_version_is_refused_by_number() {
    let mut bytes = judged().encode();
    bytes[0] = 2;
    assert_eq!(ScanRecord::decode(&bytes).unwrap_err().to_string(), "the record has schema `2`; this program reads 1");
    assert!(ScanRecord::decode(&[]).is_err());
    assert!(ScanRecord::decode(&vec![1; RECORD_MAX + 1]).unwrap_err().to_string().contains("give at most"));
}

#[test]
fn the_chain_tells_any_change_of_any_record() {
    let links = |records: &[&[u8]]| records.iter().fold(ChainLink::START, |link, record| link.next(record));
    let whole = links(&[b"one", b"two"]);
    for other in [links(&[b"one"]), links(&[b"two", b"one"]), links(&[b"onetwo"]), links(&[b"one", b"twp"])] {
        assert_ne!(whole, other);
    }
}
