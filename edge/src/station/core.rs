//! The core: decides what is said and written, does neither.

mod durable;

use super::answer::{Answer, ParcelShown, ReasonShown, Stage};
use super::identify::{Identified, identify};
use super::view::{Counts, Language, Notice};
use crate::journal::{AppendError, ENTRY_BYTES_MAX, Entry};
use crate::panel::gpio::Signal;
use crate::replica::{Replica, ReplicaError};
use crate::scan::config::MANUAL;
use crate::scan::intake::RawScan;
use packline_protocol::code::{self, Action, CodeKind};
use packline_protocol::facts::{CodeClass, Facts, FactsDigest, Parcel, ScanFacts};
use packline_protocol::id::{BootId, ParcelId, RuleId, ScanSeq, ScannerId, StationEpoch, StationId};
use packline_protocol::record::{Acknowledged, Event, Judged, Note, ScanRecord};
use packline_protocol::rules::Position;
use packline_protocol::time::{Moment, Now};
use packline_protocol::verdict::{Outcome, Reason, ReasonCode, Verdict};
use std::collections::{BTreeMap, VecDeque};
use tracing::error;

/// Answers kept for the page.
const RECENT_MAX: usize = 20;
/// Parcels whose last answer is remembered, to tell a second look from a second parcel.
const REMEMBERED_MAX: usize = 20_000;

/// The shortest and the longest time that a green may wait for the disk, in milliseconds, whatever the site says.
const GREEN_DEADLINE_MS: (u64, u64) = (10, 10_000);

/// Who this station is and how it behaves.
#[derive(Debug, Clone)]
pub struct StationSettings {
    /// This station.
    pub station: StationId,
    /// This daemon's life.
    pub boot: BootId,
    /// Whether a stop keeps its scanner from scanning until somebody acknowledges it.
    pub lock_on_stop: bool,
    /// The language that the page begins with.
    pub language: Language,
}

/// Names a record on its way to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What has to be done now, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Write this, then tell [`Station::on_durable`].
    Append {
        /// What to tell it under.
        ticket: Ticket,
        /// What to write.
        entry: Box<Entry>,
    },
    /// An answer is said, or another one in its place. A release in it may be shown as green: its record is durable.
    Said(Box<Answer>),
    /// Show this on the lamps.
    Signal(Signal),
    /// Let a scanner say this.
    Feedback {
        /// Which scanner.
        scanner: ScannerId,
        /// What.
        feedback: Feedback,
    },
    /// What the page shows has changed otherwise.
    Changed,
    /// The replica's file is damaged: start it over.
    ReplicaDamaged(String),
    /// A record was not written.
    NotWritten(AppendError),
}

/// What a scanner is to say to the hand that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// It may go.
    Good,
    /// It must not go; `lock` says that the scanner shall not scan until [`Feedback::Unlock`].
    Bad {
        /// Whether to lock it.
        lock: bool,
    },
    /// Somebody has to look.
    Attention,
    /// Scan again.
    Unlock,
}

/// The core of the station.
#[derive(Debug)]
pub struct Station {
    settings: StationSettings,
    tickets: u64,
    numbers: u64,
    underway: BTreeMap<Ticket, Underway>,
    /// The newest scan of each scanner.
    newest: BTreeMap<ScannerId, u64>,
    recent: VecDeque<Answer>,
    current: Option<u64>,
    remembered: BTreeMap<ParcelId, Remembered>,
    order: VecDeque<ParcelId>,
    /// Which record of a life before this one released a parcel first; without an epoch in the journal that is open.
    recalled: BTreeMap<(Option<StationEpoch>, ScanSeq), ParcelId>,
    /// Withdrawals that could not be written; the hub believes those releases until they are.
    owed: Vec<Event>,
    locked: BTreeMap<ScannerId, u64>,
    notice: Option<Notice>,
    language: Language,
    counts: Counts,
}

/// A record on its way to the disk.
#[derive(Debug)]
enum Underway {
    Judged(Box<Scan>),
    Acknowledged,
    Withdrawn(Event),
}

