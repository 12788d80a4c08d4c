//! Imports as pages: bring a file, watch it being read, see what was wrong in it.

use super::actions;
use super::actions::upload::Upload;
use super::api::ImportQuery;
use super::model::{Job, JobStatus, Problem};
use crate::accounts::model::Session;
use crate::app::App;
use crate::error::{Error, Kind, Result};
use crate::pages::mark::Mark;
use crate::pages::render;
use crate::pages::shell::Shell;
use crate::pages::text::Text;
use crate::pages::time::clock_time;
use askama::Template;
use axum::extract::multipart::Field;
use axum::extract::{Extension, Multipart, Path, Query, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

/// Imports on the page.
const JOBS_SHOWN: usize = 50;
/// Problems on one page.
const PROBLEMS_SHOWN: usize = 100;
/// The longest text in a field of the form, in bytes.
const FIELD_MAX: usize = 4 * 1024;

#[derive(Template)]
#[template(path = "imports.html")]
struct ImportsPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    jobs: Vec<JobLine>,
    problem: Option<String>,
    site: String,
}

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage<'a> {
    shell: &'a Shell,
    t: &'static Text,
    job: JobLine,
    errors: &'a [Problem],
    next: Option<String>,
}

struct JobLine {
    id: i64,
    file: String,
    at: String,
    state: Mark,
    running: bool,
    percent: u64,
    rows: u64,
    accepted: u64,
    unchanged: u64,
    failed: u64,
    problem: Option<String>,
}

/// The page with the newest imports and the form for another.
pub async fn list(State(app): State<App>, shell: Shell) -> Result<Html<String>> {
    answer(&app, &shell, None).await
}

async fn answer(app: &App, shell: &Shell, problem: Option<String>) -> Result<Html<String>> {
    let jobs = actions::list(app, None, JOBS_SHOWN).await?;
    let t = shell.text();
    let jobs = jobs.iter().map(|job| line(job, t)).collect();
    render(&ImportsPage { shell, t, jobs, problem, site: app.config.default_site.to_string() })
}

/// Takes a file from the form. What is wrong with the form is said on the page; what is wrong in the file, on its own.
pub async fn upload(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    shell: Shell,
    form: Multipart,
) -> Result<Response> {
    match take(&app, &session, &shell, form).await {
        Ok(job) => Ok(Redirect::to(&format!("/imports/{}", job.id)).into_response()),
        Err(error) if matches!(error.kind, Kind::Internal | Kind::Forbidden) => Err(error),
        Err(error) => {
            let status = error.kind.status();
            Ok((status, answer(&app, &shell, Some(error.message)).await?).into_response())
        }
    }
}

/// The form's token comes first, so that nothing of a foreign form is kept.
async fn take(app: &App, session: &Session, shell: &Shell, mut form: Multipart) -> Result<Job> {
    let (mut query, mut csrf, mut file) = (ImportQuery::default(), String::new(), None);
    while let Some(field) = form.next_field().await.map_err(malformed)? {
        match field.name() {
            Some("csrf") => csrf = text(field).await?,
            Some("site") => query.site = Some(text(field).await?),
            Some("platform") => query.platform = Some(text(field).await?),
            Some("file") => {
                shell.check_form(&csrf)?;
                file = Some(receive(app, field).await?);
            }
            _ => {}
        }
    }
    shell.check_form(&csrf)?;
    let (name, upload) = file.ok_or_else(|| Error::invalid("file is missing; choose a CSV or JSON file"))?;
    Ok(upload.finish(app, &name, query.options()?, &session.actor()).await?)
}

async fn receive(app: &App, mut field: Field<'_>) -> Result<(String, Upload)> {
    let name = field.file_name().unwrap_or_default().to_owned();
    let mut upload = Upload::begin(app)?;
    while let Some(bytes) = field.chunk().await.map_err(malformed)? {
        upload.push(&bytes)?;
    }
    Ok((name, upload))
}

async fn text(mut field: Field<'_>) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(more) = field.chunk().await.map_err(malformed)? {
        bytes.extend_from_slice(&more);
        if bytes.len() > FIELD_MAX {
            return Err(Error::invalid(format!("a field of the form is longer than {FIELD_MAX} bytes")));
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::invalid("a field of the form is not UTF-8"))
}

fn malformed(cause: axum::extract::multipart::MultipartError) -> Error {
    Error::new(Kind::Malformed, "the form did not come whole; send it again").because(cause)
}

/// Where a page of problems begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    after: i64,
}

/// One import and what was wrong in it.
pub async fn job(
    State(app): State<App>,
    shell: Shell,
    Path(id): Path<i64>,
    Query(after): Query<After>,
) -> Result<Html<String>> {
    let job = actions::get(&app, id).await?.ok_or_else(|| Error::not_found(format!("there is no import {id}")))?;
    let found = actions::problems(&app, id, after.after, PROBLEMS_SHOWN).await?;
    let last = found.last().filter(|_| found.len() == PROBLEMS_SHOWN).map(|(place, _)| *place);
    let errors: Vec<Problem> = found.into_iter().map(|(_, problem)| problem).collect();
    let t = shell.text();
    let next = last.map(|place| format!("/imports/{id}?after={place}"));
    render(&ImportPage { shell: &shell, t, job: line(&job, t), errors: &errors, next })
}

fn line(job: &Job, t: &Text) -> JobLine {
    let progress = job.progress;
    let state = match job.status {
        JobStatus::Queued | JobStatus::Running => Mark::new("plain", t.running),
        JobStatus::Done if progress.problems > 0 => Mark::new("warn", t.finished),
        JobStatus::Done => Mark::new("good", t.finished),
        JobStatus::Failed => Mark::new("bad", t.stopped),
    };
    JobLine {
        id: job.id,
        file: job.file_name.clone(),
        at: clock_time(job.created_at),
        state,
        running: matches!(job.status, JobStatus::Queued | JobStatus::Running),
        percent: (progress.bytes_read * 100).checked_div(progress.bytes_total).unwrap_or(0),
        rows: progress.rows,
        accepted: progress.created + progress.changed,
        unchanged: progress.unchanged,
        failed: progress.problems,
        problem: job.failure.clone(),
    }
}
