//! All SQL of effects.

use super::model::{Claimed, Counts, EffectId, EffectRow, EffectState, Target, TargetState, Wanted};
use crate::statements;
use crate::store::{Statement, StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;
use sqlx::any::AnyRow;

statements! {
    /// Wants something, as the last of its subject. A key that is known, or a place that another transaction has just
    /// taken, adds nothing.
    ADD_EFFECT = "INSERT INTO effect \
        (id, effect_key, target, subject, place, payload, state, due_at, tries, claim, wanted_at) \
        SELECT $1, $2, $3, $4, COALESCE(MAX(place), 0) + 1, $5, 'waiting', CAST($6 AS BIGINT), 0, 0, \
        CAST($7 AS BIGINT) FROM effect WHERE subject = $4 ON CONFLICT DO NOTHING";
    /// Whether an effect is known.
    HAS_EFFECT = "SELECT 1 FROM effect WHERE id = $1";
    /// A target that effects go to.
    ADD_TARGET = "INSERT INTO effect_target (target, failures, held_until, paced_until, revision) \
        VALUES ($1, 0, 0, 0, 1) ON CONFLICT (target) DO NOTHING";
    /// Targets that are not held and for which something is due.
    DUE_TARGETS: All = "SELECT target FROM effect_target WHERE held_until <= $1 AND EXISTS (SELECT 1 FROM effect \
        WHERE effect.target = effect_target.target AND state IN ('waiting', 'running') AND due_at <= $1) \
        ORDER BY target";
    /// How a target does.
    FIND_TARGET = "SELECT failures, held_until, paced_until, revision FROM effect_target WHERE target = $1";
    /// Keeps how a target does, unless somebody else did meanwhile.
    SET_TARGET = "UPDATE effect_target SET failures = $3, held_until = $4, paced_until = $5, revision = revision + 1 \
        WHERE target = $1 AND revision = $2";
    /// How many effects are on their way to a target.
    COUNT_RUNNING = "SELECT COUNT(*) FROM effect WHERE target = $1 AND state = 'running' AND due_at > $2";
    /// What is due for a target and waits for nothing before it.
    DUE_EFFECTS = "SELECT id, effect_key, target, payload, tries, wanted_at FROM effect \
        WHERE target = $1 AND state IN ('waiting', 'running') AND due_at <= $2 AND NOT EXISTS \
        (SELECT 1 FROM effect AS earlier WHERE earlier.subject = effect.subject AND earlier.place < effect.place \
        AND earlier.state IN ('waiting', 'running')) ORDER BY due_at, id LIMIT $3";
    /// Hands an effect to one worker, unless another one has it.
    CLAIM_EFFECT = "UPDATE effect SET state = 'running', tries = tries + 1, claim = $2, due_at = $3 \
        WHERE id = $1 AND state IN ('waiting', 'running') AND due_at <= $4";
    /// Ends an effect that this claim still holds.
    END_EFFECT = "UPDATE effect SET state = $3, ended_at = $4, problem = $5 \
        WHERE id = $1 AND state = 'running' AND claim = $2";
    /// Puts an effect that this claim still holds back.
    PUT_BACK = "UPDATE effect SET state = 'waiting', due_at = $3, problem = $4 \
        WHERE id = $1 AND state = 'running' AND claim = $2";
    /// An effect.
    FIND_EFFECT = "SELECT id, effect_key, target, subject, state, tries, due_at, wanted_at, problem FROM effect \
        WHERE id = $1";
    /// Effects in a state, oldest first.
    LIST_EFFECTS: Walk = "SELECT id, effect_key, target, subject, state, tries, due_at, wanted_at, problem FROM effect \
        WHERE state = $1 AND (wanted_at, id) > ($2, $3) ORDER BY wanted_at, id LIMIT $4";
    /// Effects that were tried without success and wait, oldest first.
    LIST_FAILING: Walk = "SELECT id, effect_key, target, subject, state, tries, due_at, wanted_at, problem FROM effect \
        WHERE state = 'waiting' AND tries > 0 AND (wanted_at, id) > ($1, $2) ORDER BY wanted_at, id LIMIT $3";
    /// The newest effect for a target.
    LATEST_OF: Walk = "SELECT id, effect_key, target, subject, state, tries, due_at, wanted_at, problem FROM effect \
        WHERE target = $1 ORDER BY wanted_at DESC, id DESC LIMIT 1";
    /// How many effects there are in each state that is not a good end.
    COUNT_STATES = "SELECT state, COUNT(*) FROM effect WHERE state IN ('waiting', 'running', 'given_up') GROUP BY state";
    /// How many effects were tried without success and wait.
    COUNT_FAILING: Walk = "SELECT COUNT(*) FROM effect WHERE state = 'waiting' AND tries > 0";
    /// Wants an effect anew that waits or was given up.
    RETRY_EFFECT = "UPDATE effect SET state = 'waiting', due_at = $2, tries = 0, wanted_at = $2, ended_at = NULL \
        WHERE id = $1 AND state IN ('waiting', 'given_up')";
    /// Gives an effect up by decision.
    SKIP_EFFECT = "UPDATE effect SET state = 'skipped', ended_at = $2 \
        WHERE id = $1 AND state IN ('waiting', 'given_up')";
    /// Forgets what was over long ago, some at a time.
    FORGET_EFFECTS = "DELETE FROM effect WHERE id IN (SELECT id FROM effect \
        WHERE state = $1 AND wanted_at < $2 LIMIT $3)";
}

/// Wants something; `false` when it had been wanted before.
pub async fn add(tx: &mut Tx, id: &EffectId, wanted: &Wanted, now: Timestamp) -> Result<bool, StoreError> {
    let target = wanted.target.to_string();
    ADD_TARGET.run(tx, ADD_TARGET.query().bind(target.clone())).await?;
    let alone = || format!("effect:{id}");
    let subject = wanted.subject.as_ref().map_or_else(alone, |subject| format!("{target}/{subject}"));
    let due_at = wanted.not_before.unwrap_or(now).max(now);
    loop {
        let query = ADD_EFFECT
            .query()
            .bind(id.as_str().to_owned())
            .bind(wanted.key.clone())
            .bind(target.clone())
            .bind(subject.clone())
            .bind(wanted.payload.to_string())
            .bind(due_at.0)
            .bind(now.0);
        if ADD_EFFECT.run(tx, query).await? > 0 {
            return Ok(true);
        }
        if HAS_EFFECT.find(tx.conn(), HAS_EFFECT.query().bind(id.as_str().to_owned())).await?.is_some() {
            return Ok(false);
        }
        // Another transaction took this place of the subject and has committed: the next place is ours.
    }
}

/// Targets for which something is due.
pub async fn due_targets(db: &AnyPool, now: Timestamp) -> Result<Vec<Target>, StoreError> {
    let rows = DUE_TARGETS.all(db, DUE_TARGETS.query().bind(now.0)).await?;
    rows.iter().map(|row| target(DUE_TARGETS, row, 0)).collect()
}

/// How a target does, and which revision of it that is.
pub async fn find_target(tx: &mut Tx, target: Target) -> Result<Option<(TargetState, i64)>, StoreError> {
    let Some(row) = FIND_TARGET.find(tx.conn(), FIND_TARGET.query().bind(target.to_string())).await? else {
        return Ok(None);
    };
    let state = TargetState {
        failures: count(FIND_TARGET, &row, 0)?,
        held_until: Timestamp(FIND_TARGET.get(&row, 1)?),
        paced_until: Timestamp(FIND_TARGET.get(&row, 2)?),
    };
    Ok(Some((state, FIND_TARGET.get(&row, 3)?)))
}

/// Keeps how a target does; `false` when somebody else did meanwhile.
pub async fn set_target(tx: &mut Tx, target: Target, revision: i64, state: &TargetState) -> Result<bool, StoreError> {
    let query = SET_TARGET
        .query()
        .bind(target.to_string())
        .bind(revision)
        .bind(i64::from(state.failures))
        .bind(state.held_until.0)
        .bind(state.paced_until.0);
    Ok(SET_TARGET.run(tx, query).await? > 0)
}

/// How many effects are on their way to a target.
pub async fn running(tx: &mut Tx, target: Target, now: Timestamp) -> Result<usize, StoreError> {
    let query = COUNT_RUNNING.query().bind(target.to_string()).bind(now.0);
    let found: i64 = COUNT_RUNNING.one(tx, query).await?;
    Ok(usize::try_from(found).unwrap_or(0))
}

/// What is due for a target, `limit` at most. What this gives out is not claimed yet.
pub async fn due(tx: &mut Tx, target: Target, now: Timestamp, limit: usize) -> Result<Vec<Claimed>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let query = DUE_EFFECTS.query().bind(target.to_string()).bind(now.0).bind(limit);
    let rows = DUE_EFFECTS.all(tx.conn(), query).await?;
    rows.iter().map(due_effect).collect()
}

