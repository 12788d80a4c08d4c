//! A broker to test, with three stations at two sites and a hub that may connect.

use bytes::Bytes;
use packline_edge::link::mqtt as station;
use packline_hub::broker::mosquitto::{self, HubAccount, PasswordHash, StationAccount};
use packline_hub::broker::{Access, Broker, Directory, Embedded, EmbeddedConfig, External, Secret, StationCredential};
use packline_hub::sync::mqtt as hub;
use packline_protocol::id::{SiteId, StationId};
use packline_protocol::topic::{Topic, UpStream, all_stations, station_filters};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

/// Long enough for a busy machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

const STATIONS: [(&str, &str); 3] = [("pack-1", "sz"), ("pack-2", "sz"), ("pack-9", "gz")];

/// Which broker this is, where the two may rightly differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Embedded,
    Mosquitto,
}

pub struct Kit {
    pub kind: Kind,
    pub broker: Broker,
    /// Where stations connect.
    pub address: SocketAddr,
    secrets: Vec<(StationId, SiteId, Secret)>,
    mosquitto: Option<Mosquitto>,
}

impl Kit {
    pub async fn embedded() -> Self {
        Self::embedded_with(|_| {}).await
    }

    pub async fn embedded_with(change: impl FnOnce(&mut EmbeddedConfig)) -> Self {
        let secrets = secrets();
        let directory = Arc::new(Directory::default());
        for (station, site, secret) in &secrets {
            let (station, site, secret) = (station.clone(), site.clone(), secret.hash());
            directory.put(StationCredential { station, site, secret });
        }
        let mut config = EmbeddedConfig::plain(([127, 0, 0, 1], 0).into());
        change(&mut config);
        let broker = Embedded::start(config, directory).await.unwrap();
        let address = broker.listening();
        Self { kind: Kind::Embedded, broker: Broker::Embedded(broker), address, secrets, mosquitto: None }
    }

    pub async fn mosquitto() -> Self {
        let secrets = secrets();
        let hub = Secret::random();
        let mosquitto = Mosquitto::start(&secrets, &hub).await;
        let address = mosquitto.address;
        let url = format!("mqtt://hub:{}@{address}", hub.expose());
        let broker = Broker::External(External::new(&url, None).unwrap());
        Self { kind: Kind::Mosquitto, broker, address, secrets, mosquitto: Some(mosquitto) }
    }

    pub fn secret(&self, name: &str) -> &Secret {
        &self.find(name).2
    }

    pub fn site(&self, name: &str) -> SiteId {
        self.find(name).1.clone()
    }

    fn find(&self, name: &str) -> &(StationId, SiteId, Secret) {
        self.secrets.iter().find(|(station, ..)| station.as_str() == name).expect("a station of this kit")
    }

    pub fn credential(&self, name: &str) -> StationCredential {
        let (station, site, secret) = self.find(name).clone();
        StationCredential { station, site, secret: secret.hash() }
    }

    pub fn answer(&self, name: &str) -> Topic {
        Topic::Answer(self.site(name), StationId::parse(name).unwrap())
    }

    pub fn up(&self, name: &str, stream: UpStream) -> String {
        Topic::Up(self.site(name), StationId::parse(name).unwrap(), stream).to_string()
    }

    /// What a station's link is opened with.
    pub fn config(&self, name: &str) -> station::Config {
        let id = StationId::parse(name).unwrap();
        let filters = station_filters(&self.site(name), &id).map(|topic| {
            let qos = if matches!(topic, Topic::Log(_)) { station::Qos::Zero } else { station::Qos::One };
            (topic.to_string(), qos)
        });
        station::Config {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            tls: None,
            client_id: name.to_owned(),
            password: self.secret(name).expose().to_owned(),
            filters: filters.into(),
            backoff: station::Backoff {
                base: Duration::from_millis(20),
                max: Duration::from_millis(200),
                refused_max: Duration::from_millis(200),
            },
        }
    }

    /// A station that is connected, with its own will.
    pub async fn station(&self, name: &str) -> Station {
        let mut station = self.open(name, self.config(name));
        station.up().await;
        station
    }

    /// A station that has just begun to connect.
    pub fn open(&self, name: &str, config: station::Config) -> Station {
        let topic = self.up(name, UpStream::Will);
        let will = move |connection: u64| {
            Some(station::Will { topic: topic.clone(), payload: format!("gone {connection}").into_bytes() })
        };
        let (link, events) = station::Link::open(config, will);
        Station { link, events }
    }

    /// The hub's client, connected.
    pub async fn hub(&self) -> Hub {
        let filters = [UpStream::Scans, UpStream::Requests, UpStream::Will].map(all_stations).into();
        let backoff = hub::Backoff {
            base: Duration::from_millis(20),
            max: Duration::from_millis(200),
            refused_max: Duration::from_millis(200),
        };
        let access: Access = self.broker.access().clone();
        let (link, events) = hub::Link::open(hub::Config { access, filters, backoff });
        let mut hub = Hub { publisher: link.publisher(), _link: link, events };
        hub.up().await;
        hub
    }

    /// The broker is gone for a moment, with everything it held.
    pub async fn restart(&mut self) {
        match (&self.broker, &mut self.mosquitto) {
            (Broker::Embedded(broker), _) => broker.restart().await,
            (_, Some(mosquitto)) => mosquitto.restart().await,
            _ => unreachable!("a kit has a broker"),
        }
    }
}

fn secrets() -> Vec<(StationId, SiteId, Secret)> {
    let secret = |(station, site)| (StationId::parse(station).unwrap(), SiteId::parse(site).unwrap(), Secret::random());
    STATIONS.map(secret).into()
}