#[derive(Debug)]
struct Scan {
    number: u64,
    raw: RawScan,
    verdict: Verdict,
    /// When a green is late.
    due: Moment,
    late: bool,
    /// Somebody acknowledged it before it was durable.
    acknowledged_on: Option<ScannerId>,
}

/// What was said about a parcel last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Remembered {
    outcome: Outcome,
    /// The parcel's facts, but for what the scan itself adds; unknown for what a life before this one said.
    facts: Option<FactsDigest>,
}

/// A verdict that nobody was told yet.
#[derive(Debug)]
pub struct Judgement {
    found: Identified,
    verdict: Verdict,
    remembered: Option<(ParcelId, Remembered)>,
    green_deadline_ms: u64,
}

impl Judgement {
    /// The verdict.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

impl Station {
    /// A station that has said nothing yet.
    pub fn new(settings: StationSettings) -> Self {
        let language = settings.language;
        Self {
            settings,
            tickets: 0,
            numbers: 0,
            underway: BTreeMap::new(),
            newest: BTreeMap::new(),
            recent: VecDeque::new(),
            current: None,
            remembered: BTreeMap::new(),
            order: VecDeque::new(),
            recalled: BTreeMap::new(),
            owed: Vec::new(),
            locked: BTreeMap::new(),
            notice: None,
            language,
            counts: Counts::default(),
        }
    }

    /// What a life before this one released is a second look when it is scanned again, unless it was withdrawn.
    pub fn recall(&mut self, record: &ScanRecord) {
        match &record.event {
            Event::Noted(Note::Salvaged { epoch, record, .. }) => {
                if let Ok(record) = ScanRecord::decode(record) {
                    self.recall_of(Some(*epoch), &record);
                }
            }
            _ => self.recall_of(None, record),
        }
    }

    fn recall_of(&mut self, epoch: Option<StationEpoch>, record: &ScanRecord) {
        match &record.event {
            Event::Judged(judged) => {
                let Some(parcel) = judged.verdict.parcel else { return };
                let outcome = judged.verdict.outcome;
                if outcome == Outcome::Release && !self.was_released(parcel) {
                    self.recalled.insert((epoch, record.seq), parcel);
                }
                self.remember(parcel, Remembered { outcome, facts: None });
            }
            Event::Noted(Note::Withdrawn { of, .. }) => {
                if let Some(parcel) = self.recalled.remove(&(epoch, *of)) {
                    self.forget(parcel);
                }
            }
            Event::Acknowledged(_) | Event::Noted(_) => {}
        }
    }

    /// A scan: judged, written, and said unless it is a release.
    pub fn on_scan(&mut self, raw: RawScan, replica: &Replica, now: Now) -> Vec<Output> {
        self.notice = None;
        let judgement = match self.judge(&raw, replica, now) {
            Ok(judgement) => judgement,
            Err(error) => {
                self.numbers += 1;
                return self.unreadable(self.numbers, raw, &error, replica, now);
            }
        };
        if let Some(bench) = &judgement.found.bench {
            return self.bench(bench.clone(), &raw.scanner, now);
        }
        if self.is_locked(&raw.scanner) {
            self.notice = Some(LOCKED);
            return vec![Output::Changed];
        }
        self.numbers += 1;
        self.present(self.numbers, raw, judgement, now)
    }

    /// Time has passed: greens that wait too long become "storage is slow".
    pub fn on_tick(&mut self, now: Now) -> Vec<Output> {
        let mut late = Vec::new();
        for underway in self.underway.values_mut() {
            if let Underway::Judged(scan) = underway
                && scan.verdict.outcome == Outcome::Release
                && !scan.late
                && scan.due <= now.moment
            {
                scan.late = true;
                late.push((scan.number, scan.raw.scanner.clone(), scan.verdict.clone()));
            }
        }
        let mut outputs = Vec::new();
        for (number, scanner, verdict) in late {
            let slow = objection(verdict, ReasonCode::StorageSlow);
            outputs.extend(self.say(number, &scanner, &slow));
        }
        outputs
    }

