//! The station's picture as the bench page and programs on this machine read it, in JSON.
//!
//! An answer that waits for its record has no outcome in here, so that no page can show a green light for it. Numbers
//! that a browser would round (lives of logs, proofs) are hexadecimal text.

use crate::station::{
    Answer, Counts, Doing, Language, Notice, PanelView, ParcelShown, ReasonShown, ScannerView, Stage,
};
use packline_protocol::facts::CodeClass;
use packline_protocol::id::{Revision, ScanSeq, ScannerId, Seq, SiteId, StationId};
use packline_protocol::time::{Moment, Timestamp};
use packline_protocol::uplink::{Alarm, ReplicaState};
use packline_protocol::verdict::Outcome;
use serde::Serialize;

/// Past answers that the page lists.
const RECENT_MAX: usize = 10;
/// Characters of a code that are shown big: what people compare by eye.
const DIGITS: usize = 4;

/// Everything the bench page shows.
#[derive(Debug, Serialize)]
pub struct PictureShown<'a> {
    /// What page belongs to this program, see [`super::page::stamp`]; a page with another one reloads.
    pub stamp: &'static str,
    /// The version of the program.
    pub program: &'static str,
    /// The daemon's life; a page forgets what another life said.
    pub boot: &'a str,
    /// Rises with every picture of one life.
    pub version: u64,
    /// How long the station has said nothing, in milliseconds: it speaks every second while it is well.
    pub silent_ms: u64,
    /// This station.
    pub station: &'a StationId,
    /// Its site.
    pub site: &'a SiteId,
    /// What people call the site; may be empty.
    pub site_title: &'a str,
    /// The language people chose.
    pub language: Language,
    /// The answer to look at; absent when nothing was scanned yet or it was acknowledged.
    pub answer: Option<AnswerShown<'a>>,
    /// The last answers, newest first, the current one among them.
    pub recent: Vec<RecentShown<'a>>,
    /// Something to tell the packer that is no answer.
    pub notice: Option<&'a Notice>,
    /// The scanners.
    pub scanners: &'a [ScannerView],
    /// The link to the hub.
    pub link: LinkShown<'a>,
    /// Where the replica stands.
    pub replica: ReplicaShown,
    /// Where the journal stands.
    pub journal: JournalShown,
    /// The rule set that is judged by.
    pub revision: Revision,
    /// How old the replica's knowledge is, in milliseconds; absent when that is not known.
    pub age_ms: Option<u64>,
    /// Whether it is so old that nothing is released.
    pub stale: bool,
    /// What a person should know.
    pub alarms: Vec<&'a Alarm>,
    /// Scans since the daemon started, by answer.
    pub counts: Counts,
    /// The station's wall clock.
    pub wall: Timestamp,
    /// Whether that clock is known to be right.
    pub wall_trusted: bool,
}

/// The answer to look at.
#[derive(Debug, Serialize)]
pub struct AnswerShown<'a> {
    /// Counts the scans of this daemon's life; names the answer when it is acknowledged.
    pub number: u64,
    /// The record, once it is durable.
    pub seq: Option<ScanSeq>,
    /// Which scanner.
    pub scanner: &'a ScannerId,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// How long ago it was scanned, in milliseconds, by the wall clock; 0 when that clock was set back since.
    pub scanned_ms: u64,
    /// The code in canonical form; empty for a no-read.
    pub code: &'a str,
    /// The last letters and digits of the code, to compare by eye.
    pub digits: String,
    /// What the code turned out to be.
    pub class: CodeClass,
    /// How far the answer is.
    pub stage: Stage,
    /// The answer; absent while it waits for its record.
    pub outcome: Option<Outcome>,
    /// Why, the gravest first.
    pub reasons: &'a [ReasonShown],
    /// The same answer was given for the same parcel here before.
    pub repeat: bool,
    /// Somebody acknowledged it.
    pub acknowledged: bool,
    /// The parcel, when the code stands for one.
    pub parcel: Option<&'a ParcelShown>,
    /// How old the knowledge was that it rests on, in milliseconds; absent when that was not known.
    pub age_ms: Option<u64>,
}

