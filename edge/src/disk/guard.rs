//! Telling a damaged file from a disk that is in the way.

use std::io::{Error, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// "Input/output error": a sector that cannot be read.
const EIO: i32 = 5;

/// Runs a step of the database. Redb may panic on a file that was damaged outside it; that is damage like any other.
pub fn guarded<T>(step: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    catch_unwind(AssertUnwindSafe(step))
        .unwrap_or_else(|_| Err(redb::Error::Corrupted("the database panicked".to_owned())))
}

/// Whether the content of the file is damaged, so that opening it again will never help. A full disk, a missing right
/// or another process that holds the file are no damage; a sector that cannot be read is.
pub fn is_damage(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(cause) => {
            // "Invalid data" is what redb says of a file that is none of its own.
            let content = matches!(cause.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData);
            content || cause.raw_os_error() == Some(EIO)
        }
        redb::Error::DatabaseAlreadyOpen | redb::Error::DatabaseClosed | redb::Error::PreviousIo => false,
        _ => true,
    }
}

/// Whether the disk, or somebody's share of it, is full.
pub fn is_full(cause: &Error) -> bool {
    matches!(cause.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}
