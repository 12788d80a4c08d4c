//! Who may use the hub, and what for: accounts, passwords, sessions, roles and rights.
//!
//! Every account has one role, and a role is a set of rights. Which right a route needs stands in [`crate::routes`]; the
//! [`api::gate`] holds every request to it.

pub mod actions;
pub mod api;
pub mod cli;
mod decide;
pub mod model;
pub mod pages;
pub mod rights;
mod store;
pub mod text;

pub(crate) use store::statements;

#[cfg(test)]
mod tests;
