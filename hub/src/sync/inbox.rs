//! What comes from stations: checked, counted, and handed to whoever deals with it. Nothing here waits.
//!
//! Everything from outside can be wrong: each message passes the same checks in the same order, cheap ones first, and
//! what fails one is dropped, counted, and written to the log once a minute. Stations send again what matters.

use super::desk::{Asked, Question};
use super::ingest;
use super::leader::Wish;
use super::limits::{Buckets, Rate, Troubles};
use crate::app::App;
use crate::scans::actions::Arrived;
use packline_protocol::envelope::OpenError;
use packline_protocol::id::{SiteId, StationId};
use packline_protocol::time::Moment;
use packline_protocol::topic::{PAYLOAD_MAX, Topic, UpStream};
use packline_protocol::uplink::{Batch, Hello, Hint, ReplicaState, Report, Uplink};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::{Notify, mpsc};
use tracing::warn;

/// Messages from one station.
const STATION_RATE: Rate = Rate { per_second: 200, burst: 600 };
/// Births wanted from one station.
const WANTED_RATE: Rate = Rate { per_second: 1, burst: 1 };
/// Stations that are counted apart; a fleet is smaller.
const STATIONS_MAX: usize = 100_000;
/// Births that may wait for their answer.
pub const BIRTHS_MAX: usize = 1_024;

/// What a site that this hub leads is reached by.
#[derive(Clone)]
pub struct Site {
    /// Questions of its stations.
    pub desk: mpsc::Sender<Asked>,
    /// Wishes for its leader.
    pub leader: mpsc::Sender<Wish>,
    /// Wakes its leader: something was marked.
    pub wake: Arc<Notify>,
}

/// The sites that this hub leads. Clones share it.
#[derive(Clone, Default)]
pub struct Sites(Arc<RwLock<BTreeMap<SiteId, Site>>>);

