//! The running station: opens what it needs, starts its parts, and stops them in order.

use crate::alarms::Alarms;
use crate::clock;
use crate::config::Config;
use crate::credential::{Credential, CredentialError};
use crate::disk::{Disk, RealDisk, RehearsalDisk};
use crate::enroll;
use crate::health::Health;
use crate::hub_time::HubTime;
use crate::journal::{self, Birth, Journal, Store};
use crate::link::{self, LinkState, Running};
use crate::panel::gpio::{LightThread, Signal, open as open_light};
use crate::replica::{self, Replica, ReplicaError};
use crate::station::thread::{Parts, StationHandle, StationThread};
use crate::station::{Doing, LinkView, PanelView, StationSettings};
use crate::{outbox, panel};
use anyhow::{Context as _, anyhow};
use packline_protocol::envelope::{Opener, Sealer};
use packline_protocol::id::{BootId, StationEpoch};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The name of the claim token among the service's credentials.
const CLAIM: &str = "packline-edge.claim";
/// Names the file that makes the journal's disk slow or full, for a rehearsal.
const REHEARSAL: &str = "PACKLINE_REHEARSAL";

/// Runs the station until it is told to stop.
pub fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .thread_stack_size(256 * 1024)
        .thread_keep_alive(Duration::from_secs(2))
        .build()
        .context("failed to start the runtime")?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let real = RealDisk::open(&config.state).with_context(|| cannot("make", &config.state))?;
    let credential = credential(&config)?;
    info!(station.id = %credential.station, "Station `{}` of site `{}`", credential.station, credential.site);
    let (alarms, boot) = (Alarms::default(), BootId(clock::random_u64()));
    // Only the journal rehearses: what a scan waits for.
    let journal = match std::env::var_os(REHEARSAL) {
        Some(orders) => {
            alarms
                .raise("rehearsal", format!("this is a rehearsal: {REHEARSAL} makes the journal's disk slow or full"));
            let disk = RehearsalDisk::new(real.clone(), orders.into());
            open_journal(&config, Arc::new(disk), boot, &alarms)?
        }
        None => open_journal(&config, Arc::new(real.clone()), boot, &alarms)?,
    };
    let replica = open_replica(&config, Arc::new(real), &credential, &alarms)?;
    let station = start_station(&config, &credential, boot, &journal, &replica, &alarms)?;
    let link = Running::start(link_parts(&config, &credential, boot, &journal, &replica)?);
    let listener = TcpListener::bind(config.panel_listen).await;
    let listener = listener.with_context(|| format!("failed to listen on {}", config.panel_listen))?;
    let address = listener.local_addr().context("failed to learn the address of the bench page")?;
    let routes = panel::page::router(Arc::new(station.handle().clone())).merge(outbox::routes(journal.clone()));
    let mut pages = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            warn!(%error, "The bench page is gone");
        }
    });
    let health = Health::start(station.handle().clone()).context("failed to start the health thread")?;
    announce(&config, address)?;
    let nights = tokio::spawn(check_nightly(replica.clone(), journal.clone(), alarms.clone()));
    let mut parts = Watched {
        states: link.watch(),
        pictures: station.handle().pictures(),
        pages: &mut pages,
        journal: journal.clone(),
    };
    let show = |state: &LinkState| show_link(state, station.handle(), &alarms);
    let end = attend(&mut parts, show, |picture| link.tell(station_state(picture))).await;
    nights.abort();
    match end {
        End::Told(how) => info!("Stopping: {how}"),
        End::Broke(part) => error!("Stopping: {part} has ended by itself"),
    }
    drop(health);
    pages.abort();
    link.stop().await;
    drop(station);
    if let Err(error) = replica.save_age() {
        warn!(%error, "How old the data is was not written down");
    }
    journal.close();
    info!("Stopped");
    match end {
        End::Told(_) => Ok(()),
        End::Broke(part) => Err(anyhow!("{part} has ended by itself; the station must be started again")),
    }
}

