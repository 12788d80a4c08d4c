//! Carries effects out: takes what is due, talks to those outside, records what came of it.
//!
//! [`worker`] is the only part that runs; the rest says how one kind of thing is done. What is wanted, when it is tried
//! again and when it is given up is decided in [`crate::effects`]. Nothing is sent from anywhere else.

pub mod client;
pub mod guard;
pub mod message;
pub mod signing;
#[cfg(test)]
mod tests;
pub mod text;
pub mod worker;
