//! Answers what stations of one site ask: changes, snapshots, bucket hashes, rows.
//!
//! Answers come from the store and from files, so that the leader folds on meanwhile. After a break many stations ask
//! for the same changes at once: then they are answered together, on the topic that all of them hear.

use super::answer::{self, RangeAnswer, RowsAnswer};
use super::leader::Wish;
use super::post::Post;
use super::snapshot::{Fitness, Snapshot, SnapshotError, Snapshots};
use super::store;
use crate::app::App;
use crate::clock;
use crate::error::chain;
use crate::store::StoreError;
use packline_protocol::downlink::{Busy, Delta};
use packline_protocol::id::{Epoch, Seq, SiteId, StationId};
use packline_protocol::time::Moment;
use packline_protocol::topic::Topic;
use packline_protocol::uplink::{BucketRowsRequest, ChunkRequest, RangeRequest};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::{info, warn};

/// Questions that may wait; above it they are dropped, and asked again.
pub const QUEUE_MAX: usize = 1_024;
/// From this many askers of the same changes on, the answer goes to all stations.
const TOGETHER: usize = 6;
/// For so long an answer to all also answers those who ask later, in milliseconds.
const TOGETHER_MS: u64 = 1_000;
/// The most parts of a snapshot that one request gets.
const CREDIT_MAX: u8 = 16;
/// Stations that fetch snapshots at the same time; more are told to wait.
const FETCHERS_MAX: usize = 200;
/// A station that asked for nothing for so long does not fetch any more, in milliseconds.
const FETCHER_REST_MS: u64 = 15_000;
/// When those who have to wait may ask again, in milliseconds.
const BUSY_MS: u32 = 5_000;
/// How often it is looked whether a fresh snapshot should lie ready.
const PREPARE_EVERY: Duration = Duration::from_secs(20);

/// What a station asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Changes after a position.
    Range(RangeRequest),
    /// Parts of a snapshot.
    Chunks(ChunkRequest),
    /// Bucket hashes.
    Buckets,
    /// Rows of buckets.
    Rows(BucketRowsRequest),
}

/// A question and who asks.
pub type Asked = (StationId, Question);

/// The desk of one site.
pub struct Desk {
    app: App,
    post: Post,
    site: SiteId,
    snapshots: Arc<Snapshots>,
    leader: mpsc::Sender<Wish>,
    /// Stations that wait for a snapshot being built.
    waiting: BTreeSet<StationId>,
    building: Option<JoinHandle<Result<Arc<Snapshot>, SnapshotError>>>,
    fetchers: BTreeMap<StationId, Moment>,
    answered: Option<Answered>,
}

/// Changes that were lately sent to all stations.
struct Answered {
    epoch: Epoch,
    from: Seq,
    at: Moment,
}

impl Desk {
    /// A desk for `site`, which tells `leader` what it finds.
    pub fn new(app: App, post: Post, site: SiteId, snapshots: Arc<Snapshots>, leader: mpsc::Sender<Wish>) -> Self {
        let (waiting, fetchers) = (BTreeSet::new(), BTreeMap::new());
        Self { app, post, site, snapshots, leader, waiting, building: None, fetchers, answered: None }
    }

    /// Answers until the site is led by another or the hub stops.
    pub async fn run(mut self, mut questions: mpsc::Receiver<Asked>) {
        let mut prepare = tokio::time::interval(PREPARE_EVERY);
        prepare.reset();
        loop {
            tokio::select! {
                () = self.app.stopped() => return,
                asked = questions.recv() => {
                    let Some(first) = asked else { return };
                    let rest = std::iter::from_fn(|| questions.try_recv().ok()).take(QUEUE_MAX);
                    let asked = std::iter::once(first).chain(rest).collect();
                    self.answer_all(asked).await;
                }
                built = built(&mut self.building) => self.offer_to_waiting(built).await,
                _ = prepare.tick() => self.prepare().await,
            }
        }
    }

