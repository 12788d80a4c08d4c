//! Keeps stations and hub in step over MQTT.

pub mod answer;
pub mod feed;
pub mod fold;
pub mod limits;
pub mod mqtt;
pub mod snapshot;
mod source;
mod store;

pub(crate) use store::{ROWS, STATEMENTS};