fn due_effect(row: &AnyRow) -> Result<Claimed, StoreError> {
    let payload: String = DUE_EFFECTS.get(row, 3)?;
    Ok(Claimed {
        id: effect_id(DUE_EFFECTS, row, 0)?,
        key: DUE_EFFECTS.get(row, 1)?,
        target: target(DUE_EFFECTS, row, 2)?,
        payload: serde_json::from_str(&payload).map_err(|why| StoreError::row("DUE_EFFECTS", why))?,
        tries: count::<u32>(DUE_EFFECTS, row, 4)?.saturating_add(1),
        wanted_at: Timestamp(DUE_EFFECTS.get(row, 5)?),
        claim: 0,
    })
}

/// Hands an effect to the worker with this claim; `false` when another one has it.
pub async fn claim(
    tx: &mut Tx,
    id: &EffectId,
    claim: i64,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let query = CLAIM_EFFECT.query().bind(id.as_str().to_owned()).bind(claim).bind(lease_until.0).bind(now.0);
    Ok(CLAIM_EFFECT.run(tx, query).await? > 0)
}

/// Ends an effect; `false` when the claim holds no more.
pub async fn end(
    tx: &mut Tx,
    effect: &Claimed,
    state: EffectState,
    problem: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let query = END_EFFECT
        .query()
        .bind(effect.id.as_str().to_owned())
        .bind(effect.claim)
        .bind(state.word())
        .bind(now.0)
        .bind(problem.map(str::to_owned));
    Ok(END_EFFECT.run(tx, query).await? > 0)
}

