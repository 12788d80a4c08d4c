//! Taking records through the actions, on both engines.

use super::actions::{self, Arrived, Of, Taken};
use super::model::{ConflictKind, ScanKind, ScanRow};
use super::{Hinted, decide};
use crate::actor::Actor;
use crate::effects;
use crate::notices;
use crate::notices::model::{NoticeKind, Severity};
use crate::orders;
use crate::orders::input::{OrderInput, ParcelInput};
use crate::store::testing::{ENGINES, START, TestApp};
use crate::webhooks;
use crate::webhooks::model::EventKind;
use packline_protocol::downlink::{Ack, REFUSED_FORK};
use packline_protocol::facts::{CodeClass, FactsDigest, OrderStatus, RefundState};
use packline_protocol::id::{
    BootId, Epoch, ParcelId, Revision, RuleId, ScanSeq, ScannerId, Seq, SiteId, StationEpoch, StationId,
};
use packline_protocol::record::{ChainLink, Event, Judged, Note, ScanRecord, Withdrawal};
use packline_protocol::time::{Moment, Timestamp};
use packline_protocol::uplink::{Batch, Hello, Hint, ReplicaState};
use packline_protocol::verdict::{Outcome, Reason, ReasonCode, Verdict};
use std::collections::BTreeMap;

/// A station that writes a journal and sends parts of it.
struct Station {
    name: &'static str,
    epoch: StationEpoch,
    records: Vec<Vec<u8>>,
}

impl Station {
    fn new(name: &'static str) -> Self {
        Self { name, epoch: StationEpoch(u64::MAX - 7), records: Vec::new() }
    }

    fn id(&self) -> StationId {
        StationId::parse(self.name).unwrap()
    }

    /// Writes what happened, told `at` milliseconds after the clock's start.
    fn write(&mut self, at: i64, event: Event) {
        let record = ScanRecord {
            seq: ScanSeq(self.records.len() as u64 + 1),
            boot: BootId(1),
            moment: Moment(self.records.len() as u64),
            wall: START.plus_ms(at),
            wall_trusted: true,
            event,
        };
        self.records.push(record.encode());
    }

    fn judge(&mut self, at: i64, outcome: Outcome, parcel: Option<ParcelId>) {
        let reason = Reason {
            code: ReasonCode::Unknown,
            rule: RuleId::parse("judge").unwrap(),
            about: String::new(),
            say: None,
        };
        let verdict = Verdict {
            outcome,
            reasons: if outcome == Outcome::Release { vec![] } else { vec![reason] },
            parcel,
            repeat: false,
            revision: Revision(0),
            facts: FactsDigest([3; 16]),
            epoch: Epoch(u64::MAX),
            position: Seq(9),
            age_ms: Some(800),
        };
        let judged = Judged {
            scanner: ScannerId::parse("gun").unwrap(),
            raw: b"SF1".to_vec(),
            code: "SF1\0".to_owned(),
            class: CodeClass::Parcel,
            order: None,
            verdict,
        };
        self.write(at, Event::Judged(Box::new(judged)));
    }

    fn note(&mut self, why: &str) {
        self.write(0, Event::Noted(Note::Begun { salvaged: 0, why: why.to_owned() }));
    }

    fn withdraw(&mut self, of: u64) {
        self.write(0, Event::Noted(Note::Withdrawn { of: ScanSeq(of), why: Withdrawal::JudgedAgain }));
    }

    /// The journal of the next life, with records `first` and on of this one.
    fn renewed(&self, epoch: u64, first: usize) -> Station {
        let mut next = Station { epoch: StationEpoch(epoch), ..Station::new(self.name) };
        next.note("damaged");
        for (seq, record) in (1..).zip(&self.records).skip(first - 1) {
            let note = Note::Salvaged { epoch: self.epoch, seq: ScanSeq(seq), record: record.clone() };
            next.write(0, Event::Noted(note));
        }
        next
    }

    fn whole(&self) -> Arrived {
        self.send(1, self.records.len())
    }

