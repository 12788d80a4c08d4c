//! Wanting effects, handing them to workers, and what people may do with those that do not get through.

use super::decide::{self, After};
use super::model::{
    Claimed, Counts, EffectError, EffectId, EffectRow, EffectState, Made, Outcome, Recorded, Target, Wanted,
};
use super::queue;
use crate::actor::Actor;
use crate::app::App;
use crate::audit;
use crate::audit::model::{Entry, Subject};
use crate::clock;
use crate::store::{Db, Retry, StoreError, Tx};
use packline_protocol::time::Timestamp;

/// So long a worker has an effect to itself, in milliseconds. Whatever is tried outside ends well before.
pub const LEASE_MS: i64 = 60_000;
/// Rows of a list at most.
pub const PAGE_MAX: usize = 100;
/// The longest problem that is kept, in characters.
const PROBLEM_MAX: usize = 300;

/// Wants something outside, in the transaction that gives reason for it. Wake [`crate::app::Inner::effects_wake`]
/// after the commit; a missed wake only costs the worker's period.
pub async fn want(tx: &mut Tx, wanted: &Wanted, now: Timestamp) -> Result<Made, StoreError> {
    let id = EffectId::of_key(&wanted.key);
    let is_new = queue::add(tx, &id, wanted, now).await?;
    Ok(if is_new { Made::New(id) } else { Made::Known(id) })
}

/// Targets for which something is due.
pub async fn due_targets(db: &Db, now: Timestamp) -> Result<Vec<Target>, StoreError> {
    queue::due_targets(db.read(), now).await
}

/// Takes up to `limit` due effects of a target, for [`LEASE_MS`]. They may go out abreast: no two are of one subject.
pub async fn claim(db: &Db, target: Target, limit: usize, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
    let mut retry = Retry::default();
    loop {
        match try_claim(db, target, limit, now).await {
            Err(error) if retry.again(&error).await => {}
            done => return done,
        }
    }
}

async fn try_claim(db: &Db, target: Target, limit: usize, now: Timestamp) -> Result<Vec<Claimed>, StoreError> {
    let mut tx = db.begin("effects.claim").await?;
    let Some((state, revision)) = queue::find_target(&mut tx, target).await? else { return Ok(Vec::new()) };
    let terms = decide::terms(target.kind);
    let running = queue::running(&mut tx, target, now).await?;
    let room = decide::room(&state, &terms, running, now).min(limit);
    if room == 0 {
        return Ok(Vec::new());
    }
    let mut claimed = queue::due(&mut tx, target, now, room).await?;
    for effect in &mut claimed {
        effect.claim = clock::random_u64().cast_signed();
        if !queue::claim(&mut tx, &effect.id, effect.claim, now.plus_ms(LEASE_MS), now).await? {
            return Err(StoreError::Raced { what: "effects.claim" });
        }
    }
    // Everybody who claims for this target writes this row: who comes second starts over.
    let after = decide::handed_out(&state, &terms, claimed.len(), now);
    if !claimed.is_empty() && !queue::set_target(&mut tx, target, revision, &after).await? {
        return Err(StoreError::Raced { what: "effects.claim" });
    }
    tx.commit().await?;
    Ok(claimed)
}

/// Records what came of a try, in the transaction of whoever also tells people of it.
pub async fn record(tx: &mut Tx, effect: &Claimed, outcome: &Outcome, now: Timestamp) -> Result<Recorded, StoreError> {
    let terms = decide::terms(effect.target.kind);
    let problem = problem_of(outcome);
    let after = decide::after(&terms, outcome, effect.tries, effect.wanted_at, now, clock::random_u64());
    let is_ours = match after {
        After::Over(state) => queue::end(tx, effect, state, problem.as_deref(), now).await?,
        After::Again(due_at) => queue::put_back(tx, effect, due_at, problem.as_deref()).await?,
    };
    if !is_ours {
        return Ok(Recorded::Lost);
    }
    let Some((state, revision)) = queue::find_target(tx, effect.target).await? else {
        return Err(StoreError::row("effects.record", "an effect's target is not known"));
    };
    let after_target = decide::target_after(&state, outcome, now, clock::random_u64());
    if after_target != state && !queue::set_target(tx, effect.target, revision, &after_target).await? {
        return Err(StoreError::Raced { what: "effects.record" });
    }
    Ok(match after {
        After::Over(state) => Recorded::Over(state),
        After::Again(due_at) => Recorded::Again(due_at),
    })
}

