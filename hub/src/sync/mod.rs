//! Keeps stations and hub in step over MQTT.

pub mod feed;
pub mod fold;
pub mod limits;
pub mod mqtt;
mod source;
mod store;

pub(crate) use store::{ROWS, STATEMENTS};
