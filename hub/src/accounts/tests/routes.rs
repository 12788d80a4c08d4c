//! Every route as every role and as nobody, against a table that people read.

use super::super::actions::roles::{self, BUILT_IN};
use super::super::model::{SessionToken, UserName};
use super::super::rights::{Right, Rights};
use super::super::store::{self, NewAccount, NewSession};
use super::{nobody, random};
use crate::app::App;
use crate::doors::Need;
use crate::routes;
use crate::store::testing::{ENGINES, TestApp};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use std::fmt::Write as _;
use std::net::SocketAddr;
use tower::ServiceExt as _;

/// Read by people: a changed line is a changed right. `PACKLINE_WRITE_TABLE=1 cargo test -p packline-hub --lib routes::`
/// writes it.
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/accounts/tests/routes.txt");

/// An account of this role, with a session.
pub async fn session_of(app: &App, role: &str) -> SessionToken {
    let (name, now) = (UserName::parse(role).unwrap(), app.clock.now());
    let token = SessionToken::new(random());
    let mut tx = app.db.begin("test").await.unwrap();
    let account = NewAccount { name: &name, password_hash: "no hash fits", role, must_set_up: false };
    store::insert_account(&mut tx, &account, now).await.unwrap();
    let session =
        NewSession { token_hash: token.hash(), name: &name, device: "test", by_page: true, second_done: false };
    store::insert_session(&mut tx, session, now).await.unwrap();
    tx.commit().await.unwrap();
    token
}

/// How the gate answers: `+` through, `-` refused, `?` asked to log in.
async fn knock(router: &Router, method: &str, path: &str, token: Option<&SessionToken>) -> char {
    let mut request = Request::builder().method(method).uri(path).header(header::COOKIE, "packline_language=en");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal()));
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4_000))));
    let answer = router.clone().oneshot(request).await.unwrap();
    let to_login = answer.headers().get(header::LOCATION).is_some_and(|to| to.as_bytes().starts_with(b"/login?next="));
    match answer.status() {
        StatusCode::FORBIDDEN => {
            let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            let is_gate = String::from_utf8_lossy(&body).contains("which your role does not have");
            if is_gate { '-' } else { '+' }
        }
        StatusCode::UNAUTHORIZED if path != "/login" && path != "/api/v1/sessions" => '?',
        _ if to_login => '?',
        _ => '+',
    }
}

/// A path with something in each of its holes.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "7" } else { part }).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn every_route_lets_through_exactly_who_the_table_says() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        roles::seed(&app).await.unwrap();
        let router = routes::router(app.clone());
        let mut table = format!("{:<7}{:<40}{:<18}nobody", "method", "path", "needs");
        BUILT_IN.iter().for_each(|role| write!(table, " {}", role.name).unwrap());
        for (path, method, need) in routes::needs().iter() {
            let target = filled(path);
            let line = format!("{method:<7}{path:<40}{:<18}", need.to_string());
            write!(table, "\n{line}{:<6}", knock(&router, method, &target, None).await).unwrap();
            for role in BUILT_IN {
                // A new one each time: one of the routes ends it.
                let token = session_of(&app, role.name).await;
                let seen = knock(&router, method, &target, Some(&token)).await;
                write!(table, " {seen:<width$}", width = role.name.len()).unwrap();
            }
        }
        let table: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        if std::env::var_os("PACKLINE_WRITE_TABLE").is_some() {
            std::fs::write(TABLE, &table).unwrap();
        }
        let expected = std::fs::read_to_string(TABLE).unwrap();
        assert!(table == expected, "the table of routes has changed on {engine}; it is\n{table}");
    }
}

#[test]
fn every_right_that_a_route_needs_is_held_by_the_boss_and_refused_to_somebody() {
    let needed: Rights = routes::needs()
        .iter()
        .filter_map(|(_, _, need)| match need {
            Need::Right(right) => Some(right),
            _ => None,
        })
        .collect();
    let boss = BUILT_IN.iter().find(|role| role.name == roles::BOSS).unwrap();
    assert!(boss.rights().covers(needed));
    for right in needed.iter().filter(|right| *right != Right::OrdersView) {
        assert!(BUILT_IN.iter().any(|role| !role.rights().has(right)), "{right}");
    }
}

#[tokio::test]
async fn a_path_or_a_method_that_is_not_registered_is_not_there() {
    let app = TestApp::on(crate::store::Engine::Sqlite).await;
    roles::seed(&app).await.unwrap();
    let token = session_of(&app, roles::BOSS).await;
    let bearer = format!("Bearer {}", token.reveal());
    let bearer = [("authorization", bearer.as_str())];
    for (method, path, expected) in [
        ("GET", "/api/v1/orders/7/everything", StatusCode::NOT_FOUND),
        ("GET", "/people-of-the-moon", StatusCode::NOT_FOUND),
        ("DELETE", "/api/v1/orders", StatusCode::METHOD_NOT_ALLOWED),
        ("TRACE", "/login", StatusCode::METHOD_NOT_ALLOWED),
        ("HEAD", "/scans", StatusCode::OK),
    ] {
        assert_eq!(nobody(&app).ask(method, path, &bearer, "").await.status, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn the_menu_shows_exactly_the_pages_that_the_visitor_may_open() {
    let app = TestApp::on(crate::store::Engine::Sqlite).await;
    roles::seed(&app).await.unwrap();
    let router = routes::router(app.clone());
    for role in BUILT_IN {
        let token = session_of(&app, role.name).await;
        let bearer = format!("Bearer {}", token.reveal());
        let page = nobody(&app).ask("GET", "/account", &[("authorization", &bearer)], "").await.body;
        let (_, menu) = page.split_once("<nav").unwrap();
        let menu = menu.split_once("</nav>").unwrap().0;
        for (path, method, need) in routes::needs().iter() {
            let in_menu = menu.contains(&format!("href=\"{path}\""));
            if in_menu && method == "GET" {
                assert_eq!(knock(&router, method, path, Some(&token)).await, '+', "{} {path}", role.name);
            }
            if let ("GET", "/orders" | "/scans" | "/stations" | "/imports", Need::Right(right)) = (method, path, need) {
                assert_eq!(in_menu, role.rights().has(right), "{} {path}", role.name);
            }
        }
        let home = nobody(&app).ask("GET", "/", &[("authorization", &bearer)], "").await;
        assert_eq!(knock(&router, "GET", &home.location, Some(&token)).await, '+', "{}", role.name);
    }
}
