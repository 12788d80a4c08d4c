//! What all pages share: the frame around them, their words, how they say times and states.
//!
//! The pages themselves are in their domains' `pages.rs`.

pub mod assets;
pub mod events;
pub mod fields;
pub mod form;
pub mod keys;
pub mod mark;
pub mod shell;
#[cfg(test)]
mod tests;
pub mod text;
pub mod time;

use crate::error::{Error, Kind, Result};
use askama::Template;
use axum::response::Html;

/// A page as HTML.
pub fn render(page: &impl Template) -> Result<Html<String>> {
    page.render().map(Html).map_err(|cause| Error::new(Kind::Internal, "failed to render the page").because(cause))
}
