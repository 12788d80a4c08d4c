//! Files as people have them: read to orders, and taken into the store.

use super::actions;
use super::actions::run::run;
use super::actions::upload::{Upload, path_of};
use super::jobs;
use super::model::{Format, Job, JobStatus, Options, Problem};
use super::read::{Orders, Piece};
use crate::actor::Actor;
use crate::error::chain;
use crate::orders::actions as orders;
use crate::orders::input::OrderInput;
use crate::orders::model::Order;
use crate::store::testing::{ENGINES, START, TestApp};
use encoding_rs::GB18030;
use packline_protocol::facts::{GiftStatus, OrderStatus, RefundState};
use packline_protocol::id::SiteId;
use proptest::prelude::*;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use tokio::sync::Notify;

/// What a file reads as.
#[derive(Debug, Default)]
struct ReadFile {
    orders: Vec<OrderInput>,
    problems: Vec<Problem>,
    failure: Option<String>,
}

fn pos() -> Options {
    Options { platform: Some("pos".into()), ..Options::default() }
}

fn read_with(bytes: &[u8], options: Options) -> ReadFile {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut found = ReadFile::default();
    let mut orders = match Orders::open(file, options, START) {
        Ok(Ok(orders)) => orders,
        Ok(Err(broken)) => return ReadFile { failure: Some(chain(&broken)), ..found },
        Err(error) => return ReadFile { failure: Some(chain(&error)), ..found },
    };
    loop {
        match orders.next() {
            Ok(Some(Piece::Order(order))) => found.orders.push(*order),
            Ok(Some(Piece::Bad(problems))) => found.problems.extend(problems),
            Ok(None) => return found,
            Err(broken) => {
                found.failure = Some(chain(&broken));
                return found;
            }
        }
    }
}

fn read(text: &str) -> ReadFile {
    read_with(text.as_bytes(), pos())
}

/// Each order in short: number, status, lines, gifts, parcels with contents, stock-out records.
fn short(order: &OrderInput) -> String {
    let pieces = |list: &[(String, u32)]| {
        let list: Vec<String> = list.iter().map(|(sku, pieces)| format!("{sku}*{pieces}")).collect();
        list.join("+")
    };
    let mut parts = vec![order.origin_no.clone()];
    parts.extend(order.status.map(|status| format!("{status:?}").to_lowercase()));
    let lines = order.lines.iter().flatten().map(|line| (line.sku.clone(), line.quantity));
    parts.push(pieces(&lines.collect::<Vec<_>>()));
    parts.extend(order.gifts.iter().flatten().map(|gift| format!("gift {}*{}", gift.sku, gift.quantity)));
    parts.extend(order.parcels.iter().flatten().map(|parcel| {
        let name = parcel.number.iter().chain(&parcel.waybills).cloned().collect::<Vec<_>>().join("/");
        match &parcel.contents {
            Some(contents) => format!("parcel {name}({})", pieces(contents)),
            None => format!("parcel {name}"),
        }
    }));
    parts.extend(
        order
            .stock_out
            .iter()
            .flatten()
            .map(|record| format!("picked {}({})", record.parcel.as_deref().unwrap_or("-"), pieces(&record.picked))),
    );
    parts.retain(|part| !part.is_empty());
    parts.join(" | ")
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found = read(text);
    assert_eq!((found.problems.as_slice(), &found.failure), (&[][..], &None));
    let found: Vec<String> = found.orders.iter().map(short).collect();
    assert_eq!(found, expected);
}

/// The problems of a file, each as `row/column/given/message`.
#[track_caller]
fn check_wrong(text: &str, expected: &[&str]) {
    let found = read(text);
    let shown = |problem: &Problem| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        format!("{}/{}/{}/{}", problem.row, text(&problem.column), text(&problem.given), problem.message)
    };
    let problems: Vec<String> = found.problems.iter().map(shown).collect();
    assert_eq!(problems.len(), expected.len(), "{problems:#?} {:?}", found.failure);
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}\ninstead of\n{expected}");
    }
}

#[track_caller]
fn check_failure(text: &str, expected: &str) {
    let failure = read(text).failure.expect("the file cannot be read to its end");
    assert!(failure.contains(expected), "{failure}");
}

