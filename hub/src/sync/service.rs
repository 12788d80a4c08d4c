//! Brings the parts together: broker, connection, inbox, the sites that this hub leads.

use super::desk::{self, Desk};
use super::feed::{Feed, LEASE_MS};
use super::guard::Guard;
use super::inbox::{BIRTHS_MAX, Errand, Inbox, Site, Sites};
use super::leader::{Leader, Wish};
use super::mqtt::{Backoff, Config, Event, Link};
use super::post::Post;
use super::snapshot::Snapshots;
use super::{ingest, store};
use crate::app::App;
use crate::broker::{Broker, Directory, Embedded, EmbeddedConfig, External};
use crate::config::BrokerChoice;
use crate::error::chain;
use crate::health::actions::{BROKER_CONNECTED, BROKER_HELP};
use crate::scans::{self, Hinted};
use crate::store::Db;
use crate::{clock, fleet, orders};
use anyhow::Context as _;
use packline_protocol::downlink::{Busy, HelloWanted};
use packline_protocol::envelope::Sealer;
use packline_protocol::id::{SiteId, StationId};
use packline_protocol::time::Timestamp;
use packline_protocol::topic::{self, Topic, UpStream};
use packline_protocol::uplink::Hint;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tracing::{info, warn};

/// How often sites without a leader are looked for.
const SEEK_EVERY: Duration = Duration::from_secs(2);
/// What was marked may be of a new site: then this soon.
const SEEK_REST_MS: u64 = 250;
/// How long a station waits when batches come faster than they can be kept, in milliseconds.
const WAIT_MS: u32 = 1_000;
/// How often old parcels are taken off the stations.
const CLEAN_EVERY: Duration = Duration::from_secs(10 * 60);
/// The folder of snapshots in the data folder.
const SNAPSHOT_FOLDER: &str = "snapshots";

/// Starts everything that stations need, and says where the embedded broker listens for them.
pub async fn start(app: &App, parts: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<Option<SocketAddr>> {
    let data = &app.config.data;
    let guard = Arc::new(Guard::open(data).context("failed to read what was last seen of the change logs")?);
    let sealer = Arc::new(Sealer::new(app.keys.signing().as_bytes()));
    let snapshots = Arc::new(Snapshots::open(&data.join(SNAPSHOT_FOLDER), sealer.clone())?);
    let broker = Arc::new(open_broker(app).await?);
    let listening = broker.listening();
    app.fleet.use_broker(&broker);
    app.fleet.recall(&app.db).await?;
    app.fleet.reload(&app.db).await?;
    let filters = [UpStream::Scans, UpStream::Requests, UpStream::Will].map(topic::all_stations).to_vec();
    let config = Config { access: broker.access().clone(), filters, backoff: Backoff::default() };
    let (link, events) = Link::open(config);
    let post = Post::new(app.clone(), sealer, link.publisher());
    let sites = Sites::default();
    let (batches, batch_queue) = mpsc::channel(ingest::QUEUE_MAX);
    let (errands, errand_queue) = mpsc::channel(BIRTHS_MAX);
    let inbox = Inbox::new(app.clone(), sites.clone(), batches, errands);
    parts.spawn(listen(app.clone(), link, events, inbox, sites.clone(), broker));
    parts.spawn(ingest::run(app.clone(), post.clone(), batch_queue));
    parts.spawn(run_errands(app.clone(), post.clone(), errand_queue));
    parts.spawn(seek(Seeker { app: app.clone(), post, guard, snapshots, sites }));
    parts.spawn(fleet::jobs::run(app.clone()));
    parts.spawn(clean(app.clone()));
    Ok(listening)
}

async fn open_broker(app: &App) -> anyhow::Result<Broker> {
    match &app.config.broker {
        BrokerChoice::Embedded { listen, certificate } => {
            let config = EmbeddedConfig { certificate: certificate.clone(), ..EmbeddedConfig::plain(*listen) };
            let started = Embedded::start(config, Arc::new(Directory::default())).await;
            Ok(Broker::Embedded(started.with_context(|| format!("mqtt_listen is `{listen}`"))?))
        }
        BrokerChoice::External { url, user, password_file, ca_file } => {
            let mut address = url::Url::parse(url).context("broker is no address")?;
            let user = user.as_deref().context("broker_user is not set; give the hub's user name at the broker")?;
            let file = password_file.as_deref().context("broker_password_file is not set; give a file")?;
            let password = std::fs::read_to_string(file)
                .with_context(|| format!("failed to read broker_password_file `{}`", file.display()))?;
            let refused = || anyhow::anyhow!("broker takes no user name; give mqtt://HOST:PORT or mqtts://HOST:PORT");
            address.set_username(user).map_err(|()| refused())?;
            address.set_password(Some(password.trim_end())).map_err(|()| refused())?;
            Ok(Broker::External(External::new(address.as_str(), ca_file.as_deref())?))
        }
    }
}

/// Hears the connection until the hub stops, then closes it and the broker.
async fn listen(
    app: App,
    link: Link,
    mut events: mpsc::Receiver<Event>,
    inbox: Inbox,
    sites: Sites,
    broker: Arc<Broker>,
) -> anyhow::Result<()> {
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = app.stopped() => None,
        };
        match event {
            Some(Event::Message { topic, payload }) => inbox.hear(&topic, &payload, clock::moment()),
            Some(Event::Up { connection }) => {
                app.metrics.gauge(BROKER_CONNECTED, BROKER_HELP, &[]).set(1);
                info!(connection, "Connected to the broker");
                for site in sites.all() {
                    // A full queue means that its leader is about to say its head anyway.
                    let _ = site.leader.try_send(Wish::Head);
                }
            }
            Some(Event::Down { connection, why }) if !app.is_stopping() => {
                app.metrics.gauge(BROKER_CONNECTED, BROKER_HELP, &[]).set(0);
                warn!(connection, "Lost the connection to the broker: {why}");
            }
            Some(Event::Down { .. }) => {}
            None => break,
        }
    }
    drop(link);
    // Whoever still talks to it finds it gone.
    if let Some(broker) = Arc::into_inner(broker) {
        broker.shutdown().await;
    }
    Ok(())
}

