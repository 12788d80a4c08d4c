//! Pictures of a station that never was: shops, goods and numbers are made up.

use packline_edge::clock;
use packline_edge::panel::page::Desk;
use packline_edge::scan::source::{Closed, EntryError};
use packline_edge::station::{
    Answer, Counts, Doing, Language, LinkView, Notice, PanelView, ParcelShown, ReasonShown, ScannerView, Stage,
};
use packline_protocol::facts::{CodeClass, FactsDigest, Part};
use packline_protocol::id::{Epoch, OrderId, ParcelId, Revision, RuleId, ScanSeq, ScannerId, Seq, SiteId, StationId};
use packline_protocol::proof::Root;
use packline_protocol::time::{Moment, Timestamp};
use packline_protocol::uplink::{Alarm, ReplicaState};
use packline_protocol::verdict::{Outcome, Reason, ReasonCode, Say};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Makes a picture of an idle station one of something else.
pub type Change = fn(&mut PanelView);

/// Names and pictures.
pub const SAMPLES: &[(&str, Change)] = &[
    ("idle", |_| {}),
    ("release", |view| {
        show(view, Outcome::Release, vec![]);
    }),
    ("aging", |view| {
        show(view, Outcome::Release, vec![]).at = clock::wall().plus_ms(-8_000);
    }),
    ("repeat", |view| {
        show(view, Outcome::Release, vec![]).repeat = true;
    }),
    ("waiting", |view| {
        let answer = show(view, Outcome::Release, vec![]);
        (answer.stage, answer.seq) = (Stage::Waiting, None);
    }),
    ("stop", |view| {
        let gift = reason(ReasonCode::GiftNotIssued, "雪融护手霜 30 ml ×1", None);
        show(view, Outcome::Stop, vec![gift]);
    }),
    ("reasons", |view| {
        let gift = reason(ReasonCode::GiftNotIssued, "雪融护手霜 30 ml ×1", None);
        let refund = reason(ReasonCode::RefundedLines, "晨露面膜 5 片装 ×1", None);
        let zh = "大客户订单须由王牌班组复核后放行".to_owned();
        let en = "Orders of key accounts are checked by the second pair of eyes before they leave".to_owned();
        let own = reason(ReasonCode::RuleAsk, "", Some(Say { zh, en }));
        show(view, Outcome::Stop, vec![refund, gift, own]);
        let locked = view.scanners.first_mut().unwrap();
        locked.locked = true;
    }),
    ("ask", |view| {
        let answer = show(view, Outcome::Ask, vec![reason(ReasonCode::Unknown, "", None)]);
        (answer.parcel, answer.class) = (None, CodeClass::Unknown);
    }),
    ("noread", |view| {
        let answer = show(view, Outcome::Ask, vec![reason(ReasonCode::NoRead, "", None)]);
        (answer.parcel, answer.class, answer.code) = (None, CodeClass::NoRead, String::new());
    }),
    ("hostile", |view| {
        let tags = "<img src=x onerror=alert(1)>&lt;b&gt;".repeat(3);
        let say = Say { zh: tags.clone(), en: tags.clone() };
        let answer = show(view, Outcome::Stop, vec![reason(ReasonCode::RuleStop, &tags, Some(say))]);
        answer.code = tags.to_uppercase();
        view.alarms.push(Alarm { key: tags.clone(), text: tags });
    }),
    ("offline", |view| {
        show(view, Outcome::Ask, vec![reason(ReasonCode::Stale, "", None)]).age_ms = Some(5_460_000);
        let why = "cannot connect to the broker: connection refused".to_owned();
        view.link =
            LinkView { up: false, since: Some(Moment(0)), doing: Doing::Connecting { why }, alarms: Vec::new() };
        (view.age_ms, view.stale, view.backlog, view.journal_percent) = (Some(5_460_000), true, 1_284, 61);
        let gate = view.scanners.last_mut().unwrap();
        (gate.online, gate.why) = (false, "unplugged or disconnected".to_owned());
        let text = "records cannot be sent: the hub has not answered for 91 minutes";
        view.alarms.push(Alarm { key: "uplink-stuck".to_owned(), text: text.to_owned() });
    }),
    ("new", |view| {
        (view.replica, view.age_ms, view.stale) = (ReplicaState::default(), None, true);
        view.link.doing = Doing::Fetching { part: 3, of: 41 };
        (view.recent, view.counts, view.wall_trusted) = (Vec::new(), Counts::default(), false);
        view.notice = Some(Notice {
            key: "nothing_to_acknowledge",
            zh: "没有需要确认的判定",
            en: "There is nothing to acknowledge",
        });
    }),
    // The daemon lives, the station in it does not: its pictures stop.
    ("hung", |view| {
        show(view, Outcome::Release, vec![]);
    }),
];

