//! Who did what, when, and how it was before and after.
//!
//! Everything that a person or a program with a token changes is written down here in the same transaction as the
//! change: [`actions::record`]. Entries form a chain of hashes, each also sealed with a key that is not in the database,
//! so that whoever can write the database, and nothing else, cannot rewrite what happened without being found out.
//! This domain does not decide what is worth an entry, and it holds no personal data in clear: that is up to whoever
//! records.

pub mod actions;
pub mod api;
mod chain;
pub mod cli;
pub mod jobs;
pub mod model;
pub mod pages;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub(crate) use store::{ROWS, STATEMENTS};
