//! Imports over HTTP.

use super::actions;
use super::actions::upload::Upload;
use super::model::{ColumnsFound, FILE_MAX, Job, Options, Problem, Progress, Status};
use crate::accounts::model::Session;
use crate::actor::Actor;
use crate::app::App;
use crate::body;
use crate::error::{self, Error, Kind, Result};
use crate::orders::synonyms::Synonyms as _;
use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, FromRequest as _, Multipart, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::TryStreamExt as _;
use packline_protocol::facts::OrderStatus;
use packline_protocol::id::SiteId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Bytes that a form may have around its file.
const FORM_MAX: u64 = 64 * 1024;

/// What is asked for with a file.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct ImportQuery {
    /// The platform of orders that name none, for example `pos`.
    pub platform: Option<String>,
    /// The site of orders that name none.
    pub site: Option<String>,
    /// JSON: which column says what, for example `{"order_no": "单号"}`. An empty column ignores the field.
    pub mapping: Option<String>,
    /// The status of new orders when the file does not say it; `paid` without it.
    pub status: Option<String>,
    /// The file's name, for people.
    pub file_name: Option<String>,
}

impl ImportQuery {
    /// The same, checked.
    pub fn options(&self) -> Result<Options> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let site = given(&self.site).map(|site| SiteId::parse(&site));
        let mapping = given(&self.mapping).map(|mapping| serde_json::from_str(&mapping));
        let status = given(&self.status).map(|word| {
            OrderStatus::read(&word)
                .map(Status)
                .ok_or_else(|| Error::invalid(format!("status is `{word}`; give {}", OrderStatus::accepted())))
        });
        let options = Options {
            platform: given(&self.platform),
            site: site.transpose().map_err(|error| Error::invalid(error.to_string()))?,
            mapping: mapping
                .transpose()
                .map_err(|cause| Error::invalid(format!("mapping is not {{\"field\": \"column\"}}: {cause}")))?
                .unwrap_or_default(),
            status: status.transpose()?,
        };
        actions::check(&options)?;
        Ok(options)
    }
}

/// One import.
#[derive(Serialize, ToSchema)]
pub struct JobOut {
    /// Its number.
    pub id: i64,
    /// The file's name.
    pub file_name: String,
    /// `csv` or `json`, once it was looked into.
    pub format: Option<&'static str>,
    /// The platform of orders that name none.
    pub platform: Option<String>,
    /// The site of orders that name none.
    pub site: Option<String>,
    /// Which column says what, in a CSV file.
    pub columns: Option<ColumnsFound>,
    /// Who brought it.
    pub actor: String,
    /// `queued`, `running`, `done` or `failed`.
    pub status: &'static str,
    /// Why it could not be read to its end. What was read before was taken.
    pub failure: Option<String>,
    /// When it was brought, in milliseconds since 1970.
    pub created_at: i64,
    /// When reading began.
    pub started_at: Option<i64>,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// How far it is.
    pub progress: Progress,
}

impl From<Job> for JobOut {
    fn from(job: Job) -> JobOut {
        JobOut {
            id: job.id,
            file_name: job.file_name,
            format: job.format.map(super::model::Format::word),
            platform: job.options.platform,
            site: job.options.site.map(|site| site.to_string()),
            columns: job.columns,
            actor: job.actor,
            status: job.status.word(),
            failure: job.failure,
            created_at: job.created_at.0,
            started_at: job.started_at.map(|at| at.0),
            finished_at: job.finished_at.map(|at| at.0),
            progress: job.progress,
        }
    }
}

/// Import a file
///
/// Takes a CSV file (UTF-8 or GB18030; comma, semicolon or tab; names of columns in Chinese or English) or a JSON file
/// (one order, a list, or one order per line), as the body itself or as the field `file` of a form. It is read in the
/// background: ask for the import until its status is `done` or `failed`. The same file again changes nothing.
#[utoipa::path(post, path = "/api/v1/imports", tag = "imports", params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 202, body = JobOut), (status = 413, body = error::Problem), (status = 415, body = error::Problem),
        (status = 422, body = error::Problem)))]
