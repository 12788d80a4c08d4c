//! Sites and stations: who may connect, and how each of them does.
//!
//! What must last is in the store. [`Fleet`] is what this process knows beside it: whose messages to believe, and how
//! each station was when it was last heard.

pub mod actions;
pub mod api;
pub mod cli;
mod decide;
pub mod jobs;
pub mod model;
pub mod pages;
mod store;
#[cfg(test)]
mod tests;

pub use decide::Known;
pub(crate) use store::STATEMENTS;

use crate::broker::Broker;
use crate::store::{Db, StoreError};
use crate::sync::limits::{Buckets, Rate};
use model::{Digest, FleetError, StationState, StationStatus};
use packline_protocol::envelope::Opener;
use packline_protocol::id::{Epoch, Seq, SiteId, StationId};
use packline_protocol::proof::Root;
use packline_protocol::time::{Moment, Timestamp};
use packline_protocol::uplink::{Alarm, Hello, ReplicaState, Report};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

/// So many positions of each log are remembered, to prove replicas that are a little behind.
const RECENT_MAX: usize = 256;
/// Enrolments from one address: a token cannot be guessed, but trying costs the hub.
const ENROL_RATE: Rate = Rate { per_second: 1, burst: 20 };
const ENROL_ADDRESSES_MAX: usize = 4_096;

/// The fleet as this process knows it. Clones share it.
#[derive(Clone)]
pub struct Fleet(Arc<Shared>);

struct Shared {
    members: RwLock<BTreeMap<StationId, Member>>,
    states: Mutex<States>,
    logs: Mutex<BTreeMap<SiteId, Known>>,
    /// Whoever opened the broker closes it.
    broker: OnceLock<Weak<Broker>>,
    /// The store's version of the members; below it they are out of date.
    version: AtomicI64,
    enrolments: Mutex<Buckets<IpAddr>>,
    /// Held while the members are read anew, so that an older list never replaces a newer one.
    reloading: tokio::sync::Mutex<()>,
}

/// A station that may speak.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its site.
    pub site: SiteId,
    /// What its messages are checked with.
    pub opener: Opener,
}

#[derive(Default)]
struct States {
    known: BTreeMap<StationId, StationState>,
    /// Births heard by this process; others are asked for.
    born: BTreeSet<StationId>,
    unsaved: BTreeSet<StationId>,
}

impl Default for Fleet {
    fn default() -> Self {
        Fleet(Arc::new(Shared {
            members: RwLock::default(),
            states: Mutex::default(),
            logs: Mutex::default(),
            broker: OnceLock::new(),
            version: AtomicI64::new(0),
            enrolments: Mutex::new(Buckets::new(ENROL_RATE, ENROL_ADDRESSES_MAX)),
            reloading: tokio::sync::Mutex::default(),
        }))
    }
}

impl Fleet {
    /// Tells this broker about stations from now on.
    pub fn use_broker(&self, broker: &Arc<Broker>) {
        // A second broker in one process would be a mistake of the program; the first stays.
        let _ = self.0.broker.set(Arc::downgrade(broker));
    }

    fn broker(&self) -> Option<Arc<Broker>> {
        self.0.broker.get()?.upgrade()
    }

    /// Where stations find the broker; `host` is how the asker calls this hub, with or without a port.
    pub fn mqtt_url(&self, host: Option<&str>) -> String {
        let Some(broker) = self.broker() else { return String::new() };
        if let Some(listening) = broker.listening() {
            let host = host.map_or("127.0.0.1", without_port);
            let scheme = if broker.is_secure() { "mqtts" } else { "mqtt" };
            return format!("{scheme}://{host}:{}", listening.port());
        }
        let access = broker.access();
        let scheme = if access.tls.is_some() { "mqtts" } else { "mqtt" };
        let host = if access.host.contains(':') { format!("[{}]", access.host) } else { access.host.clone() };
        format!("{scheme}://{host}:{}", access.port)
    }

    /// The station, if it may speak.
    pub fn member(&self, station: &StationId) -> Option<Member> {
        self.0.members.read().unwrap_or_else(PoisonError::into_inner).get(station).cloned()
    }

    /// Reads the stations anew, when the store says that they changed, and tells the broker. Whoever was shut out is
    /// disconnected when this comes back.
    pub async fn reload(&self, db: &Db) -> Result<(), FleetError> {
        let failed = |cause| FleetError::Store { what: "read the stations", cause };
        let _turn = self.0.reloading.lock().await;
        let version = store::version(db.read()).await.map_err(failed)?;
        if self.0.version.load(Ordering::Acquire) == version {
            return Ok(());
        }
        let stations = store::stations(db.read()).await.map_err(failed)?;
        let member = |station: &model::Station| {
            let active = station.status == StationStatus::Active;
            let opener = Opener::new(&station.public_key.filter(|_| active)?).ok()?;
            Some((station.station.clone(), Member { site: station.site.clone(), opener }))
        };
        let members = stations.iter().filter_map(member).collect();
        *self.0.members.write().unwrap_or_else(PoisonError::into_inner) = members;
        if let Some(broker) = self.broker() {
            broker.allow_only(actions::credentials(&stations)).await;
        }
        self.0.version.store(version, Ordering::Release);
        Ok(())
    }

    /// Whether an enrolment from this address may be tried now.
    pub fn may_enrol(&self, from: IpAddr, now: Moment) -> bool {
        lock(&self.0.enrolments).take(from, 1, now)
    }