#[test]
fn one_row_is_one_order() {
    check(
        "订单号,订单状态,商家编码,数量,运单号\nA1,已付款,TEA-01,2,SF1\nA2,待付款,CUP,1,\n",
        &["A1 | paid | TEA-01*2 | parcel SF1", "A2 | unpaid | CUP*1"],
    );
}

#[test]
fn several_rows_are_the_lines_of_one_order() {
    let expected = &["A1 | TEA-01*2+CUP*1 | parcel SF1", "A2 | TEA-01*1"];
    check("order_no,sku,quantity,waybill\nA1,TEA-01,2,SF1\nA1,CUP,1,SF1\nA2,TEA-01,1,\n", expected);
    check("order_no,sku,quantity,waybill\nA1,TEA-01,2,SF1\n,CUP,1,\nA2,TEA-01,1,\n", expected);
}

#[test]
fn several_parcels_carry_what_their_rows_say() {
    check(
        "order_no,sku,quantity,waybill\nA1,TEA-01,2,SF1\nA1,CUP,1,SF2\nA1,MUG,1,SF2\n",
        &["A1 | TEA-01*2+CUP*1+MUG*1 | parcel SF1(TEA-01*2) | parcel SF2(CUP*1+MUG*1)"],
    );
    check(
        "order_no,sku,quantity,waybill\nA1,TEA-01,2,SF1\nA1,CUP,1,\n",
        &["A1 | TEA-01*2+CUP*1 | parcel SF1(TEA-01*2)"],
    );
}

#[test]
fn gifts_and_stock_out_records_are_read() {
    check(
        "order_no,sku,quantity,is_gift,waybill,picked_quantity\nA1,TEA-01,2,否,SF1,2\nA1,CUP,1,是,SF1,0\n",
        &["A1 | TEA-01*2 | gift CUP*1 | parcel SF1 | picked SF1(TEA-01*2+CUP*0)"],
    );
    check(
        "order_no,sku,quantity,gift_sku,gift_quantity,picked_quantity,gift_picked_quantity\nA1,TEA-01,2,CUP,1,2,1\n",
        &["A1 | TEA-01*2 | gift CUP*1 | picked -(TEA-01*2+CUP*1)"],
    );
    check("order_no,sku,picked_sku,picked_quantity\nA1,TEA-01,SPOON,3\n", &["A1 | TEA-01*1 | picked -(SPOON*3)"]);
}

#[test]
fn any_usual_way_of_writing_the_file_gives_the_same() {
    let expected = ["甲-1 | paid | TEA-01*2".to_owned()];
    let comma = "订单号,状态,商家编码,数量\n甲-1,已付款,TEA-01,2\n";
    let variants: Vec<Vec<u8>> = vec![
        comma.into(),
        comma.replace('\n', "\r\n").into(),
        comma.replace(',', ";").into(),
        comma.replace(',', "\t").into(),
        format!("\u{FEFF}{comma}").into(),
        format!("sep=;\n{}", comma.replace(',', ";")).into(),
        format!("订单导出 2026-02-18\n\n{comma}").into(),
        GB18030.encode(comma).0.into(),
        "\"订单号\",\"状态\",\"商家编码\",\"数量\"\n\"甲-1\",\"已付款\",\"TEA-01\",\"2\"\n".into(),
        "订单号,状态,商家编码,数量\n=\"甲-1\",'已付款,\tTEA-01 ,2.0".into(),
        "订单号,备注,状态,商家编码,数量\n甲-1,\"两行\n\"\"备注\"\"\",已付款,TEA-01,2\n,,,,\n".into(),
    ];
    for variant in variants {
        let found = read_with(&variant, pos());
        assert_eq!(found.problems, [], "{:?}", String::from_utf8_lossy(&variant));
        assert_eq!(found.orders.iter().map(short).collect::<Vec<_>>(), expected, "{:?}", found.failure);
    }
}

