//! Logging in as browsers and programs do, on both databases.

mod people;
mod routes;
mod second;
mod tokens;

use super::actions::roles;
use super::actions::{self, Attempt, Device, FIRST_LOGIN_FILE, FIRST_USER, passwords};
use super::model::{IDLE_MS, Manager, Password, SessionToken, UserName};
use crate::app::App;
use crate::keys::HubKeys;
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

/// The first account on its way in, with nothing set up.
async fn first_visitor(app: &App) -> Visitor<'_> {
    let password = first_password(app);
    let answer = nobody(app).form("/login", &format!("user=admin&password={password}&next=/orders")).await;
    assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, "/orders"));
    assert!(answer.cookie.contains("HttpOnly") && answer.cookie.contains("SameSite=Lax"), "{}", answer.cookie);
    Visitor { app, cookie: answer.cookie.split(';').next().unwrap().to_owned() }
}

/// Somebody of this role, logged in.
async fn logged_in<'a>(app: &'a App, role: &str) -> Visitor<'a> {
    roles::seed(app).await.unwrap();
    let token = routes::session_of(app, role).await;
    Visitor { app, cookie: format!("packline_session={}", token.reveal()) }
}

async fn csrf(visitor: &Visitor<'_>, path: &str) -> String {
    let page = visitor.get(path).await.body;
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// The first text after `mark` in a page, up to the next tag.
fn after(page: &str, mark: &str) -> String {
    let (_, rest) = page.split_once(mark).unwrap_or_else(|| panic!("`{mark}` is not in\n{page}"));
    rest.split_once('<').unwrap().0.to_owned()
}

async fn log_in(app: &App, name: &str, password: &str, address: &str) -> crate::error::Result<SessionToken> {
    let password = Password::new(password);
    let device = Device::Browser("Firefox/140.0 Linux".into());
    actions::log_in(app, Attempt { name, password: &password, code: None, address, device }).await
}

/// Another hub on the same database.
fn beside(app: &App) -> App {
    App::new(app.config.clone(), app.db.clone(), HubKeys::random(), app.vault.clone(), app.clock.clone())
}

/// What the audit log has, the oldest first.
async fn audited(app: &App) -> Vec<String> {
    let rows =
        sqlx::query("SELECT action, actor FROM audit_entry ORDER BY seq").fetch_all(app.db.read()).await.unwrap();
    let text = |row: &sqlx::any::AnyRow, place: usize| sqlx::Row::get::<String, _>(row, place);
    rows.iter().map(|row| format!("{} {}", text(row, 0), text(row, 1))).collect()
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
async fn the_first_log_in_leads_to_the_set_up_and_nowhere_else() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        actions::make_first(&app).await.unwrap();
        let password = first_password(&app);
        actions::make_first(&app).await.unwrap();
        assert_eq!(first_password(&app), password, "a second start changes nothing");

        let (visitor, other) = (first_visitor(&app).await, first_visitor(&app).await);
        for path in ["/", "/orders", "/account", "/people", "/nowhere"] {
            let answer = visitor.get(path).await;
            assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, "/setup"), "{path}");
        }
        assert_eq!(visitor.get("/api/v1/orders").await.status, StatusCode::FORBIDDEN);
        let csrf = csrf(&visitor, "/setup").await;
        let wanted = |name: &str, new: &str, again: &str, site: &str| {
            format!("csrf={csrf}&name={name}&new_password={new}&repeat={again}&site={site}&site_title=North")
        };
        for (body, why) in [
            (wanted("lin", "three+brown+hens", "three+brown+dogs", "main"), "the entries differ"),
            (wanted("lin", "password2026", "password2026", "main"), "the password is common"),
            (wanted("Lin!", "three+brown+hens", "three+brown+hens", "main"), "the name is none"),
            (wanted("lin", "three+brown+hens", "three+brown+hens", "A+B"), "the site is none"),
        ] {
            assert_eq!(visitor.form("/setup", &body).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{why}");
        }
        let done = visitor.form("/setup", &wanted("lin", "three+brown+hens", "three+brown+hens", "north")).await;
        assert_eq!((done.status, done.location.as_str()), (StatusCode::SEE_OTHER, "/"));

        assert!(!app.config.data.join(FIRST_LOGIN_FILE).exists());
        assert!(visitor.get("/account").await.body.contains("lin"), "this session goes on");
        assert_eq!(visitor.get("/setup").await.location, "/", "the set-up is over");
        assert_eq!(other.get("/account").await.status, StatusCode::SEE_OTHER, "the other one has ended");
        assert!(visitor.get("/api/v1/sites").await.body.contains("\"title\":\"North\""));
        assert!(log_in(&app, FIRST_USER, &password, "10.0.0.9").await.is_err());
        log_in(&app, "lin", "three brown hens", "10.0.0.9").await.unwrap();
        actions::make_first(&app).await.unwrap();
        assert!(!app.config.data.join(FIRST_LOGIN_FILE).exists(), "a later start makes no account");
    }
}

