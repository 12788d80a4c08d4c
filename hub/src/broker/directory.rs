//! Who may connect to the embedded broker: the stations and their secrets, in memory, changed while the broker runs.
//!
//! The durable list is the fleet's. A station that is not in here does not exist for the broker.

use crate::clock;
use packline_protocol::id::{SiteId, StationId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use subtle::ConstantTimeEq;

/// A station's or the hub's password: 32 random bytes as 64 hexadecimal digits. Never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new secret from the system's random generator.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        clock::random_bytes(&mut bytes);
        Self(hex(&bytes))
    }

    /// A secret that was made elsewhere.
    pub fn given(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to show once to whoever must know it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What may be kept.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is kept of a secret: one round of BLAKE3 is enough, because the secret itself cannot be guessed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    fn of(secret: &[u8]) -> Self {
        Self(blake3::derive_key("packline 2026-11-22 station secret", secret))
    }

    /// Reads the 64 hexadecimal digits of [`SecretHash::to_hex`]; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = blake3::Hash::from_hex(text).ok()?;
        Some(Self(*bytes.as_bytes()))
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// Whether `password` is the secret, in a time that does not depend on where it differs.
    pub fn matches(&self, password: &[u8]) -> bool {
        Self::of(password).0.ct_eq(&self.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// What a station shows to connect, and the site whose topics it then may use.
#[derive(Debug, Clone)]
pub struct StationCredential {
    /// The station: user name and client id at once.
    pub station: StationId,
    /// Its site.
    pub site: SiteId,
    /// The hash of its secret.
    pub secret: SecretHash,
}

/// The stations that may connect now.
#[derive(Debug, Default)]
pub struct Directory {
    stations: RwLock<BTreeMap<StationId, Entry>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    site: SiteId,
    secret: SecretHash,
}

impl Directory {
    /// Adds a station or replaces its credential; says whether another one was valid until now.
    pub fn put(&self, credential: StationCredential) -> bool {
        let entry = Entry { site: credential.site, secret: credential.secret };
        let mut stations = self.write();
        let changed = stations.get(&credential.station).is_some_and(|before| *before != entry);
        stations.insert(credential.station, entry);
        changed
    }

    /// Removes a station; says whether it was there.
    pub fn remove(&self, station: &StationId) -> bool {
        self.write().remove(station).is_some()
    }

    /// Makes `credentials` the whole directory; returns the stations whose old credential is no longer valid.
    pub fn replace(&self, credentials: Vec<StationCredential>) -> Vec<StationId> {
        let fresh = credentials
            .into_iter()
            .map(|credential| (credential.station, Entry { site: credential.site, secret: credential.secret }))
            .collect();
        let before = std::mem::replace(&mut *self.write(), fresh);
        let now = self.read();
        before.into_iter().filter(|(id, entry)| now.get(id) != Some(entry)).map(|(id, _)| id).collect()
    }

    /// The site of a station, when `password` is its secret.
    pub fn authenticate(&self, station: &StationId, password: &[u8]) -> Option<SiteId> {
        let stations = self.read();
        let entry = stations.get(station)?;
        entry.secret.matches(password).then(|| entry.site.clone())
    }

    /// The site of a station that is allowed now.
    pub fn site_of(&self, station: &StationId) -> Option<SiteId> {
        Some(self.read().get(station)?.site.clone())
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<StationId, Entry>> {
        self.stations.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<StationId, Entry>> {
        self.stations.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(station: &str, site: &str, secret: &Secret) -> StationCredential {
        StationCredential {
            station: StationId::parse(station).unwrap(),
            site: SiteId::parse(site).unwrap(),
            secret: secret.hash(),
        }
    }

    #[test]
    fn only_the_secret_of_that_station_opens() {
        let (one, two) = (Secret::random(), Secret::random());
        let directory = Directory::default();
        directory.put(credential("pack-1", "sz", &one));
        directory.put(credential("pack-2", "sz", &two));
        let station = StationId::parse("pack-1").unwrap();
        assert!(directory.authenticate(&station, one.expose().as_bytes()).is_some());
        assert!(directory.authenticate(&station, two.expose().as_bytes()).is_none());
        assert!(directory.authenticate(&station, b"").is_none());
        assert!(directory.remove(&station));
        assert!(directory.authenticate(&station, one.expose().as_bytes()).is_none());
    }

    #[test]
    fn a_replaced_directory_names_the_stations_to_disconnect() {
        let (same, old, new) = (Secret::random(), Secret::random(), Secret::random());
        let directory = Directory::default();
        let _ = directory.replace(vec![
            credential("stays", "sz", &same),
            credential("new-secret", "sz", &old),
            credential("moved", "sz", &same),
            credential("gone", "sz", &same),
        ]);
        let out = directory.replace(vec![
            credential("stays", "sz", &same),
            credential("new-secret", "sz", &new),
            credential("moved", "gz", &same),
        ]);
        let names: Vec<_> = out.iter().map(StationId::as_str).collect();
        assert_eq!(names, ["gone", "moved", "new-secret"]);
    }

    #[test]
    fn a_hash_is_kept_as_hex_and_nothing_prints_a_secret() {
        let secret = Secret::random();
        let hash = SecretHash::from_hex(&secret.hash().to_hex()).unwrap();
        assert!(hash.matches(secret.expose().as_bytes()));
        assert!(SecretHash::from_hex("12").is_none());
        let printed = format!("{secret:?} {hash:?}");
        assert!(!printed.contains(secret.expose()) && !printed.contains(&hash.to_hex()), "{printed}");
    }
}
