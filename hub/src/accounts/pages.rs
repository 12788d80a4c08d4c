//! Log-in, log-out, password and preferences as pages.

use super::actions;
use super::api::COOKIE;
use super::model::{Password, Session};
use crate::app::App;
use crate::error::{Kind, Result};
use crate::pages::render;
use crate::pages::shell::{LANGUAGE, Shell, THEME, cookie};
use crate::pages::text::Text;
use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
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
    problem: Option<String>,
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
    let first = actions::is_first(&app);
    let page = LoginPage { shell: &shell, t: shell.text(), problem: None, first, next: local(&next.next), user: "" };
    Ok(render(&page)?.into_response())
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
    let password = Password::new(form.password);
    match actions::log_in(&app, &form.user, &password, &from.ip().to_string()).await {
        Ok(token) => {
            let cookies = cookies.add(cookie(COOKIE, token.reveal(), is_https(&headers)));
            Ok((cookies, Redirect::to(local(&form.next))).into_response())
        }
        Err(error) if matches!(error.kind, Kind::Unauthenticated | Kind::TooMany | Kind::Invalid) => {
            let t = shell.text();
            let problem = if error.kind == Kind::TooMany { t.too_many_tries } else { t.wrong_password };
            let page = LoginPage {
                shell: &shell,
                t,
                problem: Some(problem.to_owned()),
                first: actions::is_first(&app),
                next: local(&form.next),
                user: &form.user,
            };
            Ok((error.kind.status(), render(&page)?).into_response())
        }
        Err(error) => Err(error),
    }
}

/// What every form carries at least.
#[derive(Deserialize)]
pub struct PlainForm {
    csrf: String,
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
    Ok((cookies.remove(Cookie::build(COOKIE).path("/")), Redirect::to("/login")).into_response())
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    problem: Option<String>,
    changed: bool,
}

/// The password page.
pub async fn account(shell: Shell) -> Result<Response> {
    let page = AccountPage { shell: &shell, t: shell.text(), problem: None, changed: false };
    Ok(render(&page)?.into_response())
}

/// What the password page sends.
#[derive(Deserialize)]
pub struct PasswordForm {
    csrf: String,
    password: String,
    new_password: String,
    repeat: String,
}

/// Takes a new password.
pub async fn change_password(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Form(form): Form<PasswordForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    let t = shell.text();
    let problem = if form.new_password == form.repeat {
        let (old, new) = (Password::new(form.password), Password::new(form.new_password));
        match actions::change_password(&app, &session, &old, &new).await {
            Ok(()) => None,
            Err(error) => Some(match error.kind {
                Kind::Unauthenticated => t.wrong_password,
                Kind::TooMany => t.too_many_tries,
                Kind::Invalid => t.password_rules,
                _ => return Err(error),
            }),
        }
    } else {
        Some(t.passwords_differ)
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = AccountPage { shell: &shell, t, problem: problem.map(str::to_owned), changed: problem.is_none() };
    Ok((status, render(&page)?).into_response())
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
