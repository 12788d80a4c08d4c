//! What the embedded broker asks us: who may connect, publish, subscribe, and what will a client may leave.
//!
//! The decisions are in [`super::permit`]; here they are bound to rmqtt's hooks, logged and counted.
//! rmqtt does not ask about wills when it publishes them, so they are checked with the CONNECT.

use super::directory::{Directory, SecretHash};
use super::gate::Peers;
use super::permit::Who;
use crate::clock;
use async_trait::async_trait;
use packline_protocol::id::StationId;
use rmqtt::codec::types::Publish as CodecPublish;
use rmqtt::codec::v5::SubscribeAckReason;
use rmqtt::context::ServerContext;
use rmqtt::fitter::{DefaultFitter, Fitter, FitterManager};
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType, Type};
use rmqtt::types::{
    AuthResult, ConnectInfo, Disconnect, FitterType, Id, LastWill, ListenerConfig, Publish, PublishAclResult,
    SubscribeAclResult,
};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tracing::{info, warn};

/// The hub's user name and client id; the underscore keeps it apart from every station.
pub(super) const HUB_NAME: &str = "_hub";
/// The supervisor's.
pub(super) const PROBE_NAME: &str = "_probe";

/// Refusals are logged one by one up to this rate; the counters have them all.
const REFUSAL_LOG_EVERY_MS: u64 = 1_000;

/// How often something was refused or lost since this process started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub connected: AtomicU64,
    /// Connections refused: wrong secret, foreign client id, foreign will.
    pub refused_connects: AtomicU64,
    /// Messages refused because of their topic.
    pub refused_publishes: AtomicU64,
    /// Subscriptions refused because of their topic.
    pub refused_subscribes: AtomicU64,
    /// Messages dropped on the way to a subscriber, mostly because it reads too slowly.
    pub dropped_messages: AtomicU64,
    /// How often the broker was started anew after it ended or stopped answering.
    pub restarts: AtomicU64,
    refusal_logged_ms: AtomicU64,
}

impl Counters {
    fn refuse(&self, counter: &AtomicU64, tell: impl FnOnce()) {
        counter.fetch_add(1, Ordering::Relaxed);
        let now = clock::moment().0 + REFUSAL_LOG_EVERY_MS;
        let last = self.refusal_logged_ms.load(Ordering::Relaxed);
        let due = now >= last + REFUSAL_LOG_EVERY_MS || last == 0;
        if due && self.refusal_logged_ms.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tell();
        }
    }
}

/// Answers rmqtt's questions.
#[derive(Clone)]
pub(super) struct Doorkeeper {
    pub directory: Arc<Directory>,
    /// The hash of the hub's own secret, new in each process.
    pub hub: SecretHash,
    pub counters: Arc<Counters>,
    pub peers: Arc<Peers>,
}

impl Doorkeeper {
    /// Puts itself in charge of a broker that has not started yet.
    pub async fn take_charge(self, scx: &ServerContext) {
        *scx.extends.fitter_mgr_mut().await = Box::new(Windows);
        let register = scx.extends.hook_mgr().register();
        for question in [
            Type::ClientAuthenticate,
            Type::ClientSubscribeCheckAcl,
            Type::MessagePublishCheckAcl,
            Type::MessageDropped,
            Type::ClientConnected,
            Type::ClientDisconnected,
        ] {
            register.add(question, Box::new(self.clone())).await;
        }
        register.start().await;
    }

    fn authenticate(&self, connect: &ConnectInfo) -> AuthResult {
        let (who, peer) = (self.recognise(connect), self.peers.name(connect.id().remote_addr));
        let name = connect.id().username_ref();
        let refuse = |reason: &str| {
            self.counters.refuse(&self.counters.refused_connects, || {
                warn!(station.id = %printable(name), peer, "Refused `{}` a connection: {reason}", printable(name));
            });
        };
        let Some(who) = who else {
            refuse("the user name or the secret is wrong");
            return AuthResult::BadUsernameOrPassword;
        };
        if who != Who::Probe && connect.client_id().as_ref() as &str != name {
            refuse("the client id is not the user name");
            return AuthResult::NotAuthorized;
        }
        if !connect.last_will().is_none_or(|will| may_leave(&who, &will)) {
            refuse("the will is not its own");
            return AuthResult::NotAuthorized;
        }
        AuthResult::Allow(false, None)
    }

    /// Who shows this name with the right secret.
    fn recognise(&self, connect: &ConnectInfo) -> Option<Who> {
        let password = connect.password().map_or(&[][..], |password| password.as_ref());
        match connect.id().username_ref() {
            HUB_NAME => self.hub.matches(password).then_some(Who::Hub),
            PROBE_NAME => self.hub.matches(password).then_some(Who::Probe),
            name => {
                let station = StationId::parse(name).ok()?;
                let site = self.directory.authenticate(&station, password)?;
                Some(Who::Station { site, station })
            }
        }
    }