pub struct Station {
    pub link: station::Link,
    pub events: Receiver<station::Event>,
}

impl Station {
    pub async fn event(&mut self) -> station::Event {
        patiently("an event at the station", self.events.recv()).await.expect("the link lives")
    }

    /// Waits for the connection, whatever else happens before.
    pub async fn up(&mut self) -> u64 {
        patiently("the station to connect", async {
            loop {
                if let station::Event::Up { connection } = self.event().await {
                    return connection;
                }
            }
        })
        .await
    }

    /// Waits for the connection to end.
    pub async fn down(&mut self) -> station::Down {
        loop {
            if let station::Event::Down { why, .. } = self.event().await {
                return why;
            }
        }
    }

    /// Waits until the broker says no. A broker still busy with the connection before may first say "later".
    pub async fn refusal(&mut self) -> station::Down {
        loop {
            match self.down().await {
                station::Down::Lost(_) => {}
                why => return why,
            }
        }
    }

    /// The next message; acknowledgements are passed over.
    pub async fn message(&mut self) -> (String, Bytes) {
        loop {
            match self.event().await {
                station::Event::Message { topic, payload } => return (topic, payload),
                station::Event::Acked(_) => {}
                other => panic!("waited for a message, found {other:?}"),
            }
        }
    }

    /// Publishes and waits for the broker's answer: nothing when it was taken, else the reason.
    pub async fn publish(&mut self, topic: &str, payload: &[u8]) -> Option<String> {
        let sent = self.link.publish(topic, Bytes::copy_from_slice(payload), station::Qos::One).unwrap();
        loop {
            match self.event().await {
                station::Event::Acked(ticket) if ticket == sent => return None,
                station::Event::Refused { ticket, reason } if ticket == sent => return Some(reason),
                station::Event::Down { why, .. } => panic!("connection ended: {why}"),
                _ => {}
            }
        }
    }
}

pub struct Hub {
    pub publisher: hub::Publisher,
    _link: hub::Link,
    events: Receiver<hub::Event>,
}

impl Hub {
    async fn event(&mut self) -> hub::Event {
        patiently("an event at the hub", self.events.recv()).await.expect("the link lives")
    }

    pub async fn up(&mut self) {
        patiently("the hub to connect", async { while !matches!(self.event().await, hub::Event::Up { .. }) {} }).await;
    }

    pub async fn down(&mut self) -> hub::Down {
        loop {
            if let hub::Event::Down { why, .. } = self.event().await {
                return why;
            }
        }
    }

    pub async fn message(&mut self) -> (String, Bytes) {
        match self.event().await {
            hub::Event::Message { topic, payload } => (topic, payload),
            other => panic!("waited for a message, found {other:?}"),
        }
    }

    /// Publishes and waits until the broker has it.
    pub async fn publish(&self, topic: &Topic, payload: impl Into<Bytes>) {
        let delivery = patiently("room to publish", self.publisher.publish(topic, payload.into())).await.unwrap();
        patiently("the broker's answer", delivery.acked()).await.unwrap();
    }
}

/// Waits for `what`, but not for ever.
pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

/// A Mosquitto of our own, with files as the hub writes them.
struct Mosquitto {
    address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Mosquitto {
    async fn start(secrets: &[(StationId, SiteId, Secret)], hub: &Secret) -> Self {
        let hubs = [HubAccount { name: "hub".to_owned(), password: PasswordHash::new(hub.expose()) }];
        let account = |(station, site, secret): &(StationId, SiteId, Secret)| StationAccount {
            station: station.clone(),
            site: site.clone(),
            password: PasswordHash::new(secret.expose()),
        };
        let stations: Vec<_> = secrets.iter().map(account).collect();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("passwords"), mosquitto::password_file(&hubs, &stations)).unwrap();
        std::fs::write(folder.path().join("rights"), mosquitto::acl_file(&hubs, &stations)).unwrap();
        // A port that is free now may be taken a moment later, so one more is tried.
        for _ in 0..20 {
            let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
            configure(&folder, address.port());
            if let Some(child) = run(&folder).await {
                return Self { address, folder, child };
            }
        }
        panic!("mosquitto found no free port");
    }

    async fn restart(&mut self) {
        self.child.kill().await.unwrap();
        self.child = run(&self.folder).await.expect("the port is free again");
    }
}

fn configure(folder: &TempDir, port: u16) {
    let place = |name: &str| folder.path().join(name).display().to_string();
    let user = if nix::unistd::geteuid().is_root() { "user root\n" } else { "" };
    let (passwords, rights) = (place("passwords"), place("rights"));
    let config = format!(
        "{user}listener {port} 127.0.0.1\n{}password_file {passwords}\nacl_file {rights}\n",
        mosquitto::settings(),
    );
    std::fs::write(place("mosquitto.conf"), config).unwrap();
}

/// Starts Mosquitto and waits until it says that it runs; `None` when it ended instead.
async fn run(folder: &TempDir) -> Option<Child> {
    // Debian puts the daemon where only root's path looks.
    let program = ["/usr/sbin/mosquitto"].into_iter().find(|path| std::path::Path::new(path).exists());
    let mut child = Command::new(program.unwrap_or("mosquitto"))
        .arg("-c")
        .arg(folder.path().join("mosquitto.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("mosquitto is installed (Debian package `mosquitto`)");
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = patiently("mosquitto to start", log.next_line()).await.unwrap() {
        if line.ends_with(" running") {
            tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
            return Some(child);
        }
    }
    None
}
