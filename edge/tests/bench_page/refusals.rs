//! What is not accepted, and what is said about it.

use crate::bench::{Answer, Bench, ask};
use std::net::SocketAddr;

const JSON: &str = "content-type: application/json";

/// A problem with this status and code whose sentence names what is accepted.
#[track_caller]
fn check(answer: &Answer, status: u16, code: &str, accepted: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.head.contains("content-type: application/problem+json"), "{answer:?}");
    let problem = answer.json();
    assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(status.into()), Some(code)), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(accepted), "{problem}");
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused_with_an_example() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let deep = "[".repeat(4_000);
    for (path, body, accepted) in [
        ("/api/scan", "", r#"{"code": "SF1234567890123"}"#),
        ("/api/scan", "{", r#"{"code": "SF1234567890123"}"#),
        ("/api/scan", "{}", r#"{"code": "SF1234567890123"}"#),
        ("/api/scan", r#"{"code": 7}"#, r#"{"code": "SF1234567890123"}"#),
        ("/api/scan", r#"{"code": "A", "force": true}"#, r#"{"code": "SF1234567890123"}"#),
        ("/api/scan", &deep, r#"{"code": "SF1234567890123"}"#),
        ("/api/acknowledge", "{}", r#"{"number": 7} or {"seq": 4711}"#),
        ("/api/acknowledge", r#"{"number": 1, "seq": 1}"#, r#"{"number": 7} or {"seq": 4711}"#),
        ("/api/acknowledge", r#"{"seq": -1}"#, r#"{"number": 7} or {"seq": 4711}"#),
        ("/api/acknowledge", r#"{"seq": 99999999999999999999}"#, r#"{"number": 7} or {"seq": 4711}"#),
        ("/api/language", r#"{"language": "fr"}"#, r#"{"language": "zh"} or {"language": "en"}"#),
    ] {
        check(&bench.post(path, body).await, 400, "malformed", accepted);
    }
}

#[tokio::test]
async fn a_refusal_repeats_nothing_that_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let answer = bench.post("/api/language", r#"{"language": "<script>alert(1)</script>"}"#).await;
    assert!(!answer.body.contains("alert"), "{answer:?}");
}

#[tokio::test]
async fn a_code_that_cannot_be_one_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let long = format!(r#"{{"code": "{}"}}"#, "7".repeat(600));
    check(&bench.post("/api/scan", r#"{"code": "  "}"#).await, 422, "empty", "give a code");
    check(&bench.post("/api/scan", &long).await, 422, "too_long", "give at most 512");
    check(&bench.post("/api/scan", r#"{"code": "A\u0007B"}"#).await, 422, "control", "give printable text");
    check(&bench.post("/api/scan", &"7".repeat(5_000)).await, 413, "too_large", "longer than 4096 bytes");
    assert!(bench.json("/api/view").await["recent"].as_array().unwrap().is_empty(), "nothing was judged");
}

#[tokio::test]
async fn an_answer_that_was_never_given_cannot_be_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    check(&bench.post("/api/acknowledge", r#"{"number": 7}"#).await, 404, "not_found", "`recent` in /api/view");
    check(&bench.post("/api/acknowledge", r#"{"seq": 4711}"#).await, 404, "not_found", "`recent` in /api/view");
}

#[tokio::test]
async fn another_path_or_method_is_told_which_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    check(&bench.get("/nowhere").await, 404, "not_found", "/api/status");
    check(&bench.get("/assets/../bench.rs").await, 404, "not_found", "there is");
    check(&bench.get("/assets/secret.js").await, 404, "not_found", "bench.js");
    check(&bench.get("/api/scan").await, 405, "method", "use POST");
    check(&bench.post("/api/view", "{}").await, 405, "method", "use GET");
    check(&from(bench.address, "DELETE /api/scan", &[]).await, 405, "method", "use POST");
}

#[tokio::test]
async fn other_names_for_this_machine_and_other_pages_are_turned_away() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let rebound = from(bench.address, "GET /api/view", &["host: bench.example:8181"]).await;
    check(&rebound, 421, "misdirected", "use 127.0.0.1, localhost or [::1]");
    assert!(!rebound.body.contains("line-1"), "{rebound:?}");
    for path in ["/", "/assets/bench.js", "/api/events", "/nowhere"] {
        check(&from(bench.address, &format!("GET {path}"), &["host: bench.example"]).await, 421, "misdirected", "");
    }
    let foreign = from(bench.address, "POST /api/scan", &[JSON, "origin: http://bench.example"]).await;
    check(&foreign, 403, "foreign", "only from the bench page");
    let form = from(bench.address, "POST /api/scan", &["content-type: text/plain"]).await;
    check(&form, 415, "unsupported", "give application/json");
    assert!(bench.json("/api/view").await["recent"].as_array().unwrap().is_empty(), "nothing was judged");
}

async fn from(address: SocketAddr, what: &str, headers: &[&str]) -> Answer {
    ask(address, what, headers, r#"{"code": "SF0900000001234"}"#).await
}
