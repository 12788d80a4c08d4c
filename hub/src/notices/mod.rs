//! What people are told by themselves: by a bell on every page, by group robots, by mail.
//!
//! [`actions::raise`] is called in the transaction that gives reason for it. Rules say who is told of which kind, and
//! when: quiet hours, gathering, asking the next one when nobody answers. What is to be said is planned as rows with a
//! due time; the job turns what is due into effects. The same thing within a while is counted and not said again.

pub mod actions;
mod decide;
pub mod jobs;
pub mod model;
pub mod pages;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use store::STATEMENTS;
