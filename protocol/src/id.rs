//! Identities. Each is its own type, checked once where it enters, so that they never mix.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not an identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has characters outside the accepted set, is empty, or is too long.
    #[error("{what} is `{value}`; give 1 to {max} characters of a-z, 0-9 and `-`")]
    Name {
        /// Which identity was attempted.
        what: &'static str,
        /// What was given, cut to 64 characters.
        value: String,
        /// The longest accepted text, in characters.
        max: usize,
    },
}

/// The longest site, station or scanner name, in characters: five of them fit in an MQTT topic.
pub const NAME_MAX: usize = 32;

macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Accepts 1 to [`NAME_MAX`] characters of `a-z`, `0-9` and `-`: what every broker takes in a topic.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let fits = !text.is_empty()
                    && text.len() <= NAME_MAX
                    && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if fits {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError::Name { what: $what, value: text.chars().take(64).collect(), max: NAME_MAX })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_id!(
    /// A warehouse: the unit of replication.
    SiteId, "site"
);
name_id!(
    /// One Raspberry Pi at a packing table, unique over all sites of a hub.
    StationId, "station"
);
name_id!(
    /// One scanner (or the manual entry box) on a station, unique within it.
    ScannerId, "scanner"
);
name_id!(
    /// A rule, unique within its rule set.
    RuleId, "rule"
);

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number_id!(
    /// The hub's number of an order.
    OrderId
);
number_id!(
    /// The hub's number of a parcel; below 2^56, see [`crate::change::RowId`].
    ParcelId
);
number_id!(
    /// A place in a site's change log; the first change is 1 and 0 means "nothing yet".
    Seq
);
number_id!(
    /// A place in a station's journal; the first record is 1 and 0 means "nothing yet".
    ScanSeq
);
number_id!(
    /// One life of a change log: a random number that changes when the hub was created, restored or repaired.
    Epoch
);
number_id!(
    /// One life of a station's journal: a random number made with the journal file.
    StationEpoch
);
number_id!(
    /// One boot of a station daemon: a random number made at start.
    BootId
);
number_id!(
    /// A published rule set; higher is newer, 0 is the built-in one.
    Revision
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_takes_only_what_every_broker_takes_in_a_topic() {
        for good in ["a", "sz-1", "pack-line-07", &"x".repeat(32)] {
            assert_eq!(StationId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "A", "a/b", "a+b", "a#", "a b", "工位", &"x".repeat(33)] {
            let error = StationId::parse(bad).unwrap_err().to_string();
            assert!(error.contains("station is `"), "{error}");
        }
    }
}