async fn run_errands(
    app: App,
    post: Post,
    mut queue: mpsc::Receiver<(SiteId, StationId, Errand)>,
) -> anyhow::Result<()> {
    let (mut wanted, mut hinted) = (0, Hinted::default());
    loop {
        let next = tokio::select! {
            next = queue.recv() => next,
            () = app.stopped() => None,
        };
        let Some((site, station, errand)) = next else { return Ok(()) };
        let topic = Topic::Answer(site.clone(), station.clone());
        match errand {
            Errand::Welcome(hello) => {
                match scans::actions::welcome(&app.db, &station, &hello, app.clock.now()).await {
                    Ok(welcome) => post.send(&topic, &welcome).await,
                    // The station greets again.
                    Err(error) => warn!(error = %chain(&error), "Failed to welcome station `{station}`"),
                }
            }
            Errand::Wanted => {
                wanted += 1;
                post.send(&topic, &HelloWanted { count: wanted }).await;
            }
            Errand::Wait => post.send(&topic, &Busy { retry_ms: WAIT_MS }).await,
            Errand::Hint(hint) => show_hint(&app, &mut hinted, &station, &site, &hint).await,
        }
    }
}

/// Shows a scan before its record has come, and the conflict that it means. Nothing of it is stored.
async fn show_hint(app: &App, hinted: &mut Hinted, station: &StationId, site: &SiteId, hint: &Hint) {
    match scans::actions::hint(&app.db, hinted, station, site, hint, app.clock.now()).await {
        Ok(Some((row, conflict))) if app.is_watched() => {
            app.show("scan", scans::pages::live(&row));
            if let Some(conflict) = conflict {
                app.show("conflict", serde_json::json!(conflict));
            }
        }
        Ok(_) => {}
        Err(error) => warn!(error = %chain(&error), "Failed to look at a hint of station `{station}`"),
    }
}

/// Finds sites without a leader and leads them.
struct Seeker {
    app: App,
    post: Post,
    guard: Arc<Guard>,
    snapshots: Arc<Snapshots>,
    sites: Sites,
}

async fn seek(seeker: Seeker) -> anyhow::Result<()> {
    let mut led: BTreeSet<SiteId> = BTreeSet::new();
    let mut leaders: JoinSet<SiteId> = JoinSet::new();
    let mut sought = None;
    loop {
        let now = clock::moment();
        if sought.is_none_or(|at| now.since_ms(at) >= SEEK_REST_MS) {
            sought = Some(now);
            if let Err(error) = seeker.lead_free(&mut led, &mut leaders).await {
                warn!(error = %format!("{error:#}"), "Failed to take the lead of sites");
            }
        }
        tokio::select! {
            () = seeker.app.stopped() => break,
            () = seeker.app.feed_wake.notified() => seeker.sites.all().iter().for_each(|site| site.wake.notify_one()),
            Some(ended) = leaders.join_next() => {
                let site = ended.context("the leader of a site broke")?;
                seeker.sites.remove(&site);
                led.remove(&site);
            }
            () = tokio::time::sleep(SEEK_EVERY) => {}
        }
    }
    while leaders.join_next().await.is_some() {}
    Ok(())
}

