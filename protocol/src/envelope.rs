//! The frame around every message: what it is, how long, whole, and from whom.
//!
//! ```text
//! magic A7 | envelope 1 | kind u16 | schema u16 | flags u8 | key u32 | length u32 | checksum u64 | body | signature 64
//! ```
//!
//! All numbers are little-endian. The checksum is XXH3-64 over everything before it and the body. The signature is
//! Ed25519 over a context text, the header and the body; a message without a good one is refused. The body is
//! postcard, compressed by zstd when the flag says so (only where it pays).
//!
//! # Adding a field
//!
//! Postcard does not tell fields apart: a field added in place is misread, silently, in both directions. So a
//! message's type is frozen once released. To add a field to `Hello`:
//!
//! 1. Keep the old type as `HelloV1`, make the new `Hello`, write `From<HelloV1> for Hello`.
//! 2. In the `messages!` list write `Hello = 1, 2, from HelloV1 = 1;`: kind 1 is now written as schema 2, and schema 1
//!    is still read.
//! 3. Add its golden bytes beside the old ones; the old ones stay and must still read.
//! 4. Readers before writers: a hub reads schema 2 before any station writes it, and the other way round.
//!
//! A reader that meets a newer schema or kind refuses it by name ([`OpenError::Schema`], [`OpenError::Kind`]).

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// The longest body after decompression, in bytes.
pub const BODY_MAX: usize = 1024 * 1024;

const MAGIC: u8 = 0xA7;
const VERSION: u8 = 1;
const HEADER_LEN: usize = 23;
const CHECKED_LEN: usize = 15;
const SIGNATURE_LEN: usize = 64;
const FLAG_ZSTD: u8 = 1;
const CONTEXT: &[u8] = b"packline/envelope/1";
/// Below this many bytes compression is not tried.
const COMPRESS_MIN: usize = 512;
const ZSTD_LEVEL: i32 = 1;

/// A short name of a key: the first four bytes of its BLAKE3 hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub u32);

impl KeyId {
    /// The name of this key.
    pub fn of(key: &VerifyingKey) -> KeyId {
        let hash = blake3::hash(key.as_bytes());
        let bytes = hash.as_bytes();
        KeyId(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

/// Signs what one side sends.
pub struct Sealer {
    key: SigningKey,
    key_id: KeyId,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({:?})", self.key_id)
    }
}

impl Sealer {
    /// Signs with the key of this secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(secret);
        let key_id = KeyId::of(&key.verifying_key());
        Self { key, key_id }
    }

    /// The public half, which the other side needs.
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The message in its envelope.
    pub fn seal<M: Message>(&self, message: &M) -> Result<Vec<u8>, SealError> {
        let body = postcard::to_allocvec(message).expect("plain data always encodes");
        self.seal_body(M::KIND, M::SCHEMA, M::NAME, &body)
    }

    fn seal_body(&self, kind: u16, schema: u16, name: &'static str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        if plain.len() > BODY_MAX {
            return Err(SealError::TooLong { name, length: plain.len(), max: BODY_MAX });
        }
        let packed = compress(plain);
        let (flags, body) = packed.as_deref().map_or((0, plain), |packed| (FLAG_ZSTD, packed));
        let total = HEADER_LEN + body.len() + SIGNATURE_LEN;
        if total > crate::topic::PAYLOAD_MAX {
            return Err(SealError::TooLong { name, length: total, max: crate::topic::PAYLOAD_MAX });
        }
        let mut bytes = Vec::with_capacity(total);
        bytes.extend_from_slice(&[MAGIC, VERSION]);
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&schema.to_le_bytes());
        bytes.push(flags);
        bytes.extend_from_slice(&self.key_id.0.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(body.len()).expect("bounded above").to_le_bytes());
        bytes.extend_from_slice(&checksum(&bytes, body).to_le_bytes());
        bytes.extend_from_slice(body);
        let signature = self.key.sign(&[CONTEXT, &bytes].concat());
        bytes.extend_from_slice(&signature.to_bytes());
        Ok(bytes)
    }
}

