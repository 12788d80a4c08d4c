//! The bench page: one screen at the packing table, served to the browser of this machine.
//!
//! It shows pictures and passes on what people do; it decides nothing. The station never waits for it: pictures come
//! through a watch channel, and what people do goes into the station's queue. Deliberately absent: anybody but this
//! machine. The page has no log-in, so the guard takes only requests that name this machine, and writes only from the
//! page itself or from a program that is no browser.

mod api;
mod assets;
mod events;
mod guard;
mod problem;

pub use assets::stamp;

use crate::scan::source::{Closed, EntryError};
use crate::station::thread::StationHandle;
use crate::station::{Language, PanelView};
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::routing::{get, post};
use axum::{Router, middleware};
use problem::Problem;
use std::future::Future;
use std::io;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// The longest request body, in bytes.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// The most event streams at a time: one screen needs one, and a browser that reconnects may leave a few behind.
const STREAMS_MAX: usize = 32;

/// What the page needs of a station.
pub trait Desk: Send + Sync + 'static {
    /// Pictures of the station; the newest is always there.
    fn pictures(&self) -> watch::Receiver<Arc<PanelView>>;
    /// A person typed a code.
    fn enter(&self, text: &str) -> Result<(), EntryError>;
    /// A person has seen the answer with this number.
    fn acknowledge(&self, number: u64) -> Result<(), Closed>;
    /// A person chose a language.
    fn choose_language(&self, language: Language) -> Result<(), Closed>;
}

impl Desk for StationHandle {
    fn pictures(&self) -> watch::Receiver<Arc<PanelView>> {
        StationHandle::pictures(self)
    }

    fn enter(&self, text: &str) -> Result<(), EntryError> {
        StationHandle::enter(self, text)
    }

    fn acknowledge(&self, number: u64) -> Result<(), Closed> {
        StationHandle::acknowledge(self, Some(number))
    }

    fn choose_language(&self, language: Language) -> Result<(), Closed> {
        StationHandle::choose_language(self, language)
    }
}

/// What every request is answered from. Cheap to clone.
#[derive(Clone)]
struct Page {
    desk: Arc<dyn Desk>,
    streams: Arc<Semaphore>,
}

/// Everything that the page and programs on this machine can ask for.
pub fn router(desk: Arc<dyn Desk>) -> Router {
    let page = Page { desk, streams: Arc::new(Semaphore::new(STREAMS_MAX)) };
    Router::new()
        .route("/", get(assets::page))
        .route("/assets/{name}", get(assets::asset))
        .route("/api/view", get(api::view))
        .route("/api/status", get(api::status))
        .route("/api/events", get(events::events))
        .route("/api/scan", post(api::scan))
        .route("/api/acknowledge", post(api::acknowledge))
        .route("/api/language", post(api::language))
        .fallback(async || Problem::no_such_path())
        .method_not_allowed_fallback(async |method: Method, uri: Uri| Problem::other_method(&method, &uri))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(guard::guard))
        .with_state(page)
}

/// Puts `routes` behind the same guard as the page: only for this machine.
pub fn guarded(routes: Router) -> Router {
    routes.layer(middleware::from_fn(guard::guard))
}

/// Serves the page until `stop`. Streams that are open then end with their connections.
pub async fn serve(listener: TcpListener, desk: Arc<dyn Desk>, stop: impl Future<Output = ()>) -> io::Result<()> {
    tokio::select! {
        ended = axum::serve(listener, router(desk)) => ended,
        () = stop => Ok(()),
    }
}
