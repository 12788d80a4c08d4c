//! The bench page of a real station, over real loopback connections.
#![allow(clippy::unwrap_used)]

mod bench;
mod page;
mod refusals;
mod stream;
