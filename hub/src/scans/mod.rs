//! What stations saw and said: each record kept once, and what does not fit together found.

pub mod actions;
pub mod api;
mod decide;
pub mod model;
mod news;
pub mod pages;
mod store;

pub use decide::Hinted;
pub(crate) use store::{ROWS, STATEMENTS};

#[cfg(test)]
mod tests;
