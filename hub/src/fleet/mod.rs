//! Sites and stations: who may connect, and how each of them does.

pub mod actions;
mod decide;
pub mod model;
mod store;

pub(crate) use store::STATEMENTS;
