//! One answer as people see it: which parcel, what was said, why, and what to do.

use packline_protocol::facts::{CodeClass, FactsDigest, Parcel, Part};
use packline_protocol::id::{OrderId, ParcelId, Revision, ScanSeq, ScannerId, Seq};
use packline_protocol::time::Timestamp;
use packline_protocol::verdict::{Outcome, Reason, Verdict};
use serde::Serialize;

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Judged a release; the green waits for the record to be on disk. Nothing may leave on it.
    Waiting,
    /// Said.
    Said,
    /// A release whose record came to disk after another scan: withdrawn, and never a green light.
    Overtaken,
}

/// One answer as people see it. Holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Counts the scans of this daemon's life from 1; names the answer when it is acknowledged.
    pub number: u64,
    /// The record, once it is durable.
    pub seq: Option<ScanSeq>,
    /// Which scanner.
    pub scanner: ScannerId,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// The code in canonical form; empty for a no-read.
    pub code: String,
    /// What the code turned out to be.
    pub class: CodeClass,
    /// How far it is. While it waits, `outcome` is not to be shown as an answer.
    pub stage: Stage,
    /// The answer.
    pub outcome: Outcome,
    /// Why, the gravest first; empty only for a release.
    pub reasons: Vec<ReasonShown>,
    /// The same answer was given for the same parcel here before.
    pub repeat: bool,
    /// Somebody acknowledged it.
    pub acknowledged: bool,
    /// The parcel, when the code stands for one.
    pub parcel: Option<ParcelShown>,
    /// The fingerprint of the facts it rests on.
    #[serde(skip)]
    pub facts: FactsDigest,
    /// The rule set that said so.
    pub revision: Revision,
    /// How far the replica was.
    pub position: Seq,
    /// How old its knowledge was, in milliseconds; absent when that is not known.
    pub age_ms: Option<u64>,
}

/// What people see of a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParcelShown {
    /// The hub's number of it.
    pub id: ParcelId,
    /// The hub's number of its order.
    pub order: OrderId,
    /// The order number as the sales platform gave it.
    pub order_no: String,
    /// The sales platform.
    pub platform: String,
    /// Which parcel of how many.
    pub part: Part,
    /// What belongs inside, gifts last: title and pieces.
    pub content: Vec<(String, u32)>,
}

/// One reason in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonShown {
    /// The stable name of what is the matter.
    pub code: &'static str,
    /// What it is about, for example the gift's title; may be empty.
    pub about: String,
    /// What is the matter, what to do, what clears it: in Chinese.
    pub zh: Sentences,
    /// The same in English.
    pub en: Sentences,
}

/// A reason's sentences in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sentences {
    /// What is the matter.
    pub sentence: String,
    /// What the packer does.
    pub action: &'static str,
    /// What would have to change for a release.
    pub clears: &'static str,
}

impl ReasonShown {
    /// A reason as people see it: the rule's own sentence where it brought one.
    pub fn new(reason: &Reason) -> Self {
        let (zh, en) = (reason.code.zh(), reason.code.en());
        let say = reason.say.as_ref();
        let sentence = |own: Option<&String>, usual: &str| own.map_or_else(|| usual.to_owned(), Clone::clone);
        Self {
            code: reason.code.key(),
            about: reason.about.clone(),
            zh: Sentences {
                sentence: sentence(say.map(|say| &say.zh), zh.sentence),
                action: zh.action,
                clears: zh.clears,
            },
            en: Sentences {
                sentence: sentence(say.map(|say| &say.en), en.sentence),
                action: en.action,
                clears: en.clears,
            },
        }
    }
}

impl ParcelShown {
    /// What people see of `parcel`.
    pub fn new(parcel: &Parcel) -> Self {
        let lines = parcel.lines.iter().map(|line| (line.title.clone(), line.quantity.saturating_sub(line.refunded)));
        let gifts = parcel.gifts.iter().map(|gift| (gift.title.clone(), gift.quantity));
        Self {
            id: parcel.id,
            order: parcel.order,
            order_no: parcel.order_no.clone(),
            platform: parcel.platform.clone(),
            part: parcel.part,
            content: lines.chain(gifts).collect(),
        }
    }
}

impl Answer {
    /// Puts another verdict in the place of the one shown.
    pub(super) fn say(&mut self, verdict: &Verdict) {
        self.stage = Stage::Said;
        self.outcome = verdict.outcome;
        self.reasons = verdict.reasons.iter().map(ReasonShown::new).collect();
    }
}
