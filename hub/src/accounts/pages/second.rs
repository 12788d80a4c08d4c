//! The second step as pages: setting it up, entering a code at log-in, turning it off.

use super::{Words, problem_of, words};
use crate::accounts::actions::second;
use crate::accounts::decide::second::{address_of, base32};
use crate::accounts::model::{Session, Stage};
use crate::app::App;
use crate::error::{Error, Result};
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, Extension, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use qrcode::{Color, QrCode};
use serde::Deserialize;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// The quiet border around a picture, in modules.
const BORDER: usize = 4;

#[derive(Template)]
#[template(path = "second_code.html")]
struct CodePage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    a: &'static Words,
    problem: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "second.html")]
struct SecondPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    a: &'static Words,
    problem: Option<&'static str>,
    demanded: bool,
    setting: Option<Setting>,
    /// Shown once, right after it was turned on.
    recovery: Vec<String>,
}

/// What an app needs to know.
struct Setting {
    key: String,
    size: usize,
    path: String,
}

/// What a form with a code sends.
#[derive(Deserialize)]
pub struct CodeForm {
    csrf: String,
    code: String,
}

/// Asks for the code of a log-in.
pub async fn ask(Extension(session): Extension<Session>, shell: Shell) -> Result<Response> {
    if session.stage != Stage::Code {
        return Ok(Redirect::to("/").into_response());
    }
    Ok(render(&CodePage { shell: &shell, t: shell.text(), a: words(&shell), problem: None })?.into_response())
}

/// Takes the code of a log-in.
pub async fn enter(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Form(form): Form<CodeForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    match second::enter(&app, &session, &from.ip().to_string(), &form.code).await {
        Ok(()) => Ok(Redirect::to("/").into_response()),
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            let page = CodePage { shell: &shell, t: shell.text(), a: words(&shell), problem: Some(problem) };
            Ok((status, render(&page)?).into_response())
        }
    }
}

/// The secret that waits to be confirmed, as a picture and as text.
pub async fn page(State(app): State<App>, Extension(session): Extension<Session>, shell: Shell) -> Result<Response> {
    if second::is_on(&app, &session.user).await? {
        return Ok(Redirect::to("/account").into_response());
    }
    setting_page(&app, &session, &shell, None).await
}

/// Takes the first code, which turns the second step on.
pub async fn confirm(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Form(form): Form<CodeForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    match second::confirm(&app, &session, &from.ip().to_string(), &form.code).await {
        Ok(recovery) => Ok(render(&SecondPage { recovery, ..plain(&shell, &session) })?.into_response()),
        Err(_) if second::is_on(&app, &session.user).await? => Ok(Redirect::to("/account").into_response()),
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            Ok((status, setting_page(&app, &session, &shell, Some(problem)).await?).into_response())
        }
    }
}

/// Turns the second step off.
pub async fn remove(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Form(form): Form<CodeForm>,
) -> Result<Response> {
    shell.check_form(&form.csrf)?;
    match second::remove(&app, &session, &from.ip().to_string(), &form.code).await {
        Ok(()) => Ok(Redirect::to("/account").into_response()),
        Err(error) => {
            let (status, problem) = problem_of(error, shell.language)?;
            let page = SecondPage { problem: Some(problem), ..plain(&shell, &session) };
            Ok((status, render(&page)?).into_response())
        }
    }
}

async fn setting_page(app: &App, session: &Session, shell: &Shell, problem: Option<&'static str>) -> Result<Response> {
    let secret = second::prepare(app, session).await?;
    let setting = Some(setting(&secret, session.user.as_str())?);
    Ok(render(&SecondPage { problem, setting, ..plain(shell, session) })?.into_response())
}

fn plain<'a>(shell: &'a Shell, session: &Session) -> SecondPage<'a> {
    let demanded = session.stage == Stage::AddSecond;
    let (t, a) = (shell.text(), words(shell));
    SecondPage { shell, t, a, problem: None, demanded, setting: None, recovery: Vec::new() }
}

fn setting(secret: &[u8], user: &str) -> Result<Setting> {
    let code = QrCode::new(address_of(secret, user))
        .map_err(|cause| Error::internal("failed to draw a QR code", cause.to_string()))?;
    let key = base32(secret);
    let groups: Vec<&str> =
        (0..key.len()).step_by(4).filter_map(|start| key.get(start..(start + 4).min(key.len()))).collect();
    Ok(Setting { key: groups.join(" "), size: code.width() + 2 * BORDER, path: path_of(&code) })
}

/// The dark modules as one path, row by row.
fn path_of(code: &QrCode) -> String {
    let (width, colors) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (place, _) in colors.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        let _ = write!(path, "M{} {}h1v1h-1z", place % width + BORDER, place / width + BORDER);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_has_a_dark_corner_inside_its_border_and_fits_the_longest_name() {
        let drawn = setting(&[7; 20], &"n".repeat(64)).unwrap();
        assert!(drawn.path.starts_with("M4 4h1v1h-1zM5 4"), "{}", drawn.path);
        assert_eq!(drawn.key.len(), 32 + 7);
        assert!((29..=80).contains(&drawn.size), "{}", drawn.size);
    }
}
