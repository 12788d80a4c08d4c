//! The whole replica worked out anew from its rows: finds damage that nobody has stumbled over.

use super::ReplicaError;
use super::apply::code_hashes;
use super::store::{self, CODES, ROWS, State, storage};
use crate::disk::guarded;
use packline_protocol::change::RowId;
use packline_protocol::id::SiteId;
use packline_protocol::proof::Proof;
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

/// Compares rows with bucket hashes, and codes with rows; answers the number of rows.
pub(super) fn verify(
    transaction: &ReadTransaction,
    site: &SiteId,
    proof: &Proof,
    state: &State,
) -> Result<u64, ReplicaError> {
    let (mut found, mut rows, mut codes) = (Proof::empty(site), 0, 0);
    let missing = guarded(|| {
        let known = transaction.open_table(CODES)?;
        for entry in transaction.open_table(ROWS)?.iter()? {
            let (row, value) = entry?;
            let (row, (seq, body)) = (RowId(row.value()), store::split(value.value())?);
            found.toggle(row, seq, body);
            rows += 1;
            for hash in code_hashes(row, body) {
                codes += 1;
                let parcel = row.as_parcel().map_or(0, |parcel| parcel.0);
                if known.get((hash, parcel))?.is_none() {
                    return Ok(Some(row));
                }
            }
        }
        if known.len()? != codes {
            return Err(redb::Error::Corrupted(format!("{} codes are there, {codes} should be", known.len()?)));
        }
        Ok(None)
    })
    .map_err(|cause| storage("verify", cause))?;
    if let Some(row) = missing {
        return Err(ReplicaError::Damaged(format!("a code of row {row} is missing")));
    }
    if found != *proof || rows != state.rows {
        let differing = found.differing(proof.buckets()).len();
        return Err(ReplicaError::Damaged(format!(
            "{differing} buckets differ from their rows, {rows} rows are there"
        )));
    }
    Ok(rows)
}