    /// When [`Station::on_tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<Moment> {
        let waiting = self.underway.values().filter_map(|underway| match underway {
            Underway::Judged(scan) if scan.verdict.outcome == Outcome::Release && !scan.late => Some(scan.due),
            _ => None,
        });
        waiting.min()
    }

    /// Somebody has seen an answer: the one with this number, or the one that is shown.
    pub fn on_acknowledge(&mut self, number: Option<u64>, scanner: &ScannerId, now: Now) -> Vec<Output> {
        let wanted = number.or(self.current);
        let answer = self.recent.iter_mut().find(|answer| Some(answer.number) == wanted);
        let Some(answer) = answer.filter(|answer| answer.stage == Stage::Said && !answer.acknowledged) else {
            self.notice = Some(NOTHING_TO_ACKNOWLEDGE);
            return vec![Output::Changed];
        };
        answer.acknowledged = true;
        let (number, seq, outcome) = (answer.number, answer.seq, answer.outcome);
        let mut outputs = self.unlock(number);
        if outcome != Outcome::Release {
            outputs.extend(self.record_acknowledgement(number, seq, scanner, now));
        }
        if self.current == Some(number) {
            self.current = None;
            outputs.push(Output::Signal(Signal::Idle));
        }
        outputs.push(Output::Changed);
        outputs
    }

    /// The scanner came back: whatever locked it is gone.
    pub fn on_online(&mut self, scanner: &ScannerId) {
        self.locked.remove(scanner);
    }

    /// Somebody chose a language.
    pub fn on_language(&mut self, language: Language) -> Vec<Output> {
        self.language = language;
        vec![Output::Changed]
    }

    /// The answer to look at.
    pub fn current(&self) -> Option<&Answer> {
        self.recent.iter().find(|answer| Some(answer.number) == self.current)
    }

    /// The last answers, newest first.
    pub fn recent(&self) -> impl Iterator<Item = &Answer> {
        self.recent.iter()
    }

    /// Something to tell that is no answer.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// The language people chose.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Scans so far, by answer.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether the scanner waits for a stop to be acknowledged.
    pub fn is_locked(&self, scanner: &ScannerId) -> bool {
        self.locked.contains_key(scanner)
    }

    /// What a scan would be told: read, looked up, judged. Nothing is said, shown or written.
    pub fn judge(&self, raw: &RawScan, replica: &Replica, now: Now) -> Result<Judgement, ReplicaError> {
        let entry = if raw.scanner.as_str() == MANUAL { code::Entry::Manual } else { code::Entry::Scanner };
        let found = identify(&raw.codes, entry, replica)?;
        let scan = ScanFacts {
            class: found.class,
            station: self.settings.station.clone(),
            age_ms: replica.age_ms(now),
            burst: raw.burst.is_some(),
            courier_hints: found.hints.clone(),
        };
        let facts = Facts { parcel: found.parcel.as_deref(), scan: &scan };
        let mut verdict = found.view.rules.judge(&facts, found.view.position());
        name_site(&mut verdict, &found);
        if scan.burst && verdict.outcome == Outcome::Release {
            // A site's own rules may not say so; a burst is never released all the same.
            verdict = objection(verdict, ReasonCode::Burst);
        }
        let remembered = found.parcel.as_deref().map(|parcel| (parcel.id, self.outcome_of(parcel, &scan, &verdict)));
        verdict.repeat =
            remembered.is_some_and(|(parcel, said)| self.is_repeat(parcel, &said, found.parcel.as_deref()));
        let green_deadline_ms =
            u64::from(found.view.settings.green_deadline_ms).clamp(GREEN_DEADLINE_MS.0, GREEN_DEADLINE_MS.1);
        Ok(Judgement { found, verdict, remembered, green_deadline_ms })
    }

    /// What is remembered of an answer. A release is one whatever the facts are; another answer goes with its facts.
    fn outcome_of(&self, parcel: &Parcel, scan: &ScanFacts, verdict: &Verdict) -> Remembered {
        let facts = (verdict.outcome != Outcome::Release).then(|| self.facts_of(parcel, scan));
        Remembered { outcome: verdict.outcome, facts }
    }

