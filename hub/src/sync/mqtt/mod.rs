//! The hub's own MQTT connection: one task owns the socket, everyone who sends holds a [`Publisher`].
//!
//! Nothing here is durable and nothing is retried: any trouble drops the client with everything it held,
//! waits a random while and builds a new one. Stations notice what they miss and ask again.
//!
//! A station's driver never waits and reports acknowledgements as events, for a machine that decides by events;
//! this one lets many tasks wait their turn, for scripts that go step by step. They share no code, because neither
//! crate may depend on the other and `protocol` does no input or output.

mod driver;

use crate::broker::Access;
use bytes::Bytes;
use packline_protocol::topic::Topic;
use rumqttc::{AsyncClient, ClientError, PubAckReason, PublishNotice, PublishOptions, PublishResult};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const EVENTS_MAX: usize = 512;
/// A connection on which nothing moves for this long is given up.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// Where to connect and what to hear.
#[derive(Clone)]
pub struct Config {
    /// The broker, and the hub's credential there.
    pub access: Access,
    /// What to subscribe at QoS 1, at least one; all must be granted.
    pub filters: Vec<String>,
    /// How long to wait between attempts.
    pub backoff: Backoff,
}

/// Pauses between attempts: a random time up to a limit that doubles from `base` to `max`.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first limit.
    pub base: Duration,
    /// The last limit.
    pub max: Duration,
    /// The last limit while the broker refuses the credential.
    pub refused_max: Duration,
}

impl Default for Backoff {
    /// A tenth of a second to ten seconds; five minutes when refused. All stations wait for this one client.
    fn default() -> Self {
        Self { base: Duration::from_millis(100), max: Duration::from_secs(10), refused_max: Duration::from_secs(300) }
    }
}

/// What happened on the connection, in order.
#[derive(Debug)]
pub enum Event {
    /// Connected and every subscription granted.
    Up {
        /// Counts the attempts of this link from 1.
        connection: u64,
    },
    /// The connection is gone, or the attempt failed.
    Down {
        /// The attempt that ended.
        connection: u64,
        /// What ended it.
        why: Down,
    },
    /// A message on one of the subscribed topics.
    Message {
        /// Where it was published.
        topic: String,
        /// What was published.
        payload: Bytes,
    },
}

/// What ended a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Down {
    /// No connection, or the network or the broker ended it.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The broker does not accept the credential or the client id.
    #[error("broker refused the connection: {0}")]
    Refused(String),
    /// The broker does not grant a subscription.
    #[error("broker refused to subscribe {0}")]
    SubscriptionRefused(String),
    /// Another client connects with the same id: two hubs share one account.
    #[error("another client uses the same client id")]
    TakenOver,
    /// The broker holds the connection open but does not answer.
    #[error("broker stopped answering")]
    Stalled,
    /// The link was closed.
    #[error("closed")]
    Closed,
}

/// Why a message did not reach the broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no connection, or it went while the message was under way.
    #[error("not connected to the broker")]
    Down,
    /// Only the hub's own topics are published from here.
    #[error("topic `{0}` belongs to a station")]
    Topic(Topic),
    /// The payload can never pass.
    #[error("payload for `{topic}` has {bytes} bytes; at most {max} are accepted")]
    TooLarge {
        /// Where to.
        topic: Topic,
        /// How many.
        bytes: usize,
        /// The smaller of the protocol's cap and the broker's.
        max: usize,
    },
    /// The broker says no.
    #[error("broker refused to publish on `{topic}`: {reason}")]
    Refused {
        /// Where to.
        topic: Topic,
        /// The broker's reason.
        reason: String,
    },
}

/// The connection; dropping it cuts it.
pub struct Link {
    publisher: Publisher,
    task: JoinHandle<()>,
}

/// Sends messages over the connection that is there at the time. Clones share it.
#[derive(Clone)]
pub struct Publisher(Arc<Shared>);

#[derive(Default)]
struct Shared {
    live: Mutex<Option<Live>>,
    /// Someone waited too long: the driver shall start over.
    stalled: Notify,
}

/// What exists only between `Up` and `Down`.
#[derive(Clone)]
struct Live {
    client: AsyncClient,
    payload_max: usize,
}

impl Link {
    /// Starts connecting. Reading the returned channel too slowly stops the reading from the network.
    pub fn open(config: Config) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let shared = Arc::new(Shared::default());
        let driver = driver::Driver { config, events, shared: shared.clone() };
        (Self { publisher: Publisher(shared), task: tokio::spawn(driver.run()) }, receiver)
    }

    /// A handle to send with.
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Publisher {
    /// Hands over one message as its topic wants it (log at QoS 0, head retained at QoS 1, answers at QoS 1),
    /// waiting for room. That the broker has it is told by [`Delivery::acked`].
    pub async fn publish(&self, topic: &Topic, payload: Bytes) -> Result<Delivery, PublishError> {
        let options = match topic {
            Topic::Log(_) => PublishOptions::at_most_once(),
            Topic::Head(_) => PublishOptions::at_least_once().retained(),
            Topic::Answer(..) => PublishOptions::at_least_once(),
            Topic::Up(..) => return Err(PublishError::Topic(topic.clone())),
        };
        let live = lock(&self.0.live).clone().ok_or(PublishError::Down)?;
        if payload.len() > live.payload_max {
            let (topic, bytes, max) = (topic.clone(), payload.len(), live.payload_max);
            return Err(PublishError::TooLarge { topic, bytes, max });
        }
        let sent = async {
            Ok::<_, ClientError>(match topic {
                Topic::Log(_) => live.client.publish(topic.to_string(), payload, options).await.map(|()| None)?,
                _ => Some(live.client.publish_tracked(topic.to_string(), payload, options).await?),
            })
        };
        match timeout(STALLED_AFTER, sent).await {
            Ok(Ok(notice)) => Ok(Delivery { topic: topic.clone(), notice, shared: self.0.clone() }),
            Ok(Err(_)) => Err(PublishError::Down),
            Err(_) => {
                self.0.stalled.notify_waiters();
                Err(PublishError::Down)
            }
        }
    }
}

/// A message on its way to the broker; dropping this does not take it back.
#[must_use = "an answer may be refused"]
pub struct Delivery {
    topic: Topic,
    notice: Option<PublishNotice>,
    shared: Arc<Shared>,
}

impl Delivery {
    /// Waits until the broker has the message; at once at QoS 0, which knows no answer.
    pub async fn acked(self) -> Result<(), PublishError> {
        let Some(notice) = self.notice else { return Ok(()) };
        let Ok(fate) = timeout(STALLED_AFTER, notice.wait_async()).await else {
            self.shared.stalled.notify_waiters();
            return Err(PublishError::Down);
        };
        match fate {
            Ok(PublishResult::Qos1(ack)) if is_taken(ack.reason) => Ok(()),
            Ok(PublishResult::Qos1(ack)) => {
                Err(PublishError::Refused { topic: self.topic, reason: format!("{:?}", ack.reason) })
            }
            Ok(_) | Err(_) => Err(PublishError::Down),
        }
    }
}

fn is_taken(reason: PubAckReason) -> bool {
    matches!(reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers)
}

fn lock(live: &Mutex<Option<Live>>) -> MutexGuard<'_, Option<Live>> {
    live.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backoff {
    fn pause(&self, failures: u32, refused: bool, random: u64) -> Duration {
        let max = if refused { self.refused_max } else { self.max };
        let limit = self.base.saturating_mul(1 << failures.min(20)).min(max);
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX - 1);
        Duration::from_millis(random % (limit_ms + 1))
    }
}
