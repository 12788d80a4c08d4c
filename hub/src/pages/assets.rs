//! Style, scripts and the icon, built into the program.

use crate::error::Error;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

const ASSETS: &[(&str, &str, &str)] = &[
    ("app.css", "text/css; charset=utf-8", include_str!("../../assets/app.css")),
    ("parts.css", "text/css; charset=utf-8", include_str!("../../assets/parts.css")),
    ("work.css", "text/css; charset=utf-8", include_str!("../../assets/work.css")),
    ("app.js", "text/javascript; charset=utf-8", include_str!("../../assets/app.js")),
    ("contact.js", "text/javascript; charset=utf-8", include_str!("../../assets/contact.js")),
    ("bell.js", "text/javascript; charset=utf-8", include_str!("../../assets/bell.js")),
    ("exports.js", "text/javascript; charset=utf-8", include_str!("../../assets/exports.js")),
    ("import.js", "text/javascript; charset=utf-8", include_str!("../../assets/import.js")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("../../assets/live.js")),
    ("orders.js", "text/javascript; charset=utf-8", include_str!("../../assets/orders.js")),
    ("scans.js", "text/javascript; charset=utf-8", include_str!("../../assets/scans.js")),
    ("sending.js", "text/javascript; charset=utf-8", include_str!("../../assets/sending.js")),
    ("stations.js", "text/javascript; charset=utf-8", include_str!("../../assets/stations.js")),
    ("icon.svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
];

/// One file. Browsers ask again each time whether it changed with the program.
pub async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, body)) => {
            let tag = format!("\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(body.as_bytes()));
            (
                [
                    (header::CONTENT_TYPE, (*kind).to_owned()),
                    (header::CACHE_CONTROL, "no-cache".to_owned()),
                    (header::ETAG, tag),
                ],
                *body,
            )
                .into_response()
        }
        None => Error::not_found("there is no such file").into_response(),
    }
}
