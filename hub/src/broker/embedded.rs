//! The broker inside this process: rmqtt on loopback, our door in front of it, and someone to start it again.
//!
//! rmqtt lives on a runtime of its own, one per life: ending the runtime ends every task it ever spawned, which is
//! the only way to be rid of them. A new life has a fresh context and the same ports.

use super::directory::{Directory, Secret, StationCredential};
use super::gate::{Gate, Peers};
use super::hooks::{Counters, Doorkeeper, HUB_NAME};
use super::retain::Retained;
use super::tls::{CertificateFiles, ServerTls};
use super::{Access, BrokerError, probe};
use packline_protocol::id::StationId;
use rmqtt::codec::types::QoS;
use rmqtt::context::ServerContext;
use rmqtt::net::{Builder, Listener};
use rmqtt::router::DefaultRouter;
use rmqtt::server::MqttServer;
use rmqtt::shared::DefaultShared;
use rmqtt::types::Id;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

/// How the embedded broker listens.
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// Where stations connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate for stations; without it their connections are plain.
    pub certificate: Option<CertificateFiles>,
    /// How often to try whether the broker still answers.
    pub probe_every: Duration,
}

impl EmbeddedConfig {
    /// Plain on `listen`, probed every ten seconds.
    pub fn plain(listen: SocketAddr) -> Self {
        Self { listen, certificate: None, probe_every: Duration::from_secs(10) }
    }
}

const PROBES_FAILED_MAX: u32 = 3;
const RESTART_PAUSE: Duration = Duration::from_millis(500);
const END_TIMEOUT: Duration = Duration::from_secs(3);
const WORKERS: usize = 2;
const LISTENER: u16 = 1;
const KICK_TIMEOUT: Duration = Duration::from_secs(6);

/// The running broker. Dropping it cuts everything at once; [`Embedded::shutdown`] waits until it is gone.
pub struct Embedded {
    access: Access,
    gate: Gate,
    doorkeeper: Doorkeeper,
    now: Now,
    orders: mpsc::Sender<Order>,
    supervisor: JoinHandle<()>,
}

/// The context of the life that runs now.
type Now = Arc<Mutex<Option<ServerContext>>>;

enum Order {
    Restart,
    Shutdown,
}

impl Embedded {
    /// Starts the broker and waits until it listens.
    pub async fn start(config: EmbeddedConfig, directory: Arc<Directory>) -> Result<Self, BrokerError> {
        let tls = config.certificate.map(ServerTls::open).transpose()?;
        let password = Secret::random();
        let doorkeeper = Doorkeeper {
            directory,
            hub: password.hash(),
            counters: Arc::new(Counters::default()),
            peers: Arc::new(Peers::default()),
        };
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let life = Life::begin(anywhere, doorkeeper.clone()).await?;
        let broker = life.address;
        let gate = Gate::open(config.listen, tls, broker, doorkeeper.peers.clone())
            .await
            .map_err(|cause| BrokerError::Listen { address: config.listen, cause })?;
        info!(address = %gate.address(), "The embedded broker listens for stations");

        let now: Now = Arc::default();
        let (orders, received) = mpsc::channel(1);
        let supervisor = Supervisor {
            address: broker,
            doorkeeper: doorkeeper.clone(),
            secret: password.clone(),
            probe_every: config.probe_every,
            now: now.clone(),
            orders: received,
        };
        set(&now, Some(life.context.clone()));
        Ok(Self {
            access: access(broker, password),
            gate,
            doorkeeper,
            now,
            orders,
            supervisor: tokio::spawn(supervisor.run(life)),
        })
    }

    /// How the hub's own client connects: past the door, with a secret that is new in each process.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Where stations connect.
    pub fn listening(&self) -> SocketAddr {
        self.gate.address()
    }

    /// Whether stations connect by TLS.
    pub fn is_secure(&self) -> bool {
        self.gate.is_secure()
    }

    /// What was refused or lost so far.
    pub fn counters(&self) -> &Counters {
        &self.doorkeeper.counters
    }

    /// Lets a station in; disconnects it when another credential was valid until now.
    pub async fn allow(&self, credential: StationCredential) {
        let station = credential.station.clone();
        if self.doorkeeper.directory.put(credential) {
            self.kick(&station).await;
        }
    }

    /// Shuts a station out and disconnects it.
    pub async fn revoke(&self, station: &StationId) {
        self.doorkeeper.directory.remove(station);
        self.kick(station).await;
    }

    /// Lets exactly these stations in and disconnects the others.
    pub async fn allow_only(&self, credentials: Vec<StationCredential>) {
        for station in self.doorkeeper.directory.replace(credentials) {
            self.kick(&station).await;
        }
    }

