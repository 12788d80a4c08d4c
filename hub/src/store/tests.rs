use super::testing::{ENGINES, TestApp};
use super::*;
use sqlx::{AssertSqlSafe, Executor as _, Row as _, SqlSafeStr as _};
use std::collections::BTreeSet;

/// Every text with a name, ready to be prepared.
fn texts() -> Vec<(&'static str, String)> {
    let plain = registry::statements().into_iter().map(|statement| (statement.name, statement.sql.to_owned()));
    let many = registry::rows().into_iter().flat_map(|rows| {
        let name = rows.statement.name;
        [(name, rows.text(1)), (name, rows.text(3))]
    });
    plain.chain(many).collect()
}

#[tokio::test]
async fn every_statement_is_understood_by_both_engines() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let mut connection = app.db.read().acquire().await.unwrap();
        for (name, sql) in texts() {
            let prepared = connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await;
            assert!(prepared.is_ok(), "{engine} does not understand {name}: {sql}\n{}", prepared.err().unwrap());
        }
    }
}

/// Tables that stay small: reading all of them is fine.
const SMALL: &[&str] = &[
    "counter",
    "site",
    "station",
    "station_claim",
    "replica_site",
    "account",
    "session",
    "role",
    "role_right",
    "right_dealt",
    "people_revision",
    "audit_head",
    "data_key",
    "invitation",
    "api_token",
    "second_step",
    "recovery_code",
    "contact_reveal",
];

#[tokio::test]
async fn no_statement_reads_all_of_a_big_table() {
    let app = TestApp::on(Engine::Sqlite).await;
    let plain = registry::statements().into_iter().map(|statement| (statement, statement.sql.to_owned()));
    let many = registry::rows().into_iter().map(|rows| (rows.statement, rows.text(3)));
    for (statement, sql) in plain.chain(many) {
        let explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(app.db.read());
        for row in explain.await.unwrap() {
            let step: String = row.get("detail");
            assert!(is_allowed(&step, statement.reading), "{} reads too much: {step}\n{sql}", statement.name);
        }
    }
}

/// SQLite's plan says `SEARCH t USING …` for keyed reads and `SCAN t …` for the rest.
fn is_allowed(step: &str, reading: Reading) -> bool {
    let Some(scanned) = step.strip_prefix("SCAN ") else { return true };
    let table = scanned.split(' ').next().unwrap_or_default();
    let is_given = scanned.contains("CONSTANT ROW") || scanned.contains("VALUES CLAUSE") || table.starts_with('(');
    let is_walk = scanned.contains("USING INDEX") || scanned.contains("USING COVERING INDEX");
    is_given
        || table == "given"
        || SMALL.contains(&table)
        || reading == Reading::All
        || reading == Reading::Walk && is_walk
}

#[test]
fn the_check_of_plans_can_fail() {
    assert!(!is_allowed("SCAN orders", Reading::Keyed));
    assert!(!is_allowed("SCAN orders", Reading::Walk));
    assert!(!is_allowed("SCAN orders USING INDEX orders_by_time", Reading::Keyed));
    assert!(is_allowed("SCAN orders USING INDEX orders_by_time", Reading::Walk));
    assert!(is_allowed("SEARCH orders USING INDEX orders_by_time (created_at>?)", Reading::Keyed));
}

#[tokio::test]
async fn numbers_are_given_once_even_to_many_askers_at_once() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let ask = |count| {
            let db = app.db.clone();
            tokio::spawn(async move { db.ids(Counter::Parcel, count).await.unwrap() })
        };
        let asked: Vec<_> = (0..20).map(|n| ask(n * 53)).collect();
        let mut seen = BTreeSet::new();
        for task in asked {
            for id in task.await.unwrap() {
                assert!(seen.insert(id), "{engine} gave {id} twice");
            }
        }
        assert_eq!(seen.len(), (0..20).sum::<usize>() * 53);
        assert!(!seen.contains(&0));
    }
}

#[tokio::test]
async fn a_transaction_that_is_dropped_never_was() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let count = async || {
            let row =
                sqlx::query("SELECT COUNT(*) FROM counter WHERE name = 'x'").fetch_one(app.db.read()).await.unwrap();
            row.get::<i64, _>(0)
        };
        let insert = "INSERT INTO counter (name, next_value) VALUES ('x', 1)";
        let mut tx = app.db.begin("test").await.unwrap();
        tx.conn().execute(insert).await.unwrap();
        drop(tx);
        assert_eq!(count().await, 0);
        let mut tx = app.db.begin("test").await.unwrap();
        tx.conn().execute(insert).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count().await, 1);
    }
}

#[tokio::test]
async fn readers_of_sqlite_cannot_write_and_its_commits_are_synced() {
    let app = TestApp::on(Engine::Sqlite).await;
    let refused = sqlx::query("INSERT INTO counter (name, next_value) VALUES ('x', 1)").execute(app.db.read()).await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
    let mut tx = app.db.begin("test").await.unwrap();
    for (pragma, expected) in [("synchronous", 2), ("foreign_keys", 1)] {
        let row = sqlx::query(AssertSqlSafe(format!("PRAGMA {pragma}"))).fetch_one(tx.conn()).await.unwrap();
        assert_eq!(row.get::<i64, _>(0), expected, "{pragma}");
    }
}

#[tokio::test]
async fn a_database_with_an_odd_name_opens_and_a_second_hub_sees_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("仓 1 100%?#&.db");
    let url = format!("sqlite:{}", file.display());
    let first = Db::open(&url).await.unwrap();
    let version = first.migrate().await.unwrap();
    assert!(file.exists());
    let second = Db::open(&url).await.unwrap();
    assert_eq!(second.migrate().await.unwrap(), version);
    let (a, b) = (first.ids(Counter::Order, 3).await.unwrap(), second.ids(Counter::Order, 3).await.unwrap());
    assert!(a.iter().all(|id| !b.contains(id)));
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_says_which() {
    let error = Db::open("sqlite:/dev/null/hub.db").await.unwrap_err();
    assert!(error.to_string().contains("`/dev/null/hub.db`"), "{error}");
}
