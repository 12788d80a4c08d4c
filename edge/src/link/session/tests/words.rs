//! The words of the tables: events read from a line, outputs written as one.

use super::super::*;
use packline_protocol::change::{Change, RowId};
use packline_protocol::downlink::*;
use packline_protocol::id::{Epoch, StationEpoch};
use packline_protocol::proof::Root;
use packline_protocol::record::ChainLink;
use packline_protocol::time::Timestamp;
use packline_protocol::uplink::Uplink as Up;

const SESSION: u64 = 7;
const OLD: StationEpoch = StationEpoch(1);
const NEW: StationEpoch = StationEpoch(2);

/// A session and its time.
pub(super) struct Bench {
    session: Session,
    now: Moment,
}

/// A station with `records` in its journal and an empty replica.
pub(super) fn fresh(records: u64) -> Bench {
    bench(JournalState { epoch: OLD, from: ScanSeq(1), newest: ScanSeq(records) }, ReplicaState::default())
}

/// A station with an empty journal and a replica at this position.
pub(super) fn standing_at(epoch: u64, seq: u64) -> Bench {
    bench(JournalState { epoch: OLD, from: ScanSeq(1), newest: ScanSeq(0) }, at(epoch, seq, true))
}

fn bench(journal: JournalState, replica: ReplicaState) -> Bench {
    let identity =
        Identity { site: SiteId::parse("sz-1").unwrap(), boot: BootId(1), version: "1".to_owned(), row_schema: 1 };
    let start = Start { journal, acked: ScanSeq(0), replica };
    Bench { session: Session::new(identity, start, 42), now: Moment(0) }
}

impl Bench {
    /// The same with a journal whose records before this one are gone.
    pub(super) fn kept_from(self, from: u64) -> Bench {
        let journal = JournalState { from: ScanSeq(from), ..self.session.uplink.journal() };
        bench(journal, self.session.follower.at())
    }

    pub(super) fn now(&self) -> Moment {
        self.now
    }

    pub(super) fn alarms(&self) -> Vec<String> {
        self.session.standing().alarms.into_iter().map(|alarm| alarm.key).collect()
    }

    /// Tells the session this event and writes down what it wants.
    pub(super) fn tell(&mut self, event: &str) -> String {
        let known = self.alarms();
        let outputs = match event.strip_prefix('+') {
            Some(ms) => self.pass(ms.parse().unwrap()),
            None => self.handle(input(event, self.session.follower.at())),
        };
        let wanted = outputs.iter().filter_map(written);
        let raised = self.alarms().into_iter().filter(|key| !known.contains(key)).map(|key| format!("alarm {key}"));
        wanted.chain(raised).collect::<Vec<_>>().join(", ")
    }

    /// Tells the session this message; answers whether it is one that says what time it is.
    pub(super) fn told_the_time(&mut self, event: &str) -> bool {
        let outputs = self.handle(input(event, self.session.follower.at()));
        outputs.iter().any(|output| matches!(output, Output::Welcomed { .. }))
    }

    fn pass(&mut self, ms: u64) -> Vec<Output> {
        let end = self.now.plus_ms(ms);
        let mut outputs = Vec::new();
        while let Some(due) = self.session.timer().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            outputs.extend(self.handle(Input::Tick));
        }
        self.now = end;
        outputs
    }

    fn handle(&mut self, input: Input) -> Vec<Output> {
        let now = Now { moment: self.now, ..Now::default() };
        let is_tick = matches!(input, Input::Tick);
        let outputs = self.session.handle(input, now);
        let spins = is_tick && self.session.timer().is_some_and(|due| due <= self.now);
        assert!(!spins, "a tick leaves a timer in the past: {:?}", self.session);
        outputs
    }
}

fn at(epoch: u64, seq: u64, good: bool) -> ReplicaState {
    let root = if good { root(epoch, seq) } else { Root([0xBA; 16]) };
    ReplicaState { epoch: Epoch(epoch), seq: Seq(seq), root, rows: seq }
}

fn root(epoch: u64, seq: u64) -> Root {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&seq.to_le_bytes());
    bytes[8..].copy_from_slice(&epoch.to_le_bytes());
    Root(bytes)
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

fn span(text: &str) -> (u64, u64) {
    let (from, to) = text.split_once("..").unwrap();
    (number(from), number(to))
}

fn buckets(words: &[&str]) -> Vec<u16> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

