//! The chain on both databases: written by many, and changed by somebody who may not.

use super::actions::{self, Form, PAGE_MAX, export, record, record_all};
use super::model::{Cursor, Entry, FaultKind, Filter, Report, Subject};
use crate::actor::Actor;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::fleet::actions as fleet;
use crate::keys::HubKeys;
use crate::orders::actions as orders;
use crate::orders::input::OrderInput;
use crate::privacy::Vault;
use crate::store::testing::{ENGINES, START, TestApp};
use crate::store::{Db, Engine, Retry, StoreError};
use futures::TryStreamExt as _;
use packline_protocol::change::SiteSettings;
use packline_protocol::id::{SiteId, StationId};
use serde_json::json;
use sqlx::AssertSqlSafe;

fn entry(n: i64) -> Entry {
    let actor = Actor::User(if n % 2 == 0 { "anna" } else { "bert" }.into());
    let subject = Subject::new(if n % 3 == 0 { "station" } else { "order" }, n % 5);
    Entry::new(START.plus_ms(n), &actor, "test.change", subject)
        .before(json!({ "n": n }))
        .after(json!({ "n": n + 1, "名": "值" }))
        .because("因为测试")
}

async fn write(app: &App, count: i64) {
    write_from(app, 0, count).await;
}

async fn write_from(app: &App, first: i64, count: i64) {
    for n in first..first + count {
        let mut tx = app.db.begin("test").await.unwrap();
        record(&mut tx, entry(n)).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn tamper(app: &App, sql: &str) {
    let mut tx = app.db.begin("test").await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
}

fn said(report: &Report) -> String {
    report.fault.as_ref().map_or_else(|| format!("{} fine", report.verified), ToString::to_string)
}

#[tokio::test]
async fn a_whole_chain_is_found_whole_and_sealed() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        assert_eq!(said(&actions::seal(&app).await.unwrap()), "0 fine");
        write(&app, 5).await;
        let mut tx = app.db.begin("test").await.unwrap();
        record_all(&mut tx, (5..2_100).map(entry).collect()).await.unwrap();
        tx.commit().await.unwrap();
        let report = actions::seal(&app).await.unwrap();
        assert_eq!((said(&report), report.sealed), ("2100 fine".into(), 2_100));
        let report = actions::verify(&app).await.unwrap();
        assert_eq!((said(&report), report.sealed, report.entries), ("2100 fine".into(), 2_100, 2_100));
        assert_eq!(app.audit.report(), Some(report));
    }
}

#[tokio::test]
async fn a_change_that_is_not_committed_leaves_no_entry_and_no_gap() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        write(&app, 1).await;
        let mut tx = app.db.begin("test").await.unwrap();
        record(&mut tx, entry(1)).await.unwrap();
        drop(tx);
        write(&app, 1).await;
        assert_eq!(said(&actions::verify(&app).await.unwrap()), "2 fine");
    }
}

