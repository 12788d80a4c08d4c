//! The one thread that a scan runs through, and the one queue that feeds it.

#[cfg(test)]
mod tests;

use super::core::{Feedback, Output, Station, StationSettings, Ticket};
use super::view::{Language, LinkView, PanelView, ScannerView};
use crate::alarms::Alarms;
use crate::clock;
use crate::journal::{AppendError, Entry, Journal};
use crate::panel::gpio::{LightThread, Signal};
use crate::panel::scanner::{Lock, driver};
use crate::replica::{Opened, Replica};
use crate::scan::config::{MANUAL, ScannerConfig};
use crate::scan::intake::{Intake, RawScan};
use crate::scan::source::{Closed, EntryError, EventSender, Frame, ManualEntry, SourceEvent, Sources, StartError};
use packline_protocol::id::{ScanSeq, ScannerId, SiteId};
use packline_protocol::record::ScanRecord;
use packline_protocol::time::{Moment, Now};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{error, info, warn};

/// The page gets a new picture at least this often, in milliseconds: ages grow while nothing happens.
const PICTURE_MS: u64 = 1_000;
/// Records read at the start, to know what a life before this one released.
const RECALLED_MAX: usize = 20_000;
/// A code that no parcel has.
const PROBE: &[u8] = b"PACKLINE-PROBE";

/// What the station is made of.
pub struct Parts {
    /// Who it is and how it behaves.
    pub settings: StationSettings,
    /// Its site.
    pub site: SiteId,
    /// Its scanners.
    pub scanners: Vec<ScannerConfig>,
    /// What it judges by.
    pub replica: Replica,
    /// What it writes.
    pub journal: Journal,
    /// What it shows signals on.
    pub light: LightThread,
    /// What people should know.
    pub alarms: Alarms,
}

/// Everything that comes into the station, in one queue.
enum Input {
    Source(SourceEvent),
    Durable { ticket: Ticket, written: Result<ScanSeq, AppendError> },
    Acknowledge(Option<u64>),
    Language(Language),
    Link(LinkView),
    Probe(SyncSender<()>),
    Stop,
}

/// What others tell the station and see of it. Cheap to clone.
#[derive(Clone)]
pub struct StationHandle {
    queue: Sender<Input>,
    manual: ManualEntry,
    pictures: watch::Receiver<Arc<PanelView>>,
}

impl StationHandle {
    /// A person typed a code.
    pub fn enter(&self, text: &str) -> Result<(), EntryError> {
        self.manual.enter(text, clock::moment())
    }

    /// A frame, as if a scanner had sent it: for tests and for replaying a file.
    pub fn frame(&self, frame: Frame) -> Result<(), Closed> {
        self.send(Input::Source(SourceEvent::Frame(frame)))
    }

    /// A person has seen the answer with this number, or the one that is shown.
    pub fn acknowledge(&self, number: Option<u64>) -> Result<(), Closed> {
        self.send(Input::Acknowledge(number))
    }

    /// A person chose a language.
    pub fn choose_language(&self, language: Language) -> Result<(), Closed> {
        self.send(Input::Language(language))
    }

    /// The link has something new to show.
    pub fn show_link(&self, link: LinkView) -> Result<(), Closed> {
        self.send(Input::Link(link))
    }

    /// Sends a probe down the way of a scan: read, looked up and judged on the station's thread, then through the
    /// journal's thread and back. It is neither written nor said. Whether it came back in time.
    pub fn probe(&self, patience: Duration) -> bool {
        let (back, came) = sync_channel(1);
        self.send(Input::Probe(back)).is_ok() && came.recv_timeout(patience).is_ok()
    }

    /// Pictures of the station; the newest is always there.
    pub fn pictures(&self) -> watch::Receiver<Arc<PanelView>> {
        self.pictures.clone()
    }

    fn send(&self, input: Input) -> Result<(), Closed> {
        self.queue.send(input).map_err(|_| Closed)
    }
}

/// The running station. Dropping it stops the scanners, then the thread.
pub struct StationThread {
    handle: StationHandle,
    sources: Option<Sources>,
    thread: Option<JoinHandle<()>>,
}

