//! The station: reads scanners, judges parcels against its replica, keeps every scan.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alarms;
pub mod clock;
pub mod disk;
pub mod explain;
pub mod journal;
pub mod link;
pub mod panel;
pub mod replica;
pub mod scan;
pub mod station;
