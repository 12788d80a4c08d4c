//! What a station has from its enrolment: its name, its keys, and where its hub is. A file in the state folder that
//! nobody else may read. No secret in it ever shows itself.

use packline_protocol::id::{SiteId, StationId};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file's name in the state folder.
pub const FILE: &str = "station.json";

/// What a station has from its enrolment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its site.
    pub site: SiteId,
    /// Its name; also its MQTT client id and user name.
    pub station: StationId,
    /// Its broker, as `mqtt://HOST:PORT` or `mqtts://HOST:PORT`.
    pub mqtt_url: String,
    /// The key that the hub signs with, 64 hexadecimal digits.
    pub hub_public_key: Hex32,
    /// The hub's name, for people.
    pub hub_id: String,
    /// The secret half of the station's own key.
    pub secret_key: Hex32,
    /// Its MQTT password.
    pub mqtt_secret: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { site, station, mqtt_url, hub_id, .. } = self;
        write!(f, "Credential({station} of {site} at {hub_id}, {mqtt_url})")
    }
}

/// 32 bytes, written as 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex32(pub [u8; 32]);

impl std::fmt::Debug for Hex32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hex32(…)")
    }
}

impl TryFrom<String> for Hex32 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refused = || format!("a key has {} characters; give 64 hexadecimal digits", text.len());
        if text.len() != 64 || !text.is_ascii() {
            return Err(refused());
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| refused())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| refused())?;
        }
        Ok(Self(bytes))
    }
}

impl From<Hex32> for String {
    fn from(key: Hex32) -> String {
        key.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Why a credential cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// There is none.
    #[error("this station is not enrolled: `{}` is not there; run `packline-edge enroll`", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("failed to {attempt} `{}`", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file is not a credential. Its content is not shown.
    #[error("`{}` is no credential: {why}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// Where it is wrong; never what stands there.
        why: String,
    },
}

impl Credential {
    /// Reads the credential in the state folder.
    pub fn load(state: &Path) -> Result<Credential, CredentialError> {
        let path = state.join(FILE);
        read_json(&path)?.ok_or(CredentialError::Missing { path })
    }

    /// Writes it, so that a power cut leaves the old one or the new one.
    pub fn save(&self, state: &Path) -> Result<(), CredentialError> {
        write_json(&state.join(FILE), self)
    }
}

/// Reads a file of secrets; `None` when it is not there.
pub(crate) fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, CredentialError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(CredentialError::File { attempt: "read", path: path.to_owned(), cause }),
    };
    // The library's own message may quote a secret; the place is enough.
    let content = |error: serde_json::Error| CredentialError::Content {
        path: path.to_owned(),
        why: format!("line {}, column {} is not as expected", error.line(), error.column()),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(content)
}

/// Writes a file of secrets, whole or not at all, for this user alone.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), CredentialError> {
    let bytes = serde_json::to_vec_pretty(value).expect("plain data always encodes");
    replace(path, &bytes).map_err(|cause| CredentialError::File { attempt: "write", path: path.to_owned(), cause })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let beside = path.with_extension("tmp");
    let _ = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
