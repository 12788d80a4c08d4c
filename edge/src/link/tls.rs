//! How a station proves that it talks to its hub: TLS with ring, and either the hub's own CA or the system's.

use crate::hub_time::HubTime;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is missing or not PEM.
    #[error("failed to read certificates from `{path}`; give a PEM file with at least one CA certificate")]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: rustls::pki_types::pem::Error,
    },
    /// Nothing in the file, or in the system's store, can be used.
    #[error("found no usable CA certificate in {place}")]
    Empty {
        /// The file or the store.
        place: String,
    },
    /// The TLS library refuses its own defaults.
    #[error("failed to set up TLS")]
    Setup(#[from] rustls::Error),
}

/// A client configuration that trusts the CA certificates in `ca_file`, or the system's when there is none.
///
/// A station without a clock battery may start in the past and would find every certificate not yet valid, so
/// certificates are judged at a time that is past for certain: when this program was built, or what the hub told last.
pub fn client_config(ca_file: Option<&Path>, hub_time: HubTime) -> Result<Arc<ClientConfig>, TlsError> {
    let clock = Arc::new(AtLeast(hub_time));
    let mut config = ClientConfig::builder_with_details(Arc::new(ring::default_provider()), clock)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(ca_file)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    Ok(Arc::new(config))
}

#[derive(Debug)]
struct AtLeast(HubTime);

impl TimeProvider for AtLeast {
    fn current_time(&self) -> Option<UnixTime> {
        let ms = self.0.now_at_least().0;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(ms).ok()?)))
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let certificates = match ca_file {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|cause| TlsError::Read { path: path.to_owned(), cause })?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        let place = ca_file.map_or("the system's store".to_owned(), |path| format!("`{}`", path.display()));
        return Err(TlsError::Empty { place });
    }
    Ok(roots)
}