    /// The facts of the parcel alone: not how old they are, not by which code it was scanned, not our own release.
    fn facts_of(&self, parcel: &Parcel, scan: &ScanFacts) -> FactsDigest {
        let ours = parcel.released.as_ref().is_some_and(|release| release.station == self.settings.station);
        let unreleased = ours.then(|| Parcel { released: None, ..parcel.clone() });
        let scan = ScanFacts { age_ms: None, burst: false, courier_hints: Vec::new(), ..scan.clone() };
        Facts { parcel: unreleased.as_ref().or(Some(parcel)), scan: &scan }.digest()
    }

    /// A parcel leaves once: a second release is a second look, whatever changed. Another answer is one only while the
    /// parcel's facts are the same.
    fn is_repeat(&self, parcel: ParcelId, said: &Remembered, facts: Option<&Parcel>) -> bool {
        let before = self.remembered.get(&parcel);
        let released = facts.and_then(|parcel| parcel.released.as_ref());
        let ours = released.is_some_and(|release| release.station == self.settings.station);
        match said.outcome {
            Outcome::Release => ours || before.is_some_and(|before| before.outcome == Outcome::Release),
            Outcome::Ask | Outcome::Stop => before == Some(said),
        }
    }

    fn was_released(&self, parcel: ParcelId) -> bool {
        self.remembered.get(&parcel).is_some_and(|before| before.outcome == Outcome::Release)
    }

    fn forget(&mut self, parcel: ParcelId) {
        self.remembered.remove(&parcel);
        self.order.retain(|kept| *kept != parcel);
    }

