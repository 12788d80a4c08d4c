//! What the bench page shows: one picture of the station, replaced whole whenever something changes.
//!
//! The page is somebody else's; it takes pictures from a watch channel and sends what people do into the station's
//! queue ([`super::thread::StationHandle`]).

use super::answer::Answer;
use clap::ValueEnum;
use packline_protocol::id::{Revision, ScanSeq, ScannerId, Seq, SiteId, StationId};
use packline_protocol::time::{Moment, Timestamp};
use packline_protocol::uplink::{Alarm, ReplicaState, ScannerReport};
use packline_protocol::verdict::{Outcome, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The language of the bench page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// 中文
    #[default]
    Zh,
    /// English.
    En,
}

impl Language {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Zh => Self::En,
            Self::En => Self::Zh,
        }
    }
}

/// One picture of the station. [`crate::panel::PictureShown`] is how it is written down.
#[derive(Debug, Clone, PartialEq)]
pub struct PanelView {
    /// Rises with every picture; a page that reconnects knows whether it missed one.
    pub version: u64,
    /// When it was taken: a station that hangs takes no more pictures.
    pub moment: Moment,
    /// This daemon's life, as text; a page of another life reloads.
    pub boot: String,
    /// This station.
    pub station: StationId,
    /// Its site.
    pub site: SiteId,
    /// What people call the site; may be empty.
    pub site_title: String,
    /// The answer to look at; absent when nothing was scanned yet or it was acknowledged.
    pub answer: Option<Answer>,
    /// The last answers, newest first, the current one among them.
    pub recent: Vec<Answer>,
    /// Something to tell the packer that is no answer.
    pub notice: Option<Notice>,
    /// The language people chose.
    pub language: Language,
    /// The scanners.
    pub scanners: Vec<ScannerView>,
    /// The link to the hub.
    pub link: LinkView,
    /// Where the replica stands.
    pub replica: ReplicaState,
    /// The rule set that is judged by.
    pub revision: Revision,
    /// How old its knowledge is, in milliseconds; absent when that is not known.
    pub age_ms: Option<u64>,
    /// Whether it is so old that nothing is released.
    pub stale: bool,
    /// The newest durable record.
    pub journal_to: ScanSeq,
    /// The hub has committed everything up to here.
    pub journal_acked: ScanSeq,
    /// Records that the hub has not acknowledged.
    pub backlog: u64,
    /// How full the journal's space is, in percent.
    pub journal_percent: u8,
    /// What a person should know.
    pub alarms: Vec<Alarm>,
    /// Scans since the daemon started, by answer.
    pub counts: Counts,
    /// The station's wall clock.
    pub wall: Timestamp,
    /// Whether that clock is known to be right.
    pub wall_trusted: bool,
}

/// Scans since the daemon started, by answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Released.
    pub release: u64,
    /// Asked.
    pub ask: u64,
    /// Stopped.
    pub stop: u64,
    /// Of all these, second looks.
    pub repeat: u64,
}

impl Counts {
    /// A scan got this answer.
    pub fn add(&mut self, verdict: &Verdict) {
        *self.of(verdict.outcome) += 1;
        self.repeat += u64::from(verdict.repeat);
    }

    /// A scan that got this answer is about to get another one.
    pub fn take_back(&mut self, verdict: &Verdict) {
        let count = self.of(verdict.outcome);
        *count = count.saturating_sub(1);
        self.repeat = self.repeat.saturating_sub(u64::from(verdict.repeat));
    }

    fn of(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Release => &mut self.release,
            Outcome::Ask => &mut self.ask,
            Outcome::Stop => &mut self.stop,
        }
    }
}

/// Something to tell the packer that is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// A stable name.
    pub key: &'static str,
    /// In Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
}

/// One scanner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScannerView {
    /// Which.
    pub scanner: ScannerId,
    /// Whether it is there.
    pub online: bool,
    /// Why it is not there; empty when it is.
    pub why: String,
    /// Whether it waits for a stop to be acknowledged.
    pub locked: bool,
    /// Frames read since the daemon started.
    pub frames: u64,
    /// Frames refused as noise, overlong or broken.
    pub refused: u64,
}

impl ScannerView {
    /// The scanner as the hub is told of it.
    pub fn report(&self) -> ScannerReport {
        let Self { scanner, online, frames, refused, .. } = self;
        ScannerReport { scanner: scanner.clone(), online: *online, frames: *frames, refused: *refused }
    }
}

/// The link to the hub.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkView {
    /// Whether the broker and the hub answer.
    pub up: bool,
    /// Since when the broker is connected, or is not; absent before the first attempt.
    pub since: Option<Moment>,
    /// What the link is doing.
    pub doing: Doing,
    /// What a person should know about the link itself.
    pub alarms: Vec<Alarm>,
}

/// What the link is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Doing {
    /// It tries to reach the broker.
    Connecting {
        /// What the last attempt met, for a person; may be empty.
        why: String,
    },
    /// The broker is there, and the hub has not answered.
    #[default]
    Waiting,
    /// Nothing: station and hub are level.
    Level,
    /// It fetches the latest changes.
    CatchingUp {
        /// The newest change that the hub has.
        to: Seq,
    },
    /// It fetches all parcels anew.
    Fetching {
        /// Parts that are here.
        part: u32,
        /// Of how many.
        of: u32,
    },
    /// The replica is proven to differ from the hub's and is being mended.
    Mending,
}

impl fmt::Display for Doing {
    /// A few words for logs and status lines; nothing when it is level.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { why } if why.is_empty() => f.write_str("connecting"),
            Self::Connecting { why } => f.write_str(why),
            Self::Waiting => f.write_str("waiting for the hub"),
            Self::Level => Ok(()),
            Self::CatchingUp { to } => write!(f, "catching up to {to}"),
            Self::Fetching { part, of } => write!(f, "fetching the orders, part {part} of {of}"),
            Self::Mending => f.write_str("mending the orders"),
        }
    }
}
