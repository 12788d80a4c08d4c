//! The bench page: of a real station over real loopback connections, and with made-up pictures in a real browser.
#![allow(clippy::unwrap_used)]

mod bench;
mod browser;
mod page;
mod refusals;
#[path = "../../examples/bench_page/samples.rs"]
mod samples;
mod screen;
mod stream;
