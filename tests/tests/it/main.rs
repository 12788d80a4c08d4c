//! Whole-site stories.
#![allow(clippy::unwrap_used)]

mod authority;
mod bad_input;
mod broker;
mod imports;
mod kills;
mod masking;
mod orders;
mod pages;
mod restore;
mod simulation;
mod site;
mod sites;
mod storage;
mod tidy;
mod two_hubs;
mod units;
