//! Notices on both engines: counted, told, gathered, escalated, noted, and what stations give reason for.

use super::actions;
use super::jobs;
use super::model::{Goal, NoticeKind, NoticeState, Occurrence, Quiet, Rule, Severity};
use crate::accounts::model::{Session, SessionToken, UserName};
use crate::accounts::rights::Rights;
use crate::actor::Actor;
use crate::effects;
use crate::effects::model::{Target, TargetKind};
use crate::fleet;
use crate::fleet::actions::EnrolRequest;
use crate::outbound::message::Receiver;
use crate::pages::text::Language;
use crate::store::testing::{ENGINES, TestApp};
use packline_protocol::id::{BootId, ScanSeq, SiteId, StationEpoch, StationId};
use packline_protocol::uplink::{Alarm, Hello, ReplicaState, Report};
use serde_json::Value;
use sqlx::Row as _;

const MINUTE_MS: i64 = 60_000;

fn anna() -> Actor {
    Actor::User("anna".to_owned())
}

fn session(user: &str, role: &str) -> Session {
    let user = UserName::parse(user).unwrap();
    Session::complete(user, role.to_owned(), Rights::NONE, SessionToken::new([7; 32]))
}

/// Only this rule is left.
async fn only(app: &TestApp, rule: Rule) {
    for old in actions::rules(&app.db).await.unwrap() {
        actions::drop_rule(app, old.id, &anna()).await.unwrap();
    }
    actions::put_rule(app, None, &rule, &anna()).await.unwrap();
}

fn rule(goals: &[Goal]) -> Rule {
    Rule {
        title: "test".to_owned(),
        on: true,
        kinds: Vec::new(),
        from: Severity::Info,
        site: None,
        goals: goals.to_vec(),
        quiet: None,
        awake_from: Severity::Critical,
        gather_minutes: 0,
        escalate_minutes: 0,
        escalate_to: Vec::new(),
    }
}

async fn robot(app: &TestApp) -> i64 {
    let url = "https://robot.example/send?token=s3cret-url".to_owned();
    let receiver = Receiver::Dingtalk { url, secret: "SEC-s3cret".to_owned() };
    actions::add_target(app, "群", Language::Zh, &receiver, &anna()).await.unwrap()
}

async fn raise(app: &TestApp, kind: NoticeKind, key: &str) {
    actions::raise_now(app, &[Occurrence::new(kind, key)]).await.unwrap();
}

async fn titles(app: &TestApp, session: &Session) -> Vec<String> {
    let told = actions::bell(app, session, None, 50).await.unwrap();
    told.iter().map(|told| format!("{} {} ×{}", told.notice.kind.word(), told.notice.key, told.notice.times)).collect()
}

/// What goes to a robot next, as its lines.
async fn said(app: &TestApp, target: i64) -> Vec<Vec<String>> {
    while actions::say_due(app, app.clock.now()).await.unwrap() {}
    let target = Target { kind: TargetKind::Robot, id: target };
    let claimed = effects::claim(&app.db, target, 10, app.clock.now()).await.unwrap();
    let lines = |payload: &Value| {
        let message = &payload["message"];
        let lines = message["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
        std::iter::once(message["title"].as_str().unwrap().to_owned()).chain(lines).collect()
    };
    let mut all = Vec::new();
    for effect in claimed {
        all.push(lines(&effect.payload));
        let mut tx = app.db.begin("test").await.unwrap();
        effects::record(&mut tx, &effect, &effects::model::Outcome::Done, app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
    }
    all
}

#[tokio::test]
async fn the_same_thing_within_a_while_is_counted_and_told_once() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let target = robot(&app).await;
        only(&app, rule(&[Goal::All, Goal::Target(target)])).await;
        let reader = session("bo", "warehouse");
        for _ in 0..17 {
            raise(&app, NoticeKind::ImportFailed, "import 4").await;
        }
        raise(&app, NoticeKind::ImportFailed, "import 5").await;
        assert_eq!(said(&app, target).await.len(), 1, "both in one message");
        let mut found = titles(&app, &reader).await;
        found.sort();
        assert_eq!(found, ["import.failed import 4 ×17", "import.failed import 5 ×1"]);
        app.clock.advance_ms(NoticeKind::ImportFailed.window_ms());
        raise(&app, NoticeKind::ImportFailed, "import 4").await;
        assert_eq!(said(&app, target).await[0][0], "【注意】导入失败：import 4", "its while was over");
        assert_eq!(titles(&app, &reader).await.len(), 3);
    }
}

