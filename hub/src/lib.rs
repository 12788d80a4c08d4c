//! Packline's hub: the order master, the sites' change logs, pages and API, and the broker for the stations.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod broker;
pub mod clock;
pub mod scans;
pub mod sync;
