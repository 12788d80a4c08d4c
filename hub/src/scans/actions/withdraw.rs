//! Releases that a station judged and wrote but never showed: it says so in a later record, and the hub takes them back.
//!
//! A withdrawal names its release by life, number and daemon, so it finds it wherever either of them came from, and one
//! that comes first waits for its release.

use super::of_orders;
use crate::orders;
use crate::scans::decide::{self, Settled};
use crate::scans::model::ScanRow;
use crate::scans::store::{self, NewRecord, Place, Waiting};
use crate::store::{StoreError, Tx};
use packline_protocol::facts::Release;
use packline_protocol::id::StationId;
use packline_protocol::record::{Event, Note, ScanRecord};
use packline_protocol::time::Timestamp;
use packline_protocol::verdict::Outcome;
use std::collections::BTreeSet;

/// Marks the new records that were withdrawn, takes back what was believed before, and answers those rows as they are.
pub(super) async fn take(tx: &mut Tx, new: &mut [NewRecord], now: Timestamp) -> Result<Vec<ScanRow>, StoreError> {
    let stations: BTreeSet<&StationId> = new.iter().map(|new| &new.row.station).collect();
    let stations: Vec<StationId> = stations.into_iter().cloned().collect();
    let mut waiting = store::waiting_withdrawals(tx, &stations).await?;
    let (mut changed, mut unmet) = (Vec::new(), Vec::new());
    for wanted in new.iter().filter_map(withdrawal).collect::<Vec<_>>() {
        if new.iter().any(|new| is_release(new, &wanted)) {
            waiting.insert(wanted);
        } else if let Some((row, record)) = find(tx, &wanted).await? {
            if !row.withdrawn {
                take_back(tx, &wanted.0, &row, &record, now).await?;
                changed.push(ScanRow { withdrawn: true, ..row });
            }
        } else {
            unmet.push(wanted);
        }
    }
    store::add_withdrawals(tx, &unmet, now).await?;
    for new in new {
        new.row.withdrawn = waiting.iter().any(|wanted| is_release(new, wanted));
    }
    Ok(changed)
}

/// What the record withdraws: where it was first, and by which daemon.
fn withdrawal(new: &NewRecord) -> Option<Waiting> {
    let record = new.entry.record.as_ref().ok()?;
    let Event::Noted(Note::Withdrawn { of, .. }) = &record.event else { return None };
    let (station, epoch, _) = &new.origin;
    Some(((station.clone(), *epoch, *of), record.boot))
}

fn is_release(new: &NewRecord, (place, boot): &Waiting) -> bool {
    let released = new.row.outcome == Some(Outcome::Release);
    released && new.origin == *place && new.entry.record.as_ref().is_ok_and(|record| record.boot == *boot)
}

/// The stored release that is meant; a record of another daemon under the same number is not.
async fn find(tx: &mut Tx, (place, boot): &Waiting) -> Result<Option<(ScanRow, ScanRecord)>, StoreError> {
    let Some((row, body)) = store::find_at(tx, place).await? else { return Ok(None) };
    let record = ScanRecord::decode(&body).ok().filter(|record| record.boot == *boot);
    Ok(record.filter(|_| row.outcome == Some(Outcome::Release)).map(|record| (row, record)))
}

/// The parcel did not leave on this record; whoever let it go next did.
async fn take_back(
    tx: &mut Tx,
    place: &Place,
    row: &ScanRow,
    record: &ScanRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    store::mark_withdrawn(tx, place).await?;
    let Some(parcel) = row.parcel else { return Ok(()) };
    let withdrawn = Release { station: row.station.clone(), at: record.wall };
    let taken = orders::actions::take_back_release(tx, parcel, &withdrawn).await.map_err(of_orders)?;
    let next = store::next_release(tx, parcel).await?;
    if let Some((_, next)) = next.as_ref().filter(|_| taken) {
        orders::actions::mark_released(tx, &[(parcel, next.clone())]).await.map_err(of_orders)?;
    }
    for conflict in store::open_conflicts(tx, parcel).await? {
        match decide::settle(&conflict, row.seq, &withdrawn, next.as_ref()) {
            Settled::Stays => {}
            Settled::Resolved => store::resolve_conflict(tx, conflict.id, now).await?,
            Settled::About(kind, other) => store::change_conflict(tx, conflict.id, kind, other.as_ref()).await?,
        }
    }
    Ok(())
}
