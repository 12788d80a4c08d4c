//! What the rows of a site should say: parcels from the orders, rules and settings from the fleet.

use crate::orders::facts::Told;
use crate::orders::model::OrderError;
use crate::store::{Db, Tx, changelog};
use crate::{fleet, orders};
use packline_protocol::change::{Row, RowId};
use packline_protocol::id::{ParcelId, SiteId};
use std::collections::{BTreeMap, BTreeSet};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Parcels marked per transaction.
const MARK_ROWS: usize = 2_000;

/// What the rows of a site should say.
#[derive(Debug)]
pub struct Wanted {
    /// The body of each row; `None` for a row that stations do not need.
    pub bodies: BTreeMap<RowId, Option<Vec<u8>>>,
    /// Parcels that the store has and that cannot be read, each with why. They have no body: stations ask about them.
    pub unreadable: Vec<(ParcelId, OrderError)>,
}

/// The bodies that these rows of `site` should have. `known` are those that stations have: a parcel that went to another
/// site stays known as one that is packed there.
pub async fn bodies(tx: &mut Tx, site: &SiteId, rows: &[RowId], known: &BTreeSet<RowId>) -> Result<Wanted, Failure> {
    let mut bodies: BTreeMap<RowId, Option<Vec<u8>>> = rows.iter().map(|row| (*row, None)).collect();
    let parcels: Vec<ParcelId> = bodies.keys().filter_map(|row| row.as_parcel()).collect();
    if parcels.len() < bodies.len() {
        for (row, body) in fleet::actions::site_rows(tx, site).await? {
            bodies.entry(row).and_modify(|wanted| *wanted = Some(body));
        }
    }
    let (told, unreadable) = told(tx, site, &parcels).await?;
    for (parcel, told) in told {
        let row = RowId::parcel(parcel);
        let body = match told {
            Told::Here(parcel) => Row::Parcel(parcel).encode(),
            Told::Away(_) if !known.contains(&row) => continue,
            Told::Sibling(parcel) | Told::Away(parcel) => Row::Elsewhere(parcel).encode(),
        };
        bodies.insert(row, Some(body));
    }
    Ok(Wanted { bodies, unreadable })
}

/// What can be read of these parcels, and those that cannot: one bad row must not keep all others from the stations.
async fn told(
    tx: &mut Tx,
    site: &SiteId,
    parcels: &[ParcelId],
) -> Result<(BTreeMap<ParcelId, Told>, Vec<(ParcelId, OrderError)>), OrderError> {
    let (mut told, mut unreadable, mut waiting) = (BTreeMap::new(), Vec::new(), vec![parcels]);
    while let Some(some) = waiting.pop() {
        match (orders::actions::told_for_sync(tx.conn(), site, some).await, some) {
            (Ok(found), _) => told.extend(found),
            (Err(error), _) if !error.is_of_a_row() => return Err(error),
            (Err(error), [one]) => unreadable.push((*one, error)),
            (Err(_), _) => {
                let (left, right) = some.split_at(some.len() / 2);
                waiting.extend([right, left]);
            }
        }
    }
    Ok((told, unreadable))
}

/// Marks every parcel that stations of `site` should have; says how many.
pub async fn mark_all(db: &Db, site: &SiteId) -> Result<u64, Failure> {
    let (mut marked, mut at) = (0, ParcelId(0));
    loop {
        let parcels = orders::actions::parcels_of_site(db, site, at, MARK_ROWS).await?;
        let Some(last) = parcels.last() else { return Ok(marked) };
        at = *last;
        let mut tx = db.begin("sync.mark_all").await?;
        changelog::mark_parcels(&mut tx, site, &parcels).await?;
        tx.commit().await?;
        marked += parcels.len() as u64;
    }
}