fn problem_of(outcome: &Outcome) -> Option<String> {
    let problem = match outcome {
        Outcome::Done => return None,
        Outcome::Failed { problem }
        | Outcome::Slow { problem, .. }
        | Outcome::Refused { problem }
        | Outcome::Dropped { problem } => problem,
    };
    Some(problem.chars().filter(|c| !c.is_control()).take(PROBLEM_MAX).collect())
}

/// Which effects a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All that wait.
    Waiting,
    /// Those that wait after a failure.
    Failing,
    /// Those that were given up.
    GivenUp,
}

/// A page of effects after this place, oldest first.
pub async fn list(db: &Db, which: Which, after: (i64, String), limit: usize) -> Result<Vec<EffectRow>, EffectError> {
    let failed = |cause| EffectError::Store { what: "list effects", cause };
    let limit = i64::try_from(limit.min(PAGE_MAX)).unwrap_or(i64::MAX);
    let rows = match which {
        Which::Waiting => queue::list(db.read(), EffectState::Waiting, after, limit).await,
        Which::Failing => queue::list_failing(db.read(), after, limit).await,
        Which::GivenUp => queue::list(db.read(), EffectState::GivenUp, after, limit).await,
    };
    rows.map_err(failed)
}

/// The newest effect for a target.
pub async fn latest_of(db: &Db, target: Target) -> Result<Option<EffectRow>, EffectError> {
    let found = queue::latest_of(db.read(), target).await;
    found.map_err(|cause| EffectError::Store { what: "find the newest effect", cause })
}

/// How many effects are not over.
pub async fn counts(db: &Db) -> Result<Counts, EffectError> {
    queue::counts(db.read()).await.map_err(|cause| EffectError::Store { what: "count effects", cause })
}

/// What a person may decide about an effect that waits or was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It is tried now, and its time begins anew.
    Retry,
    /// It is not wanted any more; what waits behind it goes on.
    Skip,
}

/// Does what a person decided, with their reason.
pub async fn decide_on(app: &App, id: &EffectId, wish: Wish, reason: &str, actor: &Actor) -> Result<(), EffectError> {
    let reason = reason.trim();
    if !(3..=200).contains(&reason.chars().count()) {
        return Err(EffectError::Reason);
    }
    let failed = |cause| EffectError::Store { what: "decide on an effect", cause };
    let now = app.clock.now();
    let mut tx = app.db.begin("effects.decide_on").await.map_err(failed)?;
    let Some(effect) = queue::find(&mut tx, id).await.map_err(failed)? else {
        return Err(EffectError::None { id: id.to_string() });
    };
    let (action, verb, done) = match wish {
        Wish::Retry => ("effects.retry", "tried again", queue::retry(&mut tx, id, now).await),
        Wish::Skip => ("effects.skip", "skipped", queue::skip(&mut tx, id, now).await),
    };
    if !done.map_err(failed)? {
        return Err(EffectError::State { id: id.clone(), state: effect.state.word(), verb });
    }
    let before = serde_json::json!({ "key": effect.key, "state": effect.state.word(), "tries": effect.tries });
    let entry = Entry::new(now, actor, action, Subject::new("effect", id)).before(before).because(reason);
    audit::actions::record(&mut tx, entry).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    app.effects_wake.notify_one();
    Ok(())
}

/// Forgets effects that were over before `before`. A key that is forgotten could be wanted again.
pub async fn forget(db: &Db, before: Timestamp) -> Result<u64, StoreError> {
    const AT_ONCE: u64 = 500;
    let mut forgotten = 0;
    for state in [EffectState::Done, EffectState::Skipped, EffectState::GivenUp] {
        loop {
            let mut tx = db.begin("effects.forget").await?;
            let gone = queue::forget(&mut tx, state, before, AT_ONCE.cast_signed()).await?;
            tx.commit().await?;
            forgotten += gone;
            if gone < AT_ONCE {
                break;
            }
        }
    }
    Ok(forgotten)
}
