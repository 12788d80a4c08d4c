//! Any MQTT broker somewhere else, given as `mqtt(s)://user:password@host:port`.
//!
//! Its accounts and topic rights are its operator's business.

use super::{Access, BrokerError, Secret};
use crate::clock;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PLAIN_PORT: u16 = 1883;
const TLS_PORT: u16 = 8883;

/// A broker that this hub only connects to.
pub struct External {
    access: Access,
}

/// Why the outside broker's certificate could never be checked.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The CA file is missing or not PEM.
    #[error("failed to read certificates from `{path}`; give a PEM file with at least one CA certificate")]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: rustls::pki_types::pem::Error,
    },
    /// Nothing usable was found.
    #[error("found no usable CA certificate in {place}")]
    Empty {
        /// The file or the store.
        place: String,
    },
    /// The TLS library refuses its own defaults.
    #[error("failed to set up TLS")]
    Setup(#[source] rustls::Error),
}

impl External {
    /// Reads `address`; `ca_file` holds the CA that `mqtts` trusts instead of the system's.
    ///
    /// The client id ends in a random part, so that hubs side by side do not throw each other out.
    pub fn new(address: &str, ca_file: Option<&Path>) -> Result<Self, BrokerError> {
        let wrong = || BrokerError::Address { given: without_password(address) };
        let url = url::Url::parse(address).map_err(|_| wrong())?;
        let (tls, port) = match url.scheme() {
            "mqtt" => (None, PLAIN_PORT),
            "mqtts" => (Some(client_config(ca_file)?), TLS_PORT),
            _ => return Err(wrong()),
        };
        let host = url.host().ok_or_else(wrong)?.to_string();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let extra = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
        let username = decoded(url.username()).filter(|name| !name.is_empty()).ok_or_else(wrong)?;
        let password = url.password().and_then(decoded).ok_or_else(wrong)?;
        if extra || host.is_empty() {
            return Err(wrong());
        }
        let client_id = format!("packline-hub-{:016x}", clock::random_u64());
        let port = url.port().unwrap_or(port);
        Ok(Self { access: Access { host, port, tls, client_id, username, password: Secret::given(password) } })
    }

    /// How to connect to it.
    pub fn access(&self) -> &Access {
        &self.access
    }
}

/// A client configuration that trusts the CA certificates in `ca_file`, or the system's when there is none.
fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TrustError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Setup)?
        .with_root_certificates(roots(ca_file)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    Ok(Arc::new(config))
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, TrustError> {
    let certificates = match ca_file {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|cause| TrustError::Read { path: path.to_owned(), cause })?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        let place = ca_file.map_or("the system's store".to_owned(), |path| format!("`{}`", path.display()));
        return Err(TrustError::Empty { place });
    }
    Ok(roots)
}

fn decoded(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

/// The address as far as it can be shown: everything up to the last `@` of the authority is left out.
fn without_password(address: &str) -> String {
    let shown: String = match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://…{}", address.get(..scheme).unwrap_or(""), address.get(at..).unwrap_or(""))
        }
        (_, Some(at)) => format!("…{}", address.get(at..).unwrap_or("")),
        _ => address.to_owned(),
    };
    shown.chars().take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, host: &str, port: u16, username: &str, password: &str) {
        let external = External::new(address, None).unwrap();
        let access = external.access();
        let found = (access.host.as_str(), access.port, access.username.as_str(), access.password.expose());
        assert_eq!(found, (host, port, username, password), "{address}");
    }

    #[test]
    fn an_address_names_host_port_and_credential() {
        check("mqtt://hub:pw@broker.example:1884", "broker.example", 1884, "hub", "pw");
        check("mqtt://hub:pw@broker.example", "broker.example", 1883, "hub", "pw");
        check("mqtt://hub:p%40%3Aw@127.0.0.1:1/", "127.0.0.1", 1, "hub", "p@:w");
        check("mqtt://hub:pw@[::1]:1883", "::1", 1883, "hub", "pw");
    }

    #[test]
    fn an_error_shows_what_was_given_but_not_the_password() {
        for wrong in [
            "",
            "broker.example",
            "http://hub:hush@broker.example",
            "mqtt://broker.example",
            "mqtt://hub@broker.example",
            "mqtt://:hush@broker.example",
            "mqtt://hub:hush@broker.example/path",
            "mqtt://hub:hush@broker.example:99999",
            "mqtt://hub:hush@",
            "hub:hush@broker.example",
        ] {
            let Err(error) = External::new(wrong, None) else { panic!("`{wrong}` was accepted") };
            let text = error.to_string();
            assert!(text.contains("mqtts://user:password@host:port"), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
    }
}
