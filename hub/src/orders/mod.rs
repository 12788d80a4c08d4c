//! The order master: one row per (platform, order number), whatever order its messages arrive in.
//!
//! A message says when its source last changed what it tells (its version). For each fact the newest version wins, so
//! that repeated, late and shuffled messages all end in the same rows. Everything a station must know is folded from
//! here; this domain never talks to stations, channels or the WMS itself.

pub mod actions;
pub mod api;
mod claims;
pub mod columns;
pub mod couriers;
mod decide;
pub mod doc;
pub(crate) mod facts;
pub mod filter;
mod grams;
pub mod input;
pub mod jobs;
pub mod list;
pub mod model;
pub mod money;
mod news;
pub mod pages;
pub mod project;
pub mod question;
mod settle;
pub(crate) mod store;
pub mod synonyms;
#[cfg(test)]
mod tests;
pub mod text;
pub mod when;
pub mod words;

pub use store::KnownTexts;