    fn remember(&mut self, parcel: ParcelId, said: Remembered) {
        // That it was released once is not forgotten by a later stop or ask.
        if self.was_released(parcel) && said.outcome != Outcome::Release {
            return;
        }
        if self.remembered.insert(parcel, said).is_none() {
            self.order.push_back(parcel);
        }
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.remembered.remove(&oldest);
        }
    }

    /// Writes the verdict, and says it unless it is a release.
    fn present(&mut self, number: u64, raw: RawScan, judgement: Judgement, now: Now) -> Vec<Output> {
        let Judgement { found, verdict, remembered, green_deadline_ms } = judgement;
        self.show(answer(number, &raw, &found, &verdict, now));
        self.counts.add(&verdict);
        if let Some((parcel, said)) = remembered.filter(|(_, said)| said.outcome != Outcome::Release) {
            self.remember(parcel, said);
        }
        let judged = Judged {
            scanner: raw.scanner.clone(),
            raw: raw.bytes.clone(),
            code: found.text,
            class: found.class,
            order: found.parcel.map(|parcel| parcel.order),
            verdict: verdict.clone(),
        };
        let event = Event::Judged(Box::new(judged));
        let entry = fitting(Entry { moment: raw.at, ..Entry::new(self.settings.boot, now, event) });
        let mut outputs = Vec::new();
        if verdict.outcome != Outcome::Release {
            outputs.extend(self.say(number, &raw.scanner, &verdict));
        }
        let due = now.moment.plus_ms(green_deadline_ms);
        let scan = Scan { number, raw, verdict, due, late: false, acknowledged_on: None };
        outputs.push(self.append(entry, Underway::Judged(Box::new(scan))));
        outputs.push(Output::Changed);
        outputs
    }

    fn append(&mut self, entry: Entry, underway: Underway) -> Output {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.underway.insert(ticket, underway);
        Output::Append { ticket, entry: Box::new(entry) }
    }

    /// An answer that is judged again takes its own place in the list, and never that of a newer scan on the screen.
    fn show(&mut self, answer: Answer) {
        let newest = self.newest.entry(answer.scanner.clone()).or_default();
        *newest = answer.number.max(*newest);
        if answer.number == self.numbers {
            self.current = Some(answer.number);
        }
        match self.recent.iter_mut().find(|shown| shown.number == answer.number) {
            Some(shown) => *shown = answer,
            None if answer.number == self.numbers => self.recent.push_front(answer),
            None => {}
        }
        self.recent.truncate(RECENT_MAX);
    }

    fn is_newest(&self, number: u64, scanner: &ScannerId) -> bool {
        self.newest.get(scanner) == Some(&number)
    }

    /// Says the verdict where the scan is still the newest; a release that was overtaken is no green light any more.
    fn say(&mut self, number: u64, scanner: &ScannerId, verdict: &Verdict) -> Vec<Output> {
        let newest = self.is_newest(number, scanner);
        let Some(answer) = self.recent.iter_mut().find(|answer| answer.number == number) else { return Vec::new() };
        answer.say(verdict);
        if verdict.outcome == Outcome::Release && !newest {
            answer.stage = Stage::Overtaken;
        }
        let mut outputs = vec![Output::Said(Box::new(answer.clone()))];
        if newest {
            outputs.extend(self.feedback(number, scanner, verdict.outcome));
        }
        if self.current == Some(number) {
            outputs.push(Output::Signal(signal(verdict.outcome)));
        }
        outputs
    }

    fn feedback(&mut self, number: u64, scanner: &ScannerId, outcome: Outcome) -> Option<Output> {
        if scanner.as_str() == MANUAL {
            return None;
        }
        let lock = outcome == Outcome::Stop && self.settings.lock_on_stop;
        if lock {
            self.locked.insert(scanner.clone(), number);
        }
        let feedback = match outcome {
            Outcome::Release => Feedback::Good,
            Outcome::Ask => Feedback::Attention,
            Outcome::Stop => Feedback::Bad { lock },
        };
        Some(Output::Feedback { scanner: scanner.clone(), feedback })
    }

    /// The replica does not answer: nobody knows the parcel, so somebody has to look.
    fn unreadable(
        &mut self,
        number: u64,
        raw: RawScan,
        error: &ReplicaError,
        replica: &Replica,
        now: Now,
    ) -> Vec<Output> {
        error!(%error, "A scan could not be looked up");
        let scan = ScanFacts {
            class: CodeClass::Unknown,
            station: self.settings.station.clone(),
            age_ms: None,
            burst: raw.burst.is_some(),
            courier_hints: Vec::new(),
        };
        let view = replica.view();
        let judged = view.rules.judge(&Facts { parcel: None, scan: &scan }, view.position());
        let verdict = objection(Verdict { reasons: Vec::new(), ..judged }, ReasonCode::ReplicaUnreadable);
        let text = raw.codes.first().map(|code| String::from_utf8_lossy(code).chars().take(64).collect());
        let class = CodeClass::Unknown;
        let (text, parcel, hints, bench) = (text.unwrap_or_default(), None, Vec::new(), None);
        let found = Identified { class, text, parcel, elsewhere: None, hints, bench, view };
        let judgement = Judgement { found, verdict, remembered: None, green_deadline_ms: 0 };
        let mut outputs = self.present(number, raw, judgement, now);
        if let ReplicaError::Damaged(why) = error {
            outputs.push(Output::ReplicaDamaged(why.clone()));
        }
        outputs
    }

    fn bench(&mut self, code: CodeKind, scanner: &ScannerId, now: Now) -> Vec<Output> {
        match code {
            CodeKind::Action(Action::Ack) => self.on_acknowledge(None, scanner, now),
            CodeKind::Action(Action::Repeat) => self.repeat(),
            CodeKind::Action(Action::Language) => self.on_language(self.language.other()),
            _ => {
                self.notice = Some(NOT_HERE);
                vec![Output::Changed]
            }
        }
    }

    fn repeat(&mut self) -> Vec<Output> {
        let said = self.current().filter(|answer| answer.stage == Stage::Said);
        let signal = said.map(|answer| Output::Signal(signal(answer.outcome)));
        signal.into_iter().chain([Output::Changed]).collect()
    }

    fn unlock(&mut self, number: u64) -> Vec<Output> {
        let scanners: Vec<ScannerId> =
            self.locked.iter().filter(|(_, by)| **by == number).map(|(scanner, _)| scanner.clone()).collect();
        let unlock = |scanner: ScannerId| {
            self.locked.remove(&scanner);
            Output::Feedback { scanner, feedback: Feedback::Unlock }
        };
        scanners.into_iter().map(unlock).collect()
    }

    /// An acknowledgement names a record, so one that comes first waits for it.
    fn record_acknowledgement(
        &mut self,
        number: u64,
        seq: Option<ScanSeq>,
        scanner: &ScannerId,
        now: Now,
    ) -> Vec<Output> {
        let Some(of) = seq else {
            for underway in self.underway.values_mut() {
                if let Underway::Judged(scan) = underway
                    && scan.number == number
                {
                    scan.acknowledged_on = Some(scanner.clone());
                }
            }
            return Vec::new();
        };
        let Some(answer) = self.recent.iter().find(|answer| answer.number == number) else { return Vec::new() };
        let parcel = answer.parcel.as_ref().map(|parcel| parcel.id);
        let event = Event::Acknowledged(Acknowledged { scanner: scanner.clone(), of, parcel, facts: answer.facts });
        vec![self.append(Entry::new(self.settings.boot, now, event), Underway::Acknowledged)]
    }
}

