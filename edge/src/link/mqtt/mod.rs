//! The MQTT connection of a station: one task owns the socket, the rest of the station talks to it through channels.
//!
//! Nothing here is durable and nothing is retried: any trouble drops the client with everything it held,
//! waits a random while and builds a new one. The journal resends what the hub has not acknowledged.
//! A PUBACK means "there is room again", never "the hub has it".
//!
//! The hub has a driver of the same shape in its own crate: the two share no code because neither crate may
//! depend on the other and `protocol` does no input or output.

mod driver;

use bytes::Bytes;
use driver::Driver;
use futures::FutureExt;
use futures::future::BoxFuture;
use rumqttc::{AsyncClient, ClientError, PublishNoticeError, PublishOptions, PublishResult};
use rustls::ClientConfig;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const EVENTS_MAX: usize = 64;

/// Where to connect, as whom, and what to hear.
#[derive(Clone)]
pub struct Config {
    /// Name or address of the broker.
    pub host: String,
    /// TCP port of the broker.
    pub port: u16,
    /// How to prove the broker's identity; without it the connection is plain.
    pub tls: Option<Arc<ClientConfig>>,
    /// The MQTT client id and user name: the station's id.
    pub client_id: String,
    /// The station's secret.
    pub password: String,
    /// The exact topics to subscribe, at least one; all of them must be granted.
    pub filters: Vec<(String, Qos)>,
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
    /// The last limit while the broker refuses the credential or another client holds the same id.
    pub refused_max: Duration,
}

impl Default for Backoff {
    /// Half a second to a minute; five minutes when refused.
    fn default() -> Self {
        Self { base: Duration::from_millis(500), max: Duration::from_secs(60), refused_max: Duration::from_secs(300) }
    }
}

impl Backoff {
    fn pause(&self, failures: u32, refused: bool, random: u64) -> Duration {
        let max = if refused { self.refused_max } else { self.max };
        let limit = self.base.saturating_mul(1 << failures.min(20)).min(max);
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX - 1);
        Duration::from_millis(random % (limit_ms + 1))
    }
}

/// How hard a message tries to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos {
    /// At most once; no acknowledgement is reported.
    Zero,
    /// At least once; ends in [`Event::Acked`], [`Event::Refused`] or [`Event::Down`].
    One,
}

impl From<Qos> for rumqttc::QoS {
    fn from(qos: Qos) -> Self {
        match qos {
            Qos::Zero => Self::AtMostOnce,
            Qos::One => Self::AtLeastOnce,
        }
    }
}

/// What the broker publishes, at QoS 1 and not retained, when the connection is lost.
#[derive(Debug, Clone)]
pub struct Will {
    /// Where to.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
}

/// The number of one publish, unique over the life of a [`Link`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What happened on the link, in order.
#[derive(Debug)]
pub enum Event {
    /// Connected and every subscription granted. `connection` is what the will was made with.
    Up {
        /// Counts the attempts of this link from 1.
        connection: u64,
    },
    /// The connection is gone, or the attempt failed; tickets without an answer will get none.
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
    /// The broker took this publish: there is room for another.
    Acked(Ticket),
    /// The broker refused this publish.
    Refused {
        /// Which one.
        ticket: Ticket,
        /// The broker's reason, for a person.
        reason: String,
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
    /// Another client connects with the same id.
    #[error("another client uses the same client id")]
    TakenOver,
    /// The broker holds the connection open but does not answer.
    #[error("broker stopped answering")]
    Stalled,
    /// [`Link::close`] was called.
    #[error("closed")]
    Closed,
}

/// Why a publish was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no connection.
    #[error("not connected")]
    Down,
    /// The window is full; the next [`Event::Acked`] makes room.
    #[error("too many publishes under way")]
    Full,
    /// The payload can never pass.
    #[error("payload for `{topic}` has {bytes} bytes; at most {max} are accepted")]
    TooLarge {
        /// Where to.
        topic: String,
        /// How many.
        bytes: usize,
        /// The smaller of our own cap and the broker's.
        max: usize,
    },
    /// The topic is not one that can be published to.
    #[error("topic `{0}` cannot be published to")]
    Topic(String),
}

/// A handle on the connection; dropping it cuts the connection, so that the will is published.
pub struct Link {
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    live: Option<Live>,
    tickets: u64,
    closing: bool,
}

/// What exists only between `Up` and `Down`.
struct Live {
    client: AsyncClient,
    payload_max: usize,
    fresh: Vec<Fate>,
}

type Fate = BoxFuture<'static, (Ticket, Result<PublishResult, PublishNoticeError>)>;

impl Link {
    /// Starts connecting. `will` is asked before each attempt, with the attempt's number.
    ///
    /// Reading the returned channel too slowly stops the reading from the network.
    pub fn open(
        config: Config,
        will: impl FnMut(u64) -> Option<Will> + Send + 'static,
    ) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let shared = Arc::new(Mutex::new(Shared::default()));
        let driver = Driver::new(config, Box::new(will), events, shared.clone());
        (Self { shared, task: tokio::spawn(driver.run()) }, receiver)
    }

    /// Hands one message to the connection, or says at once why not.
    pub fn publish(&self, topic: &str, payload: Bytes, qos: Qos) -> Result<Ticket, PublishError> {
        let mut shared = lock(&self.shared);
        let ticket = Ticket(shared.tickets + 1);
        let live = shared.live.as_mut().ok_or(PublishError::Down)?;
        if payload.len() > live.payload_max {
            let (bytes, max) = (payload.len(), live.payload_max);
            return Err(PublishError::TooLarge { topic: topic.to_owned(), bytes, max });
        }
        match qos {
            Qos::Zero => live.client.try_publish(topic, payload, PublishOptions::at_most_once()),
            Qos::One => {
                live.client.try_publish_tracked(topic, payload, PublishOptions::at_least_once()).map(|notice| {
                    live.fresh.push(notice.wait_async().map(move |fate| (ticket, fate)).boxed());
                })
            }
        }
        .map_err(|error| match error {
            ClientError::RequestChannelFull(_) => PublishError::Full,
            ClientError::InvalidRequest(_) => PublishError::Topic(topic.to_owned()),
            _ => PublishError::Down,
        })?;
        shared.tickets = ticket.0;
        Ok(ticket)
    }

    /// Says goodbye to the broker, so that no will is published, and ends the link; takes at most three seconds.
    pub async fn close(mut self) {
        let client = {
            let mut shared = lock(&self.shared);
            shared.closing = true;
            shared.live.take().map(|live| live.client)
        };
        if let Some(client) = client
            && client.try_disconnect_with_timeout(Duration::from_secs(2)).is_ok()
        {
            let _ = tokio::time::timeout(Duration::from_secs(3), &mut self.task).await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_are_random_below_it() {
        let backoff = Backoff::default();
        for (failures, refused, random, pause_ms) in [
            (0, false, 0, 0),
            (0, false, 499, 499),
            (1, false, 1_000, 1_000),
            (1, false, 1_001, 0),
            (7, false, 60_000, 60_000),
            (7, false, 60_001, 0),
            (u32::MAX, false, 60_000, 60_000),
            (u32::MAX, true, 300_000, 300_000),
            (u32::MAX, true, 300_001, 0),
        ] {
            let pause = backoff.pause(failures, refused, random);
            assert_eq!(pause, Duration::from_millis(pause_ms), "{failures} {refused} {random}");
        }
    }
}
