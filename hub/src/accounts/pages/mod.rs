//! Log-in, log-out and preferences as pages; the others are in the files beside.

pub mod account;
pub mod invite;
pub mod people;
pub mod roles;
pub mod second;
pub mod setup;
pub mod tokens;

use super::actions::{self, Attempt, Device};
use super::api::COOKIE;
use super::model::{AccountError, Password, Session, SessionToken};
use super::text::{self, Text as Words};
use crate::app::App;
use crate::error::{Error, Result};
use crate::pages::form::PlainForm;
use crate::pages::render;
use crate::pages::shell::{LANGUAGE, Shell, THEME, cookie};
use crate::pages::text::{Language, Text};
use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Extension, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;
use serde::Deserialize;
use std::net::SocketAddr;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    a: &'static Words,
    problem: Option<&'static str>,
    first: bool,
    next: &'a str,
    user: &'a str,
}

/// Where to go after the log-in.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// The log-in page.
pub async fn login(State(app): State<App>, shell: Shell, Query(next): Query<Next>) -> Result<Response> {
    if shell.user.is_some() {
        return Ok(Redirect::to("/").into_response());
    }
    login_page(&app, &shell, None, &next.next, "")
}

fn login_page(app: &App, shell: &Shell, problem: Option<&'static str>, next: &str, user: &str) -> Result<Response> {
    let (t, a, first) = (shell.text(), words(shell), actions::is_first(app));
    Ok(render(&LoginPage { shell, t, a, problem, first, next: local(next), user })?.into_response())
}

/// What the log-in page sends.
#[derive(Deserialize)]
pub struct LoginForm {
    user: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// Takes the log-in.
pub async fn log_in(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    shell: Shell,
    headers: HeaderMap,
    cookies: CookieJar,
    Form(form): Form<LoginForm>,
) -> Result<Response> {
    let attempt = Attempt {
        name: form.user.trim(),
        password: &Password::new(form.password),
        code: None,
        address: &from.ip().to_string(),
        device: Device::Browser(agent_of(&headers)),
    };
    match actions::log_in(&app, attempt).await {
        // What is left of the log-in is asked by the gate, wherever the visitor goes.
        Ok(token) => Ok((with_session(cookies, &token, &headers), Redirect::to(local(&form.next))).into_response()),
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            let page = login_page(&app, &shell, Some(problem), &form.next, &form.user)?;
            Ok((status, page).into_response())
        }
    }
}

/// The cookies with a session's.
fn with_session(cookies: CookieJar, token: &SessionToken, headers: &HeaderMap) -> CookieJar {
    cookies.add(cookie(COOKIE, token.reveal(), is_https(headers)))
}

/// What the visitor's browser calls itself.
fn agent_of(headers: &HeaderMap) -> String {
    headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default().to_owned()
}

/// The words of these pages.
fn words(shell: &Shell) -> &'static Words {
    text::of(shell.language)
}

/// What a page says about a refusal, in the reader's language; a fault of the hub stays one.
fn problem_of(error: Error, language: Language) -> Result<(StatusCode, &'static str)> {
    let source = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<AccountError>());
    let Some(source) = source else { return Err(error) };
    let a = text::of(language);
    let problem = match source {
        AccountError::Name => a.name_bad,
        AccountError::Rules(_) => a.password_rules,
        AccountError::Wrong => a.wrong_password,
        AccountError::TooMany { .. } => a.too_many_tries,
        AccountError::Taken { .. } | AccountError::RoleTaken { .. } | AccountError::TokenTaken { .. } => a.taken,
        AccountError::Above { .. } | AccountError::NotYours { .. } => a.not_yours,
        AccountError::Yourself => a.yourself,
        AccountError::LastKeeper => a.last_keeper,
        AccountError::RoleInUse { .. } => a.role_in_use,
        AccountError::Code | AccountError::CodeMissing => a.wrong_code,
        AccountError::NoInvitation => a.invitation_over,
        AccountError::Nobody { .. } | AccountError::NoRole { .. } | AccountError::NoToken { .. } => a.no_such,
        AccountError::RoleName
        | AccountError::RoleTitle
        | AccountError::TokenName
        | AccountError::TokenDays { .. }
        | AccountError::NoRight { .. }
        | AccountError::NoRights
        | AccountError::NotByToken => a.not_acceptable,
    };
    Ok((error.kind.status(), problem))
}

/// The fields of a form that may have several of one name.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(body: &[u8]) -> Fields {
        Fields(url::form_urlencoded::parse(body).into_owned().collect())
    }

    fn one(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }
}

/// Ends the session.
pub async fn log_out(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    cookies: CookieJar,
    Form(form): Form<PlainForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    actions::log_out(&app, &session).await?;
    Ok((without_session(cookies), Redirect::to("/login")).into_response())
}

fn without_session(cookies: CookieJar) -> CookieJar {
    cookies.remove(Cookie::build(COOKIE).path("/"))
}

/// A language or a ground, and where to go back to.
#[derive(Deserialize)]
pub struct PreferencesForm {
    #[serde(default)]
    back: String,
    language: Option<String>,
    theme: Option<String>,
}

/// Takes a preference. Open to everybody: it changes nothing but the visitor's own cookies.
pub async fn preferences(headers: HeaderMap, mut cookies: CookieJar, Form(form): Form<PreferencesForm>) -> Response {
    let secure = is_https(&headers);
    if let Some(language) = form.language.filter(|language| matches!(language.as_str(), "zh" | "en")) {
        cookies = cookies.add(cookie(LANGUAGE, language, secure));
    }
    if let Some(theme) = form.theme.filter(|theme| matches!(theme.as_str(), "dark" | "light")) {
        cookies = cookies.add(cookie(THEME, theme, secure));
    }
    (cookies, Redirect::to(local(&form.back))).into_response()
}

/// A path on this hub, or the first page: a form must not lead elsewhere.
fn local(path: &str) -> &str {
    let safe = |b: u8| b.is_ascii_graphic() && b != b'\\';
    if path.starts_with('/') && !path.starts_with("//") && path.bytes().all(safe) { path } else { "/" }
}

/// Whether a proxy in front of the hub speaks HTTPS with the browser.
fn is_https(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_nowhere_but_to_this_hub() {
        for (path, expected) in [
            ("/orders/5?x=1", "/orders/5?x=1"),
            ("", "/"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\r\nset-cookie: x", "/"),
        ] {
            assert_eq!(local(path), expected);
        }
    }
}
