//! What happened, as one number: two runs of one seed must come to the same.

use super::event::Event;
use packline_edge::link::session::Job;
use packline_protocol::downlink::Downlink;
use packline_protocol::uplink::Uplink;
use std::collections::{BTreeMap, VecDeque};

/// A running hash over everything that happened.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    events: u64,
    last: VecDeque<String>,
    kinds: BTreeMap<&'static str, u64>,
}

/// How many of the last events are told when something breaks.
const LAST_MAX: usize = 40;

impl Trace {
    /// The trace of a run that has not begun.
    pub fn new(seed: u64) -> Self {
        Self { hash: seed ^ 0xCBF2_9CE4_8422_2325, events: 0, last: VecDeque::new(), kinds: BTreeMap::new() }
    }

    /// This happened.
    pub fn note(&mut self, at: u64, event: &Event) {
        self.events += 1;
        *self.kinds.entry(kind(event)).or_default() += 1;
        let line = format!("{at} {}", brief(event));
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        if self.last.len() == LAST_MAX {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// Everything, as one number.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How much happened.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The last things that happened.
    pub fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }

    /// This went wrong.
    pub fn went_wrong(&mut self, what: &'static str) {
        *self.kinds.entry(what).or_default() += 1;
    }

    /// How often what happened.
    pub fn kinds(&self) -> &BTreeMap<&'static str, u64> {
        &self.kinds
    }
}

/// One event in a line.
fn brief(event: &Event) -> String {
    match event {
        Event::ToHub { station, connection, message } => format!("{station}/{connection} says {}", said(message)),
        Event::ToStation { station, connection, message } => format!("{station}/{connection} hears {}", heard(message)),
        Event::Work { station, life, job } => format!("{station}.{life} works: {}", worked(job)),
        other => format!("{other:?}"),
    }
}

fn said(message: &Uplink) -> String {
    match message {
        Uplink::Hello(hello) => format!("hello to {} from {:?}", hello.journal_to, hello.replica),
        Uplink::Batch(batch) => format!("batch {}+{}", batch.first, batch.records.len()),
        Uplink::Hint(hint) => format!("hint of {} bytes", hint.record.len()),
        Uplink::Report(report) => format!("report {} {:?}", report.backlog, report.replica),
        other => format!("{other:?}"),
    }
}

fn heard(message: &Downlink) -> String {
    match message {
        Downlink::Delta(delta) => {
            let proof = if delta.root.is_some() { "proven" } else { "part" };
            format!("delta {} {}..{} {proof}", delta.epoch, delta.prev, delta.to)
        }
        Downlink::Head(head) => {
            format!("head {} at {} {}.{} {}", head.epoch, head.seq, head.lease, head.beat, head.root)
        }
        Downlink::Chunk(chunk) => format!("chunk {} of {}", chunk.number, chunk.snapshot),
        Downlink::Buckets(buckets) => format!("buckets at {}", buckets.seq),
        Downlink::BucketRows(rows) => format!("rows of {:?} at {}", rows.buckets, rows.seq),
        other => format!("{other:?}"),
    }
}

fn worked(job: &Job) -> String {
    match job {
        Job::Apply(deltas) => {
            let ends = deltas.first().zip(deltas.last()).map(|(first, last)| (first.prev.0, last.to.0));
            format!("apply {ends:?}")
        }
        Job::Stage(chunks) => format!("stage {:?}", chunks.iter().map(|chunk| chunk.number).collect::<Vec<_>>()),
        Job::Compare(buckets) => format!("compare at {}", buckets.seq),
        Job::Mend(rows) => format!("mend {:?} at {}", rows.buckets, rows.seq),
        other => format!("{other:?}"),
    }
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::Work { job, .. } => match job {
            Job::Apply(_) => "apply",
            Job::Relabel(_) => "relabel",
            Job::Begin(_) => "begin snapshot",
            Job::Stage(_) => "stage",
            Job::Swap(_) => "swap",
            Job::Compare(_) => "compare",
            Job::Mend(_) => "mend",
        },
        Event::ToHub { message, .. } => match message {
            Uplink::Batch(_) => "batch",
            Uplink::Hint(_) => "hint",
            Uplink::RangeRequest(_) => "range",
            Uplink::Hello(_) => "hello",
            _ => "other to hub",
        },
        Event::ToStation { message, .. } => match message {
            Downlink::Busy(_) => "busy",
            Downlink::HelloWanted(_) => "hello wanted",
            _ => "to station",
        },
        Event::Start { .. } => "start",
        Event::Connect { .. } => "connect",
        Event::HubStart => "hub start",
        _ => "other",
    }
}
