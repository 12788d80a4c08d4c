//! What a person does, and what comes down the stream.

use crate::bench::{Bench, Events};
use packline_protocol::id::ScanSeq;
use packline_protocol::record::{Event, ScanRecord};

#[tokio::test]
async fn a_typed_code_is_judged_recorded_and_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let mut events = Events::open(bench.address).await;
    events.until(|picture| picture["answer"].is_null()).await;

    assert_eq!(bench.post("/api/scan", r#"{"code": " SF0900000001234 "}"#).await.status, 202);
    let picture = events.until(|picture| picture["answer"]["seq"].is_u64()).await;
    let answer = &picture["answer"];
    assert_eq!((answer["outcome"].as_str(), answer["stage"].as_str()), (Some("ask"), Some("said")), "{answer}");
    assert_eq!((answer["code"].as_str(), answer["digits"].as_str()), (Some("SF0900000001234"), Some("1234")));
    let reasons = answer["reasons"].as_array().unwrap();
    assert!(reasons.iter().any(|reason| reason["code"] == "unknown"), "{answer}");
    assert!(reasons.iter().all(|reason| reason["zh"]["action"].is_string() && reason["en"]["clears"].is_string()));

    let seq = answer["seq"].as_u64().unwrap();
    assert_eq!(bench.post("/api/acknowledge", &format!(r#"{{"seq": {seq}}}"#)).await.status, 202);
    let picture = events.until(|picture| picture["answer"].is_null()).await;
    assert_eq!(picture["recent"][0]["acknowledged"], true);
    let recorded = |bench: &Bench| {
        let pending = bench.journal.pending(ScanSeq(1), 100, 1 << 20).unwrap();
        pending.records.iter().map(|record| ScanRecord::decode(record).unwrap().event).collect::<Vec<_>>()
    };
    events.until(|_| recorded(&bench).len() == 2).await;
    let recorded = recorded(&bench);
    let [Event::Judged(judged), Event::Acknowledged(seen)] = recorded.as_slice() else { panic!("{recorded:?}") };
    assert_eq!((judged.raw.as_slice(), judged.scanner.as_str()), (b"SF0900000001234".as_slice(), "manual"));
    assert_eq!((seen.of, seen.facts), (ScanSeq(seq), judged.verdict.facts));
}

#[tokio::test]
async fn an_answer_is_also_acknowledged_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let mut events = Events::open(bench.address).await;
    bench.post("/api/scan", r#"{"code": "SF0900000001234"}"#).await;
    let picture = events.until(|picture| picture["answer"]["outcome"] == "ask").await;
    let number = &picture["answer"]["number"];
    assert_eq!(bench.post("/api/acknowledge", &format!(r#"{{"number": {number}}}"#)).await.status, 202);
    events.until(|picture| picture["answer"].is_null()).await;
}

#[tokio::test]
async fn a_chosen_language_is_the_stations() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let mut events = Events::open(bench.address).await;
    events.until(|picture| picture["language"] == "zh").await;
    assert_eq!(bench.post("/api/language", r#"{"language": "en"}"#).await.status, 202);
    events.until(|picture| picture["language"] == "en").await;
}

#[tokio::test]
async fn a_beat_comes_although_nothing_happens_and_tells_that_the_station_lives() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let mut events = Events::open(bench.address).await;
    let mut beats = 0;
    while beats < 3 {
        let (name, said) = events.next().await.unwrap();
        assert_eq!(said["stamp"], packline_edge::panel::page::stamp());
        assert!(said["silent_ms"].as_u64().unwrap() < 3_000, "the station takes a picture every second: {said}");
        beats += usize::from(name == "beat");
    }
}

#[tokio::test]
async fn a_restarted_station_shows_nothing_that_the_one_before_said() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let mut events = Events::open(bench.address).await;
    bench.post("/api/scan", r#"{"code": "SF0900000001234"}"#).await;
    let before = events.until(|picture| picture["answer"]["seq"].is_u64()).await;
    bench.stop();

    let bench = Bench::start(folder.path()).await;
    let after = Events::open(bench.address).await.until(|_| true).await;
    assert_ne!(before["boot"], after["boot"]);
    assert!(after["answer"].is_null() && after["recent"].as_array().unwrap().is_empty(), "{after}");
}

#[tokio::test]
async fn the_stream_ends_with_the_station_and_does_not_begin_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let mut events = Events::open(bench.address).await;
    events.until(|_| true).await;
    let address = bench.stop_station();
    while events.next().await.is_some() {}
    let refused = crate::bench::ask(address, "GET /api/events", &[], "").await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("stopping")));
}

#[tokio::test]
async fn streams_that_are_never_closed_do_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::start(folder.path()).await;
    let mut open = Vec::new();
    for _ in 0..32 {
        let mut events = Events::open(bench.address).await;
        events.until(|_| true).await;
        open.push(events);
    }
    let refused = bench.get("/api/events").await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("streams")));
    open.pop();
    // The place is free once the server has noticed.
    for _ in 0..1_000 {
        if Events::open(bench.address).await.next().await.is_some() {
            return;
        }
    }
    panic!("a closed stream still takes a place");
}