pub async fn send(
    State(app): State<App>,
    Extension(session): Extension<Session>,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<(StatusCode, Json<JobOut>)> {
    body::refuse_encoded(request.headers())?;
    // The form around a file needs a little room of its own.
    body::refuse_longer(request.headers(), FILE_MAX + FORM_MAX)?;
    let actor = session.actor();
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let job = if content_type.is_some_and(|kind| kind.starts_with("multipart/form-data")) {
        let form = Multipart::from_request(request, &app).await.map_err(broken_form)?;
        receive_form(&app, form, query, &actor).await?
    } else {
        receive_body(&app, request.into_body(), &query, &actor).await?
    };
    Ok((StatusCode::ACCEPTED, Json(JobOut::from(job))))
}

async fn receive_body(app: &App, body: Body, query: &ImportQuery, actor: &Actor) -> Result<Job> {
    let options = query.options()?;
    let mut upload = Upload::begin(app)?;
    let mut bytes = body.into_data_stream();
    while let Some(piece) = bytes.try_next().await.map_err(cut_off)? {
        upload.push(&piece)?;
    }
    let file_name = query.file_name.as_deref().unwrap_or("upload");
    Ok(upload.finish(app, file_name, options, actor).await?)
}

/// Reads a form with a `file` and, before or after it, the same fields as the address may have.
pub async fn receive_form(app: &App, mut form: Multipart, mut query: ImportQuery, actor: &Actor) -> Result<Job> {
    let mut file: Option<Upload> = None;
    while let Some(mut field) = form.next_field().await.map_err(broken_form)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            query.file_name = field.file_name().map(str::to_owned).or(query.file_name);
            let mut upload = Upload::begin(app)?;
            while let Some(piece) = field.chunk().await.map_err(broken_form)? {
                upload.push(&piece)?;
            }
            file = Some(upload);
            continue;
        }
        let value = Some(field.text().await.map_err(broken_form)?);
        match name.as_str() {
            "platform" => query.platform = value,
            "site" => query.site = value,
            "mapping" => query.mapping = value,
            "status" => query.status = value,
            // Pages send a token that is checked elsewhere.
            _ => {}
        }
    }
    let upload = file.ok_or_else(|| Error::invalid("the form has no field `file`; choose a CSV or JSON file"))?;
    let options = query.options()?;
    let file_name = query.file_name.as_deref().unwrap_or("upload");
    Ok(upload.finish(app, file_name, options, actor).await?)
}

fn broken_form(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Malformed, "the form cannot be read; it may have been cut off").because(cause)
}

fn cut_off(cause: axum::Error) -> Error {
    Error::new(Kind::Malformed, "the upload was cut off; send it again").because(cause)
}

/// Which imports to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct JobsQuery {
    /// Imports before this one.
    before: Option<i64>,
}

/// Imports, newest first.
#[derive(Serialize, ToSchema)]
pub struct Jobs {
    /// At most 50.
    pub items: Vec<JobOut>,
}

/// List imports
#[utoipa::path(get, path = "/api/v1/imports", tag = "imports", params(JobsQuery), responses((status = 200, body = Jobs)))]
pub async fn list(State(app): State<App>, Query(query): Query<JobsQuery>) -> Result<Json<Jobs>> {
    let jobs = actions::list(&app, query.before, 50).await?;
    Ok(Json(Jobs { items: jobs.into_iter().map(JobOut::from).collect() }))
}

/// One import
///
/// How far it is, and what became of its orders.
#[utoipa::path(get, path = "/api/v1/imports/{id}", tag = "imports",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 200, body = JobOut), (status = 404, body = error::Problem)))]
pub async fn job(State(app): State<App>, Path(id): Path<i64>) -> Result<Json<JobOut>> {
    Ok(Json(JobOut::from(known(&app, id).await?)))
}

async fn known(app: &App, id: i64) -> Result<Job> {
    let job = actions::get(app, id).await?;
    job.ok_or_else(|| Error::not_found(format!("there is no import `{id}`")))
}

/// Which problems to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ProblemsQuery {
    /// `next` of the page before.
    after: Option<i64>,
}

/// What was wrong in a file, in its order.
#[derive(Serialize, ToSchema)]
pub struct Problems {
    /// At most 500.
    pub items: Vec<Problem>,
    /// Send it as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}

/// What was wrong in a file
///
/// Row by row: what was given and what is accepted. Orders that are not listed, or only with a note, were taken.
#[utoipa::path(get, path = "/api/v1/imports/{id}/errors", tag = "imports",
    params(("id" = i64, Path, description = "The import's number"), ProblemsQuery),
    responses((status = 200, body = Problems), (status = 404, body = error::Problem)))]
pub async fn errors(
    State(app): State<App>,
    Path(id): Path<i64>,
    Query(query): Query<ProblemsQuery>,
) -> Result<Json<Problems>> {
    known(&app, id).await?;
    let found = actions::problems(&app, id, query.after.unwrap_or(0), actions::PAGE_MAX).await?;
    let next = found.last().filter(|_| found.len() == actions::PAGE_MAX).map(|(place, _)| *place);
    Ok(Json(Problems { items: found.into_iter().map(|(_, problem)| problem).collect(), next }))
}

/// What was wrong in a file, as a file
///
/// The same list as CSV, for a spreadsheet.
#[utoipa::path(get, path = "/api/v1/imports/{id}/errors.csv", tag = "imports",
    params(("id" = i64, Path, description = "The import's number")),
    responses((status = 200, content_type = "text/csv", body = String), (status = 404, body = error::Problem)))]
pub async fn errors_csv(State(app): State<App>, Path(id): Path<i64>) -> Result<Response> {
    known(&app, id).await?;
    let text = actions::problems_csv(&app, id).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"import-{id}-errors.csv\"")),
    ];
    Ok((headers, text).into_response())
}
