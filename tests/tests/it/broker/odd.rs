//! The station's driver in front of brokers that behave oddly, each played by a few lines here.

use super::kit::patiently;
use bytes::Bytes;
use packline_edge::link::mqtt::{Backoff, Config, Down, Event, Link, PublishError, Qos, Ticket};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::Receiver;

const CONNACK: &[u8] = &[0x20, 3, 0, 0, 0];
/// Maximum Packet Size (property 0x27): 1,024 bytes.
const CONNACK_SMALL: &[u8] = &[0x20, 8, 0, 0, 5, 0x27, 0, 0, 4, 0];
const SUBACK: &[u8] = &[0x90, 4, 0, 1, 0, 1];
const TAKEN_OVER: &[u8] = &[0xe0, 2, 0x8e, 0];

/// Someone who listens and says what the test wants.
struct Odd {
    listener: TcpListener,
    address: SocketAddr,
}

impl Odd {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    fn link(&self) -> (Link, Receiver<Event>) {
        let moment = Duration::from_millis(1);
        let config = Config {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            tls: None,
            client_id: "pack-1".to_owned(),
            password: "sample".to_owned(),
            filters: vec![("g1/rs/sz/pack-1".to_owned(), Qos::One)],
            backoff: Backoff { base: moment, max: moment, refused_max: moment },
        };
        Link::open(config, |_| None)
    }

    /// Takes the next connection and reads its CONNECT.
    async fn accept(&self) -> TcpStream {
        let (mut stream, _) = patiently("a connection", self.listener.accept()).await.unwrap();
        assert_eq!(packet(&mut stream).await, 0x10);
        stream
    }

    /// Takes the next connection as far as the subscription.
    async fn greet(&self, connack: &[u8]) -> TcpStream {
        let mut stream = self.accept().await;
        stream.write_all(connack).await.unwrap();
        assert_eq!(packet(&mut stream).await, 0x82);
        stream.write_all(SUBACK).await.unwrap();
        stream
    }
}

/// Reads one packet and says of what kind it is.
async fn packet(stream: &mut TcpStream) -> u8 {
    patiently("a packet", async {
        let kind = stream.read_u8().await.unwrap();
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = stream.read_u8().await.unwrap();
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        kind
    })
    .await
}

async fn event(events: &mut Receiver<Event>) -> Event {
    patiently("an event", events.recv()).await.unwrap()
}

async fn up(events: &mut Receiver<Event>) {
    let event = event(events).await;
    assert!(matches!(event, Event::Up { .. }), "{event:?}");
}

#[tokio::test]
async fn answers_that_make_no_sense_end_the_attempt_and_nothing_else() {
    let odd = Odd::new().await;
    let (_link, mut events) = odd.link();
    let connack_and = |more: &[u8]| [CONNACK, more].concat();
    for answer in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0; 64],
        vec![0x20, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x20, 0],
        SUBACK.to_vec(),
        connack_and(CONNACK),
        connack_and(&[0x90, 3, 0, 99, 0]),
        connack_and(&[0x40, 2, 0, 7]),
        // A message larger than was agreed.
        connack_and(&[0x30, 0xff, 0xff, 0xff, 0x7f]),
    ] {
        odd.accept().await.write_all(&answer).await.unwrap();
        match event(&mut events).await {
            Event::Down { why: Down::Lost(_) | Down::TakenOver, .. } => {}
            other => panic!("{answer:?}: {other:?}"),
        }
    }
    let _stream = odd.greet(CONNACK).await;
    up(&mut events).await;
}

#[tokio::test]
async fn a_broker_that_takes_less_lowers_the_cap() {
    let odd = Odd::new().await;
    let (link, mut events) = odd.link();
    let mut stream = odd.greet(CONNACK_SMALL).await;
    up(&mut events).await;
    let refused = link.publish("g1/up/sz/pack-1/ev", Bytes::from(vec![0; 1_000]), Qos::One);
    assert!(matches!(refused, Err(PublishError::TooLarge { bytes: 1_000, max, .. }) if max < 1_000), "{refused:?}");
    link.publish("g1/up/sz/pack-1/ev", Bytes::from(vec![0; 900]), Qos::One).unwrap();
    assert_eq!(packet(&mut stream).await, 0x32);
}

#[tokio::test]
async fn a_broker_that_acknowledges_nothing_fills_the_window() {
    let odd = Odd::new().await;
    let (link, mut events) = odd.link();
    assert_eq!(link.publish("g1/up/sz/pack-1/ev", Bytes::new(), Qos::One), Err(PublishError::Down));
    let mut stream = odd.greet(CONNACK).await;
    up(&mut events).await;
    let mut taken = 0;
    let full = loop {
        match link.publish("g1/up/sz/pack-1/ev", Bytes::from_static(b"scan"), Qos::One) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
        assert!(taken < 1_000, "the window has no end");
    };
    assert_eq!(full, PublishError::Full);
    // One acknowledgement, refusing: it is reported for the first ticket and makes room.
    assert_eq!(packet(&mut stream).await, 0x32);
    stream.write_all(&[0x40, 4, 0, 2, 0x97, 0]).await.unwrap();
    match event(&mut events).await {
        Event::Refused { ticket, reason } => assert_eq!((ticket, reason.as_str()), (Ticket(1), "QuotaExceeded")),
        other => panic!("{other:?}"),
    }
    drop(stream);
    assert!(matches!(event(&mut events).await, Event::Down { .. }));
    assert_eq!(link.publish("g1/up/sz/pack-1/ev", Bytes::new(), Qos::One), Err(PublishError::Down));
}

#[tokio::test]
async fn a_broker_that_says_who_took_over_is_believed_at_once() {
    let odd = Odd::new().await;
    let (_link, mut events) = odd.link();
    let mut stream = odd.greet(CONNACK).await;
    up(&mut events).await;
    stream.write_all(TAKEN_OVER).await.unwrap();
    let event = event(&mut events).await;
    assert!(matches!(event, Event::Down { connection: 1, why: Down::TakenOver }), "{event:?}");
}

#[tokio::test]
async fn every_attempt_has_its_own_number_and_a_fresh_start() {
    let odd = Odd::new().await;
    let (_link, mut events) = odd.link();
    for number in 1..=5 {
        let stream = odd.accept().await;
        drop(stream);
        let event = event(&mut events).await;
        assert!(matches!(event, Event::Down { connection, .. } if connection == number), "{event:?}");
    }
}
