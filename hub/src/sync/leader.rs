//! Leads one site: folds what changed, publishes it, and says every two seconds that it is there.
//!
//! Folding begins when something was marked, and goes on while marks are left: under load each fold takes what gathered
//! during the one before, so that batches grow by themselves and nothing waits for a timer.

use super::feed::{Feed, FeedError};
use super::fold::{Seen, Standing, standing};
use super::guard::Guard;
use super::post::Post;
use crate::app::App;
use crate::clock;
use packline_protocol::id::{Epoch, Seq, SiteId};
use packline_protocol::time::Moment;
use packline_protocol::topic::Topic;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tracing::{info, warn};

/// How soon changes made by other processes are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often the head is said although nothing changed, and the lease held.
const HEAD_EVERY_MS: u64 = 2_000;
/// Heads that tell of changes keep this distance.
const HEAD_REST_MS: u64 = 200;
/// How often tombstones are looked at, and when the proof is compared with every row.
const COMPACT_EVERY_MS: u64 = 10 * 60_000;
const VERIFY_EVERY_MS: u64 = 24 * 3_600_000;
/// Lives of a log begin no more often than this, whatever stations say.
const LIFE_REST_MS: u64 = 60_000;

/// What others ask of a leader.
#[derive(Debug)]
pub enum Wish {
    /// A station has seen changes that the log may not have.
    NewLife {
        /// The life that it follows.
        epoch: Epoch,
        /// The newest change that it has seen.
        seq: Seq,
    },
    /// The rows do not match the proof.
    Verify,
    /// The connection to the broker is new: its retained head may be old or gone.
    Head,
}

/// A site in the hands of this hub.
pub struct Leader {
    app: App,
    post: Post,
    guard: Arc<Guard>,
    feed: Feed,
    head_at: Moment,
    head_due: bool,
    renewed_at: Moment,
    /// `None` before the first time: a hub that is restarted often tidies up all the same.
    compacted_at: Option<Moment>,
    verified_at: Moment,
    life_at: Option<Moment>,
}

impl Leader {
    /// Ready to lead with this feed.
    pub fn new(app: App, post: Post, guard: Arc<Guard>, feed: Feed) -> Self {
        let now = clock::moment();
        Self {
            app,
            post,
            guard,
            feed,
            head_at: Moment(0),
            head_due: true,
            renewed_at: now,
            compacted_at: None,
            verified_at: now,
            life_at: None,
        }
    }

    /// Leads until the hub stops, the lead is lost or the store fails; then somebody has to take the lead anew.
    pub async fn run(mut self, wake: Arc<Notify>, mut wishes: mpsc::Receiver<Wish>) -> SiteId {
        let site = self.feed.site().clone();
        info!(site.id = %site, lease = self.feed.lease(), "Leading site `{site}` from change {}", self.place());
        let ended = loop {
            let done = tokio::select! {
                () = self.app.stopped() => break self.feed.leave().await,
                Some(wish) = wishes.recv() => self.grant(wish).await,
                () = wake.notified() => Ok(()),
                () = tokio::time::sleep(LOOK_EVERY) => Ok(()),
            };
            let done = match done {
                Ok(()) => self.look().await,
                failed => failed,
            };
            if done.is_err() {
                break done;
            }
        };
        if let Err(error) = ended {
            warn!(site.id = %site, error = %crate::error::chain(&error), "Stopped leading site `{site}`");
        }
        site
    }

    fn place(&self) -> u64 {
        self.feed.log().place.seq.0
    }

    /// Folds all that waits and does what is due.
    async fn look(&mut self) -> Result<(), FeedError> {
        loop {
            let more = self.fold().await?;
            self.tell().await?;
            if !more {
                break;
            }
        }
        let now = clock::moment();
        if self.compacted_at.is_none_or(|at| now.since_ms(at) >= COMPACT_EVERY_MS) {
            self.compacted_at = Some(now);
            let keep_ms = i64::from(self.app.config.log_keep_hours) * 3_600_000;
            self.head_due |= self.feed.compact(keep_ms, self.app.clock.now()).await? > 0;
        }
        if now.since_ms(self.verified_at) >= VERIFY_EVERY_MS {
            self.verified_at = now;
            self.head_due |= !self.feed.verify(self.app.clock.now()).await?;
        }
        Ok(())
    }

    /// One transaction's worth; answers whether more waits.
    async fn fold(&mut self) -> Result<bool, FeedError> {
        let started = clock::instant();
        let step = self.feed.fold(self.app.clock.now()).await?;
        let metrics = &self.app.metrics;
        let help = "Parcels kept from stations because their rows cannot be read.";
        metrics.counter("packline_rows_unreadable_total", help, &[]).add(step.unreadable as u64);
        if step.deltas.is_empty() {
            return Ok(step.more);
        }
        let changes: usize = step.deltas.iter().map(|delta| delta.changes.len()).sum();
        metrics.histogram("packline_fold_seconds", "Folding changes, until durable.", &[]).observe(started.elapsed());
        metrics.counter("packline_changes_total", "Changes given a number.", &[]).add(changes as u64);
        let site = self.feed.site().clone();
        let moves = step.deltas.iter().filter_map(|delta| Some((delta.to, delta.root?)));
        self.app.fleet.log_moved(&site, self.feed.log().place.epoch, moves);
        for delta in &step.deltas {
            self.post.send(&Topic::Log(site.clone()), delta).await;
        }
        self.head_due = true;
        Ok(step.more)
    }

    /// Says the head when it is due, once the lease is held.
    async fn tell(&mut self) -> Result<(), FeedError> {
        let now = clock::moment();
        let rest = if self.head_due { HEAD_REST_MS } else { HEAD_EVERY_MS };
        if self.head_at != Moment(0) && now.since_ms(self.head_at) < rest {
            return Ok(());
        }
        let wall = self.app.clock.now();
        if now.since_ms(self.renewed_at) >= HEAD_EVERY_MS / 2 {
            self.feed.renew(wall).await?;
            self.renewed_at = now;
        }
        let site = self.feed.site().clone();
        let log = self.feed.log();
        let seen = Seen { epoch: log.place.epoch, seq: log.place.seq };
        self.app.fleet.log_moved(&site, seen.epoch, [(seen.seq, log.root())]);
        if let Err(error) = self.guard.note(&site, seen) {
            warn!(%error, "Failed to remember where the log of site `{site}` stands");
        }
        let head = self.feed.head(wall);
        self.post.send(&Topic::Head(site), &head).await;
        (self.head_at, self.head_due) = (now, false);
        Ok(())
    }

    async fn grant(&mut self, wish: Wish) -> Result<(), FeedError> {
        let (now, wall) = (clock::moment(), self.app.clock.now());
        match wish {
            Wish::NewLife { epoch, seq } => {
                let ahead = standing(&self.feed.log().place, epoch, seq) == Standing::Ahead;
                let rested = self.life_at.is_none_or(|at| now.since_ms(at) >= LIFE_REST_MS);
                if ahead && rested {
                    self.life_at = Some(now);
                    self.feed.begin_life("a station has seen changes that this database does not have", wall).await?;
                    self.head_at = Moment(0);
                }
            }
            Wish::Verify => {
                self.feed.verify(wall).await?;
                self.head_due = true;
            }
            Wish::Head => self.head_at = Moment(0),
        }
        Ok(())
    }
}
