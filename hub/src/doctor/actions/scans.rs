//! Scan records: each journal's chain, and where the hub stands with it.

use crate::app::App;
use crate::doctor::decide::Walk;
use crate::doctor::model::Checked;
use crate::doctor::store;
use crate::store::{StoreError, View};
use packline_protocol::id::{ScanSeq, StationEpoch, StationId};

/// Records read at a time.
const PAGE: i64 = 1_000;
/// A record that came no longer ago than this is never forgotten, in milliseconds: the shortest time that can be set.
const NEVER_FORGOTTEN_MS: i64 = 30 * 24 * 3_600_000;

/// The chain over the records of each journal.
pub async fn chains(app: &App, checked: &mut Checked) -> Result<(), StoreError> {
    let mut view = app.db.view("doctor.chains").await?;
    for (station, epoch, _) in store::journals(view.conn()).await? {
        let mut walk = Walk::new(store::gaps_of(view.conn(), &station, epoch).await?);
        let about = format!("journal {epoch} of station {station}");
        walk_along(&mut view, &station, epoch, &mut walk, |fault| checked.add(&about, fault, false)).await?;
        checked.looked_at += walk.last().map_or(0, |(seq, _)| seq.0);
    }
    Ok(())
}

/// What was acknowledged of each journal.
pub async fn positions(app: &App, checked: &mut Checked, repair: bool) -> Result<(), StoreError> {
    let must_be_here = app.clock.now().plus_ms(-NEVER_FORGOTTEN_MS);
    let mut view = app.db.view("doctor.positions").await?;
    let mut raised = Vec::new();
    for (station, epoch, standing) in store::journals(view.conn()).await? {
        checked.looked_at += 1;
        let mut walk = Walk::new(store::gaps_of(view.conn(), &station, epoch).await?);
        walk_along(&mut view, &station, epoch, &mut walk, drop).await?;
        let Some(fault) = walk.end(standing, must_be_here) else { continue };
        let stored = walk.last().filter(|(seq, _)| *seq > standing.upto);
        checked.add(format!("journal {epoch} of station {station}"), fault, stored.is_some());
        raised.extend(stored.map(|stored| (station, epoch, stored)));
    }
    for (station, epoch) in store::stray_journals(view.conn()).await? {
        checked.add(format!("journal {epoch} of station {station}"), "records are stored and no position is", false);
    }
    drop(view);
    if repair && !raised.is_empty() {
        let mut tx = app.db.begin("doctor.positions").await?;
        for (station, epoch, stored) in &raised {
            store::raise_position(&mut tx, station, *epoch, *stored).await?;
        }
        tx.commit().await?;
        checked.repaired += raised.len() as u64;
    }
    Ok(())
}

async fn walk_along(
    view: &mut View,
    station: &StationId,
    epoch: StationEpoch,
    walk: &mut Walk,
    mut found: impl FnMut(String),
) -> Result<(), StoreError> {
    let mut after = ScanSeq(0);
    loop {
        let page = store::records_after(view.conn(), station, epoch, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        page.iter().filter_map(|record| walk.step(record)).for_each(&mut found);
    }
}