    /// Records `first` to `last` as a batch.
    fn send(&self, first: usize, last: usize) -> Arrived {
        let before = self.records[..first - 1].iter().fold(ChainLink::START, |link, record| link.next(record));
        let records = self.records[first - 1..last].to_vec();
        let batch = Batch { station_epoch: self.epoch, first: ScanSeq(first as u64), before, records };
        Arrived { station: self.id(), site: site(), batch }
    }

    fn hello(&self, from: u64) -> Hello {
        Hello {
            session: 5,
            boot: BootId(1),
            version: "0".to_owned(),
            row_schema: 1,
            station_epoch: self.epoch,
            journal_from: ScanSeq(from),
            journal_to: ScanSeq(self.records.len() as u64),
            replica: ReplicaState::default(),
        }
    }
}

fn site() -> SiteId {
    SiteId::parse("main").unwrap()
}

async fn take(app: &TestApp, arrived: &[Arrived]) -> Taken {
    actions::take(&app.db, arrived, app.clock.now()).await.unwrap()
}

fn ack(taken: &Taken) -> &Ack {
    assert_eq!(taken.acks.len(), 1);
    &taken.acks[0].2
}

async fn all(app: &TestApp) -> Vec<ScanRow> {
    actions::recent(&app.db, &Of::All, None, actions::PAGE_MAX).await.unwrap()
}

/// Makes an order with one parcel and answers the parcel's number.
async fn parcel(app: &TestApp, origin_no: &str) -> ParcelId {
    let input = OrderInput {
        platform: "pos".into(),
        origin_no: origin_no.into(),
        version: Some(START.plus_ms(1)),
        status: Some(OrderStatus::Paid),
        parcels: Some(vec![ParcelInput { waybills: vec![format!("SF{origin_no}")], ..ParcelInput::default() }]),
        ..OrderInput::default()
    };
    tell(app, input).await;
    let id = orders::actions::find(&app.db, "pos", origin_no).await.unwrap().unwrap();
    orders::actions::get(&app.db, id).await.unwrap().unwrap().parcels[0].id
}

async fn tell(app: &TestApp, input: OrderInput) {
    orders::actions::receive(app, &[input], &Actor::Channel("test".into()), "test").await.unwrap();
}

fn refund(origin_no: &str, at: i64) -> OrderInput {
    OrderInput {
        platform: "pos".into(),
        origin_no: origin_no.into(),
        version: Some(START.plus_ms(at)),
        refund: Some(RefundState::Done),
        ..OrderInput::default()
    }
}

#[tokio::test]
async fn batches_of_many_stations_in_any_order_and_number_give_each_record_once() {
    for engine in ENGINES {
        for seed in 0..4u64 {
            let app = TestApp::on(engine).await;
            let mut stations = ["pack-1", "pack-2", "pack-3"].map(Station::new);
            for (number, station) in stations.iter_mut().enumerate() {
                (0..40).for_each(|at| station.judge(at, Outcome::Ask, Some(ParcelId(number as u64 * 100 + 1))));
            }
            let mut state = seed;
            let mut below = |limit: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize % limit
            };
            let mut upto: BTreeMap<&str, u64> = BTreeMap::new();
            for _ in 0..120 {
                let group: Vec<Arrived> = (0..1 + below(5))
                    .map(|_| {
                        let station = &stations[below(3)];
                        let have = usize::try_from(upto.get(station.name).copied().unwrap_or(0)).unwrap();
                        let first = (1 + (have + below(4)).saturating_sub(2)).clamp(1, 40);
                        station.send(first, (first + below(9)).min(40))
                    })
                    .collect();
                for (_, station, ack) in take(&app, &group).await.acks {
                    let name = stations.iter().find(|known| known.id() == station).unwrap().name;
                    let before = upto.insert(name, ack.upto.0).unwrap_or(0);
                    assert!(before <= ack.upto.0, "{engine} seed {seed}: an acknowledgement never goes back");
                }
            }
            assert!(upto.values().sum::<u64>() > 60, "{engine} seed {seed}: {upto:?}");
            for station in &stations {
                take(&app, &[station.send(1, 40)]).await;
                let of = Of::Station(station.id());
                let kept = actions::recent(&app.db, &of, None, 500).await.unwrap();
                let seqs: Vec<u64> = kept.iter().rev().map(|row| row.seq.0).collect();
                assert_eq!(seqs, (1..=40).collect::<Vec<_>>(), "{engine} seed {seed}");
            }
        }
    }
}

