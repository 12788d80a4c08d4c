//! Every refusal of the API in one form, also those that a handler never sees: a query that cannot be read, a body of
//! another kind, an address with a character that no text holds.

use crate::accounts::api::gate::is_for_program;
use crate::error::{Error, Kind};
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// The longest text of a refusal that is passed on, in bytes.
const TEXT_MAX: usize = 4 * 1024;
/// And in characters.
const SAID_MAX: usize = 400;

/// Turns refusals in plain text into problems.
pub async fn problems(request: Request, next: Next) -> Response {
    if !is_for_program(request.uri().path()) {
        return next.run(request).await;
    }
    if holds_zero(request.uri().path()) || request.uri().query().is_some_and(holds_zero) {
        return Error::new(Kind::Malformed, "the address holds a zero character; leave it out").into_response();
    }
    let answer = next.run(request).await;
    let is_refusal = answer.status().is_client_error() && !is_problem(&answer);
    if is_refusal { problem(answer).await } else { answer }
}

/// A zero character, which the database's texts cannot hold.
fn holds_zero(text: &str) -> bool {
    text.contains("%00")
}

fn is_problem(answer: &Response) -> bool {
    answer.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/problem+json")
}

async fn problem(answer: Response) -> Response {
    let kind = match answer.status() {
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Kind::WrongMethod,
        StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::Unsupported,
        StatusCode::UNPROCESSABLE_ENTITY => Kind::Invalid,
        StatusCode::TOO_MANY_REQUESTS => Kind::TooMany,
        _ => Kind::Malformed,
    };
    let said = to_bytes(answer.into_body(), TEXT_MAX).await.unwrap_or_default();
    let said: String = String::from_utf8_lossy(&said).chars().filter(|c| !c.is_control()).take(SAID_MAX).collect();
    let said = if said.is_empty() { "the request cannot be read".to_owned() } else { said };
    Error::new(kind, said).into_response()
}