#[test]
fn what_is_wrong_comes_back_row_by_row_and_the_rest_is_read() {
    let file = "订单号,订单状态,商家编码,数量,下单时间,运单号,金额\n\
        A1,已付款,TEA-01,two,2026-02-18,SF1,12.50\n\
        A2,gone,TEA-01,1,2026-02-30,SF2,12.505\n\
        A3,已付款,TEA-01,1,2026-02-18,1.23E+14,1\n\
        A4,已付款,TEA-01,0,2026-02-18,SF4,1\n\
        A5,已付款,TEA-01,1,2026-02-18,SF5,1\n\
        A5,已取消,CUP,1,2026-02-18,SF5,1\n\
        A6,已付款,TEA-01,1,2026-02-18,SF6,1\n\
        A1,已付款,CUP,1,2026-02-18,SF9,1\n\
        A6,已付款,CUP,1,2026-02-18,SF9,1\n";
    let expected = [
        "2/数量/3 characters/give a whole number such as 2",
        "3/订单状态/4 characters/give one of unpaid (待付款), paid (已付款)",
        "3/金额/12.505/give an amount such as 128.50",
        "3/下单时间/2026-02-30/give a time such as",
        "4/运单号/1.23E+14/give the whole number; a spreadsheet has rounded it",
        "5/lines[0].quantity/0/give a number from 1 to",
        "7/订单状态/已取消/give the same as in row 6, since it belongs to the whole order",
        "10/订单号/A6/the order was in row 8 already; put its rows together",
    ];
    check_wrong(file, &expected);
    let taken: Vec<String> = read(file).orders.iter().map(short).collect();
    assert_eq!(taken, ["A6 | paid | TEA-01*1 | parcel SF6", "A1 | paid | CUP*1 | parcel SF9"]);
}

#[test]
fn a_row_with_too_many_cells_is_not_guessed_at() {
    check_wrong("order_no,sku,quantity\nA1,TEA,01,2\n", &["2///the row has 4 cells and the header 3"]);
    check("order_no,sku,quantity\nA1,TEA,2,,\nA2,TEA\n", &["A1 | TEA*2", "A2 | TEA*1"]);
}

#[test]
fn an_order_may_come_again_unchanged_or_with_another_time_of_change() {
    check("order_no,sku\nA1,TEA-01\nA2,CUP\nA1,TEA-01\n", &["A1 | TEA-01*1", "A2 | CUP*1", "A1 | TEA-01*1"]);
    let newer = "order_no,updated_at,sku\nA1,2026-02-18,TEA-01\nA2,2026-02-18,CUP\nA1,2026-02-19,MUG\n";
    check(newer, &["A1 | TEA-01*1", "A2 | CUP*1", "A1 | MUG*1"]);
}

#[test]
fn a_file_that_cannot_be_read_says_where_and_what_is_accepted() {
    check_failure("", "the file is empty");
    check_failure(" \n \n", "the file is empty");
    check_failure("日期,数量\n1,2\n", "no column says `order_no`; name one of them 订单号, order_no");
    check_failure("订单号,订单编号\n1,2\n", "both say `order_no`; give a mapping that chooses one");
    let unclosed = format!("订单号,备注\nA1,\"offen\n{}", "A2,x\n".repeat(1000));
    check_failure(&unclosed, "row 2: the row goes over more than 200 lines");
    let long = format!("订单号,备注\nA1,\"{}", "x".repeat(3_000_000));
    check_failure(&long, "row 2: the row goes over more than");
    let platform = read_with("订单号\nA1\n".as_bytes(), Options::default()).failure.unwrap();
    assert!(platform.contains("no column says `platform`"), "{platform}");
}

#[test]
fn a_mapping_names_columns_that_no_header_would() {
    let mapping =
        [("order_no", "Nr."), ("sku", "Artikel")].map(|(field, column)| (field.to_owned(), column.to_owned()));
    let found = read_with(b"Nr.;Artikel\nA1;TEA-01\n", Options { mapping: mapping.into(), ..pos() });
    assert_eq!(found.orders.iter().map(short).collect::<Vec<_>>(), ["A1 | TEA-01*1"]);
}

#[test]
fn json_is_read_as_one_order_a_list_or_lines() {
    let order = r#"{"order_no":"A1","status":"paid","lines":[{"sku":"TEA-01"}]}"#;
    let pretty = order.replace(',', ",\n  ");
    let expected = "A1 | paid | TEA-01*1";
    for (text, count) in [
        (order.to_owned(), 1),
        (pretty.clone(), 1),
        (format!("[{order}]"), 1),
        (format!("[\n{pretty},\n{pretty}\n]\n"), 2),
        (format!("{order}\n\n{order}\r\n"), 2),
        (format!("{pretty}\n{pretty}"), 2),
        ("[]".to_owned(), 0),
    ] {
        check(&text, &vec![expected; count]);
    }
}

