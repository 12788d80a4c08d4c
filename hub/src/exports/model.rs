//! Exports as words.

use crate::error::{Error, Kind};
use crate::orders::model::OrderError;
use crate::store::StoreError;
use packline_protocol::time::Timestamp;

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values, UTF-8 with its mark, so that every spreadsheet reads Chinese.
    Csv,
    /// A workbook.
    Xlsx,
}

impl Format {
    /// As tables, addresses and file names have it.
    pub fn word(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
        }
    }

    /// The format with this word.
    pub fn parse(word: &str) -> Option<Format> {
        [Format::Csv, Format::Xlsx].into_iter().find(|format| format.word() == word)
    }

    /// What browsers call it.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8",
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits.
    Queued,
    /// It is being written.
    Running,
    /// The file is there.
    Done,
    /// It broke.
    Failed,
    /// Its asker stopped it.
    Cancelled,
    /// The file was kept for its time.
    Expired,
}

impl Status {
    /// Every status.
    pub const ALL: [Status; 6] =
        [Status::Queued, Status::Running, Status::Done, Status::Failed, Status::Cancelled, Status::Expired];

    /// As tables have it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Done => "done",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
            Status::Expired => "expired",
        }
    }

    /// The status with this word.
    pub fn parse(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Whether something may still happen.
    pub fn is_open(self) -> bool {
        matches!(self, Status::Queued | Status::Running)
    }
}

/// An export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: i64,
    /// Who asked, as text: `user:anna`.
    pub actor: String,
    /// What kind of file.
    pub format: Format,
    /// The language of headings and states: `en`, else Chinese.
    pub language: String,
    /// Which orders, as the address of the list has it.
    pub query: String,
    /// Whether its asker may see money.
    pub with_money: bool,
    /// How far it is.
    pub status: Status,
    /// Why it broke.
    pub failure: Option<String>,
    /// Orders written.
    pub rows: u64,
    /// Orders that were found at the begin; of very many only so many were counted.
    pub expected: u64,
    /// The length of the file.
    pub bytes: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last got further.
    pub touched_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Why an export could not be asked for or written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store failed.
    #[error("failed to read or write exports")]
    Store(#[from] StoreError),
    /// The orders could not be read.
    #[error("failed to read the orders of an export")]
    Orders(#[from] OrderError),
    /// The file could not be written.
    #[error("failed to write the file of an export")]
    File(#[from] std::io::Error),
    /// The workbook could not be written.
    #[error("failed to write the workbook of an export: {0}")]
    Workbook(String),
    /// The question is not one that lists take.
    #[error("{0}")]
    Query(#[from] crate::orders::filter::FilterError),
    /// Somebody has as many exports running as anybody may.
    #[error("{0} exports of yours are not over; wait for one, or cancel it")]
    TooMany(usize),
}

impl From<ExportError> for Error {
    fn from(error: ExportError) -> Error {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::Orders(error) => error.into(),
            ExportError::Query(error) => error.into(),
            ExportError::TooMany(_) => Error::new(Kind::TooMany, error.to_string()),
            error => Error::internal("failed to write an export", error),
        }
    }
}