/// Checks what the other side signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opener {
    key: VerifyingKey,
    key_id: KeyId,
}

impl Opener {
    /// Accepts what was signed with the secret half of this key.
    pub fn new(public: &[u8; 32]) -> Result<Self, OpenError> {
        let key = VerifyingKey::from_bytes(public).map_err(|_| OpenError::PublicKey)?;
        Ok(Self { key, key_id: KeyId::of(&key) })
    }

    fn check(&self, key_id: KeyId, signed: &[u8], signature: &[u8; SIGNATURE_LEN]) -> Result<(), OpenError> {
        if key_id != self.key_id {
            return Err(OpenError::Key { found: key_id, accepted: self.key_id });
        }
        let signature = Signature::from_bytes(signature);
        self.key.verify_strict(&[CONTEXT, signed].concat(), &signature).map_err(|_| OpenError::Signature)
    }
}

/// Why a message cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It does not fit.
    #[error("message `{name}` takes {length} bytes; at most {max} fit")]
    TooLong {
        /// Which message.
        name: &'static str,
        /// Its length.
        length: usize,
        /// The limit.
        max: usize,
    },
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short or not ours.
    #[error("the payload of {length} bytes is no Packline envelope")]
    NotOurs {
        /// Its length.
        length: usize,
    },
    /// A newer envelope.
    #[error("the envelope has version `{found}`; this program reads {VERSION}")]
    Version {
        /// What it says.
        found: u8,
    },
    /// An unknown flag.
    #[error("the envelope has flags `{found:#04x}`; this program knows {FLAG_ZSTD:#04x}")]
    Flags {
        /// What it says.
        found: u8,
    },
    /// The length in the header is not the payload's.
    #[error("the envelope says {said} bytes of body and carries {carried}")]
    Length {
        /// What the header says.
        said: usize,
        /// What is there.
        carried: usize,
    },
    /// Damaged on the way.
    #[error("the envelope's checksum does not match: the payload was damaged")]
    Checksum,
    /// Signed by somebody else.
    #[error("the envelope is signed by key `{found:?}`; accepted is `{accepted:?}`")]
    Key {
        /// Whose.
        found: KeyId,
        /// Whose it should be.
        accepted: KeyId,
    },
    /// A bad signature.
    #[error("the envelope's signature is not its key's")]
    Signature,
    /// The key itself is none.
    #[error("the public key is not a point of the curve")]
    PublicKey,
    /// Not decompressible within bounds.
    #[error("the body does not decompress to at most {BODY_MAX} bytes")]
    Decompress,
    /// A kind of message that this program does not know.
    #[error("message kind `{kind}` is unknown; known are {known}")]
    Kind {
        /// What it says.
        kind: u16,
        /// The names that are known.
        known: &'static str,
    },
    /// A newer form of a known message.
    #[error("message `{name}` has schema `{schema}`; this program reads {reads}")]
    Schema {
        /// Which message.
        name: &'static str,
        /// What it says.
        schema: u16,
        /// The newest that is read.
        reads: u16,
    },
    /// The body is not what its kind says.
    #[error("message `{name}` does not decode: {why}")]
    Decode {
        /// Which message.
        name: &'static str,
        /// Why.
        why: String,
    },
}

/// A kind of message, frozen at one schema.
pub trait Message: Serialize + for<'a> Deserialize<'a> {
    /// Its number on the wire, never used for another.
    const KIND: u16;
    /// The form of its body.
    const SCHEMA: u16;
    /// Its name, for people.
    const NAME: &'static str;
}

