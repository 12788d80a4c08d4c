//! Tries whether the embedded broker still answers: one connection, CONNECT, CONNACK, goodbye.

use super::directory::Secret;
use super::hooks::PROBE_NAME;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the broker at `address` accepts a connection and says so.
pub(super) async fn answers(address: SocketAddr, secret: &Secret) -> bool {
    matches!(timeout(ANSWER_TIMEOUT, ask(address, secret)).await, Ok(Ok(true)))
}

async fn ask(address: SocketAddr, secret: &Secret) -> io::Result<bool> {
    let mut broker = TcpStream::connect(address).await?;
    broker.write_all(&connect(secret)).await?;
    let mut connack = [0; 4];
    broker.read_exact(&mut connack).await?;
    broker.write_all(&[0xe0, 0x00]).await?;
    Ok(connack == [0x20, 0x02, 0x00, 0x00])
}

/// CONNECT of MQTT 3.1.1 (OASIS, section 3.1): clean session, user name and password, keep-alive 10 s.
/// The broker makes up the client id, so that this probe never meets the one before.
fn connect(secret: &Secret) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\xc2\x00\x0a".to_vec();
    for field in ["", PROBE_NAME, secret.expose()] {
        body.extend_from_slice(&u16::try_from(field.len()).unwrap_or(0).to_be_bytes());
        body.extend_from_slice(field.as_bytes());
    }
    let mut packet = vec![0x10, u8::try_from(body.len()).expect("names and secret are short")];
    packet.append(&mut body);
    packet
}
