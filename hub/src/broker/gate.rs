//! The door in front of the embedded broker: accepts stations, does TLS, and passes bytes to the broker on loopback.
//!
//! rmqtt takes no ready-made stream, waits without limit for the first byte of a connection and has no limit on
//! their number; and its own TLS would bring a second cryptography library. So every connection is checked here first:
//! it must finish TLS and one whole CONNECT packet in ten seconds, in one of a limited number of places.

use super::tls::ServerTls;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{debug, warn};

const CONNECTIONS_MAX: usize = 10_000;
const HANDSHAKES_MAX: usize = 500;
/// A whole site may stand behind one address.
const HANDSHAKES_PER_ADDRESS_MAX: usize = 200;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A CONNECT carries names, a secret and a small will.
const CONNECT_MAX: usize = 8 * 1024;
/// A client that takes nothing for this long is cut, whatever it still sends.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// What is left to deliver after one side has ended.
const LINGER: Duration = Duration::from_secs(5);
const UP_BUFFER: usize = 4 * 1024;
const DOWN_BUFFER: usize = 16 * 1024;

/// The door, open until it is dropped.
pub(super) struct Gate {
    address: SocketAddr,
    secure: bool,
    task: JoinHandle<()>,
}

/// What all connections share.
struct Hall {
    broker: SocketAddr,
    tls: Option<ServerTls>,
    peers: Arc<Peers>,
    connections: Arc<Semaphore>,
    handshakes: Mutex<BTreeMap<IpAddr, usize>>,
    turned_away: AtomicU64,
}

