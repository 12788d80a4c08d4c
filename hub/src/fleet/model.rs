//! The nouns of the fleet: sites, stations, invitations, and what is known of a station now.

use packline_protocol::change::SiteSettings;
use packline_protocol::id::{BootId, Epoch, Revision, ScanSeq, ScannerId, Seq, SiteId, StationEpoch, StationId};
use packline_protocol::rules::check::RuleError;
use packline_protocol::time::Timestamp;
use packline_protocol::uplink::{Alarm, ReplicaState, ScannerReport};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

/// An invitation is good for so long, in milliseconds: half an hour.
pub const CLAIM_TTL_MS: i64 = 30 * 60_000;
/// A station that was not heard for so long counts as gone even without a will, in milliseconds.
pub const SILENT_AFTER_MS: i64 = 60_000;

/// A site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub site: SiteId,
    /// How it works.
    pub settings: SiteSettings,
    /// The row of its published rule set; the built-in one holds without.
    pub rules: Option<Vec<u8>>,
}

/// A station as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// Its name.
    pub station: StationId,
    /// Its site.
    pub site: SiteId,
    /// Where its registration stands.
    pub status: StationStatus,
    /// What its messages are checked with, once it has enrolled.
    pub public_key: Option<[u8; 32]>,
    /// What the embedded broker keeps of its secret.
    pub secret_hash: Option<String>,
    /// What an outside Mosquitto keeps of its secret.
    pub mosquitto_hash: Option<String>,
    /// When it was first invited.
    pub created_at: Timestamp,
    /// When it last enrolled.
    pub enrolled_at: Option<Timestamp>,
    /// When it was shut out.
    pub revoked_at: Option<Timestamp>,
}

/// Where a station's registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StationStatus {
    /// An invitation was given out and not used.
    Invited,
    /// It may connect.
    Active,
    /// It may not connect.
    Revoked,
}

impl StationStatus {
    /// The word in the database and in APIs.
    pub fn word(self) -> &'static str {
        match self {
            StationStatus::Invited => "invited",
            StationStatus::Active => "active",
            StationStatus::Revoked => "revoked",
        }
    }

    /// The status of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Invited, Self::Active, Self::Revoked].into_iter().find(|status| status.word() == word)
    }
}

/// An invitation as it is stored, without its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who is invited.
    pub station: StationId,
    /// Where.
    pub site: SiteId,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// The keys that used it, if it was used.
    pub used_by: Option<Keys>,
}

/// What a station made for itself: the public half of its key and the hash of its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Ed25519.
    pub public_key: [u8; 32],
    /// As the embedded broker keeps it.
    pub secret_hash: String,
}

/// An invitation to give to whoever sets the station up. The token is shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The one-time token: 40 hexadecimal digits.
    pub token: String,
    /// When it runs out.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invitation(until {})", self.expires_at)
    }
}

/// What is known of a station now. Kept in memory, and as JSON for pages of another process and after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationState {
    /// The connection.
    pub session: u64,
    /// Whether it is connected, as far as births and deaths tell.
    pub online: bool,
    /// When the hub last heard it.
    pub seen_at: Timestamp,
    /// When this connection began.
    pub born_at: Timestamp,
    /// The daemon's life.
    pub boot: BootId,
    /// The version of its program.
    pub version: String,
    /// The journal's life.
    pub station_epoch: StationEpoch,
    /// The newest record of its journal at birth.
    pub journal_to: ScanSeq,
    /// Where its replica stands.
    pub replica: ReplicaState,
    /// How it compared with the hub's log at the last report.
    pub digest: Digest,
    /// The rule set it judges by.
    pub revision: Revision,
    /// Records not yet acknowledged.
    pub backlog: u64,
    /// How full the journal's space is, in percent.
    pub journal_percent: u8,
    /// Its scanners.
    pub scanners: Vec<ScannerReport>,
    /// What a person should know.
    pub alarms: Vec<Alarm>,
    /// How far its wall clock is ahead of the hub's, in milliseconds.
    pub clock_ahead_ms: i64,
    /// Whether it knows its clock to be right.
    pub wall_trusted: bool,
    /// What the hub itself found wrong about it.
    pub found: Vec<Alarm>,
}

/// How a replica compares with the hub's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Digest {
    /// Nothing is known of it.
    Unknown,
    /// Proven equal to the hub's newest state.
    Equal,
    /// Behind by so many changes; proven equal at its own position when `proven`.
    Behind {
        /// How many changes.
        changes: u64,
        /// Whether its proof matched the hub's at its position.
        proven: bool,
    },
    /// At the same position with another proof: damage, or a fault.
    Different,
    /// Of another life of the log: it will fetch a snapshot.
    OtherLife,
}

