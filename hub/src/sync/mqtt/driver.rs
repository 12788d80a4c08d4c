//! The task that owns the event loop: it polls, tells what happened, and starts over when anything goes wrong.

use super::{Config, Down, Event, Live, Shared, lock};
use crate::clock;
use packline_protocol::time::Moment;
use packline_protocol::topic::PAYLOAD_MAX;
use rumqttc::mqttbytes::v5::{ConnAck, ConnectReturnCode, DisconnectReasonCode, Packet, SubAck};
use rumqttc::{AsyncClient, ConnectionError, Event as Polled, EventLoop, MqttOptions, NetworkOptions, QoS};
use rumqttc::{StateError, SubscribeFilterInput, SubscribeReasonCode, TlsConfiguration, Transport};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Above the payload cap, so that a full payload always fits.
const PACKET_MAX: u32 = 256 * 1024;
/// Room for everything in a PUBLISH but topic and payload.
const PACKET_OVERHEAD: usize = 256;
const KEEP_ALIVE_SECS: u16 = 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// CONNACK and SUBACK each come within this time.
const GREETING_MAX: Duration = Duration::from_secs(12);
/// A ping wakes the poll every keep-alive; a poll that sleeps longer than this hangs.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const IN_FLIGHT_MAX: u16 = 32;
const REQUESTS_MAX: usize = 32;
/// A connection that lived this long was a good one: the next attempt starts with short pauses.
const GOOD_LIFE_MS: u64 = 10_000;

pub(super) struct Driver {
    pub config: Config,
    pub events: mpsc::Sender<Event>,
    pub shared: Arc<Shared>,
}

/// One connection, from its first packet to its last.
struct Session {
    client: AsyncClient,
    connection: u64,
    connected: Option<Moment>,
    payload_max: usize,
    up: bool,
}

impl Driver {
    pub(super) async fn run(self) {
        let mut failures = 0;
        for connection in 1.. {
            let (why, lived_ms) = self.connect(connection).await;
            *lock(&self.shared.live) = None;
            let refused = matches!(why, Down::Refused(_) | Down::TakenOver);
            if self.events.send(Event::Down { connection, why }).await.is_err() {
                return;
            }
            failures = if lived_ms > GOOD_LIFE_MS { 0 } else { failures + 1 };
            tokio::time::sleep(self.config.backoff.pause(failures, refused, clock::random_u64())).await;
        }
    }

    /// Runs one connection to its end; says what ended it and how long after CONNACK.
    async fn connect(&self, connection: u64) -> (Down, u64) {
        let (client, mut eventloop) = match AsyncClient::builder(self.options()).capacity(REQUESTS_MAX).try_build() {
            Ok(parts) => parts,
            Err(error) => return (Down::Lost(error.to_string()), 0),
        };
        let mut session = Session { client, connection, connected: None, payload_max: PAYLOAD_MAX, up: false };
        let why = tokio::select! {
            why = self.serve(&mut session, &mut eventloop) => why,
            () = self.shared.stalled.notified() => Down::Stalled,
        };
        (why, session.connected.map_or(0, |at| clock::moment().since_ms(at)))
    }

    async fn serve(&self, session: &mut Session, eventloop: &mut EventLoop) -> Down {
        loop {
            let patience = if session.up { SILENCE_MAX } else { GREETING_MAX };
            let polled = match timeout(patience, eventloop.poll()).await {
                Ok(Ok(polled)) => polled,
                Ok(Err(error)) => return down(&error),
                Err(_) => return Down::Stalled,
            };
            if let Err(why) = self.handle(session, polled).await {
                return why;
            }
        }
    }

    async fn handle(&self, session: &mut Session, polled: Polled) -> Result<(), Down> {
        match polled {
            Polled::Incoming(Packet::ConnAck(ack)) => session.subscribe(&ack, &self.config)?,
            Polled::Incoming(Packet::SubAck(ack)) => {
                check_grants(&ack, &self.config)?;
                *lock(&self.shared.live) =
                    Some(Live { client: session.client.clone(), payload_max: session.payload_max });
                session.up = true;
                self.tell(Event::Up { connection: session.connection }).await?;
            }
            // What overtakes the SUBACK would overtake `Up`; its sender sends it again.
            Polled::Incoming(Packet::Publish(publish)) if session.up => {
                let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                self.tell(Event::Message { topic, payload: publish.payload }).await?;
            }
            Polled::Incoming(_) | Polled::Outgoing(_) | Polled::Auth(_) => {}
        }
        Ok(())
    }

    /// Waits for room in the events: a slow reader stops the polling, and TCP then slows the broker.
    async fn tell(&self, event: Event) -> Result<(), Down> {
        self.events.send(event).await.map_err(|_| Down::Closed)
    }

    fn options(&self) -> MqttOptions {
        let access = &self.config.access;
        let mut options = MqttOptions::new(&access.client_id, (access.host.as_str(), access.port));
        options.set_credentials(&access.username, access.password.expose().to_owned());
        options.set_clean_start(true);
        options.set_keep_alive(KEEP_ALIVE_SECS);
        options.set_connect_timeout(CONNECT_TIMEOUT);
        options.set_max_packet_size(Some(PACKET_MAX));
        options.set_receive_maximum(Some(u16::MAX));
        options.set_outgoing_inflight_upper_limit(IN_FLIGHT_MAX);
        options.set_max_request_batch(REQUESTS_MAX);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let Some(tls) = &access.tls {
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())));
        }
        options
    }
}

impl Session {
    /// Subscribes to everything at once; a broker that takes less than our cap lowers it.
    fn subscribe(&mut self, ack: &ConnAck, config: &Config) -> Result<(), Down> {
        self.connected = Some(clock::moment());
        if let Some(packet_max) = ack.properties.as_ref().and_then(|properties| properties.max_packet_size) {
            let room = usize::try_from(packet_max).unwrap_or(usize::MAX).saturating_sub(PACKET_OVERHEAD);
            self.payload_max = self.payload_max.min(room);
        }
        let filters = config.filters.iter().map(|filter| SubscribeFilterInput::new(filter, QoS::AtLeastOnce));
        self.client.try_subscribe_many(filters).map_err(|error| Down::SubscriptionRefused(error.to_string()))
    }
}

fn check_grants(ack: &SubAck, config: &Config) -> Result<(), Down> {
    for (filter, reason) in config.filters.iter().zip(&ack.return_codes) {
        if !matches!(reason, SubscribeReasonCode::Success(_)) {
            return Err(Down::SubscriptionRefused(format!("`{filter}`: {reason:?}")));
        }
    }
    Ok(())
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
        error => Down::Lost(error.to_string()),
    }
}
