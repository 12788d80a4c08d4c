//! Whole-site stories.
#![allow(clippy::unwrap_used)]

mod broker;
mod simulation;
mod tidy;
mod units;
