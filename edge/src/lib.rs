//! The station: reads scanners, judges parcels against its replica, keeps every scan.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod clock;
pub mod link;
pub mod panel;
pub mod scan;
