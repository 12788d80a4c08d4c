//! The station: reads scanners, judges parcels against its replica, keeps every scan.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alarms;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credential;
pub mod disk;
pub mod enroll;
pub mod explain;
pub mod health;
pub mod hub_time;
pub mod journal;
pub mod link;
pub mod outbox;
pub mod panel;
pub mod replica;
pub mod run;
pub mod scan;
pub mod station;

pub use cli::main_with;