#[tokio::test]
async fn the_same_batch_taken_by_two_hubs_at_once_is_kept_once() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut station = Station::new("pack-1");
        (0..50).for_each(|at| station.judge(at, Outcome::Ask, None));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (db, arrived, now) = (app.db.clone(), station.send(1, 50), app.clock.now());
                tokio::spawn(async move { actions::take(&db, &[arrived], now).await })
            })
            .collect();
        let mut taken = 0;
        for task in tasks {
            // One that loses the race may fail; its station sends again and is told that all is there.
            taken += task.await.unwrap().map_or(0, |taken| taken.records.len());
        }
        assert_eq!((taken, all(&app).await.len()), (50, 50), "{engine}");
        assert_eq!(ack(&take(&app, &[station.send(1, 50)]).await).upto, ScanSeq(50));
    }
}

#[tokio::test]
async fn a_gap_is_answered_with_where_the_hub_stands() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut station = Station::new("pack-1");
        (0..9).for_each(|_| station.note("x"));
        assert_eq!(ack(&take(&app, &[station.send(1, 3)]).await).upto, ScanSeq(3));
        let taken = take(&app, &[station.send(5, 9)]).await;
        assert_eq!((ack(&taken).upto, taken.records.len()), (ScanSeq(3), 0), "{engine}");
        let together = take(&app, &[station.send(4, 4), station.send(5, 9)]).await;
        assert_eq!((ack(&together).upto, ack(&together).safe_upto), (ScanSeq(9), ScanSeq(0)));
    }
}

#[tokio::test]
async fn what_nobody_can_read_is_kept_refused_and_does_not_block_what_follows() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut station = Station::new("pack-1");
        (0..4).for_each(|at| station.judge(at, Outcome::Stop, None));
        station.records[1] = b"\xff\xfe not a record".to_vec();
        let taken = take(&app, &[station.send(1, 4)]).await;
        assert_eq!(ack(&taken).upto, ScanSeq(4));
        let refused: Vec<_> = ack(&taken).refused.iter().map(|refusal| (refusal.seq.0, &*refusal.why)).collect();
        assert!(matches!(&refused[..], [(2, why)] if why.starts_with("unreadable: ")), "{refused:?}");
        let rows = all(&app).await;
        let unfit = rows.iter().find(|row| row.seq == ScanSeq(2)).unwrap();
        assert_eq!((unfit.kind, unfit.wall), (ScanKind::Unfit, None), "{engine}");
        let good = rows.iter().find(|row| row.seq == ScanSeq(3)).unwrap();
        assert_eq!((good.code.as_str(), good.reason.as_deref()), ("SF1", Some("unknown")), "no zero in a text");
        assert!(actions::find(&app.db, unfit.id).await.unwrap().is_none());
        let whole = actions::find(&app.db, good.id).await.unwrap().unwrap();
        assert_eq!(whole.encode(), station.records[2], "the record itself is as it was");
    }
}

#[tokio::test]
async fn a_journal_that_was_set_back_is_refused_and_nothing_of_it_acknowledged() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (mut station, mut copy) = (Station::new("pack-1"), Station::new("pack-1"));
        for _ in 0..6 {
            station.note("same");
            copy.note("same");
        }
        (0..4).for_each(|_| station.note("one"));
        (0..8).for_each(|_| copy.note("other"));
        take(&app, &[station.send(1, 10)]).await;
        for (first, last) in [(7, 9), (7, 14), (11, 14), (5, 8)] {
            let taken = take(&app, &[copy.send(first, last)]).await;
            assert_eq!(ack(&taken).upto, ScanSeq(10), "{engine}: {first} to {last}");
            assert!(ack(&taken).refused[0].why.starts_with(REFUSED_FORK));
        }
        assert!(ack(&take(&app, &[copy.send(2, 5)]).await).refused.is_empty(), "up to there it is the same journal");
        assert_eq!(all(&app).await.len(), 10);
    }
}