impl StationThread {
    /// Starts the scanners and the thread.
    pub fn start(parts: Parts) -> Result<StationThread, StartError> {
        let (queue, inputs) = channel();
        let events = EventSender::new({
            let queue = queue.clone();
            move |event| queue.send(Input::Source(event)).map_err(|_| Closed)
        });
        let sources = Sources::start(&parts.scanners, events.clone())?;
        let (pictures, seen) = watch::channel(Arc::new(blank(&parts)));
        let handle = StationHandle { queue: queue.clone(), manual: ManualEntry::new(events), pictures: seen };
        let voices = parts.scanners.iter().filter_map(|scanner| {
            let writer = sources.writer(&scanner.id)?.clone();
            Some((scanner.id.clone(), Voice { writer, driver: driver(scanner.feedback) }))
        });
        let voices = voices.collect();
        let runner = Runner::new(parts, queue, pictures, voices);
        let thread = std::thread::Builder::new().name("station".to_owned()).spawn(move || runner.run(&inputs));
        let thread = thread.map_err(|cause| StartError { scanner: manual(), cause })?;
        Ok(StationThread { handle, sources: Some(sources), thread: Some(thread) })
    }

    /// What others tell the station and see of it.
    pub fn handle(&self) -> &StationHandle {
        &self.handle
    }
}

impl Drop for StationThread {
    fn drop(&mut self) {
        drop(self.sources.take());
        let _ = self.handle.send(Input::Stop);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("The station's thread ended badly");
        }
    }
}

fn manual() -> ScannerId {
    ScannerId::parse(MANUAL).expect("the name is a scanner name")
}

/// How a scanner is spoken to.
struct Voice {
    writer: crate::scan::source::ScannerWriter,
    driver: &'static dyn crate::panel::scanner::ScannerDriver,
}

struct Runner {
    station: Station,
    intake: Intake,
    parts: Parts,
    queue: Sender<Input>,
    voices: BTreeMap<ScannerId, Voice>,
    scanners: BTreeMap<ScannerId, ScannerView>,
    link: LinkView,
    pictures: watch::Sender<Arc<PanelView>>,
    pictured: Moment,
    changed: bool,
}

impl Runner {
    fn new(
        parts: Parts,
        queue: Sender<Input>,
        pictures: watch::Sender<Arc<PanelView>>,
        voices: BTreeMap<ScannerId, Voice>,
    ) -> Self {
        let mut station = Station::new(parts.settings.clone());
        recall(&mut station, &parts.journal);
        let away = |scanner: &ScannerConfig| (scanner.id.clone(), absent(scanner.id.clone()));
        Self {
            station,
            intake: Intake::new(&parts.scanners),
            scanners: parts.scanners.iter().map(away).collect(),
            parts,
            queue,
            voices,
            link: LinkView::default(),
            pictures,
            pictured: Moment(0),
            changed: true,
        }
    }