#[tokio::test]
async fn whatever_somebody_does_to_the_tables_the_first_wrong_entry_is_named() {
    let columns = "happened_at, actor, action, subject_kind, subject_id, before_state, after_state, reason";
    let swap = "UPDATE audit_entry SET seq = 99 WHERE seq = 4; UPDATE audit_entry SET seq = 4 WHERE seq = 5; \
                UPDATE audit_entry SET seq = 5 WHERE seq = 99";
    let planted = format!(
        "INSERT INTO audit_entry (seq, {columns}, prev_hash, hash, mac, key_id) \
         SELECT 11, {columns}, prev_hash, hash, mac, key_id FROM audit_entry WHERE seq = 10"
    );
    for engine in ENGINES {
        for (sql, expected) in [
            ("UPDATE audit_entry SET actor = 'user:eve' WHERE seq = 4", "entry 4 was changed"),
            ("UPDATE audit_entry SET after_state = NULL WHERE seq = 4", "entry 4 was changed"),
            ("UPDATE audit_entry SET reason = '' WHERE seq = 1", "entry 1 was changed"),
            ("UPDATE audit_entry SET happened_at = happened_at + 1 WHERE seq = 10", "entry 10 was changed"),
            ("UPDATE audit_entry SET mac = hash WHERE seq = 4", "entry 4 was not written by this hub"),
            (
                "UPDATE audit_entry SET key_id = 'other' WHERE seq = 4",
                "entry 4 was written with the key of the hub `other`, not with this one's",
            ),
            ("DELETE FROM audit_entry WHERE seq = 4", "entry 4 is missing"),
            ("DELETE FROM audit_entry WHERE seq = 1", "entry 1 is missing"),
            (swap, "the entry that belongs at 4 stands at 5"),
            ("DELETE FROM audit_entry WHERE seq > 8", "entries 9 to 10 are cut off"),
            ("DELETE FROM audit_entry", "entries 1 to 10 are cut off"),
            (&planted, "entry 11 stands beyond the end of the chain"),
            (
                "UPDATE audit_head SET hash = (SELECT hash FROM audit_entry WHERE seq = 9)",
                "the end of the chain does not fit entry 10",
            ),
            (
                "UPDATE audit_seal SET hash = (SELECT hash FROM audit_entry WHERE seq = 9)",
                "the seal at entry 10 is not this hub's",
            ),
        ] {
            let app = TestApp::on(engine).await;
            write(&app, 10).await;
            actions::seal(&app).await.unwrap();
            tamper(&app, sql).await;
            assert_eq!(said(&actions::verify(&app).await.unwrap()), expected, "{engine}: {sql}");
        }
    }
}

#[tokio::test]
async fn a_chain_that_was_cut_off_cleanly_is_found_by_the_seal_beside_the_key() {
    let cut = "DELETE FROM audit_entry WHERE seq > 6; DELETE FROM audit_seal WHERE seq > 6; \
        UPDATE audit_head SET seq = 6, hash = (SELECT hash FROM audit_entry WHERE seq = 6)";
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        write(&app, 6).await;
        actions::seal(&app).await.unwrap();
        write(&app, 4).await;
        actions::seal(&app).await.unwrap();
        tamper(&app, cut).await;
        assert_eq!(said(&actions::verify(&app).await.unwrap()), "entries 7 to 10 are cut off");
        // Writing on over the cut does not hide it.
        write_from(&app, 50, 9).await;
        let report = actions::verify(&app).await.unwrap();
        assert_eq!(said(&report), "entry 10 is not the one that the hub sealed");
        assert_eq!(said(&actions::seal(&app).await.unwrap()), said(&report), "a broken chain is not sealed");
    }
}

#[tokio::test]
async fn a_restored_backup_is_accepted_by_a_person_and_says_what_it_lost() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        write(&app, 10).await;
        actions::seal(&app).await.unwrap();
        let restored = "DELETE FROM audit_entry WHERE seq > 6; DELETE FROM audit_seal; \
            UPDATE audit_head SET seq = 6, hash = (SELECT hash FROM audit_entry WHERE seq = 6)";
        tamper(&app, restored).await;
        let report = actions::accept_restore(&app, &Actor::Cli("root".into())).await.unwrap();
        assert_eq!((said(&report), report.sealed), ("7 fine".into(), 7));
        let filter = Filter { action: Some("audit.restored".into()), ..Filter::default() };
        let entry = actions::list(&app.db, &filter, None, 1).await.unwrap().entries.remove(0);
        assert_eq!((entry.seq, entry.actor.as_str()), (7, "cli:root"));
        assert_eq!(entry.before.unwrap(), r#"{"first_lost":7,"last_lost":10}"#);
        tamper(&app, "UPDATE audit_entry SET actor = 'user:eve' WHERE seq = 2").await;
        assert!(actions::accept_restore(&app, &Actor::Cli("root".into())).await.is_err());
    }
}

