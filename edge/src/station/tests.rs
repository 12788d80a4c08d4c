use super::core::{Feedback, Output, Station, StationSettings, Ticket};
use super::*;
use crate::disk::fault::FaultDisk;
use crate::journal::AppendError;
use crate::replica::{Replica, Settings};
use crate::scan::config::MANUAL;
use crate::scan::debounce::Burst;
use crate::scan::intake::RawScan;
use packline_protocol::change::{Change, Row, RowId};
use packline_protocol::downlink::Delta;
use packline_protocol::facts::*;
use packline_protocol::id::*;
use packline_protocol::record::{Event, Note};
use packline_protocol::samples;
use packline_protocol::time::{Moment, Now, Timestamp};
use packline_protocol::verdict::Outcome;
use std::sync::Arc;

/// A bench with a replica and a disk that answers when the test says so.
struct Bench {
    station: Station,
    replica: Replica,
    seq: u64,
    ms: u64,
    written: u64,
    waiting: Vec<(Ticket, Event)>,
    /// Everything that came to disk, in order.
    journal: Vec<Event>,
}

const GUN: &str = "gun";

impl Bench {
    fn new() -> Self {
        Self::with(false)
    }

    fn with(lock_on_stop: bool) -> Self {
        let site = SiteId::parse("sz-1").unwrap();
        let settings = Settings { site, cache_bytes: 1 << 20 };
        let (replica, _) = Replica::open(Arc::new(FaultDisk::new(0)), settings).unwrap();
        let station = StationId::parse("pack-01").unwrap();
        let settings = StationSettings { station, boot: BootId(1), lock_on_stop, language: Language::Zh };
        let station = Station::new(settings);
        let mut bench =
            Self { station, replica, seq: 0, ms: 1_000, written: 0, waiting: Vec::new(), journal: Vec::new() };
        for number in 1..=3 {
            bench.know(&parcel(number));
        }
        bench
    }

    fn now(&self) -> Now {
        Now { moment: Moment(self.ms), wall: Timestamp(1_800_000_000_000 + self.ms as i64), wall_trusted: true }
    }

    /// The hub says something about a parcel, and that it is level.
    fn know(&mut self, parcel: &Parcel) {
        let body = Some(Row::Parcel(Box::new(parcel.clone())).encode());
        self.seq += 1;
        let changes = vec![Change { row: RowId::parcel(parcel.id), seq: Seq(self.seq), body }];
        let (epoch, prev, to) = (Epoch(7), Seq(self.seq - 1), Seq(self.seq));
        self.replica.apply(&[Delta { epoch, prev, to, root: None, changes }]).unwrap();
        self.replica.heard(epoch, to, self.replica.state().root, self.now());
    }

    /// Scans a code; answers what was said at once.
    fn scan(&mut self, code: &str) -> String {
        self.scan_as(GUN, code, false)
    }

    fn scan_as(&mut self, scanner: &str, code: &str, burst: bool) -> String {
        self.ms += 2_000;
        let at = Moment(self.ms);
        let burst = burst.then_some(Burst { since: at, reads: 3 });
        // A fixed reader joins the codes of a frame.
        let codes = code.split(';').filter(|code| !code.is_empty()).map(|code| code.as_bytes().to_vec()).collect();
        let scanner = ScannerId::parse(scanner).unwrap();
        let raw = RawScan { scanner, at, bytes: code.as_bytes().to_vec(), codes, burst };
        let outputs = self.station.on_scan(raw, &self.replica, self.now());
        self.told(outputs)
    }

    /// The disk has written everything.
    fn durable(&mut self) -> String {
        let mut said = Vec::new();
        while !self.waiting.is_empty() {
            let (ticket, event) = self.waiting.remove(0);
            self.written += 1;
            self.journal.push(event);
            let outputs = self.station.on_durable(ticket, Ok(ScanSeq(self.written)), &self.replica, self.now());
            said.push(self.told(outputs));
        }
        said.retain(|part| !part.is_empty());
        said.join(" | ")
    }