fn input(event: &str, here: ReplicaState) -> Input {
    let words: Vec<&str> = event.split_whitespace().collect();
    match words.as_slice() {
        ["up"] => Input::Up { session: SESSION },
        ["down"] => Input::Down { twin: false },
        ["twin"] => Input::Down { twin: true },
        ["stop"] => Input::Stop,
        ["journal", newest] => journal(OLD, number(newest)),
        ["new", "journal", newest] => journal(NEW, number(newest)),
        ["too", "large", max] => Input::TooLarge { max: max.parse().unwrap() },
        ["read", "nothing"] => stretch(Lane::Backlog, OLD, "1..0"),
        ["read", span] => stretch(Lane::Backlog, OLD, span),
        ["new", "read", span] => stretch(Lane::Backlog, NEW, span),
        ["live", span] => stretch(Lane::Live, OLD, span),
        ["done" | "staged" | "swapped" | "differ" | "relabelled" | "taken" | "mended" | "refused" | "failed", ..] => {
            Input::Done(done(&words, here))
        }
        _ => Input::Message(message(&words)),
    }
}

fn journal(epoch: StationEpoch, newest: u64) -> Input {
    Input::Journal(JournalState { epoch, from: ScanSeq(1), newest: ScanSeq(newest) })
}

fn stretch(lane: Lane, epoch: StationEpoch, text: &str) -> Input {
    let (first, last) = span(text);
    let records = (first..=last).map(|seq| seq.to_le_bytes().to_vec()).collect();
    Input::Read(Stretch { lane, epoch, first: ScanSeq(first), before: ChainLink::START, records })
}

fn done(words: &[&str], here: ReplicaState) -> Done {
    let place = |epoch: &str, seq: &str, good| at(number(epoch), number(seq), good);
    let checked = |seq: &str, equal| Outcome::Applied(Some(Checked { seq: Seq(number(seq)), equal }));
    let (at, outcome) = match words {
        ["done", epoch, seq] => (place(epoch, seq, true), checked(seq, true)),
        ["done", epoch, seq, "bad"] => (place(epoch, seq, false), checked(seq, false)),
        ["relabelled", epoch, seq] => (place(epoch, seq, true), Outcome::Relabelled),
        ["relabelled", epoch, seq, "bad"] => (place(epoch, seq, false), Outcome::Relabelled),
        ["taken"] => (here, Outcome::Mended { whole: false }),
        ["mended", epoch, seq] => (place(epoch, seq, true), Outcome::Mended { whole: true }),
        ["refused"] => (here, Outcome::Refused { why: "nonsense".to_owned() }),
        ["swapped", epoch, seq] => (place(epoch, seq, true), Outcome::Swapped),
        ["failed", epoch, seq] => (place(epoch, seq, true), Outcome::Failed { why: "no space".to_owned() }),
        ["staged", next] => (here, Outcome::Staged { next: next.parse().unwrap() }),
        ["differ", "many"] => (here, Outcome::Differing((0..600).collect())),
        ["differ", differing @ ..] => (here, Outcome::Differing(buckets(differing))),
        _ => panic!("`{words:?}` is no answer"),
    };
    Done { at, outcome }
}

fn message(words: &[&str]) -> Downlink {
    match words {
        ["welcome", upto] => welcome(SESSION, OLD, upto, upto).into(),
        ["welcome", upto, safe] => welcome(SESSION, OLD, upto, safe).into(),
        ["new", "welcome", upto] => welcome(SESSION, NEW, upto, upto).into(),
        ["stranger's", "welcome", upto] => welcome(SESSION + 1, OLD, upto, upto).into(),
        ["ack", upto, "forked"] => {
            let (seq, why) = (ScanSeq(1), format!("{REFUSED_FORK}: another record was here before"));
            let (upto, refused) = (ScanSeq(number(upto)), vec![Refusal { seq, why }]);
            Ack { station_epoch: OLD, upto, safe_upto: upto, refused }.into()
        }
        ["ack", upto] => {
            let upto = ScanSeq(number(upto));
            Ack { station_epoch: OLD, upto, safe_upto: upto, refused: Vec::new() }.into()
        }
        ["head", epoch, seq, beat, rest @ ..] => head(epoch, seq, beat, rest).into(),
        ["delta", epoch, span, rest @ ..] => delta(number(epoch), span, !rest.contains(&"part")).into(),
        ["offer", id, epoch, seq, chunks] => SnapshotOffer {
            snapshot: number(id),
            epoch: Epoch(number(epoch)),
            seq: Seq(number(seq)),
            root: root(number(epoch), number(seq)),
            rows: 1,
            chunks: chunks.parse().unwrap(),
        }
        .into(),
        ["chunk", id, part] => Chunk { snapshot: number(id), number: part.parse().unwrap(), rows: Vec::new() }.into(),
        ["buckets", epoch, seq] => {
            Buckets { epoch: Epoch(number(epoch)), seq: Seq(number(seq)), hashes: vec![1] }.into()
        }
        ["rows", epoch, seq, complete @ .., "last"] => rows(epoch, seq, complete, true).into(),
        ["rows", epoch, seq, complete @ ..] => rows(epoch, seq, complete, false).into(),
        ["busy", ms] => Busy { retry_ms: ms.parse().unwrap() }.into(),
        ["hello?"] => HelloWanted { count: 1 }.into(),
        _ => panic!("`{words:?}` is no event"),
    }
}

