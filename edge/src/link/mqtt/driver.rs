//! The task that owns the event loop: it polls, tells what happened, and starts over when anything goes wrong.

use super::{Config, Down, Event, Fate, Live, Shared, Ticket, Will, lock};
use crate::clock;
use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use packline_protocol::time::Moment;
use packline_protocol::topic::PAYLOAD_MAX;
use rumqttc::mqttbytes::v5::{ConnAck, ConnectReturnCode, DisconnectReasonCode, LastWill, Packet, SubAck};
use rumqttc::{AsyncClient, ConnectionError, Event as Polled, MqttOptions, NetworkOptions, Outgoing};
use rumqttc::{PubAckReason, PublishResult, QoS, StateError, SubscribeFilterInput, SubscribeReasonCode};
use rumqttc::{TlsConfiguration, Transport};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Above the payload cap, and never below what the hub sends: some brokers drop a client that is too small.
const PACKET_MAX: u32 = 256 * 1024;
/// Room for everything in a PUBLISH but topic and payload.
const PACKET_OVERHEAD: usize = 64;
const KEEP_ALIVE_SECS: u16 = 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// CONNACK and SUBACK each come within this time.
const GREETING_MAX: Duration = Duration::from_secs(12);
/// A ping wakes the poll every keep-alive; a poll that sleeps longer than this hangs.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const PUBACK_WAIT_MAX_MS: u64 = 60_000;
const IN_FLIGHT_MAX: u16 = 16;
const REQUESTS_MAX: usize = 8;
/// Messages that overtake the SUBACK wait here; more than a broker sends at once is dropped like any lost message.
const EARLY_MAX: usize = 16;
/// A connection dropped sooner than this after CONNACK may have been taken over by a twin.
const SHORT_LIFE_MS: u64 = 10_000;
const SHORT_LIVES_MAX: u32 = 3;

pub(super) struct Driver {
    config: Config,
    will: Box<dyn FnMut(u64) -> Option<Will> + Send>,
    events: mpsc::Sender<Event>,
    shared: Arc<Mutex<Shared>>,
    short_lives: u32,
}

/// One connection, from its first packet to its last.
struct Session {
    client: AsyncClient,
    connection: u64,
    connected: Option<Moment>,
    payload_max: usize,
    up: bool,
    early: Vec<Event>,
    fates: FuturesUnordered<Fate>,
    /// When a PUBACK last came, or was first waited for.
    progress: Moment,
}

impl Driver {
    pub(super) fn new(
        config: Config,
        will: Box<dyn FnMut(u64) -> Option<Will> + Send>,
        events: mpsc::Sender<Event>,
        shared: Arc<Mutex<Shared>>,
    ) -> Self {
        Self { config, will, events, shared, short_lives: 0 }
    }

    pub(super) async fn run(mut self) {
        let mut failures = 0;
        for connection in 1.. {
            let (why, lived_ms) = self.connect(connection).await;
            lock(&self.shared).live = None;
            let refused = matches!(why, Down::Refused(_) | Down::TakenOver);
            let closed = lock(&self.shared).closing || self.events.send(Event::Down { connection, why }).await.is_err();
            if closed {
                return;
            }
            failures = if lived_ms > SHORT_LIFE_MS { 0 } else { failures + 1 };
            tokio::time::sleep(self.config.backoff.pause(failures, refused, clock::random_u64())).await;
        }
    }

    /// Runs one connection to its end; says what ended it and how long after CONNACK.
    async fn connect(&mut self, connection: u64) -> (Down, u64) {
        let (client, mut eventloop) =
            match AsyncClient::builder(self.options(connection)).capacity(REQUESTS_MAX).try_build() {
                Ok(parts) => parts,
                Err(error) => return (Down::Lost(error.to_string()), 0),
            };
        let mut session = Session::new(client, connection);
        let why = loop {
            let patience = if session.up { SILENCE_MAX } else { GREETING_MAX };
            let why = match timeout(patience, eventloop.poll()).await {
                Ok(Ok(polled)) => self.handle(&mut session, polled).await.err(),
                Ok(Err(error)) => Some(down(&error)),
                Err(_) => Some(Down::Stalled),
            };
            if let Some(why) = why {
                break why;
            }
        };
        let lived_ms = session.connected.map_or(0, |at| clock::moment().since_ms(at));
        (self.judge(why, session.connected.is_some() && lived_ms < SHORT_LIFE_MS), lived_ms)
    }

    /// A twin that keeps taking the connection shows, on brokers that do not say so, as one short life after another.
    fn judge(&mut self, why: Down, short_life: bool) -> Down {
        match why {
            Down::Lost(_) if short_life => {
                self.short_lives += 1;
                if self.short_lives >= SHORT_LIVES_MAX { Down::TakenOver } else { why }
            }
            Down::Lost(_) | Down::TakenOver => why,
            _ => {
                self.short_lives = 0;
                why
            }
        }
    }

