//! The retained messages of the embedded broker: in memory, only what the hub publishes, gone with the process.
//!
//! rmqtt's own retainer plugin would do the same, but leaves a task behind each time the broker is started anew.

use async_trait::async_trait;
use rmqtt::retain::{DefaultRetainStorage, RetainStorage};
use rmqtt::types::{Retain, TopicFilter, TopicName};
use std::time::Duration;

/// One retained head per site, and room to grow.
const RETAINED_MAX: isize = 10_000;

/// Keeps the last retained message of each topic.
pub(super) struct Retained(DefaultRetainStorage);

impl Retained {
    pub fn new() -> Self {
        Self(DefaultRetainStorage::new())
    }
}

#[async_trait]
impl RetainStorage for Retained {
    fn enable(&self) -> bool {
        true
    }

    async fn set(&self, topic: &TopicName, retain: Retain, expiry: Option<Duration>) -> rmqtt::Result<()> {
        let known = !self.0.get_message(topic).await?.is_empty();
        if !known && self.0.count().await >= RETAINED_MAX {
            tracing::warn!(topic = %topic, "Dropped a retained message: {RETAINED_MAX} topics have one already");
            return Ok(());
        }
        self.0.set_with_timeout(topic, retain, expiry.filter(|expiry| !expiry.is_zero())).await
    }

    async fn get(&self, filter: &TopicFilter) -> rmqtt::Result<Vec<(TopicName, Retain)>> {
        self.0.get_message(filter).await
    }

    async fn count(&self) -> isize {
        self.0.count().await
    }

    async fn max(&self) -> isize {
        self.0.max().await
    }
}