#[tokio::test]
async fn records_that_are_gone_for_good_are_given_up_at_a_birth_and_remembered() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut station = Station::new("pack-1");
        (0..9).for_each(|_| station.note("x"));
        take(&app, &[station.send(1, 2)]).await;
        let welcome =
            async |from| actions::welcome(&app.db, &station.id(), &station.hello(from), app.clock.now()).await.unwrap();
        assert_eq!(welcome(3).await.upto, ScanSeq(2), "nothing is missing");
        assert_eq!(welcome(6).await.upto, ScanSeq(5));
        assert_eq!(welcome(6).await.upto, ScanSeq(5), "once");
        let taken = take(&app, &[station.send(6, 9)]).await;
        assert_eq!((ack(&taken).upto, taken.records.len()), (ScanSeq(9), 4), "{engine}");
        let gaps = sqlx::query("SELECT from_seq, to_seq FROM ingest_gap").fetch_all(app.db.read()).await.unwrap();
        let gaps: Vec<(i64, i64)> = gaps.iter().map(|row| (sqlx::Row::get(row, 0), sqlx::Row::get(row, 1))).collect();
        assert_eq!(gaps, [(3, 5)]);
        let absurd = Hello { journal_from: ScanSeq(u64::MAX), ..station.hello(6) };
        let answer = actions::welcome(&app.db, &station.id(), &absurd, app.clock.now()).await.unwrap();
        assert_eq!(answer.upto, ScanSeq(9), "a birth that makes no sense gives up nothing");
    }
}

#[tokio::test]
async fn a_new_journal_of_a_known_station_begins_at_one_and_the_old_one_is_remembered() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut station = Station::new("pack-1");
        (0..3).for_each(|_| station.note("x"));
        take(&app, &[station.send(1, 3)]).await;
        let mut renewed = Station { epoch: StationEpoch(4), ..Station::new("pack-1") };
        renewed.note("new");
        let taken = take(&app, &[renewed.send(1, 1), station.send(1, 3)]).await;
        let upto: BTreeMap<u64, u64> = taken.acks.iter().map(|(_, _, ack)| (ack.station_epoch.0, ack.upto.0)).collect();
        assert_eq!(upto, BTreeMap::from([(4, 1), (station.epoch.0, 3)]), "{engine}");
    }
}

#[tokio::test]
async fn two_stations_with_one_parcel_are_a_conflict_and_the_first_release_stays() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let id = parcel(&app, "A1").await;
        let (mut one, mut two) = (Station::new("pack-1"), Station::new("pack-2"));
        one.judge(10, Outcome::Release, Some(id));
        one.judge(20, Outcome::Release, Some(id));
        two.judge(30, Outcome::Release, Some(id));
        two.judge(40, Outcome::Release, Some(ParcelId(77_777)));
        let first = take(&app, &[one.send(1, 2)]).await;
        assert_eq!(first.conflicts, [], "{engine}: one station may look twice");
        let mut hinted = Hinted::default();
        let hint = Hint { station_epoch: two.epoch, record: two.records[0].clone() };
        let shown = actions::hint(&app.db, &mut hinted, &two.id(), &site(), &hint, app.clock.now()).await.unwrap();
        let (row, early) = shown.unwrap();
        assert_eq!((row.id, early.unwrap().other_station), (0, Some(one.id())));
        let conflicts = take(&app, &[two.send(1, 2)]).await.conflicts;
        let [conflict] = &conflicts[..] else { panic!("{conflicts:?}") };
        assert_eq!((conflict.kind, conflict.parcel), (ConflictKind::TwoStations, id));
        assert_eq!((conflict.other_station.clone(), conflict.other_at), (Some(one.id()), Some(START.plus_ms(10))));
        assert_eq!(actions::conflicts(&app.db, Some(id), None, 10).await.unwrap(), conflicts);
        let mut view = app.db.view("test").await.unwrap();
        let told = orders::actions::parcels_for_sync(view.conn(), &site(), &[id]).await.unwrap();
        assert_eq!(told[0].released.clone().unwrap().station, one.id());
    }
}