    fn refused(&mut self) -> String {
        let (ticket, _) = self.waiting.remove(0);
        let error = Err(AppendError::Full("no space".to_owned()));
        let outputs = self.station.on_durable(ticket, error, &self.replica, self.now());
        self.told(outputs)
    }

    fn wait(&mut self, ms: u64) -> String {
        self.ms += ms;
        let outputs = self.station.on_tick(self.now());
        self.told(outputs)
    }

    fn acknowledge(&mut self) -> String {
        let scanner = ScannerId::parse(MANUAL).unwrap();
        let outputs = self.station.on_acknowledge(None, &scanner, self.now());
        self.told(outputs)
    }

    /// What the journal says was let go and what was withdrawn: each release, with `-` and why where nobody saw it.
    fn releases(&self) -> Vec<String> {
        let numbered = || (1..).zip(&self.journal);
        let withdrawn = |seq: u64| {
            numbered().find_map(|(_, event)| match event {
                Event::Noted(Note::Withdrawn { of, why }) if of.0 == seq => Some(*why),
                _ => None,
            })
        };
        let release = |(seq, event): (u64, &Event)| match event {
            Event::Judged(judged) if judged.verdict.outcome == Outcome::Release => Some(match withdrawn(seq) {
                Some(why) => format!("{seq} -{why:?}"),
                None => seq.to_string(),
            }),
            _ => None,
        };
        numbered().filter_map(release).collect()
    }

    /// The last record on its way.
    fn record(&self) -> &Event {
        &self.waiting.last().unwrap().1
    }

    fn told(&mut self, outputs: Vec<Output>) -> String {
        let mut words = Vec::new();
        for output in outputs {
            match output {
                Output::Append { ticket, entry } => self.waiting.push((ticket, entry.event)),
                Output::Said(answer) => words.push(said(&answer)),
                Output::Signal(signal) => words.push(format!("lamp {signal:?}")),
                Output::Feedback { feedback, .. } => words.push(match feedback {
                    Feedback::Good => "good".to_owned(),
                    Feedback::Attention => "attention".to_owned(),
                    Feedback::Bad { lock } => if lock { "bad+lock" } else { "bad" }.to_owned(),
                    Feedback::Unlock => "unlock".to_owned(),
                }),
                Output::NotWritten(_) => words.push("not written".to_owned()),
                Output::ReplicaDamaged(_) => words.push("damaged".to_owned()),
                Output::Changed => {}
            }
        }
        words.join(", ")
    }
}

fn said(answer: &Answer) -> String {
    let reasons: Vec<&str> = answer.reasons.iter().map(|reason| reason.code).collect();
    let stage = if answer.stage == Stage::Overtaken { " overtaken" } else { "" };
    let repeat = if answer.repeat { " again" } else { "" };
    format!("{} {}{repeat}{stage}", answer.outcome.en(), reasons.join("+")).trim_end().replace("  ", " ")
}

/// A parcel that nothing speaks against.
fn parcel(number: u64) -> Parcel {
    let codes = vec![ParcelCode { kind: CodeRole::Waybill, text: waybill(number) }];
    Parcel { id: ParcelId(number), codes, ..samples::parcel() }
}

fn waybill(number: u64) -> String {
    format!("SF{number:013}")
}

const GREEN: &str = "Release, good, lamp Release";

#[test]
fn green_comes_only_once_the_record_is_durable() {
    let mut bench = Bench::new();
    assert_eq!(bench.scan(&waybill(1)), "", "nothing is said before the disk has it");
    assert_eq!(bench.station.current().unwrap().stage, Stage::Waiting);
    assert_eq!(bench.durable(), GREEN);
    let answer = bench.station.current().unwrap();
    assert_eq!((answer.stage, answer.seq), (Stage::Said, Some(ScanSeq(1))));
}