/// One of the last answers, in short.
#[derive(Debug, Serialize)]
pub struct RecentShown<'a> {
    /// Names the answer when it is acknowledged.
    pub number: u64,
    /// The record, once it is durable.
    pub seq: Option<ScanSeq>,
    /// Which scanner.
    pub scanner: &'a ScannerId,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// The code in canonical form; empty for a no-read.
    pub code: &'a str,
    /// How far the answer is.
    pub stage: Stage,
    /// The answer; absent while it waits for its record.
    pub outcome: Option<Outcome>,
    /// The gravest reason.
    pub reason: Option<&'a ReasonShown>,
    /// The same answer was given for the same parcel here before.
    pub repeat: bool,
    /// Somebody acknowledged it.
    pub acknowledged: bool,
}

/// Where the replica stands.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ReplicaShown {
    /// The life of the log it follows, 16 hexadecimal digits; zeros while the replica is empty.
    pub epoch: String,
    /// The newest change applied.
    pub seq: Seq,
    /// Its proof there, 32 hexadecimal digits.
    pub root: String,
    /// How many rows it has.
    pub rows: u64,
}

/// What is said every second, whether or not anything changed.
#[derive(Debug, Serialize)]
pub struct BeatShown<'a> {
    /// What page belongs to this program.
    pub stamp: &'static str,
    /// The daemon's life.
    pub boot: &'a str,
    /// The newest picture.
    pub version: u64,
    /// How long the station has said nothing, in milliseconds.
    pub silent_ms: u64,
}

/// How the station does, for programs on this machine.
#[derive(Debug, Serialize)]
pub struct StatusShown<'a> {
    /// This station.
    pub station: &'a StationId,
    /// Its site.
    pub site: &'a SiteId,
    /// The version of the program.
    pub version: &'static str,
    /// The daemon's life.
    pub boot: &'a str,
    /// How long the station has said nothing, in milliseconds.
    pub silent_ms: u64,
    /// Where the replica stands.
    pub replica: ReplicaShown,
    /// Where the journal stands.
    pub journal: JournalShown,
    /// The link to the hub.
    pub link: LinkShown<'a>,
    /// The scanners.
    pub scanners: &'a [ScannerView],
    /// What a person should know.
    pub alarms: Vec<&'a Alarm>,
    /// The rule set that is judged by.
    pub revision: Revision,
    /// Scans since the daemon started, by answer.
    pub counts: Counts,
}

/// Where the journal stands.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct JournalShown {
    /// The newest durable record.
    pub to: ScanSeq,
    /// The hub has committed everything up to here.
    pub acked: ScanSeq,
    /// Records that the hub has not acknowledged.
    pub backlog: u64,
    /// How full its space is, in percent.
    pub percent: u8,
}

/// The link to the hub, and how old it lets the station's knowledge be.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct LinkShown<'a> {
    /// Whether the broker and the hub answer.
    pub up: bool,
    /// How long the broker has been connected, or away, in milliseconds; absent before the first attempt.
    pub for_ms: Option<u64>,
    /// What the link is doing: `what` and what belongs to it.
    #[serde(flatten)]
    pub what: &'a Doing,
    /// The same in a few English words.
    pub doing: String,
    /// How old the replica's knowledge is, in milliseconds; absent when that is not known.
    pub age_ms: Option<u64>,
    /// Whether it is so old that nothing is released.
    pub stale: bool,
}

impl<'a> PictureShown<'a> {
    /// The picture as it is shown at `now`.
    pub fn new(view: &'a PanelView, now: Moment) -> Self {
        Self {
            stamp: super::page::stamp(),
            program: env!("CARGO_PKG_VERSION"),
            boot: &view.boot,
            version: view.version,
            silent_ms: now.since_ms(view.moment),
            station: &view.station,
            site: &view.site,
            site_title: &view.site_title,
            language: view.language,
            answer: view.answer.as_ref().map(|answer| AnswerShown::new(answer, view.wall)),
            recent: view.recent.iter().take(RECENT_MAX).map(RecentShown::new).collect(),
            notice: view.notice.as_ref(),
            scanners: &view.scanners,
            link: LinkShown::new(view, now),
            replica: ReplicaShown::new(&view.replica),
            journal: JournalShown::new(view),
            revision: view.revision,
            age_ms: view.age_ms,
            stale: view.stale,
            alarms: alarms(view),
            counts: view.counts,
            wall: view.wall,
            wall_trusted: view.wall_trusted,
        }
    }
}

