//! Traces for an OpenTelemetry collector, when `--otlp` names one: a span for every request, sent as OTLP over HTTP in
//! JSON.
//!
//! Written by hand because it is this small: the usual libraries would bring a second set of some thirty crates. Nothing
//! waits for the collector. What it does not take in time is dropped and counted.

use crate::app::App;
use crate::clock;
use crate::keys::to_hex;
use axum::http::HeaderMap;
use packline_protocol::time::Moment;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tracing::warn;

/// Spans that may wait; more are dropped.
const WAITING_MAX: usize = 4_096;
/// Spans of one message.
const BATCH: usize = 512;
/// How long a message gathers.
const GATHER: Duration = Duration::from_millis(500);
/// How long the collector may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The log says that the collector does not answer no more often than this, in milliseconds.
const SAY_EVERY_MS: u64 = 60_000;

/// Something that took time.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    trace: [u8; 16],
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    name: String,
    start_ns: u128,
    end_ns: u128,
    attributes: Vec<(&'static str, Value)>,
    failed: bool,
}

/// A span that has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    trace: [u8; 16],
    parent: Option<[u8; 8]>,
    at: Instant,
    wall_ms: i64,
}

/// Where spans go: nowhere, or to the exporter. Clones are not needed; the app has one.
#[derive(Debug, Default)]
pub struct Traces {
    out: Option<mpsc::Sender<Span>>,
    waiting: Mutex<Option<mpsc::Receiver<Span>>>,
}

impl Traces {
    /// Spans are kept for an exporter when there is a collector.
    pub fn new(has_collector: bool) -> Traces {
        if !has_collector {
            return Traces::default();
        }
        let (out, waiting) = mpsc::channel(WAITING_MAX);
        Traces { out: Some(out), waiting: Mutex::new(Some(waiting)) }
    }

    /// A span begins, as a part of the trace that the request came with; `None` when nobody collects.
    pub fn begin(&self, headers: &HeaderMap) -> Option<Begun> {
        self.out.as_ref()?;
        let (trace, parent) = match parent_of(headers) {
            Some((trace, parent)) => (trace, Some(parent)),
            None => (random::<16>(), None),
        };
        Some(Begun { trace, parent, at: clock::instant(), wall_ms: clock::wall().0 })
    }

    /// A span ends; answers whether it found room.
    pub fn end(&self, begun: Begun, name: String, failed: bool, attributes: Vec<(&'static str, Value)>) -> bool {
        let start_ns = u128::from(begun.wall_ms.unsigned_abs()) * 1_000_000;
        let end_ns = start_ns + begun.at.elapsed().as_nanos();
        let Begun { trace, parent, .. } = begun;
        let span = Span { trace, id: random::<8>(), parent, name, start_ns, end_ns, attributes, failed };
        self.out.as_ref().is_none_or(|out| out.try_send(span).is_ok())
    }

    fn take(&self) -> Option<mpsc::Receiver<Span>> {
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    clock::random_bytes(&mut bytes);
    bytes
}

/// Trace and span that a request is part of, by its `traceparent` (W3C Trace Context, version 00).
fn parent_of(headers: &HeaderMap) -> Option<([u8; 16], [u8; 8])> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let lower = |text: &str| !text.bytes().any(|byte| byte.is_ascii_uppercase());
    if version != "00" || flags.len() != 2 || parts.next().is_some() || !lower(text) {
        return None;
    }
    let trace = crate::keys::from_hex::<16>(trace).filter(|trace| *trace != [0; 16])?;
    let span = crate::keys::from_hex::<8>(span).filter(|span| *span != [0; 8])?;
    Some((trace, span))
}

/// Sends spans to the collector until the hub stops, and then what is left.
pub async fn export(app: App) -> anyhow::Result<()> {
    let (Some(url), Some(mut waiting)) = (app.config.otlp.clone(), app.traces.take()) else {
        app.stopped().await;
        return Ok(());
    };
    let url = format!("{}/v1/traces", url.trim_end_matches('/'));
    let mut said: Option<Moment> = None;
    loop {
        let mut batch = Vec::new();
        tokio::select! {
            taken = waiting.recv_many(&mut batch, BATCH) => if taken == 0 { return Ok(()) },
            () = app.stopped() => {}
        }
        if !app.is_stopping() {
            let _ = tokio::time::timeout(GATHER, gather(&mut waiting, &mut batch)).await;
        }
        while let Ok(span) = waiting.try_recv() {
            batch.push(span);
        }
        let (sent, to, body) = (batch.len() as u64, url.clone(), message(&batch).to_string());
        let done = spawn_blocking(move || post(&to, body)).await.unwrap_or_else(|_| Err("it was cut off".to_owned()));
        let result = if done.is_ok() { "sent" } else { "dropped" };
        let help = "Spans for the collector of traces.";
        app.metrics.counter("packline_trace_spans_total", help, &[("result", result)]).add(sent);
        if let Err(why) = done {
            let now = clock::moment();
            if said.is_none_or(|at| now.since_ms(at) >= SAY_EVERY_MS) {
                said = Some(now);
                warn!("The collector of traces does not take spans: {why}");
            }
        }
        if app.is_stopping() {
            return Ok(());
        }
    }
}

async fn gather(waiting: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
    while batch.len() < BATCH {
        if waiting.recv_many(batch, BATCH).await == 0 {
            return;
        }
    }
}

fn post(url: &str, body: String) -> Result<(), String> {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
    let sent = agent.post(url).header("content-type", "application/json").send(body);
    sent.map(|_| ()).map_err(|error| error.to_string())
}

/// Spans as OTLP says them in JSON.
fn message(spans: &[Span]) -> Value {
    let spans: Vec<Value> = spans.iter().map(span_json).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": [
            attribute("service.name", &json!("packline-hub")),
            attribute("service.version", &json!(env!("CARGO_PKG_VERSION"))),
        ]},
        "scopeSpans": [{"scope": {"name": "packline-hub", "version": env!("CARGO_PKG_VERSION")}, "spans": spans}],
    }]})
}