#[test]
fn red_and_amber_are_said_at_once_and_recorded_all_the_same() {
    let mut bench = Bench::new();
    bench.know(&Parcel { order_status: OrderStatus::Cancelled, ..parcel(1) });
    assert_eq!(bench.scan(&waybill(1)), "Stop cancelled, bad, lamp Stop");
    assert_eq!(bench.scan("SF0000000000099"), "Ask unknown, attention, lamp Ask");
    assert_eq!(bench.waiting.len(), 2);
    assert_eq!(bench.durable(), "");
}

#[test]
fn every_kind_of_code_has_its_answer() {
    let mut bench = Bench::new();
    bench.know(&Parcel { codes: parcel(1).codes, ..parcel(2) });
    let mut check = |code: &str, answer: &str| {
        let said = bench.scan(code);
        assert_eq!(said.split(',').next().unwrap_or_default(), answer, "{code}");
    };
    check("", "Ask no_read");
    check(&waybill(1), "Ask ambiguous");
    check("]E06901234567892", "Ask item_code");
    check("6901234567892", "Ask ambiguous");
    check("https://example.com/sale", "Ask not_a_parcel");
    check("]C110A", "Ask not_a_parcel");
    check("NOBODY-KNOWS-1", "Ask unknown");
}

#[test]
fn a_number_that_is_also_a_products_is_released_only_while_no_parcel_has_that_product_inside() {
    let mut bench = Bench::new();
    let number = "6901234567892";
    let codes = vec![ParcelCode { kind: CodeRole::Order, text: number.to_owned() }];
    bench.know(&Parcel { codes, ..parcel(1) });
    bench.scan(number);
    assert_eq!(bench.durable(), GREEN, "no product of that number is known");
    let line = |sku: &str| vec![Line { sku: sku.to_owned(), ..samples::parcel().lines.remove(0) }];
    bench.know(&Parcel { lines: line("06901234567892"), ..parcel(2) });
    assert_eq!(bench.scan(number), "Ask ambiguous, attention, lamp Ask");
    bench.scan(&format!("]C0{number}"));
    assert!(bench.durable().starts_with("Release"), "goods carry EAN symbols, labels do not");
    assert_eq!(bench.scan(&format!("]E0{number}")), "Ask item_code, attention, lamp Ask");
    bench.know(&Parcel { lines: line("SKU-7"), ..parcel(2) });
    bench.scan(number);
    assert!(bench.durable().starts_with("Release"), "no parcel has the product inside any more");
    bench.know(&Parcel { lines: line("4006381333931"), ..parcel(3) });
    assert_eq!(bench.scan("4006381333931"), "Ask item_code, attention, lamp Ask", "a product known by its parcel");
}

#[test]
fn of_several_codes_in_one_frame_each_must_be_the_parcels_or_no_parcels() {
    let mut bench = Bench::new();
    let inside = Line { sku: "CASE-20260101".to_owned(), ..samples::parcel().lines.remove(0) };
    let ean = Line { sku: "6901234567892".to_owned(), ..inside.clone() };
    let mut codes = parcel(1).codes;
    codes.push(ParcelCode { kind: CodeRole::Wms, text: "WMS-20260001".to_owned() });
    let picked = ["CASE-20260101", "6901234567892"].map(|sku| Picked { sku: sku.to_owned(), quantity: 2 });
    let picked = Some(picked.into_iter().chain([Picked { sku: "GIFT-1".to_owned(), quantity: 1 }]).collect());
    bench.know(&Parcel { codes, lines: vec![inside, ean], picked, ..parcel(1) });
    let mut check = |others: &str, released: bool| {
        for frame in [format!("{};{others}", waybill(1)), format!("{others};{}", waybill(1))] {
            let said = bench.scan(&frame);
            let said = if said.is_empty() { bench.durable() } else { said };
            let expected = if released { "Release" } else { "Ask ambiguous" };
            assert!(said.starts_with(expected), "{frame}: {said}");
        }
    };
    // Another parcel's number, known here or not.
    check(&waybill(2), false);
    check(&waybill(99), false);
    check("JT0000000000017", false);
    check("77123456789012", false);
    check("PO-20260002", false);
    check("4006381333931", false);
    // The same parcel's, cut bars, its goods, known products, and what is no parcel's number.
    check("WMS-20260001", true);
    check("SF0000", true);
    check("SF000000000000", true);
    check("CASE-20260101", true);
    check("6901234567892", true);
    check("]E04006381333931", true);
    check("TEA-01", true);
    check("https://example.com/sale", true);
    check("NoRead", true);
}

