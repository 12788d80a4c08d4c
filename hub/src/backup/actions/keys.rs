//! The hub's keys, sealed with a passphrase: they are needed for a restore and are in no backup by themselves.

use crate::backup::model::{BackupError, PASSPHRASE_MIN, SealedKeys};
use crate::clock;
use crate::keys::{KEY_FILE, from_hex, to_hex};
use crate::privacy;
use argon2::{Algorithm, Argon2, Params, Version};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Files of the data folder that are keys. The first is always there.
pub const KEY_FILES: [&str; 2] = [KEY_FILE, privacy::vault::KEY_FILE];
/// Argon2id: 64 MiB, three passes, one lane: about a quarter of a second.
const COST: [u32; 3] = [64 * 1024, 3, 1];
/// A file that was sealed with far higher cost is not opened: it would only eat memory.
const MEMORY_MAX_KIB: u32 = 1024 * 1024;

/// A passphrase. It shows itself nowhere.
pub struct Passphrase(String);

impl Passphrase {
    /// The first line of a file, long enough to be one.
    pub fn read(path: &Path) -> Result<Passphrase, BackupError> {
        let text =
            fs::read_to_string(path).map_err(|cause| BackupError::file("read the passphrase in", path, cause))?;
        Passphrase::given(text.lines().next().unwrap_or_default())
    }

    /// This text, when it is long enough.
    pub fn given(text: &str) -> Result<Passphrase, BackupError> {
        if text.chars().count() < PASSPHRASE_MIN {
            let why = format!("the passphrase is too short; give at least {PASSPHRASE_MIN} characters");
            return Err(BackupError::Keys { why });
        }
        Ok(Passphrase(text.to_owned()))
    }

    fn key(&self, salt: &[u8], [memory, passes, lanes]: [u32; 3]) -> Result<LessSafeKey, BackupError> {
        let refused = || BackupError::Keys { why: "the sealed keys ask for a cost that is not accepted".to_owned() };
        let params = Params::new(memory, passes, lanes, Some(32)).ok().filter(|_| memory <= MEMORY_MAX_KIB);
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.ok_or_else(refused)?);
        let mut key = [0; 32];
        argon.hash_password_into(self.0.as_bytes(), salt, &mut key).map_err(|_| refused())?;
        Ok(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(|_| refused())?))
    }
}

/// Seals the key files of `data`.
pub fn seal(data: &Path, hub_id: &str, passphrase: &Passphrase) -> Result<SealedKeys, BackupError> {
    let mut files = BTreeMap::new();
    for name in KEY_FILES {
        let path = data.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => drop(files.insert(name, text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && name != KEY_FILE => {}
            Err(cause) => return Err(BackupError::file("read the key", path, cause)),
        }
    }
    let (mut salt, mut nonce) = ([0; 16], [0; NONCE_LEN]);
    clock::random_bytes(&mut salt);
    clock::random_bytes(&mut nonce);
    let mut bytes = serde_json::to_vec(&files).expect("plain texts always become JSON");
    let key = passphrase.key(&salt, COST)?;
    let sealed = key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(hub_id), &mut bytes);
    sealed.map_err(|_| BackupError::Keys { why: "the keys cannot be sealed".to_owned() })?;
    let (salt, nonce, sealed) = (to_hex(&salt), to_hex(&nonce), to_hex(&bytes));
    Ok(SealedKeys { hub_id: hub_id.to_owned(), cost: COST, salt, nonce, sealed })
}

/// The key files in it, by name.
pub fn open(sealed: &SealedKeys, passphrase: &Passphrase) -> Result<BTreeMap<String, String>, BackupError> {
    let wrong = || BackupError::Keys { why: "the sealed keys do not open with this passphrase".to_owned() };
    let salt = from_hex::<16>(&sealed.salt).ok_or_else(wrong)?;
    let nonce = from_hex::<NONCE_LEN>(&sealed.nonce).ok_or_else(wrong)?;
    let mut bytes = bytes_of(&sealed.sealed).ok_or_else(wrong)?;
    let key = passphrase.key(&salt, sealed.cost)?;
    let plain = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(&sealed.hub_id), &mut bytes);
    let files: BTreeMap<String, String> = serde_json::from_slice(plain.map_err(|_| wrong())?).map_err(|_| wrong())?;
    Ok(files.into_iter().filter(|(name, _)| KEY_FILES.contains(&name.as_str())).collect())
}

/// Puts key files into `data`. One that is there with other content is never replaced.
pub fn put(data: &Path, files: &BTreeMap<String, String>) -> Result<(), BackupError> {
    for (name, text) in files {
        let path = data.join(name);
        match fs::read_to_string(&path) {
            // A file may have got further keys since; they stay.
            Ok(there) if text.lines().all(|line| there.lines().any(|other| other == line)) => continue,
            Ok(_) => {
                let why = format!("`{}` holds another key; move it away first", path.display());
                return Err(BackupError::Keys { why });
            }
            Err(_) => {}
        }
        let written =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            });
        written.map_err(|cause| BackupError::file("write the key", path, cause))?;
    }
    Ok(())
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}
