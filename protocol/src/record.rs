//! What a station saw, knew, said, and under which rules. Kept in its journal until the hub has it.

use crate::facts::{CodeClass, FactsDigest};
use crate::id::{BootId, OrderId, ParcelId, ScanSeq, ScannerId, StationEpoch};
use crate::time::{Moment, Timestamp};
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// The longest raw code that a record keeps, in bytes; a longer one was refused at the scanner.
pub const RAW_MAX: usize = 8 * 1024;
/// The longest encoded record, in bytes.
pub const RECORD_MAX: usize = 16 * 1024;

/// One entry of a station's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanRecord {
    /// Its place in the journal, without gaps.
    pub seq: ScanSeq,
    /// The daemon's life in which it was written.
    pub boot: BootId,
    /// When, on the clock that never jumps.
    pub moment: Moment,
    /// When, by the wall clock.
    pub wall: Timestamp,
    /// Whether the wall clock was known to be right.
    pub wall_trusted: bool,
    /// What happened.
    pub event: Event,
}

/// What happened at a station. Only appended to: the number is on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A code was scanned and judged. Boxed: it is far larger than the others.
    Judged(Box<Judged>),
    /// The packer acknowledged a stop or an ask.
    Acknowledged(Acknowledged),
    /// The station has to tell the hub something about its journal.
    Noted(Note),
}

/// A scan and its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Which scanner.
    pub scanner: ScannerId,
    /// The bytes as the scanner sent them: the truth.
    pub raw: Vec<u8>,
    /// The code in canonical form; empty for a no-read.
    pub code: String,
    /// What the code turned out to be.
    pub class: CodeClass,
    /// The order, when the code stands for a parcel.
    pub order: Option<OrderId>,
    /// What was said.
    pub verdict: Verdict,
}

/// The packer saw a stop or an ask and said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Which scanner, or the bench page.
    pub scanner: ScannerId,
    /// The record that was acknowledged.
    pub of: ScanSeq,
    /// The parcel, when there was one.
    pub parcel: Option<ParcelId>,
    /// The facts of that verdict.
    pub facts: FactsDigest,
}

/// Something about the journal itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// A release that was judged and written was never shown: the parcel did not leave on it.
    Withdrawn {
        /// Its record, in the same journal and before this one.
        of: ScanSeq,
        /// Why it was not shown.
        why: Withdrawal,
    },
    /// This journal was begun because the one before could not be opened; that one was moved aside.
    Begun {
        /// Records saved from the old file, written again in this one.
        salvaged: u32,
        /// Why, in a few words.
        why: String,
    },
    /// A record carried over from a journal that ended: what it was, and where it was first.
    Salvaged {
        /// The life of the journal that had it.
        epoch: StationEpoch,
        /// Its place there.
        seq: ScanSeq,
        /// The old record, encoded.
        record: Vec<u8>,
    },
}

/// Why a release was never shown. Only appended to: the number is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Withdrawal {
    /// The facts changed while the disk wrote, and the scan was judged again.
    JudgedAgain,
    /// The disk was slow, and somebody acknowledged that before the record was durable.
    Acknowledged,
    /// The same scanner scanned on before the record was durable.
    Overtaken,
}

impl Withdrawal {
    /// A few words for logs and commands.
    pub fn words(self) -> &'static str {
        match self {
            Withdrawal::JudgedAgain => "the facts had changed",
            Withdrawal::Acknowledged => "acknowledged before it was durable",
            Withdrawal::Overtaken => "overtaken by another scan",
        }
    }
}

/// The hash chain over encoded records: BLAKE3, first 16 bytes, of the link before and the record's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainLink(pub [u8; 16]);

impl std::fmt::Debug for ChainLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl ChainLink {
    /// The link before the first record.
    pub const START: ChainLink = ChainLink([0; 16]);

    /// The link after `record`.
    pub fn next(self, record: &[u8]) -> ChainLink {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(record);
        let mut link = [0; 16];
        link.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        ChainLink(link)
    }
}

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Longer than any record.
    #[error("the record has {length} bytes; give at most {RECORD_MAX}")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// Written by another version.
    #[error("the record has schema `{schema}`; this program reads 1")]
    Schema {
        /// What it says.
        schema: u16,
    },
    /// Not a record, or bytes remain after it.
    #[error("the record does not decode")]
    Decode(#[source] postcard::Error),
    /// Bytes remain after it.
    #[error("the record has {extra} bytes after its end")]
    Trailing {
        /// How many.
        extra: usize,
    },
}

impl ScanRecord {
    /// Schema number and postcard: what the journal keeps and the chain is over.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![1, 0]).expect("plain data always encodes")
    }

    /// The record that these bytes say.
    pub fn decode(bytes: &[u8]) -> Result<ScanRecord, RecordError> {
        if bytes.len() > RECORD_MAX {
            return Err(RecordError::TooLong { length: bytes.len() });
        }
        let (schema, content) =
            bytes.split_at_checked(2).ok_or(RecordError::Decode(postcard::Error::DeserializeUnexpectedEnd))?;
        let schema = u16::from_le_bytes([schema[0], schema[1]]);
        if schema != 1 {
            return Err(RecordError::Schema { schema });
        }
        let (record, rest) = postcard::take_from_bytes(content).map_err(RecordError::Decode)?;
        if rest.is_empty() { Ok(record) } else { Err(RecordError::Trailing { extra: rest.len() }) }
    }
}
