//! What comes from stations, as the broker delivers it: right, wrong, too much.

use super::*;
use crate::scans::actions::Arrived;
use crate::sync::desk::{Asked, Question};
use crate::sync::inbox::{Errand, Inbox, Site, Sites};
use crate::sync::leader::Wish;
use packline_protocol::downlink::Head;
use packline_protocol::envelope::Message;
use packline_protocol::id::{BootId, Revision, ScanSeq, StationEpoch, StationId};
use packline_protocol::proof::Root;
use packline_protocol::record::ChainLink;
use packline_protocol::time::{Moment, Timestamp};
use packline_protocol::topic::{PAYLOAD_MAX, Topic, UpStream};
use packline_protocol::uplink::{Batch, BucketsRequest, Goodbye, Hello, RangeRequest, ReplicaState, Report};
use tokio::sync::{Notify, mpsc};

/// A hub that leads the site `main`, with one station enrolled.
struct Hall {
    app: TestApp,
    inbox: Inbox,
    station: Sealer,
    batches: mpsc::Receiver<Arrived>,
    errands: mpsc::Receiver<(SiteId, StationId, Errand)>,
    questions: mpsc::Receiver<Asked>,
    wishes: mpsc::Receiver<Wish>,
}

fn pack_1() -> StationId {
    StationId::parse("pack-1").unwrap()
}

impl Hall {
    async fn open() -> Self {
        let app = TestApp::on(Engine::Sqlite).await;
        let station = Sealer::new(&[3; 32]);
        let invitation = fleet::actions::invite(&app.db, &site(), &pack_1(), &by(), app.clock.now()).await.unwrap();
        let request = fleet::actions::EnrolRequest {
            token: invitation.token,
            public_key: crate::keys::to_hex(&station.public()),
            mqtt_secret: "ab".repeat(32),
        };
        fleet::actions::enrol(&app.db, &request, app.clock.now()).await.unwrap();
        app.fleet.reload(&app.db).await.unwrap();
        let sites = Sites::default();
        let (desk, questions) = mpsc::channel(4);
        let (leader, wishes) = mpsc::channel(4);
        sites.put(site(), Site { desk, leader, wake: Arc::new(Notify::new()) });
        let (batches_in, batches) = mpsc::channel(2);
        let (errands_in, errands) = mpsc::channel(8);
        let inbox = Inbox::new((*app).clone(), sites, batches_in, errands_in);
        Self { app, inbox, station, batches, errands, questions, wishes }
    }

    fn hear(&self, stream: UpStream, payload: &[u8]) {
        let topic = Topic::Up(site(), pack_1(), stream);
        self.inbox.hear(&topic.to_string(), payload, Moment(0));
    }

    fn say<M: Message>(&self, stream: UpStream, message: &M) {
        self.hear(stream, &self.station.seal(message).unwrap());
    }

    /// How often messages were dropped, by reason.
    fn dropped(&self, why: &str) -> bool {
        self.app.metrics.text().contains(&format!("packline_sync_dropped_total{{why=\"{why}\"}}"))
    }

    fn errand(&mut self) -> String {
        match self.errands.try_recv() {
            Ok((_, _, Errand::Welcome(hello))) => format!("welcome {}", hello.session),
            Ok((_, _, errand)) => format!("{errand:?}").to_lowercase(),
            Err(_) => "none".to_owned(),
        }
    }
}

fn hello(replica: ReplicaState) -> Hello {
    Hello {
        session: 5,
        boot: BootId(1),
        version: "0.1.0".to_owned(),
        row_schema: 1,
        station_epoch: StationEpoch(9),
        journal_from: ScanSeq(1),
        journal_to: ScanSeq(0),
        replica,
    }
}

fn report(replica: ReplicaState) -> Report {
    Report {
        session: 5,
        replica,
        revision: Revision(1),
        backlog: 0,
        journal_percent: 0,
        scanners: Vec::new(),
        alarms: Vec::new(),
        wall: START,
        wall_trusted: true,
    }
}

fn batch() -> Batch {
    let records = vec![b"x".to_vec()];
    Batch { station_epoch: StationEpoch(9), first: ScanSeq(1), before: ChainLink::START, records }
}

