//! One site's change log, led by one hub under a lease: folds marks into numbered rows and says what to publish.
//!
//! Deltas and heads are for publishing after the function that made them has come back, never before: everything in
//! them is committed by then. After an error the feed is of no use; lead again and what is stored counts.

use super::fold::{self, Log, Place, Seen, is_behind};
use super::{source, store};
use crate::clock;
use crate::error::chain;
use crate::fleet;
use crate::orders::model::OrderError;
use crate::store::{Db, StoreError, changelog};
use packline_protocol::change::RowId;
use packline_protocol::downlink::{Delta, Fork, Head};
use packline_protocol::id::{Epoch, ParcelId, SiteId};
use packline_protocol::proof::Proof;
use packline_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use tracing::{error, info, warn};

/// The most marks that one transaction folds: a compromise between the time that others wait and the cost per row.
pub const FOLD_MARKS_MAX: usize = 2_048;
/// A lease runs out so long after it was last held, in milliseconds.
pub const LEASE_MS: i64 = 10_000;
/// Rows per read when a whole site is walked.
const WALK_ROWS: usize = 2_000;

/// Why a feed cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Another hub leads the site.
    #[error("site `{site}` is led by another hub")]
    Fenced {
        /// Which site.
        site: SiteId,
    },
    /// The store failed.
    #[error("failed to move the change log of site `{site}`")]
    Store {
        /// Which site.
        site: SiteId,
        /// Why.
        #[source]
        cause: StoreError,
    },
    /// What stations should know cannot be read.
    #[error("failed to load what stations of site `{site}` should know")]
    Source {
        /// Which site.
        site: SiteId,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A site's log in the hands of the hub that leads it.
#[derive(Debug)]
pub struct Feed {
    db: Db,
    site: SiteId,
    lease: u64,
    log: Log,
    beat: u64,
    caught_up: bool,
}

/// What a fold did.
#[derive(Debug, Default)]
pub struct Step {
    /// What to publish, in order.
    pub deltas: Vec<Delta>,
    /// More marks wait: fold again at once.
    pub more: bool,
    /// Parcels that cannot be read and that stations therefore do not know.
    pub unreadable: usize,
}

impl Feed {
    /// Takes the lead of `site` for the hub called `owner`; `None` while another hub has it. `seen` is what this hub
    /// last saw of the log: when the database stands before it, the log begins a new life.
    pub async fn lead(
        db: &Db,
        site: &SiteId,
        owner: &str,
        seen: Option<Seen>,
        now: Timestamp,
    ) -> Result<Option<Feed>, FeedError> {
        let failed = |cause| FeedError::Store { site: site.clone(), cause };
        let mut tx = db.begin_fixed("sync.lead").await.map_err(failed)?;
        fleet::actions::make_site(&mut tx, site, now).await.map_err(failed)?;
        let (fresh, until) = (Epoch(clock::random_u64()), now.plus_ms(LEASE_MS));
        let lease = store::take_lease(&mut tx, site, owner, fresh, now, until).await.map_err(failed)?;
        let Some(lease) = lease else { return Ok(None) };
        // What every station needs beside parcels may come from this program, which may be a newer one.
        changelog::mark_rows(&mut tx, site, &[RowId::RULES, RowId::SETTINGS]).await.map_err(failed)?;
        let stored = store::find_place(tx.conn(), site).await.map_err(failed)?;
        let stored =
            stored.ok_or_else(|| failed(StoreError::row("FIND_LOG", "the log that was just taken is gone")))?;
        let proof = store::proof(tx.conn(), site).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        let log = Log { place: stored.place, proof };
        let mut feed = Feed { db: db.clone(), site: site.clone(), lease, log, beat: 0, caught_up: false };
        if feed.log.root() != stored.root {
            feed.recount(now).await?;
        }
        if let Some(seen) = seen.filter(|seen| is_behind(&feed.log.place, *seen)) {
            warn!(
                site.id = %site, seen.seq = %seen.seq, log.seq = %feed.log.place.seq,
                "The log of site `{site}` stands before what was seen of it: the database was restored"
            );
            feed.begin_life("the database stands before what this hub had seen", now).await?;
        }
        Ok(Some(feed))
    }

    /// The log as it stands.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Which site.
    pub fn site(&self) -> &SiteId {
        &self.site
    }

    /// Number of the lease under which this hub leads.
    pub fn lease(&self) -> u64 {
        self.lease
    }

    /// Folds the oldest marks into the log, in one transaction.
    pub async fn fold(&mut self, now: Timestamp) -> Result<Step, FeedError> {
        // A look first: taking the write lock for nothing would hold up others.
        if !self.ok(store::any_dirty(self.db.read(), &self.site).await)? {
            self.caught_up = true;
            return Ok(Step::default());
        }
        let mut tx = self.begin("sync.fold").await?;
        let dirty = self.ok(store::dirty_rows(&mut tx, &self.site, FOLD_MARKS_MAX).await)?;
        let Some(last) = dirty.last() else {
            self.caught_up = true;
            return Ok(Step::default());
        };
        let more = dirty.len() == FOLD_MARKS_MAX;
        let rows: Vec<RowId> = dirty.iter().map(|dirty| dirty.row).collect();
        let lives = |dirty: &&store::Dirty| dirty.stored.as_ref().is_some_and(|stored| stored.body.is_some());
        let known: BTreeSet<RowId> = dirty.iter().filter(lives).map(|dirty| dirty.row).collect();
        let wanted = source::bodies(&mut tx, &self.site, &rows, &known)
            .await
            .map_err(|cause| FeedError::Source { site: self.site.clone(), cause })?;
        self.ok(store::clear_dirty(&mut tx, &self.site, last).await)?;
        let stored: BTreeMap<_, _> = dirty.into_iter().filter_map(|dirty| Some((dirty.row, dirty.stored?))).collect();
        self.complain(&wanted.unreadable);
        let folded = fold::fold(&self.log, &stored, wanted.bodies);
        for row in &folded.oversize {
            error!(site.id = %self.site, row = %row, "Row `{row}` is too long for any station and was left out");
        }
        let changes: Vec<_> = folded.deltas.iter().flat_map(|delta| &delta.changes).collect();
        if !changes.is_empty() {
            self.ok(store::put_rows(&mut tx, &self.site, &changes, now).await)?;
            self.ok(store::put_buckets(&mut tx, &self.site, &folded.log.proof, folded.touched).await)?;
            let ours = self.ok(store::save_log(&mut tx, &self.site, self.lease, &folded.log).await)?;
            self.check(ours)?;
        }
        self.ok(tx.commit().await)?;
        self.log = folded.log;
        self.caught_up = !more;
        Ok(Step { deltas: folded.deltas, more, unreadable: wanted.unreadable.len() })
    }

    fn complain(&self, unreadable: &[(ParcelId, OrderError)]) {
        for (parcel, why) in unreadable {
            error!(
                site.id = %self.site, parcel.id = %parcel, error = %chain(why),
                "Parcel `{parcel}` cannot be read and was taken from the stations, which ask about it: mend its order"
            );
        }
    }

    /// Holds the lease for longer.
    pub async fn renew(&mut self, now: Timestamp) -> Result<(), FeedError> {
        let mut tx = self.begin("sync.renew").await?;
        let ours = self.ok(store::renew_lease(&mut tx, &self.site, self.lease, now.plus_ms(LEASE_MS)).await)?;
        self.check(ours)?;
        self.ok(tx.commit().await)
    }

    /// Gives the lease up, so that another hub need not wait for it to run out.
    pub async fn leave(&mut self) -> Result<(), FeedError> {
        let mut tx = self.begin("sync.leave").await?;
        self.ok(store::renew_lease(&mut tx, &self.site, self.lease, Timestamp(0)).await)?;
        self.ok(tx.commit().await)
    }

    /// The head to publish.
    ///
    /// Its beat is new only when every mark was folded since the last one: a station takes a new beat for news from
    /// a hub that knows everything up to now, and a hub that cannot keep up must not sound like one.
    pub fn head(&mut self, now: Timestamp) -> Head {
        self.beat += u64::from(std::mem::take(&mut self.caught_up));
        let Place { epoch, lineage, seq, floor, .. } = self.log.place.clone();
        Head { epoch, lineage, lease: self.lease, beat: self.beat, seq, floor, root: self.log.root(), wall: now }
    }

    /// Ends this life of the log here and begins another: replicas up to here go on, those ahead take a snapshot.
    pub async fn begin_life(&mut self, why: &str, now: Timestamp) -> Result<(), FeedError> {
        let ended = Fork { epoch: self.log.place.epoch, seq: self.log.place.seq };
        let mut log = self.log.clone();
        log.place.epoch = Epoch(clock::random_u64());
        log.place.lineage.insert(0, ended);
        log.place.lineage.truncate(store::LINEAGE_MAX);
        let mut tx = self.begin("sync.begin_life").await?;
        self.ok(store::add_fork(&mut tx, &self.site, ended, now, why).await)?;
        let ours = self.ok(store::save_log(&mut tx, &self.site, self.lease, &log).await)?;
        self.check(ours)?;
        self.ok(tx.commit().await)?;
        warn!(site.id = %self.site, seq = %ended.seq, "The log of site `{}` begins a new life: {why}", self.site);
        self.log = log;
        Ok(())
    }

    /// Drops tombstones that are older than `keep_ms` or too many and raises the floor above them; says how many.
    pub async fn compact(&mut self, keep_ms: i64, now: Timestamp) -> Result<u64, FeedError> {
        let mut tx = self.begin("sync.compact").await?;
        let before = now.plus_ms(-keep_ms);
        let old = self.ok(store::gone_before(&mut tx, &self.site, before).await)?;
        let many = match fold::tombstones_to_keep(&self.log.place) {
            Some(keep) => self.ok(store::gone_but(&mut tx, &self.site, keep).await)?,
            None => None,
        };
        let Some(floor) = old.max(many) else { return Ok(0) };
        let dropped = self.ok(store::drop_gone(&mut tx, &self.site, floor).await)?;
        let mut log = self.log.clone();
        log.place.floor = log.place.floor.max(floor);
        log.place.gone = log.place.gone.saturating_sub(dropped);
        let ours = self.ok(store::save_log(&mut tx, &self.site, self.lease, &log).await)?;
        self.check(ours)?;
        self.ok(tx.commit().await)?;
        self.log = log;
        info!(site.id = %self.site, "Dropped {dropped} tombstones of site `{}` up to change {floor}", self.site);
        Ok(dropped)
    }

    /// Compares the proof with the stored rows themselves and corrects it; says whether it was right.
    pub async fn verify(&mut self, now: Timestamp) -> Result<bool, FeedError> {
        let mut view = self.ok(self.db.view("sync.verify").await)?;
        let stored = self.ok(store::find_place(view.conn(), &self.site).await)?;
        let stored = stored.ok_or_else(|| FeedError::Fenced { site: self.site.clone() })?;
        let counted = self.ok(count(&mut view, &self.site).await)?;
        drop(view);
        let right = counted.proof.root(stored.place.epoch, stored.place.seq) == stored.root
            && (counted.live, counted.gone) == (stored.place.live, stored.place.gone);
        if !right {
            self.recount(now).await?;
        }
        Ok(right)
    }

    /// Makes the proof anew from the rows, which are what counts.
    async fn recount(&mut self, now: Timestamp) -> Result<(), FeedError> {
        let mut tx = self.begin("sync.recount").await?;
        let counted = self.ok(count_in(tx.conn(), &self.site).await)?;
        let place = Place { live: counted.live, gone: counted.gone, ..self.log.place.clone() };
        let log = Log { place, proof: counted.proof };
        self.ok(store::clear_buckets(&mut tx, &self.site).await)?;
        let filled = (0..).zip(log.proof.buckets()).filter(|(_, hash)| **hash != 0).map(|(bucket, _)| bucket);
        self.ok(store::put_buckets(&mut tx, &self.site, &log.proof, filled).await)?;
        let ours = self.ok(store::save_log(&mut tx, &self.site, self.lease, &log).await)?;
        self.check(ours)?;
        self.ok(tx.commit().await)?;
        error!(
            site.id = %self.site, now = %now,
            "The proof of site `{}` did not match its rows and was made anew: check this machine's disk", self.site
        );
        self.log = log;
        Ok(())
    }

    /// Looks at everything again: the proof is made anew from the rows, every row and every parcel is marked, and the
    /// log begins a new life. Fold until nothing is left.
    pub async fn rebuild(&mut self, now: Timestamp) -> Result<u64, FeedError> {
        self.verify(now).await?;
        self.begin_life("an administrator asked for a rebuild", now).await?;
        let (mut marked, mut at) = (0, None);
        loop {
            let mut tx = self.ok(self.db.begin("sync.rebuild").await)?;
            let rows = self.ok(store::live_rows(tx.conn(), &self.site, at, WALK_ROWS).await)?;
            let rows: Vec<RowId> = rows.iter().map(|row| row.row).collect();
            let Some(last) = rows.last() else { break };
            at = Some(*last);
            self.ok(changelog::mark_rows(&mut tx, &self.site, &rows).await)?;
            self.ok(tx.commit().await)?;
            marked += rows.len() as u64;
        }
        let parcels = source::mark_all(&self.db, &self.site).await;
        parcels.map(|parcels| marked + parcels).map_err(|cause| FeedError::Source { site: self.site.clone(), cause })
    }

    async fn begin(&self, name: &'static str) -> Result<crate::store::Tx, FeedError> {
        self.ok(self.db.begin_fixed(name).await)
    }

    fn ok<T>(&self, result: Result<T, StoreError>) -> Result<T, FeedError> {
        result.map_err(|cause| FeedError::Store { site: self.site.clone(), cause })
    }

    fn check(&self, ours: bool) -> Result<(), FeedError> {
        if ours { Ok(()) } else { Err(FeedError::Fenced { site: self.site.clone() }) }
    }
}

/// What the rows of a site come to.
struct Counted {
    proof: Proof,
    live: u64,
    gone: u64,
}

async fn count(view: &mut crate::store::View, site: &SiteId) -> Result<Counted, StoreError> {
    count_in(view.conn(), site).await
}

async fn count_in(conn: &mut crate::store::Connection, site: &SiteId) -> Result<Counted, StoreError> {
    let mut counted = Counted { proof: Proof::empty(site), live: 0, gone: store::count_gone(&mut *conn, site).await? };
    let mut at = None;
    loop {
        let rows = store::live_rows(&mut *conn, site, at, WALK_ROWS).await?;
        let Some(last) = rows.last() else { return Ok(counted) };
        at = Some(last.row);
        for row in &rows {
            counted.proof.toggle(row.row, row.seq, row.body.as_deref().unwrap_or_default());
            counted.live += 1;
        }
    }
}
