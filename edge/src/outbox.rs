//! The outbox of a running station over its loopback port, for `packline-edge outbox`.
//!
//! Deliberately absent: everything that the bench page's own interface says already.

use crate::journal::Journal;
use crate::panel::page::guarded;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use packline_protocol::id::ScanSeq;
use packline_protocol::record::ScanRecord;
use serde::{Deserialize, Serialize};

/// Records in one answer.
const RECORDS_MAX: usize = 500;
const BYTES_MAX: usize = 1 << 20;

/// A part of the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    /// The journal's life.
    pub epoch: u64,
    /// The hub has everything up to here.
    pub acked: u64,
    /// The newest record.
    pub newest: u64,
    /// Unacknowledged records from the one asked for on.
    pub records: Vec<ScanRecord>,
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: u64,
}

/// The path `/api/outbox`.
pub fn routes(journal: Journal) -> Router {
    guarded(Router::new().route("/api/outbox", get(outbox)).with_state(journal))
}

async fn outbox(
    State(journal): State<Journal>,
    Query(query): Query<From>,
) -> Result<Json<Outbox>, (StatusCode, String)> {
    // A read of the disk; it does not belong on the thread that serves everybody.
    let read = tokio::task::spawn_blocking(move || read(&journal, ScanSeq(query.from))).await;
    let answer = read.map_err(|error| error.to_string()).and_then(|read| read.map_err(|error| error.to_string()));
    answer.map(Json).map_err(|why| (StatusCode::INTERNAL_SERVER_ERROR, why))
}

/// Unacknowledged records from `from` on.
pub fn read(journal: &Journal, from: ScanSeq) -> Result<Outbox, crate::journal::JournalError> {
    let head = journal.head();
    let from = from.max(ScanSeq(head.acked.0 + 1));
    let pending = journal.pending(from, RECORDS_MAX, BYTES_MAX)?;
    let records = pending.records.iter().filter_map(|record| ScanRecord::decode(record).ok()).collect();
    Ok(Outbox { epoch: head.epoch.0, acked: head.acked.0, newest: head.newest.0, records })
}