/// Stands in for a station: shows one of the samples, and takes down what people do.
pub struct Sample {
    boot: String,
    pictures: watch::Sender<Arc<PanelView>>,
    hung: Mutex<bool>,
    done: Mutex<Vec<String>>,
}

impl Sample {
    /// An idle station in this life.
    pub fn new(boot: &str) -> Self {
        let pictures = watch::channel(Arc::new(picture(|_| {}))).0;
        let sample = Self { boot: boot.to_owned(), pictures, hung: Mutex::default(), done: Mutex::default() };
        sample.change(|_| {});
        sample
    }

    /// Shows the sample of this name; whether there is one. `hung` shows its picture and is silent from then on.
    pub fn choose(&self, name: &str) -> bool {
        let Some((_, change)) = SAMPLES.iter().find(|(known, _)| *known == name) else { return false };
        let language = self.pictures.borrow().language;
        let number = self.pictures.borrow().recent.first().map_or(0, |answer| answer.number);
        self.change(|view| {
            *view = PanelView { language, version: view.version, ..picture(*change) };
            // The same sample once more is a new answer.
            let newer = number.saturating_sub(100);
            view.recent.iter_mut().chain(&mut view.answer).for_each(|answer| answer.number += newer);
        });
        *self.hung.lock().unwrap() = name == "hung";
        true
    }

    /// What a station does each second, whatever happens: another picture.
    pub fn speak(&self) {
        if !*self.hung.lock().unwrap() {
            self.change(|_| {});
        }
    }

    /// What people did since this was asked last.
    pub fn done(&self) -> Vec<String> {
        std::mem::take(&mut self.done.lock().unwrap())
    }

    fn change(&self, change: impl FnOnce(&mut PanelView)) {
        self.pictures.send_modify(|shown| {
            let mut view = PanelView::clone(shown);
            change(&mut view);
            self.boot.clone_into(&mut view.boot);
            (view.version, view.moment, view.wall) = (view.version + 1, clock::moment(), clock::wall());
            *shown = Arc::new(view);
        });
    }

    fn note(&self, act: String) {
        self.done.lock().unwrap().push(act);
    }
}

impl Desk for Sample {
    fn pictures(&self) -> watch::Receiver<Arc<PanelView>> {
        self.pictures.subscribe()
    }

    fn enter(&self, text: &str) -> Result<(), EntryError> {
        self.note(format!("enter {text}"));
        self.change(|view| {
            let answer = show(view, Outcome::Ask, vec![reason(ReasonCode::Unknown, "", None)]);
            (answer.code, answer.parcel) = (text.to_owned(), None);
            answer.scanner = ScannerId::parse("manual").unwrap();
        });
        Ok(())
    }

    fn acknowledge(&self, number: u64) -> Result<(), Closed> {
        self.note(format!("acknowledge {number}"));
        self.change(|view| {
            view.recent.iter_mut().filter(|answer| answer.number == number).for_each(|a| a.acknowledged = true);
            view.answer = view.answer.take().filter(|answer| answer.number != number);
        });
        Ok(())
    }

    fn choose_language(&self, language: Language) -> Result<(), Closed> {
        self.note(format!("language {language:?}"));
        self.change(|view| view.language = language);
        Ok(())
    }
}

