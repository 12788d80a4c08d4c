//! Faults put in on purpose, to see that the simulation would notice them.
//!
//! They sit where the world hands things to the product, so that the product needs no switch.

use packline_protocol::downlink::Downlink;
use packline_protocol::id::Seq;
use packline_protocol::proof::Root;
use packline_protocol::uplink::ReplicaState;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Deltas after a gap look as if they followed on.
    HideGaps,
    /// No proof ever speaks against the replica.
    HideProofs,
    /// The station hears that a record is durable before it is written.
    EarlyDurable,
    /// The hub acknowledges records that it has not taken.
    EarlyAck,
    /// The replica is as fresh as the last head, reached or not.
    EarlyFresh,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Sabotage; 5] =
        [Sabotage::HideGaps, Sabotage::HideProofs, Sabotage::EarlyDurable, Sabotage::EarlyAck, Sabotage::EarlyFresh];

    /// What a station gets to hear instead of `message`, standing at `at`.
    pub fn distort(self, message: &mut Downlink, at: ReplicaState) {
        match (self, message) {
            (Sabotage::HideGaps, Downlink::Delta(delta)) if delta.prev > at.seq && delta.epoch == at.epoch => {
                delta.prev = at.seq;
                delta.root = None;
            }
            (Sabotage::HideGaps | Sabotage::HideProofs, Downlink::Head(head)) if at.seq == head.seq => {
                head.root = at.root;
            }
            (Sabotage::HideProofs, Downlink::Delta(delta)) => delta.root = None,
            (Sabotage::EarlyFresh, Downlink::Head(head)) if head.epoch == at.epoch && at.seq > Seq(0) => {
                head.seq = head.seq.min(at.seq);
                head.root = if head.seq == at.seq { at.root } else { Root::default() };
            }
            _ => {}
        }
    }
}
