//! The second step, from the picture to the recovery code.

use super::{Visitor, after, csrf, log_in, logged_in, nobody};
use crate::accounts::actions::roles;
use crate::accounts::actions::{people, role};
use crate::accounts::decide::second::code_of;
use crate::accounts::model::{Manager, Password, UserName};
use crate::app::App;
use crate::store::testing::{ENGINES, TestApp};
use axum::http::StatusCode;

/// What an app makes of the key on the page.
fn secret_of(page: &str) -> Vec<u8> {
    let key: String = after(page, "<br><span class=\"code\">").split_whitespace().collect();
    let bits: Vec<u8> = key
        .bytes()
        .flat_map(|letter| {
            let value = if letter >= b'A' { letter - b'A' } else { letter - b'2' + 26 };
            (0..5).rev().map(move |bit| value >> bit & 1)
        })
        .collect();
    bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

fn code(app: &App, secret: &[u8]) -> String {
    code_of(secret, app.clock.now().0 / 30_000)
}

async fn person(app: &App, role: &str) {
    roles::seed(app).await.unwrap();
    let (root, name) = (Manager::operator("root"), UserName::parse("mei").unwrap());
    let invitation = people::add(app, &root, &name, role).await.unwrap();
    people::accept(app, &invitation.token, &Password::new("three brown hens")).await.unwrap();
}

async fn visitor(app: &App) -> Visitor<'_> {
    let token = log_in(app, "mei", "three brown hens", "10.0.0.9").await.unwrap();
    Visitor { app, cookie: format!("packline_session={}", token.reveal()) }
}

/// Turns the second step on; gives the secret and the recovery codes.
async fn turn_on(visitor: &Visitor<'_>) -> (Vec<u8>, Vec<String>) {
    let token = csrf(visitor, "/account/second").await;
    let page = visitor.get("/account/second").await.body;
    assert!(page.contains("<path class=\"dark\" d=\"M4 4h1v1h-1z"));
    let secret = secret_of(&page);
    let wrong = visitor.form("/account/second", &format!("csrf={token}&code=000")).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let code = code(visitor.app, &secret);
    let done = visitor.form("/account/second", &format!("csrf={token}&code={code}")).await;
    assert_eq!(done.status, StatusCode::OK);
    let codes = done.body.split("<li class=\"code\">").skip(1).map(|rest| rest[..19].to_owned());
    (secret, codes.collect())
}

#[tokio::test]
async fn a_log_in_with_a_second_step_takes_a_fresh_code_once() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        person(&app, "service").await;
        let (first, waiting) = (visitor(&app).await, visitor(&app).await);
        let (secret, recovery) = turn_on(&first).await;
        assert_eq!(recovery.len(), 10);
        assert_eq!(first.get("/orders").await.status, StatusCode::OK);
        assert_eq!(waiting.get("/orders").await.location, "/login/code", "other sessions are asked from now on");

        let used = code(&app, &secret);
        let enter = async |visitor: &Visitor<'_>, code: &str| {
            let token = csrf(visitor, "/login/code").await;
            visitor.form("/login/code", &format!("csrf={token}&code={code}")).await.status
        };
        assert_eq!(enter(&waiting, &used).await, StatusCode::UNAUTHORIZED, "it was used to turn it on");
        for path in ["/account/second", "/setup", "/account", "/people"] {
            assert_eq!(waiting.get(path).await.location, "/login/code", "{path}");
        }
        app.clock.advance_ms(30_000);
        let fresh = code(&app, &secret);
        assert_eq!(enter(&waiting, &fresh).await, StatusCode::SEE_OTHER);
        assert_eq!(waiting.get("/orders").await.status, StatusCode::OK);
        let third = visitor(&app).await;
        assert_eq!(enter(&third, &fresh).await, StatusCode::UNAUTHORIZED, "it was used");
        assert_eq!(enter(&third, &recovery[3].to_lowercase()).await, StatusCode::SEE_OTHER);
        let fourth = visitor(&app).await;
        assert_eq!(enter(&fourth, &recovery[3]).await, StatusCode::UNAUTHORIZED, "it was used");
        assert!(third.get("/account").await.body.contains("<span class=\"number\">9</span>"));
        let sealed = sqlx::query("SELECT secret FROM second_step").fetch_one(app.db.read()).await.unwrap();
        let sealed: Vec<u8> = sqlx::Row::get(&sealed, 0);
        assert!(!sealed.windows(secret.len()).any(|part| part == secret), "the secret is sealed");
    }
}

#[tokio::test]
async fn a_program_sends_the_code_with_the_password() {
    let app = TestApp::on(crate::store::Engine::Sqlite).await;
    person(&app, "service").await;
    let (secret, _) = turn_on(&visitor(&app).await).await;
    app.clock.advance_ms(30_000);
    let json = [("content-type", "application/json")];
    let ask = async |rest: &str| {
        let body = format!(r#"{{"user": "mei", "password": "three brown hens"{rest}}}"#);
        nobody(&app).ask("POST", "/api/v1/sessions", &json, &body).await
    };
    let missing = ask("").await;
    assert!(missing.status == StatusCode::UNAUTHORIZED && missing.body.contains("second step"), "{}", missing.body);
    assert_eq!(ask(r#", "code": "000000""#).await.status, StatusCode::UNAUTHORIZED);
    let fresh = format!(r#", "code": "{}""#, code(&app, &secret));
    assert_eq!(ask(&fresh).await.status, StatusCode::CREATED);
    assert_eq!(ask(&fresh).await.status, StatusCode::UNAUTHORIZED, "it was used");
}

#[tokio::test]
async fn a_role_that_demands_a_second_step_lets_nobody_on_without() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        person(&app, "boss").await;
        let boss = logged_in(&app, "finance").await;
        let rights = roles::BUILT_IN.iter().find(|role| role.name == "finance").unwrap().rights();
        role::set(&app, &Manager::operator("root"), "finance", rights, true).await.unwrap();
        assert_eq!(boss.get("/orders").await.location, "/account/second");
        assert_eq!(boss.get("/api/v1/orders").await.status, StatusCode::FORBIDDEN);
        turn_on(&boss).await;
        assert_eq!(boss.get("/orders").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_reset_takes_the_second_step_away_and_wrong_codes_end_in_waiting() {
    let app = TestApp::on(crate::store::Engine::Sqlite).await;
    person(&app, "boss").await;
    let root = Manager::operator("root");
    let li = UserName::parse("li").unwrap();
    let invitation = people::add(&app, &root, &li, "boss").await.unwrap();
    people::accept(&app, &invitation.token, &Password::new("seven green doors")).await.unwrap();
    turn_on(&visitor(&app).await).await;
    let waiting = visitor(&app).await;
    let token = csrf(&waiting, "/login/code").await;
    let mut answers = Vec::new();
    for _ in 0..11 {
        answers.push(waiting.form("/login/code", &format!("csrf={token}&code=000000")).await.status);
    }
    // One wrong code of the address is left from setting up.
    assert_eq!(answers[8..10], [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS]);
    people::reset(&app, &root, &UserName::parse("mei").unwrap()).await.unwrap();
    let people = people::list(&app).await.unwrap();
    let mei = people.iter().find(|person| person.name.as_str() == "mei").unwrap();
    assert!(!mei.has_second && mei.is_waiting);
}