    fn run(mut self, inputs: &Receiver<Input>) {
        self.parts.light.show(Signal::Idle);
        loop {
            match inputs.recv_timeout(self.patience(clock::moment())) {
                Ok(Input::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = clock::now();
            let late = self.station.on_tick(now);
            self.carry_out(late, now);
            // What waits comes first; a picture is for people, and people are slow.
            for input in inputs.try_iter().take(64) {
                match input {
                    Input::Stop => return,
                    input => self.take(input),
                }
            }
            self.picture(clock::now());
        }
    }

    fn patience(&self, now: Moment) -> Duration {
        let picture = self.pictured.plus_ms(PICTURE_MS);
        let next = self.station.next_deadline().map_or(picture, |deadline| deadline.min(picture));
        Duration::from_millis(next.since_ms(now))
    }

    fn take(&mut self, input: Input) {
        let now = clock::now();
        let outputs = match input {
            Input::Source(event) => self.hear(event, now),
            Input::Durable { ticket, written } => {
                if written.is_ok() {
                    self.parts.alarms.clear("journal-not-writing");
                }
                self.station.on_durable(ticket, written, &self.parts.replica, now)
            }
            Input::Acknowledge(number) => self.station.on_acknowledge(number, &manual(), now),
            Input::Language(language) => self.station.on_language(language),
            Input::Link(link) => {
                self.changed |= link != self.link;
                self.link = link;
                Vec::new()
            }
            Input::Probe(back) => {
                self.probe(back, now);
                Vec::new()
            }
            Input::Stop => Vec::new(),
        };
        self.carry_out(outputs, now);
    }

    /// A replica that hangs must not look alive, nor must a journal; one that refuses is told of by the next scan.
    fn probe(&self, back: SyncSender<()>, now: Now) {
        let (scanner, bytes) = (manual(), PROBE.to_vec());
        let raw = RawScan { scanner, at: now.moment, codes: vec![bytes.clone()], bytes, burst: None };
        if let Err(error) = self.station.judge(&raw, &self.parts.replica, now) {
            warn!(%error, "A probe could not be looked up");
        }
        self.parts.journal.probe(Box::new(move || {
            // Whoever asked may have stopped waiting.
            let _ = back.send(());
        }));
    }

    fn hear(&mut self, event: SourceEvent, now: Now) -> Vec<Output> {
        match event {
            SourceEvent::Frame(frame) => match self.intake.take(frame) {
                Some(scan) => return self.station.on_scan(scan, &self.parts.replica, now),
                None => return Vec::new(),
            },
            SourceEvent::Online { scanner } => {
                info!(scanner.id = %scanner, "Scanner `{scanner}` is there");
                self.station.on_online(&scanner);
                self.see(scanner, |view| (view.online, view.why) = (true, String::new()));
            }
            SourceEvent::Offline { scanner, reason } => {
                warn!(scanner.id = %scanner, %reason, "Scanner `{scanner}` is away: {reason}");
                self.see(scanner, |view| (view.online, view.why) = (false, reason.to_string()));
            }
            SourceEvent::Counters { scanner, counters, .. } => {
                let (frames, refused) = (counters.frames.frames, counters.frames.noise.iter().sum());
                self.see(scanner, |view| (view.frames, view.refused) = (frames, refused));
            }
        }
        vec![Output::Changed]
    }

    fn see(&mut self, scanner: ScannerId, change: impl FnOnce(&mut ScannerView)) {
        change(self.scanners.entry(scanner.clone()).or_insert_with(|| absent(scanner)));
    }

    fn carry_out(&mut self, outputs: Vec<Output>, now: Now) {
        for output in outputs {
            self.changed = true;
            match output {
                Output::Append { ticket, entry } => self.append(ticket, *entry),
                Output::Said(answer) => {
                    let reasons: Vec<&str> = answer.reasons.iter().map(|reason| reason.code).collect();
                    let millis = now.wall.since_ms(answer.at);
                    info!(
                        scanner.id = %answer.scanner, scan.number = answer.number, scan.code = answer.code,
                        outcome = answer.outcome.en(), reasons = reasons.join(","), repeat = answer.repeat,
                        duration_ms = millis, "{} {}", answer.outcome.en(), answer.code
                    );
                }
                Output::Signal(signal) => self.parts.light.show(signal),
                Output::Feedback { scanner, feedback } => self.speak(&scanner, feedback),
                Output::Changed => {}
                Output::ReplicaDamaged(why) => self.start_over(&why),
                Output::NotWritten(error) => {
                    error!(%error, "A scan was not recorded");
                    self.parts.alarms.raise("journal-not-writing", error.to_string());
                }
            }
        }
    }

    fn append(&self, ticket: Ticket, entry: Entry) {
        let queue = self.queue.clone();
        let done = move |written| {
            // When the thread has ended, nobody is left to show it to; the record is safe.
            let _ = queue.send(Input::Durable { ticket, written });
        };
        self.parts.journal.append(entry, Box::new(done));
    }

    fn speak(&self, scanner: &ScannerId, feedback: Feedback) {
        let Some(Voice { writer, driver }) = self.voices.get(scanner) else { return };
        let messages = match feedback {
            Feedback::Good => vec![driver.good()],
            Feedback::Attention => vec![driver.attention()],
            Feedback::Unlock => vec![driver.unlock()],
            Feedback::Bad { lock: false } => vec![driver.bad()],
            Feedback::Bad { lock: true } => match driver.lock() {
                Lock::Send(lock) => vec![driver.bad(), lock],
                Lock::Withhold { .. } => Vec::new(),
                Lock::Impossible => vec![driver.bad()],
            },
        };
        for message in messages {
            if let Err(error) = writer.send(message) {
                warn!(scanner.id = %scanner, %error, "A scanner was not told");
            }
        }
    }

    fn start_over(&self, why: &str) {
        match self.parts.replica.start_over(why) {
            Ok(Opened::Emptied { aside, .. }) => {
                let text = format!("the replica was damaged ({why}); it is fetched again, the old file is `{aside}`");
                self.parts.alarms.raise("replica-damaged", text);
            }
            Ok(Opened::Whole | Opened::New) => {}
            Err(error) => error!(%error, "The damaged replica could not be replaced"),
        }
    }

    fn picture(&mut self, now: Now) {
        if !self.changed && now.moment.since_ms(self.pictured) < PICTURE_MS {
            return;
        }
        (self.changed, self.pictured) = (false, now.moment);
        let mut picture = blank(&self.parts);
        picture.version = self.pictures.borrow().version + 1;
        picture.answer = self.station.current().cloned();
        picture.recent = self.station.recent().cloned().collect();
        picture.notice = self.station.notice().cloned();
        picture.language = self.station.language();
        picture.counts = self.station.counts();
        picture.link = self.link.clone();
        picture.scanners = self.scanners.values().cloned().collect();
        for scanner in &mut picture.scanners {
            scanner.locked = self.station.is_locked(&scanner.scanner);
        }
        self.warn_of_space(picture.journal_percent);
        picture.alarms = self.parts.alarms.list();
        self.pictures.send_replace(Arc::new(picture));
    }

    fn warn_of_space(&self, percent: u8) {
        let limit = self.parts.replica.view().settings.journal_warn_percent.min(100);
        let text = format!("the journal's space is {percent} % full; the hub takes no records, or there are too many");
        self.parts.alarms.set("journal-filling", (percent >= limit).then_some(text));
    }
}

/// The picture of the parts alone.
fn blank(parts: &Parts) -> PanelView {
    let (now, view, head) = (clock::now(), parts.replica.view(), parts.journal.head());
    let age_ms = parts.replica.age_ms(now);
    let strictest = view.rules.rules.iter().filter_map(|rule| rule.max_age_ms).min();
    let max_age_ms = strictest.map_or(view.rules.max_age_ms, |age| age.min(view.rules.max_age_ms));
    PanelView {
        version: 0,
        moment: now.moment,
        boot: parts.settings.boot.to_string(),
        station: parts.settings.station.clone(),
        site: parts.site.clone(),
        site_title: view.settings.title.clone(),
        answer: None,
        recent: Vec::new(),
        notice: None,
        language: parts.settings.language,
        scanners: Vec::new(),
        link: LinkView::default(),
        replica: view.state,
        revision: view.rules.revision,
        age_ms,
        stale: age_ms.is_none_or(|age| age > max_age_ms),
        journal_to: head.newest,
        journal_acked: head.acked,
        backlog: head.backlog(),
        journal_percent: head.percent(),
        alarms: Vec::new(),
        counts: super::view::Counts::default(),
        wall: now.wall,
        wall_trusted: now.wall_trusted,
    }
}

fn absent(scanner: ScannerId) -> ScannerView {
    ScannerView { scanner, online: false, why: "starting".to_owned(), locked: false, frames: 0, refused: 0 }
}

/// What a life before this one released is a second look when it comes again.
fn recall(station: &mut Station, journal: &Journal) {
    let head = journal.head();
    let mut from = head.oldest.max(ScanSeq(head.newest.0.saturating_sub(RECALLED_MAX as u64)));
    while from <= head.newest {
        let Ok(pending) = journal.pending(from, 512, 1 << 20) else { return };
        if pending.records.is_empty() {
            return;
        }
        from = ScanSeq(pending.first.0 + pending.records.len() as u64);
        pending.records.iter().filter_map(|record| ScanRecord::decode(record).ok()).for_each(|r| station.recall(&r));
    }
}
