//! What can be told, to whom, by which rules, and where it goes.

use crate::error::{Error, Kind};
use crate::outbound::message::Receiver;
use crate::pages::text::Language;
use crate::store::StoreError;
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look today.
    Warning,
    /// Somebody should come.
    Critical,
}

impl Severity {
    /// Every severity, the mildest first.
    pub const ALL: [Severity; 3] = [Severity::Info, Severity::Warning, Severity::Critical];

    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    /// The severity with this word.
    pub fn from_word(word: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.word() == word)
    }
}

macro_rules! kinds {
    ($($kind:ident = $word:literal, $severity:ident, $minutes:literal, $zh:literal, $en:literal;)*) => {
        /// Something that people can be told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum NoticeKind { $(#[doc = concat!($en, ".")] $kind,)* }

        impl NoticeKind {
            /// Every kind, in the order in which pages show them.
            pub const ALL: &'static [NoticeKind] = &[$(NoticeKind::$kind,)*];

            /// The word in tables and rules.
            pub fn word(self) -> &'static str {
                match self { $(NoticeKind::$kind => $word,)* }
            }

            /// How much it usually matters.
            pub fn severity(self) -> Severity {
                match self { $(NoticeKind::$kind => Severity::$severity,)* }
            }

            /// For so long the same is counted and not said again, in milliseconds.
            pub fn window_ms(self) -> i64 {
                match self { $(NoticeKind::$kind => $minutes * 60_000,)* }
            }

            /// What it is called.
            pub fn title(self, language: Language) -> &'static str {
                match self { $(NoticeKind::$kind => language.pick($zh, $en),)* }
            }
        }
    };
}

kinds! {
    ScanStopped = "scan.stopped", Info, 10, "包裹被拦截", "Parcel stopped";
    ScanConflict = "scan.conflict", Critical, 60, "放行冲突", "Releases that do not fit together";
    StationLost = "station.lost", Warning, 15, "工位失联", "Station lost";
    StationRestored = "station.restored", Info, 10, "工位恢复", "Station is back";
    StationClock = "station.clock", Warning, 240, "工位时钟不可信", "Station does not know the time";
    StationStorage = "station.storage", Critical, 60, "工位存储告警", "Station storage in trouble";
    StationAlarm = "station.alarm", Warning, 60, "工位告警", "Station alarm";
    JournalFork = "station.fork", Critical, 240, "工位日志分叉", "Station journal was copied or set back";
    ImportFailed = "import.failed", Warning, 10, "导入失败", "Import failed";
    LoginGuessing = "login.guessing", Warning, 60, "登录尝试过多", "Somebody is guessing passwords";
    EffectGivenUp = "effect.given_up", Warning, 60, "外发已放弃", "Gave up sending";
    WebhookDisabled = "webhook.disabled", Warning, 60, "回调已停用", "Webhook was switched off";
    BackupFailed = "backup.failed", Critical, 240, "备份失败", "Backup failed";
}

impl NoticeKind {
    /// The kind with this word.
    pub fn from_word(word: &str) -> Option<NoticeKind> {
        NoticeKind::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

impl Serialize for NoticeKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for NoticeKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<NoticeKind, D::Error> {
        let word = String::deserialize(deserializer)?;
        NoticeKind::from_word(&word).ok_or_else(|| serde::de::Error::custom(format!("`{word}` is no kind of notice")))
    }
}

/// Something happened that people may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// What.
    pub kind: NoticeKind,
    /// What it happened to: the same kind and key within a while is the same notice.
    pub key: String,
    /// At which site, when it is about one.
    pub site: Option<String>,
    /// What it happened to, in a few words that need no translation, such as `pack-07`.
    pub about: String,
    /// One more line, such as an error; empty for none. Nothing secret or personal.
    pub detail: String,
    /// The page to look at, from `/` on.
    pub link: Option<String>,
    /// The target that must not be told, because it is what failed.
    pub except: Option<i64>,
}

impl Occurrence {
    /// Something happened to what `key` names.
    pub fn new(kind: NoticeKind, key: impl Into<String>) -> Occurrence {
        let key = key.into();
        let about = key.clone();
        Occurrence { kind, key, site: None, about, detail: String::new(), link: None, except: None }
    }

    /// The same, with more about it.
    pub fn saying(self, detail: impl Into<String>) -> Occurrence {
        Occurrence { detail: detail.into(), ..self }
    }

    /// The same, at this site.
    pub fn at(self, site: impl Into<String>) -> Occurrence {
        Occurrence { site: Some(site.into()), ..self }
    }

    /// The same, with a page to look at.
    pub fn see(self, link: impl Into<String>) -> Occurrence {
        Occurrence { link: Some(link.into()), ..self }
    }
}

/// Who is told by the bell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Goal {
    /// Everybody with an account.
    All,
    /// Everybody with this role.
    Role(String),
    /// One person.
    Person(String),
    /// A robot or mail target.
    Target(i64),
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::All => f.write_str("all"),
            Goal::Role(role) => write!(f, "role:{role}"),
            Goal::Person(name) => write!(f, "user:{name}"),
            Goal::Target(id) => write!(f, "target:{id}"),
        }
    }
}

impl From<Goal> for String {
    fn from(goal: Goal) -> String {
        goal.to_string()
    }
}

impl TryFrom<String> for Goal {
    type Error = String;