#[test]
fn a_bad_json_order_does_not_take_the_others_with_it() {
    let good = r#"{"order_no":"A2","lines":[{"sku":"TEA-01"}]}"#;
    check_wrong(&format!("{good}\n{{\"order_no\": \"A1\"\n{good}\n"), &["2///this is not JSON: EOF while parsing"]);
    check_wrong(
        &format!("[{good}, 7, {{\"order_no\": \"A1\", \"lins\": []}}, {good}]"),
        &["2/order/7/give a JSON object", "3/lins//give only the names"],
    );
    assert_eq!(read(&format!("[{good}, 7, {good}]")).orders.len(), 2);
    check_failure(&format!("[{good}, {{\"order_no\""), "row 2: the file ends in the middle of it");
    check_failure(&format!("[{good}"), "row 2: the file ends in the middle of it");
    check_failure(&format!("[{{\"order_no\":\"{}\"}}]", "x".repeat(2_000_000)), "row 1: the order has more than");
}

async fn bring(app: &TestApp, name: &str, bytes: &[u8], options: Options) -> Job {
    let mut upload = Upload::begin(app).unwrap();
    for piece in bytes.chunks(7) {
        upload.push(piece).unwrap();
    }
    let job = upload.finish(app, name, options, &Actor::User("anna".into())).await.unwrap();
    assert!(path_of(&app.config.data, job.id).exists());
    jobs::read_waiting(app).await.unwrap();
    assert!(!path_of(&app.config.data, job.id).exists(), "the file is gone once it was read");
    actions::get(app, job.id).await.unwrap().unwrap()
}

async fn stored(app: &TestApp, origin_no: &str) -> Order {
    let id = orders::find(&app.db, "pos", origin_no).await.unwrap().expect("the order is there");
    orders::get(&app.db, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_file_is_taken_in_and_the_same_file_again_changes_nothing() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let rows: String = (0..700).map(|n| format!("N{n:03},TEA-01,{},SF{n:03},样板路 {n} 号\n", 1 + n % 3)).collect();
        let file = format!("订单号,商家编码,数量,运单号,收货地址\n{rows}N001,TEA-01,x,,\n");
        let first = bring(&app, "orders.csv", file.as_bytes(), pos()).await;
        assert_eq!((first.status, first.failure.as_deref()), (JobStatus::Done, None));
        let at = first.progress;
        assert_eq!((at.rows, at.orders, at.created, at.changed, at.unchanged, at.refused), (701, 701, 700, 0, 0, 1));
        assert_eq!(at.bytes_read, at.bytes_total);
        assert_eq!(first.format, Some(Format::Csv));
        assert_eq!(first.columns.unwrap().used["address"], "收货地址");
        let problems = actions::problems(&app, first.id, 0, 10).await.unwrap();
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].1.row, problems[0].1.column.as_deref()), (702, Some("数量")));
        let order = stored(&app, "N007").await;
        assert_eq!(order.status, OrderStatus::Paid);
        let event = &orders::events_of(&app.db, order.id, None, 10).await.unwrap()[0];
        assert_eq!((event.actor.as_str(), event.source.clone()), ("user:anna", format!("import:{} row 9", first.id)));
        app.clock.advance_ms(60_000);
        let second = bring(&app, "orders.csv", file.as_bytes(), pos()).await.progress;
        assert_eq!((second.created, second.changed, second.unchanged), (0, 0, 700));
        assert_eq!(stored(&app, "N007").await, order, "{engine}");
    }
}

/// A message with a time of change: one of the two pieces of `order_no` was paid back.
async fn refund_one(app: &TestApp, order_no: &str) {
    let at = app.clock.now().0 / 1000;
    let json = format!(
        r#"{{"order_no":"{order_no}","updated_at":{at},"lines":[{{"sku":"TEA-01","quantity":2,"refunded":1}}]}}"#
    );
    let job = bring(app, "refund.json", json.as_bytes(), pos()).await;
    assert_eq!((job.failure, job.progress.changed), (None, 1));
}

