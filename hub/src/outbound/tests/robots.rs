//! Group robots as their platforms would answer: they check signatures by themselves, and can be in trouble.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;

/// What a robot does instead of answering as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its platform's way to say that it is sent too much, with status 200.
    TooMuch,
    /// Status 429 with a time to wait.
    Status429,
    /// Status 502.
    Status502,
    /// It takes the message, and its answer never comes.
    Silent,
}

/// All robots of a platform's group chats.
#[derive(Clone, Default)]
pub struct Robots(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    faults: Vec<Fault>,
    /// The clock of the platform, in milliseconds.
    now_ms: i64,
    said: Vec<String>,
}

/// The secret that the simulated robots sign with.
pub const SECRET: &str = "SEC-of-a-story";
/// How far a signature's time may be off, in milliseconds: an hour.
const SKEW_MS: i64 = 3_600_000;

impl Robots {
    /// Answers from now on; gives the address of its robots.
    pub async fn start(&self, now_ms: i64) -> String {
        self.0.lock().unwrap().now_ms = now_ms;
        let router = Router::new().route("/{platform}", post(answer)).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        root
    }

    /// The next answers are these faults.
    pub fn trouble(&self, faults: &[Fault]) {
        self.0.lock().unwrap().faults = faults.iter().rev().copied().collect();
    }

    /// What was said in the group since this was last asked.
    pub fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().said)
    }
}

async fn answer(
    State(robots): State<Robots>,
    Path(platform): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    body: Bytes,
) -> Response {
    let (fault, now) = {
        let mut book = robots.0.lock().unwrap();
        (book.faults.pop(), book.now_ms)
    };
    match fault {
        Some(Fault::Status429) => return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3")], "").into_response(),
        Some(Fault::Status502) => return StatusCode::BAD_GATEWAY.into_response(),
        Some(Fault::TooMuch) => return Json(refusal(&platform, "too much")).into_response(),
        Some(Fault::Silent) | None => {}
    }
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = match platform.as_str() {
        "dingtalk" => dingtalk(&query, &message, now),
        "wecom" => message["text"]["content"].as_str().filter(|_| message["msgtype"] == "text").map(str::to_owned),
        _ => feishu(&message, now),
    };
    let Some(text) = text else { return Json(refusal(&platform, "sign")).into_response() };
    robots.0.lock().unwrap().said.push(text);
    if fault == Some(Fault::Silent) {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
    let fine =
        if platform == "feishu" { json!({"code": 0, "msg": "success"}) } else { json!({"errcode": 0, "errmsg": "ok"}) };
    Json(fine).into_response()
}

fn refusal(platform: &str, why: &str) -> Value {
    match (platform, why) {
        ("feishu", "sign") => json!({"code": 19021, "msg": "sign match fail or timestamp is not within one hour"}),
        ("feishu", _) => json!({"code": 9499, "msg": "too many request"}),
        ("wecom", _) => json!({"errcode": 45009, "errmsg": "api freq out of limit"}),
        (_, "sign") => json!({"errcode": 310000, "errmsg": "sign not match"}),
        _ => json!({"errcode": 130101, "errmsg": "send too fast"}),
    }
}

/// The key is the secret; what is signed is time, line feed and secret. Time in milliseconds, in the URL.
fn dingtalk(query: &BTreeMap<String, String>, message: &Value, now: i64) -> Option<String> {
    let at: i64 = query.get("timestamp")?.parse().ok()?;
    let tag = STANDARD.decode(query.get("sign")?).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, format!("{at}\n{SECRET}").as_bytes(), &tag).ok()?;
    let fits = (now - at).abs() <= SKEW_MS && message["msgtype"] == "text";
    message["text"]["content"].as_str().filter(|_| fits).map(str::to_owned)
}

/// The key is time, line feed and secret; what is signed is nothing. Time in seconds, as text, in the body.
fn feishu(message: &Value, now: i64) -> Option<String> {
    let at: i64 = message["timestamp"].as_str()?.parse().ok()?;
    let tag = STANDARD.decode(message["sign"].as_str()?).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("{at}\n{SECRET}").as_bytes());
    hmac::verify(&key, b"", &tag).ok()?;
    let fits = (now - at * 1_000).abs() <= SKEW_MS && message["msg_type"] == "text";
    message["content"]["text"].as_str().filter(|_| fits).map(str::to_owned)
}
