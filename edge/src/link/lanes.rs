//! What waits for room on the connection, in two lanes: short messages ahead of batches.

use bytes::Bytes;
use packline_protocol::uplink::Uplink;
use std::collections::VecDeque;

/// More short messages than this at once is a connection that takes nothing; the oldest are of least use.
const URGENT_MAX: usize = 64;
/// The session's window is smaller; more can only be batches that it has given up on.
const BULK_MAX: usize = 16;

/// A message sealed and addressed.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub topic: String,
    pub payload: Bytes,
}

/// Letters that wait.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    urgent: VecDeque<Letter>,
    bulk: VecDeque<Letter>,
}

impl Lanes {
    /// Lines a letter up; `message` is what it says.
    pub(super) fn push(&mut self, message: &Uplink, letter: Letter) {
        let (lane, max) = match message {
            Uplink::Batch(_) => (&mut self.bulk, BULK_MAX),
            _ => (&mut self.urgent, URGENT_MAX),
        };
        if lane.len() == max {
            lane.pop_front();
        }
        lane.push_back(letter);
    }

    /// The next letter to send, which stays until [`Lanes::sent`].
    pub(super) fn next(&self) -> Option<&Letter> {
        self.urgent.front().or(self.bulk.front())
    }

    /// The letter that [`Lanes::next`] showed is on its way, or can never be.
    pub(super) fn sent(&mut self) {
        if self.urgent.pop_front().is_none() {
            self.bulk.pop_front();
        }
    }

    /// The connection is gone: the session says everything anew.
    pub(super) fn clear(&mut self) {
        self.urgent.clear();
        self.bulk.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packline_protocol::id::{ScanSeq, StationEpoch};
    use packline_protocol::record::ChainLink;
    use packline_protocol::uplink::{Batch, Goodbye};

    fn batch() -> Uplink {
        let (station_epoch, first, before) = (StationEpoch(1), ScanSeq(1), ChainLink::START);
        Batch { station_epoch, first, before, records: Vec::new() }.into()
    }

    fn letter(topic: &str) -> Letter {
        Letter { topic: topic.to_owned(), payload: Bytes::new() }
    }

    #[test]
    fn short_messages_go_ahead_of_batches_and_neither_lane_grows_without_end() {
        let mut lanes = Lanes::default();
        (0..100).for_each(|n| lanes.push(&batch(), letter(&format!("batch {n}"))));
        (0..100).for_each(|n| lanes.push(&Goodbye { session: n }.into(), letter(&format!("short {n}"))));
        let mut order = Vec::new();
        while let Some(next) = lanes.next() {
            order.push(next.topic.clone());
            lanes.sent();
        }
        assert_eq!(order.len(), URGENT_MAX + BULK_MAX);
        assert_eq!((order[0].as_str(), order[URGENT_MAX].as_str()), ("short 36", "batch 84"));
    }
}
