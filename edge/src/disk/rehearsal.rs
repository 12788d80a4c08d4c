//! A real disk that is slow or full on demand, to rehearse what a packer then sees.
//!
//! A file says what it is to be: `slow 400` makes each sync take so many milliseconds longer, `full` refuses to grow,
//! anything else is the disk as it is. Data is never touched. A station that runs on it says so on its page for as long
//! as it runs, so that nobody takes a rehearsal for work.

use super::{Disk, File, RealDisk};
use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// "No space left on device".
const ENOSPC: i32 = 28;
/// A sync takes at most so much longer, in milliseconds.
const SLOW_MAX_MS: u64 = 60_000;

/// A real disk with a file that says how it fares.
#[derive(Debug, Clone)]
pub struct RehearsalDisk {
    real: RealDisk,
    orders: Arc<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Usual,
    Slow(Duration),
    Full,
}

impl RehearsalDisk {
    /// This disk, as the file `orders` says.
    pub fn new(real: RealDisk, orders: PathBuf) -> Self {
        Self { real, orders: Arc::new(orders) }
    }
}

impl Disk for RehearsalDisk {
    fn exists(&self, name: &str) -> io::Result<bool> {
        self.real.exists(name)
    }

    fn open(&self, name: &str, create: bool) -> io::Result<File> {
        Ok(File::new(RehearsalFile { real: self.real.open(name, create)?, orders: Arc::clone(&self.orders) }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.real.rename(from, to)
    }

    fn keep_as(&self, name: &str, also: &str) -> io::Result<()> {
        self.real.keep_as(name, also)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.real.remove(name)
    }
}

#[derive(Debug)]
struct RehearsalFile {
    real: File,
    orders: Arc<PathBuf>,
}

impl RehearsalFile {
    fn mood(&self) -> Mood {
        mood(&std::fs::read_to_string(self.orders.as_path()).unwrap_or_default())
    }
}

fn mood(orders: &str) -> Mood {
    match orders.trim().split_once(' ') {
        None if orders.trim() == "full" => Mood::Full,
        Some(("slow", ms)) => {
            ms.parse().map_or(Mood::Usual, |ms: u64| Mood::Slow(Duration::from_millis(ms.min(SLOW_MAX_MS))))
        }
        _ => Mood::Usual,
    }
}

impl StorageBackend for RehearsalFile {
    fn len(&self) -> io::Result<u64> {
        self.real.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.real.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.mood() == Mood::Full && len > self.real.len()? {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        self.real.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        match self.mood() {
            Mood::Slow(longer) => std::thread::sleep(longer),
            // A file system that copies what it writes has no room for the new either.
            Mood::Full => return Err(io::Error::from_raw_os_error(ENOSPC)),
            Mood::Usual => {}
        }
        self.real.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.real.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.real.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.real.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.real.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.real.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.real.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.real.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.real.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clear_orders_make_a_disk_slow_or_full() {
        for (orders, expected) in [
            ("", Mood::Usual),
            ("full\n", Mood::Full),
            ("slow 400\n", Mood::Slow(Duration::from_millis(400))),
            ("slow 999999999", Mood::Slow(Duration::from_millis(SLOW_MAX_MS))),
            ("slow down", Mood::Usual),
            ("full of cups", Mood::Usual),
        ] {
            assert_eq!(mood(orders), expected, "{orders:?}");
        }
    }
}
