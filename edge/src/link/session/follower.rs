//! Following the site's change log: deltas, ranges, snapshots, repair, and what all of them mean for freshness.
//!
//! Whatever came in, the same question is asked afterwards: what is missing, and what is the next thing to do about
//! it? So no path has to remember what another one began.

use super::event::{Checked, Done, Job, Outcome, Output};
use super::fence::{Fence, Standing, standing};
use super::fetch::Fetch;
use super::queue::{Place, Queue};
use super::range::{Cause, Range};
use super::repair::Repair;
use super::step::Step;
use packline_protocol::downlink::{BucketRows, Buckets, Chunk, Delta, Head, SnapshotOffer};
use packline_protocol::id::{Epoch, Seq, SiteId};
use packline_protocol::time::Moment;
use packline_protocol::uplink::{RangeRequest, ReplicaState};

const REST_MAX_MS: u64 = 60_000;
/// A replica that was sound this long begins to count its troubles anew.
const SOUND_MS: u64 = 60_000;
/// More parts than this in one snapshot is nonsense: a terabyte.
const CHUNKS_MAX: u32 = 10_000_000;

#[derive(Debug)]
pub(super) struct Follower {
    site: SiteId,
    at: ReplicaState,
    head: Option<Head>,
    /// How far the hub is known to have been, and in which life of the log.
    told: (Epoch, Seq),
    fence: Fence,
    queue: Queue,
    range: Range,
    fetch: Option<Fetch>,
    repair: Option<Repair>,
    /// Nothing is released on the replica since it was found to differ; a repair may end without a proof.
    distrusted: bool,
    open: bool,
    /// The connection is new, so what is missing is asked for at once.
    arriving: bool,
    /// The replica has changes that the hub lost, or follows a log that the hub does not know.
    astray: bool,
    working: Option<Task>,
    rest_until: Option<Moment>,
    failures: u32,
    /// When the replica was last found to differ, and how often in a row.
    doubted: Option<Moment>,
    doubts: u32,
}

/// What the replica is working at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Deltas, or a new life of the log.
    Follow,
    Mend,
    Fetch,
}

impl Follower {
    pub(super) fn new(site: SiteId, at: ReplicaState) -> Self {
        let mut queue = Queue::default();
        queue.restart(at.epoch, at.seq);
        Self {
            site,
            at,
            head: None,
            told: (at.epoch, at.seq),
            fence: Fence::default(),
            queue,
            range: Range::default(),
            fetch: None,
            repair: None,
            distrusted: false,
            open: false,
            arriving: false,
            astray: false,
            working: None,
            rest_until: None,
            failures: 0,
            doubted: None,
            doubts: 0,
        }
    }

    pub(super) fn at(&self) -> ReplicaState {
        self.at
    }

    pub(super) fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    pub(super) fn in_doubt(&self) -> bool {
        self.repair.is_some()
    }

