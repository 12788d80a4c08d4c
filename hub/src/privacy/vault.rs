//! Seals personal data and secrets at rest, with keys that lie outside the database.
//!
//! Each text is sealed by AES-256-GCM under a key of its own, derived from the vault's key and 16 random bytes. One key
//! with random 96-bit nonces is only safe for 2^32 texts, which a busy hub reaches; with a key for each there is no such
//! limit. The place where a sealed text is kept (table, column, row) is bound to it: moved elsewhere it does not open.
//!
//! A sealed text: version (1 byte), key (4), salt (16), nonce (12), ciphertext and tag (16 more than the text).
//!
//! The key file has one line for each key: its number and 64 hexadecimal digits. The last line seals, all lines open,
//! and the first line's key makes the blind indexes, which therefore survive new keys.
//!
//! A blind index finds equal values without showing them: it is a keyed hash. From the database alone nothing can be
//! learned but which rows have equal values. With the key file in hand, short values can be guessed: the last four
//! digits of a phone number are only 10,000 values, and all phone numbers a few billion. So the file must not lie where
//! database backups lie.

use crate::clock;
use crate::keys::{from_hex, to_hex};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of the key file in the data folder.
pub const KEY_FILE: &str = "data.key";

const VERSION: u8 = 1;
const ID_LEN: usize = 4;
const SALT_LEN: usize = 16;
const HEAD_LEN: usize = 1 + ID_LEN + SALT_LEN + NONCE_LEN;
/// So many keys at most: a file that grows without end is a mistake.
const KEYS_MAX: usize = 1_000;

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file cannot be read or written.
    #[error("failed to read or write the data key `{}`", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file is no key file.
    #[error(
        "line {line} of the data key `{}` is not a number of 8 and a key of 64 hexadecimal digits that fit together; \
         restore the file from a backup", path.display()
    )]
    Content {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// Others can read it.
    #[error("the data key `{}` has mode {mode:o}; give 600, since others may have read it", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Sealed with a key that the file does not have.
    #[error("sealed with the data key `{key}`, which this hub does not have; restore `{KEY_FILE}` from a backup")]
    UnknownKey {
        /// The key's number.
        key: String,
    },
    /// Not sealed by a vault, changed, or moved to another place.
    #[error("the sealed text of {place} is damaged or belongs elsewhere")]
    Damaged {
        /// Where it is kept.
        place: String,
    },
}

/// Where a sealed text is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The row's key.
    pub row: &'a str,
}

impl Place<'_> {
    fn bytes(&self, head: &[u8]) -> Vec<u8> {
        let mut bytes = b"packline-hub 2026 sealed".to_vec();
        for part in [head, self.table.as_bytes(), self.column.as_bytes(), self.row.as_bytes()] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
        bytes
    }
}

/// The keys, ready for use. Clones share them.
#[derive(Clone)]
pub struct Vault(Arc<Keys>);

struct Keys {
    /// The oldest first.
    keys: Vec<Key>,
    index: [u8; 32],
}

struct Key {
    id: [u8; ID_LEN],
    secret: [u8; 32],
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.key_ids().join(", "))
    }
}