impl<'a> AnswerShown<'a> {
    fn new(answer: &'a Answer, wall: Timestamp) -> Self {
        Self {
            number: answer.number,
            seq: answer.seq,
            scanner: &answer.scanner,
            at: answer.at,
            scanned_ms: u64::try_from(wall.since_ms(answer.at)).unwrap_or(0),
            code: &answer.code,
            digits: digits(&answer.code),
            class: answer.class,
            stage: answer.stage,
            outcome: said(answer),
            reasons: &answer.reasons,
            repeat: answer.repeat,
            acknowledged: answer.acknowledged,
            parcel: answer.parcel.as_ref(),
            age_ms: answer.age_ms,
        }
    }
}

impl<'a> RecentShown<'a> {
    fn new(answer: &'a Answer) -> Self {
        Self {
            number: answer.number,
            seq: answer.seq,
            scanner: &answer.scanner,
            at: answer.at,
            code: &answer.code,
            stage: answer.stage,
            outcome: said(answer),
            reason: answer.reasons.first(),
            repeat: answer.repeat,
            acknowledged: answer.acknowledged,
        }
    }
}

impl ReplicaShown {
    /// The state as text and numbers.
    pub fn new(replica: &ReplicaState) -> Self {
        Self {
            epoch: format!("{:016x}", replica.epoch.0),
            seq: replica.seq,
            root: replica.root.to_string(),
            rows: replica.rows,
        }
    }
}

impl JournalShown {
    fn new(view: &PanelView) -> Self {
        let (to, acked) = (view.journal_to, view.journal_acked);
        Self { to, acked, backlog: view.backlog, percent: view.journal_percent }
    }
}

impl<'a> LinkShown<'a> {
    fn new(view: &'a PanelView, now: Moment) -> Self {
        let link = &view.link;
        Self {
            up: link.up,
            for_ms: link.since.map(|since| now.since_ms(since)),
            what: &link.doing,
            doing: link.doing.to_string(),
            age_ms: view.age_ms,
            stale: view.stale,
        }
    }
}

impl<'a> BeatShown<'a> {
    /// The beat at `now`.
    pub fn new(view: &'a PanelView, now: Moment) -> Self {
        let silent_ms = now.since_ms(view.moment);
        Self { stamp: super::page::stamp(), boot: &view.boot, version: view.version, silent_ms }
    }
}

impl<'a> StatusShown<'a> {
    /// The status at `now`.
    pub fn new(view: &'a PanelView, now: Moment) -> Self {
        Self {
            station: &view.station,
            site: &view.site,
            version: env!("CARGO_PKG_VERSION"),
            boot: &view.boot,
            silent_ms: now.since_ms(view.moment),
            replica: ReplicaShown::new(&view.replica),
            journal: JournalShown::new(view),
            link: LinkShown::new(view, now),
            scanners: &view.scanners,
            alarms: alarms(view),
            revision: view.revision,
            counts: view.counts,
        }
    }
}

/// An answer that waits has not been given.
fn said(answer: &Answer) -> Option<Outcome> {
    (answer.stage != Stage::Waiting).then_some(answer.outcome)
}

/// The last letters and digits, whatever stands between them.
fn digits(code: &str) -> String {
    let mut last: Vec<char> = code.chars().rev().filter(|c| c.is_alphanumeric()).take(DIGITS).collect();
    last.reverse();
    last.into_iter().collect()
}

