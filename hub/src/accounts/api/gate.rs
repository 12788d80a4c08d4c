//! The gate that every request passes. It lets nothing through that does not have what its route needs, and knows no
//! route that was not registered with a need.

use super::COOKIE;
use crate::accounts::actions;
use crate::accounts::model::{Session, SessionToken, Stage};
use crate::accounts::rights::Right;
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
    let (shown, by_cookie) = token_of(request.headers(), &cookies);
    if by_cookie && !same_origin(request.method(), request.headers()) {
        let refused = Error::new(Kind::Forbidden, "the request comes from another site; open the hub's own page");
        return shell::answer(request, refused.into_response()).await;
    }
    let session = match shown {
        Shown::Session(token) => actions::session(&guard.app, token).await,
        // Pages are for people: what a program's token leads to is the API.
        Shown::Token(token) if is_for_program(request.uri().path()) => {
            actions::tokens::session(&guard.app, token).await
        }
        Shown::Token(_) | Shown::Nothing => Ok(None),
    };
    let session = match session {
        Ok(session) => session,
        Err(error) => return shell::answer(request, error.into_response()).await,
    };
    let pass = judge(session.as_ref(), need);
    let who = session.as_ref().map(|session| Who(session.actor().to_string()));
    if let Some(session) = session {
        request.extensions_mut().insert(session);
    }
    match pass {
        Pass::Through => {
            let mut answer = next.run(request).await;
            if let Some(who) = who {
                answer.extensions_mut().insert(who);
            }
            answer
        }
        Pass::LogIn => turn_away(request).await,
        Pass::GoOn(stage) => lead_on(&request, stage),
        Pass::Lacks(right) => refuse(request, right).await,
    }
}

/// What the gate does with a request.
enum Pass {
    /// It goes through.
    Through,
    /// Somebody has to log in first.
    LogIn,
    /// Somebody has to finish the log-in first.
    GoOn(Stage),
    /// Somebody is known and may not.
    Lacks(Right),
}

fn judge(session: Option<&Session>, need: Need) -> Pass {
    match (session, need) {
        (_, Need::Open) | (Some(_), Need::Entering) => Pass::Through,
        (None, _) => Pass::LogIn,
        (Some(session), Need::At(stage)) if session.stage == stage => Pass::Through,
        (Some(session), _) if session.stage != Stage::Done => Pass::GoOn(session.stage),
        (Some(session), Need::Right(right)) if !session.may(right) => Pass::Lacks(right),
        (Some(_), _) => Pass::Through,
    }
}

/// The log-in is not complete. A page leads to what is left of it; a program is told.
fn lead_on(request: &Request, stage: Stage) -> Response {
    if is_for_program(request.uri().path()) {
        let message = format!("the log-in is not complete; go on at `{}` in a browser", stage.page());
        return Error::new(Kind::Forbidden, message).into_response();
    }
    Redirect::to(stage.page()).into_response()
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

/// What a request shows to be let in.
enum Shown {
    /// The token of a session.
    Session(SessionToken),
    /// The token of a program.
    Token(SessionToken),
    /// Nothing that can be read.
    Nothing,
}

/// What is shown, and whether a browser sent it by itself. A cookie is never a program's token.
fn token_of(headers: &HeaderMap, cookies: &CookieJar) -> (Shown, bool) {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let session = |text: &str| SessionToken::parse(text).map(Shown::Session);
    match bearer.map(str::trim) {
        Some(text) => {
            let token = SessionToken::parse_api(text).map(Shown::Token);
            (token.or_else(|| session(text)).unwrap_or(Shown::Nothing), false)
        }
        None => (cookies.get(COOKIE).and_then(|cookie| session(cookie.value())).unwrap_or(Shown::Nothing), true),
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