    fn try_from(text: String) -> Result<Goal, String> {
        let wrong = || format!("`{text}` is nobody; give `all`, `role:NAME`, `user:NAME` or `target:NUMBER`");
        if text == "all" {
            return Ok(Goal::All);
        }
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty()).ok_or_else(wrong)?;
        match kind {
            "role" => Ok(Goal::Role(name.to_owned())),
            "user" => Ok(Goal::Person(name.to_owned())),
            "target" => name.parse().map(Goal::Target).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

/// Hours in which nothing is sent, in minutes since midnight of the hub's zone. The end is not part of it; it may be
/// before the begin, and then midnight is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// Where it begins.
    pub from_minute: u16,
    /// Where it ends.
    pub to_minute: u16,
}

/// Who is told of what, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What people call it.
    pub title: String,
    /// Whether it holds.
    pub on: bool,
    /// Of these kinds; of all when there is none.
    pub kinds: Vec<NoticeKind>,
    /// From this severity on.
    pub from: Severity,
    /// Only at this site.
    pub site: Option<String>,
    /// Who is told.
    pub goals: Vec<Goal>,
    /// When robots and mail keep silent.
    pub quiet: Option<Quiet>,
    /// From this severity on they do not.
    pub awake_from: Severity,
    /// Robots and mail gather for so many minutes, and then say it all at once.
    pub gather_minutes: u32,
    /// When nobody has taken note after so many minutes, the next are told; 0 is never.
    pub escalate_minutes: u32,
    /// Who is told then.
    pub escalate_to: Vec<Goal>,
}

/// Minutes that a rule may name at most: a day.
pub const MINUTES_MAX: u32 = 1_440;

impl Rule {
    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), NoticeError> {
        let wrong = |field, accepted| Err(NoticeError::Field { field, accepted });
        if self.title.trim().is_empty() || self.title.chars().count() > 60 {
            return wrong("title", "1 to 60 characters");
        }
        if self.goals.is_empty() || self.goals.len() > 50 || self.escalate_to.len() > 50 {
            return wrong("goals", "1 to 50 roles, people or targets");
        }
        if self.gather_minutes > MINUTES_MAX || self.escalate_minutes > MINUTES_MAX {
            return wrong("minutes", "0 to 1440");
        }
        if self.quiet.is_some_and(|quiet| quiet.from_minute >= 1_440 || quiet.to_minute >= 1_440) {
            return wrong("quiet", "hours from 00:00 to 23:59");
        }
        if (self.escalate_minutes > 0) == self.escalate_to.is_empty() {
            return wrong("escalate", "both minutes and who is told then, or neither");
        }
        Ok(())
    }
}

/// A rule with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedRule {
    /// Its number.
    pub id: i64,
    /// What it says.
    pub rule: Rule,
}

/// A robot or a mail server that people configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeTarget {
    /// Its number.
    pub id: i64,
    /// What people call it.
    pub title: String,
    /// The language it is told in.
    pub language: Language,
    /// Whether anything is sent to it.
    pub on: bool,
    /// `dingtalk`, `wecom`, `feishu` or `mail`.
    pub kind: String,
    /// What may be shown of where it is.
    pub shown: String,
}

/// A target that is about to be called.
#[derive(Debug, Clone)]
pub struct OpenTarget {
    /// Whether anything is sent to it.
    pub on: bool,
    /// Where it is, with its secrets.
    pub receiver: Receiver,
}

/// Where a notice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeState {
    /// Nobody has taken note.
    Open,
    /// Somebody has.
    Noted,
    /// It is over by itself.
    Over,
}

impl NoticeState {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            NoticeState::Open => "open",
            NoticeState::Noted => "noted",
            NoticeState::Over => "over",
        }
    }

    /// The state with this word.
    pub fn from_word(word: &str) -> Option<NoticeState> {
        [NoticeState::Open, NoticeState::Noted, NoticeState::Over].into_iter().find(|state| state.word() == word)
    }
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number; later ones are higher.
    pub id: i64,
    /// What.
    pub kind: NoticeKind,
    /// How much it matters.
    pub severity: Severity,
    /// What it happened to.
    pub key: String,
    /// At which site.
    pub site: Option<String>,
    /// What it happened to, as it is shown.
    pub about: String,
    /// One more line.
    pub detail: String,
    /// The page to look at.
    pub link: Option<String>,
    /// When it happened first.
    pub first_at: Timestamp,
    /// When it happened last.
    pub last_at: Timestamp,
    /// How often.
    pub times: i64,
    /// Where it stands.
    pub state: NoticeState,
    /// Who took note.
    pub noted_by: Option<String>,
}

/// A notice as one reader has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub notice: Notice,
    /// Whether this reader has read it.
    pub read: bool,
}

/// Something that is to be said later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// To whom.
    pub goal: Goal,
    /// When.
    pub due_at: Timestamp,
    /// Only when nobody has taken note until then.
    pub escalates: bool,
}

/// Why something about notices cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    None {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        id: i64,
    },
    /// A field is not what it should be.
    #[error("{field} is not accepted; give {accepted}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What is accepted.
        accepted: &'static str,
    },
    /// What is kept of a target cannot be opened with the data key of this hub.
    #[error("the settings of target {id} cannot be opened with this hub's data key; enter them again")]
    Sealed {
        /// Which.
        id: i64,
    },
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

impl From<NoticeError> for Error {
    fn from(error: NoticeError) -> Error {
        match error {
            NoticeError::None { .. } => Error::not_found(error.to_string()),
            NoticeError::Field { .. } => Error::invalid(error.to_string()),
            NoticeError::Sealed { .. } => Error::new(Kind::Conflict, error.to_string()),
            NoticeError::Store { cause, .. } => cause.into(),
        }
    }
}