    /// Looks up what other processes, or this one before a restart, last knew of stations that are not here.
    pub async fn recall(&self, db: &Db) -> Result<(), StoreError> {
        let stored = store::states(db.read()).await?;
        let mut states = lock(&self.0.states);
        for (station, state) in stored {
            let newer = states.known.get(&station).is_none_or(|known| known.seen_at < state.seen_at);
            if newer && !states.born.contains(&station) {
                states.known.insert(station, state);
            }
        }
        Ok(())
    }

    /// A station was born.
    pub fn born(&self, station: &StationId, hello: &Hello, now: Timestamp) -> StationState {
        let state = decide::born(hello, now);
        let mut states = lock(&self.0.states);
        states.born.insert(station.clone());
        states.put(station, state)
    }

    /// A station reported; `None` when its birth should be asked for.
    pub fn reported(
        &self,
        station: &StationId,
        site: &SiteId,
        report: &Report,
        now: Timestamp,
    ) -> Option<StationState> {
        let digest =
            lock(&self.0.logs).get(site).map_or(Digest::Unknown, |known| decide::digest(&report.replica, known));
        let mut states = lock(&self.0.states);
        let state = decide::reported(states.known.get(station), report, now)?;
        Some(states.put(station, StationState { digest, ..state }))
    }

    /// A station said goodbye, or its broker did; `None` when that was about an earlier connection.
    pub fn died(&self, station: &StationId, session: u64) -> Option<StationState> {
        let mut states = lock(&self.0.states);
        let state = decide::died(states.known.get(station)?, session)?;
        states.born.remove(station);
        Some(states.put(station, state))
    }

    /// Something came from a station; answers whether this process has heard its birth.
    pub fn heard(&self, station: &StationId, now: Timestamp) -> bool {
        let mut states = lock(&self.0.states);
        let known = states.born.contains(station);
        if let Some(state) = states.known.get_mut(station).filter(|_| known) {
            state.seen_at = now;
        }
        known
    }

    /// The hub found something wrong about a station that a person should know.
    pub fn found(&self, station: &StationId, key: &'static str, text: &str) {
        let mut states = lock(&self.0.states);
        let Some(mut state) = states.known.get(station).cloned() else { return };
        state.found.retain(|alarm| alarm.key != key);
        state.found.push(Alarm { key: key.to_owned(), text: text.to_owned() });
        states.put(station, state);
    }

    /// The log of a site moved.
    pub fn log_moved(&self, site: &SiteId, epoch: Epoch, moves: impl IntoIterator<Item = (Seq, Root)>) {
        let mut logs = lock(&self.0.logs);
        let known = logs.entry(site.clone()).or_default();
        if known.epoch != epoch {
            *known = Known { epoch, recent: Vec::new() };
        }
        known.recent.extend(moves);
        let surplus = known.recent.len().saturating_sub(RECENT_MAX);
        known.recent.drain(..surplus);
    }

    /// What is known of all stations.
    pub fn states(&self) -> BTreeMap<StationId, StationState> {
        lock(&self.0.states).known.clone()
    }

    /// How a replica compares with the log of its site, if this process leads it.
    pub fn digest(&self, site: &SiteId, state: &StationState) -> Digest {
        let logs = lock(&self.0.logs);
        logs.get(site).map_or(state.digest, |known| decide::digest(&state.replica, known))
    }

    /// Whether a replica has changes that the log of its site, led here, does not have.
    pub fn is_ahead(&self, site: &SiteId, replica: &ReplicaState) -> bool {
        let logs = lock(&self.0.logs);
        let newest = |known: &Known| known.recent.last().map(|(seq, _)| *seq);
        logs.get(site).is_some_and(|known| known.epoch == replica.epoch && newest(known) < Some(replica.seq))
    }

    /// Whether stations of this site may connect.
    pub fn has_members(&self, site: &SiteId) -> bool {
        let members = self.0.members.read().unwrap_or_else(PoisonError::into_inner);
        members.values().any(|member| member.site == *site)
    }

    /// How many stations this process hears.
    pub fn online(&self, now: Timestamp) -> usize {
        let states = lock(&self.0.states);
        let here = states.born.iter().filter_map(|station| states.known.get(station));
        here.filter(|state| decide::is_online(state, now)).count()
    }

    /// A station's state as live pages get it.
    pub fn shown(&self, site: &SiteId, station: &StationId, state: &StationState, now: Timestamp) -> serde_json::Value {
        serde_json::json!({
            "site": site,
            "station": station,
            "online": decide::is_online(state, now),
            "seen_at": state.seen_at,
            "replica_seq": state.replica.seq,
            "digest": self.digest(site, state),
            "backlog": state.backlog,
        })
    }

    /// What changed since this was last asked.
    fn unsaved(&self) -> Vec<(StationId, StationState)> {
        let mut states = lock(&self.0.states);
        let unsaved = std::mem::take(&mut states.unsaved);
        unsaved.into_iter().filter_map(|station| Some((station.clone(), states.known.get(&station)?.clone()))).collect()
    }
}

impl States {
    fn put(&mut self, station: &StationId, state: StationState) -> StationState {
        self.unsaved.insert(station.clone());
        self.known.insert(station.clone(), state.clone());
        state
    }
}

/// The host of a `Host` header: `hub:8080`, `[::1]:8080` or without a port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
