//! Files with orders over the API of a running hub, as shops and older systems write them.

use crate::orders::{Office, check_refusal};
use encoding_rs::GB18030;
use packline_tests::clock::until;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

const FILE: &str = "店铺订单导出\n\
    *订单号（必填）,订单状态,商家编码,商品名称,数量,运单号,收货人,联系电话,收货地址,备注\n\
    TEST-00000001,已付款,SKU-7,样品杯,2,SF0000000000001,样品人,00000000000,样品路 1 号,易碎\n\
    TEST-00000002,等待,SKU-7,样品杯,1,SF0000000000002,样品人,00000000000,样品路 2 号,\n\
    TEST-00000003,样品人,SKU-7,样品杯,99900000000,SF0000000000003,样品人,00000000000,样品路 3 号,\n\
    TEST-00000004,已付款,SKU-7,\"样品杯, 大\",1,SF0000000000004,样品人,00000000000,待定,\n";

/// Sends a file and waits until it was read.
async fn bring(office: &Office, query: &str, bytes: &[u8]) -> Value {
    let path = format!("/api/v1/imports?{query}");
    let (status, job) = office.post(&path, office.signed(&[]), bytes).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    let path = format!("/api/v1/imports/{}", job["id"]);
    let over = async || {
        let job = office.hub.get(&path).await?;
        Ok(["done", "failed"].contains(&job["status"].as_str().unwrap()).then_some(job))
    };
    until("the import to end", over).await.unwrap()
}

/// What became of the orders of an import: created, changed, unchanged, refused.
fn counts(job: &Value) -> [u64; 4] {
    ["created", "changed", "unchanged", "refused"].map(|name| job["progress"][name].as_u64().unwrap())
}

