//! Whole-site stories.
#![allow(clippy::unwrap_used)]

mod tidy;
mod units;