fn span_json(span: &Span) -> Value {
    let attributes: Vec<Value> = span.attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    let mut said = json!({
        "traceId": to_hex(&span.trace),
        "spanId": to_hex(&span.id),
        "name": span.name,
        // A server's span.
        "kind": 2,
        "startTimeUnixNano": span.start_ns.to_string(),
        "endTimeUnixNano": span.end_ns.to_string(),
        "attributes": attributes,
        "status": if span.failed { json!({"code": 2}) } else { json!({}) },
    });
    if let Some(parent) = &span.parent {
        said["parentSpanId"] = json!(to_hex(parent));
    }
    said
}

fn attribute(key: &str, value: &Value) -> Value {
    let value = match value {
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Bool(is) => json!({"boolValue": is}),
        other => json!({"stringValue": other.as_str().map_or_else(|| other.to_string(), str::to_owned)}),
    };
    json!({"key": key, "value": value})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::{Config, Settings};
    use crate::keys::HubKeys;
    use crate::privacy::Vault;
    use crate::store::Db;
    use axum::http::HeaderValue;
    use axum::routing::post;
    use axum::{Json, Router};

    fn headers(traceparent: &str) -> HeaderMap {
        HeaderMap::from_iter([("traceparent".parse().unwrap(), HeaderValue::from_str(traceparent).unwrap())])
    }

    #[test]
    fn a_trace_goes_on_only_from_a_parent_that_is_well_formed() {
        let fine = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(to_hex(&parent_of(&headers(fine)).unwrap().0), "0af7651916cd43dd8448eb211c80319c");
        for wrong in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert_eq!(parent_of(&headers(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn without_a_collector_nothing_is_kept() {
        assert!(Traces::new(false).begin(&HeaderMap::new()).is_none());
    }

    #[tokio::test]
    async fn a_collector_gets_the_spans_also_those_of_the_last_moment() {
        let (said, mut heard) = mpsc::channel::<Value>(4);
        let take = async move |Json(body): Json<Value>| {
            let _ = said.send(body).await;
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, Router::new().route("/v1/traces", post(take))).into_future());
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { otlp: Some(url), data: Some(folder.path().into()), ..Settings::default() };
        let config = Config::try_from(settings).unwrap();
        let db = Db::open(&config.db_url()).await.unwrap();
        let app = App::new(config, db, HubKeys::random(), Vault::random(), Clock::System);
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let begun = app.traces.begin(&headers(parent)).unwrap();
        let attributes = vec![("http.route", json!("/orders")), ("http.response.status_code", json!(200))];
        assert!(app.traces.end(begun, "GET /orders".to_owned(), false, attributes));
        app.stop();
        export(app.clone()).await.unwrap();
        let body = heard.recv().await.unwrap();
        let span = &body["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(span["name"], "GET /orders");
        assert_eq!(span["traceId"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span["parentSpanId"], "b7ad6b7169203331");
        assert_eq!(span["attributes"][1], json!({"key": "http.response.status_code", "value": {"intValue": "200"}}));
        assert!(span["startTimeUnixNano"].as_str().unwrap().len() == 19, "{span}");
    }
}
