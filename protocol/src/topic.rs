//! MQTT topics, both ways, and nothing else.
//!
//! Five levels at most, `[a-z0-9-]` in each: what every broker takes. `g1` is the generation of the wire; a
//! breaking change gets `g2` and both run side by side while stations are renewed.
//!
//! ```
//! use packline_protocol::topic::{Topic, UpStream};
//! # use packline_protocol::id::{SiteId, StationId};
//! let site = SiteId::parse("sz-1").unwrap();
//! let station = StationId::parse("pack-07").unwrap();
//! let topic = Topic::Up(site, station, UpStream::Scans);
//! assert_eq!(topic.to_string(), "g1/up/sz-1/pack-07/ev");
//! assert_eq!(Topic::parse("g1/up/sz-1/pack-07/ev"), Some(topic));
//! assert_eq!(Topic::parse("g1/up/sz-1/pack-07/ev/more"), None);
//! ```

use crate::id::{SiteId, StationId};
use std::fmt;

/// The largest payload on any topic, in bytes: below the 128 KiB of the strictest brokers.
pub const PAYLOAD_MAX: usize = 120 * 1024;

/// How every topic of this generation of the wire begins.
pub const ROOT: &str = "g1/";

/// What a topic carries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Deltas of a site's change log, to all its stations; QoS 0, since gaps are found anyway.
    Log(SiteId),
    /// The site's head: retained, QoS 1, repeated every few seconds.
    Head(SiteId),
    /// Answers to one station; QoS 1.
    Answer(SiteId, StationId),
    /// From one station to the hub; QoS 1.
    Up(SiteId, StationId, UpStream),
}

/// The streams from a station.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpStream {
    /// Scan records: batches and hints.
    Scans,
    /// Births, reports and requests.
    Requests,
    /// The will: the broker says the station has gone.
    Will,
}

impl UpStream {
    const ALL: [UpStream; 3] = [UpStream::Scans, UpStream::Requests, UpStream::Will];

    fn as_str(self) -> &'static str {
        match self {
            UpStream::Scans => "ev",
            UpStream::Requests => "rq",
            UpStream::Will => "lwt",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::Log(site) => write!(f, "g1/dn/{site}/log"),
            Topic::Head(site) => write!(f, "g1/dn/{site}/head"),
            Topic::Answer(site, station) => write!(f, "g1/rs/{site}/{station}"),
            Topic::Up(site, station, stream) => write!(f, "g1/up/{site}/{station}/{}", stream.as_str()),
        }
    }
}

impl Topic {
    /// The meaning of a topic text; `None` for any text this module would not write.
    pub fn parse(text: &str) -> Option<Topic> {
        let levels: Vec<&str> = text.splitn(6, '/').collect();
        match levels.as_slice() {
            ["g1", "dn", site, "log"] => Some(Topic::Log(SiteId::parse(site).ok()?)),
            ["g1", "dn", site, "head"] => Some(Topic::Head(SiteId::parse(site).ok()?)),
            ["g1", "rs", site, station] => {
                Some(Topic::Answer(SiteId::parse(site).ok()?, StationId::parse(station).ok()?))
            }
            ["g1", "up", site, station, stream] => {
                let stream = UpStream::ALL.into_iter().find(|s| s.as_str() == *stream)?;
                Some(Topic::Up(SiteId::parse(site).ok()?, StationId::parse(station).ok()?, stream))
            }
            _ => None,
        }
    }
}

/// The filter under which the hub hears one stream of all stations of all sites.
pub fn all_stations(stream: UpStream) -> String {
    format!("g1/up/+/+/{}", stream.as_str())
}

/// The three exact topics that a station subscribes to.
pub fn station_filters(site: &SiteId, station: &StationId) -> [Topic; 3] {
    [Topic::Log(site.clone()), Topic::Head(site.clone()), Topic::Answer(site.clone(), station.clone())]
}

/// Whether `station` of `site` may publish to `topic`: only under its own name.
pub fn may_publish(topic: &str, site: &SiteId, station: &StationId) -> bool {
    matches!(Topic::parse(topic), Some(Topic::Up(s, t, _)) if s == *site && t == *station)
}

/// Whether `station` of `site` may subscribe to `filter`: its own answers and its site's changes, no wildcards.
pub fn may_subscribe(filter: &str, site: &SiteId, station: &StationId) -> bool {
    match Topic::parse(filter) {
        Some(Topic::Log(s) | Topic::Head(s)) => s == *site,
        Some(Topic::Answer(s, t)) => s == *site && t == *station,
        Some(Topic::Up(..)) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> (SiteId, StationId) {
        (SiteId::parse("sz-1").unwrap(), StationId::parse("pack-07").unwrap())
    }

    #[test]
    fn every_topic_reads_back_as_what_was_written() {
        let (site, station) = names();
        let mut all =
            vec![Topic::Log(site.clone()), Topic::Head(site.clone()), Topic::Answer(site.clone(), station.clone())];
        all.extend(UpStream::ALL.map(|stream| Topic::Up(site.clone(), station.clone(), stream)));
        for topic in all {
            assert_eq!(Topic::parse(&topic.to_string()), Some(topic));
        }
    }

    #[test]
    fn a_station_speaks_only_under_its_own_name() {
        let (site, station) = names();
        for (topic, allowed) in [
            ("g1/up/sz-1/pack-07/ev", true),
            ("g1/up/sz-1/pack-07/lwt", true),
            ("g1/up/sz-1/pack-08/ev", false),
            ("g1/up/sz-2/pack-07/ev", false),
            ("g1/up/sz-1/pack-07/other", false),
            ("g1/dn/sz-1/log", false),
            ("g1/rs/sz-1/pack-07", false),
        ] {
            assert_eq!(may_publish(topic, &site, &station), allowed, "{topic}");
        }
    }

    #[test]
    fn a_station_hears_only_its_site_and_itself() {
        let (site, station) = names();
        for (filter, allowed) in [
            ("g1/dn/sz-1/log", true),
            ("g1/dn/sz-1/head", true),
            ("g1/rs/sz-1/pack-07", true),
            ("g1/dn/sz-2/log", false),
            ("g1/dn/+/log", false),
            ("g1/rs/sz-1/pack-08", false),
            ("g1/up/sz-1/pack-07/ev", false),
            ("#", false),
        ] {
            assert_eq!(may_subscribe(filter, &site, &station), allowed, "{filter}");
        }
    }
}
