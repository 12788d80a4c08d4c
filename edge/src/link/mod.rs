//! The link between a station and its hub.
//!
//! [`mqtt`] carries bytes, [`session`] knows what to say, and a driver joins them with the journal and the replica.
//! The rest of the station works without any of it: it only looks at [`LinkState`].

mod driver;
mod lanes;
pub mod mqtt;
pub mod session;
pub mod tls;
pub mod work;

use crate::hub_time::HubTime;
use crate::journal::Journal;
use crate::replica::Replica;
use driver::Driver;
use packline_protocol::envelope::{Opener, Sealer};
use packline_protocol::id::{BootId, SiteId, StationId};
use packline_protocol::time::Moment;
use packline_protocol::topic::{Topic, station_filters};
use session::{Dice, Standing, StationState};
use std::sync::Arc;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// What a link is made of.
#[derive(Clone)]
pub struct Parts {
    /// How to reach the broker; its filters are [`filters`].
    pub mqtt: mqtt::Config,
    /// The station's site.
    pub site: SiteId,
    /// The station.
    pub station: StationId,
    /// Signs what the station says.
    pub sealer: Arc<Sealer>,
    /// Knows what the hub signed.
    pub hub_key: Opener,
    /// The daemon's life.
    pub boot: BootId,
    /// Where records come from.
    pub journal: Journal,
    /// Where changes go.
    pub replica: Replica,
    /// What time the hub says it is.
    pub hub_time: HubTime,
}

/// The subscriptions that a station needs: deltas at QoS 0, since gaps are found anyway, the rest at QoS 1.
pub fn filters(site: &SiteId, station: &StationId) -> Vec<(String, mqtt::Qos)> {
    let qos = |topic: &Topic| if matches!(topic, Topic::Log(_)) { mqtt::Qos::Zero } else { mqtt::Qos::One };
    station_filters(site, station).iter().map(|topic| (topic.to_string(), qos(topic))).collect()
}

/// How the link does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkState {
    /// The connection to the broker.
    pub connection: Connection,
    /// The conversation with the hub. How old the data is, the replica knows ([`Replica::age_ms`]).
    pub standing: Standing,
}

/// The connection to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// There is one.
    Up {
        /// Since when.
        since: Moment,
    },
    /// There is none.
    Down {
        /// Since when.
        since: Moment,
        /// What the last attempt met, for a person.
        why: String,
    },
}

/// A running link.
#[derive(Debug)]
pub struct Running {
    states: watch::Receiver<LinkState>,
    station: watch::Sender<StationState>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts to connect, on the present tokio runtime.
    pub fn start(parts: Parts) -> Running {
        let down = Connection::Down { since: crate::clock::moment(), why: "not connected yet".to_owned() };
        let (shown, states) = watch::channel(LinkState { connection: down, standing: Standing::default() });
        let (station, told) = watch::channel(StationState::default());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(Driver::new(parts, shown).run(told, stopped));
        Running { states, station, stop, task }
    }

    /// How the link does, and every change of it.
    pub fn watch(&self) -> watch::Receiver<LinkState> {
        self.states.clone()
    }

    /// Tells the hub how the rest of the station does, soon.
    pub fn tell(&self, station: StationState) {
        self.station.send_if_modified(|told| {
            let changed = *told != station;
            *told = station;
            changed
        });
    }

    /// Says goodbye and ends; takes at most four seconds.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// The session number of one connection: random, and the same for its will and its birth.
fn will_number(wills: u64, connection: u64) -> u64 {
    Dice::new(wills ^ connection.rotate_left(32)).roll()
}
