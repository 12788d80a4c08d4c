//! What is shown, as JSON, and what people do.

use super::Page;
use super::problem::Problem;
use crate::clock;
use crate::panel::{PictureShown, StatusShown};
use crate::scan::source::EntryError;
use crate::station::Language;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// A code that a person typed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scan {
    code: String,
}

/// An answer that a person has seen: by its number in this daemon's life, or by the number of its record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    number: Option<u64>,
    seq: Option<u64>,
}

/// The language that a person reads.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choose {
    language: Language,
}

type Body = Result<Bytes, BytesRejection>;

pub(super) async fn view(State(page): State<Page>) -> Response {
    let view = page.desk.pictures().borrow().clone();
    Json(PictureShown::new(&view, clock::moment())).into_response()
}

pub(super) async fn status(State(page): State<Page>) -> Response {
    let view = page.desk.pictures().borrow().clone();
    Json(StatusShown::new(&view, clock::moment())).into_response()
}

pub(super) async fn scan(State(page): State<Page>, body: Body) -> Result<Response, Problem> {
    let Scan { code } = read(body, r#"{"code": "SF1234567890123"}"#)?;
    page.desk.enter(&code).map_err(refused)?;
    Ok(accepted())
}

pub(super) async fn acknowledge(State(page): State<Page>, body: Body) -> Result<Response, Problem> {
    let wanted: Acknowledge = read(body, r#"{"number": 7} or {"seq": 4711}"#)?;
    let number = named(&page, &wanted)?;
    page.desk.acknowledge(number).map_err(|_| Problem::stopping())?;
    Ok(accepted())
}

pub(super) async fn language(State(page): State<Page>, body: Body) -> Result<Response, Problem> {
    let Choose { language } = read(body, r#"{"language": "zh"} or {"language": "en"}"#)?;
    page.desk.choose_language(language).map_err(|_| Problem::stopping())?;
    Ok(accepted())
}

/// The station has it in its queue; what comes of it is in a later picture.
fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "accepted": true }))).into_response()
}

fn read<T: DeserializeOwned>(body: Body, example: &str) -> Result<T, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::too_large(format!("the body is longer than {} bytes", super::BODY_BYTES_MAX))
        }
        _ => Problem::malformed(format!("the body could not be read; give {example}")),
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        // Serde's sentence may repeat what was sent; the place is enough.
        let (line, column) = (error.line(), error.column());
        Problem::malformed(format!("the body is not accepted at line {line}, column {column}; give {example}"))
    })
}

fn refused(error: EntryError) -> Problem {
    match error {
        EntryError::Empty => Problem::invalid("empty", error.to_string()),
        EntryError::TooLong { .. } => Problem::invalid("too_long", error.to_string()),
        EntryError::Control { .. } => Problem::invalid("control", error.to_string()),
        EntryError::Closed => Problem::stopping(),
    }
}

/// The answer's number; a record's number is looked for among the last answers.
fn named(page: &Page, wanted: &Acknowledge) -> Result<u64, Problem> {
    let view = page.desk.pictures().borrow().clone();
    let found = match (wanted.number, wanted.seq) {
        (Some(number), None) => view.recent.iter().find(|answer| answer.number == number),
        (None, Some(seq)) => view.recent.iter().find(|answer| answer.seq.is_some_and(|own| own.0 == seq)),
        _ => return Err(Problem::malformed(r#"name one answer; give {"number": 7} or {"seq": 4711}"#)),
    };
    let number = found.map(|answer| answer.number);
    number.ok_or_else(|| Problem::not_found("there is no such answer; give one of `recent` in /api/view"))
}
