//! Takes what is due, carries it out, records what came of it. Bounded, and woken by a wish or by its period.
//!
//! A hub that stops ends what it has begun; what it cannot end in time is taken over by another hub, or by itself when
//! it is back, under the same number.

use super::client::{CALL_LIMIT, Client};
use super::message::{Message, Receiver, mail, robot};
use crate::app::App;
use crate::effects;
use crate::effects::actions::LEASE_MS;
use crate::effects::model::{Claimed, EffectState, Outcome, Recorded, TargetKind};
use crate::error::chain;
use crate::notices::model::{NoticeError, NoticeKind, Occurrence};
use crate::store::{Retry, StoreError};
use crate::{clock, notices, webhooks};
use serde_json::json;
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::{error, warn};

/// Effects that are on their way at once.
const ABREAST: usize = 16;
/// Wishes of other hubs, missed wakes and tries that have become due are looked for this often.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a stopping hub waits for what is on its way.
const STOP_LIMIT: Duration = Duration::from_secs(7);

const _: () = assert!(LEASE_MS as u128 > 2 * CALL_LIMIT.as_millis(), "a try ends well within its lease");

/// Runs until the hub stops.
pub async fn run(app: App) -> anyhow::Result<()> {
    let client = Client::new(&app.config.outbound_allow)?;
    let mut running = JoinSet::new();
    while !app.is_stopping() {
        if let Err(error) = begin(&app, &client, &mut running).await {
            warn!(error = %chain(&error), "Failed to take what is due; trying again");
        }
        tokio::select! {
            // What ended may have let something else become due.
            Some(_) = running.join_next() => {}
            () = app.effects_wake.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
            () = app.stopped() => {}
        }
    }
    let all = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
        warn!("Some messages were on their way when the hub stopped; they are sent again under the same number");
    }
    Ok(())
}

async fn begin(app: &App, client: &Client, running: &mut JoinSet<()>) -> Result<(), StoreError> {
    while running.try_join_next().is_some() {}
    let now = app.clock.now();
    for target in effects::actions::due_targets(&app.db, now).await? {
        let room = ABREAST.saturating_sub(running.len());
        if room == 0 {
            break;
        }
        for effect in effects::claim(&app.db, target, room, now).await? {
            running.spawn(carry_out(app.clone(), client.clone(), effect));
        }
    }
    Ok(())
}

/// Does one effect and records what came of it.
async fn carry_out(app: App, client: Client, effect: Claimed) {
    let started = clock::instant();
    let outcome = attempt(&app, &client, &effect).await;
    let (kind, word) = (effect.target.kind.word(), word(&outcome));
    let labels = [("kind", kind), ("outcome", word)];
    app.metrics.counter("packline_effect_tries_total", "Tries to do something outside.", &labels).inc();
    let took = app.metrics.histogram("packline_effect_seconds", "Doing something outside.", &[("kind", kind)]);
    took.observe(started.elapsed());
    match record(&app, &effect, &outcome).await {
        Ok(recorded) => tell_log(&effect, &outcome, &recorded),
        // The lease will end, and it is tried again under the same number.
        Err(error) => warn!(effect.id = %effect.id, error = %chain(&error), "Failed to record what came of a try"),
    }
    app.show("effect", json!({ "target": effect.target.to_string() }));
}

async fn attempt(app: &App, client: &Client, effect: &Claimed) -> Outcome {
    let outcome = match effect.target.kind {
        TargetKind::Webhook => {
            let delivered = webhooks::actions::deliver(app, client, effect).await;
            delivered.unwrap_or_else(|error| Outcome::Failed { problem: error.to_string() })
        }
        TargetKind::Robot | TargetKind::Mail => match say(app, client, effect).await {
            Ok(outcome) => outcome,
            Err(error @ NoticeError::Sealed { .. }) => Outcome::Refused { problem: error.to_string() },
            Err(error) => Outcome::Failed { problem: error.to_string() },
        },
    };
    match outcome {
        // A test that comes hours later would only confuse.
        Outcome::Failed { problem } | Outcome::Slow { problem, .. } if is_test(effect) => Outcome::Refused { problem },
        outcome => outcome,
    }
}