#[tokio::test]
async fn what_no_rule_is_about_leaves_no_trace_and_what_is_rolled_back_never_was() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        only(&app, Rule { kinds: vec![NoticeKind::BackupFailed], ..rule(&[Goal::All]) }).await;
        raise(&app, NoticeKind::ImportFailed, "import 4").await;
        let mut tx = app.db.begin("test").await.unwrap();
        let grave = Occurrence::new(NoticeKind::BackupFailed, "nightly");
        actions::raise(&mut tx, &[grave], app.clock.now()).await.unwrap();
        drop(tx);
        assert_eq!(actions::newest(&app.db).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_bell_rings_for_those_it_is_meant_for_until_they_have_read() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        only(&app, rule(&[Goal::Role("it".to_owned()), Goal::Person("bo".to_owned())])).await;
        raise(&app, NoticeKind::StationLost, "pack-1").await;
        app.clock.advance_ms(5);
        raise(&app, NoticeKind::StationLost, "pack-2").await;
        let (it, bo, other) = (session("ida", "it"), session("bo", "warehouse"), session("kim", "warehouse"));
        for (reader, count) in [(&it, 2), (&bo, 2), (&other, 0)] {
            assert_eq!(actions::unread(&app, reader).await.unwrap(), count, "{}", reader.user);
        }
        let first = actions::bell(&app, &bo, None, 1).await.unwrap().remove(0);
        assert_eq!((first.notice.key.as_str(), first.read), ("pack-2", false), "the newest first");
        let rest = actions::bell(&app, &bo, Some(first.notice.id), 10).await.unwrap();
        assert_eq!(rest.len(), 1);
        actions::note(&app, &bo, first.notice.id).await.unwrap();
        assert_eq!(actions::unread(&app, &bo).await.unwrap(), 1);
        let noted = actions::bell(&app, &it, None, 1).await.unwrap().remove(0);
        assert_eq!((noted.notice.state, noted.notice.noted_by.as_deref()), (NoticeState::Noted, Some("bo")));
        assert!(!noted.read, "somebody else has not read it");
        actions::read_all(&app, &it).await.unwrap();
        assert_eq!(actions::unread(&app, &it).await.unwrap(), 0);
        let refused = actions::note(&app, &other, first.notice.id).await.unwrap_err();
        assert!(refused.to_string().contains("there is no notice"), "not on their bell: {refused}");
    }
}

#[tokio::test]
async fn robots_gather_keep_silent_at_night_and_the_next_are_told_when_nobody_takes_note() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (near, far) = (robot(&app).await, robot(&app).await);
        // It is 08:00 in UTC+8.
        let quiet = Some(Quiet { from_minute: 7 * 60, to_minute: 9 * 60 });
        let goals = [Goal::Target(near), Goal::Role("it".to_owned())];
        let next = vec![Goal::Target(far), Goal::Person("bo".to_owned())];
        let gathering = Rule { gather_minutes: 10, escalate_minutes: 90, escalate_to: next, quiet, ..rule(&goals) };
        only(&app, gathering).await;
        raise(&app, NoticeKind::StationLost, "pack-1").await;
        app.clock.advance_ms(30 * MINUTE_MS);
        raise(&app, NoticeKind::ImportFailed, "import 4").await;
        assert_eq!(said(&app, near).await, Vec::<Vec<String>>::new(), "quiet hours");
        app.clock.advance_ms(30 * MINUTE_MS);
        let morning = said(&app, near).await;
        assert_eq!(morning.len(), 1);
        assert_eq!(morning[0], ["2 条通知", "【注意】工位失联：pack-1", "【注意】导入失败：import 4"]);
        let it = session("ida", "it");
        let import = actions::bell(&app, &it, None, 1).await.unwrap().remove(0);
        actions::note(&app, &it, import.notice.id).await.unwrap();
        assert_eq!(said(&app, far).await, Vec::<Vec<String>>::new());
        app.clock.advance_ms(60 * MINUTE_MS);
        let told = said(&app, far).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0][0], "【注意】工位失联：pack-1", "the other one was taken note of");
        assert_eq!(titles(&app, &session("bo", "finance")).await, ["station.lost pack-1 ×1"]);
    }
}

#[tokio::test]
async fn secrets_of_targets_are_nowhere_in_clear() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let id = robot(&app).await;
        let listed = actions::targets(&app.db).await.unwrap();
        assert_eq!(listed[0].shown, "robot.example");
        assert!(!format!("{listed:?}").contains("s3cret"));
        let row = sqlx::query("SELECT sealed FROM notice_target").fetch_one(app.db.read()).await.unwrap();
        let sealed: Vec<u8> = row.get(0);
        assert!(!sealed.windows(6).any(|part| part == b"s3cret"));
        let opened = actions::open_target(&app, id).await.unwrap().unwrap();
        assert!(matches!(opened.receiver, Receiver::Dingtalk { secret, .. } if secret == "SEC-s3cret"));
        let entries = sqlx::query("SELECT after_state FROM audit_entry").fetch_all(app.db.read()).await;
        for row in entries.unwrap() {
            let text: Option<String> = row.get(0);
            assert!(!text.unwrap_or_default().contains("s3cret"));
        }
    }
}

