//! Webhooks on both engines, delivered to a receiver that checks what it gets.

use super::actions;
use super::decide::BROKEN_AFTER_MS;
use super::model::{Event, EventKind, HookState};
use crate::accounts::model::{Session, SessionToken, UserName};
use crate::accounts::rights::Rights;
use crate::actor::Actor;
use crate::effects;
use crate::effects::model::{Claimed, Outcome, Target, TargetKind};
use crate::notices;
use crate::orders;
use crate::orders::input::{AddressText, GiftInput, OrderInput};
use crate::outbound::client::Client;
use crate::store::testing::{ENGINES, TestApp};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use packline_protocol::facts::OrderStatus;
use ring::hmac;
use serde_json::{Value, json};
use sqlx::Row as _;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// Somebody outside: what came, and what they answer.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    answer: u16,
    came: Vec<(HeaderMap, Vec<u8>)>,
}

impl Receiver {
    async fn start(&self) -> String {
        let router = Router::new().route("/hook", post(take)).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?key=s3cret-url", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        self.answers(200);
        url
    }

    fn answers(&self, status: u16) {
        self.0.lock().unwrap().answer = status;
    }

    fn came(&self) -> Vec<(HeaderMap, Vec<u8>)> {
        std::mem::take(&mut self.0.lock().unwrap().came)
    }
}

async fn take(State(Receiver(book)): State<Receiver>, headers: HeaderMap, body: Bytes) -> (StatusCode, &'static str) {
    let mut book = book.lock().unwrap();
    book.came.push((headers, body.to_vec()));
    (StatusCode::from_u16(book.answer).unwrap(), "thank you")
}

/// Checks a signature as the specification tells receivers to.
fn is_signed(headers: &HeaderMap, body: &[u8], secret: &str) -> bool {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = [format!("{}.{}.", text("webhook-id"), text("webhook-timestamp")).as_bytes(), body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signature = text("webhook-signature");
    let mut given = signature.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    given.any(|tag| hmac::verify(&key, &signed, &tag).is_ok())
}

fn anna() -> Actor {
    Actor::User("anna".to_owned())
}

fn event(key: &str, order: u64) -> Event {
    let (kind, subject) = (EventKind::OrderChanged, format!("order:{order}"));
    Event { key: key.to_owned(), kind, subject, data: json!({ "order": order }) }
}

async fn hook(app: &TestApp, url: &str) -> (i64, String) {
    actions::add(app, "erp", url, vec![EventKind::OrderChanged], &anna()).await.unwrap()
}

async fn claim(app: &TestApp, id: i64) -> Vec<Claimed> {
    let target = Target { kind: TargetKind::Webhook, id };
    effects::claim(&app.db, target, 50, app.clock.now()).await.unwrap()
}

/// Delivers what is due and says what came of each.
async fn deliver(app: &TestApp, id: i64) -> Vec<Outcome> {
    let client = Client::new(&app.config.outbound_allow).unwrap();
    let mut outcomes = Vec::new();
    for effect in claim(app, id).await {
        let outcome = actions::deliver(app, &client, &effect).await.unwrap();
        let mut tx = app.db.begin("test").await.unwrap();
        effects::record(&mut tx, &effect, &outcome, app.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        outcomes.push(outcome);
    }
    outcomes
}

#[tokio::test]
async fn an_event_reaches_its_listeners_signed_once_and_in_order() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let receiver = Receiver::default();
        let (id, secret) = hook(&app, &receiver.start().await).await;
        let deaf = actions::add(&app, "other", "https://h.example/", vec![EventKind::StationLost], &anna()).await;
        for key in ["17/1", "17/1", "17/2"] {
            actions::emit_now(&app, &[event(key, 17), event("18/1", 18)]).await.unwrap();
        }
        assert_eq!(claim(&app, deaf.unwrap().0).await, []);
        assert_eq!(deliver(&app, id).await, [Outcome::Done, Outcome::Done], "one for each order");
        assert_eq!(deliver(&app, id).await, [Outcome::Done], "then the next one of the order");
        assert_eq!(deliver(&app, id).await, []);
        let came = receiver.came();
        for (headers, body) in &came {
            assert!(is_signed(headers, body, &secret));
            assert!(!is_signed(headers, b"{}", &secret), "the check can fail");
            let said: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(said["id"], headers["webhook-id"].to_str().unwrap());
            assert_eq!(said["type"], "order.changed");
        }
        let tries = actions::tries(&app.db, id, None).await.unwrap();
        assert_eq!(tries.len(), 3);
        assert_eq!((tries[0].status, tries[0].note.as_str()), (Some(200), "thank you"));
    }
}

#[tokio::test]
async fn while_secrets_change_either_one_opens() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let receiver = Receiver::default();
        let (id, old) = hook(&app, &receiver.start().await).await;
        let new = actions::rotate(&app, id, &anna()).await.unwrap();
        assert_ne!(old, new);
        actions::test(&app, id, &anna()).await.unwrap();
        deliver(&app, id).await;
        app.clock.advance_ms(24 * 3_600_000);
        actions::test(&app, id, &anna()).await.unwrap();
        deliver(&app, id).await;
        let came = receiver.came();
        let signed = |place: usize, secret: &str| is_signed(&came[place].0, &came[place].1, secret);
        assert!(signed(0, &old) && signed(0, &new));
        assert!(!signed(1, &old) && signed(1, &new), "the old one is over after a day");
    }
}

