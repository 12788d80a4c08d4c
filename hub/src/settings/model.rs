//! The settings, what each of them accepts, and their history.

use crate::error::Detail;
use crate::store::StoreError;
use packline_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What a setting accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A text of at most so many characters, without control characters.
    Text {
        /// How many.
        max: usize,
    },
    /// Yes or no.
    Flag,
    /// A whole number.
    Number {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
}

/// One setting: its name and what it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// Its name in the API and in the database.
    pub name: &'static str,
    /// What it accepts.
    pub shape: Shape,
}

macro_rules! settings {
    ($($(#[$doc:meta])+ $name:ident: $kind:ty = $default:expr, $shape:expr;)+) => {
        /// Settings of the whole hub.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct HubSettings {
            $($(#[$doc])+ pub $name: $kind,)+
        }

        impl Default for HubSettings {
            fn default() -> Self {
                Self { $($name: $default.into(),)+ }
            }
        }

        /// Every setting, in the order in which pages show them.
        pub const SPECS: &[Spec] = &[$(Spec { name: stringify!($name), shape: $shape }),+];
    };
}

/// From one number to another.
const fn number(min: i64, max: i64) -> Shape {
    Shape::Number { min, max }
}

settings! {
    /// What the company is called on pages and in messages.
    #[schema(max_length = 80)]
    company_name: String = "", Shape::Text { max: 80 };
    /// The company's time zone, in minutes ahead of UTC; 480 is China Standard Time.
    #[schema(minimum = -720, maximum = 840)]
    utc_offset_minutes: i64 = 480, number(-720, 840);
    /// Whether the hub backs itself up once a day.
    backup_daily: bool = true, Shape::Flag;
    /// From which hour on, in the company's time zone.
    #[schema(minimum = 0, maximum = 23)]
    backup_hour: i64 = 3, number(0, 23);
    /// How many of its daily backups it keeps.
    #[schema(minimum = 2, maximum = 366)]
    backup_keep: i64 = 7, number(2, 366);
    /// Whether the backup folder is on another machine or disk, or is copied there: then stations may forget records
    /// that are in a backup.
    backup_off_machine: bool = false, Shape::Flag;
    /// For how many days scan records and conflicts are kept.
    #[schema(minimum = 30, maximum = 3650)]
    scans_keep_days: i64 = 400, number(30, 3_650);
    /// For how many days finished imports and their errors are kept.
    #[schema(minimum = 7, maximum = 3650)]
    imports_keep_days: i64 = 90, number(7, 3_650);
    /// For how many days names, phone numbers and addresses are kept after an order is over.
    #[schema(minimum = 1, maximum = 3650)]
    contacts_keep_days: i64 = 180, number(1, 3_650);
    /// After how many minutes without use a session ends.
    #[schema(minimum = 5, maximum = 10080)]
    session_rest_minutes: i64 = 720, number(5, 10_080);
    /// After how many hours a session ends in any case.
    #[schema(minimum = 1, maximum = 720)]
    session_life_hours: i64 = 168, number(1, 720);
    /// From this share of use on, in percent, the hub warns that its disk fills.
    #[schema(minimum = 50, maximum = 99)]
    disk_warn_percent: i64 = 85, number(50, 99);
}

/// A change of a setting.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Change {
    /// Its number.
    pub id: i64,
    /// `hub`, or `site:` and the site's name.
    pub scope: String,
    /// Which setting.
    pub name: String,
    /// When, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What it was.
    pub before: Value,
    /// What it became.
    pub after: Value,
}

/// The scope of the hub's own settings.
pub const HUB: &str = "hub";

/// Settings by name.
pub type Values = Map<String, Value>;

/// Why settings cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Values that are not accepted.
    #[error("{} of the settings are not accepted", details.len())]
    Values {
        /// Each of them.
        details: Vec<Detail>,
    },
    /// There is no such change.
    #[error("there is no change `{id}` of these settings")]
    NoChange {
        /// Which.
        id: i64,
    },
    /// The change is of something that has its own way back.
    #[error("change `{id}` is of `{scope}`; change it there")]
    OtherScope {
        /// Which.
        id: i64,
        /// Of what.
        scope: String,
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