impl Gate {
    /// Listens on `listen` (port 0 takes a free one) and passes connections to `broker`.
    pub async fn open(
        listen: SocketAddr,
        tls: Option<ServerTls>,
        broker: SocketAddr,
        peers: Arc<Peers>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let (address, secure) = (listener.local_addr()?, tls.is_some());
        let hall = Arc::new(Hall {
            broker,
            tls,
            peers,
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            handshakes: Mutex::default(),
            turned_away: AtomicU64::new(0),
        });
        Ok(Self { address, secure, task: tokio::spawn(hall.receive(listener)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether connections are TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Stops listening and waits until the port is free; connections end with the broker behind them.
    pub async fn close(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hall {
    async fn receive(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.clone().admit(stream, peer),
                Err(error) => {
                    warn!(%error, "Failed to accept a station's connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Gives the connection a place, or closes it at once.
    fn admit(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let Ok(place) = self.connections.clone().try_acquire_owned() else {
            return self.turned_away(peer, "all places are taken");
        };
        let Some(handshake) = Handshake::begin(&self, peer.ip()) else {
            return self.turned_away(peer, "too many are connecting at once");
        };
        tokio::spawn(async move {
            if let Err(error) = self.serve(stream, peer, handshake, place).await {
                debug!(%peer, %error, "A station's connection ended");
            }
        });
    }

    /// Tells ever more rarely, so that a flood of connections is not a flood of log lines.
    fn turned_away(&self, peer: SocketAddr, why: &str) {
        let count = self.turned_away.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            warn!(%peer, count, "Closed a station's connection: {why}");
        }
    }

    async fn serve(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        handshake: Handshake,
        _place: OwnedSemaphorePermit,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.greet(stream, peer, handshake).await,
            Some(tls) => {
                let stream = timeout(HANDSHAKE_TIMEOUT, tls.acceptor().accept(stream)).await??;
                self.greet(stream, peer, handshake).await
            }
        }
    }

    async fn greet<S>(self: &Arc<Self>, mut client: S, peer: SocketAddr, handshake: Handshake) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let connect = timeout(HANDSHAKE_TIMEOUT, read_connect(&mut client)).await??;
        drop(handshake);
        let mut broker = TcpStream::connect(self.broker).await?;
        broker.set_nodelay(true)?;
        let _known = self.peers.remember(broker.local_addr()?.port(), peer);
        broker.write_all(&connect).await?;
        pass(client, broker).await
    }
}

/// Reads one CONNECT packet to its last byte, so that the broker never waits for a slow one.
async fn read_connect(client: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut packet = vec![client.read_u8().await?];
    if packet != [0x10] {
        return Err(invalid("the first packet is not CONNECT"));
    }
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let byte = client.read_u8().await?;
        packet.push(byte);
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        if shift == 21 {
            return Err(invalid("the length of CONNECT is malformed"));
        }
    }
    if length > CONNECT_MAX {
        return Err(invalid("CONNECT is too long"));
    }
    let head = packet.len();
    packet.resize(head + length, 0);
    client.read_exact(packet.get_mut(head..).unwrap_or_default()).await?;
    Ok(packet)
}

/// Copies both ways until either side ends; what the broker said last still gets out.
async fn pass<S>(client: S, broker: TcpStream) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut client_in, mut client_out) = tokio::io::split(client);
    let (mut broker_in, mut broker_out) = broker.into_split();
    let down = async {
        let ended = copy(&mut broker_in, &mut client_out, DOWN_BUFFER).await;
        let _ = timeout(LINGER, client_out.shutdown()).await;
        ended
    };
    tokio::pin!(down);
    tokio::select! {
        ended = &mut down => ended,
        ended = copy(&mut client_in, &mut broker_out, UP_BUFFER) => {
            broker_out.shutdown().await?;
            let _ = timeout(LINGER, down).await;
            ended
        }
    }
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    buffer: usize,
) -> io::Result<()> {
    let mut buffer = vec![0; buffer];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        let part = buffer.get(..read).unwrap_or_default();
        timeout(WRITE_TIMEOUT, async {
            to.write_all(part).await?;
            to.flush().await
        })
        .await??;
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// A place among those still connecting; given back when dropped.
struct Handshake {
    hall: Arc<Hall>,
    address: IpAddr,
}

impl Handshake {
    fn begin(hall: &Arc<Hall>, address: IpAddr) -> Option<Self> {
        let mut places = lock(&hall.handshakes);
        let taken: usize = places.values().sum();
        let here = places.get(&address).copied().unwrap_or(0);
        if taken >= HANDSHAKES_MAX || here >= HANDSHAKES_PER_ADDRESS_MAX {
            return None;
        }
        places.insert(address, here + 1);
        Some(Self { hall: hall.clone(), address })
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let mut places = lock(&self.hall.handshakes);
        match places.get_mut(&self.address) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                places.remove(&self.address);
            }
        }
    }
}

/// Who really is behind a connection that the broker sees coming from loopback, by its port there.
#[derive(Debug, Default)]
pub(super) struct Peers(Mutex<BTreeMap<u16, SocketAddr>>);

impl Peers {
    fn remember(self: &Arc<Self>, port: u16, peer: SocketAddr) -> Known {
        lock(&self.0).insert(port, peer);
        Known { peers: self.clone(), port }
    }

    /// The address to write in a log.
    pub fn name(&self, seen: Option<SocketAddr>) -> String {
        match seen.and_then(|seen| lock(&self.0).get(&seen.port()).copied()) {
            Some(peer) => peer.to_string(),
            None => "this machine".to_owned(),
        }
    }
}

struct Known {
    peers: Arc<Peers>,
    port: u16,
}

impl Drop for Known {
    fn drop(&mut self) {
        lock(&self.peers.0).remove(&self.port);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hall() -> Arc<Hall> {
        Arc::new(Hall {
            broker: ([127, 0, 0, 1], 9).into(),
            tls: None,
            peers: Arc::default(),
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            handshakes: Mutex::default(),
            turned_away: AtomicU64::new(0),
        })
    }

    #[test]
    fn one_address_cannot_take_every_place() {
        let hall = hall();
        let begin = |last: u8| Handshake::begin(&hall, [10, 0, 0, last].into());
        let mut held: Vec<_> = (0..HANDSHAKES_PER_ADDRESS_MAX).map(|_| begin(1).unwrap()).collect();
        assert!(begin(1).is_none());
        held.extend((0..HANDSHAKES_PER_ADDRESS_MAX).map(|_| begin(2).unwrap()));
        let free = HANDSHAKES_MAX - 2 * HANDSHAKES_PER_ADDRESS_MAX;
        held.extend((0..free).map(|_| begin(3).unwrap()));
        assert!(begin(4).is_none(), "all places are taken");
        drop(held);
        assert!(begin(4).is_some() && lock(&hall.handshakes).is_empty());
    }

    #[tokio::test]
    async fn only_a_whole_connect_gets_in() {
        let whole = b"\x10\x03abc";
        for (bytes, accepted) in [
            (&whole[..], true),
            (b"\x10\x83\x00abc", true),
            (b"\x10\x03abcd", true),
            (b"\x10\x00", true),
            (b"\x10\x03ab", false),
            (b"\x10", false),
            (b"", false),
            (b"\x20\x03abc", false),
            (b"\x10\x81\x40", false),
            (b"\x10\xff\xff\xff\x7f", false),
            (b"\x10\xff\xff\xff\xff\x01", false),
        ] {
            assert_eq!(read_connect(&mut &*bytes).await.is_ok(), accepted, "{bytes:?}");
        }
        assert_eq!(read_connect(&mut &whole[..]).await.unwrap(), whole);
    }
}
