//! Orders from files: CSV and JSON of shops, B2B customers and older systems.
//!
//! A file is read once, from front to back, with little memory; what is good in it is taken, and what is not comes back
//! row by row. The file itself is deleted as soon as it was read, since it may hold addresses; nothing here keeps one.

pub mod actions;
pub mod api;
pub mod cli;
mod csv;
mod given;
pub mod jobs;
mod json;
pub mod mapping;
pub mod model;
pub mod pages;
mod read;
mod store;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use store::{ROWS, STATEMENTS};
