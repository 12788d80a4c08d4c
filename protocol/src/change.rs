//! What the change log carries: numbered rows, each at its latest state.
//!
//! A replica is a table of rows. Everything a station must know is a row: parcels, the rule set, settings. A row that
//! this program does not know (a newer hub's) is kept as bytes, so that the replica's proof still holds.

mod codes;

pub use codes::Keys;

use crate::facts::Parcel;
use crate::id::{ParcelId, Seq, SiteId};
use crate::rules::{RuleSet, wire};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest body of a row, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

/// Which row: its kind in the top 8 bits, its number below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowId(pub u64);

impl RowId {
    /// The row of the site's rule set.
    pub const RULES: RowId = RowId(KIND_RULES << KIND_SHIFT);
    /// The row of the site's settings.
    pub const SETTINGS: RowId = RowId(KIND_SETTINGS << KIND_SHIFT);

    /// The row of a parcel.
    pub fn parcel(id: ParcelId) -> RowId {
        debug_assert!(id.0 < 1 << KIND_SHIFT, "parcel numbers stay below 2^56");
        RowId(KIND_PARCEL << KIND_SHIFT | id.0 & NUMBER_MASK)
    }

    /// The parcel that this row is about, if it is about one.
    pub fn as_parcel(self) -> Option<ParcelId> {
        (self.0 >> KIND_SHIFT == KIND_PARCEL).then_some(ParcelId(self.0 & NUMBER_MASK))
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0 >> KIND_SHIFT, self.0 & NUMBER_MASK)
    }
}

const KIND_SHIFT: u32 = 56;
const NUMBER_MASK: u64 = (1 << KIND_SHIFT) - 1;
const KIND_PARCEL: u64 = 1;
const KIND_RULES: u64 = 2;
const KIND_SETTINGS: u64 = 3;

/// One row at its latest change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which row.
    pub row: RowId,
    /// The change that made it what it is.
    pub seq: Seq,
    /// Its content (see [`Row::encode`]), or `None` when the row is gone.
    pub body: Option<Vec<u8>>,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A parcel. Boxed: it is far larger than the others.
    Parcel(Box<Parcel>),
    /// A parcel that another site packs.
    Elsewhere(Elsewhere),
    /// The rule set to judge by.
    Rules(RuleSet),
    /// How the site works.
    Settings(SiteSettings),
    /// A kind or schema of row that this program does not know.
    Foreign,
}

/// A parcel that another site packs, as far as this site must know it: its order has parcels here too, or it was here
/// before. It stands in the row of the parcel and says where it belongs, so that nobody looks for it in vain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The hub's number of the parcel.
    pub parcel: ParcelId,
    /// The site that packs it.
    pub site: SiteId,
    /// Every code that stands for it, each in canonical form.
    pub codes: Vec<String>,
}

/// How a site works, for all its stations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteSettings {
    /// What people call the site.
    pub title: String,
    /// How long a green may wait for the disk, in milliseconds, before the station says that storage is slow.
    pub green_deadline_ms: u32,
    /// Above this share of the journal's space, in percent, the station warns.
    pub journal_warn_percent: u8,
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self { title: String::new(), green_deadline_ms: 250, journal_warn_percent: 50 }
    }
}

/// Why a row's bytes cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// The body is longer than any row.
    #[error("row `{row}` has {length} bytes; give at most {BODY_MAX}")]
    TooLong {
        /// Which row.
        row: RowId,
        /// Its length.
        length: usize,
    },
    /// The body is not what its schema says.
    #[error("row `{row}` does not decode")]
    Decode {
        /// Which row.
        row: RowId,
        /// Why.
        #[source]
        cause: postcard::Error,
    },
    /// Bytes remain after the content.
    #[error("row `{row}` has {extra} bytes after its end")]
    Trailing {
        /// Which row.
        row: RowId,
        /// How many.
        extra: usize,
    },
    /// The row is about another thing than its number says.
    #[error("row `{row}` holds parcel `{parcel}`")]
    Misplaced {
        /// Which row.
        row: RowId,
        /// What it holds.
        parcel: ParcelId,
    },
    /// The rule set is one that nobody should judge by.
    #[error("row `{row}` holds a bad rule set")]
    Rules {
        /// Which row.
        row: RowId,
        /// Why.
        #[source]
        cause: wire::WireError,
    },
}

/// Schema numbers stand in the first two bytes of a body, little-endian.
const SCHEMA_1: [u8; 2] = [1, 0];
/// The second schema of a parcel's row: it is packed elsewhere.
const SCHEMA_2: [u8; 2] = [2, 0];

impl Row {
    /// The row's body: schema number, then postcard.
    pub fn encode(&self) -> Vec<u8> {
        let body = match self {
            Row::Parcel(parcel) => postcard::to_extend(parcel, SCHEMA_1.to_vec()),
            Row::Elsewhere(parcel) => postcard::to_extend(parcel, SCHEMA_2.to_vec()),
            Row::Rules(rules) => postcard::to_extend(&wire::RuleSetWire::from(rules), SCHEMA_1.to_vec()),
            Row::Settings(settings) => postcard::to_extend(settings, SCHEMA_1.to_vec()),
            Row::Foreign => Ok(Vec::new()),
        };
        body.expect("plain data always encodes")
    }

    /// What the bytes of `row` say. Unknown kinds and schemas are [`Row::Foreign`], not an error.
    pub fn decode(row: RowId, body: &[u8]) -> Result<Row, RowError> {
        if body.len() > BODY_MAX {
            return Err(RowError::TooLong { row, length: body.len() });
        }
        if let Some(content) = body.strip_prefix(&SCHEMA_2)
            && row.as_parcel().is_some()
        {
            let parcel: Elsewhere = exact(row, content)?;
            let is_placed = Some(parcel.parcel) == row.as_parcel();
            return if is_placed {
                Ok(Row::Elsewhere(parcel))
            } else {
                Err(RowError::Misplaced { row, parcel: parcel.parcel })
            };
        }
        let Some(content) = body.strip_prefix(&SCHEMA_1) else { return Ok(Row::Foreign) };
        match row.0 >> KIND_SHIFT {
            KIND_PARCEL => {
                let parcel: Parcel = exact(row, content)?;
                if Some(parcel.id) == row.as_parcel() {
                    Ok(Row::Parcel(Box::new(parcel)))
                } else {
                    Err(RowError::Misplaced { row, parcel: parcel.id })
                }
            }
            KIND_RULES => {
                let wire: wire::RuleSetWire = exact(row, content)?;
                RuleSet::try_from(wire).map(Row::Rules).map_err(|cause| RowError::Rules { row, cause })
            }
            KIND_SETTINGS => exact(row, content).map(Row::Settings),
            _ => Ok(Row::Foreign),
        }
    }
}

fn exact<'a, T: Deserialize<'a>>(row: RowId, content: &'a [u8]) -> Result<T, RowError> {
    let (value, rest) = postcard::take_from_bytes(content).map_err(|cause| RowError::Decode { row, cause })?;
    if rest.is_empty() { Ok(value) } else { Err(RowError::Trailing { row, extra: rest.len() }) }
}
