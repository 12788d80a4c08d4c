//! Live events for pages that are open. Nothing relies on them: a page that missed some shows the rest.

use crate::accounts;
use crate::accounts::model::Session;
use crate::accounts::rights::Right;
use crate::app::App;
use axum::extract::{Extension, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt as _};
use std::convert::Infallible;
use std::time::Duration;
use tokio_stream::wrappers::BroadcastStream;

/// How often it is looked whether the session of a stream still holds.
const CHECK: Duration = Duration::from_secs(5);

/// How often a silent stream says that it is alive.
const ALIVE: Duration = Duration::from_secs(10);

/// Live events
///
/// A stream of server-sent events: `scan`, `conflict`, `station`, `orders`, `import`, `effect`, `notice`, each for those
/// who may see what it is about. It ends when the hub stops, and soon after the session ends or its rights change.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    responses((status = 200, description = "text/event-stream", content_type = "text/event-stream", body = String)))]
pub async fn stream(
    State(app): State<App>,
    Extension(session): Extension<Session>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let live = BroadcastStream::new(app.watch_live());
    let ended = ended(app.clone(), session.clone());
    // A page that is too slow misses events and goes on with the next.
    let events = live
        .filter_map(async |event| event.ok())
        .filter(move |event| {
            let seen = may_see(&session, event.kind);
            async move { seen }
        })
        .map(|event| Ok(Event::default().event(event.kind).data(event.data.to_string())));
    Sse::new(events.take_until(ended)).keep_alive(KeepAlive::new().interval(ALIVE))
}

/// Comes back when a stream of this session has to end.
async fn ended(app: App, session: Session) {
    let mut checks = tokio::time::interval(CHECK);
    loop {
        tokio::select! {
            () = app.stopped() => return,
            _ = checks.tick() => {}
        }
        // When the store does not answer, nothing is known: the next check asks again.
        if let Ok(false) = accounts::actions::still_holds(&app, &session).await {
            return;
        }
    }
}

/// Whether somebody may see events of this kind. A kind that is not listed is seen by nobody.
fn may_see(session: &Session, kind: &str) -> bool {
    let right = match kind {
        "scan" | "conflict" => Right::ScansView,
        "station" => Right::StationsView,
        "orders" => Right::OrdersView,
        "import" => Right::OrdersImport,
        "effect" => Right::NotifyManage,
        // It says only that there may be something: each page asks for its own.
        "notice" => return true,
        _ => return false,
    };
    session.may(right)
}
