//! Messages on their way to stations: signed, published, counted.

use super::limits::Troubles;
use super::mqtt::Publisher;
use crate::app::App;
use crate::clock;
use bytes::Bytes;
use packline_protocol::envelope::{Message, Sealer};
use packline_protocol::topic::Topic;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::warn;

/// Where messages to stations are put. Clones share it.
#[derive(Clone)]
pub struct Post(Arc<Shared>);

struct Shared {
    app: App,
    sealer: Arc<Sealer>,
    publisher: Publisher,
    troubles: Mutex<Troubles>,
}

impl Post {
    /// Signs with `sealer` and sends over `publisher`.
    pub fn new(app: App, sealer: Arc<Sealer>, publisher: Publisher) -> Self {
        Self(Arc::new(Shared { app, sealer, publisher, troubles: Mutex::default() }))
    }

    /// Sends a message, waiting for room. What does not get through is noticed by the station and asked for again.
    pub async fn send<M: Message>(&self, topic: &Topic, message: &M) {
        match self.0.sealer.seal(message) {
            Ok(sealed) => self.send_sealed(topic, M::NAME, sealed.into()).await,
            Err(error) => self.trouble("seal", &error),
        }
    }

    /// Sends a message that was signed before.
    pub async fn send_sealed(&self, topic: &Topic, kind: &'static str, sealed: Bytes) {
        let bytes = sealed.len() as u64;
        match self.0.publisher.publish(topic, sealed).await {
            Ok(delivery) => {
                drop(delivery);
                self.count(kind, bytes);
            }
            Err(error) => self.trouble("publish", &error),
        }
    }

    fn count(&self, kind: &'static str, bytes: u64) {
        let metrics = &self.0.app.metrics;
        metrics.counter("packline_sync_sent_total", "Messages to stations.", &[("kind", kind)]).inc();
        metrics.counter("packline_sync_sent_bytes_total", "Bytes to stations.", &[("kind", kind)]).add(bytes);
    }

    fn trouble(&self, kind: &'static str, error: &dyn std::error::Error) {
        let help = "Messages to stations that could not be sent.";
        self.0.app.metrics.counter("packline_sync_unsent_total", help, &[("why", kind)]).inc();
        let due = self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner).note(kind, clock::moment());
        if let Some(times) = due {
            warn!(error = %crate::error::chain(error), times, "Failed to {kind} a message to stations, {times} times");
        }
    }
}