/// A checked and decompressed envelope, its body not yet read.
#[derive(Debug)]
pub struct Opened {
    /// The message's number.
    pub kind: u16,
    /// The form of its body.
    pub schema: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Opened {
    /// Checks length, checksum and signature, in this order, and unpacks the body.
    pub fn new(payload: &[u8], opener: &Opener) -> Result<Opened, OpenError> {
        let not_ours = OpenError::NotOurs { length: payload.len() };
        let (header, rest) = payload.split_first_chunk::<HEADER_LEN>().ok_or(not_ours.clone())?;
        let [
            MAGIC,
            version,
            kind0,
            kind1,
            schema0,
            schema1,
            flags,
            key0,
            key1,
            key2,
            key3,
            len0,
            len1,
            len2,
            len3,
            sum @ ..,
        ] = *header
        else {
            return Err(not_ours);
        };
        if version != VERSION {
            return Err(OpenError::Version { found: version });
        }
        if flags & !FLAG_ZSTD != 0 {
            return Err(OpenError::Flags { found: flags });
        }
        let said = u32::from_le_bytes([len0, len1, len2, len3]) as usize;
        let (body, signature) = rest.split_last_chunk::<SIGNATURE_LEN>().ok_or(not_ours)?;
        if said != body.len() {
            return Err(OpenError::Length { said, carried: body.len() });
        }
        if checksum(&header[..CHECKED_LEN], body) != u64::from_le_bytes(sum) {
            return Err(OpenError::Checksum);
        }
        let key_id = KeyId(u32::from_le_bytes([key0, key1, key2, key3]));
        opener.check(key_id, &payload[..HEADER_LEN + body.len()], signature)?;
        let body = if flags & FLAG_ZSTD == 0 { body.to_vec() } else { decompress(body)? };
        Ok(Opened { kind: u16::from_le_bytes([kind0, kind1]), schema: u16::from_le_bytes([schema0, schema1]), body })
    }

    /// The body as this type, whole.
    pub fn read<M: for<'a> Deserialize<'a>>(&self, name: &'static str) -> Result<M, OpenError> {
        let decode = |why: String| OpenError::Decode { name, why };
        let (message, rest) = postcard::take_from_bytes(&self.body).map_err(|cause| decode(cause.to_string()))?;
        if rest.is_empty() { Ok(message) } else { Err(decode(format!("{} bytes after its end", rest.len()))) }
    }
}

fn checksum(header: &[u8], body: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(header);
    hasher.update(body);
    hasher.digest()
}

/// The compressed body, where that saves at least a tenth.
fn compress(plain: &[u8]) -> Option<Vec<u8>> {
    let worth = |packed: &Vec<u8>| packed.len() + plain.len() / 10 < plain.len();
    (plain.len() >= COMPRESS_MIN).then(|| zstd::bulk::compress(plain, ZSTD_LEVEL).ok()).flatten().filter(worth)
}

fn decompress(body: &[u8]) -> Result<Vec<u8>, OpenError> {
    zstd::bulk::decompress(body, BODY_MAX).map_err(|_| OpenError::Decompress)
}

/// Declares a family of messages: the enum, each message's number and form, and how bytes become one of them.
macro_rules! messages {
    ($(#[$doc:meta])* $family:ident { $( $(#[$kind_doc:meta])* $name:ident = $kind:literal, $schema:literal $(, from $old:ident = $old_schema:literal)*; )* }) => {
        $( impl crate::envelope::Message for $name {
            const KIND: u16 = $kind;
            const SCHEMA: u16 = $schema;
            const NAME: &'static str = stringify!($name);
        } )*

        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant)]
        pub enum $family { $( $(#[$kind_doc])* $name($name), )* }

        impl $family {
            /// The message in this payload, checked; anything unknown is refused by name.
            pub fn open(payload: &[u8], opener: &crate::envelope::Opener) -> Result<Self, crate::envelope::OpenError> {
                use crate::envelope::{OpenError, Opened};
                let opened = Opened::new(payload, opener)?;
                match (opened.kind, opened.schema) {
                    $( ($kind, $schema) => opened.read(stringify!($name)).map($family::$name),
                       $( ($kind, $old_schema) => opened.read::<$old>(stringify!($name)).map(|old| $family::$name(old.into())), )*
                       ($kind, schema) => Err(OpenError::Schema { name: stringify!($name), schema, reads: $schema }), )*
                    (kind, _) => Err(OpenError::Kind { kind, known: concat!($("`", stringify!($name), "` "),*) }),
                }
            }
        }

        $( impl From<$name> for $family {
            fn from(message: $name) -> Self { $family::$name(message) }
        } )*
    };
}
pub(crate) use messages;

#[cfg(test)]
mod tests;
