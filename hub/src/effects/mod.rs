//! What the hub wants done outside: a keyed row in the transaction that wants it, kept until it was done.
//!
//! [`want`] is called inside the transaction of the change; the key makes wanting the same thing twice impossible.
//! [`claim`] hands a row to one worker for a lease, [`record`] says what came of it. Between the two lies the world
//! outside, so that everything outside may happen twice and never not at all: a receiver tells repeats by
//! [`model::EffectId`], which follows from the key alone. Rows of one subject go out one after the other, in the order
//! in which their transactions committed.
//!
//! How a thing is done outside is in [`crate::outbound`]; nothing here knows robots, mail or webhooks.

pub mod actions;
mod decide;
pub mod jobs;
pub mod model;
pub mod pages;
mod queue;
#[cfg(test)]
mod tests;

pub use actions::{claim, record, want};
pub(crate) use queue::STATEMENTS;