/// Works everything out anew once a day: finds damage that nobody has stumbled over.
async fn check_nightly(replica: Replica, journal: Journal, alarms: Alarms) {
    loop {
        tokio::time::sleep(DAY).await;
        let (replica, journal) = (replica.clone(), journal.clone());
        let checked = tokio::task::spawn_blocking(move || (check_replica(&replica), journal.verify().err())).await;
        let Ok((damage, broken)) = checked else { return };
        if let Some(damage) = damage {
            alarms.raise("replica-damaged", damage);
        }
        alarms.set("journal-damaged", broken.map(|error| format!("restart the station to save its records: {error}")));
    }
}

/// A replica that is damaged is fetched again; answers what to say about it.
fn check_replica(replica: &Replica) -> Option<String> {
    match replica.verify() {
        Err(ReplicaError::Damaged(why)) => {
            let done =
                replica.start_over(&why).map_or_else(|error| error.to_string(), |_| "it is fetched again".to_owned());
            Some(format!("the copy of the orders was damaged ({why}); {done}"))
        }
        Err(error) => Some(error.to_string()),
        Ok(rows) => {
            info!(rows, "The copy of the orders is sound");
            None
        }
    }
}

/// The parts whose end is the station's end: half a station must not go on unnoticed.
struct Watched<'s, State, Picture> {
    /// Closed when the link's task has ended, and it ends with the replica's thread.
    states: watch::Receiver<State>,
    /// Closed when the station's thread has ended.
    pictures: watch::Receiver<Picture>,
    pages: &'s mut JoinHandle<()>,
    journal: Journal,
}

/// Why the station stops.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Somebody wants it to.
    Told(&'static str),
    /// This part of it is no more.
    Broke(&'static str),
}

/// Passes news between link and station until a signal comes or a part of them ends.
async fn attend<State: Clone, Picture: Clone>(
    parts: &mut Watched<'_, State, Picture>,
    show: impl Fn(&State),
    tell: impl Fn(&Picture),
) -> End {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return End::Told("signals cannot be heard");
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => return End::Told("told to terminate"),
            _ = interrupt.recv() => return End::Told("interrupted"),
            _ = &mut *parts.pages => return End::Broke("the bench page"),
            () = parts.journal.ended() => return End::Broke("the journal's thread"),
            changed = parts.states.changed() => match changed {
                Ok(()) => show(&parts.states.borrow_and_update().clone()),
                Err(_) => return End::Broke("the link"),
            },
            changed = parts.pictures.changed() => match changed {
                Ok(()) => tell(&parts.pictures.borrow_and_update().clone()),
                Err(_) => return End::Broke("the station's thread"),
            },
        }
    }
}

fn show_link(state: &LinkState, station: &StationHandle, alarms: &Alarms) {
    let _ = station.show_link(link_view(state));
    let twin = state.standing.alarms.iter().find(|alarm| alarm.key == "duplicate-identity");
    alarms.set("duplicate-identity", twin.map(|alarm| alarm.text.clone()));
    let doubt = "the copy of the orders differs from the hub's and is being mended; nothing is released until it is";
    alarms.set("replica-in-doubt", state.standing.in_doubt.then(|| doubt.to_owned()));
}

fn link_view(state: &LinkState) -> LinkView {
    let standing = &state.standing;
    let behind = standing.head.filter(|head| *head > standing.replica.seq);
    let doing = match (&state.connection, standing.rebuilding, behind) {
        (link::Connection::Down { why, .. }, ..) => Doing::Connecting { why: why.clone() },
        (_, Some((part, of)), _) => Doing::Fetching { part, of },
        (_, None, _) if standing.in_doubt => Doing::Mending,
        (_, None, Some(to)) => Doing::CatchingUp { to },
        (_, None, None) if standing.open => Doing::Level,
        (_, None, None) => Doing::Waiting,
    };
    let (link::Connection::Up { since } | link::Connection::Down { since, .. }) = &state.connection;
    LinkView { up: standing.open, since: Some(*since), doing, alarms: standing.alarms.clone() }
}

