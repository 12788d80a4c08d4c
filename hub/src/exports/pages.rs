//! Exports as pages: ask for one from the list, watch it, take the file.

use super::actions;
use super::model::{Format, Job, Status};
use super::text;
use crate::accounts::model::Session;
use crate::accounts::rights::Right;
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::pages::form::PlainForm;
use crate::pages::mark::Mark;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use crate::pages::time::clock_time;
use askama::Template;
use axum::Form;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::header;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use futures::TryStreamExt as _;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;

#[derive(Template)]
#[template(path = "exports.html")]
struct ExportsPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    x: &'static text::Text,
    jobs: Vec<Line>,
    running: bool,
}

#[derive(Template)]
#[template(path = "export_rows.html")]
struct RowsPart<'a> {
    shell: &'a Shell,
    t: &'static Text,
    x: &'static text::Text,
    jobs: Vec<Line>,
}

struct Line {
    id: i64,
    format: &'static str,
    at: String,
    query: String,
    state: Mark,
    rows: u64,
    expected: u64,
    open: bool,
    ready: bool,
    failure: Option<String>,
}

/// The exports of whoever looks.
pub async fn list(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
) -> Result<Html<String>> {
    let (x, jobs) = lines(&app, &session, &shell).await?;
    let running = jobs.iter().any(|job| job.open);
    render(&ExportsPage { shell: &shell, t: shell.text(), x, jobs, running })
}

/// Only the rows, for the page to draw again.
pub async fn rows(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
) -> Result<Html<String>> {
    let (x, jobs) = lines(&app, &session, &shell).await?;
    render(&RowsPart { shell: &shell, t: shell.text(), x, jobs })
}

async fn lines(app: &App, session: &Session, shell: &Shell) -> Result<(&'static text::Text, Vec<Line>)> {
    let x = text::Text::of(shell.language);
    let jobs = actions::list(app, &session.actor()).await?;
    Ok((x, jobs.into_iter().map(|job| line(job, x)).collect()))
}

fn line(job: Job, x: &'static text::Text) -> Line {
    let (tone, word) = match job.status {
        Status::Queued => ("plain", x.queued),
        Status::Running => ("warn", x.running),
        Status::Done => ("good", x.done),
        Status::Failed => ("bad", x.failed),
        Status::Cancelled => ("plain", x.cancelled),
        Status::Expired => ("plain", x.expired),
    };
    Line {
        id: job.id,
        format: job.format.word(),
        at: clock_time(job.created_at),
        query: job.query,
        state: Mark::new(tone, word),
        rows: job.rows,
        expected: job.expected.max(job.rows).max(1),
        open: job.status.is_open(),
        ready: job.status == Status::Done,
        failure: job.failure,
    }
}

/// What the list of orders sends.
#[derive(Deserialize)]
pub struct ExportForm {
    csrf: String,
    format: String,
    #[serde(default)]
    query: String,
}

/// Asks for a file.
pub async fn ask(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Form(form): Form<ExportForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    let accepted = || Error::invalid(format!("format is `{}`; give csv or xlsx", form.format));
    let format = Format::parse(&form.format).ok_or_else(accepted)?;
    let (language, with_money) = (shell.language.tag(), session.may(Right::MoneyView));
    actions::ask(&app, &session.actor(), format, language, &form.query, with_money).await?;
    Ok(Redirect::to("/exports"))
}

/// Stops an export.
pub async fn cancel(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
    Form(form): Form<PlainForm>,
) -> Result<Redirect> {
    shell.check_form(&form.csrf)?;
    actions::cancel(&app, id, &session.actor()).await?;
    Ok(Redirect::to("/exports"))
}

/// The file, a little at a time.
pub async fn file(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    Path(id): Path<i64>,
) -> Result<Response> {
    let gone = || Error::new(Kind::Gone, text::Text::of(shell.language).gone);
    let job = actions::get(&app, id, &session.actor()).await?;
    let job = job.ok_or_else(|| Error::not_found(format!("there is no export {id} of yours")))?;
    // Money that a role has lost since is not handed out any more.
    let may = job.status == Status::Done && (!job.with_money || session.may(Right::MoneyView));
    if !may {
        return Err(gone());
    }
    let file = tokio::fs::File::open(actions::path_of(&app.config.data, &job)).await.map_err(|_| gone())?;
    let name = format!("orders-{id}.{}", job.format.word());
    let headers = [
        (header::CONTENT_TYPE, job.format.media_type().to_owned()),
        (header::CONTENT_LENGTH, job.bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    let chunks = futures::stream::try_unfold(file, |mut file| async {
        let mut chunk = vec![0; CHUNK];
        let length = file.read(&mut chunk).await?;
        chunk.truncate(length);
        Ok::<_, std::io::Error>((length > 0).then_some((bytes::Bytes::from(chunk), file)))
    });
    Ok((headers, Body::from_stream(chunks.into_stream())).into_response())
}

/// Bytes of a file that are in memory at once.
const CHUNK: usize = 64 * 1024;