#[tokio::test]
async fn an_old_file_without_times_undoes_nothing_that_was_learned_since() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let file = b"order_no,sku,quantity\nA1,TEA-01,2\n";
        bring(&app, "a.csv", file, pos()).await;
        app.clock.advance_ms(60_000);
        refund_one(&app, "A1").await;
        let order = stored(&app, "A1").await;
        app.clock.advance_ms(60_000);
        let again = bring(&app, "b.csv", file, pos()).await.progress;
        assert_eq!((again.changed, again.unchanged), (0, 1), "{engine}");
        assert_eq!(stored(&app, "A1").await, order, "{engine}");
        // Another content, or the same read in another way, is a new word.
        let other = bring(&app, "c.csv", b"order_no,sku,quantity\nA1,TEA-01,3\n", pos()).await.progress;
        assert_eq!((other.changed, stored(&app, "A1").await.lines[0].quantity), (1, 3), "{engine}");
        app.clock.advance_ms(60_000);
        let east = Options { site: Some(SiteId::parse("east").unwrap()), ..pos() };
        assert_eq!(bring(&app, "a.csv", file, east).await.progress.changed, 1, "{engine}");
    }
}

#[tokio::test]
async fn an_import_that_goes_on_after_a_kill_undoes_nothing_that_was_learned_since() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let rows: String = (0..700).map(|n| format!("N{n:03},TEA-01,2\n")).collect();
        let mut upload = Upload::begin(&app).unwrap();
        upload.push(format!("order_no,sku,quantity\n{rows}").as_bytes()).unwrap();
        let actor = Actor::User("anna".into());
        let mut job = upload.finish(&app, "a.csv", pos(), &actor).await.unwrap();
        let (file, taken) = (File::open(path_of(&app.config.data, job.id)).unwrap(), Notify::new());
        tokio::select! {
            biased;
            () = taken.notified() => {}
            ended = run(&app, &mut job, file, &actor, |_| taken.notify_one()) => panic!("{ended:?} before the kill"),
        }
        std::fs::rename(path_of(&app.config.data, job.id), app.config.data.join("away")).unwrap();
        app.clock.advance_ms(60_000);
        refund_one(&app, "N000").await;
        let order = stored(&app, "N000").await;
        std::fs::rename(app.config.data.join("away"), path_of(&app.config.data, job.id)).unwrap();
        app.clock.advance_ms(60_000);
        jobs::read_waiting(&app).await.unwrap();
        let job = actions::get(&app, job.id).await.unwrap().unwrap();
        assert_eq!((job.status, job.progress.orders, job.progress.changed), (JobStatus::Done, 700, 0), "{engine}");
        assert_eq!(stored(&app, "N000").await, order, "{engine}");
    }
}

#[tokio::test]
async fn a_corrected_file_changes_what_it_corrects_and_an_impossible_move_is_a_note() {
    let app = TestApp::on(ENGINES[0]).await;
    let header = "订单号,状态,商家编码,数量\n";
    bring(&app, "a.csv", format!("{header}A1,已付款,TEA-01,2\nA2,已取消,CUP,1\n").as_bytes(), pos()).await;
    app.clock.advance_ms(60_000);
    let job = bring(&app, "a.csv", format!("{header}A1,已付款,TEA-01,3\nA2,已付款,CUP,1\n").as_bytes(), pos()).await;
    assert_eq!((job.progress.changed, job.progress.unchanged, job.progress.refused), (1, 1, 0));
    assert_eq!(stored(&app, "A1").await.lines[0].quantity, 3);
    assert_eq!(stored(&app, "A2").await.status, OrderStatus::Cancelled);
    let problems = actions::problems(&app, job.id, 0, 10).await.unwrap();
    let (note, message) = (problems[0].1.note, problems[0].1.message.as_str());
    assert!(note && message.starts_with("status: cancelled → paid is not a move"), "{message}");
    assert_eq!(problems[0].1.row, 3);
}

