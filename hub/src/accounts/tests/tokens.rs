//! Programs' tokens.

use super::{Answer, Visitor, audited, logged_in, nobody};
use crate::accounts::actions::{people, role};
use crate::accounts::model::{Manager, UserName};
use crate::accounts::rights::{Right, Rights};
use crate::app::App;
use crate::store::Engine;
use crate::store::testing::{ENGINES, TestApp};
use axum::http::StatusCode;

async fn make(visitor: &Visitor<'_>, body: &str) -> Answer {
    visitor.ask("POST", "/api/v1/tokens", &[("content-type", "application/json")], body).await
}

fn token_in(answer: &Answer) -> String {
    let made: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    made["token"].as_str().unwrap().to_owned()
}

async fn ask(app: &App, token: &str, method: &str, path: &str) -> StatusCode {
    nobody(app).ask(method, path, &[("authorization", &format!("Bearer {token}"))], "").await.status
}

#[tokio::test]
async fn a_token_does_what_it_was_given_until_it_ends_and_nothing_else() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let owner = logged_in(&app, "integrator").await;
        let made = make(&owner, r#"{"name": "erp", "rights": ["orders.view"], "days": 30}"#).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let token = token_in(&made);
        assert!(token.starts_with("plk_"));
        assert_eq!(ask(&app, &token, "GET", "/api/v1/orders").await, StatusCode::OK);
        assert_eq!(ask(&app, &token, "GET", "/api/v1/scans").await, StatusCode::FORBIDDEN, "its owner may");
        assert_eq!(ask(&app, &token, "GET", "/orders").await, StatusCode::SEE_OTHER, "pages are for people");
        assert_eq!(ask(&app, &token, "DELETE", "/api/v1/sessions/current").await, StatusCode::FORBIDDEN);
        let cookie = Visitor { app: &app, cookie: format!("packline_session={token}") };
        assert_eq!(cookie.get("/api/v1/orders").await.status, StatusCode::UNAUTHORIZED, "never by cookie");
        let bare = Visitor { app: &app, cookie: format!("packline_session={}", token.trim_start_matches("plk_")) };
        assert_eq!(bare.get("/api/v1/orders").await.status, StatusCode::UNAUTHORIZED, "it is no session");
        assert_eq!(
            ask(&app, token.trim_start_matches("plk_"), "GET", "/api/v1/orders").await,
            StatusCode::UNAUTHORIZED
        );

        let list = owner.get("/api/v1/tokens").await.body;
        assert!(list.contains("\"erp\"") && !list.contains(&token) && !list.contains("\"used_at\":null"), "{list}");
        app.clock.advance_ms(30 * 24 * 3_600_000);
        assert_eq!(ask(&app, &token, "GET", "/api/v1/orders").await, StatusCode::UNAUTHORIZED, "it has ended");
    }
}

#[tokio::test]
async fn a_token_loses_what_its_owner_loses() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let root = Manager::operator("root");
        let boss = logged_in(&app, "boss").await;
        let owner = logged_in(&app, "integrator").await;
        let rights = r#"{"name": "erp", "rights": ["orders.view", "scans.view"], "days": 30}"#;
        let token = token_in(&make(&owner, rights).await);
        let set = async |rights: &[Right]| {
            let rights: Rights = rights.iter().copied().collect();
            role::set(&app, &root, "integrator", rights, false).await.unwrap();
        };
        set(&[Right::OrdersView, Right::TokensOwn]).await;
        assert_eq!(ask(&app, &token, "GET", "/api/v1/scans").await, StatusCode::FORBIDDEN);
        assert_eq!(ask(&app, &token, "GET", "/api/v1/orders").await, StatusCode::OK);
        set(&[Right::OrdersView]).await;
        assert_eq!(ask(&app, &token, "GET", "/api/v1/orders").await, StatusCode::UNAUTHORIZED);
        set(&[Right::OrdersView, Right::ScansView, Right::TokensOwn]).await;
        assert_eq!(ask(&app, &token, "GET", "/api/v1/scans").await, StatusCode::OK);
        people::disable(&app, &root, &UserName::parse("integrator").unwrap()).await.unwrap();
        assert_eq!(ask(&app, &token, "GET", "/api/v1/orders").await, StatusCode::UNAUTHORIZED);
        people::enable(&app, &root, &UserName::parse("integrator").unwrap()).await.unwrap();
        assert_eq!(ask(&app, &token, "GET", "/api/v1/orders").await, StatusCode::OK);
        let revoked = boss.ask("DELETE", "/api/v1/tokens/erp", &[], "").await;
        assert_eq!(revoked.status, StatusCode::NO_CONTENT, "whoever manages tokens ends anybody's");
        assert_eq!(ask(&app, &token, "GET", "/api/v1/orders").await, StatusCode::UNAUTHORIZED);
        assert_eq!(audited(&app).await.last().unwrap(), "tokens.revoke user:boss");
    }
}

#[tokio::test]
async fn a_token_is_not_made_with_more_than_its_maker_has_nor_by_a_token() {
    let app = TestApp::on(Engine::Sqlite).await;
    let owner = logged_in(&app, "integrator").await;
    for (body, status) in [
        (r#"{"name": "a", "rights": ["people.manage"], "days": 30}"#, StatusCode::FORBIDDEN),
        (r#"{"name": "a", "rights": ["orders.everything"], "days": 30}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name": "a", "rights": [], "days": 30}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name": "a", "rights": ["orders.view"], "days": 0}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name": "a", "rights": ["orders.view"], "days": 366}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name": "A B", "rights": ["orders.view"], "days": 30}"#, StatusCode::UNPROCESSABLE_ENTITY),
        (r#"{"name": "a", "rights": ["orders.view", "tokens.own"], "days": 30}"#, StatusCode::CREATED),
        (r#"{"name": "a", "rights": ["orders.view"], "days": 30}"#, StatusCode::CONFLICT),
    ] {
        assert_eq!(make(&owner, body).await.status, status, "{body}");
    }
    let token = token_in(&make(&owner, r#"{"name": "b", "rights": ["tokens.own"], "days": 1}"#).await);
    let headers = [("content-type", "application/json"), ("authorization", &format!("Bearer {token}"))];
    let body = r#"{"name": "c", "rights": ["tokens.own"], "days": 365}"#;
    let answer = nobody(&app).ask("POST", "/api/v1/tokens", &headers, body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "it would outlive its own end");
    let stranger = logged_in(&app, "it").await;
    assert!(stranger.get("/api/v1/tokens").await.body.contains("\"a\""), "the IT desk sees all");
}
