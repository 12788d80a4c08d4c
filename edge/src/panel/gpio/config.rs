//! How lamps, buzzer and relay are wired: the `[light]` table of a station's configuration.

use crate::scan::config::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The highest line number accepted; chips have far fewer.
const OFFSET_MAX: u32 = 1023;

/// The stack light of a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LightConfig {
    /// The GPIO chip, for example `/dev/gpiochip0`.
    pub chip: PathBuf,
    /// The line of the red lamp.
    pub red: Option<u32>,
    /// The line of the amber lamp.
    pub amber: Option<u32>,
    /// The line of the green lamp.
    pub green: Option<u32>,
    /// The line of the buzzer.
    pub buzzer: Option<u32>,
    /// The line of the relay that stops the conveyor.
    pub line_stop: Option<u32>,
    /// What the relay does when it carries current.
    #[serde(default)]
    pub line_stop_wiring: LineStopWiring,
    /// Whether a parcel that a person has to look at stops the line too.
    #[serde(default)]
    pub stop_on_ask: bool,
    /// Whether the board switches on at a low level.
    #[serde(default)]
    pub active_low: bool,
    /// Whether each line is switched and read back at the start; true when absent.
    #[serde(default = "yes")]
    pub self_test: bool,
}

/// What the line-stop relay does when it carries current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineStopWiring {
    /// The line runs: it stops when the station loses power or dies.
    #[default]
    EnergisedRuns,
    /// The line stops: it runs on when the station loses power or dies, for lines that a stop would jam.
    EnergisedStops,
}

/// Everything wrong with a `[light]` table; empty when it can be used.
pub fn problems(config: &LightConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut value = |key: &str, value: String, accepted: &str| {
        problems.push(Problem::Value { key: format!("light.{key}"), value, accepted: accepted.to_owned() });
    };
    if !config.chip.is_absolute() {
        value("chip", config.chip.display().to_string(), "give a whole path, for example /dev/gpiochip0");
    }
    let lines = [
        ("red", config.red),
        ("amber", config.amber),
        ("green", config.green),
        ("buzzer", config.buzzer),
        ("line_stop", config.line_stop),
    ];
    let mut taken = BTreeMap::new();
    for (key, offset) in lines.into_iter().filter_map(|(key, offset)| Some((key, offset?))) {
        if offset > OFFSET_MAX {
            value(key, offset.to_string(), &format!("give a line number from 0 to {OFFSET_MAX}"));
        } else if let Some(other) = taken.insert(offset, key) {
            value(key, offset.to_string(), &format!("give another line, this one is light.{other}"));
        }
    }
    if taken.is_empty() && problems.is_empty() {
        let accepted = "give the line of at least one of red, amber, green, buzzer, line_stop".to_owned();
        problems.push(Problem::Missing { key: "light.red".to_owned(), accepted });
    }
    problems
}

fn yes() -> bool {
    true
}
