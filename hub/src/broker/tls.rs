//! The certificate that the embedded broker shows: read from PEM files, and again whenever they change.

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate chain, PEM, the broker's own first.
    pub chain: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file is missing or not PEM.
    #[error("failed to read `{path}`; give a PEM file with {wanted}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// What went wrong.
        #[source]
        cause: rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not fit together, or are of a kind that is not supported.
    #[error("failed to use certificate `{chain}` with key `{key}`")]
    Use {
        /// The certificate chain.
        chain: PathBuf,
        /// The key.
        key: PathBuf,
        /// What went wrong.
        #[source]
        cause: rustls::Error,
    },
}

/// Makes TLS connections with the newest readable certificate.
pub(super) struct ServerTls {
    files: CertificateFiles,
    current: Mutex<Current>,
}

struct Current {
    changed: Option<(SystemTime, SystemTime)>,
    acceptor: TlsAcceptor,
}

impl ServerTls {
    /// Reads the files for the first time.
    pub fn open(files: CertificateFiles) -> Result<Self, CertificateError> {
        let changed = changed(&files);
        let acceptor = read(&files)?;
        Ok(Self { files, current: Mutex::new(Current { changed, acceptor }) })
    }

    /// The acceptor to use now. Files that changed but cannot be read keep the certificate before.
    pub fn acceptor(&self) -> TlsAcceptor {
        let changed = changed(&self.files);
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if changed != current.changed {
            current.changed = changed;
            match read(&self.files) {
                Ok(acceptor) => {
                    info!("Took the new broker certificate");
                    current.acceptor = acceptor;
                }
                Err(error) => warn!(%error, "Kept the broker certificate: the new one cannot be used"),
            }
        }
        current.acceptor.clone()
    }
}

fn changed(files: &CertificateFiles) -> Option<(SystemTime, SystemTime)> {
    let at = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
    Some((at(&files.chain)?, at(&files.key)?))
}

fn read(files: &CertificateFiles) -> Result<TlsAcceptor, CertificateError> {
    let chain = CertificateDer::pem_file_iter(&files.chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|cause| CertificateError::Read { path: files.chain.clone(), wanted: "a certificate chain", cause })?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|cause| CertificateError::Read {
        path: files.key.clone(),
        wanted: "a private key",
        cause,
    })?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config =
        config.map_err(|cause| CertificateError::Use { chain: files.chain.clone(), key: files.key.clone(), cause })?;
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
