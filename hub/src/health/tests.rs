use super::actions::{BROKER_CONNECTED, BROKER_HELP, facts, judged};
use super::decide::judge;
use super::exposition::{STATIONS_MAX, text};
use super::model::{Disk, Facts, SiteFacts, State, StationFacts, Topic};
use super::text::{about, figure};
use crate::metrics::Metrics;
use crate::pages::text::Language;
use crate::store::testing::{ENGINES, TestApp};
use packline_protocol::id::{SiteId, StationId};
use packline_protocol::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

const NOW: Timestamp = Timestamp(1_772_323_200_000);

fn station(name: &str) -> StationFacts {
    StationFacts {
        station: StationId::parse(name).unwrap(),
        site: SiteId::parse("sz-1").unwrap(),
        online: true,
        lag: Some(0),
        differs: false,
        backlog: 0,
        journal_percent: 5,
        clock_ahead_ms: Some(-1_250),
        frames: 9,
        refused: 1,
        alarms: 0,
    }
}

fn fine() -> Facts {
    Facts {
        now: NOW,
        version: "0.1.0",
        engine: "SQLite".to_owned(),
        schema: 9,
        database_ms: Some(2),
        database_bytes: 4_096,
        database_ahead_ms: None,
        broker_up: true,
        imports_waiting: 0,
        marks_waiting: 0,
        effects_waiting: 3,
        effects_failing: 0,
        disk: Some(Disk { free: 60, size: 100 }),
        disk_warn_percent: 85,
        backup_at: Some(NOW.plus_ms(-3_600_000)),
        backup_failed: false,
        backup_daily: true,
        uptime_ms: 61_500,
        memory_bytes: Some(1_024),
        sites: vec![SiteFacts { site: SiteId::parse("sz-1").unwrap(), seq: 7, rows: 5, is_led: true }],
        stations: vec![station("pack-1"), station("pack-2")],
    }
}

#[track_caller]
fn check(topic: Topic, change: impl FnOnce(&mut Facts), expected: State) {
    let mut facts = fine();
    change(&mut facts);
    let items = judge(&facts);
    for item in &items {
        let expected = if item.topic == topic { expected } else { State::Good };
        assert_eq!(item.state, expected, "{:?} of {items:?}", item.topic);
    }
    assert!(items.iter().any(|item| item.topic == topic), "{topic:?}");
}

#[test]
fn each_thing_is_judged_by_its_own_figure() {
    use State::{Bad, Good, Warn};
    check(Topic::Database, |_| {}, Good);
    check(Topic::Database, |facts| facts.database_ms = None, Bad);
    check(Topic::Database, |facts| facts.database_ms = Some(900), Warn);
    check(Topic::Broker, |facts| facts.broker_up = false, Bad);
    check(Topic::Imports, |facts| facts.imports_waiting = 21, Warn);
    check(Topic::Marks, |facts| facts.marks_waiting = 50_001, Warn);
    check(Topic::Effects, |facts| facts.effects_failing = 1, Warn);
    check(Topic::Disk, |facts| facts.disk = Some(Disk { free: 15, size: 100 }), Warn);
    check(Topic::Disk, |facts| facts.disk = Some(Disk { free: 5, size: 100 }), Bad);
    check(Topic::Backup, |facts| facts.backup_at = None, Warn);
    check(Topic::Backup, |facts| facts.backup_at = Some(NOW.plus_ms(-27 * 3_600_000)), Warn);
    check(
        Topic::Backup,
        |facts| (facts.backup_at, facts.backup_daily) = (Some(NOW.plus_ms(-27 * 3_600_000)), false),
        Good,
    );
    check(Topic::Backup, |facts| facts.backup_failed = true, Warn);
    check(Topic::Clock, |facts| facts.database_ahead_ms = Some(-70_000), Bad);
    check(Topic::Clock, |facts| facts.stations.iter_mut().for_each(|at| at.clock_ahead_ms = Some(9_000)), Warn);
    check(Topic::Clock, |facts| facts.stations.truncate(0), Good);
    check(Topic::Leaders, |facts| facts.sites[0].is_led = false, Bad);
    check(Topic::Stations, |facts| facts.stations[0].online = false, Warn);
    check(Topic::Replicas, |facts| facts.stations[0].lag = Some(5_000), Warn);
    check(Topic::Replicas, |facts| facts.stations[0].differs = true, Bad);
    check(Topic::Backlog, |facts| facts.stations[0].backlog = 501, Warn);
    check(Topic::Backlog, |facts| facts.stations[0].journal_percent = 95, Bad);
}

#[test]
fn everything_that_is_judged_has_words_in_both_languages() {
    for item in judge(&fine()) {
        for language in [Language::Zh, Language::En] {
            let (what, to_do) = about(item.topic, language);
            assert!(!what.is_empty() && !to_do.is_empty() && !figure(&item.figure, language).is_empty());
        }
    }
}

