//! An import: what was asked for, how far it is, and what was wrong.

use super::mapping::MappingError;
use crate::error::{Error, Kind};
use crate::orders::model::OrderError;
use crate::store::StoreError;
use packline_protocol::facts::OrderStatus;
use packline_protocol::id::SiteId;
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The largest file, in bytes.
pub const FILE_MAX: u64 = 1024 * 1024 * 1024;
/// Problems that are kept of one import; more are counted.
pub const PROBLEMS_MAX: u64 = 10_000;

/// What is asked for with a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The platform of orders that name none.
    pub platform: Option<String>,
    /// The site of orders and parcels that name none.
    pub site: Option<SiteId>,
    /// Which column says what, by field name, where the header's own words do not say it.
    pub mapping: BTreeMap<String, String>,
    /// The status of new orders when the file has no column for it: `paid` unless told otherwise.
    pub status: Option<Status>,
}

/// An order's status by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Status(pub OrderStatus);

/// One import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// The file's name, for people.
    pub file_name: String,
    /// BLAKE3 of the whole content, in hexadecimal digits.
    pub content_hash: String,
    /// How the file is written.
    pub format: Option<Format>,
    /// What was asked for with it.
    pub options: Options,
    /// Which column says what.
    pub columns: Option<ColumnsFound>,
    /// Who brought it.
    pub actor: String,
    /// Where it stands.
    pub status: JobStatus,
    /// Why it failed as a whole.
    pub failure: Option<String>,
    /// When it was brought.
    pub created_at: Timestamp,
    /// When reading began.
    pub started_at: Option<Timestamp>,
    /// When it last made progress.
    pub touched_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How far it is.
    pub progress: Progress,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Rows of cells.
    Csv,
    /// One order, a list of orders, or one order per line.
    Json,
}

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// It waits for its turn.
    Queued,
    /// It is being read.
    Running,
    /// It was read to its end.
    Done,
    /// It could not be read to its end.
    Failed,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Progress {
    /// The file's length.
    pub bytes_total: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Rows of a CSV file or orders of a JSON file that were read.
    pub rows: u64,
    /// Orders that were read.
    pub orders: u64,
    /// Orders that were made.
    pub created: u64,
    /// Orders that were changed.
    pub changed: u64,
    /// Orders that told nothing new.
    pub unchanged: u64,
    /// Orders that were not taken.
    pub refused: u64,
    /// Entries in the list of problems, also of those that were not kept.
    pub problems: u64,
}

/// Which column of a file says what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ColumnsFound {
    /// Column names by field.
    pub used: BTreeMap<String, String>,
    /// Columns that say nothing we know.
    pub ignored: Vec<String>,
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ImportProblem)]
pub struct Problem {
    /// The line of a CSV row or the number of a JSON order, from 1; 0 for the file as a whole.
    pub row: u64,
    /// The order that it is about.
    pub order_no: Option<String>,
    /// The column or field.
    pub column: Option<String>,
    /// What was given, where it can be nobody's data; else its shape, for example `11 digits`.
    pub given: Option<String>,
    /// What is wrong and what is accepted.
    pub message: String,
    /// The order was taken all the same.
    pub note: bool,
}

macro_rules! words {
    ($kind:ident: $($variant:ident = $word:literal),+) => {
        impl $kind {
            /// Its word in tables and API.
            pub fn word(self) -> &'static str {
                match self { $($kind::$variant => $word),+ }
            }

            /// What a word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some($kind::$variant),)+ _ => None }
            }
        }
    };
}

words!(Format: Csv = "csv", Json = "json");
words!(JobStatus: Queued = "queued", Running = "running", Done = "done", Failed = "failed");

impl Job {
    /// Whether nothing more will happen to it.
    pub fn is_over(&self) -> bool {
        matches!(self.status, JobStatus::Done | JobStatus::Failed)
    }
}

/// Why an import cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The store failed.
    #[error("failed to read or write an import")]
    Store(#[from] StoreError),
    /// The order master failed.
    #[error("failed to take orders of an import")]
    Orders(#[from] OrderError),
    /// The file cannot be read or kept.
    #[error("failed to read or keep the file")]
    File(#[from] std::io::Error),
    /// The file is too large.
    #[error("the file has more than {FILE_MAX} bytes; split it")]
    TooLarge,
    /// There is nothing in it.
    #[error("the file is empty; give a CSV or JSON file with orders")]
    Empty,
    /// It is no text.
    #[error("the file is {is}; {todo}")]
    NoText {
        /// What it is.
        is: &'static str,
        /// What to do with it.
        todo: &'static str,
    },
    /// The mapping cannot be used.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// An option is not accepted.
    #[error("{name} is `{given}`; give {accepted}")]
    Option {
        /// Which.
        name: &'static str,
        /// What was given.
        given: String,
        /// What is accepted.
        accepted: &'static str,
    },
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Error {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Orders(error) => error.into(),
            ImportError::File(cause) => Error::internal("failed to keep the file", cause),
            ImportError::TooLarge => Error::new(Kind::TooLarge, error.to_string()),
            ImportError::NoText { .. } => Error::new(Kind::Unsupported, error.to_string()),
            ImportError::Empty | ImportError::Mapping(_) | ImportError::Option { .. } => {
                Error::invalid(error.to_string())
            }
        }
    }
}
