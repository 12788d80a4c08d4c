//! How the hub does, for whoever runs it: what it is connected to, what waits, how far stations are behind, how full
//! the disk is, how old the newest backup is. Each with a plain sentence and what to do, and as figures for Prometheus.
//!
//! It looks and says; it mends nothing.

pub mod actions;
pub mod api;
mod decide;
pub mod exposition;
pub mod model;
pub mod pages;
mod store;
#[cfg(test)]
mod tests;
pub mod text;

pub(crate) use store::STATEMENTS;
