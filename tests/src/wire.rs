//! A network cable that can be cut: a TCP relay between a station and its broker.

use anyhow::{Context, Result};
use std::net::SocketAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The cable. While it is cut, connections break and new ones are refused.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    whole: watch::Sender<bool>,
    relay: JoinHandle<()>,
}

impl Wire {
    /// A cable to `target`, whole.
    pub async fn to(target: SocketAddr) -> Result<Wire> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("failed to open a relay")?;
        let address = listener.local_addr()?;
        let (whole, seen) = watch::channel(true);
        let relay = tokio::spawn(relay(listener, target, seen));
        Ok(Wire { address, whole, relay })
    }

    /// Where the station connects to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it: every connection breaks now.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn relay(listener: TcpListener, target: SocketAddr, whole: watch::Receiver<bool>) {
    while let Ok((near, _)) = listener.accept().await {
        if *whole.borrow() {
            tokio::spawn(carry(near, target, whole.clone()));
        }
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut whole: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
