//! What notices do by themselves: say what is due, look after stations, forget what is old.

use super::actions;
use super::model::{NoticeKind, Occurrence};
use crate::app::App;
use crate::error::chain;
use crate::fleet;
use crate::fleet::model::{FleetError, StationStatus};
use crate::store::StoreError;
use crate::webhooks;
use crate::webhooks::model::{Event, EventKind};
use packline_protocol::downlink::REFUSED_FORK;
use packline_protocol::time::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use tracing::warn;

/// How often what is due is said.
const PERIOD: Duration = Duration::from_secs(1);
/// Rounds between two looks at the stations.
const LOOK_EVERY: u32 = 5;
/// Rounds between two cleanings: an hour.
const CLEAN_EVERY: u32 = 3_600;
/// So long notices are kept, in milliseconds: 60 days.
const KEEP_MS: i64 = 60 * 24 * 3_600_000;
/// A station is lost when nothing was heard for so long, in milliseconds.
const LOST_AFTER_MS: i64 = 60_000;

/// Runs until the hub stops.
pub async fn run(app: App) -> anyhow::Result<()> {
    let mut newest = 0;
    for round in 0u32.. {
        if let Err(error) = turn(&app, round, &mut newest).await {
            warn!(error = %chain(&error), "Failed to look after notices; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stopped() => break,
        }
    }
    Ok(())
}

async fn turn(app: &App, round: u32, newest: &mut i64) -> Result<(), StoreError> {
    let now = app.clock.now();
    if (round + 1).is_multiple_of(LOOK_EVERY) {
        look_at_stations(app).await?;
    }
    while actions::say_due(app, now).await? {}
    if round.is_multiple_of(CLEAN_EVERY) {
        actions::forget(&app.db, now.plus_ms(-KEEP_MS), now).await?;
    }
    // Another hub may have written it: every hub tells its own pages.
    let seen = actions::newest(&app.db).await?;
    if seen != std::mem::replace(newest, seen) {
        app.show("notice", serde_json::json!({}));
    }
    Ok(())
}

/// What stands about a station.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Trouble {
    kind: NoticeKind,
    key: String,
    site: String,
    detail: String,
}

/// Compares what is wrong with stations with what people were told, and closes the gap. It remembers nothing: after a
/// restart, and on several hubs, it comes to the same.
pub async fn look_at_stations(app: &App) -> Result<(), StoreError> {
    let troubles = troubles(app).await?;
    let now = app.clock.now();
    for kind in [
        NoticeKind::StationLost,
        NoticeKind::StationClock,
        NoticeKind::StationStorage,
        NoticeKind::StationAlarm,
        NoticeKind::JournalFork,
    ] {
        let told = actions::standing(&app.db, kind).await?;
        let stands: BTreeSet<&str> =
            troubles.iter().filter(|trouble| trouble.kind == kind).map(|trouble| trouble.key.as_str()).collect();
        let new = troubles.iter().filter(|trouble| trouble.kind == kind && !told.contains(&trouble.key));
        let new: Vec<Occurrence> = new.map(Trouble::occurrence).collect();
        let over: Vec<&String> = told.iter().filter(|key| !stands.contains(key.as_str())).collect();
        if new.is_empty() && over.is_empty() {
            continue;
        }
        let mut tx = app.db.begin("notices.stations").await?;
        actions::raise(&mut tx, &new, now).await?;
        if kind == NoticeKind::StationLost {
            let lost = new.iter().map(|lost| event(EventKind::StationLost, &lost.key, now));
            webhooks::actions::emit(&mut tx, &lost.collect::<Vec<_>>(), now).await?;
        }
        for key in over {
            let ended = actions::end(&mut tx, kind, key).await?;
            if ended && kind == NoticeKind::StationLost {
                let back = Occurrence::new(NoticeKind::StationRestored, key).see("/stations");
                actions::raise(&mut tx, &[back], now).await?;
                let back = event(EventKind::StationRestored, key, now);
                webhooks::actions::emit(&mut tx, &[back], now).await?;
            }
        }
        tx.commit().await?;
    }
    Ok(())
}

/// What webhooks hear of a station.
fn event(kind: EventKind, station: &str, now: Timestamp) -> Event {
    let subject = format!("station:{station}");
    Event {
        key: format!("{subject}/{}/{}", kind.word(), now.0),
        kind,
        subject,
        data: json!({ "station": station, "noticed_at": now }),
    }
}

impl Trouble {
    fn occurrence(&self) -> Occurrence {
        Occurrence::new(self.kind, &self.key).at(&self.site).saying(&self.detail).see("/stations")
    }
}

async fn troubles(app: &App) -> Result<Vec<Trouble>, StoreError> {
    let now = app.clock.now();
    let mut found = Vec::new();
    let states = app.fleet.states();
    for view in fleet::actions::views(app).await.map_err(of_fleet)? {
        let name = view.station.to_string();
        let mut add = |kind, key: String, detail: &str| {
            found.push(Trouble { kind, key, site: view.site.to_string(), detail: detail.to_owned() });
        };
        let state = states.get(&view.station).filter(|_| view.status == StationStatus::Active);
        let (Some(seen_at), Some(state)) = (view.seen_at, state) else { continue };
        if !view.online && now.since_ms(seen_at) >= LOST_AFTER_MS {
            add(NoticeKind::StationLost, name, "");
            // What it said before it fell silent is not news.
            continue;
        }
        // Until its first report nothing is known of its clock.
        if !state.wall_trusted && seen_at.since_ms(state.born_at) >= LOST_AFTER_MS {
            add(NoticeKind::StationClock, name.clone(), "");
        }
        for alarm in &view.alarms {
            match alarm.key.as_str() {
                "journal-filling" | "journal-not-writing" => {
                    add(NoticeKind::StationStorage, format!("{name} {}", alarm.key), &alarm.text);
                }
                REFUSED_FORK => add(NoticeKind::JournalFork, name.clone(), &alarm.text),
                key => add(NoticeKind::StationAlarm, format!("{name} {key}"), &alarm.text),
            }
        }
    }
    Ok(found)
}

/// What the fleet says to the store's failure.
fn of_fleet(error: FleetError) -> StoreError {
    match error {
        FleetError::Store { cause, .. } => cause,
        other => StoreError::row("notices.stations", other),
    }
}
