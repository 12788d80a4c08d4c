//! Every SQL text of the hub. A test prepares all of them on both engines, another looks at how they read.

use super::{Rows, Statement, changelog, ids};
use crate::{accounts, fleet, scans, sync};

/// The statements of each module; a module with SQL adds its list here.
pub fn statements() -> Vec<Statement> {
    [ids::STATEMENTS, accounts::STATEMENTS, fleet::STATEMENTS, scans::STATEMENTS, sync::STATEMENTS].concat()
}

/// The statements over many rows of each module.
pub fn rows() -> Vec<Rows> {
    [changelog::ROWS, scans::ROWS, sync::ROWS].concat()
}
