use super::actions;
use super::jobs;
use super::model::{Format, Status};
use crate::actor::Actor;
use crate::orders::input::OrderInput;
use crate::orders::money;
use crate::store::testing::{ENGINES, TestApp};
use packline_protocol::facts::OrderStatus;
use std::path::PathBuf;

async fn hub_with(engine: crate::store::Engine, count: usize) -> TestApp {
    let app = TestApp::on(engine).await;
    let input = |n: usize| OrderInput {
        platform: "pos".into(),
        origin_no: format!("E{n:05}"),
        shop: Some("=cmd|' /C calc'!A0".into()),
        status: Some(if n.is_multiple_of(2) { OrderStatus::Paid } else { OrderStatus::Shipped }),
        amount: money::parse("128.50", "CNY"),
        ..OrderInput::default()
    };
    let inputs: Vec<OrderInput> = (0..count).map(input).collect();
    crate::orders::actions::receive(&app, &inputs, &Actor::Hub("test"), "test").await.unwrap();
    app
}

fn anna() -> Actor {
    Actor::User("anna".into())
}

async fn ask(app: &TestApp, format: Format, query: &str, with_money: bool) -> i64 {
    actions::ask(app, &anna(), format, "en", query, with_money).await.unwrap()
}

async fn written(app: &TestApp, id: i64) -> (Status, u64, PathBuf) {
    let job = actions::get(app, id, &anna()).await.unwrap().unwrap();
    (job.status, job.rows, actions::path_of(&app.config.data, &job))
}

#[tokio::test]
async fn a_file_holds_every_order_once_and_no_formula() {
    for engine in ENGINES {
        let app = hub_with(engine, 2_345).await;
        let id = ask(&app, Format::Csv, "status=paid&column=order_no,shop,amount", true).await;
        jobs::write_waiting(&app).await.unwrap();
        let (status, rows, path) = written(&app, id).await;
        assert_eq!((status, rows), (Status::Done, 1_173), "{engine}");
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.strip_prefix('\u{FEFF}').unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), vec!["Order number", "Shop", "Amount", "Currency"]);
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let numbers: std::collections::BTreeSet<&str> = records.iter().map(|record| &record[0]).collect();
        assert_eq!((records.len(), numbers.len()), (1_173, 1_173));
        assert_eq!((&records[0][1], &records[0][2], &records[0][3]), ("'=cmd|' /C calc'!A0", "128.50", "CNY"));
        assert!(!text.contains("E00001"), "a shipped order is in the file of paid ones");
    }
}

#[tokio::test]
async fn a_workbook_is_a_workbook_and_leaves_no_other_file() {
    let app = hub_with(ENGINES[0], 30).await;
    let id = ask(&app, Format::Xlsx, "", true).await;
    jobs::write_waiting(&app).await.unwrap();
    let (status, rows, path) = written(&app, id).await;
    assert_eq!((status, rows), (Status::Done, 30));
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.starts_with(b"PK"), "a workbook is a zip archive");
    let names = std::fs::read_dir(path.parent().unwrap()).unwrap();
    assert_eq!(names.count(), 1);
}

#[tokio::test]
async fn money_is_left_out_for_who_may_not_see_it_and_others_see_no_file_at_all() {
    let app = hub_with(ENGINES[0], 3).await;
    let id = ask(&app, Format::Csv, "column=order_no,amount", false).await;
    jobs::write_waiting(&app).await.unwrap();
    let text = std::fs::read_to_string(written(&app, id).await.2).unwrap();
    assert!(!text.contains("128") && !text.contains("Amount"), "{text}");
    assert_eq!(actions::get(&app, id, &Actor::User("bert".into())).await.unwrap(), None);
    let refused = actions::ask(&app, &anna(), Format::Csv, "en", "amount_from=5", false).await;
    assert!(refused.unwrap_err().to_string().contains("does not see money"));
}

#[tokio::test]
async fn an_export_that_is_stopped_leaves_no_file_and_one_that_is_old_goes() {
    for engine in ENGINES {
        let app = hub_with(engine, 5).await;
        let stopped = ask(&app, Format::Csv, "", true).await;
        assert!(actions::cancel(&app, stopped, &anna()).await.unwrap());
        assert!(!actions::cancel(&app, stopped, &anna()).await.unwrap());
        let kept = ask(&app, Format::Csv, "", true).await;
        jobs::write_waiting(&app).await.unwrap();
        assert_eq!(written(&app, stopped).await.0, Status::Cancelled);
        let (status, _, path) = written(&app, kept).await;
        assert!(status == Status::Done && path.exists());
        app.clock.advance_ms(25 * 3_600_000);
        jobs::write_waiting(&app).await.unwrap();
        assert_eq!(written(&app, kept).await.0, Status::Expired);
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn nobody_has_more_exports_on_their_way_than_anybody_may() {
    let app = hub_with(ENGINES[0], 1).await;
    for _ in 0..actions::OPEN_MAX {
        ask(&app, Format::Csv, "", true).await;
    }
    let refused = actions::ask(&app, &anna(), Format::Csv, "en", "", true).await;
    assert!(refused.unwrap_err().to_string().contains("are not over"));
}
