//! Bodies of requests that carry orders: what is refused before anybody reads them, and in which words.

use crate::error::{Error, Kind, Result};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};

/// The largest body of a request that is not an upload, in bytes.
pub const BODY_MAX: usize = 2 * 1024 * 1024;

/// The kind of content without its parameters, in small letters: `text/csv`.
pub fn kind_of(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Refuses a body that was packed on its way: what would come out of it could be of any size.
pub fn refuse_encoded(headers: &HeaderMap) -> Result<()> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let names = encodings.map(|name| name.to_str().unwrap_or("?").trim());
    match names.into_iter().find(|name| !name.eq_ignore_ascii_case("identity")) {
        Some(name) => {
            let name: String = name.chars().take(32).collect();
            let message = format!("the body is encoded as `{name}`; send it as it is, without Content-Encoding");
            Err(Error::new(Kind::Unsupported, message))
        }
        None => Ok(()),
    }
}

/// Refuses a body that says of itself that it is longer than `max` bytes.
pub fn refuse_longer(headers: &HeaderMap, max: u64) -> Result<()> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length.filter(|length| *length > max) {
        Some(length) => Err(too_large(format!("the body has {length} bytes; send at most {max}"))),
        None => Ok(()),
    }
}

/// A body that came whole.
pub fn whole(body: Result<Bytes, BytesRejection>, max: usize) -> Result<Bytes> {
    body.map_err(|cause| match cause.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(format!("the body has more than {max} bytes; send less at once")),
        _ => Error::new(Kind::Malformed, "the body was cut off; send it again").because(cause),
    })
}

fn too_large(message: String) -> Error {
    Error::new(Kind::TooLarge, message)
}
