//! The frame around every page: who is here, in which language, on which ground.

use super::render;
use super::text::{Language, Text};
use crate::accounts::api::COOKIE;
use crate::accounts::model::Session;
use crate::error::{Error, Kind, Result};
use askama::Template;
use axum::body::to_bytes;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use std::convert::Infallible;

/// The cookie with the language.
pub const LANGUAGE: &str = "packline_language";
/// The cookie with the ground, `dark` or `light`.
pub const THEME: &str = "packline_theme";

/// Who visits a page, and how they want it.
#[derive(Debug, Clone)]
pub struct Shell {
    /// The language.
    pub language: Language,
    /// `dark`, `light`, or empty for what the system says.
    pub theme: &'static str,
    /// The account's name, when somebody is logged in.
    pub user: Option<String>,
    /// What forms carry.
    pub csrf: String,
    /// The page's path.
    pub path: String,
}

impl Shell {
    /// The words of the page.
    pub fn text(&self) -> &'static Text {
        self.language.text()
    }

    /// The main menu: path and name.
    pub fn menu(&self) -> [(&'static str, &'static str); 4] {
        let t = self.text();
        [("/orders", t.orders), ("/scans", t.scans), ("/stations", t.stations), ("/imports", t.imports)]
    }

    /// Whether this page belongs to a menu entry.
    pub fn here(&self, path: &&str) -> bool {
        self.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The language that is one click away.
    pub fn other_language(&self) -> &'static str {
        self.language.pick("en", "zh")
    }

    /// The ground that is one click away.
    pub fn other_theme(&self) -> &'static str {
        if self.theme == "dark" { "light" } else { "dark" }
    }

    /// Refuses a form that does not carry this session's token.
    pub fn check_form(&self, csrf: &str) -> Result<()> {
        let same = subtle::ConstantTimeEq::ct_eq(self.csrf.as_bytes(), csrf.as_bytes());
        if bool::from(same) && !self.csrf.is_empty() {
            Ok(())
        } else {
            Err(Error::new(Kind::Forbidden, self.text().forbidden))
        }
    }

    fn of(parts: &Parts) -> Shell {
        let cookies = CookieJar::from_headers(&parts.headers);
        let value = |name| cookies.get(name).map(Cookie::value).unwrap_or_default();
        let session = parts.extensions.get::<Session>();
        let theme = ["dark", "light"].into_iter().find(|theme| *theme == value(THEME)).unwrap_or("");
        Shell {
            language: Language::parse(value(LANGUAGE)),
            theme,
            user: session.map(|session| session.user.to_string()),
            csrf: session.map(|session| session.token.csrf()).unwrap_or_default(),
            path: parts.uri.path().to_owned(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Shell {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Shell, Infallible> {
        Ok(Shell::of(parts))
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    message: &'a str,
}

/// Turns the problem that a page's action answered with into a page, and adds what every page's answer carries.
pub async fn dress(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let shell = Shell::of(&parts);
    let answer = next.run(Request::from_parts(parts, body)).await;
    // A program that asked for a path that is not there is answered as a program.
    let for_people = !shell.path.starts_with("/api/");
    let mut answer = if for_people && is_problem(&answer) { problem_page(&shell, answer).await } else { answer };
    protect(&mut answer);
    answer
}

fn is_problem(answer: &Response) -> bool {
    answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json")
}

async fn problem_page(shell: &Shell, answer: Response) -> Response {
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 64 * 1024).await.unwrap_or_default();
    let detail = serde_json::from_slice::<serde_json::Value>(&body)
        .ok()
        .and_then(|problem| problem["detail"].as_str().map(str::to_owned));
    let text = shell.text();
    let message = match status {
        StatusCode::NOT_FOUND => text.not_found.to_owned(),
        _ => detail.unwrap_or_else(|| text.went_wrong.to_owned()),
    };
    match render(&ErrorPage { shell, t: text, message: &message }) {
        Ok(page) => (status, page).into_response(),
        Err(error) => error.into_response(),
    }
}

/// Nothing but the hub's own files runs or shows in a page, and no other site frames it.
fn protect(answer: &mut Response) {
    const HEADERS: [(&str, &str); 5] = [
        (
            "content-security-policy",
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    for (name, value) in HEADERS {
        answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// A cookie that only this hub's pages send and no script reads.
pub fn cookie(name: &'static str, value: String, secure: bool) -> Cookie<'static> {
    let session = name == COOKIE;
    let cookie = Cookie::build((name, value)).path("/").http_only(true).same_site(SameSite::Lax).secure(secure);
    if session { cookie.build() } else { cookie.permanent().build() }
}

/// There is no such page.
pub async fn nowhere() -> Error {
    Error::not_found("there is no such page")
}