#[tokio::test]
async fn each_message_goes_to_whoever_deals_with_it() {
    let mut hall = Hall::open().await;
    hall.say(UpStream::Requests, &hello(ReplicaState::default()));
    assert_eq!(hall.errand(), "welcome 5");
    hall.say(UpStream::Scans, &batch());
    assert_eq!(hall.batches.try_recv().unwrap().station, pack_1());
    let request = RangeRequest { epoch: Epoch(1), from: Seq(2) };
    hall.say(UpStream::Requests, &request);
    assert_eq!(hall.questions.try_recv().unwrap(), (pack_1(), Question::Range(request)));
    hall.say(UpStream::Will, &Goodbye { session: 4 });
    assert!(hall.app.fleet.states()[&pack_1()].online, "the will of an earlier connection");
    hall.say(UpStream::Will, &Goodbye { session: 5 });
    assert!(!hall.app.fleet.states()[&pack_1()].online);
    assert_eq!(hall.errand(), "none");
}

#[tokio::test]
async fn a_station_whose_birth_was_not_heard_is_asked_for_it_and_served_all_the_same() {
    let mut hall = Hall::open().await;
    hall.say(UpStream::Scans, &batch());
    assert!(hall.batches.try_recv().is_ok());
    assert_eq!(hall.errand(), "wanted");
    hall.say(UpStream::Scans, &batch());
    assert_eq!(hall.errand(), "none", "it is asked once a second");
}

#[tokio::test]
async fn a_replica_ahead_of_the_log_makes_the_leader_begin_a_new_life() {
    let mut hall = Hall::open().await;
    hall.app.fleet.log_moved(&site(), Epoch(7), [(Seq(9), Root::default())]);
    let at = |seq| ReplicaState { epoch: Epoch(7), seq: Seq(seq), ..ReplicaState::default() };
    hall.say(UpStream::Requests, &hello(at(9)));
    assert!(hall.wishes.try_recv().is_err());
    hall.say(UpStream::Requests, &hello(at(10)));
    let ahead = |wish| matches!(wish, Wish::NewLife { epoch: Epoch(7), seq: Seq(10) });
    assert!(ahead(hall.wishes.try_recv().unwrap()));
    hall.say(UpStream::Requests, &report(at(9)));
    assert!(hall.wishes.try_recv().is_err());
    hall.say(UpStream::Requests, &report(at(10)));
    assert!(ahead(hall.wishes.try_recv().unwrap()), "the log fell back under a station that stayed connected");
}

#[tokio::test]
async fn what_is_not_from_an_enrolled_station_is_dropped_and_counted() {
    let mut hall = Hall::open().await;
    let sealed = hall.station.seal(&batch()).unwrap();
    let mut torn = sealed.clone();
    torn[40] ^= 1;
    hall.hear(UpStream::Scans, &torn);
    assert!(hall.dropped("open"));
    hall.hear(UpStream::Scans, b"");
    hall.hear(UpStream::Scans, &Sealer::new(&[9; 32]).seal(&batch()).unwrap());
    assert!(hall.dropped("signature"));
    hall.hear(UpStream::Scans, &vec![0; PAYLOAD_MAX + 1]);
    assert!(hall.dropped("long"));
    hall.hear(UpStream::Requests, &sealed);
    assert!(hall.dropped("stream"), "a batch among the requests");
    let head = Head {
        epoch: Epoch(1),
        lineage: Vec::new(),
        lease: 1,
        beat: 1,
        seq: Seq(1),
        floor: Seq(0),
        root: Root::default(),
        wall: Timestamp(0),
    };
    hall.say(UpStream::Requests, &head);
    hall.inbox.hear("g1/up/main/pack-2/ev", &sealed, Moment(0));
    assert!(hall.dropped("stranger"));
    hall.inbox.hear("no/topic", &sealed, Moment(0));
    hall.inbox.hear("g1/dn/main/log", &sealed, Moment(0));
    assert!(hall.dropped("topic"));
    let elsewhere = Topic::Up(SiteId::parse("east").unwrap(), pack_1(), UpStream::Scans).to_string();
    hall.inbox.hear(&elsewhere, &sealed, Moment(0));
    assert!(hall.batches.try_recv().is_err() && hall.questions.try_recv().is_err());
    assert!(hall.app.fleet.states().is_empty());
}

#[tokio::test]
async fn whoever_sends_too_much_is_told_to_wait_or_not_heard() {
    let mut hall = Hall::open().await;
    hall.say(UpStream::Requests, &hello(ReplicaState::default()));
    assert_eq!(hall.errand(), "welcome 5");
    (0..3).for_each(|_| hall.say(UpStream::Scans, &batch()));
    assert_eq!(hall.errand(), "wait", "two batches wait to be committed, the third is not taken");
    assert!(hall.dropped("full"));
    (0..700).for_each(|_| hall.say(UpStream::Requests, &BucketsRequest { epoch: Epoch(1) }));
    assert!(hall.dropped("rate"));
    let mut asked = 0;
    while hall.questions.try_recv().is_ok() {
        asked += 1;
    }
    assert_eq!(asked, 4, "no more than the queue holds");
}
