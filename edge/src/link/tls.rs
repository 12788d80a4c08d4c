//! How a station proves that it talks to its hub: TLS with ring, and either the hub's own CA or the system's.

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
pub fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(ca_file)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    Ok(Arc::new(config))
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
