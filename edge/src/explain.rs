//! What a code means, as JSON, for people who wonder why the station read it so.
//!
//! Nothing is looked up and nothing is judged: only the reading itself is shown.

use packline_protocol::code::gs1::{ElementString, parse_link};
use packline_protocol::code::{CodeError, CodeKind, Courier, Entry, NotAWaybill, Number, ScanCode};
use serde_json::{Map, Value, json};
use std::error::Error;

/// Reads `line` as a scanner would send it: symbology prefix if any, separators as the byte 1D, no line end.
///
/// Gives `kind`, what belongs to that kind (`ais`, `number`, `action` …), `lookup_keys`, `item_keys` and courier
/// `hints`; or `error` when the code is refused.
pub fn explain(line: &[u8]) -> Value {
    explain_as(line, Entry::Scanner)
}

/// Like [`explain`], for a code typed by a person: identifiers may stand in brackets.
pub fn explain_manual(line: &[u8]) -> Value {
    explain_as(line, Entry::Manual)
}

/// Like [`explain`], for either way in.
pub fn explain_as(line: &[u8], entry: Entry) -> Value {
    match ScanCode::parse(line, entry) {
        Ok(code) => Value::Object(reading(&code)),
        Err(error) => json!({ "error": chain(&error) }),
    }
}

fn reading(code: &ScanCode) -> Map<String, Value> {
    let mut reading = Map::new();
    reading.insert("kind".into(), json!(code.kind.name()));
    reading.insert("aim".into(), json!(code.aim.map(|aim| aim.to_string())));
    reading.insert("text".into(), json!(code.text));
    reading.insert("encoding".into(), json!(code.encoding.name()));
    for (key, value) in meaning(code) {
        reading.insert(key.into(), value);
    }
    reading.insert("lookup_keys".into(), json!(code.lookup_keys()));
    reading.insert("item_keys".into(), json!(code.item_keys()));
    let hints: Vec<&str> = code.courier_hints().into_iter().map(Courier::name).collect();
    reading.insert("hints".into(), json!(hints));
    reading
}

fn meaning(code: &ScanCode) -> Vec<(&'static str, Value)> {
    match &code.kind {
        CodeKind::Number(number) => vec![("number", number_value(number))],
        CodeKind::Item(gtin) => vec![("gtin", json!(gtin.as_str())), ("ais", json!([["01", gtin.as_str()]]))],
        CodeKind::Ambiguous { as_item, as_waybill } => {
            vec![("gtin", json!(as_item.as_str())), ("number", number_value(as_waybill))]
        }
        CodeKind::Gs1(elements) => vec![("ais", ais(elements)), ("terminal_gs", json!(elements.terminal_gs))],
        CodeKind::DigitalLink(link) => vec![("ais", ais(&link.elements)), ("stem", json!(link.stem))],
        CodeKind::Action(action) => vec![("action", json!(action.name()))],
        CodeKind::Badge(badge) => vec![("badge", json!(badge.as_str()))],
        CodeKind::Reason(reason) => vec![("reason", json!(reason.as_str()))],
        CodeKind::NotAWaybill(NotAWaybill::Link) => {
            let refused = parse_link(code.text.trim()).err().map(|error| error.to_string());
            vec![("not_a_digital_link", json!(refused))]
        }
        CodeKind::NotAWaybill(NotAWaybill::Text) | CodeKind::NoRead => Vec::new(),
    }
}

fn number_value(number: &Number) -> Value {
    let piece = number.piece().map(|piece| json!({ "n": piece.n, "total": piece.total }));
    json!({ "text": number.text, "source": number.source.name(), "piece": piece })
}

fn ais(elements: &ElementString) -> Value {
    elements.elements.iter().map(|element| json!([element.ai.as_str(), element.value])).collect()
}

fn chain(error: &CodeError) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, key: &str, expected: Value) {
        let explained = explain(line.as_bytes());
        assert_eq!(explained[key], expected, "{line}: {explained}");
    }

    #[test]
    fn gs1_data_shows_its_identifiers_in_order() {
        let all = json!([["01", "06901234567892"], ["10", "A"], ["17", "261231"]]);
        check("]d2010690123456789210A\u{1D}17261231", "ais", all);
        let two = json!([["01", "06901234567892"], ["10", "A"]]);
        check("]Q1https://example.com/01/06901234567892/10/A", "ais", two.clone());
        check("]E06901234567892|]e010A", "ais", two);
        check("]E06901234567892", "ais", json!([["01", "06901234567892"]]));
        let keys = json!(["106901234567890128", "00106901234567890128", "(00)106901234567890128"]);
        check("]C100106901234567890128", "lookup_keys", keys);
    }

    #[test]
    fn what_is_refused_says_why() {
        check("]C110A", "error", json!("GS1 data is refused: AI (10) needs AI 01 or 02 or 03 or 8006 or 8026"));
        let why = "link is wrong at offset 19; give a path with a primary key such as /01/…";
        check("https://example.com/sale", "not_a_digital_link", json!(why));
        check("https://example.com/sale", "kind", json!("not-a-waybill"));
        check("PL!ACK.AAA", "kind", Value::Null);
    }

    #[test]
    fn brackets_are_for_people() {
        check("(00)106901234567890128", "kind", json!("not-a-waybill"));
        assert_eq!(explain_manual(b"(00)106901234567890128")["ais"], json!([["00", "106901234567890128"]]));
    }

    #[test]
    fn numbers_show_source_piece_and_hints() {
        let piece = json!({ "text": "JDVA00000000017-1-2-", "source": "plain", "piece": { "n": 1, "total": 2 } });
        check("JDVA00000000017-1-2-", "number", piece);
        check("JDVA00000000017-1-2-", "hints", json!(["jd"]));
        let label = json!({ "text": "SF0000000000017", "source": "sf-label", "piece": null });
        check("MMM={'k1':'755','k5':'SF0000000000017'}", "number", label);
        check("6901234567892", "kind", json!("ambiguous"));
        check("noread", "kind", json!("no-read"));
        check("PL!ACK.JQ8", "action", json!("ACK"));
    }
}