#[test]
fn old_facts_release_nothing() {
    let mut bench = Bench::new();
    bench.ms += 31 * 60_000;
    assert_eq!(bench.scan(&waybill(1)), "Ask stale, attention, lamp Ask");
    bench.know(&parcel(1));
    assert_eq!(bench.scan(&waybill(1)), "");
    assert_eq!(bench.durable(), GREEN);
}

#[test]
fn a_burst_is_never_released_by_itself() {
    let mut bench = Bench::new();
    assert_eq!(bench.scan_as(GUN, &waybill(1), true), "Ask burst, attention, lamp Ask");
}

#[test]
fn a_second_look_repeats_the_answer_and_says_so() {
    let mut bench = Bench::new();
    bench.scan(&waybill(1));
    bench.durable();
    bench.scan(&waybill(1));
    assert_eq!(bench.durable(), "Release again, good, lamp Release");
    // The hub has heard of our release meanwhile; it is still the same parcel.
    let ours = Release { station: StationId::parse("pack-01").unwrap(), at: Timestamp(1) };
    bench.know(&Parcel { released: Some(ours), ..parcel(1) });
    bench.scan(&waybill(1));
    assert_eq!(bench.durable(), "Release again, good, lamp Release");
    bench.scan(&waybill(2));
    assert_eq!(bench.durable(), GREEN, "another parcel is no second look");
}

#[test]
fn the_same_answer_for_new_reasons_is_news() {
    let mut bench = Bench::new();
    bench.know(&Parcel { refund: RefundState::Requested, ..parcel(1) });
    assert_eq!(bench.scan(&waybill(1)), "Stop refund_requested, bad, lamp Stop");
    assert_eq!(bench.scan(&waybill(1)), "Stop refund_requested again, bad, lamp Stop");
    bench.know(&Parcel { refund: RefundState::Done, ..parcel(1) });
    assert_eq!(bench.scan(&waybill(1)), "Stop refund_done, bad, lamp Stop");
}

#[test]
fn what_a_life_before_released_is_a_second_look() {
    let mut bench = Bench::new();
    bench.scan(&waybill(1));
    let Event::Judged(judged) = bench.record().clone() else { panic!() };
    let mut next = Bench::new();
    let entry = crate::journal::Entry::new(BootId(1), next.now(), Event::Judged(judged));
    next.station.recall(&entry.numbered(ScanSeq(1)));
    next.scan(&waybill(1));
    assert_eq!(next.durable(), "Release again, good, lamp Release");
}

#[test]
fn a_slow_disk_is_amber_until_it_answers() {
    let mut bench = Bench::new();
    bench.scan(&waybill(1));
    assert_eq!(bench.station.next_deadline(), Some(Moment(bench.ms + 250)));
    assert_eq!(bench.wait(249), "");
    assert_eq!(bench.wait(1), "Ask storage_slow, attention, lamp Ask");
    assert_eq!(bench.station.next_deadline(), None);
    assert_eq!(bench.durable(), GREEN, "late, but the facts still hold");
}

#[test]
fn a_late_green_is_none_when_the_facts_have_changed() {
    let mut bench = Bench::new();
    bench.scan(&waybill(1));
    bench.wait(300);
    bench.know(&Parcel { refund: RefundState::Requested, ..parcel(1) });
    assert_eq!(bench.durable(), "Stop refund_requested, bad, lamp Stop");
    assert_eq!(bench.written, 3, "the new answer is recorded too, and that the first one was not said");
    assert_eq!(bench.releases(), ["1 -JudgedAgain"]);
}

