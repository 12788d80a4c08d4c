//! Who may use which topics: pure decisions on top of [`packline_protocol::topic`].

use packline_protocol::id::{SiteId, StationId};
use packline_protocol::topic::{self, Topic, UpStream};

/// Who is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The hub itself.
    Hub,
    /// The broker's supervisor, which only tries whether it can connect.
    Probe,
    /// A station.
    Station {
        /// Its site.
        site: SiteId,
        /// Itself.
        station: StationId,
    },
}

impl Who {
    /// Whether a message may be published on `topic`. Only the hub leaves retained messages.
    pub fn may_publish(&self, topic: &str, retain: bool) -> bool {
        match self {
            Self::Hub => topic.starts_with(topic::ROOT),
            Self::Probe => false,
            Self::Station { site, station } => !retain && topic::may_publish(topic, site, station),
        }
    }

    /// Whether `filter` may be subscribed. Stations give exact topics, so a wildcard is refused by itself.
    pub fn may_subscribe(&self, filter: &str) -> bool {
        match self {
            Self::Hub => filter.starts_with(topic::ROOT),
            Self::Probe => false,
            Self::Station { site, station } => topic::may_subscribe(filter, site, station),
        }
    }

    /// Whether `topic` may be this client's will.
    pub fn may_bequeath(&self, topic: &str, retain: bool) -> bool {
        match self {
            Self::Hub | Self::Probe => false,
            Self::Station { site, station } => {
                let own = Topic::Up(site.clone(), station.clone(), UpStream::Will);
                !retain && topic == own.to_string()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn station() -> Who {
        Who::Station { site: SiteId::parse("sz").unwrap(), station: StationId::parse("pack-1").unwrap() }
    }

    #[track_caller]
    fn check(topic: &str, publish: bool, subscribe: bool, bequeath: bool) {
        let who = station();
        let found = (who.may_publish(topic, false), who.may_subscribe(topic), who.may_bequeath(topic, false));
        assert_eq!(found, (publish, subscribe, bequeath), "{topic}");
    }

    #[test]
    fn a_station_reaches_its_own_topics_and_no_others() {
        check("g1/up/sz/pack-1/ev", true, false, false);
        check("g1/up/sz/pack-1/rq", true, false, false);
        check("g1/up/sz/pack-1/lwt", true, false, true);
        check("g1/rs/sz/pack-1", false, true, false);
        check("g1/dn/sz/log", false, true, false);
        check("g1/dn/sz/head", false, true, false);
        for foreign in [
            "",
            "#",
            "g1/#",
            "g1/+/sz/pack-1",
            "g1/up/sz/pack-1",
            "g1/up/sz/pack-1/",
            "g1/up/sz/pack-1/ev/deep",
            "g1/up/sz/pack-10/ev",
            "g1/up/sz/pack-2/ev",
            "g1/up/gz/pack-1/ev",
            "g1/rs/sz/pack-2",
            "g1/rs/sz/+",
            "g1/dn/sz/+",
            "g1/dn/sz/#",
            "g1/dn/sz/other",
            "g1/dn/gz/log",
            "g1/dn/+/log",
            "g2/dn/sz/log",
            "$share/a/g1/dn/sz/log",
            "$SYS/brokers",
        ] {
            check(foreign, false, false, false);
        }
    }

    #[test]
    fn a_station_leaves_nothing_retained() {
        assert!(!station().may_publish("g1/up/sz/pack-1/ev", true));
        assert!(!station().may_bequeath("g1/up/sz/pack-1/lwt", true));
    }

    #[test]
    fn the_hub_uses_this_generation_of_topics_and_the_probe_none() {
        assert!(Who::Hub.may_publish("g1/dn/sz/head", true));
        assert!(Who::Hub.may_subscribe("g1/up/sz/+/ev"));
        assert!(!Who::Hub.may_publish("$SYS/x", false));
        assert!(!Who::Hub.may_subscribe("#"));
        assert!(!Who::Probe.may_publish("g1/dn/sz/log", false));
        assert!(!Who::Probe.may_subscribe("g1/dn/sz/log"));
    }
}
