//! Where the journal and the replica keep their files: a folder of the system, or a simulated disk that fails on purpose.
//!
//! Both stores are redb files. They go through [`Disk`] so that a simulation can lose what was not synced, tear a
//! write, or fill up. Nothing here knows what the files hold.

pub mod fault;
mod guard;
mod real;
mod rehearsal;

pub use guard::{guarded, is_damage, is_full};
pub use real::RealDisk;
pub use rehearsal::RehearsalDisk;

use redb::{BackendError, StorageBackend};
use std::fmt;
use std::io;
use std::ops::Bound;

/// A folder of files. Names are plain file names.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Whether the file is there.
    fn exists(&self, name: &str) -> io::Result<bool>;
    /// Opens a file that is there, or makes an empty one when `create` says so.
    fn open(&self, name: &str, create: bool) -> io::Result<File>;
    /// Puts `from` in the place of `to`, whole or not at all, and makes that durable. `from` was synced before.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Gives the content of `name` the second name `also`, durably; `also` must not be there.
    fn keep_as(&self, name: &str, also: &str) -> io::Result<()>;
    /// Removes the file; it is no error when it is not there.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// An open file of a [`Disk`], in the form that redb takes.
#[derive(Debug)]
pub struct File(Box<dyn StorageBackend>);

impl File {
    /// Wraps any backend.
    pub fn new(backend: impl StorageBackend) -> Self {
        Self(Box::new(backend))
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