    async fn answer_all(&mut self, asked: Vec<Asked>) {
        let mut ranges: BTreeMap<(Epoch, Seq), BTreeSet<StationId>> = BTreeMap::new();
        for (station, question) in asked {
            let done = match question {
                Question::Range(RangeRequest { epoch, from }) => {
                    ranges.entry((epoch, from)).or_default().insert(station);
                    Ok(())
                }
                Question::Chunks(request) => self.parts(&station, request).await,
                Question::Buckets => self.buckets(&station).await,
                Question::Rows(request) => self.rows(&station, &request).await,
            };
            self.complain(done);
        }
        for ((epoch, from), stations) in ranges {
            let done = self.range(epoch, from, &stations).await;
            self.complain(done);
        }
    }

    fn complain(&self, done: Result<(), StoreError>) {
        if let Err(error) = done {
            warn!(site.id = %self.site, error = %chain(&error), "Failed to answer stations of site `{}`", self.site);
        }
    }

    async fn range(&mut self, epoch: Epoch, from: Seq, stations: &BTreeSet<StationId>) -> Result<(), StoreError> {
        let now = clock::moment();
        let answered =
            |before: &Answered| before.epoch == epoch && before.from <= from && now.since_ms(before.at) < TOGETHER_MS;
        if self.answered.as_ref().is_some_and(answered) {
            return Ok(());
        }
        match answer::range(&self.app.db, &self.site, epoch, from).await? {
            RangeAnswer::Deltas(deltas) if stations.len() >= TOGETHER => {
                self.answered = Some(Answered { epoch, from, at: now });
                self.send_deltas(&Topic::Log(self.site.clone()), &deltas).await;
            }
            RangeAnswer::Deltas(deltas) => {
                for station in stations {
                    self.send_deltas(&self.to(station), &deltas).await;
                }
            }
            RangeAnswer::Snapshot => {
                for station in stations {
                    self.offer(station).await?;
                }
            }
            // The leader decides whether to believe it; the head then tells the stations.
            RangeAnswer::Ahead => drop(self.leader.try_send(Wish::NewLife { epoch, seq: from })),
            RangeAnswer::NoLog => {}
        }
        Ok(())
    }

    async fn send_deltas(&self, topic: &Topic, deltas: &[Delta]) {
        for delta in deltas {
            self.post.send(topic, delta).await;
        }
    }

    /// Offers a snapshot, now or as soon as there is one.
    async fn offer(&mut self, station: &StationId) -> Result<(), StoreError> {
        let mut view = self.app.db.view("sync.offer").await?;
        let Some(stored) = store::find_place(view.conn(), &self.site).await? else { return Ok(()) };
        drop(view);
        match self.snapshots.newest(&self.site, &stored.place, clock::moment()) {
            Some((snapshot, fitness)) if fitness != Fitness::Useless => {
                self.post.send(&self.to(station), &snapshot.offer).await;
                if fitness == Fitness::Ageing {
                    self.build();
                }
            }
            _ => {
                self.waiting.insert(station.clone());
                self.build();
            }
        }
        Ok(())
    }

    fn build(&mut self) {
        if self.building.is_some() {
            return;
        }
        let (app, site, snapshots) = (self.app.clone(), self.site.clone(), self.snapshots.clone());
        self.building = Some(tokio::spawn(async move { snapshots.build(&app.db, &site, clock::moment()).await }));
    }

    async fn offer_to_waiting(&mut self, built: Result<Arc<Snapshot>, SnapshotError>) {
        let waiting = std::mem::take(&mut self.waiting);
        match built {
            Ok(snapshot) => {
                let offer = &snapshot.offer;
                info!(
                    site.id = %self.site, rows = offer.rows, parts = offer.chunks,
                    "Built a snapshot of site `{}` at change {}", self.site, offer.seq
                );
                for station in waiting {
                    self.post.send(&self.to(&station), offer).await;
                }
            }
            Err(error) => {
                if matches!(error, SnapshotError::Unproven { .. }) {
                    let _ = self.leader.try_send(Wish::Verify);
                }
                // Those who wait ask again.
                warn!(site.id = %self.site, error = %chain(&error), "Failed to build a snapshot");
            }
        }
    }

