//! The gate that every request passes. It lets nothing through that does not have what its route needs, and knows no
//! route that was not registered with a need.

use super::actions;
use super::api::COOKIE;
use super::model::{Session, SessionToken};
use super::rights::Right;
use crate::app::App;
use crate::doors::{Need, Needs};
use crate::error::{Error, Kind};
use crate::pages::shell;
use crate::telemetry::Who;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use std::sync::Arc;

/// What the gate works with.
#[derive(Clone)]
pub struct Guard {
    app: App,
    needs: Arc<Needs>,
}

impl Guard {
    /// A guard of routes with these needs.
    pub fn new(app: App, needs: Needs) -> Guard {
        Guard { app, needs: Arc::new(needs) }
    }
}

/// Lets a request through when its route is open, or when it comes with a session that has what the route needs.
pub async fn gate(
    State(guard): State<Guard>,
    matched: Option<MatchedPath>,
    cookies: CookieJar,
    mut request: Request,
    next: Next,
) -> Response {
    let path = matched.as_ref().map(MatchedPath::as_str);
    let Some(need) = need_of(&guard.needs, path, request.method()) else {
        return wrong_method(&guard.needs.methods_of(path.unwrap_or_default()));
    };
    let (token, by_cookie) = token_of(request.headers(), &cookies);
    if by_cookie && !same_origin(request.method(), request.headers()) {
        let refused = Error::new(Kind::Forbidden, "the request comes from another site; open the hub's own page");
        return shell::answer(request, refused.into_response()).await;
    }
    let session = match token {
        Some(token) => actions::session(&guard.app, token).await,
        None => Ok(None),
    };
    match (session, need) {
        (Err(error), _) => shell::answer(request, error.into_response()).await,
        (Ok(Some(session)), Need::Right(right)) if !session.may(right) => {
            request.extensions_mut().insert(session);
            refuse(request, right).await
        }
        (Ok(Some(session)), _) => {
            let who = Who(session.actor().to_string());
            request.extensions_mut().insert(session);
            let mut answer = next.run(request).await;
            answer.extensions_mut().insert(who);
            answer
        }
        (Ok(None), Need::Open) => next.run(request).await,
        (Ok(None), _) => turn_away(request).await,
    }
}

/// A path that is not there needs a log-in like any other: what the hub has is nobody's business.
fn need_of(needs: &Needs, path: Option<&str>, method: &Method) -> Option<Need> {
    path.map_or(Some(Need::LoggedIn), |path| needs.of(path, method.as_str()))
}

fn wrong_method(methods: &[&str]) -> Response {
    if methods.is_empty() {
        return Error::not_found("there is no such path").into_response();
    }
    let allowed = methods.join(", ");
    let allow = HeaderValue::from_str(&allowed).expect("methods are plain words");
    let mut answer = Error::new(Kind::WrongMethod, format!("this path takes {allowed}")).into_response();
    answer.headers_mut().insert(header::ALLOW, allow);
    answer
}

/// The session's token, and whether a browser sent it by itself.
fn token_of(headers: &HeaderMap, cookies: &CookieJar) -> (Option<SessionToken>, bool) {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match bearer {
        Some(text) => (SessionToken::parse(text.trim()), false),
        None => (cookies.get(COOKIE).and_then(|cookie| SessionToken::parse(cookie.value())), true),
    }
}

/// Whether a request that changes something comes from one of the hub's own pages. Forms carry a token besides.
fn same_origin(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let fetched_here = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin_here = match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, origin)| origin == host),
        _ => true,
    };
    fetched_here && origin_here
}

/// The visitor is known and may not: the answer says which right is missing.
async fn refuse(request: Request, right: Right) -> Response {
    if is_for_program(request.uri().path()) {
        return Session::lacks(right).into_response();
    }
    let refused = shell::lacks(request.headers(), right);
    shell::answer(request, refused.into_response()).await
}

/// The visitor is not known. A page leads to the log-in; a program gets 401.
async fn turn_away(request: Request) -> Response {
    let path = request.uri().path();
    if is_for_program(path) || !request.method().is_safe() {
        let refused = Error::new(Kind::Unauthenticated, "log in first: POST /api/v1/sessions, then send its token");
        return shell::answer(request, refused.into_response()).await;
    }
    let whole = request.uri().path_and_query().map_or(path, |whole| whole.as_str());
    let next: String = whole
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"/-_.".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    Redirect::to(&format!("/login?next={next}")).into_response()
}

/// Whether programs ask for this path, and not people.
pub fn is_for_program(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics"
}
