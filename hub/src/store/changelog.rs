//! Marks what stations must hear about: called in the transaction that changes it.
//!
//! A mark only says "look again"; the feed ([`crate::sync`]) compares the row with what stations have and numbers the
//! change. Every transaction marks under its own random number, so that writers neither wait for each other nor
//! for the feed, and a mark made while the feed looks is never lost.

use super::{StoreError, Tx};
use crate::{clock, rows, statements};
use packline_protocol::change::RowId;
use packline_protocol::id::{ParcelId, SiteId};

statements! {
    /// Every site that has a change log.
    SITES_WITH_LOG: All = "SELECT site FROM replica_site ORDER BY site";
}

rows! {
    /// Marks rows that may have changed.
    PUT_MARKS [0, 3] = "INSERT INTO replica_dirty (site, row_id, mark) VALUES {rows} \
        ON CONFLICT (site, row_id, mark) DO NOTHING";
}

/// These parcels of `site` may have changed, come or gone.
pub async fn mark_parcels(tx: &mut Tx, site: &SiteId, parcels: &[ParcelId]) -> Result<(), StoreError> {
    let rows: Vec<RowId> = parcels.iter().copied().map(RowId::parcel).collect();
    mark_rows(tx, site, &rows).await
}

/// These parcels may have changed for any site: they went from one to another, or are over.
pub async fn mark_everywhere(tx: &mut Tx, parcels: &[ParcelId]) -> Result<(), StoreError> {
    if parcels.is_empty() {
        return Ok(());
    }
    for row in SITES_WITH_LOG.all(tx.conn(), SITES_WITH_LOG.query()).await? {
        let site: String = SITES_WITH_LOG.get(&row, 0)?;
        let site = SiteId::parse(&site).map_err(|why| StoreError::row("SITES_WITH_LOG", why))?;
        mark_parcels(tx, &site, parcels).await?;
    }
    Ok(())
}

/// These rows of `site` may have changed, come or gone.
pub async fn mark_rows(tx: &mut Tx, site: &SiteId, rows: &[RowId]) -> Result<(), StoreError> {
    let mark = clock::random_u64().cast_signed();
    PUT_MARKS
        .write(tx, rows, |query, row| query.bind(site.as_str().to_owned()).bind(row.0.cast_signed()).bind(mark))
        .await?;
    Ok(())
}
