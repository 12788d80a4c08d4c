//! The nouns of backups: what stands at the head of one, the runs that made them, why one cannot be used.

use crate::store::{Engine, StoreError};
use packline_protocol::id::{ScanSeq, StationEpoch, StationId};
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use utoipa::ToSchema;

/// The first line of every backup. Another layout gets another number.
pub const MAGIC: &str = "packline-backup 1";
/// The longest head of a backup, in bytes.
pub const HEAD_MAX: usize = 64 * 1024 * 1024;
/// A passphrase has at least so many characters.
pub const PASSPHRASE_MIN: usize = 12;
/// Numbers that a restored database leaves out: the hub that was lost may have given them to rows which stations
/// still name. Enough for years of work since the backup.
pub const NUMBERS_LEFT_OUT: i64 = 1_000_000_000;

/// What a backup says about itself, readable with `head -3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The program that made it.
    pub version: String,
    /// The schema of the database in it.
    pub schema: i64,
    /// `sqlite` or `postgres`: a backup goes back to the same kind of database.
    pub engine: String,
    /// When it was begun, in milliseconds since 1970.
    pub made_at: Timestamp,
    /// Which hub it is of.
    pub hub_id: String,
    /// The numbers of the keys with which personal data is sealed, so that the right ones can be found.
    pub data_keys: Vec<String>,
    /// Where each site's change log stood: life and newest change, in words.
    pub logs: BTreeMap<String, String>,
    /// How many rows each table has.
    pub tables: BTreeMap<String, u64>,
    /// Up to which record each journal of each station is in it.
    pub positions: Vec<JournalPosition>,
    /// The copy of the database: its length before compression.
    pub content_bytes: u64,
    /// And its BLAKE3 hash, in hexadecimal digits.
    pub content_blake3: String,
    /// The hub's keys, sealed with a passphrase, when that was asked for.
    pub keys: Option<SealedKeys>,
}

/// Up to which record a journal is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPosition {
    /// Whose journal.
    pub station: StationId,
    /// Which life of it.
    pub station_epoch: StationEpoch,
    /// All records up to this one.
    pub upto: ScanSeq,
}

/// Key files, encrypted with ChaCha20-Poly1305 under a key that Argon2id makes of a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKeys {
    /// Which hub they are of.
    pub hub_id: String,
    /// Argon2id: memory in KiB, passes, lanes.
    pub cost: [u32; 3],
    /// Its salt, in hexadecimal digits.
    pub salt: String,
    /// The cipher's nonce, in hexadecimal digits.
    pub nonce: String,
    /// The files, encrypted, in hexadecimal digits.
    pub sealed: String,
}

/// The word for an engine in a manifest.
pub fn engine_word(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    }
}

/// A backup that was made, is being made, or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Run {
    /// Its number.
    pub id: i64,
    /// Who asked for it.
    pub actor: String,
    /// running, done, failed
    pub status: String,
    /// The file.
    pub target: String,
    /// Whether it survives the loss of this machine.
    pub off_machine: bool,
    /// When it began, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub started_at: Timestamp,
    /// When it ended, in milliseconds since 1970.
    #[schema(value_type = Option<i64>)]
    pub finished_at: Option<Timestamp>,
    /// The file's length.
    pub bytes: Option<i64>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// Why a backup cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("failed to {what} `{}`", path.display())]
    File {
        /// What was attempted.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// There is something already.
    #[error("`{}` is there already; give a name that is free", path.display())]
    Taken {
        /// Which file.
        path: PathBuf,
    },
    /// The file is no backup, or not a whole one.
    #[error("`{}` is not a whole backup: {why}; nothing was changed", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The backup does not fit this hub.
    #[error("the backup does not fit: {why}")]
    Unfit {
        /// Why.
        why: String,
    },
    /// The copy of the database is not sound.
    #[error("the copy of the database is not sound: {why}")]
    Unsound {
        /// What is wrong with it.
        why: String,
    },
    /// There is data that the restore would replace.
    #[error("the database holds data ({what}); give --replace to put the backup in its place")]
    NotEmpty {
        /// What was found.
        what: String,
    },
    /// A hub works on what should be replaced.
    #[error("a hub works on {what}; stop it first")]
    Live {
        /// On what.
        what: String,
    },
    /// A program of the database is needed and not there.
    #[error("`{tool}` is not installed; it comes with PostgreSQL (Debian: postgresql-client)")]
    NoTool {
        /// Which.
        tool: &'static str,
    },
    /// A program of the database failed.
    #[error("`{tool}` failed: {said}")]
    Tool {
        /// Which.
        tool: &'static str,
        /// What it said.
        said: String,
    },
    /// The keys cannot be used.
    #[error("{why}")]
    Keys {
        /// Why.
        why: String,
    },
    /// The store failed.
    #[error("failed to {what}")]
    Store {
        /// What was attempted.
        what: &'static str,
        /// Why.
        #[source]
        cause: StoreError,
    },
    /// A change log could not begin its new life.
    #[error("failed to begin new change logs")]
    Lives(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// One is being made.
    #[error("a backup is being made; wait for its end")]
    Running,
    /// The work was cut off.
    #[error("the work was cut off")]
    Cut,
}

impl BackupError {
    /// A file could not be dealt with.
    pub fn file(what: &'static str, path: impl Into<PathBuf>, cause: io::Error) -> BackupError {
        BackupError::File { what, path: path.into(), cause }
    }
}