    /// Sends parts of a snapshot; one that is gone is answered with the one that is there.
    async fn parts(&mut self, station: &StationId, request: ChunkRequest) -> Result<(), StoreError> {
        let Some(snapshot) = self.snapshots.find(&self.site, request.snapshot) else {
            return self.offer(station).await;
        };
        if !self.may_fetch(station) {
            self.post.send(&self.to(station), &Busy { retry_ms: BUSY_MS }).await;
            return Ok(());
        }
        let credit = u32::from(request.credit.min(CREDIT_MAX));
        let wanted = request.from..request.from.saturating_add(credit).min(snapshot.offer.chunks);
        let read = spawn_blocking(move || wanted.map_while(|number| snapshot.part(number).transpose()).collect());
        let parts: Result<Vec<_>, std::io::Error> = read.await.unwrap_or_else(|cut| Err(cut.into()));
        match parts {
            Ok(parts) => {
                for part in parts {
                    self.post.send_sealed(&self.to(station), "Chunk", part).await;
                }
            }
            Err(error) => warn!(site.id = %self.site, %error, "Failed to read a snapshot"),
        }
        Ok(())
    }

    /// Whether one more station may fetch a snapshot now. Those that began go on.
    fn may_fetch(&mut self, station: &StationId) -> bool {
        let now = clock::moment();
        if self.fetchers.len() >= FETCHERS_MAX && !self.fetchers.contains_key(station) {
            self.fetchers.retain(|_, at| now.since_ms(*at) < FETCHER_REST_MS);
        }
        let room = self.fetchers.len() < FETCHERS_MAX || self.fetchers.contains_key(station);
        if room {
            self.fetchers.insert(station.clone(), now);
        }
        room
    }

    async fn buckets(&self, station: &StationId) -> Result<(), StoreError> {
        if let Some(buckets) = answer::buckets(&self.app.db, &self.site).await? {
            self.app.fleet.found(station, "replica-differed", "its replica differed from the hub and is being mended");
            self.post.send(&self.to(station), &buckets).await;
        }
        Ok(())
    }

    async fn rows(&mut self, station: &StationId, request: &BucketRowsRequest) -> Result<(), StoreError> {
        match answer::bucket_rows(&self.app.db, &self.site, request.epoch, &request.buckets).await? {
            RowsAnswer::Parts(parts) => {
                for part in parts {
                    self.post.send(&self.to(station), &part).await;
                }
            }
            RowsAnswer::Snapshot => self.offer(station).await?,
            RowsAnswer::NoLog => {}
        }
        Ok(())
    }

    /// Has a fresh snapshot lie ready where stations work, so that a new one need not wait for it.
    async fn prepare(&mut self) {
        if self.building.is_some() || !self.app.fleet.has_members(&self.site) {
            return;
        }
        let place = async {
            let mut view = self.app.db.view("sync.prepare").await?;
            store::find_place(view.conn(), &self.site).await
        };
        match place.await {
            Ok(Some(stored)) => {
                let newest = self.snapshots.newest(&self.site, &stored.place, clock::moment());
                if newest.is_none_or(|(_, fitness)| fitness != Fitness::Good) {
                    self.build();
                }
            }
            Ok(None) => {}
            Err(error) => self.complain(Err(error)),
        }
    }

    fn to(&self, station: &StationId) -> Topic {
        Topic::Answer(self.site.clone(), station.clone())
    }
}

/// Comes back when a snapshot is built, or never while none is.
async fn built(
    building: &mut Option<JoinHandle<Result<Arc<Snapshot>, SnapshotError>>>,
) -> Result<Arc<Snapshot>, SnapshotError> {
    let Some(task) = building else { return std::future::pending().await };
    let built = task.await.unwrap_or_else(|cut| Err(SnapshotError::Cut(cut)));
    *building = None;
    built
}