#[tokio::test]
async fn the_rules_that_a_new_hub_has_can_be_read_and_are_accepted() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let rules = actions::rules(&app.db).await.unwrap();
        assert_eq!(rules.len(), 3);
        for rule in rules {
            rule.rule.check().unwrap();
            let id = actions::put_rule(&app, Some(rule.id), &rule.rule, &anna()).await.unwrap();
            assert_eq!(id, rule.id);
        }
        let new = actions::put_rule(&app, None, &rule(&[Goal::All]), &anna()).await.unwrap();
        assert!(new >= 10, "numbers begin after those of the first rules: {new}");
    }
}

async fn enrol(app: &TestApp, station: &StationId) {
    let site = SiteId::parse("sz-1").unwrap();
    let token = fleet::actions::invite(&app.db, &site, station, &anna(), app.clock.now()).await.unwrap().token;
    let key = ed25519_dalek::SigningKey::from_bytes(&[3; 32]).verifying_key();
    let public_key: String = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let request = EnrolRequest { token, public_key, mqtt_secret: "ab".repeat(32) };
    fleet::actions::enrol(&app.db, &request, app.clock.now()).await.unwrap();
}

fn hello() -> Hello {
    Hello {
        session: 1,
        boot: BootId(1),
        version: "0.1.0".to_owned(),
        row_schema: 1,
        station_epoch: StationEpoch(9),
        journal_from: ScanSeq(1),
        journal_to: ScanSeq(1),
        replica: ReplicaState::default(),
    }
}

fn report(app: &TestApp, alarms: Vec<Alarm>) -> Report {
    Report {
        session: 1,
        replica: ReplicaState::default(),
        revision: Default::default(),
        backlog: 0,
        journal_percent: 10,
        scanners: Vec::new(),
        alarms,
        wall: app.clock.now(),
        wall_trusted: true,
    }
}

#[tokio::test]
async fn a_station_that_falls_silent_is_told_once_and_told_when_it_is_back() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        only(&app, rule(&[Goal::All])).await;
        let (reader, station) = (session("bo", "it"), StationId::parse("pack-1").unwrap());
        enrol(&app, &station).await;
        let site = SiteId::parse("sz-1").unwrap();
        app.fleet.born(&station, &hello(), app.clock.now());
        let full = Alarm { key: "journal-filling".to_owned(), text: "90 % full".to_owned() };
        app.fleet.reported(&station, &site, &report(&app, vec![full]), app.clock.now());
        for _ in 0..3 {
            jobs::look_at_stations(&app).await.unwrap();
        }
        assert_eq!(titles(&app, &reader).await, ["station.storage pack-1 journal-filling ×1"]);

        app.fleet.died(&station, 1);
        app.clock.advance_ms(30_000);
        jobs::look_at_stations(&app).await.unwrap();
        assert_eq!(titles(&app, &reader).await.len(), 1, "a short break is not news");
        app.clock.advance_ms(40_000);
        for _ in 0..3 {
            jobs::look_at_stations(&app).await.unwrap();
        }
        assert_eq!(titles(&app, &reader).await[0], "station.lost pack-1 ×1");

        app.clock.advance_ms(1_000);
        app.fleet.born(&station, &hello(), app.clock.now());
        for _ in 0..3 {
            jobs::look_at_stations(&app).await.unwrap();
        }
        assert_eq!(titles(&app, &reader).await[0], "station.restored pack-1 ×1");
        let told = actions::bell(&app, &reader, None, 10).await.unwrap();
        let lost = told.iter().find(|told| told.notice.kind == NoticeKind::StationLost).unwrap();
        assert_eq!(lost.notice.state, NoticeState::Over);
    }
}

#[tokio::test]
async fn old_notices_are_forgotten_with_all_that_hangs_on_them() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let target = robot(&app).await;
        only(&app, rule(&[Goal::All, Goal::Target(target)])).await;
        raise(&app, NoticeKind::ImportFailed, "old").await;
        app.clock.advance_ms(MINUTE_MS);
        raise(&app, NoticeKind::ImportFailed, "new").await;
        let now = app.clock.now();
        assert_eq!(actions::forget(&app.db, now, now).await.unwrap(), 1);
        assert_eq!(titles(&app, &session("bo", "it")).await, ["import.failed new ×1"]);
        assert_eq!(said(&app, target).await[0][0], "【注意】导入失败：new");
    }
}