    /// Who holds this session now; `None` once a station was revoked.
    fn who(&self, id: &Id) -> Option<Who> {
        match id.username_ref() {
            HUB_NAME => Some(Who::Hub),
            PROBE_NAME => Some(Who::Probe),
            name => {
                let station = StationId::parse(name).ok()?;
                let site = self.directory.site_of(&station)?;
                Some(Who::Station { site, station })
            }
        }
    }

    fn publish(&self, id: &Id, publish: &Publish) -> PublishAclResult {
        let who = self.who(id);
        if who.as_ref().is_some_and(|who| who.may_publish(&publish.topic, publish.retain)) {
            return PublishAclResult::allow();
        }
        let (name, topic) = (id.username_ref(), printable(&publish.topic));
        self.counters.refuse(&self.counters.refused_publishes, || {
            warn!(station.id = %name, topic, "Refused `{name}` to publish on `{topic}`");
        });
        PublishAclResult::rejected(who.is_none(), Some("not your topic".into()))
    }

    fn subscribe(&self, id: &Id, filter: &str) -> bool {
        let allowed = self.who(id).is_some_and(|who| who.may_subscribe(filter));
        if !allowed {
            let (name, filter) = (id.username_ref(), printable(filter));
            self.counters.refuse(&self.counters.refused_subscribes, || {
                warn!(station.id = %name, topic = filter, "Refused `{name}` to subscribe `{filter}`");
            });
        }
        allowed
    }
}

#[async_trait]
impl Handler for Doorkeeper {
    async fn hook(&self, question: &Parameter, answer: Option<HookResult>) -> ReturnType {
        let answer = match question {
            Parameter::ClientAuthenticate(connect) => HookResult::AuthResult(self.authenticate(connect)),
            Parameter::ClientSubscribeCheckAcl(session, subscribe) => {
                let allowed = self.subscribe(&session.id, &subscribe.topic_filter);
                HookResult::SubscribeAclResult(if allowed {
                    SubscribeAclResult::new_success(subscribe.opts.qos(), None)
                } else {
                    SubscribeAclResult::new_failure(SubscribeAckReason::NotAuthorized)
                })
            }
            Parameter::MessagePublishCheckAcl(session, publish) => {
                HookResult::PublishAclResult(self.publish(&session.id, publish))
            }
            Parameter::MessageDropped(Some(_subscriber), ..) => {
                self.counters.dropped_messages.fetch_add(1, Ordering::Relaxed);
                return (true, answer);
            }
            Parameter::ClientConnected(session) => {
                if session.id.username_ref() != PROBE_NAME {
                    self.counters.connected.fetch_add(1, Ordering::Relaxed);
                    let (name, peer) = (session.id.username_ref(), self.peers.name(session.id.remote_addr));
                    info!(station.id = %name, peer, "`{name}` connected");
                }
                return (true, answer);
            }
            Parameter::ClientDisconnected(session, reason) => {
                if session.id.username_ref() != PROBE_NAME {
                    let name = session.id.username_ref();
                    info!(station.id = %name, %reason, "`{name}` disconnected");
                }
                return (true, answer);
            }
            _ => return (true, answer),
        };
        (false, Some(answer))
    }
}

fn may_leave(who: &Who, will: &LastWill<'_>) -> bool {
    match will {
        LastWill::V3(will) => who.may_bequeath(&will.topic, will.retain),
        LastWill::V5(will) => {
            who.may_bequeath(&will.topic, will.retain) && will.will_delay_interval_sec.unwrap_or(0) == 0
        }
    }
}

/// A text from outside, made safe for a log line.
fn printable(text: &str) -> String {
    text.chars().take(128).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The hub hears all stations at once, so its window and its queue are larger than a station's.
struct Windows;

impl FitterManager for Windows {
    fn create(&self, connect: Arc<ConnectInfo>, id: Id, listener: ListenerConfig) -> FitterType {
        let hub = id.username_ref() == HUB_NAME;
        let inner = DefaultFitter::new(connect, id, listener);
        if hub { Arc::new(HubFitter(inner)) } else { Arc::new(inner) }
    }
}

struct HubFitter(DefaultFitter);

const HUB_QUEUE_MAX: usize = 65_536;

#[async_trait]
impl Fitter for HubFitter {
    fn keep_alive(&self, keep_alive: &mut u16) -> rmqtt::Result<u16> {
        self.0.keep_alive(keep_alive)
    }
    fn max_mqueue_len(&self) -> usize {
        HUB_QUEUE_MAX
    }
    fn mqueue_rate_limit(&self) -> (std::num::NonZeroU32, Duration) {
        self.0.mqueue_rate_limit()
    }
    fn max_inflight(&self) -> NonZeroU16 {
        self.0.max_inflight()
    }
    fn session_expiry_interval(&self, disconnect: Option<&Disconnect>) -> Duration {
        self.0.session_expiry_interval(disconnect)
    }
    fn message_expiry_interval(&self, publish: &CodecPublish) -> Duration {
        self.0.message_expiry_interval(publish)
    }
    fn max_client_topic_aliases(&self) -> u16 {
        self.0.max_client_topic_aliases()
    }
    fn max_server_topic_aliases(&self) -> u16 {
        self.0.max_server_topic_aliases()
    }
}