#[test]
fn a_refund_that_arrives_while_the_disk_writes_stops_the_green() {
    let mut bench = Bench::new();
    bench.scan(&waybill(1));
    bench.know(&Parcel { refund: RefundState::Done, ..parcel(1) });
    assert_eq!(bench.durable(), "Stop refund_done, bad, lamp Stop");
    assert_eq!(bench.releases(), ["1 -JudgedAgain"], "the hub must not believe that it left");
}

#[test]
fn a_full_disk_releases_nothing() {
    let mut bench = Bench::new();
    bench.scan(&waybill(1));
    assert_eq!(bench.refused(), "not written, Ask storage_full, attention, lamp Ask");
    bench.know(&Parcel { must_not_ship: true, ..parcel(2) });
    assert_eq!(bench.scan(&waybill(2)), "Stop must_not_ship, bad, lamp Stop");
    assert_eq!(bench.refused(), "not written", "a stop stands, recorded or not");
    bench.scan(&waybill(1));
    assert_eq!(bench.durable(), GREEN, "what was not recorded was not released");
}

#[test]
fn a_green_that_was_overtaken_lights_no_lamp() {
    let mut bench = Bench::new();
    bench.know(&Parcel { must_not_ship: true, ..parcel(2) });
    bench.scan(&waybill(1));
    assert_eq!(bench.scan(&waybill(2)), "Stop must_not_ship, bad, lamp Stop");
    assert_eq!(bench.durable(), "Release overtaken");
    assert_eq!(bench.station.current().unwrap().outcome, Outcome::Stop);
    assert_eq!(bench.releases(), ["1 -Overtaken"]);
    bench.scan(&waybill(1));
    assert_eq!(bench.durable(), GREEN, "nobody saw it before: no second look");
    assert_eq!(bench.releases(), ["1 -Overtaken", "4"]);
}

#[test]
fn a_slow_green_that_was_acknowledged_as_slow_is_withdrawn() {
    let mut bench = Bench::new();
    bench.scan(&waybill(1));
    assert_eq!(bench.wait(300), "Ask storage_slow, attention, lamp Ask");
    assert_eq!(bench.acknowledge(), "lamp Idle");
    assert_eq!(bench.durable(), "");
    assert_eq!(bench.releases(), ["1 -Acknowledged"]);
    assert!(matches!(bench.journal[2], Event::Acknowledged(_)), "that somebody saw it is kept as well");
    bench.scan(&waybill(1));
    assert_eq!(bench.durable(), GREEN, "nothing was released before");
}

#[test]
fn a_release_so_far_back_that_nobody_can_be_shown_it_is_withdrawn() {
    let mut bench = Bench::new();
    bench.scan(&waybill(1));
    (0..30).for_each(|_| drop(bench.scan("NOBODY-KNOWS-1")));
    bench.durable();
    assert_eq!(bench.releases(), ["1 -Overtaken"]);
}

#[test]
fn a_withdrawal_that_could_not_be_written_is_written_as_soon_as_anything_is() {
    let mut bench = Bench::new();
    bench.scan(&waybill(1));
    bench.know(&Parcel { refund: RefundState::Done, ..parcel(1) });
    let (ticket, event) = bench.waiting.remove(0);
    (bench.written, bench.journal) = (1, vec![event]);
    let outputs = bench.station.on_durable(ticket, Ok(ScanSeq(1)), &bench.replica, bench.now());
    assert_eq!(bench.told(outputs), "Stop refund_done, bad, lamp Stop");
    assert_eq!(bench.waiting.len(), 2, "the withdrawal and the stop");
    assert_eq!((bench.refused(), bench.refused()), ("not written".to_owned(), "not written".to_owned()));
    assert_eq!(bench.releases(), ["1"]);
    bench.scan(&waybill(2));
    assert_eq!(bench.durable(), GREEN);
    assert_eq!(bench.releases(), ["1 -JudgedAgain", "2"]);
}

