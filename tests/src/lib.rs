//! A whole site on one machine: a hub, stations, scanners, couriers of bytes and of trouble.
//!
//! Everything here is real: programs are processes that can be killed, scanners are pseudo-terminals, brokers and
//! databases are the ones a site would run. The demo, the benchmarks and the stories stand on it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
pub mod bench;
pub mod clock;
pub mod demo;
pub mod dice;
pub mod events;
pub mod hub;
pub mod journals;
pub mod kills;
pub mod mosquitto;
pub mod packer;
pub mod postgres;
pub mod program;
pub mod sample;
pub mod scanner;
pub mod sim;
pub mod station;
pub mod story;
pub mod watch;
pub mod wire;
pub mod world;
