//! Backups of the whole database into one file, and the way back from one.
//!
//! A backup is made while the hub works, checked before anybody relies on it, and holds no key: what is sealed in the
//! database stays sealed. The hub's keys are kept apart, sealed with a passphrase ([`actions::keys`]). A restore checks
//! everything before it replaces anything, and begins a new life of every change log, so that stations bring
//! their replicas and the hub's records up to date.
//!
//! It does not copy files of the data folder other than the database: snapshots are made anew, logs are not data.

pub mod actions;
pub mod api;
pub mod cli;
mod decide;
pub mod jobs;
pub mod model;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use store::{ROWS, STATEMENTS};