/// How old what a station judges by is, as the hub sees it: its last reported position against the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum DataAge {
    /// Nobody can say: it never reported, or follows another life of the log.
    Unknown,
    /// It has every change.
    UpToDate,
    /// It lacks changes.
    Behind {
        /// When the oldest of them was made, in milliseconds since 1970.
        #[schema(value_type = i64)]
        since: Timestamp,
    },
}

/// A station as APIs and pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StationView {
    /// Its name.
    #[schema(value_type = String)]
    pub station: StationId,
    /// Its site.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// Where its registration stands.
    pub status: StationStatus,
    /// Whether it is connected.
    pub online: bool,
    /// When the hub last heard it, in milliseconds since 1970.
    #[schema(value_type = Option<i64>)]
    pub seen_at: Option<Timestamp>,
    /// When its connection began, in milliseconds since 1970.
    #[schema(value_type = Option<i64>)]
    pub born_at: Option<Timestamp>,
    /// The version of its program.
    pub version: Option<String>,
    /// The newest change that its replica has.
    #[schema(value_type = Option<u64>)]
    pub replica_seq: Option<Seq>,
    /// The life of the log that it follows, as text.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = Option<String>)]
    pub replica_epoch: Option<Epoch>,
    /// How many rows its replica has.
    pub replica_rows: Option<u64>,
    /// How its replica compares with the hub's log.
    pub digest: Digest,
    /// How old what it judges by is.
    pub data: DataAge,
    /// The rule set it judges by.
    #[schema(value_type = Option<u64>)]
    pub revision: Option<Revision>,
    /// Records that it has not got an acknowledgement for.
    pub backlog: Option<u64>,
    /// How full its journal is, in percent.
    pub journal_percent: Option<u8>,
    /// How far its wall clock is ahead of the hub's, in milliseconds.
    pub clock_ahead_ms: Option<i64>,
    /// Its scanners.
    pub scanners: Vec<ScannerView>,
    /// What a person should know, its own words first.
    pub alarms: Vec<AlarmView>,
    /// When it was first invited, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub created_at: Timestamp,
    /// When it last enrolled, in milliseconds since 1970.
    #[schema(value_type = Option<i64>)]
    pub enrolled_at: Option<Timestamp>,
    /// When it was shut out, in milliseconds since 1970.
    #[schema(value_type = Option<i64>)]
    pub revoked_at: Option<Timestamp>,
}

/// A scanner as APIs and pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScannerView {
    /// Which.
    #[schema(value_type = String)]
    pub scanner: ScannerId,
    /// Whether it is there.
    pub online: bool,
    /// Frames read since the daemon started.
    pub frames: u64,
    /// Frames refused as noise, overlong or broken.
    pub refused: u64,
}

/// An alarm as APIs and pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AlarmView {
    /// A short stable key.
    pub key: String,
    /// One sentence.
    pub text: String,
}

/// Why something about the fleet cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// There is no such station.
    #[error("there is no station `{station}`")]
    NoStation {
        /// Which.
        station: StationId,
    },
    /// There is no such site.
    #[error("there is no site `{site}`")]
    NoSite {
        /// Which.
        site: SiteId,
    },
    /// The station works elsewhere.
    #[error("station `{station}` belongs to site `{site}`; revoke it there first")]
    ElsewhereActive {
        /// Which.
        station: StationId,
        /// Where.
        site: SiteId,
    },
    /// Nobody gave out this token.
    #[error("the token is not known; ask for a new one with `packline-hub station add`")]
    UnknownToken,
    /// The token came too late.
    #[error("the token has run out; ask for a new one with `packline-hub station add`")]
    ExpiredToken,
    /// The token was used with other keys.
    #[error("the token has been used by another station; ask for a new one with `packline-hub station add`")]
    UsedToken,
    /// A field of the request is not what it should be.
    #[error("{field} is not accepted; give {accepted}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What is accepted.
        accepted: &'static str,
    },
    /// The rule set is one that nobody should judge by.
    #[error("the rule set cannot be published")]
    Rules(#[source] RuleError),
    /// The rule set is not newer than the one that holds.
    #[error("the rule set has revision `{given}`; give one above {holds}")]
    OldRules {
        /// What was given.
        given: Revision,
        /// What holds.
        holds: Revision,
    },
    /// The store failed.
    #[error("failed to {what}")]
    Store {
        /// What was attempted.
        what: &'static str,
        /// Why.
        #[source]
        cause: crate::store::StoreError,
    },
}

fn as_text<S: Serializer>(epoch: &Option<Epoch>, serializer: S) -> Result<S::Ok, S::Error> {
    match epoch {
        Some(epoch) => serializer.collect_str(epoch),
        None => serializer.serialize_none(),
    }
}