    /// The stations connected now, sorted.
    pub async fn sessions(&self) -> Vec<StationId> {
        let Some(context) = get(&self.now) else { return Vec::new() };
        let ids: Vec<Id> = context.extends.shared().await.iter().map(|entry| entry.id()).collect();
        let mut stations: Vec<_> = ids.iter().filter_map(|id| StationId::parse(id.username_ref()).ok()).collect();
        stations.sort();
        stations
    }

    /// Ends this life of the broker and starts another, as after a failure: every client has to reconnect.
    pub async fn restart(&self) {
        let _ = self.orders.send(Order::Restart).await;
    }

    /// Ends the broker and all connections, and waits until both ports are free.
    pub async fn shutdown(self) {
        self.gate.close().await;
        let _ = self.orders.send(Order::Shutdown).await;
        let _ = self.supervisor.await;
    }

    /// A station that has just passed the door is not found here, but reaches no topic: each use asks the directory.
    async fn kick(&self, station: &StationId) {
        let Some(context) = get(&self.now) else { return };
        let id = Id::new(context.node.id(), LISTENER, None, None, station.as_str().into(), None);
        let kicked = tokio::time::timeout(KICK_TIMEOUT, async {
            let entry = context.extends.shared().await.entry(id);
            entry.try_lock().await?.kick(true, true, true).await
        });
        if !matches!(kicked.await, Ok(Ok(_))) {
            warn!(station.id = %station, "Failed to disconnect `{station}`; it reaches no topic any more");
        }
    }
}

fn access(broker: SocketAddr, password: Secret) -> Access {
    Access {
        host: broker.ip().to_string(),
        port: broker.port(),
        tls: None,
        client_id: HUB_NAME.to_owned(),
        username: HUB_NAME.to_owned(),
        password,
    }
}

fn get(now: &Now) -> Option<ServerContext> {
    now.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn set(now: &Now, context: Option<ServerContext>) {
    *now.lock().unwrap_or_else(PoisonError::into_inner) = context;
}

/// Keeps one life of the broker going after the other.
struct Supervisor {
    address: SocketAddr,
    doorkeeper: Doorkeeper,
    secret: Secret,
    probe_every: Duration,
    now: Now,
    orders: mpsc::Receiver<Order>,
}

impl Supervisor {
    async fn run(mut self, mut life: Life) {
        loop {
            let ended = self.watch(&mut life).await;
            set(&self.now, None);
            life.end().await;
            let Some(why) = ended else { return };
            error!("The embedded broker {why}; starting it again");
            let Some(next) = self.begin_again().await else { return };
            life = next;
            set(&self.now, Some(life.context.clone()));
            self.doorkeeper.counters.restarts.fetch_add(1, Ordering::Relaxed);
            info!("The embedded broker runs again");
        }
    }

    /// Waits until this life is over; says why, or `None` when no other shall follow.
    async fn watch(&mut self, life: &mut Life) -> Option<&'static str> {
        let mut failed = 0;
        loop {
            tokio::select! {
                _ = &mut life.task => return Some("ended by itself"),
                order = self.orders.recv() => match order {
                    Some(Order::Restart) => return Some("was told to restart"),
                    Some(Order::Shutdown) | None => return None,
                },
                () = tokio::time::sleep(self.probe_every) => {
                    failed = if probe::answers(self.address, &self.secret).await { 0 } else { failed + 1 };
                    if failed >= PROBES_FAILED_MAX {
                        return Some("stopped answering");
                    }
                }
            }
        }
    }

    async fn begin_again(&mut self) -> Option<Life> {
        loop {
            match Life::begin(self.address, self.doorkeeper.clone()).await {
                Ok(life) => return Some(life),
                Err(error) => error!(%error, "Failed to start the embedded broker again"),
            }
            tokio::select! {
                order = self.orders.recv() => if !matches!(order, Some(Order::Restart)) { return None },
                () = tokio::time::sleep(RESTART_PAUSE) => {}
            }
        }
    }
}

/// One life of rmqtt: its runtime, its context and the task that listens.
struct Life {
    runtime: OwnRuntime,
    context: ServerContext,
    task: JoinHandle<()>,
    address: SocketAddr,
}

impl Life {
    async fn begin(address: SocketAddr, doorkeeper: Doorkeeper) -> Result<Self, BrokerError> {
        let runtime = OwnRuntime::new()?;
        let built = runtime.get().spawn(async move {
            let context = ServerContext::new().busy_check_enable(false).build().await;
            doorkeeper.take_charge(&context).await;
            *context.extends.retain_mut().await = Box::new(Retained::new());
            let listener = listener(address)?;
            let address = listener.local_addr()?;
            Ok::<_, rmqtt::Error>((context, listener, address))
        });
        let built = built.await.map_err(|error| BrokerError::Start(error.to_string()))?;
        let (context, listener, address) = built.map_err(|error| BrokerError::Start(format!("{error:#}")))?;
        let server = MqttServer::new(context.clone()).listener_by_id(listener, LISTENER).build();
        let task = runtime.get().spawn(async move {
            if let Err(error) = server.run().await {
                error!("The embedded broker failed: {error:#}");
            }
        });
        Ok(Self { runtime, context, task, address })
    }

