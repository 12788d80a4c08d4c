//! One error for everything that can go wrong towards a caller, and the only place that chooses status codes.
//!
//! Domains have their own error enums and turn them into this one. What a caller sees never contains the cause of an
//! internal error; that goes to the log, once.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::error::Error as StdError;
use std::fmt;

/// What kind of refusal or failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be read.
    Malformed,
    /// Nobody is logged in.
    Unauthenticated,
    /// Whoever is logged in may not.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// It is there, and does not take this method.
    WrongMethod,
    /// It does not go together with what is there.
    Conflict,
    /// It was there once and is not any more.
    Gone,
    /// The request is larger than what is taken.
    TooLarge,
    /// The kind of content is not one that is taken.
    Unsupported,
    /// The request can be read, and a value in it is not acceptable.
    Invalid,
    /// Too many requests from there.
    TooMany,
    /// Not now; worth trying again.
    Unavailable,
    /// A fault of the hub.
    Internal,
}

impl Kind {
    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Kind::Malformed => StatusCode::BAD_REQUEST,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Gone => StatusCode::GONE,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable word that programs compare with.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Malformed => "malformed",
            Kind::Unauthenticated => "unauthenticated",
            Kind::Forbidden => "forbidden",
            Kind::NotFound => "not_found",
            Kind::WrongMethod => "wrong_method",
            Kind::Conflict => "conflict",
            Kind::Gone => "gone",
            Kind::TooLarge => "too_large",
            Kind::Unsupported => "unsupported",
            Kind::Invalid => "invalid",
            Kind::TooMany => "too_many",
            Kind::Unavailable => "unavailable",
            Kind::Internal => "internal",
        }
    }
}

/// What went wrong, for whoever asked.
#[derive(Debug)]
pub struct Error {
    /// What kind.
    pub kind: Kind,
    /// What was attempted and on what, for people; nothing secret or personal.
    pub message: String,
    /// Each value that is not acceptable, when the request has several.
    pub details: Vec<Detail>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// What most functions of the hub return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without a cause.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), details: Vec::new(), cause: None }
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Error {
        Error::new(Kind::NotFound, message)
    }

    /// A value is not acceptable; say which, and what is.
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(Kind::Invalid, message)
    }

    /// A fault of the hub; the cause is logged and never shown.
    pub fn internal(message: impl Into<String>, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::new(Kind::Internal, message).because(cause)
    }

    /// This error with each value that is not acceptable.
    pub fn with(mut self, details: impl IntoIterator<Item = Detail>) -> Error {
        self.details.extend(details);
        self
    }

    /// This error with what caused it.
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.cause = Some(cause.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

/// One value of a request that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Detail {
    /// Where it stands, for example `orders[3].lines[0].quantity`.
    pub field: String,
    /// What was given, cut short.
    pub given: String,
    /// What is accepted.
    pub accepted: String,
}

/// The body of every error answer: RFC 9457, `application/problem+json`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says the kind.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong, for people.
    pub detail: String,
    /// The kind of error as a stable word, for programs.
    pub code: &'static str,
    /// Each value that is not acceptable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Detail>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.kind == Kind::Internal {
            tracing::error!(error = %chain(&self), "Failed to answer a request");
        }
        let status = self.kind.status();
        let problem = Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.message,
            code: self.kind.code(),
            errors: self.details,
        };
        let mut response = (status, Json(problem)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// An error and all its causes on one line.
pub fn chain(error: &dyn StdError) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_names_each_cause_once_and_the_answer_hides_it() {
        let error = Error::internal("failed to list orders", std::io::Error::other("disk gone"));
        assert_eq!(chain(&error), "failed to list orders: disk gone");
        assert_eq!(error.to_string(), "failed to list orders");
        let response = error.into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
