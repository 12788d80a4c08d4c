//! The nouns of scans: what arrives from a station, what is kept of it, and what does not fit together.

use crate::store::StoreError;
use packline_protocol::id::{OrderId, ParcelId, ScanSeq, ScannerId, SiteId, StationEpoch, StationId};
use packline_protocol::record::{ChainLink, ScanRecord};
use packline_protocol::time::Timestamp;
use packline_protocol::verdict::Outcome;
use serde::Serialize;
use utoipa::ToSchema;

/// What a batch means to the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// These records are new, in order.
    New(Vec<Entry>),
    /// The hub has all of them.
    Repeat,
    /// Records before it are missing: the station must send from where the hub stands.
    Gap,
    /// The same numbers with another history: the journal was copied or set back to an older state.
    Forked,
    /// No records, or numbers that no journal reaches.
    Nothing,
}

/// One new record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal.
    pub seq: ScanSeq,
    /// The chain after it.
    pub link: ChainLink,
    /// Its bytes as the journal keeps them.
    pub body: Vec<u8>,
    /// What they say, if they say something usable.
    pub record: Result<ScanRecord, Unfit>,
}

/// Why a record is kept but not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Its bytes are no record.
    #[error("unreadable: {0}")]
    Unreadable(String),
    /// It says another number than its place.
    #[error("misnumbered: says {says}")]
    Misnumbered {
        /// What it says.
        says: ScanSeq,
    },
    /// Its code is longer than any scanner may send.
    #[error("code too long")]
    CodeTooLong,
    /// Its parcel or order has a number that no hub gives.
    #[error("no such number")]
    NoSuchNumber,
}

/// A scan record as pages and APIs list it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScanRow {
    /// The hub's number of the record: higher came later. 0 for a hint, which is not stored.
    pub id: i64,
    /// The site.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The station.
    #[schema(value_type = String)]
    pub station: StationId,
    /// The journal's life; as text, since it does not fit a JSON number.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub station_epoch: StationEpoch,
    /// The place in the journal.
    #[schema(value_type = u64)]
    pub seq: ScanSeq,
    /// When the hub got it, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub received_at: Timestamp,
    /// When it happened by the station's clock, in milliseconds since 1970; none for an unreadable record.
    #[schema(value_type = Option<i64>)]
    pub wall: Option<Timestamp>,
    /// Whether that clock was known to be right.
    pub wall_trusted: bool,
    /// What kind of record.
    pub kind: ScanKind,
    /// The answer, for a judged scan.
    #[schema(value_type = Option<String>)]
    pub outcome: Option<Outcome>,
    /// The gravest reason's key, for a stop or an ask.
    pub reason: Option<String>,
    /// The code in canonical form.
    pub code: String,
    /// The scanner.
    #[schema(value_type = Option<String>)]
    pub scanner: Option<ScannerId>,
    /// The parcel, when the code stood for one.
    #[schema(value_type = Option<u64>)]
    pub parcel: Option<ParcelId>,
    /// Its order.
    #[schema(value_type = Option<u64>)]
    pub order: Option<OrderId>,
    /// A second look at the same parcel with the same answer.
    pub repeat: bool,
    /// A release that the station never showed: nothing left on it.
    pub withdrawn: bool,
    /// How old the facts were that the answer rested on, in milliseconds; none when the station did not know, and for
    /// what is no judged scan.
    pub age_ms: Option<u64>,
    /// Why the hub could not use it, if so.
    pub refused: Option<String>,
}

/// What kind of record a station wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanKind {
    /// A scan and its verdict.
    Judged,
    /// The packer acknowledged a stop or an ask.
    Acknowledged,
    /// Something about the journal itself.
    Noted,
    /// Bytes that are no usable record.
    Unfit,
}

impl ScanKind {
    const ALL: [ScanKind; 4] = [ScanKind::Judged, ScanKind::Acknowledged, ScanKind::Noted, ScanKind::Unfit];

    /// The word in the database and in APIs.
    pub fn word(self) -> &'static str {
        match self {
            ScanKind::Judged => "judged",
            ScanKind::Acknowledged => "acknowledged",
            ScanKind::Noted => "noted",
            ScanKind::Unfit => "unfit",
        }
    }

    /// The kind of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// Two things that cannot both be right, found when a record arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Conflict {
    /// The hub's number of the conflict; 0 when it rests on a hint and is not stored.
    pub id: i64,
    /// What is the matter.
    pub kind: ConflictKind,
    /// The site.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The parcel.
    #[schema(value_type = u64)]
    pub parcel: ParcelId,
    /// Its order.
    #[schema(value_type = Option<u64>)]
    pub order: Option<OrderId>,
    /// When the hub found it, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub found_at: Timestamp,
    /// The station whose release is in question.
    #[schema(value_type = String)]
    pub station: StationId,
    /// The place of its record.
    #[schema(value_type = u64)]
    pub seq: ScanSeq,
    /// When it released, by its clock, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub released_at: Timestamp,
    /// The station that had released the parcel before.
    #[schema(value_type = Option<String>)]
    pub other_station: Option<StationId>,
    /// When that was, by that station's clock, in milliseconds since 1970.
    #[schema(value_type = Option<i64>)]
    pub other_at: Option<Timestamp>,
    /// The keys of the reasons for which the hub would have stopped it.
    pub reasons: Vec<String>,
    /// When the newest fact about the parcel came to be at its source, in milliseconds since 1970.
    #[schema(value_type = Option<i64>)]
    pub fact_at: Option<Timestamp>,
    /// How old the station's knowledge was when it judged, in milliseconds, if it knew.
    pub age_ms: Option<u64>,
    /// When it turned out to be none, since a release that it rested on was withdrawn, in milliseconds since 1970.
    #[schema(value_type = Option<i64>)]
    pub resolved_at: Option<Timestamp>,
}

/// What is the matter with a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Two stations released the same parcel.
    TwoStations,
    /// The hub knew a fact that forbade it when the record arrived.
    LateFact,
}

impl ConflictKind {
    /// The word in the database and in APIs.
    pub fn word(self) -> &'static str {
        match self {
            ConflictKind::TwoStations => "two_stations",
            ConflictKind::LateFact => "late_fact",
        }
    }

    /// The kind of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::TwoStations, Self::LateFact].into_iter().find(|kind| kind.word() == word)
    }
}

/// Why something about scans cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ScansError {
    /// The store failed.
    #[error("failed to {what}")]
    Store {
        /// What was attempted.
        what: &'static str,
        /// Why.
        #[source]
        cause: StoreError,
    },
}

fn as_text<S: serde::Serializer>(epoch: &StationEpoch, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(epoch)
}

impl From<ScansError> for crate::error::Error {
    fn from(error: ScansError) -> crate::error::Error {
        crate::error::Error::internal("failed to read scans", error)
    }
}
