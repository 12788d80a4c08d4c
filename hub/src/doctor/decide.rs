//! What is wrong with a journal as it is stored, record by record.

use packline_protocol::id::ScanSeq;
use packline_protocol::record::ChainLink;
use packline_protocol::time::Timestamp;

/// A record as the chain sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub seq: ScanSeq,
    /// The chain after it, as it is stored.
    pub link: ChainLink,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Where the hub says it stands with a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The newest record that was acknowledged.
    pub upto: ScanSeq,
    /// The chain there; `None` when nobody knows it.
    pub link: Option<ChainLink>,
    /// When the newest record came.
    pub last_at: Timestamp,
}

/// A walk along one journal's records, in their order.
#[derive(Debug)]
pub struct Walk {
    /// Records that were given up, from and to, in their order.
    gaps: Vec<(ScanSeq, ScanSeq)>,
    at: Option<(ScanSeq, ChainLink)>,
}

impl Walk {
    /// A walk along a journal of which these records are known to be gone.
    pub fn new(gaps: Vec<(ScanSeq, ScanSeq)>) -> Walk {
        Walk { gaps, at: None }
    }

    /// Takes the next record and says what is wrong with it.
    pub fn step(&mut self, record: &Stored) -> Option<String> {
        let before = self.at.replace((record.seq, record.link));
        // The oldest records are forgotten in time, so the first one that is there may have any number.
        let (expected, follows) = match before {
            Some((seq, link)) => (ScanSeq(seq.0 + 1), Some(link.next(&record.body))),
            None if record.seq == ScanSeq(1) => (record.seq, Some(ChainLink::START.next(&record.body))),
            None => (record.seq, None),
        };
        if record.seq == expected {
            let fits = follows.is_none_or(|link| link == record.link);
            return (!fits).then(|| format!("record {} does not follow from the one before it", record.seq));
        }
        let last = ScanSeq(record.seq.0.saturating_sub(1));
        if self.is_given_up(expected, last) {
            return None;
        }
        Some(format!("records {expected} to {last} are missing"))
    }

    /// Says what is wrong with where the hub stands. `must_be_here` is when a record came that cannot be forgotten yet.
    pub fn end(&self, standing: Standing, must_be_here: Timestamp) -> Option<String> {
        let Standing { upto, link, last_at } = standing;
        match self.at {
            Some((seq, _)) if seq > upto => {
                Some(format!("records up to {seq} are stored and the hub says it has them up to {upto}"))
            }
            Some((seq, _)) if seq < upto && !self.is_given_up(ScanSeq(seq.0 + 1), upto) => {
                Some(format!("records up to {upto} were acknowledged and only those up to {seq} are stored"))
            }
            Some((seq, stored)) if seq == upto && link.is_some_and(|link| link != stored) => {
                Some(format!("the chain at record {upto} is another than the one that the hub goes on from"))
            }
            None if upto > ScanSeq(0) && last_at >= must_be_here && !self.is_given_up(ScanSeq(1), upto) => {
                Some(format!("records up to {upto} were acknowledged and none is stored"))
            }
            _ => None,
        }
    }

    /// The last record of the walk.
    pub fn last(&self) -> Option<(ScanSeq, ChainLink)> {
        self.at
    }

    fn is_given_up(&self, from: ScanSeq, to: ScanSeq) -> bool {
        let mut next = from;
        for (first, last) in &self.gaps {
            if *first <= next && *last >= next {
                next = ScanSeq(last.0 + 1);
            }
        }
        next > to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(count: u64) -> Vec<Stored> {
        let mut link = ChainLink::START;
        (1..=count)
            .map(|seq| {
                let body = vec![u8::try_from(seq).unwrap(); 3];
                link = link.next(&body);
                Stored { seq: ScanSeq(seq), link, body }
            })
            .collect()
    }

    #[track_caller]
    fn check(records: &[Stored], gaps: &[(u64, u64)], upto: u64, expected: &[&str]) {
        let gaps = gaps.iter().map(|(from, to)| (ScanSeq(*from), ScanSeq(*to))).collect();
        let mut walk = Walk::new(gaps);
        let mut said: Vec<String> = records.iter().filter_map(|record| walk.step(record)).collect();
        let link =
            records.last().map(|record| record.link).filter(|_| walk.last().map(|at| at.0) == Some(ScanSeq(upto)));
        said.extend(walk.end(Standing { upto: ScanSeq(upto), link, last_at: Timestamp(9) }, Timestamp(5)));
        assert_eq!(said.len(), expected.len(), "{said:?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn a_whole_journal_has_nothing_wrong_also_without_its_oldest_records() {
        check(&records(6), &[], 6, &[]);
        check(&records(6)[3..], &[], 6, &[]);
        check(&[], &[], 0, &[]);
    }

    #[test]
    fn a_missing_or_changed_record_is_named() {
        let mut changed = records(6);
        changed[2].body[0] ^= 1;
        check(&changed, &[], 6, &["record 3 does not follow"]);
        let mut first = records(2);
        first[0].body[0] ^= 1;
        check(&first, &[], 2, &["record 1 does not follow"]);
        let missing: Vec<Stored> = records(6).into_iter().filter(|record| ![3, 4].contains(&record.seq.0)).collect();
        check(&missing, &[], 6, &["records 3 to 4 are missing"]);
        check(&missing, &[(3, 4)], 6, &[]);
        check(&missing, &[(3, 3), (4, 4)], 6, &[]);
        check(&missing, &[(3, 3)], 6, &["records 3 to 4 are missing"]);
    }

    #[test]
    fn what_was_acknowledged_must_be_stored() {
        check(&records(6), &[], 8, &["only those up to 6 are stored"]);
        check(&records(6), &[(7, 8)], 8, &[]);
        check(&records(6), &[], 4, &["says it has them up to 4"]);
        check(&[], &[], 4, &["none is stored"]);
    }
}