#[tokio::test]
async fn a_release_that_the_hub_knew_to_be_wrong_is_found_with_its_reasons() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (fine, refunded) = (parcel(&app, "A1").await, parcel(&app, "A2").await);
        tell(&app, refund("A2", 50)).await;
        let mut station = Station::new("pack-1");
        station.judge(100, Outcome::Release, Some(fine));
        station.judge(100, Outcome::Release, Some(refunded));
        let conflicts = take(&app, &[station.send(1, 2)]).await.conflicts;
        let [conflict] = &conflicts[..] else { panic!("{conflicts:?}") };
        assert_eq!((conflict.kind, conflict.parcel), (ConflictKind::LateFact, refunded), "{engine}");
        assert_eq!(conflict.reasons, [ReasonCode::RefundDone.key()]);
        assert_eq!((conflict.fact_at, conflict.age_ms), (Some(START.plus_ms(50)), Some(800)));
    }
}

#[tokio::test]
async fn records_beyond_their_time_are_forgotten_and_still_not_taken_twice() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut station = Station::new("pack-1");
        (0..5).for_each(|_| station.note("x"));
        take(&app, &[station.send(1, 3)]).await;
        let before = START.plus_ms(1);
        app.clock.advance_ms(2);
        take(&app, &[station.send(4, 5)]).await;
        assert_eq!(actions::forget_old(&app.db, before).await.unwrap(), 3, "{engine}");
        assert_eq!(actions::forget_old(&app.db, before).await.unwrap(), 0);
        let again = take(&app, &[station.send(1, 2), station.send(1, 5)]).await;
        assert_eq!((again.records.len(), ack(&again).upto), (0, ScanSeq(5)));
        assert!(ack(&again).refused.is_empty(), "forgotten is not forked");
    }
}

#[tokio::test]
async fn a_young_record_with_a_low_number_outlives_old_ones_with_higher_numbers() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut station = Station::new("pack-1");
        (0..5).for_each(|_| station.note("x"));
        take(&app, &[station.send(1, 5)]).await;
        app.clock.advance_ms(60_000);
        // As a hub leaves it that took its block of numbers early and used it late.
        let late = "UPDATE scan_record SET received_at = $1 WHERE seq = 2";
        let mut tx = app.db.begin("test").await.unwrap();
        sqlx::query(late).bind(app.clock.now().0).execute(tx.conn()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(actions::forget_old(&app.db, app.clock.now()).await.unwrap(), 4, "{engine}");
        let left = actions::recent(&app.db, &Of::All, None, 10).await.unwrap();
        assert_eq!(left.iter().map(|row| row.seq).collect::<Vec<_>>(), [ScanSeq(2)], "{engine}");
    }
}

#[test]
fn that_a_parcel_left_after_its_release_is_no_objection_to_it() {
    let verdict = |code: ReasonCode| Verdict {
        outcome: code.outcome(),
        reasons: vec![Reason { code, rule: RuleId::parse("r").unwrap(), about: String::new(), say: None }],
        parcel: Some(ParcelId(1)),
        repeat: false,
        revision: Revision(0),
        facts: FactsDigest([0; 16]),
        epoch: Epoch(1),
        position: Seq(1),
        age_ms: None,
    };
    for (code, fact_at, expected) in [
        (ReasonCode::RefundDone, 5, 1),
        (ReasonCode::RefundDone, 50, 1),
        (ReasonCode::AlreadyDispatched, 5, 1),
        (ReasonCode::AlreadyDispatched, 50, 0),
        (ReasonCode::ReleasedElsewhere, 5, 0),
        (ReasonCode::PartWaiting, 5, 0),
    ] {
        let late = decide::late_facts(&verdict(code), Timestamp(fact_at), Timestamp(10));
        assert_eq!(late.len(), expected, "{code:?} at {fact_at}");
    }
}

