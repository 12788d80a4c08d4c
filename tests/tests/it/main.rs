//! Whole-site stories.
#![allow(clippy::unwrap_used)]

mod broker;
mod tidy;
mod units;
