//! The story's own book: what was scanned, what had to be said, and what was said.

use crate::packer::Seen;
use packline_protocol::verdict::{Outcome, ReasonCode};
use serde::Serialize;
use std::collections::BTreeSet;

/// What must be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The answer.
    pub outcome: Outcome,
    /// The keys of all reasons.
    pub reasons: BTreeSet<String>,
    /// Whether it is a second look; `None` where the story cannot know.
    pub repeat: Option<bool>,
}

impl Expected {
    /// Exactly these reasons, the first time; none is a release.
    pub fn first(reasons: &[ReasonCode]) -> Expected {
        let outcome = reasons.iter().map(|reason| reason.outcome()).max().unwrap_or(Outcome::Release);
        let reasons = reasons.iter().map(|reason| reason.key().to_owned()).collect();
        Expected { outcome, reasons, repeat: Some(false) }
    }

    /// The same, as a second look.
    pub fn again(self) -> Expected {
        Expected { repeat: Some(true), ..self }
    }

    /// The same, as a first or a second look.
    pub fn whether_again_or_not(self) -> Expected {
        Expected { repeat: None, ..self }
    }

    fn fits(&self, seen: &Seen) -> bool {
        (self.outcome, &self.reasons) == (seen.outcome, &seen.reasons)
            && self.repeat.is_none_or(|repeat| repeat == seen.repeat)
    }
}

/// One scan of the story.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it was about.
    pub what: String,
    /// Where.
    pub station: String,
    /// What had to be said.
    pub expected: Expected,
    /// What the packer saw.
    pub seen: Seen,
}

impl Entry {
    /// Whether the packer saw what had to be said.
    pub fn is_right(&self) -> bool {
        self.expected.fits(&self.seen)
    }

    /// A green light that the facts forbade.
    pub fn is_wrong_green(&self) -> bool {
        self.seen.outcome == Outcome::Release && self.expected.outcome != Outcome::Release
    }

    /// What went wrong, in one line.
    pub fn complaint(&self) -> String {
        let Entry { what, station, expected, seen } = self;
        format!("{what}: `{}` at {station}: expected {expected:?}, saw {seen:?}", seen.code)
    }
}

/// A line for whoever watches.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Where.
    pub station: String,
    /// The code.
    pub code: String,
    /// What was said.
    pub outcome: Outcome,
    /// The keys of all reasons.
    pub reasons: Vec<String>,
    /// What it was about.
    pub what: String,
}