    /// Ends every task of this life and frees its port.
    async fn end(self) {
        let _ = tokio::task::spawn_blocking(move || self.runtime.end()).await;
        // These two hold the context that holds them.
        *self.context.extends.shared_mut().await = Box::new(DefaultShared::new(None));
        *self.context.extends.router_mut().await = Box::new(DefaultRouter::new(None));
    }
}

/// A runtime that may be dropped anywhere, also where waiting for its end is forbidden.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> Result<Self, BrokerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("broker")
            .enable_all()
            .build()
            .map_err(|error| BrokerError::Start(error.to_string()))?;
        Ok(Self(Some(runtime)))
    }

    fn get(&self) -> &Runtime {
        self.0.as_ref().expect("the runtime is there until it ends")
    }

    /// Waits until every task has ended.
    fn end(mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(END_TIMEOUT);
        }
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// rmqtt's own defaults admit anyone, drop queued messages after five minutes and refuse clients on a busy machine.
fn listener(address: SocketAddr) -> rmqtt::Result<Listener> {
    Builder::new()
        .name("stations")
        .laddr(address)
        .reuseaddr(Some(true))
        .nodelay(true)
        .allow_anonymous(false)
        .max_packet_size(256 * 1024)
        .max_clientid_len(64)
        .max_qos_allowed(QoS::AtLeastOnce)
        .max_topic_levels(8)
        .min_keepalive(5)
        .max_keepalive(120)
        .allow_zero_keepalive(false)
        .max_inflight(NonZeroU16::new(64).expect("64 is not 0"))
        .max_mqueue_len(256)
        .max_handshaking_limit(128)
        .max_connections(20_000)
        .handshake_timeout(Duration::from_secs(10))
        .send_timeout(Duration::from_secs(5))
        .message_retry_interval(Duration::from_secs(60))
        .message_expiry_interval(Duration::ZERO)
        .session_expiry_interval(Duration::ZERO)
        .max_session_expiry_interval(Duration::from_secs(1))
        .bind()?
        .tcp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doorkeeper(secret: &Secret) -> Doorkeeper {
        Doorkeeper { directory: Arc::default(), hub: secret.hash(), counters: Arc::default(), peers: Arc::default() }
    }

    fn supervisor(life: &Life, secret: &Secret) -> (Supervisor, mpsc::Sender<Order>) {
        let (orders, received) = mpsc::channel(1);
        let supervisor = Supervisor {
            address: life.address,
            doorkeeper: doorkeeper(secret),
            secret: secret.clone(),
            probe_every: Duration::from_millis(1),
            now: Arc::default(),
            orders: received,
        };
        (supervisor, orders)
    }

    async fn life(secret: &Secret) -> Life {
        Life::begin((Ipv4Addr::LOCALHOST, 0).into(), doorkeeper(secret)).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_broker_that_ends_is_started_again_on_the_same_port() {
        let secret = Secret::random();
        let life = life(&secret).await;
        let (supervisor, orders) = supervisor(&life, &secret);
        let (address, now) = (life.address, supervisor.now.clone());
        let counters = supervisor.doorkeeper.counters.clone();
        life.task.abort();
        let running = tokio::spawn(supervisor.run(life));
        tokio::time::timeout(Duration::from_secs(30), async {
            while counters.restarts.load(Ordering::Relaxed) == 0 || !probe::answers(address, &secret).await {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the broker runs again");
        assert!(get(&now).is_some());
        drop(orders);
        running.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_broker_that_answers_nobody_is_given_up() {
        let secret = Secret::random();
        let mut life = life(&secret).await;
        let (mut supervisor, _orders) = supervisor(&life, &Secret::random());
        assert_eq!(supervisor.watch(&mut life).await, Some("stopped answering"));
        life.end().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_broker_that_answers_is_left_alone_until_it_shall_end() {
        let secret = Secret::random();
        let mut life = life(&secret).await;
        let address = life.address;
        let (mut supervisor, orders) = supervisor(&life, &secret);
        let later = async {
            for _ in 0..50 {
                assert!(probe::answers(address, &secret).await);
            }
            orders.send(Order::Shutdown).await.unwrap();
        };
        assert_eq!(tokio::join!(supervisor.watch(&mut life), later), (None, ()));
        life.end().await;
    }
}
