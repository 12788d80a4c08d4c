//! What an effect is, who it is for, and what can come of it.

use crate::error::Error;
use crate::store::StoreError;
use packline_protocol::time::Timestamp;
use std::fmt;

/// What something outside is like to talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetKind {
    /// A group robot of a chat program.
    Robot,
    /// A mail server.
    Mail,
    /// A receiver of signed webhooks.
    Webhook,
}

impl TargetKind {
    /// Every kind.
    pub const ALL: [TargetKind; 3] = [TargetKind::Robot, TargetKind::Mail, TargetKind::Webhook];

    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            TargetKind::Robot => "robot",
            TargetKind::Mail => "mail",
            TargetKind::Webhook => "webhook",
        }
    }
}

/// Something outside that effects go to: it has its own pace, and its own breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// What it is like.
    pub kind: TargetKind,
    /// Which one.
    pub id: i64,
}

impl Target {
    /// The target that this text names.
    pub fn parse(text: &str) -> Option<Target> {
        let (kind, id) = text.split_once(':')?;
        let kind = TargetKind::ALL.into_iter().find(|known| known.word() == kind)?;
        Some(Target { kind, id: id.parse().ok()? })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.id)
    }
}

/// An effect's number towards the outside. It follows from the key, so that a repeat always carries the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EffectId(String);

impl EffectId {
    /// The number of the effect with this key.
    pub fn of_key(key: &str) -> EffectId {
        EffectId(blake3::hash(key.as_bytes()).to_hex()[..32].to_owned())
    }

    /// The number as pages and tables have it: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<EffectId> {
        let fits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| EffectId(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that is wanted outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// What makes it this one and no other, for example `webhook:3/event:17`. The same key is done once.
    pub key: String,
    /// To whom.
    pub target: Target,
    /// What it is about: effects of one subject at one target go out one after the other. `None` waits for nothing.
    pub subject: Option<String>,
    /// What the one who carries it out needs. No secrets and no personal data in clear: it is kept as it is.
    pub payload: serde_json::Value,
    /// Not before this time; `None` is at once.
    pub not_before: Option<Timestamp>,
}

/// What became of wanting something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// It is wanted from now on.
    New(EffectId),
    /// It had been wanted before.
    Known(EffectId),
}

/// Where an effect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectState {
    /// It is to be tried when it is due.
    Waiting,
    /// A worker has it, for a lease.
    Running,
    /// It was done.
    Done,
    /// It was tried long enough; a person should look.
    GivenUp,
    /// It is not wanted any more.
    Skipped,
}

impl EffectState {
    /// Every state.
    pub const ALL: [EffectState; 5] =
        [EffectState::Waiting, EffectState::Running, EffectState::Done, EffectState::GivenUp, EffectState::Skipped];

    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            EffectState::Waiting => "waiting",
            EffectState::Running => "running",
            EffectState::Done => "done",
            EffectState::GivenUp => "given_up",
            EffectState::Skipped => "skipped",
        }
    }

    /// The state with this word.
    pub fn from_word(word: &str) -> Option<EffectState> {
        EffectState::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// An effect in the hands of one worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// Its number towards the outside.
    pub id: EffectId,
    /// Its key.
    pub key: String,
    /// To whom.
    pub target: Target,
    /// What it needs.
    pub payload: serde_json::Value,
    /// Which try this is, from 1.
    pub tries: u32,
    /// When it was first wanted.
    pub wanted_at: Timestamp,
    /// What proves that this worker still has it.
    pub claim: i64,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It may work later. Counts against the target.
    Failed {
        /// What was wrong; nothing secret or personal.
        problem: String,
    },
    /// The target asked to be left alone for a while.
    Slow {
        /// What it said.
        problem: String,
        /// For so long, in milliseconds.
        wait_ms: i64,
    },
    /// It will never work as it is.
    Refused {
        /// What was wrong; nothing secret or personal.
        problem: String,
    },
    /// Nobody wants it any more, for example because the target was removed.
    Dropped {
        /// Why.
        problem: String,
    },
}

/// What was recorded of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is over.
    Over(EffectState),
    /// It is tried again.
    Again(Timestamp),
    /// Somebody else had taken it over meanwhile; their word counts.
    Lost,
}

/// An effect as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectRow {
    /// Its number.
    pub id: EffectId,
    /// Its key.
    pub key: String,
    /// To whom.
    pub target: Target,
    /// What it is about.
    pub subject: String,
    /// Where it stands.
    pub state: EffectState,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next; while it runs, when its lease ends.
    pub due_at: Timestamp,
    /// When it was first wanted.
    pub wanted_at: Timestamp,
    /// What was wrong at the last try.
    pub problem: Option<String>,
}

/// How a target does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetState {
    /// Failures in a row.
    pub failures: u32,
    /// Nothing goes to it before this time.
    pub held_until: Timestamp,
    /// When the pace of what was sent so far is paid off.
    pub paced_until: Timestamp,
}

/// How many effects there are that are not over, by how they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting or running.
    pub waiting: i64,
    /// Of these, tried without success.
    pub failing: i64,
    /// Given up.
    pub given_up: i64,
}

/// Why something about effects cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum EffectError {
    /// There is no such effect.
    #[error("there is no effect `{id}`")]
    None {
        /// What was asked for.
        id: String,
    },
    /// It is not in a state that allows it.
    #[error("effect `{id}` is {state}; only one that waits or was given up can be {verb}")]
    State {
        /// Which.
        id: EffectId,
        /// Where it stands.
        state: &'static str,
        /// What was attempted.
        verb: &'static str,
    },
    /// A reason is missing.
    #[error("reason is empty; give 3 to 200 characters")]
    Reason,
    /// The store failed.
    #[error("failed to {what}")]
    Store {
        /// What was attempted.
        what: &'static str,
        /// Why.
        #[source]
        cause: StoreError,
    },
}

impl From<EffectError> for Error {
    fn from(error: EffectError) -> Error {
        match error {
            EffectError::None { .. } => Error::not_found(error.to_string()),
            EffectError::State { .. } => Error::new(crate::error::Kind::Conflict, error.to_string()),
            EffectError::Reason => Error::invalid(error.to_string()),
            EffectError::Store { cause, .. } => cause.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_numbers_are_read_as_they_are_written() {
        for text in ["robot:1", "mail:7", "webhook:12"] {
            assert_eq!(Target::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "robot", "robot:", "fax:1", "robot:x"] {
            assert_eq!(Target::parse(text), None, "{text}");
        }
        let id = EffectId::of_key("webhook:3/event:17");
        assert_eq!(EffectId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(EffectId::of_key("webhook:3/event:17"), id);
        assert_ne!(EffectId::of_key("webhook:3/event:18"), id);
        for text in ["", "0", "../../../../etc/passwd/aaaaaaaaaa", "G0000000000000000000000000000000"] {
            assert_eq!(EffectId::parse(text), None, "{text}");
        }
    }
}
