//! The page itself, built into the program, and the stamp by which a page knows whose it is.

use super::problem::Problem;
use axum::extract::Path;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use std::sync::LazyLock;

const PAGE: &str = include_str!("../../../assets/bench.html");
/// Stands in the page where the stamp goes.
const STAMP_MARK: &str = "{stamp}";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Name, media type and content.
const ASSETS: &[(&str, &str, &str)] = &[
    ("answer.css", STYLE, include_str!("../../../assets/answer.css")),
    ("bench.css", STYLE, include_str!("../../../assets/bench.css")),
    ("bench.js", SCRIPT, include_str!("../../../assets/bench.js")),
    ("draw.js", SCRIPT, include_str!("../../../assets/draw.js")),
    ("icon.svg", IMAGE, include_str!("../../../assets/icon.svg")),
    ("keys.js", SCRIPT, include_str!("../../../assets/keys.js")),
    ("screens.css", STYLE, include_str!("../../../assets/screens.css")),
    ("sound.js", SCRIPT, include_str!("../../../assets/sound.js")),
    ("stream.js", SCRIPT, include_str!("../../../assets/stream.js")),
    ("words.js", SCRIPT, include_str!("../../../assets/words.js")),
];

/// A fingerprint of the page and everything it loads: 16 hexadecimal digits.
pub fn stamp() -> &'static str {
    static STAMP: LazyLock<String> = LazyLock::new(|| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(PAGE.as_bytes());
        ASSETS.iter().for_each(|(name, _, content)| {
            hasher.update(name.as_bytes()).update(content.as_bytes());
        });
        hasher.finalize().to_hex()[..16].to_owned()
    });
    &STAMP
}

pub(super) async fn page() -> Html<String> {
    Html(PAGE.replace(STAMP_MARK, stamp()))
}

pub(super) async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        Some((_, media, content)) => ([(header::CONTENT_TYPE, *media)], *content).into_response(),
        None => {
            let known: Vec<&str> = ASSETS.iter().map(|(known, ..)| *known).collect();
            Problem::not_found(format!("there is no such file; give one of {}", known.join(", "))).into_response()
        }
    }
}
