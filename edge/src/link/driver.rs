//! The task that joins the connection, the session, the journal and the replica.
//!
//! It waits for whatever comes first and tells the session; it decides nothing. Waiting for the disk happens on other
//! threads: one for the replica, and one per read of the journal.

use super::lanes::{Lanes, Letter};
use super::mqtt::{self, Down, PublishError, Qos};
use super::session::{Done, Identity, Input, Job, JournalState, Output, Session, Start, StationState, Stretch, Wish};
use super::work::Worker;
use super::{Connection, LinkState, Parts, will_number};
use crate::clock;
use crate::journal::{Head, Journal};
use packline_protocol::downlink::{self, Downlink, Welcome};
use packline_protocol::id::{Epoch, Seq};
use packline_protocol::proof::Root;
use packline_protocol::record::ChainLink;
use packline_protocol::time::{Moment, Timestamp};
use packline_protocol::topic::{Topic, UpStream};
use packline_protocol::uplink::Uplink;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, error, info, warn};

/// How often the moment of the last good word from the hub is written down, for the next start.
const SAVE_AGE_MS: u64 = 60_000;
/// How long a goodbye may take to leave.
const GOODBYE_MS: u64 = 500;

pub(super) struct Driver {
    parts: Parts,
    session: Session,
    link: mqtt::Link,
    events: mpsc::Receiver<mqtt::Event>,
    lanes: Lanes,
    jobs: std::sync::mpsc::Sender<Order>,
    /// Closed when the replica's thread has ended.
    worker: oneshot::Receiver<()>,
    answers: mpsc::UnboundedReceiver<Input>,
    answer: mpsc::UnboundedSender<Input>,
    states: watch::Sender<LinkState>,
    connection: Connection,
    /// The number under which the wills of this process are drawn.
    wills: u64,
    aged: Moment,
    refused: u64,
}

/// What the replica's thread is told.
enum Order {
    Work(Job),
    SaveAge,
}

impl Driver {
    pub(super) fn new(parts: Parts, states: watch::Sender<LinkState>) -> Self {
        let wills = clock::random_u64();
        let (link, events) = open_link(&parts, wills);
        let (answer, answers) = mpsc::unbounded_channel();
        let (jobs, worker) = start_worker(Worker::new(parts.replica.clone()), parts.replica.clone(), answer.clone());
        let session = Session::new(identity(&parts), start(&parts), clock::random_u64());
        let connection = Connection::Down { since: clock::moment(), why: "not connected yet".to_owned() };
        Self {
            parts,
            session,
            link,
            events,
            lanes: Lanes::default(),
            jobs,
            worker,
            answers,
            answer,
            states,
            connection,
            wills,
            aged: clock::moment(),
            refused: 0,
        }
    }

    pub(super) async fn run(mut self, mut station: watch::Receiver<StationState>, stop: oneshot::Receiver<()>) {
        let mut heads = self.parts.journal.watch();
        tokio::pin!(stop);
        loop {
            let timer = self.session.timer().map(|due| Duration::from_millis(due.since_ms(clock::moment())));
            let input = tokio::select! {
                biased;
                _ = &mut stop => break,
                _ = &mut self.worker => {
                    error!("The replica's thread has ended, so the link ends too");
                    break;
                }
                Some(answer) = self.answers.recv() => Some(answer),
                Ok(()) = heads.changed() => Some(Input::Journal(journal_state(&heads.borrow_and_update()))),
                Ok(()) = station.changed() => Some(Input::Station(station.borrow_and_update().clone())),
                event = self.events.recv(), if self.session.wants_messages() => match event {
                    Some(event) => self.hear(event),
                    None => break,
                },
                () = sleep(timer) => Some(Input::Tick),
            };
            if let Some(input) = input {
                self.tell(input);
            }
            self.post();
            self.show();
        }
        self.leave().await;
    }

    fn tell(&mut self, input: Input) {
        let now = clock::now();
        for output in self.session.handle(input, now) {
            match output {
                Output::Send(stream, message) => self.send(stream, &message),
                Output::Read(wish) => self.read(wish),
                Output::Acked { upto, safe_upto } => self.parts.journal.acknowledge(upto, safe_upto),
                Output::Work(job) => self.order(Order::Work(job)),
                Output::Heard { epoch, seq, root } => self.heard(epoch, seq, root),
                Output::Doubt => {
                    self.parts.replica.doubt();
                    self.order(Order::SaveAge);
                }
                Output::Proven { root } => self.parts.replica.prove(root),
                Output::Welcomed { wall } => clock::compare(wall),
            }
        }
    }

