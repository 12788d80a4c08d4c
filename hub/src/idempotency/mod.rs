//! Requests that come with an `Idempotency-Key`: the same key gets the same answer for a day, and the work is done once.
//!
//! The answer is kept sealed, since some hold a token that is shown once. What failed on the hub's side is not kept: it
//! may be tried again with the same key.

mod actions;
pub mod api;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use store::STATEMENTS;

pub use actions::forget_old;
