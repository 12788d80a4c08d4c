//! Packline's hub: the order master, the sites' change logs, pages and API, and the broker for the stations.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod accounts;
pub mod actor;
pub mod app;
pub mod audit;
pub mod backup;
pub mod body;
pub mod broker;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contacts;
pub mod describe;
pub mod doctor;
pub mod doors;
pub mod effects;
pub mod error;
pub mod exports;
pub mod fleet;
pub mod health;
pub mod idempotency;
pub mod keys;
pub mod lifecycle;
pub mod metrics;
pub mod notices;
pub mod orders;
pub mod otlp;
pub mod outbound;
pub mod pages;
pub mod privacy;
pub mod refusal;
pub mod routes;
mod say;
pub mod scans;
pub mod serve;
pub mod settings;
pub mod sheet;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod webhooks;

pub use cli::main_with;
