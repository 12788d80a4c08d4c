//! Orders over the API of a running hub, as channels, tills and strangers send them.

use crate::site::programs;
use packline_tests::api;
use packline_tests::hub::{Hub, HubPlan};
use packline_tests::sample::{Sample, order_no};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A hub without stations, in a folder that goes with it.
pub struct Office {
    pub hub: Hub,
    client: Client,
    _folder: TempDir,
}

impl Office {
    pub async fn open() -> Office {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::start(&programs(), HubPlan::embedded(folder.path().join("hub"))).await.unwrap();
        Office { hub, client: api::client().build().unwrap(), _folder: folder }
    }

    /// What whoever is logged in sends.
    pub fn signed(&self, headers: &[(HeaderName, &str)]) -> HeaderMap {
        let own = [(AUTHORIZATION, format!("Bearer {}", self.hub.token()))];
        let given = headers.iter().map(|(name, value)| (name.clone(), (*value).to_owned()));
        own.into_iter().chain(given).map(|(name, value)| (name, HeaderValue::from_str(&value).unwrap())).collect()
    }

    /// Status and body of the answer to a POST.
    pub async fn post(&self, path: &str, headers: HeaderMap, body: impl Into<Vec<u8>>) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.hub.url());
        let answer = self.client.post(url).headers(headers).body(body.into()).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The order with this number, whole.
    pub async fn order(&self, number: u64) -> Value {
        let found = self.hub.list(&format!("/api/v1/orders?code={}", order_no(number))).await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        self.hub.get(&format!("/api/v1/orders/{}", found[0]["id"])).await.unwrap()
    }

    /// How many orders there are.
    pub async fn orders(&self) -> usize {
        self.hub.list("/api/v1/orders").await.unwrap().len()
    }
}

