//! Everything that happened to an order on one line of time: what its sources told, what people did, what stations saw.

use crate::audit::model::Recorded;
use crate::audit::text as audit;
use crate::orders::model::OrderEvent;
use crate::orders::text::Text;
use crate::pages::mark::Mark;
use crate::pages::text::Language;
use crate::pages::time::clock_time;
use crate::scans::model::ScanRow;
use crate::scans::pages::line as scan_line;
use packline_protocol::id::OrderId;
use serde_json::Value;

/// Something that happened.
pub struct Happening {
    at_ms: i64,
    /// When.
    pub at: String,
    /// What kind.
    pub kind: Mark,
    /// Who, and from where.
    pub actor: String,
    /// What, line by line.
    pub what: Vec<String>,
}

/// A part of the timeline that can be chosen.
pub struct Tab {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub address: String,
    /// Whether it is the one that is shown.
    pub here: bool,
}

/// The parts of the timeline: all, by people, by sources, by stations.
pub fn tabs(order: OrderId, shown: &str, o: &'static Text) -> Vec<Tab> {
    let parts = [("", o.show_all), ("people", o.show_people), ("sources", o.show_sources), ("scans", o.show_scans)];
    let address = |word: &str| match word {
        "" => format!("/orders/{order}#history"),
        word => format!("/orders/{order}?show={word}#history"),
    };
    let known = parts.iter().any(|(word, _)| *word == shown);
    let here = |word: &str| word == shown || word.is_empty() && !known;
    parts.into_iter().map(|(word, name)| Tab { name, address: address(word), here: here(word) }).collect()
}

/// What happened, the newest first.
pub fn timeline(
    events: &[OrderEvent],
    scans: &[ScanRow],
    entries: &[Recorded],
    shown: &str,
    language: Language,
) -> Vec<Happening> {
    let by_person = |event: &OrderEvent| event.actor.starts_with("user:") && event.source == "page";
    let wanted = |event: &&OrderEvent| match shown {
        "people" => by_person(event),
        "sources" => !by_person(event) && event.kind != "released",
        "scans" => event.kind == "released",
        _ => true,
    };
    let mut all: Vec<Happening> = events.iter().filter(wanted).map(|event| told(event, language)).collect();
    if !["people", "sources"].contains(&shown) {
        all.extend(scans.iter().map(|scan| seen(scan, language)));
    }
    if !["sources", "scans"].contains(&shown) {
        // Changes of the order itself are events already.
        let others = entries.iter().filter(|entry| !EVENTS.contains(&entry.action.as_str()));
        all.extend(others.map(|entry| written(entry, language)));
    }
    all.sort_by_key(|happening| std::cmp::Reverse(happening.at_ms));
    all
}

fn told(event: &OrderEvent, language: Language) -> Happening {
    let (tone, kind) = match event.kind.as_str() {
        "created" => ("good", language.pick("新建", "created")),
        "changed" => ("plain", language.pick("变更", "changed")),
        "late" => ("warn", language.pick("迟到的消息", "late message")),
        "refused" => ("bad", language.pick("拒绝的变更", "refused")),
        "released" => ("release", language.pick("工位放行", "released")),
        other => ("plain", other),
    };
    Happening {
        at_ms: event.at.0,
        at: clock_time(event.at),
        kind: Mark::new(tone, kind),
        actor: format!("{} · {}", event.actor, event.source),
        what: lines(&event.detail),
    }
}

/// The detail of an event, a line for each change.
fn lines(detail: &Value) -> Vec<String> {
    let Some(map) = detail.as_object() else { return Vec::new() };
    let mut lines = Vec::new();
    for (name, value) in map {
        match value.as_array().filter(|_| name == "changes") {
            Some(changes) => lines.extend(changes.iter().map(change)),
            None => lines.push(format!("{name}: {}", plain(value))),
        }
    }
    lines
}

fn change(change: &Value) -> String {
    let part = |name: &str| match change[name].as_str() {
        Some("") | None => "–",
        Some(text) => text,
    };
    format!("{}: {} → {}", part("field"), part("from"), part("to"))
}

/// A value without the marks of JSON around a text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}

/// Actions that stand in the order's own history with all that the audit log says.
const EVENTS: [&str; 2] = ["orders.tags", "orders.must_not_ship"];

fn written(entry: &Recorded, language: Language) -> Happening {
    let reason = entry.reason.as_ref().map(|reason| format!("{}: {reason}", language.pick("原因", "reason")));
    let action = audit::action(&entry.action, language);
    Happening {
        at_ms: entry.at.0,
        at: clock_time(entry.at),
        kind: Mark::new("plain", language.pick("审计", "audit")),
        actor: entry.actor.clone(),
        what: [action].into_iter().chain(reason).collect(),
    }
}

fn seen(row: &ScanRow, language: Language) -> Happening {
    let scan = scan_line(row, language);
    let at = row.wall.unwrap_or(row.received_at);
    let what = [scan.code, scan.reason].into_iter().filter(|text| !text.is_empty()).collect();
    Happening {
        at_ms: at.0,
        at: clock_time(at),
        kind: scan.outcome,
        actor: format!("station:{} · {}", scan.station, scan.scanner),
        what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_said_in_one_line_each() {
        let detail = json!({ "changes": [{ "field": "status", "from": "unpaid", "to": "paid" },
            { "field": "tags", "from": "", "to": "vip" }], "reason": "客户来电", "refused": ["a", "b"] });
        assert_eq!(lines(&detail), ["status: unpaid → paid", "tags: – → vip", "reason: 客户来电", "refused: a; b"]);
    }
}
