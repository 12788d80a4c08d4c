//! Accounts and topic rights for an outside Mosquitto (2.0), as the files it reads.
//!
//! Formats: `mosquitto_passwd(1)` and `mosquitto.conf(5)`; a password is kept as PBKDF2 with SHA-512.

use crate::clock;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use packline_protocol::id::{SiteId, StationId};
use packline_protocol::topic::{ROOT, Topic, UpStream, station_filters};
use ring::pbkdf2;
use std::fmt::Write;
use std::num::NonZeroU32;

/// Mosquitto's own default; more would protect nothing, because a secret here has 256 random bits.
const ROUNDS: u32 = 101;
const SALT_BYTES: usize = 12;

/// What Mosquitto keeps of a password: `$7$rounds$salt$hash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Hashes `password` with a new salt.
    pub fn new(password: &str) -> Self {
        let mut salt = [0; SALT_BYTES];
        clock::random_bytes(&mut salt);
        Self::with_salt(password, &salt)
    }

    /// A hash that was made and kept before.
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    fn with_salt(password: &str, salt: &[u8]) -> Self {
        let mut hash = [0; 64];
        let rounds = NonZeroU32::new(ROUNDS).expect("the rounds are not 0");
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, rounds, salt, password.as_bytes(), &mut hash);
        Self(format!("$7${ROUNDS}${}${}", STANDARD.encode(salt), STANDARD.encode(hash)))
    }

    /// The text in the password file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A station's account.
#[derive(Debug, Clone)]
pub struct StationAccount {
    /// User name and client id.
    pub station: StationId,
    /// The site whose topics it hears.
    pub site: SiteId,
    /// Its password.
    pub password: PasswordHash,
}

/// A hub's account: each hub its own, because the user name is also the client id.
#[derive(Debug, Clone)]
pub struct HubAccount {
    /// User name.
    pub name: String,
    /// Its password.
    pub password: PasswordHash,
}

/// The file for `password_file`.
pub fn password_file(hubs: &[HubAccount], stations: &[StationAccount]) -> String {
    let mut text = String::new();
    for hub in hubs {
        let _ = writeln!(text, "{}:{}", hub.name, hub.password.as_str());
    }
    for account in stations {
        let _ = writeln!(text, "{}:{}", account.station, account.password.as_str());
    }
    text
}

/// The file for `acl_file`: what [`super::Who`] says, in Mosquitto's words.
pub fn acl_file(hubs: &[HubAccount], stations: &[StationAccount]) -> String {
    let mut text = String::new();
    for hub in hubs {
        let _ = writeln!(text, "user {}\ntopic readwrite {ROOT}#\n", hub.name);
    }
    for StationAccount { station, site, .. } in stations {
        let _ = writeln!(text, "user {station}");
        for stream in [UpStream::Scans, UpStream::Requests, UpStream::Will] {
            let _ = writeln!(text, "topic write {}", Topic::Up(site.clone(), station.clone(), stream));
        }
        for filter in station_filters(site, station) {
            let _ = writeln!(text, "topic read {filter}");
        }
        text.push('\n');
    }
    text
}

/// The lines for `mosquitto.conf` that the design needs, to follow the `listener` that they belong to;
/// `password_file` and `acl_file` come beside them.
///
/// `use_username_as_clientid` keeps one station from taking another's session. Nothing is persisted, because nothing
/// the broker holds is relied upon.
pub fn settings() -> &'static str {
    "allow_anonymous false\n\
     use_username_as_clientid true\n\
     persistence false\n\
     max_packet_size 262144\n\
     max_inflight_messages 64\n\
     max_queued_messages 1000\n\
     max_keepalive 120\n\
     set_tcp_nodelay true\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(station: &str, site: &str) -> StationAccount {
        StationAccount {
            station: StationId::parse(station).unwrap(),
            site: SiteId::parse(site).unwrap(),
            password: PasswordHash::with_salt("sample", b"123456789012"),
        }
    }

    #[test]
    fn every_password_has_its_own_salt() {
        let (one, two) = (PasswordHash::new("sample"), PasswordHash::new("sample"));
        assert!(one.as_str().starts_with("$7$101$"), "{one:?}");
        assert_ne!(one, two);
    }

    #[test]
    fn a_station_is_given_the_topics_of_its_site_and_no_pattern_beyond() {
        let text = acl_file(&[], &[account("pack-1", "sz")]);
        assert_eq!(
            text,
            "user pack-1\n\
             topic write g1/up/sz/pack-1/ev\n\
             topic write g1/up/sz/pack-1/rq\n\
             topic write g1/up/sz/pack-1/lwt\n\
             topic read g1/dn/sz/log\n\
             topic read g1/dn/sz/head\n\
             topic read g1/rs/sz/pack-1\n\n"
        );
    }
}
