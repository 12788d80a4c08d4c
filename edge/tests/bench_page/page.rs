//! The page as it is served, and what its files promise each other.

use crate::bench::Bench;
use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../assets/bench.html");
const WORDS: &str = include_str!("../../assets/words.js");
const SCRIPTS: [&str; 4] = [
    include_str!("../../assets/bench.js"),
    include_str!("../../assets/draw.js"),
    include_str!("../../assets/keys.js"),
    include_str!("../../assets/stream.js"),
];

#[tokio::test]
async fn the_page_comes_with_everything_it_loads_and_nothing_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let page = bench.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html; charset=utf-8"), "{}", page.head);
    let stamp = format!("data-stamp=\"{}\"", packline_edge::panel::page::stamp());
    assert!(page.body.contains(&stamp), "{}", page.body);

    let mut wanted: BTreeSet<String> = quoted(&page.body, "=\"/").map(|path| format!("/{path}")).collect();
    assert!(wanted.contains("/assets/bench.js") && wanted.contains("/assets/bench.css"), "{wanted:?}");
    wanted.extend(SCRIPTS.iter().flat_map(|script| quoted(script, "from \"./")).map(|name| format!("/assets/{name}")));
    assert!(wanted.len() > 6, "{wanted:?}");
    for path in &wanted {
        let file = bench.get(path).await;
        let kind = match path.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript",
            "css" => "text/css",
            _ => "image/svg+xml",
        };
        assert_eq!(file.status, 200, "{path}");
        assert!(file.head.contains(&format!("content-type: {kind}")), "{path} {}", file.head);
        assert!(!file.body.trim().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn every_answer_forbids_inline_code_guessing_framing_and_keeping() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    for path in ["/", "/assets/bench.js", "/api/view", "/api/status", "/nowhere"] {
        let head = bench.get(path).await.head;
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(head.contains(header), "{path} lacks {header}: {head}");
        }
    }
    for inline in ["<style", "style=", " onclick", " onload", "javascript:", "<script>"] {
        assert!(!PAGE.contains(inline), "{inline}");
    }
    assert!(SCRIPTS.iter().all(|script| !script.contains("innerHTML =") && !script.contains("insertAdjacentHTML")));
}

#[tokio::test]
async fn the_status_says_where_replica_journal_and_link_stand_in_numbers_no_browser_rounds() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let status = bench.json("/api/status").await;
    assert_eq!((&status["station"], &status["site"]), (&"line-1".into(), &"east".into()));
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["replica"]["epoch"], "0000000000000000");
    assert_eq!(status["replica"]["root"].as_str().unwrap().len(), 32);
    assert_eq!((status["replica"]["seq"].as_u64(), status["replica"]["rows"].as_u64()), (Some(0), Some(0)));
    assert_eq!(status["journal"], serde_json::json!({"to": 0, "acked": 0, "backlog": 0, "percent": 0}));
    assert_eq!((&status["link"]["up"], &status["link"]["what"]), (&false.into(), &"waiting".into()));
    assert!(status["link"]["age_ms"].is_null() && status["link"]["stale"] == true, "{status}");
    assert!(status["scanners"].is_array() && status["alarms"].is_array() && status["revision"].is_u64(), "{status}");
}

#[test]
fn every_word_is_there_in_both_languages() {
    let (zh, en) = WORDS.split_once("  en: {").unwrap();
    let (zh, en) = (keys(zh.split_once("  zh: {").unwrap().1), keys(en.split_once("\n};").unwrap().0));
    assert_eq!(zh, en);
    let mut used: BTreeSet<String> = quoted(PAGE, "data-word=\"").map(str::to_owned).collect();
    used.extend(SCRIPTS.iter().flat_map(|script| quoted(script, "word(\"")).map(str::to_owned));
    assert!(used.len() > 30, "{used:?}");
    let missing: Vec<&String> = used.iter().filter(|key| !zh.contains(*key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_alarm_that_the_station_raises_has_a_chinese_sentence() {
    let mut raised = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    each_file(&source, &mut |text| {
        let product = text.split("#[cfg(test)]").next().unwrap();
        for call in ["raise(\"", ".alarm(\"", "alarms.set(\""] {
            raised.extend(quoted(product, call).map(str::to_owned));
        }
    });
    assert!(raised.len() > 8, "{raised:?}");
    let missing: Vec<&String> = raised.iter().filter(|key| !WORDS.contains(&format!("\"{key}\":"))).collect();
    assert!(missing.is_empty(), "words.js lacks {missing:?}");
}

/// The keys of a block of words: what stands before `:` four blanks in.
fn keys(block: &str) -> BTreeSet<String> {
    let key = |line: &str| line.strip_prefix("    ")?.split_once(": ").map(|(key, _)| key.to_owned());
    block.lines().filter_map(key).collect()
}

/// What stands between each `before` and the next double quote.
fn quoted<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
}

fn each_file(folder: &Path, read: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_file(&path, read);
        } else if path.file_name().unwrap() != "tests.rs" {
            read(&std::fs::read_to_string(&path).unwrap());
        }
    }
}
