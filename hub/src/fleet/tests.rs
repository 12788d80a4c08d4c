//! Inviting, enrolling and shutting out through the actions, on both engines.

use super::actions::{self, EnrolRequest};
use super::model::{CLAIM_TTL_MS, FleetError, StationStatus};
use super::{Fleet, Known};
use crate::actor::Actor;
use crate::store::testing::{ENGINES, TestApp};
use packline_protocol::envelope::Sealer;
use packline_protocol::id::{BootId, Epoch, Revision, ScanSeq, Seq, SiteId, StationEpoch, StationId};
use packline_protocol::proof::Root;
use packline_protocol::rules::builtin;
use packline_protocol::uplink::{Hello, ReplicaState, Report};

fn site(name: &str) -> SiteId {
    SiteId::parse(name).unwrap()
}

fn by() -> Actor {
    Actor::Cli("test".into())
}

fn station(name: &str) -> StationId {
    StationId::parse(name).unwrap()
}

/// What a device with keys of its own sends.
fn request(token: &str, of: u8) -> EnrolRequest {
    let public_key = crate::keys::to_hex(&Sealer::new(&[of; 32]).public());
    EnrolRequest { token: token.to_owned(), public_key, mqtt_secret: format!("{of:02x}").repeat(32) }
}

async fn invite(app: &TestApp, at: &str, name: &str) -> Result<String, FleetError> {
    let invitation = actions::invite(&app.db, &site(at), &station(name), &by(), app.clock.now()).await?;
    Ok(invitation.token)
}

async fn enrol(app: &TestApp, request: &EnrolRequest) -> String {
    match actions::enrol(&app.db, request, app.clock.now()).await {
        Ok(station) => format!("{} at {}", station.station, station.site),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_token_lets_one_device_in_and_a_lost_answer_is_given_again() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let token = invite(&app, "sz-1", "pack-1").await.unwrap();
        assert_eq!(token.len(), 40);
        assert_eq!(enrol(&app, &request("f".repeat(40).as_str(), 1)).await, FleetError::UnknownToken.to_string());
        for _ in 0..2 {
            assert_eq!(enrol(&app, &request(&token, 1)).await, "pack-1 at sz-1", "{engine}");
        }
        assert_eq!(enrol(&app, &request(&token, 2)).await, FleetError::UsedToken.to_string());
        app.clock.advance_ms(CLAIM_TTL_MS + 1);
        assert_eq!(enrol(&app, &request(&token, 1)).await, FleetError::ExpiredToken.to_string());
        let stored = actions::stations(&app.db).await.unwrap();
        assert_eq!((stored.len(), stored[0].status), (1, StationStatus::Active));
        let (broker, mosquitto) = (actions::credentials(&stored), actions::mosquitto_accounts(&stored));
        assert!(broker[0].secret.matches(request(&token, 1).mqtt_secret.as_bytes()));
        assert_eq!((mosquitto.len(), mosquitto[0].station.clone()), (1, station("pack-1")));
    }
}

#[tokio::test]
async fn a_device_that_is_replaced_works_until_its_successor_has_enrolled() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let first = invite(&app, "sz-1", "pack-1").await.unwrap();
        enrol(&app, &request(&first, 1)).await;
        let second = invite(&app, "sz-1", "pack-1").await.unwrap();
        let key = async || actions::stations(&app.db).await.unwrap()[0].public_key.unwrap();
        assert_eq!(key().await, Sealer::new(&[1; 32]).public(), "{engine}: still the old one");
        assert_eq!(enrol(&app, &request(&first, 1)).await, FleetError::UnknownToken.to_string(), "taken back");
        enrol(&app, &request(&second, 2)).await;
        assert_eq!(key().await, Sealer::new(&[2; 32]).public());
        let elsewhere = invite(&app, "bj-2", "pack-1").await.unwrap_err().to_string();
        assert_eq!(elsewhere, "station `pack-1` belongs to site `sz-1`; revoke it there first");
    }
}

#[tokio::test]
async fn whoever_is_shut_out_stays_out_until_invited_again() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let token = invite(&app, "sz-1", "pack-1").await.unwrap();
        enrol(&app, &request(&token, 1)).await;
        app.fleet.reload(&app.db).await.unwrap();
        assert!(app.fleet.member(&station("pack-1")).is_some());
        actions::revoke(&app.db, &station("pack-1"), &by(), app.clock.now()).await.unwrap();
        app.fleet.reload(&app.db).await.unwrap();
        assert!(app.fleet.member(&station("pack-1")).is_none(), "{engine}");
        assert_eq!(enrol(&app, &request(&token, 1)).await, FleetError::UnknownToken.to_string());
        let stored = actions::stations(&app.db).await.unwrap();
        assert!(actions::credentials(&stored).is_empty() && stored[0].public_key.is_none());
        let again = invite(&app, "bj-2", "pack-1").await.unwrap();
        assert_eq!(enrol(&app, &request(&again, 3)).await, "pack-1 at bj-2");
        let nobody = actions::revoke(&app.db, &station("nobody"), &by(), app.clock.now()).await.unwrap_err();
        assert_eq!(nobody.to_string(), "there is no station `nobody`");
    }
}