/// A second hub on the same database, with the same keys.
async fn second(first: &TestApp, url: &str, keys: HubKeys) -> App {
    let db = Db::open(url).await.unwrap();
    let config = Config { data: first.config.data.clone(), ..Config::default() };
    App::new(config, db, keys, Vault::random(), Clock::standing_at(START))
}

#[tokio::test]
async fn two_hubs_that_write_at_once_keep_one_chain() {
    for engine in ENGINES {
        let first = TestApp::on(engine).await;
        let url = first.config.db_url();
        let keys = || HubKeys::open(&first.config.data).unwrap();
        let hubs = [second(&first, &url, keys()).await, second(&first, &url, keys()).await];
        let writer = |app: App, n: i64| {
            tokio::spawn(async move {
                for turn in 0..10 {
                    let mut retry = Retry::default();
                    while let Err(error) = add(&app, n * 10 + turn).await {
                        assert!(retry.again(&error).await, "{error}");
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..8).map(|n| writer(hubs[n as usize % 2].clone(), n)).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(said(&actions::verify(&hubs[0]).await.unwrap()), "80 fine", "{engine}");
        assert_eq!(said(&actions::seal(&hubs[1]).await.unwrap()), "80 fine", "{engine}");
    }
}

async fn add(app: &App, n: i64) -> Result<(), StoreError> {
    let mut tx = app.db.begin("test").await?;
    record(&mut tx, entry(n)).await?;
    tx.commit().await
}

#[tokio::test]
async fn a_hub_with_another_key_is_named_and_not_believed() {
    let app = TestApp::on(Engine::Sqlite).await;
    write(&app, 3).await;
    let other = second(&app, &app.config.db_url(), HubKeys::random()).await;
    write(&other, 1).await;
    let expected =
        format!("entry 4 was written with the key of the hub `{}`, not with this one's", other.keys.hub_id());
    assert_eq!(said(&actions::verify(&app).await.unwrap()), expected);
}

#[tokio::test]
async fn entries_are_found_by_who_what_subject_and_time_page_by_page() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        write(&app, 60).await;
        let all = Filter::default();
        let actor = Some("user:anna".to_owned());
        let kind = Some("order".to_owned());
        for (filter, count) in [
            (all.clone(), 60),
            (Filter { actor: actor.clone(), ..all.clone() }, 30),
            (Filter { action: Some("test.change".into()), ..all.clone() }, 60),
            (Filter { action: Some("test.other".into()), ..all.clone() }, 0),
            (Filter { subject_kind: kind.clone(), ..all.clone() }, 40),
            (Filter { subject_kind: kind.clone(), subject_id: Some("1".into()), ..all.clone() }, 8),
            (Filter { subject_kind: kind.clone(), actor: actor.clone(), ..all.clone() }, 20),
            (Filter { from: Some(START.plus_ms(10)), until: Some(START.plus_ms(15)), ..all.clone() }, 5),
            (
                Filter {
                    actor,
                    action: Some("test.change".into()),
                    subject_kind: kind,
                    subject_id: Some("1".into()),
                    from: Some(START),
                    until: Some(START.plus_ms(60)),
                },
                4,
            ),
        ] {
            let (mut seen, mut before) = (Vec::new(), None);
            loop {
                let page = actions::list(&app.db, &filter, before, 7).await.unwrap();
                seen.extend(page.entries.iter().map(|entry| entry.seq));
                let Some(next) = page.next else { break };
                before = Cursor::parse(&next.to_string());
                assert_eq!(before, Some(next));
            }
            assert_eq!(seen.len(), count, "{engine} {filter:?}");
            assert!(seen.is_sorted_by(|a, b| a > b), "the newest first");
        }
        assert_eq!(actions::kinds(&app.db).await.unwrap(), ["test.change"]);
    }
}

#[tokio::test]
async fn an_export_has_every_entry_once_and_no_formula() {
    let app = TestApp::on(Engine::Sqlite).await;
    let count = PAGE_MAX as i64 * 2 + 1;
    let mut tx = app.db.begin("test").await.unwrap();
    let entries = (0..count).map(|n| Entry { reason: Some("=HYPERLINK(\"x\"),\n".into()), ..entry(n) });
    record_all(&mut tx, entries.collect()).await.unwrap();
    tx.commit().await.unwrap();
    let text = async |form| -> String {
        let pieces: Vec<String> = export(app.db.clone(), Filter::default(), form).try_collect().await.unwrap();
        assert_eq!(pieces.len(), 3);
        pieces.concat()
    };
    let lines = text(Form::JsonLines).await;
    let seqs = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_i64());
    assert!(seqs.eq((1..=count).rev().map(Some)));
    let table = text(Form::Csv).await;
    let mut reader = csv::Reader::from_reader(table.trim_start_matches('\u{FEFF}').as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!(rows.len() as i64, count);
    assert!(rows.iter().all(|row| row[8].starts_with("'=HYPERLINK(\"x\")")));
}

#[tokio::test]
async fn a_state_without_end_is_kept_as_its_size_and_hash() {
    let app = TestApp::on(Engine::Sqlite).await;
    let mut tx = app.db.begin("test").await.unwrap();
    record(&mut tx, entry(1).after(json!("x".repeat(100_000))).because("y".repeat(9_999))).await.unwrap();
    tx.commit().await.unwrap();
    let kept = actions::list(&app.db, &Filter::default(), None, 1).await.unwrap().entries.remove(0);
    assert!(kept.after.unwrap().contains("\"too_long\":100002"));
    assert_eq!(kept.reason.unwrap().len(), 500);
    assert_eq!(said(&actions::verify(&app).await.unwrap()), "1 fine");
}

#[tokio::test]
async fn what_people_change_is_written_down_with_who_did_it() {
    let (site, station) = (SiteId::parse("sz-1").unwrap(), StationId::parse("pack-1").unwrap());
    let by = Actor::User("anna".into());
    let paid =
        OrderInput { platform: "pos".into(), origin_no: "1".into(), version: Some(START), ..OrderInput::default() };
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        fleet::invite(&app.db, &site, &station, &by, START).await.unwrap();
        let settings = SiteSettings { title: "样品仓".into(), green_deadline_ms: 100, journal_warn_percent: 80 };
        fleet::set_settings(&app.db, &site, &settings, &by, START).await.unwrap();
        fleet::revoke(&app.db, &station, &by, START).await.unwrap();
        for _ in 0..2 {
            // The same again changes nothing, and says nothing.
            orders::receive(&app, std::slice::from_ref(&paid), &by, orders::SENT).await.unwrap();
        }
        // A file has its own entry, and each order its own history.
        let other = OrderInput { origin_no: "2".into(), ..paid.clone() };
        orders::receive(&app, &[other], &by, "import:1").await.unwrap();
        let entries = actions::list(&app.db, &Filter::default(), None, 99).await.unwrap().entries;
        let done: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(done, ["orders.send", "stations.revoke", "sites.settings", "stations.invite"], "{engine}");
        assert!(entries.iter().all(|entry| entry.actor == "user:anna"));
        assert!(entries[2].after.as_deref().unwrap().contains("样品仓") && entries[2].before.is_some());
        assert_eq!(entries[1].after.as_deref(), Some(r#"{"status":"revoked"}"#));
        assert_eq!(said(&actions::verify(&app).await.unwrap()), "4 fine");
    }
}

#[test]
fn only_the_named_kinds_of_fault_are_told_apart_by_their_words() {
    let say = |kind| super::model::Fault { seq: 3, kind }.to_string();
    assert_eq!(say(FaultKind::Unlinked), "entry 3 does not follow from the one before");
    assert_eq!(say(FaultKind::CutOff { last: 9 }), "entries 3 to 9 are cut off");
}
