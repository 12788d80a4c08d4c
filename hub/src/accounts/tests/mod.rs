//! Logging in as browsers and programs do, on both databases.

mod routes;

use super::actions::{self, FIRST_LOGIN_FILE, FIRST_USER};
use super::model::{IDLE_MS, Password, UserName};
use crate::app::App;
use crate::routes as urls;
use crate::store::Engine;
use crate::store::testing::{ENGINES, TestApp};
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use std::net::SocketAddr;
use tower::ServiceExt as _;

/// Somebody with a cookie jar of one cookie.
struct Visitor<'a> {
    app: &'a App,
    cookie: String,
}

struct Answer {
    status: StatusCode,
    location: String,
    cookie: String,
    body: String,
}

impl Visitor<'_> {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "hub.test");
        if !self.cookie.is_empty() {
            request = request.header(header::COOKIE, &self.cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4_000))));
        let answer = urls::router(self.app.clone()).oneshot(request).await.unwrap();
        let header =
            |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let (location, cookie) = (header(header::LOCATION), header(header::SET_COOKIE));
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        Answer { status, location, cookie, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    async fn form(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("content-type", "application/x-www-form-urlencoded")], body).await
    }
}

fn nobody(app: &App) -> Visitor<'_> {
    Visitor { app, cookie: String::new() }
}

fn first_password(app: &App) -> String {
    let text = std::fs::read_to_string(app.config.data.join(FIRST_LOGIN_FILE)).unwrap();
    text.lines().last().unwrap().to_owned()
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    crate::clock::random_bytes(&mut bytes);
    bytes
}

async fn logged_in(app: &App) -> Visitor<'_> {
    let password = first_password(app);
    let answer = nobody(app).form("/login", &format!("user=admin&password={password}&next=/orders")).await;
    assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, "/orders"));
    assert!(answer.cookie.contains("HttpOnly") && answer.cookie.contains("SameSite=Lax"), "{}", answer.cookie);
    Visitor { app, cookie: answer.cookie.split(';').next().unwrap().to_owned() }
}

async fn csrf(visitor: &Visitor<'_>) -> String {
    let page = visitor.get("/account").await.body;
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn nothing_but_the_door_is_open_to_nobody() {
    let app = TestApp::on(Engine::Sqlite).await;
    for path in ["/login", "/healthz", "/readyz", "/assets/app.css"] {
        assert_eq!(nobody(&app).get(path).await.status, StatusCode::OK, "{path}");
    }
    for path in ["/metrics", "/api/v1/openapi.json", "/api/v1/events", "/api/v1/anything"] {
        assert_eq!(nobody(&app).get(path).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let answer = nobody(&app).get("/orders?status=paid&q=a b".replace(' ', "%20").as_str()).await;
    assert_eq!(
        (answer.status, answer.location.as_str()),
        (StatusCode::SEE_OTHER, "/login?next=/orders%3Fstatus%3Dpaid%26q%3Da%2520b")
    );
    assert_eq!(nobody(&app).form("/logout", "csrf=x").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_first_start_makes_one_account_and_a_new_password_removes_the_first() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        actions::make_first(&app).await.unwrap();
        let password = first_password(&app);
        actions::make_first(&app).await.unwrap();
        assert_eq!(first_password(&app), password, "a second start changes nothing");

        let visitor = logged_in(&app).await;
        let other = logged_in(&app).await;
        let csrf = csrf(&visitor).await;
        let change =
            |new: &str, again: &str| format!("csrf={csrf}&password={password}&new_password={new}&repeat={again}");
        let differ = visitor.form("/account", &change("a+new+pass+word", "another+pass+word")).await;
        assert_eq!(differ.status, StatusCode::UNPROCESSABLE_ENTITY);
        let short = visitor.form("/account", &change("short", "short")).await;
        assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
        let done = visitor.form("/account", &change("a+new+pass+word", "a+new+pass+word")).await;
        assert_eq!(done.status, StatusCode::OK);

        assert!(!app.config.data.join(FIRST_LOGIN_FILE).exists());
        assert_eq!(visitor.get("/account").await.status, StatusCode::OK, "this session goes on");
        assert_eq!(other.get("/account").await.status, StatusCode::SEE_OTHER, "the other one has ended");
        assert_eq!(
            nobody(&app).form("/login", &format!("user=admin&password={password}")).await.status,
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(
            nobody(&app).form("/login", "user=admin&password=a+new+pass+word").await.status,
            StatusCode::SEE_OTHER
        );
    }
}

#[tokio::test]
async fn a_form_without_this_session_s_token_or_from_another_site_changes_nothing() {
    let app = TestApp::on(Engine::Sqlite).await;
    actions::make_first(&app).await.unwrap();
    let visitor = logged_in(&app).await;
    assert_eq!(visitor.form("/logout", "csrf=wrong").await.status, StatusCode::FORBIDDEN);
    let csrf = csrf(&visitor).await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    for foreign in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")] {
        let answer = visitor.ask("POST", "/logout", &[form, foreign], &format!("csrf={csrf}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{foreign:?}");
    }
    let own = ("origin", "http://hub.test");
    let answer = visitor.ask("POST", "/logout", &[form, own], &format!("csrf={csrf}")).await;
    assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, "/login"));
    assert_eq!(visitor.get("/account").await.status, StatusCode::SEE_OTHER, "the session has ended");
}

#[tokio::test]
async fn a_program_logs_in_with_a_token_that_ends_after_a_rest() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        actions::make_first(&app).await.unwrap();
        let json = ("content-type", "application/json");
        let body = format!("{{\"user\":\"{FIRST_USER}\",\"password\":\"{}\"}}", first_password(&app));
        let answer = nobody(&app).ask("POST", "/api/v1/sessions", &[json], &body).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        let token: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
        let bearer = [("authorization", bearer.as_str())];
        let openapi = nobody(&app).ask("GET", "/api/v1/openapi.json", &bearer, "").await;
        assert!(openapi.status == StatusCode::OK && openapi.body.contains("/api/v1/sessions"));
        app.clock.advance_ms(IDLE_MS + 1);
        assert_eq!(nobody(&app).ask("GET", "/api/v1/openapi.json", &bearer, "").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn wrong_tries_are_answered_alike_and_end_in_waiting() {
    let app = TestApp::on(Engine::Sqlite).await;
    actions::make_first(&app).await.unwrap();
    let tries = ["admin", "nobody", "Not A Name!"].into_iter().cycle().take(10);
    for name in tries {
        let error = actions::log_in(&app, name, &Password::new("wrong"), "10.0.0.9").await.unwrap_err();
        assert_eq!(error.message, "user or password is wrong", "{name}");
    }
    let error = actions::log_in(&app, "admin", &Password::new(first_password(&app)), "10.0.0.9").await.unwrap_err();
    assert!(error.message.starts_with("too many wrong tries; wait "), "{}", error.message);
    actions::log_in(&app, "admin", &Password::new(first_password(&app)), "10.0.0.8").await.unwrap();
}

#[tokio::test]
async fn an_operator_sets_a_password_and_every_session_ends() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        actions::make_first(&app).await.unwrap();
        let visitor = logged_in(&app).await;
        let name = UserName::parse(FIRST_USER).unwrap();
        assert!(actions::set_password(&app, &name, &Password::new("short")).await.is_err());
        actions::set_password(&app, &name, &Password::new("another pass word")).await.unwrap();
        assert_eq!(visitor.get("/account").await.status, StatusCode::SEE_OTHER);
        actions::log_in(&app, FIRST_USER, &Password::new("another pass word"), "10.0.0.9").await.unwrap();
    }
}
