//! Who may use the hub: accounts, passwords, sessions.
//!
//! Here is one kind of account, which may do everything. Roles and rights are not in this module.

pub mod actions;
pub mod api;
pub mod cli;
mod decide;
pub mod model;
pub mod pages;
mod store;

pub(crate) use store::STATEMENTS;

#[cfg(test)]
mod tests;
