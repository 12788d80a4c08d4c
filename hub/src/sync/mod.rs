//! Keeps stations and hub in step over MQTT.
//!
//! Down: [`feed`] numbers what changed, [`answer`] and [`snapshot`] give what a station missed. Up: records come in
//! batches and are taken by [`crate::scans`]. These work on the store alone; everything around them ([`service`]) only
//! carries messages, and may lose any of them.

pub mod answer;
pub mod api;
pub mod check;
mod desk;
pub mod feed;
pub mod fold;
mod guard;
mod inbox;
mod ingest;
mod leader;
pub mod limits;
pub mod mqtt;
mod post;
pub mod service;
pub mod snapshot;
mod source;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use store::{ROWS, STATEMENTS, first_change_after};