    fn heard(&mut self, epoch: Epoch, seq: Seq, root: Root) {
        self.parts.replica.heard(epoch, seq, root, clock::now());
        if clock::moment().since_ms(self.aged) > SAVE_AGE_MS {
            self.aged = clock::moment();
            self.order(Order::SaveAge);
        }
    }

    /// What an event of the connection means to the session, if anything.
    fn hear(&mut self, event: mqtt::Event) -> Option<Input> {
        match event {
            mqtt::Event::Up { connection } => {
                info!("The link is up");
                self.connection = Connection::Up { since: clock::moment() };
                Some(Input::Up { session: will_number(self.wills, connection) })
            }
            mqtt::Event::Down { why, .. } => {
                self.lanes.clear();
                self.went_down(&why);
                Some(Input::Down { twin: why == Down::TakenOver })
            }
            mqtt::Event::Message { topic, payload } => self.open(&topic, &payload).map(Input::Message),
            mqtt::Event::Acked(_) => None,
            mqtt::Event::Refused { reason, .. } => {
                warn!(reason, "The broker refused a message");
                None
            }
        }
    }

    fn went_down(&mut self, why: &Down) {
        let why = why.to_string();
        match &mut self.connection {
            // One cause is written down once, however often it is met.
            Connection::Down { why: known, .. } if *known == why => debug!(why, "Still no link"),
            Connection::Down { why: known, .. } => {
                warn!(why, "No link to the hub");
                *known = why;
            }
            Connection::Up { .. } => {
                warn!(why, "The link is down");
                self.connection = Connection::Down { since: clock::moment(), why };
            }
        }
    }

    fn open(&mut self, topic: &str, payload: &[u8]) -> Option<Downlink> {
        match Downlink::open(payload, &self.parts.hub_key) {
            Ok(message) => {
                // Signed by the hub, so this time is past, even in a head that the broker kept for hours.
                if let Downlink::Head(downlink::Head { wall, .. }) | Downlink::Welcome(Welcome { wall, .. }) = &message
                {
                    self.told_time(*wall);
                }
                Some(message)
            }
            Err(error) => {
                self.refused += 1;
                // The first of a flood says it all; a count follows now and then.
                if self.refused.is_power_of_two() {
                    warn!(%error, topic, count = self.refused, "A message on the hub's topics is not from the hub");
                }
                None
            }
        }
    }

    fn told_time(&self, wall: Timestamp) {
        self.parts.hub_time.heard(wall);
        if self.parts.hub_time.is_due() {
            let hub_time = self.parts.hub_time.clone();
            tokio::task::spawn_blocking(move || hub_time.keep());
        }
    }

    fn send(&mut self, stream: UpStream, message: &Uplink) {
        let topic = Topic::Up(self.parts.site.clone(), self.parts.station.clone(), stream).to_string();
        match seal(&self.parts, message) {
            Ok(payload) => self.lanes.push(message, Letter { topic, payload: payload.into() }),
            Err(error) => warn!(%error, "A message cannot be sent"),
        }
    }

    /// Hands over what waits, as far as there is room.
    fn post(&mut self) {
        while let Some(Letter { topic, payload }) = self.lanes.next() {
            match self.link.publish(topic, payload.clone(), Qos::One) {
                Ok(_) => self.lanes.sent(),
                Err(PublishError::Full) => return,
                Err(PublishError::Down) => return self.lanes.clear(),
                Err(PublishError::TooLarge { max, .. }) => {
                    self.lanes.sent();
                    self.tell(Input::TooLarge { max });
                }
                Err(error @ PublishError::Topic(_)) => {
                    warn!(%error, "A message cannot be sent");
                    self.lanes.sent();
                }
            }
        }
    }

    fn read(&self, wish: Wish) {
        let (journal, answer) = (self.parts.journal.clone(), self.answer.clone());
        tokio::task::spawn_blocking(move || {
            // Without a reader the link has ended.
            let _ = answer.send(Input::Read(read(&journal, wish)));
        });
    }

    fn order(&self, order: Order) {
        if self.jobs.send(order).is_err() {
            warn!("The replica's thread has ended");
        }
    }

    fn show(&self) {
        let standing = self.session.standing();
        self.states.send_if_modified(|state| {
            let changed = state.connection != self.connection || state.standing != standing;
            if changed {
                (state.connection, state.standing) = (self.connection.clone(), standing);
            }
            changed
        });
    }

    async fn leave(mut self) {
        self.tell(Input::Stop);
        self.post();
        self.order(Order::SaveAge);
        let sent = async { while !matches!(self.events.recv().await, None | Some(mqtt::Event::Acked(_))) {} };
        let _ = tokio::time::timeout(Duration::from_millis(GOODBYE_MS), sent).await;
        self.link.close().await;
    }
}