impl Seeker {
    async fn lead_free(&self, led: &mut BTreeSet<SiteId>, leaders: &mut JoinSet<SiteId>) -> anyhow::Result<()> {
        for site in self.known().await? {
            if led.contains(&site) {
                continue;
            }
            let (now, owner) = (self.app.clock.now(), self.guard.instance());
            if !store::is_free(self.app.db.read(), &site, &owner, now).await? {
                continue;
            }
            if let Some(feed) = Feed::lead(&self.app.db, &site, &owner, self.guard.seen(&site), now).await? {
                self.lead(feed, leaders);
                led.insert(site);
            }
        }
        Ok(())
    }

    /// Sites that are there, and those whose parcels were marked before anybody made them.
    async fn known(&self) -> anyhow::Result<BTreeSet<SiteId>> {
        let sites = fleet::actions::sites(&self.app.db).await?;
        let mut known: BTreeSet<SiteId> = sites.into_iter().map(|site| site.site).collect();
        let mut at = None;
        while let Some(site) = store::next_marked_site(self.app.db.read(), at.as_ref()).await? {
            known.insert(site.clone());
            at = Some(site);
        }
        Ok(known)
    }

    fn lead(&self, feed: Feed, leaders: &mut JoinSet<SiteId>) {
        let name = feed.site().clone();
        let (asks, questions) = mpsc::channel(desk::QUEUE_MAX);
        let (wishes, granted) = mpsc::channel(16);
        let wake = Arc::new(Notify::new());
        wake.notify_one();
        let site = Site { desk: asks, leader: wishes.clone(), wake: wake.clone() };
        self.sites.put(name.clone(), site);
        let desk = Desk::new(self.app.clone(), self.post.clone(), name, self.snapshots.clone(), wishes);
        let leader = Leader::new(self.app.clone(), self.post.clone(), self.guard.clone(), feed);
        leaders.spawn(async move {
            let desk = tokio::spawn(desk.run(questions));
            let site = leader.run(wake, granted).await;
            desk.abort();
            site
        });
    }
}

/// Looks at everything that stations know again, site by site, and begins new lives of the logs.
pub async fn rebuild(app: &App) -> anyhow::Result<()> {
    let guard = Guard::open(&app.config.data).context("failed to read what was last seen of the change logs")?;
    // Not under the hub's own name: then a hub that runs would give way to this.
    let owner = format!("{}-rebuild", guard.instance());
    for site in fleet::actions::sites(&app.db).await? {
        let site = site.site;
        let mut feed = take_lead(app, &site, &owner).await?;
        let marked = feed.rebuild(app.clock.now()).await?;
        let mut changes = 0;
        loop {
            let step = feed.fold(app.clock.now()).await?;
            changes += step.deltas.iter().map(|delta| delta.changes.len()).sum::<usize>();
            feed.renew(app.clock.now()).await?;
            if !step.more {
                break;
            }
        }
        feed.leave().await?;
        crate::say::say(format!("site `{site}`: looked at {marked} rows, corrected {changes}"))?;
    }
    Ok(())
}

/// Begins a new life of every site's change log, after the database was put back to an older state. Nobody leads them.
pub async fn begin_lives(db: &Db, why: &str, now: Timestamp) -> anyhow::Result<usize> {
    let owner = format!("restore-{:016x}", clock::random_u64());
    let sites = fleet::actions::sites(db).await?;
    for site in &sites {
        let feed = Feed::lead(db, &site.site, &owner, None, now).await?;
        let mut feed =
            feed.with_context(|| format!("site `{}` is led by a hub that runs; stop it first", site.site))?;
        feed.begin_life(why, now).await?;
        feed.leave().await?;
    }
    Ok(sites.len())
}

/// Takes the lead of a site, waiting for a lease that nobody holds any more to run out.
async fn take_lead(app: &App, site: &SiteId, owner: &str) -> anyhow::Result<Feed> {
    let deadline = app.clock.now().plus_ms(LEASE_MS + 2_000);
    loop {
        let now = app.clock.now();
        if let Some(feed) = Feed::lead(&app.db, site, owner, None, now).await? {
            return Ok(feed);
        }
        anyhow::ensure!(now < deadline, "site `{site}` is led by a hub that runs; stop it first");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Forgets what is over: parcels that stations need no more.
async fn clean(app: App) -> anyhow::Result<()> {
    loop {
        if let Err(error) = orders::actions::retire_parcels(&app).await {
            warn!(error = %chain(&error), "Failed to take old parcels off the stations");
        }
        tokio::select! {
            () = tokio::time::sleep(CLEAN_EVERY) => {}
            () = app.stopped() => return Ok(()),
        }
    }
}
