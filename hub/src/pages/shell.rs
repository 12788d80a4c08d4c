//! The frame around every page: who is here, in which language, on which ground.

use super::keys::{KEYS, Key};
use super::render;
use super::text::{Language, Text};
use crate::accounts::api::COOKIE;
use crate::accounts::api::gate::is_for_program;
use crate::accounts::model::{Session, Stage};
use crate::accounts::rights::{Right, Rights};
use crate::actor::Actor;
use crate::error::{Error, Kind, Result};
use askama::Template;
use axum::body::to_bytes;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
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
    /// Whether their log-in is complete: no code to give, nothing to set up.
    pub inside: bool,
    /// Who acts when they do something here.
    pub actor: Option<Actor>,
    /// What they may do.
    pub rights: Rights,
    /// What forms carry.
    pub csrf: String,
    /// The page's path.
    pub path: String,
    /// What the search box was asked, if the page answers it.
    pub query: String,
}

/// An entry of the main menu.
struct Entry {
    path: &'static str,
    name: fn(&'static Text) -> &'static str,
    right: Right,
}

/// The main menu. A page is shown to whoever has the right that it needs.
const MENU: &[Entry] = &[
    Entry { path: "/orders", name: |t| t.orders, right: Right::OrdersView },
    Entry { path: "/scans", name: |t| t.scans, right: Right::ScansView },
    Entry { path: "/stations", name: |t| t.stations, right: Right::StationsView },
    Entry { path: "/imports", name: |t| t.imports, right: Right::OrdersImport },
    Entry { path: "/exports", name: |t| t.exports, right: Right::OrdersExport },
    Entry { path: "/audit", name: |t| t.audit, right: Right::AuditView },
    Entry { path: "/notify", name: |t| t.sending, right: Right::NotifyManage },
    Entry { path: "/health", name: |t| t.health, right: Right::HealthView },
    Entry { path: "/settings", name: |t| t.settings, right: Right::SettingsView },
    Entry { path: "/people", name: |t| t.people, right: Right::PeopleManage },
];

impl Shell {
    /// The words of the page.
    pub fn text(&self) -> &'static Text {
        self.language.text()
    }

    /// The main menu: path and name of each page that the visitor may open.
    pub fn menu(&self) -> Vec<(&'static str, &'static str)> {
        let open = MENU.iter().filter(|entry| self.may(entry.right));
        open.map(|entry| (entry.path, (entry.name)(self.text()))).collect()
    }

    /// Whether the visitor may do this: what they may not do is not shown to them.
    pub fn may(&self, right: Right) -> bool {
        self.rights.has(right)
    }

    /// The keys that work here: those that lead somewhere only where the menu does too.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        let menu = self.menu();
        KEYS.iter().filter(move |key| key.does != "go" || menu.iter().any(|(path, _)| *path == key.to))
    }

    /// What a key does, in this page's language.
    pub fn key_text(&self, key: &Key) -> &'static str {
        key.text(self.language)
    }

    /// What was looked for, on the page that says what was found.
    pub fn looked_for(&self) -> &str {
        &self.query
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
            inside: session.is_some_and(|session| session.stage == Stage::Done),
            actor: session.map(Session::actor),
            rights: session.map(|session| session.rights).unwrap_or_default(),
            csrf: session.map(|session| session.token.csrf()).unwrap_or_default(),
            path: parts.uri.path().to_owned(),
            query: looked_for(parts).unwrap_or_default(),
        }
    }
}

fn looked_for(parts: &Parts) -> Option<String> {
    let query = parts.uri.query().filter(|_| parts.uri.path() == "/search")?;
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "q").map(|(_, value)| value.chars().take(128).collect())
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
    let for_people = !is_for_program(&shell.path);
    if for_people { as_page(&shell, answer).await } else { answer }
}

/// An answer that was given before the request came to its handler, in the shape that its asker reads.
pub async fn answer(request: Request, answer: Response) -> Response {
    let (parts, _) = request.into_parts();
    if is_for_program(parts.uri.path()) { answer } else { as_page(&Shell::of(&parts), answer).await }
}

/// The refusal of a visitor who lacks this right, in their language.
pub fn lacks(headers: &HeaderMap, right: Right) -> Error {
    let language =
        CookieJar::from_headers(headers).get(LANGUAGE).map_or(Language::Zh, |tag| Language::parse(tag.value()));
    let message = match language {
        Language::Zh => format!("这里需要“{}”权限，你的角色没有。如有需要，请联系人员管理员。", right.zh()),
        Language::En => {
            format!(
                "This needs the right to “{}”, which your role does not have. Ask whoever manages people.",
                right.en()
            )
        }
    };
    Error::new(Kind::Forbidden, message)
}

async fn as_page(shell: &Shell, answer: Response) -> Response {
    let mut answer = if is_problem(&answer) { problem_page(shell, answer).await } else { answer };
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

/// The first page that the visitor may open.
pub async fn home(shell: Shell) -> Redirect {
    let first =
        if shell.may(Right::ScansView) { "/scans" } else { shell.menu().first().map_or("/account", |(path, _)| path) };
    Redirect::to(first)
}

/// The address under which the reader sees this hub: what others can be told, too.
pub fn own_address(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let scheme = text(header::HeaderName::from_static("x-forwarded-proto")).unwrap_or("http");
    format!("{scheme}://{}", text(header::HOST).unwrap_or("HUB"))
}

/// There is no such page.
pub async fn nowhere() -> Error {
    Error::not_found("there is no such page")
}
