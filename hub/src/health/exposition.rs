//! The hub's health and its stations' figures in Prometheus' text format.
//!
//! Series of stations come and go with the stations, so they are written from what is known now and not kept. Labels are
//! bounded: beyond so many stations only the sums are told.

use super::model::{Facts, StationFacts};
use std::fmt::Write as _;

/// Stations that are told one by one.
pub const STATIONS_MAX: usize = 2_000;

/// What the facts are in Prometheus' text format.
pub fn text(facts: &Facts) -> String {
    let mut text = Text::default();
    text.plain(
        "packline_build_info",
        "The program and its database.",
        &[("version", facts.version), ("engine", &facts.engine)],
    );
    text.number("packline_uptime_seconds", "How long this program runs.", seconds(facts.uptime_ms));
    text.number("packline_schema_version", "The schema of the database.", facts.schema);
    text.number("packline_database_up", "Whether the database answers, 1 or 0.", u8::from(facts.database_ms.is_some()));
    text.number("packline_database_size_bytes", "How large the database is.", facts.database_bytes);
    text.number("packline_imports_waiting", "Imports that wait or run.", facts.imports_waiting);
    text.number("packline_change_marks_waiting", "Marks of changes that no log has yet.", facts.marks_waiting);
    if let Some(disk) = facts.disk {
        text.number("packline_disk_free_bytes", "What may still be written to the data folder.", disk.free);
        text.number("packline_disk_size_bytes", "The disk that the data folder is on.", disk.size);
    }
    if let Some(at) = facts.backup_at {
        let help = "When the newest backup that is done was begun.";
        text.number("packline_backup_last_timestamp_seconds", help, at.0 / 1_000);
    }
    let help = "Whether the newest try of a backup failed, 1 or 0.";
    text.number("packline_backup_failed", help, u8::from(facts.backup_failed));
    if let Some(bytes) = facts.memory_bytes {
        text.number("process_resident_memory_bytes", "Memory of this process that is in use.", bytes);
    }
    sites(&mut text, facts);
    stations(&mut text, facts);
    text.0
}

fn sites(text: &mut Text, facts: &Facts) {
    let site = |value: fn(&super::model::SiteFacts) -> u64| {
        facts.sites.iter().map(|site| (vec![("site", site.site.as_str())], value(site).to_string())).collect()
    };
    text.family("packline_site_log_seq", "The newest change of each site's log.", site(|site| site.seq));
    text.family("packline_site_rows", "Rows that stations of each site have.", site(|site| site.rows));
    let help = "Whether a hub leads each site, 1 or 0.";
    text.family("packline_site_led", help, site(|site| u64::from(site.is_led)));
}

fn stations(text: &mut Text, facts: &Facts) {
    text.number("packline_stations_active", "Stations that may work.", facts.stations.len());
    let backlog: u64 = facts.stations.iter().map(|station| station.backlog).sum();
    text.number("packline_stations_backlog_records", "Records that no station has an acknowledgement for.", backlog);
    if facts.stations.len() > STATIONS_MAX {
        return;
    }
    let each = |value: &dyn Fn(&StationFacts) -> Option<String>| {
        let series = facts.stations.iter().filter_map(|station| {
            Some((vec![("site", station.site.as_str()), ("station", station.station.as_str())], value(station)?))
        });
        series.collect()
    };
    let whole = |value: fn(&StationFacts) -> u64| move |station: &StationFacts| Some(value(station).to_string());
    text.family(
        "packline_station_online",
        "Whether a station is connected, 1 or 0.",
        each(&whole(|at| at.online.into())),
    );
    let lag = |at: &StationFacts| at.lag.map(|lag| lag.to_string());
    text.family("packline_station_lag_changes", "Changes that a replica does not have.", each(&lag));
    let help = "Whether a replica is proven to be another than the hub's, 1 or 0.";
    text.family("packline_station_replica_differs", help, each(&whole(|at| at.differs.into())));
    let help = "Records that a station has no acknowledgement for.";
    text.family("packline_station_backlog_records", help, each(&whole(|at| at.backlog)));
    let help = "How full a station's journal is, from 0 to 1.";
    let ratio = |at: &StationFacts| Some(format!("{}.{:02}", at.journal_percent / 100, at.journal_percent % 100));
    text.family("packline_station_journal_used_ratio", help, each(&ratio));
    let ahead = |at: &StationFacts| {
        at.clock_ahead_ms.map(|ms| {
            let sign = if ms < 0 { "-" } else { "" };
            format!("{sign}{}.{:03}", ms.unsigned_abs() / 1_000, ms.unsigned_abs() % 1_000)
        })
    };
    text.family("packline_station_clock_ahead_seconds", "A station's clock ahead of the hub's.", each(&ahead));
    text.family("packline_station_frames", "Frames read since a station started.", each(&whole(|at| at.frames)));
    let help = "Frames refused since a station started.";
    text.family("packline_station_frames_refused", help, each(&whole(|at| at.refused)));
    text.family("packline_station_alarms", "Alarms raised about a station.", each(&whole(|at| at.alarms)));
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Labels and value of one series.
type Series<'a> = (Vec<(&'static str, &'a str)>, String);

/// A text that grows by whole families.
#[derive(Default)]
struct Text(String);

impl Text {
    fn number(&mut self, name: &'static str, help: &str, value: impl ToString) {
        self.family(name, help, vec![(Vec::new(), value.to_string())]);
    }

    fn plain(&mut self, name: &'static str, help: &str, labels: &[(&'static str, &str)]) {
        self.family(name, help, vec![(labels.to_vec(), "1".to_owned())]);
    }

    /// A family without series is left out.
    fn family(&mut self, name: &'static str, help: &str, series: Vec<Series<'_>>) {
        if series.is_empty() {
            return;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in series {
            let pairs: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
            let braced = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
            let _ = writeln!(self.0, "{name}{braced} {value}");
        }
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
