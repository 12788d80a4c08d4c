//! How a record lies in the file: framed and check-summed, so that it can be found in a file whose tree is broken.

use packline_protocol::id::{ScanSeq, StationEpoch};
use packline_protocol::record::{ChainLink, RECORD_MAX};
use xxhash_rust::xxh3::Xxh3;

/// Bytes before the record.
pub const HEADER: usize = 64;
/// What every row starts with.
pub const MAGIC: [u8; 4] = *b"PkJ1";

/// One row of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The journal's life.
    pub epoch: StationEpoch,
    /// The record's number.
    pub seq: ScanSeq,
    /// The chain before the record.
    pub before: ChainLink,
    /// Bytes of all rows ever written, this one included: the space in use is a difference of two.
    pub total: u64,
    /// How far the hub had acknowledged when this was written.
    pub acked: ScanSeq,
    /// The record, encoded.
    pub record: &'a [u8],
}

/// Bytes of a row with a record of `record` bytes.
pub fn length(record: usize) -> u64 {
    (HEADER + record) as u64
}

impl Row<'_> {
    /// The row's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + self.record.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&u32::try_from(self.record.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&self.epoch.0.to_le_bytes());
        bytes.extend_from_slice(&self.seq.0.to_le_bytes());
        bytes.extend_from_slice(&self.before.0);
        bytes.extend_from_slice(&self.total.to_le_bytes());
        bytes.extend_from_slice(&self.acked.0.to_le_bytes());
        bytes.extend_from_slice(&checksum(&bytes, self.record).to_le_bytes());
        bytes.extend_from_slice(self.record);
        bytes
    }

    /// The chain after the record.
    pub fn after(&self) -> ChainLink {
        self.before.next(self.record)
    }
}

impl<'a> Row<'a> {
    /// The row at the start of `bytes`, if there is a whole and undamaged one; bytes after it do not matter.
    pub fn decode(bytes: &'a [u8]) -> Option<Row<'a>> {
        let length = announced(bytes)?;
        let (head, rest) = bytes.split_at_checked(HEADER)?;
        let record = rest.get(..length)?;
        let (fields, check) = head.split_at_checked(HEADER - 8)?;
        if check != checksum(fields, record).to_le_bytes() {
            return None;
        }
        Some(Row {
            epoch: StationEpoch(number(fields, 8)?),
            seq: ScanSeq(number(fields, 16)?),
            before: ChainLink(fields.get(24..40)?.try_into().ok()?),
            total: number(fields, 40)?,
            acked: ScanSeq(number(fields, 48)?),
            record,
        })
    }
}

/// The record's length that a row starting here announces; `None` where no row starts.
fn announced(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    (length <= RECORD_MAX).then_some(length)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn checksum(fields: &[u8], record: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(fields);
    hasher.update(record);
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(record: &[u8]) -> Row<'_> {
        let before = ChainLink([7; 16]);
        Row { epoch: StationEpoch(3), seq: ScanSeq(9), before, total: 1_000, acked: ScanSeq(4), record }
    }

    #[test]
    fn a_row_comes_back_and_every_flipped_bit_is_seen() {
        let bytes = row(b"what was said").encode();
        assert_eq!(bytes.len() as u64, length(13));
        assert_eq!(Row::decode(&bytes), Some(row(b"what was said")));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Row::decode(&damaged), None, "bit {bit}");
        }
    }

    #[test]
    fn a_row_that_is_cut_short_is_no_row() {
        let bytes = row(b"what was said").encode();
        for length in 0..bytes.len() {
            assert_eq!(Row::decode(&bytes[..length]), None, "{length} bytes");
        }
    }
}
