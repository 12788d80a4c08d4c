//! Fixed readers on the network: we connect to them, or they connect to us.
//!
//! A reader takes few connections and a cut cable leaves half of one behind, so there is one owner, dead connections are
//! found by keepalive, and a reader that connects to us anew replaces its own older connection.

use super::OfflineReason;
use super::retry::Stop;
use super::run::{Device, Port, Read};
use super::watch::{readable, readable_of};
use crate::scan::config::ScannerConfig;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, Read as _, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const CONNECT_PATIENCE: Duration = Duration::from_secs(1);
const WRITE_PATIENCE: Duration = Duration::from_millis(200);
/// How long a stop may go unnoticed.
const SLICE: Duration = Duration::from_millis(250);

/// A reader that waits for us.
pub(super) struct TcpClient {
    address: String,
}

/// A reader that we wait for.
pub(super) struct TcpServer {
    address: String,
    peer: Option<IpAddr>,
    listener: Option<Arc<TcpListener>>,
    /// A connection that came while another one was open.
    next: Arc<Mutex<Option<TcpStream>>>,
}

/// The device that `config` describes.
pub(super) fn device(config: &ScannerConfig) -> Box<dyn Device> {
    match &config.listen {
        Some(address) => {
            Box::new(TcpServer { address: address.clone(), peer: config.peer, listener: None, next: Arc::default() })
        }
        None => Box::new(TcpClient { address: config.connect.clone().unwrap_or_default() }),
    }
}

/// Connects to the reader at `host:port`.
pub(super) fn connect(address: &str) -> Result<TcpStream, OfflineReason> {
    let mut last = OfflineReason::Missing;
    for candidate in resolve(address)? {
        match TcpStream::connect_timeout(&candidate, CONNECT_PATIENCE) {
            Ok(stream) => return set_up(stream),
            Err(cause) => last = OfflineReason::Failed(cause.to_string()),
        }
    }
    Err(last)
}

/// Connects, writes `bytes` and closes the connection.
pub(super) fn write_once(config: &ScannerConfig, bytes: &[u8]) -> Result<(), OfflineReason> {
    let address = config.connect.as_deref().ok_or(OfflineReason::Waiting)?;
    connect(address)?.write_all(bytes).map_err(|cause| OfflineReason::Failed(cause.to_string()))
}

fn resolve(address: &str) -> Result<impl Iterator<Item = SocketAddr>, OfflineReason> {
    address.to_socket_addrs().map_err(|cause| OfflineReason::Failed(cause.to_string()))
}

/// Finds a dead peer within about 25 s, sends feedback at once and never blocks long on it.
fn set_up(stream: TcpStream) -> Result<TcpStream, OfflineReason> {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(5)).with_retries(3);
    let set = || -> io::Result<()> {
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(WRITE_PATIENCE))
    };
    set().map_err(|cause| OfflineReason::Failed(cause.to_string()))?;
    Ok(stream)
}

impl Device for TcpClient {
    fn open(&mut self) -> Result<Box<dyn Port>, OfflineReason> {
        Ok(Box::new(Connection { stream: connect(&self.address)?, newer: None }))
    }

    fn wait(&mut self, at_most: Duration, stop: &Stop) {
        stop.wait(at_most);
    }
}

impl Device for TcpServer {
    fn open(&mut self) -> Result<Box<dyn Port>, OfflineReason> {
        let listener = match &self.listener {
            Some(listener) => Arc::clone(listener),
            None => self.listener.insert(Arc::new(bind(&self.address)?)).clone(),
        };
        let newer = Newer { listener, peer: self.peer, next: Arc::clone(&self.next) };
        let stream = newer.take().ok_or(OfflineReason::Waiting)?;
        Ok(Box::new(Connection { stream: set_up(stream)?, newer: Some(newer) }))
    }

    fn wait(&mut self, at_most: Duration, stop: &Stop) {
        let Some(listener) = &self.listener else { return stop.wait(at_most) };
        let slices = at_most.as_millis().div_ceil(SLICE.as_millis());
        for _ in 0..slices {
            if stop.is_set() || readable(listener.as_ref(), at_most.min(SLICE)) {
                return;
            }
        }
    }
}

fn bind(address: &str) -> Result<TcpListener, OfflineReason> {
    let listen = || -> io::Result<TcpListener> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    listen().map_err(|cause| OfflineReason::Failed(format!("cannot listen on {address}: {cause}")))
}

/// Where a reader's next connection comes from.
struct Newer {
    listener: Arc<TcpListener>,
    peer: Option<IpAddr>,
    next: Arc<Mutex<Option<TcpStream>>>,
}

impl Newer {
    /// The latest connection from an accepted address; others are closed.
    fn take(&self) -> Option<TcpStream> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        // Bounded, so that a peer that connects without end cannot keep the scanner's thread here.
        for _ in 0..64 {
            match self.listener.accept() {
                Ok((stream, from)) if self.peer.is_none_or(|peer| peer == from.ip().to_canonical()) => {
                    *next = Some(stream)
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        next.take()
    }

    fn has_come(&self) -> bool {
        let stream = self.take();
        let come = stream.is_some();
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = stream;
        come
    }
}

struct Connection {
    stream: TcpStream,
    newer: Option<Newer>,
}

impl Connection {
    /// Waits for bytes and, where we listen, for a connection that replaces this one.
    fn wait(&self, at_most: Duration) -> (bool, bool) {
        match &self.newer {
            None => (readable(&self.stream, at_most), false),
            Some(newer) => {
                let [bytes, connection] = readable_of([self.stream.as_fd(), newer.listener.as_fd()], at_most);
                (bytes, connection)
            }
        }
    }
}

impl Port for Connection {
    fn read(&mut self, buffer: &mut [u8], at_most: Duration) -> Result<Read, OfflineReason> {
        let (bytes, connection) = self.wait(at_most);
        if bytes {
            return match self.stream.read(buffer) {
                Ok(0) => Err(OfflineReason::Gone),
                Ok(count) => Ok(Read::Bytes(count)),
                Err(cause) if matches!(cause.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                    Ok(Read::Bytes(0))
                }
                Err(_) => Err(OfflineReason::Gone),
            };
        }
        if connection {
            // A connection attempt from elsewhere is not silence of the reader.
            let replaced = self.newer.as_ref().is_some_and(Newer::has_come);
            return if replaced { Err(OfflineReason::Replaced) } else { Ok(Read::Bytes(0)) };
        }
        Ok(Read::Quiet)
    }

    fn writer(&self) -> Option<Box<dyn Write + Send>> {
        Some(Box::new(self.stream.try_clone().ok()?))
    }
}
