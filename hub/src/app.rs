//! What every part of a running hub shares.

use crate::accounts::actions::Desk;
use crate::audit;
use crate::clock::Clock;
use crate::config::Config;
use crate::fleet::Fleet;
use crate::keys::HubKeys;
use crate::metrics::Metrics;
use crate::orders::KnownTexts;
use crate::otlp::Traces;
use crate::privacy::Vault;
use crate::settings::Board;
use crate::store::{ChainKey, Db};
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::{Notify, broadcast, watch};

/// A running hub. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What [`App`] gives access to.
pub struct Inner {
    /// The settings it was started with.
    pub config: Config,
    /// The one store.
    pub db: Db,
    /// The hub's key.
    pub keys: HubKeys,
    /// What personal data and secrets are sealed with.
    pub vault: Vault,
    /// The wall clock it works by.
    pub clock: Clock,
    /// What the log-in remembers.
    pub desk: Desk,
    /// What it knows of the audit log.
    pub audit: audit::actions::Watch,
    /// The settings that people change while it runs.
    pub settings: Board,
    /// Where spans of its work go.
    pub traces: Traces,
    /// What it measures.
    pub metrics: Metrics,
    /// The stations as this process knows them.
    pub fleet: Fleet,
    /// Texts of orders that are in the dictionary.
    pub texts: KnownTexts,
    /// Wakes the feed: something was marked in the change log. A missed wake only costs the feed's period.
    pub feed_wake: Notify,
    /// Wakes the writer of exports.
    pub export_wake: Notify,
    /// Wakes the reader of imported files.
    pub import_wake: Notify,
    /// Wakes the worker that carries effects out.
    pub effects_wake: Notify,
    live: broadcast::Sender<LiveEvent>,
    stop: watch::Sender<bool>,
}

/// Something that open pages may want to show at once. Nothing may rely on it: a slow page misses some.
#[derive(Debug, Clone)]
pub struct LiveEvent {
    /// What happened, for example `orders`, `scan`, `station`, `import`: the name of the server-sent event. Who may see
    /// which kind stands in `pages/events.rs`.
    pub kind: &'static str,
    /// The details, without personal data.
    pub data: serde_json::Value,
}

/// Live events that a page may be behind before it misses some.
const LIVE_BACKLOG: usize = 1024;

impl App {
    /// A hub on this store. Nothing runs yet.
    pub fn new(config: Config, db: Db, keys: HubKeys, vault: Vault, clock: Clock) -> App {
        db.seal_with(ChainKey { id: keys.hub_id(), secret: keys.derive("audit chain") });
        let traces = Traces::new(config.otlp.is_some());
        App(Arc::new(Inner {
            config,
            db,
            keys,
            vault,
            clock,
            desk: Desk::default(),
            audit: audit::actions::Watch::default(),
            settings: Board::default(),
            traces,
            metrics: Metrics::default(),
            fleet: Fleet::default(),
            texts: KnownTexts::default(),
            feed_wake: Notify::new(),
            export_wake: Notify::new(),
            import_wake: Notify::new(),
            effects_wake: Notify::new(),
            live: broadcast::Sender::new(LIVE_BACKLOG),
            stop: watch::Sender::new(false),
        }))
    }
}

impl Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    /// Tells the pages that are open; does nothing when none is.
    pub fn show(&self, kind: &'static str, data: serde_json::Value) {
        let _ = self.live.send(LiveEvent { kind, data });
    }

    /// Live events from now on.
    pub fn watch_live(&self) -> broadcast::Receiver<LiveEvent> {
        self.live.subscribe()
    }

    /// Whether anybody watches live events; building one can be spared otherwise.
    pub fn is_watched(&self) -> bool {
        self.live.receiver_count() > 0
    }

    /// Asks every part to finish what it is doing and end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Comes back when the hub has been asked to stop; at once if it already was.
    pub async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender lives as long as the app, so waiting cannot fail while `self` is here.
        let _ = stop.wait_for(|stopped| *stopped).await;
    }

    /// Whether the hub has been asked to stop.
    pub fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }
}