async fn errors(office: &Office, job: &Value) -> Vec<Value> {
    let errors = office.hub.get(&format!("/api/v1/imports/{}/errors", job["id"])).await.unwrap();
    errors["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_chinese_csv_is_read_in_every_encoding_and_what_is_wrong_comes_back_row_by_row() {
    for (name, bytes) in [
        ("utf-8", FILE.as_bytes().to_vec()),
        ("utf-8 with its mark", [b"\xEF\xBB\xBF", FILE.as_bytes()].concat()),
        ("gb18030", GB18030.encode(FILE).0.into_owned()),
    ] {
        let office = Office::open().await;
        let job = bring(&office, "platform=pos&file_name=%E8%AE%A2%E5%8D%95.csv", &bytes).await;
        assert_eq!(
            (&job["status"], &job["format"], &job["file_name"]),
            (&json!("done"), &json!("csv"), &json!("订单.csv"))
        );
        assert_eq!(counts(&job), [2, 0, 0, 2], "{name}: {job}");
        let columns = &job["columns"]["used"];
        assert_eq!(
            (&columns["order_no"], &columns["waybill"]),
            (&json!("*订单号（必填）"), &json!("运单号")),
            "{name}"
        );
        assert_eq!(job["columns"]["ignored"], json!(["备注"]), "{name}");
        let order = office.order(1).await;
        assert_eq!((&order["lines"][0]["title"], &order["status"]), (&json!("样品杯"), &json!("paid")), "{name}");
        assert_eq!(office.order(4).await["parcels"][0]["address"], "placeholder", "{name}");
        check_problems(&errors(&office, &job).await);
        check_problem_file(&office, &job).await;
        // The same file again, under another name, changes nothing.
        assert_eq!(counts(&bring(&office, "platform=pos", &bytes).await), [0, 0, 2, 2], "{name}");
        assert_eq!(office.orders().await, 2);
    }
}

/// Row, column, value and what is accepted; a value that may be somebody's is only described.
fn check_problems(problems: &[Value]) {
    let said: Vec<[String; 4]> =
        problems.iter().map(|p| ["row", "column", "given", "message"].map(|k| plain(&p[k]))).collect();
    for (row, column, given, message) in [
        ("4", "订单状态", "等待", "give one of unpaid (待付款)"),
        ("5", "订单状态", "3 Chinese characters", "give one of unpaid (待付款)"),
        ("5", "数量", "11 digits", "give a whole number such as 2"),
    ] {
        let is_it = |said: &&[String; 4]| said[..3] == [row, column, given] && said[3].starts_with(message);
        assert!(said.iter().any(|said| is_it(&said)), "{row} {column} {given}: {said:#?}");
    }
    assert_eq!(said.len(), 3, "{said:#?}");
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

async fn check_problem_file(office: &Office, job: &Value) {
    let path = format!("/api/v1/imports/{}/errors.csv", job["id"]);
    let (status, text) = office.hub.try_ask(reqwest::Method::GET, &path, None).await.unwrap();
    let text = plain(&text);
    assert_eq!((status, text.lines().count()), (StatusCode::OK, 4), "{text}");
    assert!(text.starts_with("\u{FEFF}row,order_no,column,given,message,taken\n"), "{text}");
    assert!(text.contains("5,TEST-00000003,数量,11 digits,give a whole number such as 2,no"), "{text}");
    assert!(!text.contains("样品人") && !text.contains("99900000000"), "somebody's data is in the list: {text}");
}

#[tokio::test]
async fn a_column_mapped_to_the_wrong_field_leaves_nobodys_data_behind() {
    let office = Office::open().await;
    let mapping = "%7B%22quantity%22%3A%22%E8%81%94%E7%B3%BB%E7%94%B5%E8%AF%9D%22%2C%22amount%22%3A%22%E6%94%B6%E8%B4%A7%E4%BA%BA%22%7D";
    let job = bring(&office, &format!("platform=pos&mapping={mapping}"), FILE.as_bytes()).await;
    assert_eq!(counts(&job), [0, 0, 0, 4], "{job}");
    let said = errors(&office, &job).await;
    assert!(said.iter().any(|problem| problem["given"] == "3 Chinese characters"), "{said:#?}");
    let file = std::fs::read(office.hub.data().join("hub.db")).unwrap();
    let rest = std::fs::read(office.hub.data().join("hub.db-wal")).unwrap_or_default();
    for (name, bytes) in [("database", file), ("write-ahead log", rest)] {
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!has("样品人") && !has("样品路"), "the {name} holds somebody's data");
    }
    let waiting = std::fs::read_dir(office.hub.data().join("imports")).unwrap().count();
    assert_eq!(waiting, 0, "the file itself is gone");
}

#[tokio::test]
async fn json_files_are_one_order_a_list_or_lines_and_an_older_row_does_not_overwrite() {
    let office = Office::open().await;
    let order = |number: u32, at: &str, status: &str| {
        json!({"order_no": format!("TEST-{number:08}"), "updated_at": at, "status": status,
            "lines": [{"sku": "SKU-7", "quantity": 1}]})
    };
    let one = order(1, "2026-02-18 10:00:00", "paid");
    let list = json!([order(2, "2026-02-18 10:00:00", "paid"), order(1, "2026-02-18 11:00:00", "cancelled")]);
    let lines = format!(
        "{}\n{{\"order_no\": \n{}\n",
        order(3, "2026-02-18 10:00:00", "paid"),
        order(1, "2026-02-18 09:00:00", "paid")
    );
    assert_eq!(counts(&bring(&office, "platform=b2b", one.to_string().as_bytes()).await), [1, 0, 0, 0]);
    assert_eq!(counts(&bring(&office, "platform=b2b", list.to_string().as_bytes()).await), [1, 1, 0, 0]);
    let job = bring(&office, "platform=b2b", lines.as_bytes()).await;
    assert_eq!((job["progress"]["created"].as_u64(), job["progress"]["refused"].as_u64()), (Some(1), Some(1)), "{job}");
    let problems = errors(&office, &job).await;
    assert_eq!((&problems[0]["row"], problems.len()), (&json!(2), 1), "{problems:?}");
    assert_eq!(office.order(1).await["status"], "cancelled", "the older row came last and says nothing new");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_in_words_that_help() {
    let office = Office::open().await;
    let post = async |query: &str, headers: HeaderMap, body: &[u8]| {
        office.post(&format!("/api/v1/imports?{query}"), headers, body).await
    };
    let send = async |query: &str, body: &[u8]| post(query, office.signed(&[]), body).await;
    check_refusal(&send("platform=pos", b"").await, 422, "invalid", "the file is empty");
    check_refusal(
        &send("platform=pos", b"\x1f\x8b\x08\x00 cut").await,
        415,
        "unsupported",
        "a gzip file; unpack it first",
    );
    check_refusal(&send("platform=pos", b"PK\x03\x04 sheet").await, 415, "unsupported", "Excel workbook");
    check_refusal(&send("platform=No+Such", b"a").await, 422, "invalid", "platform is `No Such`");
    check_refusal(&send("platform=pos&mapping=%5B", b"a").await, 422, "invalid", "mapping is not");
    check_refusal(&send("platform=pos&status=gone", b"a").await, 422, "invalid", "status is `gone`");
    let packed = office.signed(&[(CONTENT_ENCODING, "gzip")]);
    check_refusal(&post("platform=pos", packed, b"\x1f\x8b").await, 415, "unsupported", "without Content-Encoding");
    check_refusal(&post("platform=pos", HeaderMap::new(), FILE.as_bytes()).await, 401, "unauthenticated", "");
    assert!(said_too_large(&office).contains("413 Payload Too Large"));
    // What can only be seen while it is read is the import's own failure.
    for (text, says) in [
        ("日期,数量\n2026-02-18,1\n", "no column says `order_no`"),
        ("样品人,13800000000\n", "the file has the columns `3 Chinese characters`, `11 digits`"),
        ("订单号\nTEST-1\n\"TEST-2\n", "not closed"),
        ("[{\"order_no\": \"TEST-1\"}, {\"order", "the file ends in the middle of it"),
    ] {
        let long =
            format!("{text}{}", "x\n".repeat(if text.contains('"') && !text.starts_with('[') { 300 } else { 0 }));
        let job = bring(&office, "platform=pos", long.as_bytes()).await;
        assert_eq!(job["status"], "failed", "{job}");
        assert!(job["failure"].as_str().unwrap().contains(says), "{job}");
    }
}

/// A file that says of itself that it is too large is refused before any of it was sent.
fn said_too_large(office: &Office) -> String {
    let host = office.hub.url().trim_start_matches("http://");
    let mut line = TcpStream::connect(host).unwrap();
    let token = office.hub.token();
    let request = format!(
        "POST /api/v1/imports?platform=pos HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: 3000000000\r\nConnection: close\r\n\r\n"
    );
    line.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4_096];
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = line.read(&mut piece).unwrap();
        assert!(read > 0, "the hub hung up without an answer");
        answer.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}