#[tokio::test]
async fn json_and_csv_meet_in_the_same_order() {
    let app = TestApp::on(ENGINES[0]).await;
    bring(&app, "a.csv", b"order_no,sku,gift_sku\nA1,TEA-01,CUP\n", pos()).await;
    app.clock.advance_ms(1);
    let json = r#"{"order_no":"A1","refund":"requested","stock_out":[{"picked":[{"sku":"CUP"},{"sku":"TEA-01"}]}]}"#;
    let job = bring(&app, "a.json", json.as_bytes(), pos()).await;
    assert_eq!((job.format, job.progress.changed), (Some(Format::Json), 1));
    let order = stored(&app, "A1").await;
    assert_eq!((order.refund, order.gifts[0].status), (RefundState::Requested, GiftStatus::Issued));
}

#[tokio::test]
async fn no_address_is_kept_anywhere() {
    let app = TestApp::on(ENGINES[0]).await;
    let (name, phone, street) = ("测试收件人甲", "19900000001", "不存在路 42 号");
    let file =
        format!("订单号,收货人,手机,收货地址,数量\nA1,{name},{phone},{street},1\nA2,{name},{phone},{street},x\n");
    bring(&app, "a.csv", file.as_bytes(), pos()).await;
    app.db.close().await;
    for entry in std::fs::read_dir(&app.config.data).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        for needle in [name, phone, street] {
            let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!found, "`{needle}` is in {}", path.display());
        }
    }
}

#[tokio::test]
async fn an_import_that_was_cut_off_goes_on_and_one_without_its_file_is_given_up() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let begin = async |content: &[u8]| {
            let mut upload = Upload::begin(&app).unwrap();
            upload.push(content).unwrap();
            upload.finish(&app, "a.csv", pos(), &Actor::Hub("test")).await.unwrap()
        };
        let (kept, lost) = (begin(b"order_no\nA1\n").await, begin(b"order_no\nA2\n").await);
        std::fs::remove_file(path_of(&app.config.data, lost.id)).unwrap();
        jobs::read_waiting(&app).await.unwrap();
        assert_eq!(actions::get(&app, kept.id).await.unwrap().unwrap().status, JobStatus::Done);
        assert_eq!(actions::get(&app, lost.id).await.unwrap().unwrap().status, JobStatus::Queued, "not yet");
        app.clock.advance_ms(600_000);
        jobs::read_waiting(&app).await.unwrap();
        let lost = actions::get(&app, lost.id).await.unwrap().unwrap();
        assert_eq!(lost.status, JobStatus::Failed);
        assert!(lost.failure.unwrap().contains("bring the file again"));
    }
}

#[tokio::test]
async fn an_upload_that_ends_early_leaves_nothing() {
    let app = TestApp::on(ENGINES[0]).await;
    let mut upload = Upload::begin(&app).unwrap();
    upload.push(b"order_no\n").unwrap();
    drop(upload);
    let left = std::fs::read_dir(app.config.data.join("imports")).unwrap().count();
    assert_eq!(left, 0);
    let empty = Upload::begin(&app).unwrap().finish(&app, "a.csv", pos(), &Actor::Hub("test")).await;
    assert!(empty.unwrap_err().to_string().contains("the file is empty"));
}

#[tokio::test]
async fn the_list_of_problems_is_a_file_that_no_spreadsheet_runs() {
    let app = TestApp::on(ENGINES[0]).await;
    let job = bring(&app, "a.csv", "order_no,sku,quantity\nA1,X,=1+1\n".as_bytes(), pos()).await;
    let text = actions::problems_csv(&app, job.id).await.unwrap();
    assert!(
        text.starts_with("\u{FEFF}row,order_no,column,given,message,taken\n2,A1,quantity,'=1+1,give a whole"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_with(&bytes, pos());
    }

    #[test]
    fn any_cells_are_read_or_refused(
        rows in prop::collection::vec(prop::collection::vec("[A-Z0-9\",;\n 年=']{0,8}", 0..7), 0..12)
    ) {
        let rows: Vec<String> = rows.iter().map(|row| row.join(",")).collect();
        let file = format!("订单号,状态,商家编码,数量,运单号,赠品编码\n{}", rows.join("\n"));
        let found = read(&file);
        prop_assert!(found.orders.iter().all(|order| !order.origin_no.is_empty()));
    }

    #[test]
    fn any_json_text_is_read_or_refused(text in "[\\[\\]{}\",:a1 \n\\\\]{0,60}") {
        read(&format!("{{{text}"));
        read(&format!("[{text}"));
        read(&format!("{{\"order_no\":\"A1\"}}\n{text}"));
    }
}
