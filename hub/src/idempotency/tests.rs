use super::actions::{Turn, forget_old, keep, let_go, take};
use super::store::Kept;
use crate::accounts::actions as accounts;
use crate::accounts::actions::roles;
use crate::accounts::model::{Manager, UserName};
use crate::error::Kind;
use crate::routes;
use crate::store::testing::{ENGINES, TestApp};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use sqlx::Row as _;
use tower::ServiceExt as _;

fn answer(body: &str) -> Kept {
    let content_type = Some("application/json".to_owned());
    Kept { status: 201, content_type, location: None, body: body.as_bytes().to_vec() }
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_for_a_day() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        assert!(matches!(take(&app, "k", "r").await.unwrap(), Turn::First));
        let waiting = take(&app, "k", "r").await.unwrap_err();
        assert_eq!(waiting.kind, Kind::Conflict, "{engine}: {waiting}");
        keep(&app, "k", answer("a token")).await.unwrap();
        let Turn::Again(kept) = take(&app, "k", "r").await.unwrap() else { panic!("{engine} did it again") };
        assert_eq!(kept, answer("a token"), "{engine}");
        let other = take(&app, "k", "another request").await.unwrap_err();
        assert_eq!(other.kind, Kind::Invalid, "{engine}: {other}");
        let row = sqlx::query("SELECT body FROM idempotent_answer").fetch_one(app.db.read()).await.unwrap();
        let stored: Vec<u8> = row.get(0);
        assert!(!String::from_utf8_lossy(&stored).contains("token"), "it is kept sealed");
        assert_eq!(forget_old(&app).await.unwrap(), 0);
        app.clock.advance_ms(24 * 3_600_000 + 1);
        assert_eq!(forget_old(&app).await.unwrap(), 1);
        assert!(matches!(take(&app, "k", "another request").await.unwrap(), Turn::First));
    }
}

#[tokio::test]
async fn a_request_that_came_to_nothing_leaves_its_key_free() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        assert!(matches!(take(&app, "k", "r").await.unwrap(), Turn::First));
        let_go(&app, "k").await.unwrap();
        assert!(matches!(take(&app, "k", "r").await.unwrap(), Turn::First), "{engine}");
    }
}

#[tokio::test]
async fn of_many_at_once_one_is_first() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let app = crate::app::App::clone(&app);
                tokio::spawn(async move { matches!(take(&app, "k", "r").await, Ok(Turn::First)) })
            })
            .collect();
        let mut firsts = 0;
        for task in tasks {
            firsts += usize::from(task.await.unwrap());
        }
        assert_eq!(firsts, 1, "{engine}");
    }
}

/// What the hub answers to a POST with this key: status, whether it was given before, and the body.
async fn post(app: &TestApp, token: &str, key: &str, body: &str) -> (u16, bool, String) {
    let request = Request::post("/api/v1/stations")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header(super::api::KEY, key)
        .body(Body::from(body.to_owned()))
        .unwrap();
    let answer = routes::router(crate::app::App::clone(app)).oneshot(request).await.unwrap();
    let (status, replayed) = (answer.status().as_u16(), answer.headers().contains_key(super::api::REPLAYED));
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, replayed, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_station_invited_twice_with_one_key_gets_one_token() {
    let app = TestApp::on(ENGINES[0]).await;
    roles::seed(&app).await.unwrap();
    let name = UserName::parse("chen").unwrap();
    accounts::people::add(&app, &Manager::operator("root"), &name, roles::BOSS).await.unwrap();
    let token = accounts::begin_session(&app, &name, "API", false, false).await.unwrap().reveal();
    let wanted = r#"{"site": "main", "station": "pack-1"}"#;
    let (status, replayed, first) = post(&app, &token, "k-1", wanted).await;
    assert_eq!((status, replayed), (201, false), "{first}");
    assert_eq!(post(&app, &token, "k-1", wanted).await, (201, true, first.clone()));
    let (status, _, other) = post(&app, &token, "k-1", r#"{"site": "main", "station": "pack-2"}"#).await;
    assert_eq!(status, 422, "{other}");
    let (status, replayed, again) = post(&app, &token, "k-2", wanted).await;
    assert_eq!((status, replayed), (201, false));
    assert_ne!(again, first, "another key is another request");
    let (status, ..) = post(&app, &token, &"x".repeat(256), wanted).await;
    assert_eq!(status, 400);
}