#[tokio::test]
async fn the_few_stops_among_many_releases_are_found_page_by_page() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut stations = [Station::new("pack-1"), Station::new("pack-2")];
        for station in &mut stations {
            for number in 1..=60 {
                let outcome = match number % 20 {
                    0 => Outcome::Stop,
                    10 => Outcome::Ask,
                    _ => Outcome::Release,
                };
                station.judge(number, outcome, None);
            }
            take(&app, &[station.send(1, 60)]).await;
        }
        for (station, outcome, expected) in [
            (None, Some(Outcome::Stop), 6),
            (None, Some(Outcome::Ask), 6),
            (None, Some(Outcome::Release), 108),
            (None, None, 120),
            (Some(stations[1].id()), Some(Outcome::Stop), 3),
            (Some(stations[1].id()), Some(Outcome::Release), 54),
            (Some(stations[1].id()), None, 60),
        ] {
            let (mut found, mut before) = (Vec::new(), None);
            loop {
                let page = actions::matching(&app.db, station.clone(), outcome, before, 4).await.unwrap();
                let Some(last) = page.last() else { break };
                before = Some(last.id);
                found.extend(page);
            }
            assert_eq!(found.len(), expected, "{engine}: {outcome:?} of {station:?}");
            assert!(found.is_sorted_by(|one, next| one.id > next.id), "{engine}: the newest first, each once");
            assert!(found.iter().all(|row| outcome.is_none() || row.outcome == outcome), "{engine}");
            assert!(found.iter().all(|row| row.age_ms == Some(800)), "{engine}: each says how old its facts were");
        }
    }
}

#[tokio::test]
async fn a_stop_is_told_to_people_and_programs_in_the_same_transaction_and_once() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let by = Actor::User("anna".to_owned());
        for rule in notices::actions::rules(&app.db).await.unwrap() {
            let kinds = vec![NoticeKind::ScanStopped];
            let all = notices::model::Rule { kinds, from: Severity::Info, ..rule.rule };
            notices::actions::put_rule(&app, Some(rule.id), &all, &by).await.unwrap();
        }
        let kinds = vec![EventKind::ScanStopped, EventKind::ParcelReleased];
        let (hook, _) = webhooks::actions::add(&app, "erp", "https://h.example/", kinds, &by).await.unwrap();
        let mut station = Station::new("pack-1");
        station.judge(0, Outcome::Stop, None);
        station.judge(1, Outcome::Stop, None);
        station.judge(2, Outcome::Release, Some(ParcelId(9)));
        for _ in 0..2 {
            take(&app, &[station.send(1, 3)]).await;
        }
        assert_eq!(notices::actions::standing(&app.db, NoticeKind::ScanStopped).await.unwrap().len(), 1);
        let target = effects::model::Target { kind: effects::model::TargetKind::Webhook, id: hook };
        let first = effects::claim(&app.db, target, 10, app.clock.now()).await.unwrap();
        assert_eq!(first.len(), 1, "one after the other, since no order is known");
        assert_eq!(effects::actions::counts(&app.db).await.unwrap().waiting, 3, "each scan once");
    }
}

/// Who let the parcel go, as stations are told.
async fn released(app: &TestApp, parcel: ParcelId) -> Option<(StationId, i64)> {
    let mut view = app.db.view("test").await.unwrap();
    let told = orders::actions::parcels_for_sync(view.conn(), &site(), &[parcel]).await.unwrap();
    told[0].released.clone().map(|release| (release.station, release.at.0 - START.0))
}

/// The conflicts of a parcel that stand, as kind and the two stations.
async fn open_conflicts(app: &TestApp, parcel: ParcelId) -> Vec<String> {
    let all = actions::conflicts(&app.db, Some(parcel), None, 50).await.unwrap();
    let open = all.iter().filter(|conflict| conflict.resolved_at.is_none());
    let say = |conflict: &super::model::Conflict| {
        let other = conflict.other_station.as_ref().map(|other| format!(" {other}")).unwrap_or_default();
        format!("{} {}{other}", conflict.kind.word(), conflict.station)
    };
    open.map(say).collect()
}

