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
