//! How entries are chained: the one canonical encoding, its hash, the hub's mark over it, and the check of it all. Pure.
//!
//! The hash is plain BLAKE3 in key derivation mode with the context below, over: the hash before (32 bytes), number and
//! time (8 bytes each, little-endian), then actor, action, kind and name of the subject, before, after and reason, each
//! as a byte 1, its length in 8 bytes and its UTF-8 text, or as a byte 0 when there is none. So anybody who has an export
//! can check it without a key.

use super::model::{Entry, FaultKind, GENESIS, Hash, REASON_MAX, Recorded, STATE_MAX, Seal};
use crate::store::ChainKey;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use packline_protocol::time::Timestamp;
use serde_json::{Value, json};

const CONTEXT: &str = "packline-hub 2026 audit entry";
const SEAL_CONTEXT: &[u8] = b"packline-hub 2026 audit seal";

/// The entry as it stands after `prev` with number `seq`.
pub(super) fn link(entry: Entry, seq: i64, prev: Hash, key: &ChainKey) -> Recorded {
    let mut recorded = Recorded {
        seq,
        at: entry.at,
        actor: entry.actor.to_string(),
        action: entry.action.to_owned(),
        subject_kind: entry.subject.kind.to_owned(),
        subject_id: entry.subject.id,
        before: entry.before.map(|state| kept(&state)),
        after: entry.after.map(|state| kept(&state)),
        reason: entry.reason.map(|reason| reason.trim().chars().take(REASON_MAX).collect()),
        prev,
        hash: [0; 32],
        mac: [0; 32],
        key_id: key.id.clone(),
    };
    recorded.hash = hash(&recorded);
    recorded.mac = mac(&recorded.hash, key);
    recorded
}

/// The hash that an entry with this content has.
pub(super) fn hash(entry: &Recorded) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&entry.prev);
    hasher.update(&entry.seq.to_le_bytes());
    hasher.update(&entry.at.0.to_le_bytes());
    let words = [&entry.actor, &entry.action, &entry.subject_kind, &entry.subject_id].map(Some);
    for text in words.into_iter().chain([entry.before.as_ref(), entry.after.as_ref(), entry.reason.as_ref()]) {
        match text {
            None => hasher.update(&[0]),
            Some(text) => hasher.update(&[1]).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes()),
        };
    }
    *hasher.finalize().as_bytes()
}

/// The hub's mark over a hash: only who has the key can make it.
fn mac(hash: &Hash, key: &ChainKey) -> Hash {
    *blake3::keyed_hash(&key.secret, hash).as_bytes()
}

fn kept(state: &Value) -> String {
    let text = state.to_string();
    if text.len() <= STATE_MAX {
        return text;
    }
    json!({ "too_long": text.len(), "blake3": blake3::hash(text.as_bytes()).to_hex().as_str() }).to_string()
}

/// A walk along the chain, from an end that is known to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Walk {
    /// The last entry that was found right.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
}

impl Walk {
    /// Before the first entry.
    pub fn start() -> Walk {
        Walk { seq: 0, hash: GENESIS }
    }

    /// One entry on, or what is wrong with it.
    pub fn step(&mut self, entry: &Recorded, key: &ChainKey) -> Result<(), FaultKind> {
        if entry.seq != self.seq + 1 {
            return Err(FaultKind::Missing);
        }
        if hash(entry) != entry.hash {
            return Err(FaultKind::Changed);
        }
        if entry.prev != self.hash {
            return Err(FaultKind::Unlinked);
        }
        if entry.key_id != key.id {
            return Err(FaultKind::OtherKey { key_id: entry.key_id.clone() });
        }
        if mac(&entry.hash, key) != entry.mac {
            return Err(FaultKind::Forged);
        }
        *self = Walk { seq: entry.seq, hash: entry.hash };
        Ok(())
    }
}

/// The end of the chain, signed.
pub(super) fn seal(walk: Walk, at: Timestamp, key_id: String, key: &SigningKey) -> Seal {
    let signature = key.sign(&seal_bytes(walk.seq, &walk.hash, at)).to_bytes();
    Seal { seq: walk.seq, hash: walk.hash, at, key_id, signature: signature.to_vec() }
}

/// Whether this hub made the seal.
pub(super) fn is_ours(seal: &Seal, key: &VerifyingKey) -> bool {
    let bytes = seal_bytes(seal.seq, &seal.hash, seal.at);
    Signature::from_slice(&seal.signature).is_ok_and(|signature| key.verify_strict(&bytes, &signature).is_ok())
}

fn seal_bytes(seq: i64, hash: &Hash, at: Timestamp) -> Vec<u8> {
    [SEAL_CONTEXT, &seq.to_le_bytes(), hash, &at.0.to_le_bytes()].concat()
}