#[tokio::test]
async fn a_release_carried_over_from_a_damaged_journal_counts_once_and_a_second_station_is_a_conflict() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let id = parcel(&app, "A1").await;
        let mut one = Station::new("pack-1");
        one.judge(10, Outcome::Ask, None);
        one.judge(20, Outcome::Release, Some(id));
        take(&app, &[one.send(1, 1)]).await;
        // The second record never arrived; the journal was damaged, and both were saved.
        let next = one.renewed(4, 1);
        let taken = take(&app, &[next.whole()]).await;
        assert_eq!((ack(&taken).upto, taken.conflicts.len()), (ScanSeq(3), 0), "{engine}");
        assert_eq!(released(&app, id).await, Some((one.id(), 20)), "{engine}");
        let of_parcel = actions::recent(&app.db, &Of::Parcel(id), None, 50).await.unwrap();
        let places: Vec<_> = of_parcel.iter().map(|row| (row.station_epoch, row.seq, row.code.as_str())).collect();
        assert_eq!(places, [(one.epoch, ScanSeq(2), "SF1")], "{engine}: under the place that it had first");
        let judged = all(&app).await.iter().filter(|row| row.kind == ScanKind::Judged).count();
        assert_eq!(judged, 2, "{engine}: what the hub had is not there twice");
        // A second damage, and the old journal's own batch after all: nothing is new.
        let again = next.renewed(5, 9);
        let carried = Station { records: next.records.clone(), ..again };
        take(&app, &[carried.whole(), one.send(1, 2), one.send(2, 2)]).await;
        let judged = all(&app).await.iter().filter(|row| row.kind == ScanKind::Judged).count();
        assert_eq!(judged, 2, "{engine}");
        let mut two = Station::new("pack-2");
        two.judge(30, Outcome::Release, Some(id));
        take(&app, &[two.whole()]).await;
        assert_eq!(open_conflicts(&app, id).await, ["two_stations pack-2 pack-1"], "{engine}");
    }
}

#[tokio::test]
async fn another_record_under_a_number_that_the_hub_has_is_taken_beside_it() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (id, other) = (parcel(&app, "A1").await, parcel(&app, "A2").await);
        let (mut ours, mut copy) = (Station::new("pack-1"), Station::new("pack-1"));
        ours.judge(10, Outcome::Release, Some(id));
        copy.judge(20, Outcome::Release, Some(other));
        take(&app, &[ours.whole()]).await;
        take(&app, &[copy.renewed(4, 1).whole()]).await;
        assert_eq!(released(&app, id).await, Some((ours.id(), 10)), "{engine}");
        assert_eq!(released(&app, other).await, Some((ours.id(), 20)), "{engine}");
        let rows = actions::recent(&app.db, &Of::Parcel(other), None, 50).await.unwrap();
        assert_eq!((rows[0].station_epoch, rows[0].seq), (StationEpoch(4), ScanSeq(2)), "{engine}");
    }
}

#[tokio::test]
async fn what_is_carried_over_and_cannot_be_is_listed_as_unfit() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut station = Station::new("pack-1");
        let good = ScanRecord::decode(&{
            let mut other = Station::new("pack-1");
            other.judge(5, Outcome::Ask, None);
            other.records[0].clone()
        });
        let good = good.unwrap().encode();
        for (epoch, seq, record) in [
            (station.epoch.0, 1, good.clone()),
            (4, 0, good.clone()),
            (4, u64::MAX, good.clone()),
            (4, 2, good.clone()),
            (4, 1, b"garbage".to_vec()),
        ] {
            let note = Note::Salvaged { epoch: StationEpoch(epoch), seq: ScanSeq(seq), record };
            station.write(0, Event::Noted(note));
        }
        let taken = take(&app, &[station.whole()]).await;
        assert_eq!((ack(&taken).upto, taken.records.len()), (ScanSeq(5), 5), "{engine}");
        assert!(all(&app).await.iter().all(|row| row.kind == ScanKind::Unfit && row.refused.is_some()), "{engine}");
    }
}

