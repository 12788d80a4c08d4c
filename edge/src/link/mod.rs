//! The link between a station and its hub.

pub mod mqtt;
pub mod session;
pub mod tls;
