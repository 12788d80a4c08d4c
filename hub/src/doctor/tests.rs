//! Breaks a hub's data by SQL, one thing at a time, and sees it named.

use super::actions::{examine, make};
use super::model::{Check, Checked};
use crate::actor::Actor;
use crate::orders::actions::receive;
use crate::orders::doc;
use crate::scans::actions::{Arrived, take};
use crate::store::testing::{ENGINES, START, TestApp};
use crate::store::{Connection, Engine};
use crate::{settings, sync};
use packline_protocol::id::{BootId, ScanSeq, SiteId, StationEpoch, StationId};
use packline_protocol::record::{ChainLink, Event, Note, ScanRecord};
use packline_protocol::time::Moment;
use packline_protocol::uplink::Batch;
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _};

/// A hub with orders, their change log and a station's records.
async fn hub(engine: Engine) -> TestApp {
    let app = TestApp::on(engine).await;
    let orders: Vec<_> = (1..=3)
        .map(|number| {
            let order = json!({
                "platform": "pos", "order_no": format!("A{number}"), "updated_at": START.0, "status": "paid",
                "buyer": {"name": "样例买家", "phone": "13800001234", "address": "样例省样例市样例区样例路 1 号"},
                "lines": [{"sku": "SKU-7", "title": "样品杯", "quantity": 2}],
                "gifts": [{"sku": "GIFT-1", "title": "样品贴纸", "quantity": 1}],
                "parcels": [{"number": format!("W{number}"), "waybills": [format!("SF{number:012}")]}],
                "stock_out": [{"parcel": format!("W{number}"), "picked": [
                    {"sku": "SKU-7", "quantity": 2}, {"sku": "GIFT-1", "quantity": 1}]}],
            });
            doc::read(&order).unwrap()
        })
        .collect();
    receive(&app, &orders, &Actor::Channel("test".into()), "test").await.unwrap();
    let wanted = json!({"backup_hour": 4}).as_object().unwrap().clone();
    settings::actions::change(&app, &wanted, &Actor::User("anna".into())).await.unwrap();
    let site = SiteId::parse("main").unwrap();
    let mut feed = sync::feed::Feed::lead(&app.db, &site, "test", None, app.clock.now()).await.unwrap().unwrap();
    while feed.fold(app.clock.now()).await.unwrap().more {}
    feed.leave().await.unwrap();
    let records = (1..=5).map(record).collect();
    let batch = Batch { station_epoch: StationEpoch(9), first: ScanSeq(1), before: ChainLink::START, records };
    let arrived = Arrived { station: StationId::parse("pack-1").unwrap(), site, batch };
    take(&app.db, &[arrived], app.clock.now()).await.unwrap();
    app
}

fn record(seq: u64) -> Vec<u8> {
    let event = Event::Noted(Note::Begun { salvaged: 0, why: "sample".to_owned() });
    let (seq, boot, moment) = (ScanSeq(seq), BootId(1), Moment(seq));
    ScanRecord { seq, boot, moment, wall: START, wall_trusted: true, event }.encode()
}

/// Runs statements with the database's own guards off: a damaged database has none.
async fn break_by(app: &TestApp, sql: &str) {
    let mut tx = app.db.begin("test").await.unwrap();
    let conn: &mut Connection = tx.conn();
    match app.db.engine() {
        Engine::Sqlite => {
            conn.execute("PRAGMA defer_foreign_keys = ON").await.unwrap();
        }
        Engine::Postgres => {
            conn.execute("SET LOCAL session_replication_role = replica").await.unwrap();
        }
    }
    conn.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    tx.commit().await.unwrap();
}

fn said(checked: &Checked) -> String {
    checked.findings.iter().map(|finding| format!("{}: {}\n", finding.about, finding.what)).collect()
}