fn station_state(picture: &PanelView) -> link::session::StationState {
    link::session::StationState {
        revision: picture.revision,
        journal_percent: picture.journal_percent,
        scanners: picture.scanners.iter().map(crate::station::ScannerView::report).collect(),
        alarms: picture.alarms.clone(),
    }
}

/// The credential; a station that has none yet but a claim token enrols first.
fn credential(config: &Config) -> anyhow::Result<Credential> {
    match Credential::load(&config.state) {
        Err(CredentialError::Missing { path }) => {
            let missing = CredentialError::Missing { path };
            let (Some(hub), Some(token)) = (&config.hub, claim()) else { return Err(missing.into()) };
            info!("This station is not enrolled; its claim token is used");
            Ok(enroll::enroll(&config.state, hub, &token, config.ca_file.as_deref())?)
        }
        credential => Ok(credential?),
    }
}

/// The claim token among the credentials that systemd hands over.
pub(crate) fn claim() -> Option<String> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY")?;
    let token = std::fs::read_to_string(Path::new(&folder).join(CLAIM)).ok()?;
    Some(token.trim().to_owned()).filter(|token| !token.is_empty())
}

fn open_journal(config: &Config, disk: Arc<dyn Disk>, boot: BootId, alarms: &Alarms) -> anyhow::Result<Journal> {
    let settings = journal::Settings { bytes_max: config.journal_bytes, ..journal::Settings::default() };
    let birth = Birth { epoch: StationEpoch(clock::random_u64()), boot, now: clock::now() };
    let (store, opened) =
        Store::open(disk, settings, birth).with_context(|| cannot("open the journal in", &config.state))?;
    if let journal::Opened::Rebuilt { aside, salvaged, why } = opened {
        let text = format!("the journal was damaged ({why}); {salvaged} records were saved, the old file is `{aside}`");
        alarms.raise("journal-rebuilt", text);
    }
    Ok(Journal::start(store))
}

fn open_replica(
    config: &Config,
    disk: Arc<RealDisk>,
    credential: &Credential,
    alarms: &Alarms,
) -> anyhow::Result<Replica> {
    let settings = replica::Settings { site: credential.site.clone(), cache_bytes: config.cache_bytes };
    let (replica, opened) =
        Replica::open(disk, settings).with_context(|| cannot("open the replica in", &config.state))?;
    if let replica::Opened::Emptied { aside, why } = opened {
        let text =
            format!("the copy of the orders could not be used ({why}); it is fetched again, the old file is `{aside}`");
        alarms.raise("replica-damaged", text);
    }
    Ok(replica)
}

fn start_station(
    config: &Config,
    credential: &Credential,
    boot: BootId,
    journal: &Journal,
    replica: &Replica,
    alarms: &Alarms,
) -> anyhow::Result<StationThread> {
    let (light, trouble) = open_light(config.light.as_ref());
    alarms.set("light", trouble.map(|trouble| format!("the stack light does not work: {trouble}")));
    let light = LightThread::start(light, Signal::Test).context("failed to start the light's thread")?;
    let settings = StationSettings {
        station: credential.station.clone(),
        boot,
        lock_on_stop: config.lock_on_stop,
        language: config.language,
    };
    let parts = Parts {
        settings,
        site: credential.site.clone(),
        scanners: config.scanners.clone(),
        replica: replica.clone(),
        journal: journal.clone(),
        light,
        alarms: alarms.clone(),
    };
    StationThread::start(parts).context("failed to start the station")
}

fn link_parts(
    config: &Config,
    credential: &Credential,
    boot: BootId,
    journal: &Journal,
    replica: &Replica,
) -> anyhow::Result<link::Parts> {
    let url = config.mqtt.as_deref().unwrap_or(&credential.mqtt_url);
    let (host, port, secure) =
        broker(url).ok_or_else(|| anyhow!("broker is `{url}`; give mqtt://HOST:PORT or mqtts://HOST:PORT"))?;
    let hub_time = HubTime::open(&config.state);
    hub_time.heard(replica.level_at());
    let tls = secure.then(|| link::tls::client_config(config.ca_file.as_deref(), hub_time.clone())).transpose()?;
    let mqtt = link::mqtt::Config {
        host,
        port,
        tls,
        client_id: credential.station.to_string(),
        password: credential.mqtt_secret.clone(),
        filters: link::filters(&credential.site, &credential.station),
        backoff: link::mqtt::Backoff::default(),
    };
    Ok(link::Parts {
        mqtt,
        site: credential.site.clone(),
        station: credential.station.clone(),
        sealer: Arc::new(Sealer::new(&credential.secret_key.0)),
        hub_key: Opener::new(&credential.hub_public_key.0).context("the hub's key in the credential is no key")?,
        boot,
        journal: journal.clone(),
        replica: replica.clone(),
        hub_time,
    })
}

