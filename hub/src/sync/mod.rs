//! Keeps stations and hub in step over MQTT.

pub mod fold;
pub mod mqtt;