fn answer(number: u64, raw: &RawScan, found: &Identified, verdict: &Verdict, now: Now) -> Answer {
    Answer {
        number,
        seq: None,
        scanner: raw.scanner.clone(),
        at: now.wall,
        code: found.text.clone(),
        class: found.class,
        stage: Stage::Waiting,
        outcome: verdict.outcome,
        reasons: verdict.reasons.iter().map(ReasonShown::new).collect(),
        repeat: verdict.repeat,
        acknowledged: false,
        parcel: found.parcel.as_deref().map(ParcelShown::new),
        facts: verdict.facts,
        revision: verdict.revision,
        position: verdict.position,
        age_ms: verdict.age_ms,
    }
}

/// A parcel that another site packs is asked about by that site's name.
fn name_site(verdict: &mut Verdict, found: &Identified) {
    let Some((_, site)) = &found.elsewhere else { return };
    for reason in verdict.reasons.iter_mut().filter(|reason| reason.code == ReasonCode::OtherSite) {
        reason.about = site.to_string();
    }
}

/// The verdict with an objection of the station itself.
fn objection(mut verdict: Verdict, code: ReasonCode) -> Verdict {
    let rule = RuleId::parse("station").expect("the name is well formed");
    verdict.outcome = verdict.outcome.max(Outcome::Ask);
    verdict.reasons.push(Reason { code, rule, about: String::new(), say: None });
    verdict
}

fn position(verdict: &Verdict) -> Position {
    Position { epoch: verdict.epoch, seq: verdict.position }
}

fn signal(outcome: Outcome) -> Signal {
    match outcome {
        Outcome::Release => Signal::Release,
        Outcome::Ask => Signal::Ask,
        Outcome::Stop => Signal::Stop,
    }
}

/// A record must fit. Only absurd titles and rule texts make one too long; then the texts are cut, never the facts.
fn fitting(mut entry: Entry) -> Entry {
    if entry.numbered(ScanSeq(u64::MAX)).encode().len() <= ENTRY_BYTES_MAX {
        return entry;
    }
    if let Event::Judged(judged) = &mut entry.event {
        judged.verdict.reasons.truncate(8);
        for reason in &mut judged.verdict.reasons {
            reason.about = reason.about.chars().take(80).collect();
            reason.say = None;
        }
    }
    entry
}

const NOTHING_TO_ACKNOWLEDGE: Notice =
    Notice { key: "nothing_to_acknowledge", zh: "没有需要确认的判定", en: "There is nothing to acknowledge" };

const NOT_HERE: Notice =
    Notice {
        key: "not_here", zh: "本工位不使用这个工作台条码", en: "This bench does not use that bench code"
    };

const LOCKED: Notice =
    Notice { key: "locked", zh: "请先确认拦截，再继续扫描", en: "Acknowledge the stop before you scan on" };