#[tokio::test]
async fn a_withdrawn_release_never_was_one_together_or_apart() {
    for engine in ENGINES {
        for apart in [false, true] {
            let app = TestApp::on(engine).await;
            let id = parcel(&app, "A1").await;
            tell(&app, refund("A1", 5)).await;
            let mut one = Station::new("pack-1");
            one.judge(10, Outcome::Release, Some(id));
            one.judge(20, Outcome::Stop, Some(id));
            one.withdraw(1);
            if apart {
                let first = take(&app, &[one.send(1, 2)]).await;
                assert_eq!(first.conflicts.len(), 1, "{engine}: until it is withdrawn it is believed");
                let second = take(&app, &[one.send(3, 3)]).await;
                let keys: Vec<_> = second.withdrawn.iter().map(|row| (row.seq, row.withdrawn)).collect();
                assert_eq!(keys, [(ScanSeq(1), true)], "{engine}: the live list hears of it");
            } else {
                assert_eq!(take(&app, &[one.whole()]).await.conflicts, [], "{engine}");
            }
            take(&app, &[one.whole()]).await;
            assert_eq!(released(&app, id).await, None, "{engine} apart {apart}");
            assert_eq!(open_conflicts(&app, id).await, [""; 0], "{engine} apart {apart}");
            let rows = actions::recent(&app.db, &Of::Parcel(id), None, 50).await.unwrap();
            let shown: Vec<_> = rows.iter().map(|row| (row.seq.0, row.withdrawn)).collect();
            assert_eq!(shown, [(2, false), (1, true)], "{engine} apart {apart}");
        }
    }
}

#[tokio::test]
async fn the_release_that_stands_takes_the_place_of_one_that_was_withdrawn() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let id = parcel(&app, "A1").await;
        let [mut one, mut two, mut three] = ["pack-1", "pack-2", "pack-3"].map(Station::new);
        one.judge(10, Outcome::Release, Some(id));
        one.withdraw(1);
        two.judge(20, Outcome::Release, Some(id));
        three.judge(30, Outcome::Release, Some(id));
        take(&app, &[one.send(1, 1), two.whole(), three.whole()]).await;
        let mut found = open_conflicts(&app, id).await;
        found.sort();
        assert_eq!(found, ["two_stations pack-2 pack-1", "two_stations pack-3 pack-1"], "{engine}");
        take(&app, &[one.send(2, 2)]).await;
        assert_eq!(released(&app, id).await, Some((two.id(), 20)), "{engine}");
        assert_eq!(open_conflicts(&app, id).await, ["two_stations pack-3 pack-2"], "{engine}: as if it never was");
    }
}

#[tokio::test]
async fn a_withdrawal_that_comes_first_waits_for_its_release_and_means_no_other_daemons() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (id, other) = (parcel(&app, "A1").await, parcel(&app, "A2").await);
        let mut old = Station::new("pack-1");
        old.judge(10, Outcome::Release, Some(id));
        old.withdraw(1);
        // A bad sector cost the release in the saved journal; the old one's own batch comes late.
        let next = old.renewed(4, 2);
        take(&app, &[next.whole()]).await;
        take(&app, &[old.whole()]).await;
        assert_eq!(released(&app, id).await, None, "{engine}");
        let mut foreign = Station::new("pack-2");
        foreign.judge(10, Outcome::Release, Some(other));
        foreign.withdraw(1);
        let mut record = ScanRecord::decode(&foreign.records[1]).unwrap();
        record.boot = BootId(99);
        foreign.records[1] = record.encode();
        take(&app, &[foreign.whole()]).await;
        assert_eq!(released(&app, other).await, Some((foreign.id(), 10)), "{engine}: of another daemon's journal");
    }
}

#[tokio::test]
async fn a_second_look_lets_go_what_the_first_one_did_not() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let id = parcel(&app, "A1").await;
        let mut one = Station::new("pack-1");
        one.judge(10, Outcome::Release, Some(id));
        one.withdraw(1);
        one.judge(20, Outcome::Release, Some(id));
        let mut again = ScanRecord::decode(&one.records[2]).unwrap();
        let Event::Judged(judged) = &mut again.event else { panic!() };
        judged.verdict.repeat = true;
        one.records[2] = again.encode();
        assert_eq!(take(&app, &[one.whole()]).await.conflicts, [], "{engine}");
        assert_eq!(released(&app, id).await, Some((one.id(), 20)), "{engine}: that one was green");
    }
}