#[test]
fn what_a_life_before_withdrew_is_no_second_look_and_what_it_carried_over_is() {
    let mut before = Bench::new();
    before.scan(&waybill(1));
    before.scan(&waybill(2));
    before.durable();
    assert_eq!(before.releases(), ["1 -Overtaken", "2"]);
    let entry = |event: &Event| crate::journal::Entry::new(BootId(1), before.now(), event.clone());
    let records: Vec<_> = (1..).zip(&before.journal).map(|(seq, event)| entry(event).numbered(ScanSeq(seq))).collect();
    let carried: Vec<_> = (2..)
        .zip(&records)
        .map(|(seq, record)| {
            let (epoch, place) = (StationEpoch(4), record.seq);
            let note = Note::Salvaged { epoch, seq: place, record: record.encode() };
            entry(&Event::Noted(note)).numbered(ScanSeq(seq))
        })
        .collect();
    for journal in [records, carried] {
        let mut next = Bench::new();
        journal.iter().for_each(|record| next.station.recall(record));
        next.scan(&waybill(1));
        assert_eq!(next.durable(), GREEN);
        next.scan(&waybill(2));
        assert_eq!(next.durable(), "Release again, good, lamp Release");
    }
}

#[test]
fn a_scan_that_is_judged_again_does_not_take_the_screen_from_a_newer_one() {
    let mut bench = Bench::new();
    bench.know(&Parcel { must_not_ship: true, ..parcel(2) });
    bench.scan(&waybill(1));
    assert_eq!(bench.scan(&waybill(2)), "Stop must_not_ship, bad, lamp Stop");
    bench.know(&Parcel { refund: RefundState::Done, ..parcel(1) });
    assert_eq!(bench.durable(), "Stop refund_done", "told in the list, without a lamp and without a sound");
    assert_eq!(bench.station.current().unwrap().number, 2);
    let listed: Vec<u64> = bench.station.recent().map(|answer| answer.number).collect();
    assert_eq!(listed, [2, 1]);
    let Counts { release, ask, stop, .. } = bench.station.counts();
    assert_eq!((release, ask, stop), (0, 0, 2), "each scan counts once, by its last answer");
}

#[test]
fn a_scan_that_is_judged_again_leaves_a_newer_green_its_light() {
    let mut bench = Bench::new();
    bench.scan(&waybill(1));
    bench.scan(&waybill(2));
    bench.know(&Parcel { refund: RefundState::Done, ..parcel(1) });
    assert_eq!(bench.durable(), format!("Stop refund_done | {GREEN}"));
    assert_eq!(bench.station.current().unwrap().number, 2);
}

#[test]
fn a_scan_that_is_judged_again_does_not_come_back_after_a_newer_one_was_acknowledged() {
    let mut bench = Bench::new();
    bench.know(&Parcel { must_not_ship: true, ..parcel(2) });
    bench.scan(&waybill(1));
    bench.scan(&waybill(2));
    assert_eq!(bench.acknowledge(), "lamp Idle");
    bench.know(&Parcel { refund: RefundState::Done, ..parcel(1) });
    assert_eq!(bench.durable(), "Stop refund_done");
    assert!(bench.station.current().is_none());
}

#[test]
fn two_scanners_each_hear_their_own_answer() {
    let mut bench = Bench::new();
    bench.scan_as("left", &waybill(1), false);
    bench.scan_as("right", &waybill(2), false);
    assert_eq!(bench.durable(), "Release, good | Release, good, lamp Release", "the lamp is of the newest scan");
}

#[test]
fn an_acknowledgement_clears_the_answer_and_names_its_record() {
    let mut bench = Bench::new();
    bench.know(&Parcel { must_not_ship: true, ..parcel(1) });
    bench.scan(&waybill(1));
    bench.durable();
    assert_eq!(bench.acknowledge(), "lamp Idle");
    let Event::Acknowledged(acknowledged) = bench.record() else { panic!() };
    assert_eq!((acknowledged.of, acknowledged.parcel), (ScanSeq(1), Some(ParcelId(1))));
    assert!(bench.station.current().is_none());
    assert_eq!(bench.acknowledge(), "");
    assert_eq!(bench.station.notice().unwrap().key, "nothing_to_acknowledge");
}

