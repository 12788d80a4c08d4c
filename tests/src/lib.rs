//! Packline's tests crate.
#![cfg_attr(test, allow(clippy::unwrap_used))]
