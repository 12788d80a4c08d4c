//! The hub's own key: what it signs its messages with, made on the first start and kept in the data folder.
//!
//! Other secrets that only this hub needs are derived from it, each for one purpose, so that one file is to be kept.

use crate::clock;
use ed25519_dalek::{SigningKey, VerifyingKey};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The name of the key file in the data folder.
pub const KEY_FILE: &str = "hub.key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("failed to read or make the hub's key `{}`", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file is not a key.
    #[error("the hub's key `{}` is not 64 hexadecimal digits; restore it from a backup", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
    },
    /// Others can read it.
    #[error("the hub's key `{}` has mode {mode:o}; give 600, since others may have read it", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

/// The hub's signing key and what is derived from it.
pub struct HubKeys {
    signing: SigningKey,
}

impl std::fmt::Debug for HubKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HubKeys({})", self.hub_id())
    }
}

impl HubKeys {
    /// The key in `data`, made there when there is none.
    pub fn open(data: &Path) -> Result<HubKeys, KeyError> {
        let path = data.join(KEY_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                check_mode(&path)?;
                let bytes = from_hex(text.trim()).ok_or(KeyError::Content { path })?;
                Ok(HubKeys { signing: SigningKey::from_bytes(&bytes) })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let keys = HubKeys::random();
                write_new(&path, &to_hex(keys.signing.as_bytes())).map_err(|cause| KeyError::File { path, cause })?;
                Ok(keys)
            }
            Err(cause) => Err(KeyError::File { path, cause }),
        }
    }

    /// A new key that is kept nowhere: for tests and tools.
    pub fn random() -> HubKeys {
        let mut bytes = [0; 32];
        clock::random_bytes(&mut bytes);
        HubKeys { signing: SigningKey::from_bytes(&bytes) }
    }

    /// What messages are signed with.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// What stations check those signatures with.
    pub fn public(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }

    /// The hub's name for itself: the first 16 hexadecimal digits of its public key.
    pub fn hub_id(&self) -> String {
        to_hex(&self.public().to_bytes()[..8])
    }

    /// 32 secret bytes for one purpose; the same on every start. `purpose` is a fixed sentence of the code.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(&format!("packline-hub 2026 {purpose}"), self.signing.as_bytes())
    }
}

/// Lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that `text` writes in hexadecimal digits, when they are exactly `N`.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn check_mode(path: &Path) -> Result<(), KeyError> {
    let metadata = fs::metadata(path).map_err(|cause| KeyError::File { path: path.to_owned(), cause })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::Open { path: path.to_owned(), mode }) }
}

/// Written aside, synced and linked into place: a crash leaves a whole key or none, and two hubs that start at once
/// do not overwrite each other's.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let aside = path.with_extension(format!("new-{:016x}", clock::random_u64()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    linked?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let first = HubKeys::open(dir.path()).unwrap();
        let second = HubKeys::open(dir.path()).unwrap();
        assert_eq!(first.public(), second.public());
        assert_eq!(first.derive("a"), second.derive("a"));
        assert_ne!(first.derive("a"), first.derive("b"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside the key");
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        HubKeys::open(dir.path()).unwrap();
        let path = dir.path().join(KEY_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = HubKeys::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("mode 644; give 600"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "abc").unwrap();
        assert!(matches!(HubKeys::open(dir.path()), Err(KeyError::Content { .. })));
    }
}