/// Host, port, and whether it is TLS.
fn broker(url: &str) -> Option<(String, u16, bool)> {
    let (rest, secure) = match url.strip_prefix("mqtts://") {
        Some(rest) => (rest, true),
        None => (url.strip_prefix("mqtt://")?, false),
    };
    let rest = rest.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (rest, if secure { 8883 } else { 1883 }),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port, secure))
}

/// Says where the bench page is, on the log and in the ready file.
fn announce(config: &Config, address: SocketAddr) -> anyhow::Result<()> {
    info!("Ready: bench page on http://{address}");
    let Some(path) = &config.ready_file else { return Ok(()) };
    let ready = serde_json::json!({ "panel": address.to_string() }).to_string();
    let beside = path.with_extension("tmp");
    let written = std::fs::write(&beside, ready).and_then(|()| std::fs::rename(&beside, path));
    written.with_context(|| cannot("write", path))
}

fn cannot(attempt: &str, path: &Path) -> String {
    format!("failed to {attempt} `{}`", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fault::FaultDisk;

    /// Parts that a test can end.
    struct Stand {
        journal: Journal,
        states: Option<watch::Sender<()>>,
        pictures: Option<watch::Sender<()>>,
        pages: JoinHandle<()>,
    }

    #[track_caller]
    fn check(end: impl FnOnce(&mut Stand), expected: End) {
        let birth = Birth { epoch: StationEpoch(1), boot: BootId(1), now: clock::now() };
        let (store, _) = Store::open(Arc::new(FaultDisk::new(0)), journal::Settings::default(), birth).unwrap();
        let journal = Journal::start(store);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ((state, states), (picture, pictures)) = (watch::channel(()), watch::channel(()));
            let pages = tokio::spawn(std::future::pending());
            let (states_of, pictures_of) = (Some(state), Some(picture));
            let mut stand = Stand { journal: journal.clone(), states: states_of, pictures: pictures_of, pages };
            end(&mut stand);
            let mut parts = Watched { states, pictures, pages: &mut stand.pages, journal };
            let attended = attend(&mut parts, |()| {}, |()| {});
            assert_eq!(tokio::time::timeout(Duration::from_secs(20), attended).await.unwrap(), expected);
        });
    }

    #[test]
    fn the_end_of_any_part_is_the_end_of_the_station_and_is_named() {
        check(|stand| stand.states = None, End::Broke("the link"));
        check(|stand| stand.pictures = None, End::Broke("the station's thread"));
        check(|stand| stand.pages.abort(), End::Broke("the bench page"));
        check(|stand| stand.journal.close(), End::Broke("the journal's thread"));
    }

    #[test]
    fn a_broker_is_found_by_its_url() {
        let check = |url: &str, expected: Option<(&str, u16, bool)>| {
            let expected = expected.map(|(host, port, secure)| (host.to_owned(), port, secure));
            assert_eq!(broker(url), expected, "{url}");
        };
        check("mqtt://127.0.0.1:1884", Some(("127.0.0.1", 1884, false)));
        check("mqtts://hub.example", Some(("hub.example", 8883, true)));
        check("mqtt://hub.example/", Some(("hub.example", 1883, false)));
        check("mqtt://[::1]:1883", Some(("::1", 1883, false)));
        check("mqtt://[::1]", Some(("::1", 1883, false)));
        check("tcp://hub.example", None);
        check("mqtt://", None);
        check("mqtt://hub:port", None);
    }
}