/// A refusal is problem+json: a status, a stable word, and a sentence that says what is the matter.
#[track_caller]
pub fn check_refusal((status, problem): &(StatusCode, Value), expected: u16, code: &str, says: &str) {
    assert_eq!(status.as_u16(), expected, "{problem}");
    assert_eq!((&problem["status"], &problem["code"]), (&json!(expected), &json!(code)), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
}

fn effects(answer: &(StatusCode, Value)) -> Vec<&str> {
    assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
    answer.1["items"].as_array().unwrap().iter().map(|item| item["effect"].as_str().unwrap()).collect()
}

fn bytes(of: &Value) -> Vec<u8> {
    of.to_string().into_bytes()
}

#[tokio::test]
async fn orders_are_taken_one_by_one_as_a_list_and_as_lines_and_a_second_time_change_nothing() {
    let office = Office::open().await;
    let [one, two, three, four] = [1, 2, 3, 4].map(|number| Sample::new("main", number).body().clone());
    let json_kind = || office.signed(&[(CONTENT_TYPE, "application/json; charset=utf-8")]);
    let lines_kind = || office.signed(&[(CONTENT_TYPE, "application/x-ndjson")]);
    let lines = format!("{three}\n\n{four}\r\n");
    for expected in ["created", "unchanged"] {
        assert_eq!(effects(&office.post("/api/v1/orders", json_kind(), bytes(&one)).await), [expected]);
        let list = bytes(&json!([two, one]));
        assert_eq!(effects(&office.post("/api/v1/orders", json_kind(), list).await), [expected, "unchanged"]);
        assert_eq!(effects(&office.post("/api/v1/orders", lines_kind(), lines.clone()).await), [expected; 2]);
    }
    // Programs that name a wrong kind of content, or none, are understood all the same.
    let nameless = office.signed(&[(CONTENT_TYPE, "application/x-www-form-urlencoded")]);
    assert_eq!(effects(&office.post("/api/v1/orders", nameless, bytes(&one)).await), ["unchanged"]);
    assert_eq!(office.orders().await, 4);
    let order = office.order(1).await;
    assert_eq!((&order["status"], &order["parcels"][0]["site"]), (&json!("paid"), &json!("main")));
}

#[tokio::test]
async fn an_older_message_overwrites_nothing_and_a_newer_one_only_what_it_says() {
    let office = Office::open().await;
    let first = Sample::new("main", 1);
    office.hub.send(&[first.clone().later().with("/status", "cancelled").with("/shop", "second-shop")]).await.unwrap();
    let late = office.post("/api/v1/orders", office.signed(&[]), bytes(first.body())).await;
    effects(&late);
    let order = office.order(1).await;
    assert_eq!((&order["status"], &order["shop"]), (&json!("cancelled"), &json!("second-shop")), "{order}");
    let later = json!({"platform": "pos", "order_no": order_no(1), "tags": ["vip"],
        "updated_at": first.later().later().body()["updated_at"]});
    effects(&office.post("/api/v1/orders", office.signed(&[]), bytes(&later)).await);
    let order = office.order(1).await;
    assert_eq!((&order["status"], &order["tags"]), (&json!("cancelled"), &json!(["vip"])), "{order}");
    assert_eq!(order["lines"].as_array().unwrap().len(), 1, "what was not mentioned stays");
    let events = office.hub.get(&format!("/api/v1/orders/{}/events", order["id"])).await.unwrap();
    let kinds: Vec<&str> = events["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("changed", "created"), "{events}");
}

#[tokio::test]
async fn everything_that_is_wrong_in_a_list_is_said_at_once_and_nothing_of_it_is_taken() {
    let office = Office::open().await;
    let good = Sample::new("main", 1);
    let bad = Sample::new("main", 2).with("/lines/0/quantity", -2).with("/status", "gone").with("/colour", "red");
    let answer = office.post("/api/v1/orders", office.signed(&[]), bytes(&json!([good.body(), bad.body()]))).await;
    check_refusal(&answer, 422, "invalid", "3 values are not acceptable; nothing was taken");
    let errors = answer.1["errors"].as_array().unwrap();
    let said: Vec<(&str, &str)> =
        errors.iter().map(|e| (e["field"].as_str().unwrap(), e["given"].as_str().unwrap())).collect();
    for expected in [("[1].lines[0].quantity", "-2"), ("[1].status", "gone")] {
        assert!(said.contains(&expected), "{said:?}");
    }
    assert!(said.iter().any(|(field, _)| *field == "[1].colour"), "{said:?}");
    assert!(errors.iter().all(|error| !error["accepted"].as_str().unwrap().is_empty()), "{errors:?}");
    assert_eq!(office.orders().await, 0);
}

#[tokio::test]
async fn a_body_that_cannot_be_taken_is_refused_by_what_is_the_matter_with_it() {
    let office = Office::open().await;
    let one = bytes(Sample::new("main", 1).body());
    let send = async |headers: &[(HeaderName, &str)], body: Vec<u8>| {
        office.post("/api/v1/orders", office.signed(headers), body).await
    };
    let cut = one[..one.len() / 2].to_vec();
    check_refusal(&send(&[], cut.clone()).await, 400, "malformed", "the body is not JSON: EOF while parsing");
    check_refusal(&send(&[], Vec::new()).await, 400, "malformed", "the body is not JSON");
    let lines = [one.clone(), cut].join(&b"\n"[..]);
    let kind = [(CONTENT_TYPE, "application/x-ndjson")];
    check_refusal(&send(&kind, lines).await, 400, "malformed", "line 2 is not JSON");
    for (kind, says) in [("text/csv", "`text/csv`"), ("multipart/form-data; boundary=x", "/api/v1/imports")] {
        check_refusal(&send(&[(CONTENT_TYPE, kind)], one.clone()).await, 415, "unsupported", says);
    }
    // A packed body is not unpacked, whole or cut short: what comes out of it could be of any size.
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03".to_vec();
    for encoding in ["gzip", "br", "identity, gzip"] {
        let says = "send it as it is, without Content-Encoding";
        check_refusal(&send(&[(CONTENT_ENCODING, encoding)], gzip.clone()).await, 415, "unsupported", says);
    }
    let long = Sample::new("main", 1).with("/shop", "x".repeat(2 * 1024 * 1024));
    check_refusal(&send(&[], bytes(long.body())).await, 413, "too_large", "more than 2097152 bytes");
    let many = vec![json!({"platform": "pos", "order_no": "A1"}); 1_001];
    check_refusal(&send(&[], bytes(&json!(many))).await, 413, "too_large", "1001 orders; send at most 1000");
    assert_eq!(office.orders().await, 0);
}

#[tokio::test]
async fn nobody_sends_orders_without_a_token_that_holds_or_from_another_site() {
    let office = Office::open().await;
    let one = bytes(Sample::new("main", 1).body());
    let send = async |headers: &[(HeaderName, &str)]| {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        office.post("/api/v1/orders", headers.collect(), one.clone()).await
    };
    let wrong = format!("Bearer {}", "0".repeat(office.hub.token().len()));
    for headers in [&[][..], &[(AUTHORIZATION, wrong.as_str())], &[(AUTHORIZATION, "Bearer \u{20ac}"), (COOKIE, "x")]] {
        check_refusal(&send(headers).await, 401, "unauthenticated", "");
    }
    let cookie = format!("packline_session={}", office.hub.token());
    for foreign in [("origin", "https://elsewhere.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let headers = [(COOKIE, cookie.as_str()), (HeaderName::from_static(foreign.0), foreign.1)];
        check_refusal(&send(&headers).await, 403, "forbidden", "another site");
    }
    assert_eq!(office.orders().await, 0);
}