#[test]
fn an_acknowledgement_that_comes_before_the_disk_waits_for_it() {
    let mut bench = Bench::new();
    bench.know(&Parcel { must_not_ship: true, ..parcel(1) });
    bench.scan(&waybill(1));
    assert_eq!(bench.acknowledge(), "lamp Idle");
    assert_eq!(bench.waiting.len(), 1);
    let (ticket, _) = bench.waiting.remove(0);
    let outputs = bench.station.on_durable(ticket, Ok(ScanSeq(9)), &bench.replica, bench.now());
    bench.told(outputs);
    assert!(matches!(bench.record(), Event::Acknowledged(acknowledged) if acknowledged.of == ScanSeq(9)));
}

#[test]
fn a_code_on_the_bench_acknowledges_and_others_are_no_parcels() {
    let mut bench = Bench::new();
    bench.know(&Parcel { must_not_ship: true, ..parcel(1) });
    bench.scan(&waybill(1));
    bench.durable();
    assert_eq!(bench.scan("PL!ACK.JQ8"), "lamp Idle");
    assert_eq!(bench.waiting.len(), 1);
}

#[test]
fn a_locked_scanner_is_deaf_until_somebody_acknowledges() {
    let mut bench = Bench::with(true);
    bench.know(&Parcel { must_not_ship: true, ..parcel(1) });
    assert_eq!(bench.scan(&waybill(1)), "Stop must_not_ship, bad+lock, lamp Stop");
    bench.durable();
    assert_eq!(bench.scan(&waybill(2)), "");
    assert_eq!((bench.station.notice().unwrap().key, bench.waiting.len()), ("locked", 0));
    assert_eq!(bench.acknowledge(), "unlock, lamp Idle");
    bench.durable();
    bench.scan(&waybill(2));
    assert_eq!(bench.durable(), GREEN);
}

#[test]
fn a_scanner_that_was_plugged_in_again_is_not_locked() {
    let mut bench = Bench::with(true);
    bench.know(&Parcel { must_not_ship: true, ..parcel(1) });
    bench.scan(&waybill(1));
    bench.station.on_online(&ScannerId::parse(GUN).unwrap());
    bench.scan(&waybill(2));
    assert!(bench.durable().ends_with(GREEN));
}

#[test]
fn a_number_that_is_not_the_waybill_says_nothing_about_the_courier() {
    let mut bench = Bench::new();
    // This order number looks like a waybill of another courier.
    let code = |kind, text: &str| ParcelCode { kind, text: text.to_owned() };
    let codes = vec![code(CodeRole::Order, "YT0000000000017"), code(CodeRole::Waybill, "SF0000000000004")];
    bench.know(&Parcel { codes, ..parcel(4) });
    bench.scan("YT0000000000017");
    assert_eq!(bench.durable(), GREEN);
    let codes = vec![code(CodeRole::Waybill, "YT0000000000025")];
    bench.know(&Parcel { codes, ..parcel(5) });
    assert_eq!(bench.scan("YT0000000000025"), "Ask courier_mismatch, attention, lamp Ask");
}

#[test]
fn the_record_says_what_was_seen_known_and_said() {
    let mut bench = Bench::new();
    bench.scan(&format!("]C0{}", waybill(1).to_lowercase()));
    let Event::Judged(judged) = bench.record() else { panic!() };
    assert_eq!(judged.raw, format!("]C0{}", waybill(1).to_lowercase()).into_bytes());
    assert_eq!((judged.code.as_str(), judged.class), (waybill(1).as_str(), CodeClass::Parcel));
    assert_eq!(judged.verdict.parcel, Some(ParcelId(1)));
    assert_eq!((judged.verdict.epoch, judged.verdict.position), (Epoch(7), Seq(3)));
    assert_eq!(judged.verdict.outcome, Outcome::Release);
}