#[tokio::test]
async fn a_hubs_own_facts_are_looked_up_on_both_databases() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        app.metrics.gauge(BROKER_CONNECTED, BROKER_HELP, &[]).set(1);
        let (facts, items, worst) = judged(&app).await.unwrap();
        assert!(facts.database_bytes > 0 && facts.disk.is_some() && facts.memory_bytes > Some(0), "{facts:?}");
        let bad: Vec<_> = items.iter().filter(|item| item.state != State::Good).map(|item| item.topic).collect();
        // Nobody has backed it up yet. On PostgreSQL the clock differs, since the test's stands still.
        assert!(bad.contains(&Topic::Backup) && worst >= State::Warn, "{engine}: {bad:?}");
    }
}

/// Name and labels of every series of an exposition; panics where Prometheus' grammar is not kept.
fn parse(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut families: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut family, mut kind, mut helped) = (String::new(), String::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name) && !help.is_empty(), "{line}");
            helped = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, is) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&is), "{line}");
            assert_eq!(name, helped, "HELP and TYPE stand together: {line}");
            assert!(families.insert(name.to_owned(), BTreeSet::new()).is_none(), "{name} comes twice");
            assert!(is != "counter" || name.ends_with("_total"), "{name}");
            (family, kind) = (name.to_owned(), is.to_owned());
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let number = value == "+Inf" || value.parse::<f64>().is_ok_and(f64::is_finite);
            assert!(number, "{line}");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let plain = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let of = plain.filter(|_| kind == "histogram").unwrap_or(name);
            assert_eq!(of, family, "{line} stands below its TYPE");
            check_labels(labels.strip_suffix('}').unwrap(), &is_name);
            assert!(families.get_mut(&family).unwrap().insert(series.to_owned()), "{series} comes twice");
        }
    }
    families
}

fn check_labels(mut rest: &str, is_name: &impl Fn(&str) -> bool) {
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").unwrap();
        assert!(is_name(name), "{name}");
        let mut escaped = false;
        let end = value.char_indices().find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let (at, _) = end.expect("a label's value ends");
        rest = value[at + 1..].strip_prefix(',').unwrap_or(&value[at + 1..]);
    }
}

#[test]
fn what_is_exposed_keeps_prometheus_grammar() {
    let metrics = Metrics::default();
    metrics.counter("packline_sample_total", "Samples.", &[("kind", "a\"b\\c\nd")]).inc();
    metrics
        .histogram("packline_sample_seconds", "Time.", &[("step", "a")])
        .observe(std::time::Duration::from_millis(3));
    let families = parse(&(metrics.text() + &text(&fine())));
    assert_eq!(families["packline_station_online"].len(), 2);
    let ahead = r#"packline_station_clock_ahead_seconds{site="sz-1",station="pack-1"}"#;
    assert!(families["packline_station_clock_ahead_seconds"].contains(ahead));
}

#[test]
#[should_panic(expected = "comes twice")]
fn the_check_of_the_grammar_can_fail() {
    parse(&(text(&fine()) + &text(&fine())));
}

#[test]
fn beyond_so_many_stations_only_sums_are_told() {
    let mut facts = fine();
    facts.stations = (0..=STATIONS_MAX).map(|number| station(&format!("pack-{number}"))).collect();
    let families = parse(&text(&facts));
    assert!(!families.contains_key("packline_station_online"));
    assert_eq!(families["packline_stations_active"].len(), 1);
}

#[tokio::test]
async fn every_metric_that_the_dashboard_asks_for_is_exported() {
    let app = TestApp::on(ENGINES[0]).await;
    let mut told: BTreeSet<String> = parse(&text(&facts(&app).await.unwrap())).into_keys().collect();
    told.extend(parse(&text(&fine())).into_keys());
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/grafana/packline.json");
    let dashboard: serde_json::Value = serde_json::from_slice(&std::fs::read(source).unwrap()).unwrap();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let words = target["expr"].as_str().unwrap().split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            asked.extend(
                words.filter(|word| word.starts_with("packline_") || word.starts_with("process_")).map(str::to_owned),
            );
        }
    }
    assert!(asked.len() > 15, "{asked:?}");
    let code = all_code();
    for name in asked {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        let is_counted = code.contains(&format!("\"{base}\""));
        assert!(told.contains(&name) || is_counted, "the dashboard asks for {name}, which nobody exports");
    }
}

/// The hub's code, for the names of what it counts as it goes.
fn all_code() -> String {
    let (mut code, mut folders) = (String::new(), vec![concat!(env!("CARGO_MANIFEST_DIR"), "/src").into()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir::<std::path::PathBuf>(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if !path.ends_with("health/tests.rs") => code += &std::fs::read_to_string(path).unwrap(),
                false => {}
            }
        }
    }
    code
}