/// The station's alarms and those of its link, each once.
fn alarms(view: &PanelView) -> Vec<&Alarm> {
    let own = |key: &str| view.alarms.iter().any(|alarm| alarm.key == key);
    view.alarms.iter().chain(view.link.alarms.iter().filter(|alarm| !own(&alarm.key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::Sentences;
    use packline_protocol::facts::FactsDigest;
    use packline_protocol::id::Epoch;
    use packline_protocol::proof::Root;
    use serde_json::{Value, json};

    fn view() -> PanelView {
        PanelView {
            version: 7,
            moment: Moment(1_000),
            boot: "9".to_owned(),
            station: StationId::parse("line-1").unwrap(),
            site: SiteId::parse("east").unwrap(),
            site_title: String::new(),
            answer: None,
            recent: Vec::new(),
            notice: None,
            language: Language::Zh,
            scanners: Vec::new(),
            link: crate::station::LinkView::default(),
            replica: ReplicaState::default(),
            revision: Revision(3),
            age_ms: Some(40),
            stale: false,
            journal_to: ScanSeq(12),
            journal_acked: ScanSeq(10),
            backlog: 2,
            journal_percent: 1,
            alarms: Vec::new(),
            counts: Counts::default(),
            wall: Timestamp(5_000),
            wall_trusted: true,
        }
    }

    fn answer(number: u64, stage: Stage) -> Answer {
        let say = |text: &str| Sentences { sentence: text.to_owned(), action: "act", clears: "clear" };
        Answer {
            number,
            seq: None,
            scanner: ScannerId::parse("gun").unwrap(),
            at: Timestamp(3_500),
            code: "SF-0900-12 34".to_owned(),
            class: CodeClass::Parcel,
            stage,
            outcome: Outcome::Release,
            reasons: vec![ReasonShown { code: "stale", about: String::new(), zh: say("旧"), en: say("old") }],
            repeat: false,
            acknowledged: false,
            parcel: None,
            facts: FactsDigest([0; 16]),
            revision: Revision(3),
            position: Seq(5),
            age_ms: None,
        }
    }

    fn picture(view: &PanelView) -> Value {
        serde_json::to_value(PictureShown::new(view, Moment(1_250))).unwrap()
    }

    #[test]
    fn an_answer_that_waits_for_its_record_says_nothing_that_could_be_shown_green() {
        let mut view = view();
        view.answer = Some(answer(1, Stage::Waiting));
        view.recent = vec![answer(1, Stage::Waiting)];
        let shown = picture(&view);
        assert!(shown["answer"]["outcome"].is_null() && shown["recent"][0]["outcome"].is_null(), "{shown}");
        assert!(!shown["answer"].to_string().contains("release"), "{shown}");
        view.answer = Some(answer(1, Stage::Said));
        assert_eq!(picture(&view)["answer"]["outcome"], "release");
    }

    #[test]
    fn a_picture_says_how_long_ago_the_station_spoke_and_the_scan_was() {
        let mut view = view();
        view.answer = Some(answer(1, Stage::Said));
        let shown = picture(&view);
        assert_eq!((&shown["silent_ms"], &shown["answer"]["scanned_ms"]), (&json!(250), &json!(1_500)));
        view.wall = Timestamp(1);
        assert_eq!(picture(&view)["answer"]["scanned_ms"], 0, "a clock that was set back");
    }

    #[test]
    fn the_last_ten_answers_are_listed() {
        let mut view = view();
        view.recent = (1..=15).rev().map(|number| answer(number, Stage::Said)).collect();
        let shown = picture(&view);
        let numbers: Vec<u64> =
            shown["recent"].as_array().unwrap().iter().filter_map(|a| a["number"].as_u64()).collect();
        assert_eq!(numbers, [15, 14, 13, 12, 11, 10, 9, 8, 7, 6]);
    }

    #[test]
    fn what_a_browser_would_round_is_text() {
        let replica = ReplicaState { epoch: Epoch(u64::MAX - 1), seq: Seq(9), root: Root([0xab; 16]), rows: 4 };
        let shown = serde_json::to_value(ReplicaShown::new(&replica)).unwrap();
        assert_eq!(shown, json!({"epoch": "fffffffffffffffe", "seq": 9, "root": "ab".repeat(16), "rows": 4}));
    }

    #[test]
    fn an_alarm_of_station_and_link_is_shown_once() {
        let alarm = |key: &str, text: &str| Alarm { key: key.to_owned(), text: text.to_owned() };
        let mut view = view();
        view.alarms = vec![alarm("twin", "station's words")];
        view.link.alarms = vec![alarm("twin", "link's words"), alarm("stuck", "nothing moves")];
        let keys: Vec<_> = alarms(&view).into_iter().map(|alarm| (alarm.key.as_str(), alarm.text.as_str())).collect();
        assert_eq!(keys, [("twin", "station's words"), ("stuck", "nothing moves")]);
    }

    #[test]
    fn the_last_four_are_what_people_compare_by_eye() {
        for (code, last) in [
            ("SF0900000001234", "1234"),
            ("SF-0900-12 34", "1234"),
            ("(01)04006381333931)", "3931"),
            ("A7", "A7"),
            ("", ""),
            ("工位七八九", "位七八九"),
        ] {
            assert_eq!(digits(code), last, "{code}");
        }
    }
}