#[tokio::test]
async fn a_form_without_this_session_s_token_or_from_another_site_changes_nothing() {
    let app = TestApp::on(Engine::Sqlite).await;
    let visitor = logged_in(&app, "warehouse").await;
    assert_eq!(visitor.form("/logout", "csrf=wrong").await.status, StatusCode::FORBIDDEN);
    let csrf = csrf(&visitor, "/account").await;
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
async fn every_form_of_every_page_refuses_a_wrong_token() {
    let app = TestApp::on(Engine::Sqlite).await;
    let visitor = logged_in(&app, "boss").await;
    let fields = "csrf=wrong&name=x&role=it&password=x&new_password=x&repeat=x&handle=x&code=1&site=x&station=x";
    let open = ["/login", "/preferences", "/invite/{token}"];
    // Its form has files in it, and is looked at where imports are.
    let elsewhere = ["/imports", "/setup", "/login/code"];
    for (path, method, _) in urls::needs().iter() {
        if method == "POST" && !path.starts_with("/api/") && !open.contains(&path) && !elsewhere.contains(&path) {
            let path =
                path.replace("{name}", "it").replace("{role}", "it").replace("{station}", "x").replace("{id}", "7");
            let status = visitor.form(&path, fields).await.status;
            assert!(matches!(status.as_u16(), 403 | 422), "{path} answers {status}");
        }
    }
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
        let error = log_in(&app, name, "wrong", "10.0.0.9").await.unwrap_err();
        assert_eq!(error.message, "user or password is wrong", "{name}");
    }
    let error = log_in(&app, "admin", &first_password(&app), "10.0.0.9").await.unwrap_err();
    assert!(error.message.starts_with("too many wrong tries; wait "), "{}", error.message);
    log_in(&app, "admin", &first_password(&app), "10.0.0.8").await.unwrap();
}

#[tokio::test]
async fn many_tries_at_once_are_no_way_around_the_waiting() {
    let app = TestApp::on(Engine::Sqlite).await;
    actions::make_first(&app).await.unwrap();
    let tries = (0..30).map(|_| log_in(&app, "admin", "wrong", "10.0.0.9"));
    let answers = futures::future::join_all(tries).await;
    let looked_at = answers.iter().filter(|answer| answer.as_ref().is_err_and(|e| e.message.contains("is wrong")));
    assert_eq!(looked_at.count(), 10);
}

#[tokio::test]
async fn an_operator_sets_a_password_and_every_session_ends() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        actions::make_first(&app).await.unwrap();
        let visitor = first_visitor(&app).await;
        let (name, root) = (UserName::parse(FIRST_USER).unwrap(), Manager::operator("root"));
        assert!(passwords::set(&app, &root, &name, &Password::new("short")).await.is_err());
        passwords::set(&app, &root, &name, &Password::new("another pass for it")).await.unwrap();
        assert_eq!(visitor.get("/account").await.location, "/login?next=/account");
        log_in(&app, FIRST_USER, "another pass for it", "10.0.0.9").await.unwrap();
        assert_eq!(
            audited(&app).await,
            ["sessions.begin user:admin", "accounts.set_password cli:root", "sessions.begin user:admin"]
        );
    }
}

#[tokio::test]
async fn sessions_outlive_the_hub_s_program_and_end_one_by_one_or_all_at_once() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let visitor = logged_in(&app, "service").await;
        let (phone, third) = (logged_in(&app, "service").await, logged_in(&app, "service").await);
        let restarted = beside(&app);
        let again = |visitor: &Visitor<'_>| Visitor { app: &restarted, cookie: visitor.cookie.clone() };
        assert_eq!(again(&visitor).get("/account").await.status, StatusCode::OK);

        let page = visitor.get("/account").await.body;
        assert_eq!(page.matches("/account/sessions/end\"").count(), 2, "all but this one can be ended");
        let csrf = csrf(&visitor, "/account").await;
        let (_, rest) = page.split_once("name=\"handle\" value=\"").unwrap();
        let handle = rest.split_once('"').unwrap().0;
        visitor.form("/account/sessions/end", &format!("csrf={csrf}&handle={handle}")).await;
        let left = [&phone, &third].map(&again);
        let left = [left[0].get("/account").await.status, left[1].get("/account").await.status];
        assert_eq!(left.iter().filter(|status| **status == StatusCode::OK).count(), 1, "one has ended");

        let foreign = logged_in(&app, "finance").await;
        visitor.form("/account/sessions/end-all", &format!("csrf={csrf}")).await;
        for ended in [&visitor, &phone, &third] {
            assert_eq!(again(ended).get("/account").await.status, StatusCode::SEE_OTHER);
        }
        assert_eq!(foreign.get("/account").await.status, StatusCode::OK, "other people's go on");
    }
}