/// Puts an effect back until `due_at`; `false` when the claim holds no more.
pub async fn put_back(
    tx: &mut Tx,
    effect: &Claimed,
    due_at: Timestamp,
    problem: Option<&str>,
) -> Result<bool, StoreError> {
    let query = PUT_BACK
        .query()
        .bind(effect.id.as_str().to_owned())
        .bind(effect.claim)
        .bind(due_at.0)
        .bind(problem.map(str::to_owned));
    Ok(PUT_BACK.run(tx, query).await? > 0)
}

/// An effect, read inside a transaction.
pub async fn find(tx: &mut Tx, id: &EffectId) -> Result<Option<EffectRow>, StoreError> {
    let row = FIND_EFFECT.find(tx.conn(), FIND_EFFECT.query().bind(id.as_str().to_owned())).await?;
    row.map(|row| listed(FIND_EFFECT, &row)).transpose()
}

/// Effects in a state after this place, oldest first.
pub async fn list(
    db: &AnyPool,
    state: EffectState,
    after: (i64, String),
    limit: i64,
) -> Result<Vec<EffectRow>, StoreError> {
    let query = LIST_EFFECTS.query().bind(state.word()).bind(after.0).bind(after.1).bind(limit);
    LIST_EFFECTS.all(db, query).await?.iter().map(|row| listed(LIST_EFFECTS, row)).collect()
}