fn picture(change: Change) -> PanelView {
    let now = clock::now();
    let mut view = PanelView {
        version: 1,
        moment: now.moment,
        boot: "1".to_owned(),
        station: StationId::parse("line-1").unwrap(),
        site: SiteId::parse("sample-east").unwrap(),
        site_title: "华东样仓".to_owned(),
        answer: None,
        recent: Vec::new(),
        notice: None,
        language: Language::Zh,
        scanners: [("gun-1", true), ("gate", true)].map(|(name, online)| scanner(name, online)).to_vec(),
        link: LinkView { up: true, since: Some(now.moment), doing: Doing::Level, alarms: Vec::new() },
        replica: ReplicaState { epoch: Epoch(0x5eed), seq: Seq(48_113), root: Root([7; 16]), rows: 12_044 },
        revision: Revision(17),
        age_ms: Some(700),
        stale: false,
        journal_to: ScanSeq(2_011),
        journal_acked: ScanSeq(2_011),
        backlog: 0,
        journal_percent: 2,
        alarms: Vec::new(),
        counts: Counts { release: 412, ask: 9, stop: 21, repeat: 6 },
        wall: now.wall,
        wall_trusted: now.wall_trusted,
    };
    let gift = || vec![reason(ReasonCode::GiftShort, "雪融护手霜 30 ml ×2", None)];
    let past = [
        (Outcome::Release, vec![]),
        (Outcome::Release, vec![]),
        (Outcome::Stop, gift()),
        (Outcome::Ask, vec![reason(ReasonCode::NoRead, "", None)]),
        (Outcome::Release, vec![]),
        (Outcome::Stop, vec![reason(ReasonCode::Cancelled, "", None)]),
        (Outcome::Release, vec![]),
    ];
    for (back, (outcome, reasons)) in (1_u64..).zip(past) {
        let answer = answer(100 - back, outcome, reasons, now.wall.plus_ms(-14_000 * back as i64));
        view.recent.push(Answer { acknowledged: back != 3, ..answer });
    }
    change(&mut view);
    if let Some(answer) = &view.answer {
        view.recent[0] = answer.clone();
    }
    view
}

/// Makes an answer the current one.
fn show(view: &mut PanelView, outcome: Outcome, reasons: Vec<ReasonShown>) -> &mut Answer {
    let number = view.recent.first().map_or(1, |answer| answer.number + 1);
    let answer = answer(number, outcome, reasons, clock::wall());
    view.recent.insert(0, answer.clone());
    view.answer.insert(answer)
}

fn answer(number: u64, outcome: Outcome, reasons: Vec<ReasonShown>, at: Timestamp) -> Answer {
    let content = vec![("晨露面膜 5 片装".to_owned(), 2), ("雪融护手霜 30 ml".to_owned(), 1)];
    let parcel = ParcelShown {
        id: ParcelId(number),
        order: OrderId(number),
        order_no: format!("S20261122-{number:05}"),
        platform: "tmall".to_owned(),
        part: Part { number: 1, of: 2, waiting: false },
        content,
    };
    Answer {
        number,
        seq: Some(ScanSeq(1_911 + number)),
        scanner: ScannerId::parse("gun-1").unwrap(),
        at,
        code: format!("SF0900000{:06}", number * 7_919 % 1_000_000),
        class: CodeClass::Parcel,
        stage: Stage::Said,
        outcome,
        reasons,
        repeat: false,
        acknowledged: false,
        parcel: Some(parcel),
        facts: FactsDigest([0; 16]),
        revision: Revision(17),
        position: Seq(48_113),
        age_ms: Some(700),
    }
}

fn reason(code: ReasonCode, about: &str, say: Option<Say>) -> ReasonShown {
    ReasonShown::new(&Reason { code, rule: RuleId::parse("sample").unwrap(), about: about.to_owned(), say })
}

fn scanner(name: &str, online: bool) -> ScannerView {
    ScannerView {
        scanner: ScannerId::parse(name).unwrap(),
        online,
        why: String::new(),
        locked: false,
        frames: 2_011,
        refused: 3,
    }
}
