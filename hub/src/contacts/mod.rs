//! Who gets an order: name, phone and address, sealed, shown masked, and erased when nobody needs them any more.
//!
//! Messages about orders bring them ([`actions::keep`]). They never go to stations, into logs, live events or the audit
//! log. Somebody with the right may see those of one order for a few minutes, after giving a reason that is written
//! down. Who a customer is over several orders is not decided here.

pub mod actions;
pub mod api;
mod decide;
pub mod jobs;
pub mod model;
pub mod pages;
mod store;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use store::{ROWS, STATEMENTS};