#[tokio::test]
async fn a_request_with_bad_keys_is_refused_and_the_token_stays_good() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let token = invite(&app, "sz-1", "pack-1").await.unwrap();
        let good = request(&token, 1);
        let no_key = EnrolRequest { public_key: "00".to_owned(), ..good.clone() };
        let no_point = EnrolRequest { public_key: format!("02{}", "0".repeat(62)), ..good.clone() };
        let upper = EnrolRequest { mqtt_secret: "AB".repeat(32), ..good.clone() };
        let short = EnrolRequest { mqtt_secret: "ab".repeat(31), ..good.clone() };
        for (bad, field) in
            [(no_key, "public_key"), (no_point, "public_key"), (upper, "mqtt_secret"), (short, "mqtt_secret")]
        {
            let refusal = enrol(&app, &bad).await;
            assert!(refusal.starts_with(&format!("{field} is not accepted; give ")), "{refusal}");
        }
        assert_eq!(enrol(&app, &good).await, "pack-1 at sz-1", "{engine}");
    }
}

#[tokio::test]
async fn rules_and_settings_of_a_site_are_checked_before_anybody_works_by_them() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        invite(&app, "sz-1", "pack-1").await.unwrap();
        let newer = packline_protocol::rules::RuleSet { revision: Revision(1), ..builtin::rule_set() };
        let nowhere =
            actions::publish_rules(&app.db, &site("nowhere"), &newer, &by(), app.clock.now()).await.unwrap_err();
        assert_eq!(nowhere.to_string(), "there is no site `nowhere`");
        let mut twice = newer.clone();
        twice.rules.push(twice.rules[0].clone());
        let refused = actions::publish_rules(&app.db, &site("sz-1"), &twice, &by(), app.clock.now()).await.unwrap_err();
        assert!(matches!(refused, FleetError::Rules(_)), "{refused:?}");
        actions::publish_rules(&app.db, &site("sz-1"), &newer, &by(), app.clock.now()).await.unwrap();
        assert_eq!(actions::rules_of(&app.db, &site("sz-1")).await.unwrap(), newer, "{engine}");
        let mut settings = actions::sites(&app.db).await.unwrap()[0].settings.clone();
        settings.title = "深圳一号仓".to_owned();
        actions::set_settings(&app.db, &site("sz-1"), &settings, &by(), app.clock.now()).await.unwrap();
        assert_eq!(actions::sites(&app.db).await.unwrap()[0].settings, settings);
        settings.green_deadline_ms = 0;
        let refused =
            actions::set_settings(&app.db, &site("sz-1"), &settings, &by(), app.clock.now()).await.unwrap_err();
        assert_eq!(refused.to_string(), "green_deadline_ms is not accepted; give 10 to 10000");
    }
}

fn hello(session: u64, seq: u64) -> Hello {
    Hello {
        session,
        boot: BootId(1),
        version: "0.1.0".to_owned(),
        row_schema: 1,
        station_epoch: StationEpoch(9),
        journal_from: ScanSeq(1),
        journal_to: ScanSeq(0),
        replica: replica(seq),
    }
}

fn replica(seq: u64) -> ReplicaState {
    ReplicaState { epoch: Epoch(7), seq: Seq(seq), root: Root([1; 16]), rows: 2 }
}

#[tokio::test]
async fn what_was_known_of_a_station_is_there_after_a_restart_but_its_birth_is_asked_for() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (name, now) = (station("pack-1"), app.clock.now());
        app.fleet.born(&name, &hello(3, 8), now);
        app.fleet.log_moved(&site("sz-1"), Epoch(7), [(Seq(9), Root([1; 16]))]);
        assert!(app.fleet.is_ahead(&site("sz-1"), &replica(10)));
        assert!(!app.fleet.is_ahead(&site("sz-1"), &replica(9)));
        super::jobs::save(&app).await;
        let restarted = Fleet::default();
        restarted.recall(&app.db).await.unwrap();
        assert_eq!(restarted.states()[&name].session, 3, "{engine}");
        assert!(!restarted.heard(&name, now), "its birth was heard by another process");
        let report = Report {
            session: 4,
            replica: replica(9),
            revision: Revision(0),
            backlog: 0,
            journal_percent: 0,
            scanners: Vec::new(),
            alarms: Vec::new(),
            wall: now,
            wall_trusted: true,
        };
        assert!(restarted.reported(&name, &site("sz-1"), &report, now).is_none());
        assert!(restarted.died(&name, 2).is_none());
        assert!(restarted.died(&name, 3).is_some());
    }
}

#[test]
fn only_the_newest_positions_of_a_log_are_remembered_and_none_of_an_earlier_life() {
    let fleet = Fleet::default();
    let newest = |fleet: &Fleet| super::lock(&fleet.0.logs).get(&site("sz-1")).map(|Known { recent, .. }| recent.len());
    fleet.log_moved(&site("sz-1"), Epoch(7), (0..1_000).map(|seq| (Seq(seq), Root([1; 16]))));
    assert_eq!(newest(&fleet), Some(super::RECENT_MAX));
    fleet.log_moved(&site("sz-1"), Epoch(8), [(Seq(1_000), Root([1; 16]))]);
    assert_eq!(newest(&fleet), Some(1));
}

#[test]
fn the_host_of_a_request_is_told_from_its_port() {
    for (given, host) in [
        ("hub", "hub"),
        ("hub:8080", "hub"),
        ("10.0.0.7:80", "10.0.0.7"),
        ("[::1]:8080", "[::1]"),
        ("[fe80::1]", "[fe80::1]"),
        ("[::1]", "[::1]"),
    ] {
        assert_eq!(super::without_port(given), host, "{given}");
    }
}
