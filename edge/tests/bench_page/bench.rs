//! A station without scanners on a temporary folder, its page on a free port, and a client that speaks plain HTTP.

use packline_edge::alarms::Alarms;
use packline_edge::clock;
use packline_edge::disk::RealDisk;
use packline_edge::journal::{Birth, Journal, Settings, Store};
use packline_edge::panel::gpio::{LightThread, NoLight, Signal};
use packline_edge::panel::page;
use packline_edge::replica::{self, Replica};
use packline_edge::station::thread::{Parts, StationThread};
use packline_edge::station::{Language, StationSettings};
use packline_protocol::id::{BootId, SiteId, StationEpoch, StationId};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Nothing here takes so long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running station and its page.
pub struct Bench {
    pub address: SocketAddr,
    pub journal: Journal,
    station: StationThread,
    pages: JoinHandle<()>,
}

impl Bench {
    /// Starts a station on the files in `folder`.
    pub async fn start(folder: &Path) -> Bench {
        let disk = Arc::new(RealDisk::open(folder).unwrap());
        let (site, boot) = (SiteId::parse("east").unwrap(), BootId(clock::random_u64()));
        let birth = Birth { epoch: StationEpoch(1), boot, now: clock::now() };
        let (store, _) = Store::open(disk.clone(), Settings::default(), birth).unwrap();
        let journal = Journal::start(store);
        let settings = replica::Settings { site: site.clone(), cache_bytes: 1 << 20 };
        let (replica, _) = Replica::open(disk, settings).unwrap();
        let station = StationId::parse("line-1").unwrap();
        let parts = Parts {
            settings: StationSettings { station, boot, lock_on_stop: false, language: Language::Zh },
            site,
            scanners: Vec::new(),
            replica,
            journal: journal.clone(),
            light: LightThread::start(Box::new(NoLight), Signal::Idle).unwrap(),
            alarms: Alarms::default(),
        };
        let station = StationThread::start(parts).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Arc::new(station.handle().clone());
        let pages = tokio::spawn(async move { page::serve(listener, desk, std::future::pending()).await.unwrap() });
        Bench { address, journal, station, pages }
    }

    /// Ends the station; its page goes on for whoever asks.
    pub fn stop_station(self) -> SocketAddr {
        let Bench { address, station, .. } = self;
        drop(station);
        address
    }

    /// Ends everything, so that the files can be opened again.
    pub fn stop(self) {
        let Bench { journal, station, pages, .. } = self;
        pages.abort();
        drop(station);
        journal.close();
    }

    /// Asks for `path`.
    pub async fn get(&self, path: &str) -> Answer {
        ask(self.address, &format!("GET {path}"), &[], "").await
    }

    /// The JSON at `path`.
    pub async fn json(&self, path: &str) -> Value {
        self.get(path).await.json()
    }

    /// Posts JSON as the page does.
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        let origin = format!("origin: http://{}", self.address);
        ask(self.address, &format!("POST {path}"), &["content-type: application/json", &origin], body).await
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, one `name: value` a line.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends `METHOD PATH` with these header lines; `host` is this address unless they name one.
pub async fn ask(address: SocketAddr, what: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = send(address, what, headers, body).await;
    timeout(PATIENCE, answer(&mut stream)).await.expect("an answer comes")
}

async fn answer(stream: &mut BufReader<TcpStream>) -> Answer {
    let mut first = String::new();
    stream.read_line(&mut first).await.unwrap();
    let status = first.split(' ').nth(1).unwrap().parse().unwrap();
    let mut head = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        head.push_str(&format!("{}: {}\n", name.to_lowercase(), value.trim()));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = Vec::new();
    stream.take(length.unwrap_or(u64::MAX)).read_to_end(&mut body).await.unwrap();
    Answer { status, head, body: String::from_utf8(body).unwrap() }
}

async fn send(address: SocketAddr, what: &str, headers: &[&str], body: &str) -> BufReader<TcpStream> {
    let mut lines = vec![format!("{what} HTTP/1.1"), format!("content-length: {}", body.len())];
    lines.push("connection: close".to_owned());
    if !headers.iter().any(|line| line.starts_with("host:")) {
        lines.push(format!("host: {address}"));
    }
    lines.extend(headers.iter().map(|line| (*line).to_owned()));
    let request = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses early closes before it has read everything; what it said still counts.
    let _ = stream.write_all(request.as_bytes()).await;
    BufReader::new(stream)
}

/// An open event stream.
pub struct Events(BufReader<TcpStream>);

impl Events {
    pub async fn open(address: SocketAddr) -> Events {
        Events(send(address, "GET /api/events", &["accept: text/event-stream"], "").await)
    }

    /// The next event and its data; `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.0.read_line(&mut line)).await.expect("an event comes every second");
            if read.unwrap_or(0) == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", event)) => event.clone_into(&mut name),
                Some(("data", data)) => return Some((name, serde_json::from_str(data).unwrap())),
                _ => {}
            }
        }
    }

    /// The next picture for which `wanted` holds.
    #[track_caller]
    pub fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> impl Future<Output = Value> {
        let place = std::panic::Location::caller();
        async move {
            for _ in 0..100 {
                match self.next().await {
                    Some((name, picture)) if name == "picture" && wanted(&picture) => return picture,
                    Some(_) => {}
                    None => panic!("the stream ended before the picture wanted at {place}"),
                }
            }
            panic!("a hundred events, and not the picture wanted at {place}")
        }
    }
}