/// Effects that were tried without success and wait, after this place, oldest first.
pub async fn list_failing(db: &AnyPool, after: (i64, String), limit: i64) -> Result<Vec<EffectRow>, StoreError> {
    let query = LIST_FAILING.query().bind(after.0).bind(after.1).bind(limit);
    LIST_FAILING.all(db, query).await?.iter().map(|row| listed(LIST_FAILING, row)).collect()
}

/// The newest effect for a target.
pub async fn latest_of(db: &AnyPool, target: Target) -> Result<Option<EffectRow>, StoreError> {
    let row = LATEST_OF.find(db, LATEST_OF.query().bind(target.to_string())).await?;
    row.map(|row| listed(LATEST_OF, &row)).transpose()
}

/// How many effects are not over.
pub async fn counts(db: &AnyPool) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    for row in COUNT_STATES.all(db, COUNT_STATES.query()).await? {
        let (state, count): (String, i64) = (COUNT_STATES.get(&row, 0)?, COUNT_STATES.get(&row, 1)?);
        if state == EffectState::GivenUp.word() {
            counts.given_up = count;
        } else {
            counts.waiting += count;
        }
    }
    let row = COUNT_FAILING.find(db, COUNT_FAILING.query()).await?;
    counts.failing = row.map_or(Ok(0), |row| COUNT_FAILING.get(&row, 0))?;
    Ok(counts)
}

/// Wants an effect anew; `false` when it is not in a state that allows it.
pub async fn retry(tx: &mut Tx, id: &EffectId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(RETRY_EFFECT.run(tx, RETRY_EFFECT.query().bind(id.as_str().to_owned()).bind(now.0)).await? > 0)
}

/// Gives an effect up by decision; `false` when it is not in a state that allows it.
pub async fn skip(tx: &mut Tx, id: &EffectId, now: Timestamp) -> Result<bool, StoreError> {
    Ok(SKIP_EFFECT.run(tx, SKIP_EFFECT.query().bind(id.as_str().to_owned()).bind(now.0)).await? > 0)
}

/// Forgets effects in a state that were wanted before `before`; says how many.
pub async fn forget(tx: &mut Tx, state: EffectState, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    FORGET_EFFECTS.run(tx, FORGET_EFFECTS.query().bind(state.word()).bind(before.0).bind(limit)).await
}

fn listed(statement: Statement, row: &AnyRow) -> Result<EffectRow, StoreError> {
    let state: String = statement.get(row, 4)?;
    Ok(EffectRow {
        id: effect_id(statement, row, 0)?,
        key: statement.get(row, 1)?,
        target: target(statement, row, 2)?,
        subject: statement.get(row, 3)?,
        state: EffectState::from_word(&state)
            .ok_or_else(|| StoreError::row(statement.name, format!("an effect is `{state}`")))?,
        tries: count(statement, row, 5)?,
        due_at: Timestamp(statement.get(row, 6)?),
        wanted_at: Timestamp(statement.get(row, 7)?),
        problem: statement.get(row, 8)?,
    })
}

fn effect_id(statement: Statement, row: &AnyRow, place: usize) -> Result<EffectId, StoreError> {
    let text: String = statement.get(row, place)?;
    EffectId::parse(&text).ok_or_else(|| StoreError::row(statement.name, format!("an effect's number is `{text}`")))
}

fn target(statement: Statement, row: &AnyRow, place: usize) -> Result<Target, StoreError> {
    let text: String = statement.get(row, place)?;
    Target::parse(&text).ok_or_else(|| StoreError::row(statement.name, format!("a target is `{text}`")))
}

fn count<T: TryFrom<i64>>(statement: Statement, row: &AnyRow, place: usize) -> Result<T, StoreError> {
    let found: i64 = statement.get(row, place)?;
    T::try_from(found).map_err(|_| StoreError::row(statement.name, format!("a count is {found}")))
}
