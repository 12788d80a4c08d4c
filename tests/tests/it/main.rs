//! Whole-site stories.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod broker;
mod imports;
mod kills;
mod orders;
mod pages;
mod restore;
mod simulation;
mod site;
mod tidy;
mod units;