fn is_test(effect: &Claimed) -> bool {
    effect.payload["test"] == json!(true)
}

/// Tells a robot or a mail server.
async fn say(app: &App, client: &Client, effect: &Claimed) -> Result<Outcome, NoticeError> {
    let dropped = |problem: &str| Ok(Outcome::Dropped { problem: problem.to_owned() });
    let Some(target) = notices::actions::open_target(app, effect.target.id).await? else {
        return dropped("the target was removed");
    };
    if !target.on && !is_test(effect) {
        return dropped("the target is off");
    }
    let Ok(message) = serde_json::from_value::<Message>(effect.payload["message"].clone()) else {
        return Ok(Outcome::Refused { problem: "the message cannot be read".to_owned() });
    };
    let now = app.clock.now();
    if let Receiver::Mail(settings) = &target.receiver {
        return Ok(mail::send(settings, &message, effect.id.as_str(), now, client.allowed()).await);
    }
    let mark = &effect.id.as_str()[..6];
    let Some((url, body)) = robot::request(&target.receiver, &message, mark, now) else {
        return dropped("the target is no robot");
    };
    Ok(match client.post(&url, &[], body.to_string().into_bytes()).await {
        Ok(answer) => robot::outcome(&answer),
        Err(error) => Outcome::Failed { problem: error.to_string() },
    })
}

/// What was given up is told in the same transaction.
async fn record(app: &App, effect: &Claimed, outcome: &Outcome) -> Result<Recorded, StoreError> {
    let mut retry = Retry::default();
    loop {
        match try_record(app, effect, outcome).await {
            Err(error) if retry.again(&error).await => {}
            done => return done,
        }
    }
}

async fn try_record(app: &App, effect: &Claimed, outcome: &Outcome) -> Result<Recorded, StoreError> {
    let now = app.clock.now();
    let mut tx = app.db.begin("outbound.record").await?;
    let recorded = effects::record(&mut tx, effect, outcome, now).await?;
    if recorded == Recorded::Over(EffectState::GivenUp) && !is_test(effect) {
        let target = effect.target.to_string();
        let given_up = Occurrence::new(NoticeKind::EffectGivenUp, target).saying(problem(outcome));
        let given_up = given_up.see("/effects?which=given_up");
        // Whoever cannot be told is not told that they cannot be told.
        let except = (effect.target.kind != TargetKind::Webhook).then_some(effect.target.id);
        notices::actions::raise(&mut tx, &[Occurrence { except, ..given_up }], now).await?;
    }
    tx.commit().await?;
    Ok(recorded)
}

fn tell_log(effect: &Claimed, outcome: &Outcome, recorded: &Recorded) {
    let problem = problem(outcome);
    match recorded {
        Recorded::Over(EffectState::GivenUp) => error!(
            effect.id = %effect.id, effect.target = %effect.target, effect.tries = effect.tries,
            "Gave up `{}`: {problem}", effect.key
        ),
        Recorded::Again(_) => warn!(
            effect.id = %effect.id, effect.target = %effect.target, effect.tries = effect.tries,
            "Failed `{}`, trying again: {problem}", effect.key
        ),
        Recorded::Lost => warn!(effect.id = %effect.id, "Another hub had taken over `{}`", effect.key),
        Recorded::Over(_) => {}
    }
}

fn problem(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Done => "",
        Outcome::Failed { problem }
        | Outcome::Slow { problem, .. }
        | Outcome::Refused { problem }
        | Outcome::Dropped { problem } => problem,
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Failed { .. } => "failed",
        Outcome::Slow { .. } => "slow",
        Outcome::Refused { .. } => "refused",
        Outcome::Dropped { .. } => "dropped",
    }
}