fn rows(epoch: &str, seq: &str, complete: &[&str], last: bool) -> BucketRows {
    let (epoch, seq) = (number(epoch), number(seq));
    let root = last.then(|| root(epoch, seq));
    BucketRows { epoch: Epoch(epoch), seq: Seq(seq), buckets: buckets(complete), rows: Vec::new(), root }
}

fn welcome(session: u64, station_epoch: StationEpoch, upto: &str, safe: &str) -> Welcome {
    let (upto, safe_upto) = (ScanSeq(number(upto)), ScanSeq(number(safe)));
    Welcome { session, station_epoch, upto, safe_upto, wall: Timestamp(0) }
}

/// `other` means a proof that is not ours, `after 1@11` a life before this one and its last shared change.
fn head(epoch: &str, seq: &str, beat: &str, rest: &[&str]) -> Head {
    let (epoch, seq) = (number(epoch), number(seq));
    let lineage = rest.iter().filter_map(|word| word.split_once('@'));
    let fork = |(epoch, seq)| Fork { epoch: Epoch(number(epoch)), seq: Seq(number(seq)) };
    Head {
        epoch: Epoch(epoch),
        lineage: lineage.map(fork).collect(),
        lease: 1,
        beat: number(beat),
        seq: Seq(seq),
        floor: Seq(0),
        root: if rest.contains(&"other") { Root([0x07; 16]) } else { root(epoch, seq) },
        wall: Timestamp(0),
    }
}

fn delta(epoch: u64, text: &str, whole: bool) -> Delta {
    let (prev, to) = span(text);
    let changes = (prev + 1..=to).map(|seq| Change { row: RowId(seq), seq: Seq(seq), body: None }).collect();
    let root = whole.then(|| root(epoch, to));
    Delta { epoch: Epoch(epoch), prev: Seq(prev), to: Seq(to), root, changes }
}

fn written(output: &Output) -> Option<String> {
    Some(match output {
        Output::Send(_, message) => return sent(message),
        Output::Read(wish) => {
            let lane = if wish.lane == Lane::Backlog { "read" } else { "live" };
            let few = if wish.lane == Lane::Live || wish.records_max == 200 {
                String::new()
            } else {
                format!("x{}", wish.records_max)
            };
            let small = if wish.bytes_max == 96 * 1024 { String::new() } else { format!(" in {}", wish.bytes_max) };
            format!("{lane} {}{few}{small}", wish.from)
        }
        Output::Acked { upto, safe_upto } => format!("acked {upto} {safe_upto}"),
        Output::Work(job) => worked(job),
        Output::Heard { epoch, seq, .. } => format!("heard {epoch} {seq}"),
        Output::Doubt => "doubt".to_owned(),
        Output::Proven { .. } => "proven".to_owned(),
        // With every welcome that counts; see `told_the_time`.
        Output::Welcomed { .. } => return None,
    })
}

fn sent(message: &Up) -> Option<String> {
    Some(match message {
        Up::Hello(hello) => {
            assert_eq!(hello.session, SESSION);
            "hello".to_owned()
        }
        Up::Batch(batch) => format!("batch {}..{}", batch.first, batch.first.0 + batch.records.len() as u64 - 1),
        Up::Hint(hint) => format!("hint {}", u64::from_le_bytes(hint.record[..8].try_into().unwrap())),
        Up::Report(_) => return None,
        Up::RangeRequest(range) => format!("range {} {}", range.epoch, range.from),
        Up::ChunkRequest(wanted) => format!("chunks {} {}+{}", wanted.snapshot, wanted.from, wanted.credit),
        Up::BucketsRequest(_) => "buckets?".to_owned(),
        Up::BucketRowsRequest(wanted) => format!("rows? {}", listed(&wanted.buckets)),
        Up::Goodbye(_) => "goodbye".to_owned(),
    })
}

fn worked(job: &Job) -> String {
    match job {
        Job::Apply(deltas) => {
            let spans: Vec<String> = deltas.iter().map(|delta| format!("{}..{}", delta.prev, delta.to)).collect();
            format!("apply {}", spans.join(" "))
        }
        Job::Relabel(epoch) => format!("relabel {epoch}"),
        Job::Begin(offer) => format!("begin {}", offer.snapshot),
        Job::Stage(chunks) => format!("stage {}", listed(chunks.iter().map(|chunk| &chunk.number))),
        Job::Swap(offer) => format!("swap {}", offer.snapshot),
        Job::Compare(_) => "compare".to_owned(),
        Job::Mend(part) => format!("mend {} at {}", listed(&part.buckets), part.seq),
    }
}

fn listed<T: std::fmt::Display>(numbers: impl IntoIterator<Item = T>) -> String {
    numbers.into_iter().map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
}
