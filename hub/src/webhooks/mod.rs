//! Signed messages to other programs about what happens here.
//!
//! [`actions::emit`] is called in the transaction of the change. It keeps the event as it is sent, and wants one effect
//! for each webhook that listens; those about one order reach a webhook one after the other. What was sent can be sent
//! again by time, under the same number, so that a receiver that had it can tell. Events hold no personal data.

pub mod actions;
mod decide;
pub mod jobs;
pub mod model;
pub mod pages;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use store::STATEMENTS;
