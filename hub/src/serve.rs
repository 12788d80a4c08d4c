//! A hub from start to stop: opens what it needs, starts its parts, waits, and ends them in order.

use crate::app::App;
use crate::channels::import;
use crate::clock::Clock;
use crate::config::Config;
use crate::keys::HubKeys;
use crate::lifecycle::{self, Alone, Ready};
use crate::routes;
use crate::store::Db;
use crate::{
    accounts, audit, backup, contacts, effects, exports, notices, orders, otlp, outbound, privacy, settings, sync,
    webhooks,
};
use anyhow::Context as _;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::{info, warn};

/// How long the parts may take to end before they are cut off.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Runs a hub until it is asked to stop.
pub async fn run(config: Config) -> anyhow::Result<()> {
    make_data_folder(&config)?;
    let _alone = Alone::take(&config.data).with_context(|| {
        format!("failed to take the data folder `{}`; does another hub use it?", config.data.display())
    })?;
    let app = open(config).await?;
    backup::actions::sweep(&app.config.data);
    settings::actions::refresh(&app).await?;
    accounts::actions::make_first(&app).await?;
    let mut parts: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let ready = start(&app, &mut parts).await?;
    lifecycle::announce(&ready, app.config.ready_file.as_deref()).context("failed to announce readiness")?;
    let outcome = tokio::select! {
        requested = lifecycle::stop_requested(&app) => requested.context("failed to wait for signals"),
        Some(ended) = parts.join_next() => Err(unexpected_end(ended)),
    };
    app.stop();
    finish(parts).await;
    app.db.close().await;
    info!("Stopped");
    outcome
}

/// Everything that a hub needs before any of its parts runs: data folder, keys, store at the right schema.
pub async fn open(config: Config) -> anyhow::Result<App> {
    make_data_folder(&config)?;
    let keys = HubKeys::open(&config.data)?;
    let db = Db::open(&config.db_url()).await?;
    let version = db.migrate().await?;
    backup::actions::restore::finish(&db, Clock::System.now()).await?;
    let vault = privacy::open_vault(&config.data, &db, Clock::System.now()).await?;
    info!(store.engine = %db.engine(), store.version = version, hub.id = keys.hub_id(), "Opened the store");
    let app = App::new(config, db, keys, vault, Clock::System);
    accounts::actions::roles::seed(&app).await?;
    Ok(app)
}

/// Only the hub's own account may look into it.
pub fn make_data_folder(config: &Config) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data);
    made.with_context(|| format!("failed to make the data folder `{}`", config.data.display()))
}

/// Starts every part and says where they listen.
async fn start(app: &App, parts: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<Ready> {
    let listener = TcpListener::bind(app.config.http_listen)
        .await
        .with_context(|| format!("failed to listen on http_listen `{}`", app.config.http_listen))?;
    let http = listener.local_addr().context("failed to read the listening address")?.to_string();
    let mqtt = sync::service::start(app, parts).await?.map(|address| address.to_string());
    parts.spawn(serve_http(app.clone(), listener));
    parts.spawn(watchdog(app.clone()));
    parts.spawn(import::jobs::work(app.clone()));
    parts.spawn(exports::jobs::work(app.clone()));
    parts.spawn(orders::jobs::keep(app.clone()));
    parts.spawn(audit::jobs::keep(app.clone()));
    parts.spawn(contacts::jobs::keep(app.clone()));
    parts.spawn(effects::jobs::keep(app.clone()));
    parts.spawn(notices::jobs::run(app.clone()));
    parts.spawn(webhooks::jobs::keep(app.clone()));
    parts.spawn(outbound::worker::run(app.clone()));
    parts.spawn(settings::jobs::run(app.clone()));
    parts.spawn(settings::jobs::forget(app.clone()));
    parts.spawn(backup::jobs::run(app.clone()));
    parts.spawn(otlp::export(app.clone()));
    Ok(Ready { http, mqtt })
}

async fn serve_http(app: App, listener: TcpListener) -> anyhow::Result<()> {
    let stop = app.clone();
    axum::serve(listener, routes::router(app).into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move { stop.stopped().await })
        .await
        .context("failed to serve pages and API")
}

async fn watchdog(app: App) -> anyhow::Result<()> {
    lifecycle::feed_watchdog(app.clone()).await;
    app.stopped().await;
    Ok(())
}

fn unexpected_end(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow::anyhow!("a part of the hub ended by itself"),
        Ok(Err(error)) => error,
        Err(error) => anyhow::Error::new(error).context("a part of the hub broke"),
    }
}

async fn finish(mut parts: JoinSet<anyhow::Result<()>>) {
    let all = async {
        while let Some(ended) = parts.join_next().await {
            if let Ok(Err(error)) = ended {
                warn!("A part of the hub ended badly: {error:#}");
            }
        }
    };
    if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
        warn!("Some parts of the hub did not end within {} s and were cut off", STOP_LIMIT.as_secs());
    }
}