fn open_link(parts: &Parts, wills: u64) -> (mqtt::Link, mpsc::Receiver<mqtt::Event>) {
    let will = {
        let (sealer, site, station) = (parts.sealer.clone(), parts.site.clone(), parts.station.clone());
        move |connection| {
            let payload = sealer.seal(&Session::will(will_number(wills, connection))).ok()?;
            let topic = Topic::Up(site.clone(), station.clone(), UpStream::Will).to_string();
            Some(mqtt::Will { topic, payload })
        }
    };
    mqtt::Link::open(parts.mqtt.clone(), will)
}

fn identity(parts: &Parts) -> Identity {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Identity { site: parts.site.clone(), boot: parts.boot, version, row_schema: 1 }
}

fn start(parts: &Parts) -> Start {
    let head = parts.journal.head();
    Start { journal: journal_state(&head), acked: head.acked, replica: parts.replica.state() }
}

fn journal_state(head: &Head) -> JournalState {
    JournalState { epoch: head.epoch, from: head.oldest, newest: head.newest }
}

fn read(journal: &Journal, wish: Wish) -> Stretch {
    let Wish { lane, from, records_max, bytes_max } = wish;
    let epoch = journal.head().epoch;
    match journal.pending(from, records_max, bytes_max) {
        Ok(pending) => {
            let (first, before, records) = (pending.first, pending.before, pending.records);
            Stretch { lane, epoch, first, before, records }
        }
        Err(error) => {
            warn!(%error, "Records cannot be read from the journal");
            Stretch { lane, epoch, first: from, before: ChainLink::START, records: Vec::new() }
        }
    }
}

fn seal(parts: &Parts, message: &Uplink) -> Result<Vec<u8>, packline_protocol::envelope::SealError> {
    let sealer = &parts.sealer;
    match message {
        Uplink::Hello(message) => sealer.seal(message),
        Uplink::Batch(message) => sealer.seal(message),
        Uplink::Hint(message) => sealer.seal(message),
        Uplink::Report(message) => sealer.seal(message),
        Uplink::RangeRequest(message) => sealer.seal(message),
        Uplink::ChunkRequest(message) => sealer.seal(message),
        Uplink::BucketsRequest(message) => sealer.seal(message),
        Uplink::BucketRowsRequest(message) => sealer.seal(message),
        Uplink::Goodbye(message) => sealer.seal(message),
    }
}

/// Starts the replica's thread; answers where its orders go, and what is closed when it has ended in whatever way.
fn start_worker(
    mut worker: Worker,
    replica: crate::replica::Replica,
    answer: mpsc::UnboundedSender<Input>,
) -> (std::sync::mpsc::Sender<Order>, oneshot::Receiver<()>) {
    let (jobs, orders) = std::sync::mpsc::channel();
    let (living, ended) = oneshot::channel::<()>();
    let run = move || {
        let _living = living;
        for order in orders {
            match order {
                Order::Work(job) => {
                    let done: Done = worker.run(job);
                    if answer.send(Input::Done(done)).is_err() {
                        return;
                    }
                }
                Order::SaveAge => {
                    if let Err(error) = replica.save_age() {
                        warn!(%error, "The replica's age could not be written down");
                    }
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name("replica".to_owned()).spawn(run);
    thread.expect("the system starts threads");
    (jobs, ended)
}

/// Without a timer there is nothing to wait for.
async fn sleep(timer: Option<Duration>) {
    match timer {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fault::FaultDisk;
    use crate::replica::{Replica, Settings};
    use packline_protocol::id::SiteId;
    use std::sync::Arc;
    use tokio::sync::oneshot::error::TryRecvError;

    #[tokio::test]
    async fn the_end_of_the_replicas_thread_is_noticed() {
        let settings = Settings { site: SiteId::parse("sz-1").unwrap(), cache_bytes: 1 << 20 };
        let (replica, _) = Replica::open(Arc::new(FaultDisk::new(0)), settings).unwrap();
        let (answer, answers) = mpsc::unbounded_channel();
        let (jobs, mut ended) = start_worker(Worker::new(replica.clone()), replica, answer);
        jobs.send(Order::SaveAge).unwrap();
        assert_eq!(ended.try_recv(), Err(TryRecvError::Empty), "it waits for work");
        // Nobody takes its answer: one of the ways in which it ends.
        drop(answers);
        jobs.send(Order::Work(Job::Relabel(Epoch(1)))).unwrap();
        assert!(ended.await.is_err());
    }
}