#[tokio::test]
async fn one_that_fails_for_days_is_switched_off_with_a_notice_and_can_catch_up() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let receiver = Receiver::default();
        let (id, _) = hook(&app, &receiver.start().await).await;
        receiver.answers(500);
        let begun = app.clock.now();
        actions::emit_now(&app, &[event("17/1", 17)]).await.unwrap();
        assert!(matches!(deliver(&app, id).await[..], [Outcome::Failed { .. }]));
        assert_eq!(actions::get(&app.db, id).await.unwrap().failing_since, Some(begun));
        app.clock.advance_ms(BROKEN_AFTER_MS);
        deliver(&app, id).await;
        assert_eq!(actions::get(&app.db, id).await.unwrap().state, HookState::Broken);
        let user = UserName::parse("ida").unwrap();
        let it = Session::complete(user, "it".to_owned(), Rights::NONE, SessionToken::new([1; 32]));
        let told = notices::actions::bell(&app, &it, None, 10).await.unwrap();
        assert_eq!(told[0].notice.about, "erp");

        actions::emit_now(&app, &[event("17/2", 17)]).await.unwrap();
        assert_eq!(claim(&app, id).await, [], "nothing more is wanted of it");
        receiver.answers(200);
        receiver.came();
        actions::switch(&app, id, true, &anna()).await.unwrap();
        let end = app.clock.now().plus_ms(1);
        assert_eq!(actions::replay(&app, id, begun, end, &anna()).await.unwrap(), 2);
        // The breaker lets one through first.
        for _ in 0..4 {
            app.clock.advance_ms(3_600_000);
            deliver(&app, id).await;
        }
        let ids: Vec<String> =
            receiver.came().iter().map(|(headers, _)| headers["webhook-id"].to_str().unwrap().to_owned()).collect();
        assert_eq!(ids.len(), 2, "{ids:?}");
        assert_eq!(ids[0], super::decide::event_id("17/1"), "under the same number, in order");
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let receiver = Receiver::default();
        let (id, _) = hook(&app, &receiver.start().await).await;
        receiver.answers(410);
        actions::emit_now(&app, &[event("17/1", 17)]).await.unwrap();
        assert!(matches!(deliver(&app, id).await[..], [Outcome::Dropped { .. }]));
        assert_eq!(actions::get(&app.db, id).await.unwrap().state, HookState::Broken);
        actions::remove(&app, id, &anna()).await.unwrap();
        assert!(actions::get(&app.db, id).await.is_err());
    }
}

#[tokio::test]
async fn url_and_secrets_are_nowhere_in_clear() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (_, secret) = hook(&app, "https://h.example/hook?key=s3cret-url").await;
        let row = sqlx::query("SELECT sealed FROM webhook").fetch_one(app.db.read()).await.unwrap();
        let sealed: Vec<u8> = row.get(0);
        for hidden in [b"s3cret", &secret.as_bytes()[6..12]] {
            assert!(!sealed.windows(6).any(|part| part == hidden));
        }
        let listed = format!("{:?}", actions::list(&app.db).await.unwrap());
        assert!(listed.contains("h.example") && !listed.contains("s3cret"), "{listed}");
    }
}

#[tokio::test]
async fn a_webhook_that_cannot_work_is_refused() {
    let app = TestApp::on(ENGINES[0]).await;
    let add = async |title, url, kinds| {
        let refused = actions::add(&app, title, url, kinds, &anna()).await.unwrap_err();
        refused.to_string()
    };
    let kinds = vec![EventKind::OrderChanged];
    assert!(add("", "https://h.example/", kinds.clone()).await.contains("title"));
    assert!(add("erp", "https://h.example/", Vec::new()).await.contains("events"));
    for url in ["", "h.example", "ftp://h.example/", "https://user:pw@h.example/", "javascript:alert(1)"] {
        assert!(add("erp", url, kinds.clone()).await.contains("url is not accepted"), "{url}");
    }
}

#[tokio::test]
async fn an_order_that_changes_is_told_in_its_own_transaction_and_without_personal_data() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let kinds = vec![EventKind::OrderChanged, EventKind::GiftStatus];
        let receiver = Receiver::default();
        let (id, _) = actions::add(&app, "erp", &receiver.start().await, kinds, &anna()).await.unwrap();
        let paid = OrderInput {
            platform: "pos".into(),
            origin_no: "A-1".into(),
            version: Some(app.clock.now()),
            status: Some(OrderStatus::Paid),
            gifts: Some(vec![GiftInput { sku: "CUP".into(), quantity: 1, ..GiftInput::default() }]),
            address: Some(AddressText {
                name: "张样本".into(),
                phone: "13800000001".into(),
                address: Some("样本省样本市样本路1号".into()),
            }),
            ..OrderInput::default()
        };
        for _ in 0..2 {
            orders::actions::receive(&app, std::slice::from_ref(&paid), &anna(), "test").await.unwrap();
        }
        deliver(&app, id).await;
        deliver(&app, id).await;
        let came = receiver.came();
        let said: Vec<Value> = came.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
        let types: Vec<&str> = said.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["order.changed", "gift.status"], "the second message changed nothing");
        assert_eq!((&said[0]["data"]["origin_no"], &said[0]["data"]["is_new"]), (&json!("A-1"), &json!(true)));
        assert_eq!((&said[1]["data"]["was"], &said[1]["data"]["is"]), (&json!(null), &json!("pending")));
        for (_, body) in &came {
            let text = String::from_utf8_lossy(body);
            for hidden in ["张", "1380000", "样本"] {
                assert!(!text.contains(hidden), "{text}");
            }
        }
    }
}