    async fn handle(&mut self, session: &mut Session, polled: Polled) -> Result<(), Down> {
        match polled {
            Polled::Incoming(Packet::ConnAck(ack)) => session.connected(&ack, &self.config)?,
            Polled::Incoming(Packet::SubAck(ack)) => {
                check_grants(&ack, &self.config)?;
                lock(&self.shared).live = Some(session.live());
                session.up = true;
                self.tell(session, Event::Up { connection: session.connection }).await?;
                for event in std::mem::take(&mut session.early) {
                    self.tell(session, event).await?;
                }
            }
            Polled::Incoming(Packet::Publish(publish)) => {
                let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                let message = Event::Message { topic, payload: publish.payload };
                if session.up {
                    self.tell(session, message).await?;
                } else if session.early.len() < EARLY_MAX {
                    session.early.push(message);
                }
            }
            Polled::Outgoing(Outgoing::Disconnect) => return Err(Down::Closed),
            Polled::Incoming(_) | Polled::Outgoing(_) | Polled::Auth(_) => {}
        }
        self.settle(session).await
    }

    /// Reports the publishes whose PUBACK came with this event.
    async fn settle(&mut self, session: &mut Session) -> Result<(), Down> {
        if let Some(live) = lock(&self.shared).live.as_mut() {
            if session.fates.is_empty() {
                session.progress = clock::moment();
            }
            session.fates.extend(live.fresh.drain(..));
        }
        while let Some(Some((ticket, fate))) = session.fates.next().now_or_never() {
            session.progress = clock::moment();
            let event = match fate {
                Ok(PublishResult::Qos1(ack)) if is_taken(ack.reason) => Event::Acked(ticket),
                Ok(PublishResult::Qos1(ack)) => refused(ticket, format!("{:?}", ack.reason)),
                Ok(other) => refused(ticket, format!("{other:?}")),
                Err(error) => refused(ticket, error.to_string()),
            };
            self.tell(session, event).await?;
        }
        let waited_ms = clock::moment().since_ms(session.progress);
        if !session.fates.is_empty() && waited_ms > PUBACK_WAIT_MAX_MS { Err(Down::Stalled) } else { Ok(()) }
    }

    /// Waits for room in the events: a slow reader stops the polling, and TCP then slows the broker.
    async fn tell(&mut self, session: &mut Session, event: Event) -> Result<(), Down> {
        self.events.send(event).await.map_err(|_| Down::Closed)?;
        session.progress = session.progress.max(clock::moment());
        Ok(())
    }

    fn options(&mut self, connection: u64) -> MqttOptions {
        let config = &self.config;
        let mut options = MqttOptions::new(&config.client_id, (config.host.as_str(), config.port));
        options.set_credentials(&config.client_id, config.password.clone());
        options.set_clean_start(true);
        options.set_keep_alive(KEEP_ALIVE_SECS);
        options.set_connect_timeout(CONNECT_TIMEOUT);
        options.set_max_packet_size(Some(PACKET_MAX));
        options.set_receive_maximum(Some(IN_FLIGHT_MAX));
        options.set_outgoing_inflight_upper_limit(IN_FLIGHT_MAX);
        options.set_max_request_batch(REQUESTS_MAX);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let Some(tls) = &config.tls {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())));
        }
        if let Some(will) = (self.will)(connection) {
            options.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, false, None));
        }
        options
    }
}

impl Session {
    fn new(client: AsyncClient, connection: u64) -> Self {
        Self {
            client,
            connection,
            connected: None,
            payload_max: PAYLOAD_MAX,
            up: false,
            early: Vec::new(),
            fates: FuturesUnordered::new(),
            progress: Moment(0),
        }
    }

    /// Subscribes to everything at once; a broker that takes less than our cap lowers it.
    fn connected(&mut self, ack: &ConnAck, config: &Config) -> Result<(), Down> {
        self.connected = Some(clock::moment());
        if let Some(packet_max) = ack.properties.as_ref().and_then(|properties| properties.max_packet_size) {
            let room = usize::try_from(packet_max).unwrap_or(usize::MAX).saturating_sub(PACKET_OVERHEAD);
            self.payload_max = self.payload_max.min(room);
        }
        let filters = config.filters.iter().map(|(filter, qos)| SubscribeFilterInput::new(filter, (*qos).into()));
        self.client.try_subscribe_many(filters).map_err(|error| Down::SubscriptionRefused(error.to_string()))
    }

    fn live(&self) -> Live {
        Live { client: self.client.clone(), payload_max: self.payload_max, fresh: Vec::new() }
    }
}

fn check_grants(ack: &SubAck, config: &Config) -> Result<(), Down> {
    for ((filter, _), reason) in config.filters.iter().zip(&ack.return_codes) {
        if !matches!(reason, SubscribeReasonCode::Success(_)) {
            return Err(Down::SubscriptionRefused(format!("`{filter}`: {reason:?}")));
        }
    }
    Ok(())
}

fn is_taken(reason: PubAckReason) -> bool {
    matches!(reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers)
}

fn refused(ticket: Ticket, reason: String) -> Event {
    Event::Refused { ticket, reason }
}

fn down(error: &ConnectionError) -> Down {
    use ConnectReturnCode as Code;
    match error {
        ConnectionError::ConnectionRefused(
            code @ (Code::BadUserNamePassword
            | Code::NotAuthorized
            | Code::BadClientId
            | Code::ClientIdentifierNotValid
            | Code::Banned
            | Code::RefusedProtocolVersion
            | Code::UnsupportedProtocolVersion),
        ) => Down::Refused(format!("{code:?}")),
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::SessionTakenOver,
            ..
        }) => Down::TakenOver,
        ConnectionError::RequestsDone => Down::Closed,
        error => Down::Lost(error.to_string()),
    }
}