impl Vault {
    /// The vault of the key file in `data`; a file with one new key is made when there is none.
    pub fn open(data: &Path) -> Result<Vault, VaultError> {
        let path = data.join(KEY_FILE);
        match Vault::existing(data) {
            Err(VaultError::File { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                let key = Key::random();
                write(&path, &key.line(), true).map_err(|cause| VaultError::File { path, cause })?;
                Ok(Vault::of(vec![key]))
            }
            known => known,
        }
    }

    /// The vault of the key file in `data`, which must be there.
    pub fn existing(data: &Path) -> Result<Vault, VaultError> {
        let path = data.join(KEY_FILE);
        let text = fs::read_to_string(&path).map_err(|cause| VaultError::File { path: path.clone(), cause })?;
        check_mode(&path)?;
        Vault::parse(&text, &path)
    }

    /// A vault whose key is kept nowhere: for tests and tools.
    pub fn random() -> Vault {
        Vault::of(vec![Key::random()])
    }

    /// Adds a new key to the file in `data` and says its number. Hubs seal with it after their next start; what was
    /// sealed before stays readable as long as the older lines stay.
    pub fn add_key(data: &Path) -> Result<String, VaultError> {
        let path = data.join(KEY_FILE);
        let old = Vault::existing(data)?;
        let key = Key::random();
        let lines: String = old.0.keys.iter().chain([&key]).map(Key::line).collect();
        write(&path, &lines, false).map_err(|cause| VaultError::File { path, cause })?;
        Ok(to_hex(&key.id))
    }

    /// The numbers of all keys, the oldest first. The last one seals.
    pub fn key_ids(&self) -> Vec<String> {
        self.0.keys.iter().map(|key| to_hex(&key.id)).collect()
    }

    /// `text` sealed for this place, with the newest key.
    pub fn seal(&self, place: Place<'_>, text: &[u8]) -> Vec<u8> {
        let key = self.0.keys.last().expect("a vault has at least one key");
        let mut sealed = Vec::with_capacity(HEAD_LEN + text.len() + AES_256_GCM.tag_len());
        sealed.push(VERSION);
        sealed.extend(key.id);
        let mut random = [0; SALT_LEN + NONCE_LEN];
        clock::random_bytes(&mut random);
        sealed.extend(random);
        let (cipher, nonce) = key.cipher(&sealed);
        let mut body = text.to_vec();
        let aad = Aad::from(place.bytes(&sealed));
        cipher.seal_in_place_append_tag(nonce, aad, &mut body).expect("a text that fits into memory can be sealed");
        sealed.extend(body);
        sealed
    }

    /// What was sealed for this place.
    pub fn open_sealed(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let damaged = || VaultError::Damaged { place: format!("{}.{}", place.table, place.column) };
        let (head, body) = sealed.split_at_checked(HEAD_LEN).ok_or_else(damaged)?;
        if head[0] != VERSION {
            return Err(damaged());
        }
        let id = &head[1..=ID_LEN];
        let key = self.0.keys.iter().find(|key| key.id == id);
        let key = key.ok_or_else(|| VaultError::UnknownKey { key: to_hex(id) })?;
        let (cipher, nonce) = key.cipher(head);
        let mut body = body.to_vec();
        let text = cipher.open_in_place(nonce, Aad::from(place.bytes(head)), &mut body).map_err(|_| damaged())?;
        Ok(text.to_vec())
    }

    /// As [`Vault::open_sealed`], for what was text.
    pub fn open_text(&self, place: Place<'_>, sealed: &[u8]) -> Result<String, VaultError> {
        let bytes = self.open_sealed(place, sealed)?;
        String::from_utf8(bytes).map_err(|_| VaultError::Damaged { place: format!("{}.{}", place.table, place.column) })
    }

    /// A number that equal values have in common and that says nothing about them without the key. `kind` tells apart
    /// values that mean different things, for example `phone` and `phone tail`. Bring values into one writing first.
    pub fn blind_index(&self, kind: &str, value: &str) -> i64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0.index);
        hasher.update(&(kind.len() as u64).to_le_bytes()).update(kind.as_bytes()).update(value.as_bytes());
        let mut number = [0; 8];
        number.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        i64::from_le_bytes(number)
    }

    fn of(keys: Vec<Key>) -> Vault {
        let first = keys.first().expect("a vault has at least one key");
        let index = blake3::derive_key("packline-hub 2026 blind index", &first.secret);
        Vault(Arc::new(Keys { keys, index }))
    }

    fn parse(text: &str, path: &Path) -> Result<Vault, VaultError> {
        let content = |line| VaultError::Content { path: path.to_owned(), line };
        let mut keys = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let key = text.split_once(' ').and_then(|(id, secret)| {
                let key = Key::new(from_hex(secret)?);
                (from_hex(id)? == key.id).then_some(key)
            });
            keys.push(key.filter(|_| line <= KEYS_MAX).ok_or_else(|| content(line))?);
        }
        if keys.is_empty() { Err(content(1)) } else { Ok(Vault::of(keys)) }
    }
}

impl Key {
    /// A key is numbered by a hash of it, so that a number always means the same key.
    fn new(secret: [u8; 32]) -> Key {
        let mut id = [0; ID_LEN];
        id.copy_from_slice(&blake3::derive_key("packline-hub 2026 data key number", &secret)[..ID_LEN]);
        Key { id, secret }
    }

    fn random() -> Key {
        let mut secret = [0; 32];
        clock::random_bytes(&mut secret);
        Key::new(secret)
    }

    fn line(&self) -> String {
        format!("{} {}\n", to_hex(&self.id), to_hex(&self.secret))
    }

    /// The key and nonce of the one text with this head.
    fn cipher(&self, head: &[u8]) -> (LessSafeKey, Nonce) {
        let (salt, nonce) = head[1 + ID_LEN..].split_at(SALT_LEN);
        let own = *blake3::keyed_hash(&self.secret, salt).as_bytes();
        let key = UnboundKey::new(&AES_256_GCM, &own).expect("32 bytes are a key");
        let nonce = Nonce::try_assume_unique_for_key(nonce).expect("the head ends with a nonce");
        (LessSafeKey::new(key), nonce)
    }
}

fn check_mode(path: &Path) -> Result<(), VaultError> {
    let metadata = fs::metadata(path).map_err(|cause| VaultError::File { path: path.to_owned(), cause })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(VaultError::Open { path: path.to_owned(), mode }) }
}

/// Written aside, synced and put into place: a crash leaves the whole file, or the one before. A first file never takes
/// the place of another hub's.
fn write(path: &Path, text: &str, is_first: bool) -> io::Result<()> {
    let aside = path.with_extension(format!("new-{:016x}", clock::random_u64()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let placed = if is_first { fs::hard_link(&aside, path) } else { fs::rename(&aside, path) };
    if is_first || placed.is_err() {
        fs::remove_file(&aside)?;
    }
    placed?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