impl Sites {
    /// From now on this hub leads `name`.
    pub fn put(&self, name: SiteId, site: Site) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, site);
    }

    /// From now on another hub may lead `name`.
    pub fn remove(&self, name: &SiteId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// The site, if this hub leads it.
    pub fn find(&self, name: &SiteId) -> Option<Site> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Site> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// Something that needs an answer which takes a look into the store.
#[derive(Debug)]
pub enum Errand {
    /// A birth was heard.
    Welcome(Hello),
    /// A birth is wanted.
    Wanted,
    /// A hint came.
    Hint(Hint),
    /// Batches come faster than they can be kept.
    Wait,
}

/// Where everything from stations arrives.
pub struct Inbox {
    app: App,
    sites: Sites,
    batches: mpsc::Sender<Arrived>,
    errands: mpsc::Sender<(SiteId, StationId, Errand)>,
    limits: Mutex<Limits>,
}

struct Limits {
    messages: Buckets<StationId>,
    wanted: Buckets<StationId>,
    troubles: Troubles,
}

impl Inbox {
    /// An inbox that hands batches and errands on.
    pub fn new(
        app: App,
        sites: Sites,
        batches: mpsc::Sender<Arrived>,
        errands: mpsc::Sender<(SiteId, StationId, Errand)>,
    ) -> Self {
        let limits = Limits {
            messages: Buckets::new(STATION_RATE, STATIONS_MAX),
            wanted: Buckets::new(WANTED_RATE, STATIONS_MAX),
            troubles: Troubles::default(),
        };
        Self { app, sites, batches, errands, limits: Mutex::new(limits) }
    }

    /// Takes a message as the broker delivered it.
    pub fn hear(&self, topic: &str, payload: &[u8], now: Moment) {
        if let Err(trouble) = self.take(topic, payload, now) {
            self.note(topic, &trouble, now);
        }
    }

    fn take(&self, topic: &str, payload: &[u8], now: Moment) -> Result<(), Trouble> {
        let Some(Topic::Up(site, station, stream)) = Topic::parse(topic) else { return Err(Trouble::Topic) };
        // Another hub on the same broker answers for the sites that it leads.
        let Some(led) = self.sites.find(&site) else { return Ok(()) };
        if payload.len() > PAYLOAD_MAX {
            return Err(Trouble::Long { bytes: payload.len() });
        }
        if !self.limits().messages.take(station.clone(), 1, now) {
            return Err(Trouble::Rate);
        }
        let member = self.app.fleet.member(&station).filter(|member| member.site == site).ok_or(Trouble::Stranger)?;
        let message = Uplink::open(payload, &member.opener).map_err(Trouble::Open)?;
        if !belongs(&message, stream) {
            return Err(Trouble::Stream);
        }
        let wall = self.app.clock.now();
        let born = self.app.fleet.heard(&station, wall);
        let greets = matches!(message, Uplink::Hello(_) | Uplink::Goodbye(_));
        if !born && !greets && self.limits().wanted.take(station.clone(), 1, now) {
            self.errand(&site, &station, Errand::Wanted)?;
        }
        self.route(&led, site, station, message)
    }

    fn route(&self, led: &Site, site: SiteId, station: StationId, message: Uplink) -> Result<(), Trouble> {
        match message {
            Uplink::Hello(hello) => self.born(led, site, station, hello),
            Uplink::Report(report) => self.reported(led, &site, &station, &report),
            Uplink::Goodbye(goodbye) => {
                if let Some(state) = self.app.fleet.died(&station, goodbye.session) {
                    self.show(&site, &station, &state);
                }
                Ok(())
            }
            Uplink::Batch(batch) => self.batch(site, station, batch),
            Uplink::Hint(hint) => self.errand(&site, &station, Errand::Hint(hint)),
            Uplink::RangeRequest(request) => ask(led, station, Question::Range(request)),
            Uplink::ChunkRequest(request) => ask(led, station, Question::Chunks(request)),
            Uplink::BucketsRequest(_) => ask(led, station, Question::Buckets),
            Uplink::BucketRowsRequest(request) => ask(led, station, Question::Rows(request)),
        }
    }

    fn born(&self, led: &Site, site: SiteId, station: StationId, hello: Hello) -> Result<(), Trouble> {
        let state = self.app.fleet.born(&station, &hello, self.app.clock.now());
        self.show(&site, &station, &state);
        self.compare(led, &site, &hello.replica);
        self.errand(&site, &station, Errand::Welcome(hello))
    }

    /// A replica ahead of the log means that the database is an older one; it may be put back while stations stay
    /// connected, and the log may be read only after they greeted.
    fn compare(&self, led: &Site, site: &SiteId, replica: &ReplicaState) {
        if self.app.fleet.is_ahead(site, replica) {
            // A full queue means that the leader has heard it already.
            let _ = led.leader.try_send(Wish::NewLife { epoch: replica.epoch, seq: replica.seq });
        }
    }

    fn reported(&self, led: &Site, site: &SiteId, station: &StationId, report: &Report) -> Result<(), Trouble> {
        self.compare(led, site, &report.replica);
        match self.app.fleet.reported(station, site, report, self.app.clock.now()) {
            Some(state) => {
                self.show(site, station, &state);
                Ok(())
            }
            None => self.errand(site, station, Errand::Wanted),
        }
    }

    fn batch(&self, site: SiteId, station: StationId, batch: Batch) -> Result<(), Trouble> {
        let arrived = Arrived { station: station.clone(), site: site.clone(), batch };
        match self.batches.try_send(arrived) {
            Ok(()) => Ok(()),
            Err(_) => {
                self.errand(&site, &station, Errand::Wait)?;
                Err(Trouble::Full { limit: ingest::QUEUE_MAX })
            }
        }
    }

    fn errand(&self, site: &SiteId, station: &StationId, errand: Errand) -> Result<(), Trouble> {
        let sent = self.errands.try_send((site.clone(), station.clone(), errand));
        sent.map_err(|_| Trouble::Full { limit: BIRTHS_MAX })
    }

    fn show(&self, site: &SiteId, station: &StationId, state: &crate::fleet::model::StationState) {
        if self.app.is_watched() {
            let now = self.app.clock.now();
            self.app.show("station", self.app.fleet.shown(site, station, state, now));
        }
    }

    fn note(&self, topic: &str, trouble: &Trouble, now: Moment) {
        let kind = trouble.kind();
        let help = "Messages from stations that were dropped.";
        self.app.metrics.counter("packline_sync_dropped_total", help, &[("why", kind)]).inc();
        if let Some(times) = self.limits().troubles.note(kind, now) {
            let shown: String = topic.chars().take(100).filter(|c| !c.is_control()).collect();
            warn!(times, "Dropped a message on `{shown}` ({times} of this kind): {}", crate::error::chain(trouble));
        }
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ask(led: &Site, station: StationId, question: Question) -> Result<(), Trouble> {
    led.desk.try_send((station, question)).map_err(|_| Trouble::Full { limit: super::desk::QUEUE_MAX })
}

/// Whether a message came on the stream where it belongs: rights and rates differ.
fn belongs(message: &Uplink, stream: UpStream) -> bool {
    match message {
        Uplink::Batch(_) | Uplink::Hint(_) => stream == UpStream::Scans,
        Uplink::Goodbye(_) => stream != UpStream::Scans,
        _ => stream == UpStream::Requests,
    }
}

/// Why a message was dropped.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("this is no topic of a station")]
    Topic,
    #[error("the payload has {bytes} bytes; at most {PAYLOAD_MAX} are taken")]
    Long { bytes: usize },
    #[error("the station sends more than {} messages a second", STATION_RATE.per_second)]
    Rate,
    #[error("no such station works at this site")]
    Stranger,
    #[error("the message cannot be opened")]
    Open(#[source] OpenError),
    #[error("the message came on a stream where it does not belong")]
    Stream,
    #[error("{limit} messages wait already")]
    Full { limit: usize },
}

impl Trouble {
    fn kind(&self) -> &'static str {
        match self {
            Trouble::Topic => "topic",
            Trouble::Long { .. } => "long",
            Trouble::Rate => "rate",
            Trouble::Stranger => "stranger",
            Trouble::Open(OpenError::Signature | OpenError::Key { .. }) => "signature",
            Trouble::Open(_) => "open",
            Trouble::Stream => "stream",
            Trouble::Full { .. } => "full",
        }
    }
}
