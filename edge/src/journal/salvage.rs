//! Saves records out of a journal whose tree is broken: reads the raw bytes and takes every row whose checksum holds.
//!
//! It asks nothing of the database, so no damage can lead it astray. Pages that the database had freed are read too:
//! what comes out may include records the hub already has, never fewer than were there. Where rows of several journals'
//! lives lie in the file, those of each are saved: every record says which life it is of, so the hub knows what it has.

use super::row::{self, HEADER, MAGIC, Row};
use crate::disk::File;
use packline_protocol::id::{ScanSeq, StationEpoch};
use packline_protocol::record::{ChainLink, RECORD_MAX};
use redb::StorageBackend;
use std::collections::BTreeMap;

/// Bytes read at once.
const WINDOW: usize = 1 << 20;
/// So that a row across the edge of two windows is whole in one of them.
const OVERLAP: usize = HEADER + RECORD_MAX;
/// When a window cannot be read, it is read in pieces of this size and the bad ones count as zeros.
const SECTOR: usize = 4_096;

/// Where a record was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Find {
    /// The life of the journal that it was written in.
    pub epoch: StationEpoch,
    /// Its number there.
    pub seq: ScanSeq,
    at: u64,
    length: usize,
    before: ChainLink,
    after: ChainLink,
}

/// Everything that was found, by life and number.
#[derive(Debug, Default)]
pub struct Salvage {
    finds: Vec<Find>,
}

impl Salvage {
    /// Reads the whole file.
    pub fn scan(file: &File) -> Salvage {
        let mut lives: BTreeMap<StationEpoch, Life> = BTreeMap::new();
        each_row(file, |at, row| lives.entry(row.epoch).or_default().take(at, row));
        Salvage { finds: lives.into_values().flat_map(Life::unacknowledged).collect() }
    }

    /// The records that the hub may not have, in the order of each life. Two different ones with the same number are both there.
    pub fn finds(&self) -> &[Find] {
        &self.finds
    }
}

impl Find {
    /// The record's bytes.
    pub fn read(&self, file: &File) -> Option<Vec<u8>> {
        let mut bytes = vec![0; self.length];
        read_around_bad_sectors(file, self.at, &mut bytes);
        Row::decode(&bytes).map(|row| row.record.to_vec())
    }
}

#[derive(Debug, Default)]
struct Life {
    finds: BTreeMap<ScanSeq, Vec<Find>>,
    acked: ScanSeq,
}

impl Life {
    fn take(&mut self, at: u64, row: Row<'_>) {
        let (epoch, seq, length) = (row.epoch, row.seq, HEADER + row.record.len());
        let find = Find { epoch, seq, at, length, before: row.before, after: row.after() };
        self.acked = self.acked.max(row.acked);
        let twins = self.finds.entry(row.seq).or_default();
        if !twins.iter().any(|twin| twin.after == find.after) {
            twins.push(find);
        }
    }

    /// Of two with one number, the one that the next record builds on is real; the other's commit never finished.
    fn unacknowledged(self) -> Vec<Find> {
        let mut finds = Vec::new();
        for (seq, twins) in self.finds.iter().filter(|(seq, _)| **seq > self.acked) {
            let next = self.finds.get(&ScanSeq(seq.0 + 1));
            let built_on = |find: &&Find| next.is_some_and(|next| next.iter().any(|next| next.before == find.after));
            match twins.iter().find(built_on) {
                Some(real) => finds.push(*real),
                None => finds.extend(twins),
            }
        }
        finds
    }
}

fn each_row(file: &File, mut found: impl FnMut(u64, Row<'_>)) {
    let length = file.len().unwrap_or_default();
    let mut window = vec![0; WINDOW + OVERLAP];
    let mut start = 0;
    while start < length {
        let size = usize::try_from(length - start).unwrap_or(usize::MAX).min(window.len());
        let Some(bytes) = window.get_mut(..size) else { return };
        read_around_bad_sectors(file, start, bytes);
        for at in starts(bytes).filter(|at| *at < WINDOW) {
            if let Some(row) = bytes.get(at..).and_then(Row::decode) {
                found(start + at as u64, row);
            }
        }
        start += WINDOW as u64;
    }
}

/// Where the magic stands.
fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let first = bytes.iter().enumerate().filter(|(_, byte)| **byte == MAGIC[0]);
    first.map(|(at, _)| at).filter(|at| bytes.get(*at..at + MAGIC.len()) == Some(&MAGIC))
}

fn read_around_bad_sectors(file: &File, start: u64, bytes: &mut [u8]) {
    if file.read(start, bytes).is_ok() {
        return;
    }
    for (number, sector) in bytes.chunks_mut(SECTOR).enumerate() {
        if file.read(start + (number * SECTOR) as u64, sector).is_err() {
            sector.fill(0);
        }
    }
}

// A row must fit between the edge of a window and the end of its overlap.
const _: () = assert!(OVERLAP < WINDOW && row::HEADER == HEADER);