    /// Parts of a snapshot that are here, of how many, while one is collected.
    pub(super) fn rebuilding(&self) -> Option<(u32, u32)> {
        self.fetch.as_ref().map(Fetch::progress)
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    pub(super) fn timer(&self) -> Option<Moment> {
        let waits = [
            self.range.timer().filter(|_| self.open && self.fetch.is_none()),
            self.fetch.as_ref().and_then(Fetch::timer).filter(|_| self.open),
            self.repair.as_ref().and_then(Repair::timer).filter(|_| self.open && self.working.is_none()),
            self.rest_until.filter(|_| self.working.is_none()),
        ];
        waits.into_iter().flatten().min()
    }

    /// The hub has welcomed this connection.
    pub(super) fn open(&mut self, step: &mut Step<'_>) {
        (self.open, self.arriving) = (true, true);
        self.range.forget();
        if let Some(fetch) = &mut self.fetch {
            fetch.ask_again(step.now);
        }
        self.settle(step);
    }

    pub(super) fn close(&mut self) {
        (self.open, self.arriving) = (false, false);
        self.range.forget();
    }

    pub(super) fn head_came(&mut self, head: Head, step: &mut Step<'_>) {
        if self.fence.admit(&head, step.now) {
            // Before the hub has welcomed this connection a head proves nothing: the broker may have kept it for hours.
            // Nor does one that fell behind what the hub had already: it has lost changes, and this replica has them.
            let fell_back = head.epoch == self.told.0 && head.seq < self.told.1;
            if !fell_back {
                self.told = (head.epoch, head.seq);
            }
            if self.open && !fell_back {
                step.out.push(Output::Heard { epoch: head.epoch, seq: head.seq, root: head.root });
            }
            self.head = Some(head);
        }
        self.settle(step);
    }

    /// Answers whether the delta is of a log that no head has told about, so that the hub should be greeted again.
    pub(super) fn delta_came(&mut self, delta: Delta, step: &mut Step<'_>) -> bool {
        let told = self.head.as_ref().map_or(self.at.epoch, |head| head.epoch);
        if delta.epoch != told {
            return true;
        }
        let proven = delta.root.is_some();
        match self.queue.offer(delta) {
            Place::Ready => self.range.progress(proven, step.now),
            Place::Gap if !self.arriving => self.range.missing(Cause::Gap, step.now, step.dice),
            Place::Gap | Place::Known => {}
        }
        self.settle(step);
        false
    }

    pub(super) fn offer_came(&mut self, offer: SnapshotOffer, step: &mut Step<'_>) {
        if self.is_useful(&offer) && !self.fetch.as_ref().is_some_and(|fetch| fetch.is_alive()) {
            self.fetch = Some(Fetch::new(offer, step.now));
        }
        self.settle(step);
    }

    pub(super) fn chunk_came(&mut self, chunk: Chunk, step: &mut Step<'_>) {
        if let Some(fetch) = &mut self.fetch {
            fetch.take(chunk, step.now);
        }
        self.settle(step);
    }

    pub(super) fn buckets_came(&mut self, buckets: Buckets, step: &mut Step<'_>) {
        if let Some(repair) = self.repair.as_mut().filter(|_| buckets.epoch == self.at.epoch) {
            repair.buckets(buckets);
        }
        self.settle(step);
    }

    pub(super) fn rows_came(&mut self, part: BucketRows, step: &mut Step<'_>) {
        if let Some(repair) = self.repair.as_mut().filter(|_| part.epoch == self.at.epoch) {
            repair.rows(part, step.now);
        }
        self.settle(step);
    }

    /// The hub wants to be left alone until then.
    pub(super) fn hold(&mut self, until: Moment) {
        self.range.hold(until);
        self.fetch.iter_mut().for_each(|fetch| fetch.hold(until));
        self.repair.iter_mut().for_each(|repair| repair.hold(until));
    }

    pub(super) fn tick(&mut self, step: &mut Step<'_>) {
        self.settle(step);
    }

    pub(super) fn done(&mut self, done: Done, step: &mut Step<'_>) {
        let task = self.working.take();
        self.at = done.at;
        if self.at.epoch == Epoch(0) && self.repair.take().is_some() {
            self.queue.release(self.at.epoch, self.at.seq);
        }
        match done.outcome {
            Outcome::Failed { why } => self.failed(task, &why, step),
            Outcome::Refused { why } => self.refused(task, &why, step),
            outcome => {
                (self.failures, self.rest_until) = (0, None);
                step.alarm_over("replica-stuck");
                self.finished(outcome, step);
            }
        }
        self.settle(step);
    }

    fn finished(&mut self, outcome: Outcome, step: &mut Step<'_>) {
        match outcome {
            Outcome::Applied(checked) => {
                checked.into_iter().for_each(|checked| self.checked(checked, step));
            }
            Outcome::Staged { next } => {
                self.fetch.iter_mut().for_each(|fetch| fetch.staged(next, step.now));
            }
            Outcome::Swapped | Outcome::Mended { whole: true } => self.sound(step),
            Outcome::Differing(buckets) => {
                self.repair.iter_mut().for_each(|repair| repair.compared(buckets.clone(), step.now));
            }
            Outcome::Relabelled | Outcome::Mended { whole: false } => {}
            Outcome::Refused { .. } | Outcome::Failed { .. } => {}
        }
    }

    /// The whole replica was just proven.
    fn sound(&mut self, step: &mut Step<'_>) {
        (self.repair, self.astray, self.distrusted) = (None, false, false);
        if self.fetch.as_ref().is_some_and(|fetch| fetch.offer().seq <= self.at.seq) {
            self.fetch = None;
        }
        self.queue.release(self.at.epoch, self.at.seq);
        self.range.forget();
        self.arriving = true;
        ["replica-differs", "hub-lost-changes"].iter().for_each(|key| step.alarm_over(key));
    }

    /// What came cannot be used: rows that do not mend are fetched again, anything else is replaced by a snapshot.
    fn refused(&mut self, task: Option<Task>, why: &str, step: &mut Step<'_>) {
        match task {
            Some(Task::Fetch) => {
                step.alarm("snapshot-damaged", format!("a snapshot from the hub cannot be used: {why}"));
                step.alarm_over("snapshot-damaged");
                self.fetch.iter_mut().for_each(Fetch::give_up);
            }
            Some(Task::Mend) => self.repair.iter_mut().for_each(|repair| repair.in_vain(step.now)),
            Some(Task::Follow) | None => {
                step.alarm("replica-differs", format!("changes from the hub cannot be used: {why}"));
                self.doubt(Repair::by_snapshot(), step);
            }
        }
    }

    fn doubt(&mut self, repair: Repair, step: &mut Step<'_>) {
        step.out.push(Output::Doubt);
        self.distrusted = true;
        self.queue.hold(self.at.seq);
        self.repair = Some(repair);
    }

    /// When to begin to mend: at once, but not again and again when it does not last.
    fn mend_at(&mut self, step: &mut Step<'_>) -> Moment {
        let lasted = self.doubted.is_none_or(|last| step.now.since_ms(last) > SOUND_MS);
        self.doubts = if lasted { 0 } else { self.doubts + 1 };
        let pause = if lasted { 0 } else { step.dice.backoff_ms(1_000, self.doubts, REST_MAX_MS) };
        self.doubted = Some(step.now.plus_ms(pause));
        step.now.plus_ms(pause)
    }

    /// The replica could not do its work (a full disk, a damaged file): back to where it stands, after a rest.
    fn failed(&mut self, task: Option<Task>, why: &str, step: &mut Step<'_>) {
        self.failures += 1;
        step.alarm("replica-stuck", format!("the replica could not be changed: {why}"));
        self.rest_until = Some(step.now.plus_ms(step.dice.backoff_ms(1_000, self.failures, REST_MAX_MS)));
        self.queue.restart(self.at.epoch, self.at.seq);
        match task {
            Some(Task::Mend) => self.repair.iter_mut().for_each(|repair| repair.again(step.now, step.dice)),
            Some(Task::Fetch) => self.fetch.iter_mut().for_each(|fetch| fetch.failed(step.now)),
            Some(Task::Follow) | None => {}
        }
    }

    /// What is missing, and what is to be done next?
    fn settle(&mut self, step: &mut Step<'_>) {
        self.compare_with_head(step);
        self.drop_useless_fetch(step);
        if self.working.is_none() && self.rest_until.is_none_or(|until| until <= step.now) {
            self.start_work(step);
        }
        self.mind_gap(step);
        if self.open {
            self.ask(step);
        }
    }

    fn is_idle(&self) -> bool {
        self.working.is_none() && !self.queue.has_ready()
    }

    fn compare_with_head(&mut self, step: &mut Step<'_>) {
        let Some(head) = &self.head else { return };
        if self.is_idle() && head.epoch == self.at.epoch && head.seq == self.at.seq {
            let root = head.root;
            let checked = Checked { seq: head.seq, equal: root == self.at.root };
            self.checked(checked, step);
            if checked.equal && self.distrusted && self.repair.is_none() {
                self.distrusted = false;
                step.alarm_over("replica-differs");
                step.out.push(Output::Proven { root });
            }
        }
    }

    fn checked(&mut self, checked: Checked, step: &mut Step<'_>) {
        if self.repair.is_none() && !checked.equal {
            step.alarm("replica-differs", format!("the replica differs from the hub at change {}", checked.seq));
            let at = self.mend_at(step);
            self.doubt(Repair::new(at), step);
        }
    }

    /// A snapshot that would take the replica back, or that the hub no longer has, is let go.
    fn drop_useless_fetch(&mut self, step: &mut Step<'_>) {
        let Some(fetch) = &self.fetch else { return };
        if self.working.is_some() || self.is_useful(fetch.offer()) && !fetch.is_given_up() {
            return;
        }
        self.fetch = None;
        self.range.forget();
        self.range.missing(Cause::Gap, step.now, step.dice);
    }

    /// Whether a snapshot leads on: to another life of the log, ahead in this one, or out of doubt.
    fn is_useful(&self, offer: &SnapshotOffer) -> bool {
        let told = self.head.as_ref().is_none_or(|head| head.epoch == offer.epoch);
        let leads_on = offer.epoch != self.at.epoch || offer.seq > self.at.seq || self.in_doubt();
        told && leads_on && offer.chunks <= CHUNKS_MAX
    }

    fn wants_snapshot(&self) -> bool {
        self.repair.as_ref().is_some_and(Repair::wants_snapshot)
    }

    fn start_work(&mut self, step: &mut Step<'_>) {
        self.rest_until = None;
        let follow = self.change_log(step).or_else(|| self.apply()).map(|job| (Task::Follow, job));
        let mend = || Some((Task::Mend, self.repair.as_mut()?.job(&self.site, self.at.epoch)?));
        let fetch = || Some((Task::Fetch, self.fetch.as_mut()?.job()?));
        if let Some((task, job)) = follow.or_else(mend).or_else(fetch) {
            self.working = Some(task);
            step.work(job);
        }
    }

    /// When the hub began a new life of the log, the replica goes on in it where both share what it has.
    fn change_log(&mut self, step: &mut Step<'_>) -> Option<Job> {
        let (standing, epoch) = (self.standing()?, self.head.as_ref()?.epoch);
        match standing {
            Standing::Same => self.astray = false,
            Standing::Empty if self.queue.epoch() != epoch => self.queue.restart(epoch, self.at.seq),
            Standing::Empty => {}
            Standing::Continues => {
                self.queue.release(epoch, self.at.seq);
                (self.fetch, self.repair, self.astray) = (None, None, false);
                return Some(Job::Relabel(epoch));
            }
            Standing::Astray if self.astray => {}
            Standing::Astray => {
                let text = format!("the hub does not know change {} of log {} any more", self.at.seq, self.at.epoch);
                step.alarm("hub-lost-changes", text);
                self.queue.stop(self.at.epoch, self.at.seq);
                (self.repair, self.astray) = (None, true);
            }
        }
        None
    }

    fn standing(&self) -> Option<Standing> {
        self.head.as_ref().map(|head| standing(&self.at, head))
    }

    fn apply(&mut self) -> Option<Job> {
        let group = self.queue.take_group();
        (!group.is_empty()).then_some(Job::Apply(group))
    }

    fn mind_gap(&mut self, step: &mut Step<'_>) {
        let Some(head) = self.head.as_ref().filter(|_| self.open) else { return };
        let ahead = head.seq > self.queue.reach();
        let lost = self.astray || self.wants_snapshot();
        let mending = self.repair.is_some() && !lost;
        if self.fetch.is_some() || mending || !(ahead || lost || self.queue.has_gap()) {
            self.range.satisfied();
            self.arriving = false;
        } else if self.arriving || lost {
            self.range.missing(Cause::Arrival, step.now, step.dice);
            self.arriving = false;
        } else {
            let cause = if self.queue.has_gap() { Cause::Gap } else { Cause::Ahead };
            self.range.missing(cause, step.now, step.dice);
        }
    }

    fn ask(&mut self, step: &mut Step<'_>) {
        if let Some(fetch) = &mut self.fetch {
            fetch.request(step.now).into_iter().for_each(|request| step.request(request));
        } else if self.range.is_due(step.now, step.dice) {
            step.request(self.range_wanted());
        }
        let epoch = self.at.epoch;
        if let Some(repair) = self.repair.as_mut().filter(|_| self.working.is_none()) {
            repair.request(epoch, step.now, step.dice).into_iter().for_each(|request| step.request(request));
        }
    }

    /// Everything after what is here; everything at all, when what is here cannot be mended.
    fn range_wanted(&self) -> RangeRequest {
        if self.wants_snapshot() || self.queue.reach() == Seq(0) {
            RangeRequest { epoch: Epoch(0), from: Seq(0) }
        } else {
            RangeRequest { epoch: self.queue.epoch(), from: self.queue.reach() }
        }
    }
}
