//! The stream that the page lives on: every picture at once, and a beat each second.
//!
//! A slow reader gets the newest picture and holds up nobody. The stream ends with the station.

use super::problem::Problem;
use super::{Page, STREAMS_MAX};
use crate::clock;
use crate::panel::{BeatShown, PictureShown};
use crate::station::PanelView;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::Event;
use futures::Stream;
use futures::stream::unfold;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often a beat comes.
const BEAT: Duration = Duration::from_secs(1);
/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_millis(500);

struct Watching {
    pictures: watch::Receiver<Arc<PanelView>>,
    beats: Interval,
    _permit: OwnedSemaphorePermit,
}

pub(super) async fn events(
    State(page): State<Page>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let mut pictures = page.desk.pictures();
    if pictures.has_changed().is_err() {
        return Err(Problem::stopping());
    }
    let permit = page.streams.try_acquire_owned().map_err(|_| {
        let detail = format!("there are {STREAMS_MAX} streams already; close a page that shows this station");
        Problem::unavailable("streams", detail)
    })?;
    // What is there already is news to whoever has just come.
    pictures.mark_changed();
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Ok(Sse::new(unfold(Watching { pictures, beats, _permit: permit }, next)))
}

async fn next(mut watching: Watching) -> Option<(Result<Event, Infallible>, Watching)> {
    let event = tokio::select! {
        biased;
        changed = watching.pictures.changed() => {
            changed.ok()?;
            let view = watching.pictures.borrow_and_update().clone();
            event("picture", &PictureShown::new(&view, clock::moment())).retry(RETRY)
        }
        _ = watching.beats.tick() => {
            let view = watching.pictures.borrow().clone();
            event("beat", &BeatShown::new(&view, clock::moment()))
        }
    };
    Some((Ok(event), watching))
}

fn event(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).expect("plain data always encodes")
}