/// What to break, which check sees it, and what it says.
const CASES: &[(&str, Check, &str)] = &[
    (
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
      VALUES (9999, 'newer', TRUE, 'x', 0)",
        Check::Schema,
        "it is at version 9999",
    ),
    ("UPDATE orders SET piece_count = 3 WHERE origin_no = 'A1'", Check::Orders, "the sum of pieces is stored as `3`"),
    ("UPDATE orders SET parcel_count = 0 WHERE origin_no = 'A1'", Check::Orders, "the number of parcels"),
    (
        "UPDATE orders SET gift_status = 'pending' WHERE origin_no = 'A1'",
        Check::Orders,
        "`pending` and `issued` follows",
    ),
    ("UPDATE gift_line SET status = 'short', issued = 0", Check::Orders, "gift `GIFT-1` is stored as `short`"),
    ("UPDATE orders SET site = 'elsewhere'", Check::Orders, "the site is stored as `elsewhere`"),
    ("UPDATE parcel_code SET held = 0 WHERE code = 'SF000000000002'", Check::Orders, "which codes parcel"),
    (
        "UPDATE orders SET order_code = 'B1', code_tail = 'B1' WHERE origin_no = 'A1'",
        Check::Orders,
        "the code is stored as `B1`",
    ),
    ("UPDATE orders SET code_tail = 'zz'", Check::Codes, "its code is not in the form"),
    ("UPDATE parcel_code SET code_tail = 'zz' WHERE code = 'SF000000000002'", Check::Codes, "`SF000000000002`"),
    ("UPDATE scan_record SET body = link WHERE seq = 3", Check::ScanChain, "record 3 does not follow"),
    ("DELETE FROM scan_record WHERE seq = 3", Check::ScanChain, "records 3 to 3 are missing"),
    (
        "UPDATE scan_record SET link = body WHERE seq = 99; UPDATE ingest_position SET upto = 7",
        Check::Ingest,
        "records up to 7 were acknowledged and only those up to 5 are stored",
    ),
    ("UPDATE ingest_position SET upto = 2", Check::Ingest, "the hub says it has them up to 2"),
    ("DELETE FROM scan_record", Check::Ingest, "none is stored"),
    ("DELETE FROM ingest_position", Check::Ingest, "no position is"),
    (
        "UPDATE replica_bucket SET hash = (SELECT hash FROM replica_bucket ORDER BY bucket LIMIT 1)",
        Check::ChangeLog,
        "bucket hashes",
    ),
    (
        "UPDATE replica_site SET root = (SELECT hash FROM replica_bucket ORDER BY bucket LIMIT 1)",
        Check::ChangeLog,
        "the root is not",
    ),
    ("UPDATE replica_site SET live = 77", Check::ChangeLog, "it counts 77 rows"),
    ("UPDATE replica_site SET seq = 1", Check::ChangeLog, "the newest should be 1"),
    ("UPDATE orders SET status = 'cancelled'", Check::ChangeLog, "does not say what the hub knows"),
    ("DELETE FROM replica_row WHERE seq = (SELECT MAX(seq) FROM replica_row)", Check::ChangeLog, "is missing"),
    ("DELETE FROM replica_row WHERE seq = 1", Check::ChangeLog, "is missing"),
    ("UPDATE audit_entry SET action = 'nothing'", Check::Audit, "the audit log: "),
    ("UPDATE order_contact SET phone = name", Check::Sealed, "the contact of order"),
    ("UPDATE counter SET next_value = 1 WHERE name = 'parcel'", Check::Counters, "it gives 1 next"),
    ("DELETE FROM counter WHERE name = 'order'", Check::Counters, "counter order"),
    ("INSERT INTO setting (name, content, changed_at) VALUES ('backup_keep', '1', 1)", Check::Settings, "backup_keep"),
];

#[tokio::test]
async fn each_break_is_named_by_its_check_and_a_sound_hub_has_none() {
    for engine in ENGINES {
        let sound = hub(engine).await;
        let report = examine(&sound, false).await.unwrap();
        let all: String = report.checks.iter().map(said).collect();
        assert!(report.ok, "{engine}: {all}");
        assert!(
            report.checks.iter().all(|checked| checked.looked_at > 0 || checked.check == Check::Database),
            "{report:?}"
        );
        for (sql, check, expected) in CASES {
            let app = hub(engine).await;
            break_by(&app, sql).await;
            let checked = make(&app, *check, false).await.unwrap();
            let said = said(&checked);
            assert!(said.contains(expected), "{engine}: {sql}\nsays: {said}");
        }
    }
}

#[tokio::test]
async fn a_row_that_hangs_on_nothing_is_named() {
    let app = hub(Engine::Postgres).await;
    break_by(&app, "DELETE FROM orders WHERE origin_no = 'A1'").await;
    let said = said(&make(&app, Check::Orphans, false).await.unwrap());
    for table in ["order_line", "gift_line", "stock_out", "order_event", "parcel"] {
        assert!(said.contains(&format!("a row of {table}:")), "{said}");
    }
    let app = hub(Engine::Sqlite).await;
    let url = app.config.db_url();
    let file = crate::store::sqlite_file(&url).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).foreign_keys(false);
    let mut conn = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query("DELETE FROM parcel WHERE parcel_key = 'W1'").execute(&mut conn).await.unwrap();
    let checked = make(&app, Check::Orphans, false).await.unwrap();
    assert!(self::said(&checked).contains("a row of parcel_code:"), "{checked:?}");
}

#[tokio::test]
async fn what_is_derived_is_made_anew_and_nothing_else() {
    for engine in ENGINES {
        for sql in [
            "UPDATE orders SET piece_count = 3, gift_status = 'pending'",
            "UPDATE gift_line SET status = 'short', issued = 0",
            "UPDATE ingest_position SET upto = 2",
            "UPDATE counter SET next_value = 1 WHERE name = 'parcel'",
            "UPDATE replica_bucket SET hash = (SELECT hash FROM replica_bucket ORDER BY bucket LIMIT 1)",
            "DELETE FROM replica_row WHERE seq = (SELECT MAX(seq) FROM replica_row)",
        ] {
            let app = hub(engine).await;
            break_by(&app, sql).await;
            let report = examine(&app, true).await.unwrap();
            assert!(report.checks.iter().any(|checked| checked.repaired > 0), "{engine}: {sql}");
            let after = examine(&app, false).await.unwrap();
            let all: String = after.checks.iter().map(said).collect();
            assert!(after.ok, "{engine}: {sql}\n{all}");
        }
        let app = hub(engine).await;
        break_by(&app, "DELETE FROM scan_record WHERE seq = 3").await;
        let report = examine(&app, true).await.unwrap();
        assert!(!report.ok, "{engine}: a record that is gone cannot be made anew");
    }
}
