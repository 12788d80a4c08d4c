use super::actions::{change, history, load, undo};
use super::jobs;
use super::model::{HUB, SettingsError, Values};
use crate::actor::Actor;
use crate::backup::actions::{Order, make};
use crate::store::testing::{ENGINES, TestApp};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};

fn anna() -> Actor {
    Actor::User("anna".to_owned())
}

fn values(value: Value) -> Values {
    value.as_object().unwrap().clone()
}

async fn execute(app: &TestApp, sql: &str) {
    let mut tx = app.db.begin("test").await.unwrap();
    tx.conn().execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_change_is_in_force_at_once_written_down_and_can_be_taken_back() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let changed = change(&app, &values(json!({"backup_hour": 5, "backup_keep": 7})), &anna()).await.unwrap();
        assert_eq!((changed.backup_hour, app.settings.now().backup_hour), (5, 5), "{engine}");
        let lines = history(&app.db, Some(HUB), None, 10).await.unwrap();
        let line: Vec<_> = lines.iter().map(|line| (line.name.as_str(), &line.before, &line.after)).collect();
        assert_eq!(line, [("backup_hour", &json!(3), &json!(5))], "{engine}: what is as it was is no change");
        assert_eq!((lines[0].actor.as_str(), lines[0].at), ("user:anna", app.clock.now()));
        undo(&app, lines[0].id, &anna()).await.unwrap();
        assert_eq!(load(&app.db).await.unwrap().backup_hour, 3);
        assert_eq!(history(&app.db, None, None, 10).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn one_value_that_is_not_accepted_keeps_all_from_changing() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let wrong = values(json!({"backup_hour": 5, "backup_keep": 0}));
        let refused = change(&app, &wrong, &anna()).await.unwrap_err();
        let SettingsError::Values { details } = refused else { panic!("{refused}") };
        assert_eq!((details.len(), details[0].field.as_str()), (1, "backup_keep"));
        assert_eq!(details[0].accepted, "a whole number from 2 to 366");
        assert_eq!(load(&app.db).await.unwrap().backup_hour, 3, "{engine}");
        assert!(matches!(undo(&app, 77, &anna()).await.unwrap_err(), SettingsError::NoChange { id: 77 }));
    }
}

#[tokio::test]
async fn two_people_who_change_different_settings_at_once_both_get_theirs() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let wanted = [("backup_hour", 5), ("backup_keep", 9), ("scans_keep_days", 50), ("disk_warn_percent", 70)];
        let tasks = wanted.map(|(name, value)| {
            let app = crate::app::App::clone(&app);
            tokio::spawn(async move { change(&app, &values(json!({name: value})), &anna()).await })
        });
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let lines = history(&app.db, None, None, 10).await.unwrap();
        assert_eq!(lines.len(), 4, "{engine}");
        let stored = super::decide::values(&load(&app.db).await.unwrap());
        for (name, value) in wanted {
            assert_eq!(stored[name], json!(value), "{engine}");
        }
    }
}

#[tokio::test]
async fn nothing_is_forgotten_before_it_is_in_a_backup() {
    for engine in ENGINES {
        let (app, out) = (TestApp::on(engine).await, tempfile::tempdir().unwrap());
        let record = |id: i64| {
            format!(
                "INSERT INTO scan_record (id, station, station_epoch, seq, site, received_at, wall_trusted, kind, code, \
                 is_repeat, is_withdrawn, link, body) \
                 VALUES ({id}, 'pack-1', 1, {id}, 'main', {}, 0, 'noted', '', 0, 0, 'x', 'x')",
                app.clock.now().0
            )
        };
        let binary = |sql: String| {
            sql.replace(
                "'x', 'x'",
                if engine == crate::store::Engine::Sqlite { "x'00', x'00'" } else { "'\\x00', '\\x00'" },
            )
        };
        execute(&app, &binary(record(1))).await;
        execute(
            &app,
            &format!(
                "INSERT INTO import_job (id, file_name, content_hash, options, actor, status, created_at, touched_at, \
             finished_at, bytes_total, bytes_read, rows_read, orders_read, orders_created, orders_changed, \
             orders_unchanged, orders_refused, problems) VALUES (1, 'a.csv', 'x', '{{}}', 'user:anna', 'done', \
             {0}, {0}, {0}, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
                app.clock.now().0
            ),
        )
        .await;
        app.clock.advance_ms(500 * 24 * 3_600_000);
        assert_eq!(jobs::forget_old(&app).await.unwrap(), 0, "{engine}: there is no backup");
        let target = out.path().join("one.backup");
        let order = Order { target, actor: "cli:test".to_owned(), due: None, off_machine: false, passphrase: None };
        make(&app, order).await.unwrap();
        execute(&app, &binary(record(2))).await;
        assert_eq!(jobs::forget_old(&app).await.unwrap(), 2, "{engine}");
        app.clock.advance_ms(500 * 24 * 3_600_000);
        assert_eq!(jobs::forget_old(&app).await.unwrap(), 0, "{engine}: what came later is in no backup");
        let left = sqlx::query("SELECT COUNT(*) FROM scan_record").fetch_one(app.db.read()).await.unwrap();
        assert_eq!(left.get::<i64, _>(0), 1);
    }
}
