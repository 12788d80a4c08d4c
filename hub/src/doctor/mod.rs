//! Proves that what the hub stores fits together: sums, chains, positions, change logs, numbers. It looks at everything
//! and changes nothing, unless it is told to repair; and then only what is derived from something else.

pub mod actions;
pub mod cli;
mod decide;
pub mod model;
mod store;
#[cfg(test)]
mod tests;

pub(crate) use store::STATEMENTS;
