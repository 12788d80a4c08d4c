//! Keeps stations and hub in step over MQTT.

pub mod mqtt;
