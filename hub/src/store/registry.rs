//! Every SQL text of the hub. A test prepares all of them on both engines, another looks at how they read.

use super::{Rows, Statement, changelog, ids};
use crate::channels::import;
use crate::{
    accounts, audit, backup, contacts, doctor, effects, exports, fleet, health, idempotency, notices, orders, privacy,
    scans, settings, sync, webhooks,
};

/// The statements of each module; a module with SQL adds its list here.
pub fn statements() -> Vec<Statement> {
    let (orders, accounts) = (orders::store::statements(), accounts::statements());
    let lists = [
        ids::STATEMENTS,
        changelog::STATEMENTS,
        audit::STATEMENTS,
        contacts::STATEMENTS,
        privacy::STATEMENTS,
        effects::STATEMENTS,
        exports::STATEMENTS,
        fleet::STATEMENTS,
        notices::STATEMENTS,
        scans::STATEMENTS,
        sync::STATEMENTS,
        webhooks::STATEMENTS,
        import::STATEMENTS,
        backup::STATEMENTS,
        doctor::STATEMENTS,
        health::STATEMENTS,
        idempotency::STATEMENTS,
        settings::STATEMENTS,
        &orders,
        &accounts,
    ];
    lists.concat()
}

/// The statements over many rows of each module.
pub fn rows() -> Vec<Rows> {
    let lists = [
        changelog::ROWS,
        audit::ROWS,
        contacts::ROWS,
        scans::ROWS,
        sync::ROWS,
        import::ROWS,
        backup::ROWS,
        &orders::store::rows(),
    ];
    lists.concat()
}
