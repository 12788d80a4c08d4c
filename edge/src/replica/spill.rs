//! Sorts more numbers than memory should hold: sorted runs in a file, merged once.

use crate::disk::{Disk, File};
use redb::StorageBackend;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;

/// A hash of a code, and a parcel that has it.
pub(super) type Pair = (u64, u64);

const PAIR: usize = 16;
/// Pairs in memory before they become a run: 2 MiB.
const RUN_PAIRS: usize = 128 * 1024;
/// Bytes of one run read at once.
const READ: usize = 32 * 1024;

/// Pairs in any order in, in rising order out.
#[derive(Debug)]
pub(super) struct Spill {
    disk: Arc<dyn Disk>,
    name: &'static str,
    file: File,
    /// Where each run ends in the file.
    runs: Vec<u64>,
    pairs: Vec<Pair>,
}

impl Spill {
    /// Begins with an empty file.
    pub fn create(disk: &Arc<dyn Disk>, name: &'static str) -> io::Result<Self> {
        disk.remove(name)?;
        let file = disk.open(name, true)?;
        Ok(Self { disk: Arc::clone(disk), name, file, runs: Vec::new(), pairs: Vec::new() })
    }

    pub fn push(&mut self, pair: Pair) -> io::Result<()> {
        self.pairs.push(pair);
        if self.pairs.len() == RUN_PAIRS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pairs.sort_unstable();
        let mut bytes = Vec::with_capacity(self.pairs.len() * PAIR);
        for (hash, parcel) in self.pairs.drain(..) {
            bytes.extend_from_slice(&hash.to_le_bytes());
            bytes.extend_from_slice(&parcel.to_le_bytes());
        }
        let start = self.runs.last().copied().unwrap_or_default();
        let end = start + bytes.len() as u64;
        self.file.set_len(end)?;
        self.file.write(start, &bytes)?;
        self.runs.push(end);
        Ok(())
    }

    /// Hands every pair over in rising order.
    pub fn merge<E: From<io::Error>>(&mut self, mut each: impl FnMut(Pair) -> Result<(), E>) -> Result<(), E> {
        self.flush()?;
        self.pairs = Vec::new();
        let starts = std::iter::once(0).chain(self.runs.iter().copied());
        let mut runs: Vec<Run> = starts.zip(self.runs.iter().copied()).map(|(at, end)| Run::new(at, end)).collect();
        let mut heap = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            heap.extend(run.next(&self.file)?.map(|pair| Reverse((pair, number))));
        }
        while let Some(Reverse((pair, number))) = heap.pop() {
            each(pair)?;
            heap.extend(runs[number].next(&self.file)?.map(|pair| Reverse((pair, number))));
        }
        Ok(())
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        // What stays behind is removed by the next one.
        let _ = self.file.close();
        let _ = self.disk.remove(self.name);
    }
}

/// One run being read.
struct Run {
    at: u64,
    end: u64,
    bytes: Vec<u8>,
    used: usize,
}

impl Run {
    fn new(at: u64, end: u64) -> Self {
        Self { at, end, bytes: Vec::new(), used: 0 }
    }

    fn next(&mut self, file: &File) -> io::Result<Option<Pair>> {
        if self.used == self.bytes.len() {
            let size = usize::try_from(self.end - self.at).unwrap_or(READ).min(READ);
            self.bytes.resize(size, 0);
            file.read(self.at, &mut self.bytes)?;
            self.at += size as u64;
            self.used = 0;
        }
        let pair = self.bytes[self.used..].first_chunk::<PAIR>().map(|bytes| {
            let (hash, parcel) = bytes.split_at(8);
            (number(hash), number(parcel))
        });
        self.used += if pair.is_some() { PAIR } else { 0 };
        Ok(pair)
    }
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("half a pair has eight bytes"))
}
