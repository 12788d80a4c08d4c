//! What a running station says about itself over its loopback port, for `packline-edge status` and `outbox`.
//!
//! The bench page serves people; this serves the command line of the same machine.

use crate::journal::Journal;
use crate::station::PanelView;
use crate::station::thread::StationHandle;
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

#[derive(Clone)]
struct Parts {
    station: StationHandle,
    journal: Journal,
}

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: u64,
}

/// The paths `/status` and `/outbox`.
pub fn routes(station: StationHandle, journal: Journal) -> Router {
    Router::new().route("/status", get(status)).route("/outbox", get(outbox)).with_state(Parts { station, journal })
}

#[expect(clippy::unused_async, reason = "a handler is async, whether it waits or not")]
async fn status(State(parts): State<Parts>) -> Json<PanelView> {
    Json(PanelView::clone(&parts.station.pictures().borrow()))
}

async fn outbox(State(parts): State<Parts>, Query(query): Query<From>) -> Result<Json<Outbox>, (StatusCode, String)> {
    // A read of the disk; it does not belong on the thread that serves everybody.
    let read = tokio::task::spawn_blocking(move || read(&parts.journal, ScanSeq(query.from))).await;
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
