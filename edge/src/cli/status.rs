//! How the station on this machine does: asked over its loopback port, or read from its files while it does not run.

use super::{offline, say};
use crate::config::Config;
use anyhow::Context as _;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Prints the station's state.
pub fn status(config: &Config, json: bool) -> anyhow::Result<()> {
    let status = match fetch(config, "api/status")? {
        Some(mut status) => {
            status["running"] = json!(true);
            status
        }
        None => offline::status(config)?,
    };
    if json { say(&status.to_string()) } else { say(&lines(&status)) }
}

/// The answer of the running station; `None` when none listens.
pub fn fetch(config: &Config, path: &str) -> anyhow::Result<Option<Value>> {
    let url = format!("http://{}/{path}", config.panel_listen);
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().new_agent();
    match agent.get(&url).call() {
        Ok(mut answer) => {
            let value = answer.body_mut().with_config().limit(64 << 20).read_json();
            value.map(Some).with_context(|| format!("`{url}` does not answer like a station"))
        }
        Err(ureq::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to ask the station at `{url}`")),
    }
}

fn lines(status: &Value) -> String {
    let text = |pointer: &str| match status.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "unknown".to_owned(),
        Some(value) => value.to_string(),
    };
    let mut lines = vec![
        format!("running   {}", text("/running")),
        format!("station   {} of {}", text("/station"), text("/site")),
        format!("link      {} {}", if status["link"]["up"] == true { "up" } else { "down" }, text("/link/doing")),
        format!(
            "replica   {} rows at change {} of epoch {}",
            text("/replica/rows"),
            text("/replica/seq"),
            text("/replica/epoch")
        ),
        format!("data age  {} ms", text("/link/age_ms")),
        format!("backlog   {} records, journal {} % full", text("/journal/backlog"), text("/journal/percent")),
    ];
    for scanner in status["scanners"].as_array().into_iter().flatten() {
        let state = if scanner["online"] == true { "online" } else { scanner["why"].as_str().unwrap_or("offline") };
        lines.push(format!("scanner   {} {state}", scanner["scanner"].as_str().unwrap_or_default()));
    }
    for alarm in status["alarms"].as_array().into_iter().flatten() {
        let part = |key: &str| alarm[key].as_str().unwrap_or_default().to_owned();
        lines.push(format!("alarm     {}: {}", part("key"), part("text")));
    }
    lines.join("\n")
}
