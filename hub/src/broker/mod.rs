//! The MQTT broker between hub and stations: one inside this process, or any other.
//!
//! Nothing a broker holds is relied upon: it may lose, repeat and reorder, and may be replaced while running.
//! What it does guard is who may connect and which topics they reach; with an outside broker that is set up there,
//! with the files that [`mosquitto`] writes or by its operator.

mod directory;
mod embedded;
mod external;
mod gate;
mod hooks;
pub mod mosquitto;
mod permit;
mod probe;
mod retain;
mod tls;

pub use directory::{Directory, Secret, SecretHash, StationCredential};
pub use embedded::{Embedded, EmbeddedConfig};
pub use external::{External, TrustError};
pub use hooks::Counters;
pub use permit::Who;
pub use tls::{CertificateError, CertificateFiles};

use packline_protocol::id::StationId;
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::sync::Arc;

/// How the hub's own client reaches the broker.
#[derive(Clone)]
pub struct Access {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How to prove the broker's identity; without it the connection is plain.
    pub tls: Option<Arc<ClientConfig>>,
    /// The client id, unique among the hubs on this broker.
    pub client_id: String,
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// Who decides which stations may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Managed {
    /// This hub, and the change holds already.
    Here,
    /// The broker's operator, who must be told.
    Outside,
}

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The address for stations cannot be listened on.
    #[error("failed to listen for stations on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What went wrong.
        #[source]
        cause: std::io::Error,
    },
    /// The embedded broker does not start.
    #[error("failed to start the embedded broker: {0}")]
    Start(String),
    /// The certificate for stations cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The address of the outside broker is not one.
    #[error("broker is `{given}`; give mqtt://user:password@host:port or mqtts://user:password@host:port")]
    Address {
        /// What was given, without the password.
        given: String,
    },
    /// The CA certificates for the outside broker cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// The broker that this hub uses.
pub enum Broker {
    /// Inside this process.
    Embedded(Embedded),
    /// Somewhere else.
    External(External),
}

impl Broker {
    /// How the hub's own client reaches it. It stays the same for the life of the process.
    pub fn access(&self) -> &Access {
        match self {
            Self::Embedded(broker) => broker.access(),
            Self::External(broker) => broker.access(),
        }
    }

    /// Where stations connect, when this process listens for them.
    pub fn listening(&self) -> Option<SocketAddr> {
        match self {
            Self::Embedded(broker) => Some(broker.listening()),
            Self::External(_) => None,
        }
    }

    /// Whether stations connect by TLS.
    pub fn is_secure(&self) -> bool {
        match self {
            Self::Embedded(broker) => broker.is_secure(),
            Self::External(broker) => broker.access().tls.is_some(),
        }
    }

    /// Lets a station in. One that is connected with another secret or site is disconnected.
    pub async fn allow(&self, credential: StationCredential) -> Managed {
        match self {
            Self::Embedded(broker) => {
                broker.allow(credential).await;
                Managed::Here
            }
            Self::External(_) => Managed::Outside,
        }
    }

    /// Shuts a station out and disconnects it.
    pub async fn revoke(&self, station: &StationId) -> Managed {
        match self {
            Self::Embedded(broker) => {
                broker.revoke(station).await;
                Managed::Here
            }
            Self::External(_) => Managed::Outside,
        }
    }

    /// Lets exactly these stations in, as after a start or when another hub changed the list.
    pub async fn allow_only(&self, credentials: Vec<StationCredential>) -> Managed {
        match self {
            Self::Embedded(broker) => {
                broker.allow_only(credentials).await;
                Managed::Here
            }
            Self::External(_) => Managed::Outside,
        }
    }

    /// The stations connected now, sorted; `None` when an outside broker knows and we do not.
    pub async fn sessions(&self) -> Option<Vec<StationId>> {
        match self {
            Self::Embedded(broker) => Some(broker.sessions().await),
            Self::External(_) => None,
        }
    }

    /// What was refused or lost so far; `None` when an outside broker knows and we do not.
    pub fn counters(&self) -> Option<&Counters> {
        match self {
            Self::Embedded(broker) => Some(broker.counters()),
            Self::External(_) => None,
        }
    }

    /// Ends the embedded broker and all its connections; leaves an outside one alone.
    pub async fn shutdown(self) {
        match self {
            Self::Embedded(broker) => broker.shutdown().await,
            Self::External(_) => {}
        }
    }
}
