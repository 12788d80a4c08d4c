//! Telling people, planning what is said later, saying it, and taking note.

mod keeping;
mod reading;

pub use keeping::{
    add_target, drop_rule, drop_target, open_target, put_rule, rules, switch_target, targets, test_target,
};
pub use reading::{bell, note, read_all, unread};

use super::decide;
use super::model::{Goal, Notice, NoticeKind, NoticeState, NoticeTarget, Occurrence, Planned};
use super::store;
use crate::app::App;
use crate::clock;
use crate::effects;
use crate::effects::model::{Target, TargetKind, Wanted};
use crate::outbound::message::Message;
use crate::store::{Db, StoreError, Tx};
use packline_protocol::time::Timestamp;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Notices of one page at most, and how far unread ones are counted.
pub const PAGE_MAX: usize = 100;
/// Sends of one round of the job.
const ROUND_MAX: i64 = 500;
/// The longest line that is kept of what happened, in characters.
const TEXT_MAX: usize = 300;
/// Bits of a notice's number below its time.
const ID_DICE_BITS: u32 = 20;

/// Tells whoever should know, in the transaction that gives reason for it. What no rule is about leaves no trace; the
/// same thing within a while is counted.
pub async fn raise(tx: &mut Tx, occurrences: &[Occurrence], now: Timestamp) -> Result<(), StoreError> {
    if occurrences.is_empty() {
        return Ok(());
    }
    let rules = store::rules(tx).await?;
    for occurrence in occurrences {
        let plans = decide::plan(&rules, occurrence, now);
        if !plans.is_empty() {
            tell(tx, occurrence, &plans, now).await?;
        }
    }
    Ok(())
}

async fn tell(tx: &mut Tx, occurrence: &Occurrence, plans: &[Planned], now: Timestamp) -> Result<(), StoreError> {
    let id = new_id(now);
    let until = now.plus_ms(occurrence.kind.window_ms());
    let open = store::open_window(tx, &window_key(occurrence.kind, &occurrence.key), id, until, now).await?;
    if open != id {
        return store::count_again(tx, open, now).await;
    }
    store::add(tx, id, &trimmed(occurrence), now).await?;
    for planned in plans {
        match &planned.goal {
            Goal::Target(_) => store::add_send(tx, id, planned).await?,
            _ if planned.escalates => store::add_send(tx, id, planned).await?,
            who => store::add_for(tx, who, id).await?,
        }
    }
    Ok(())
}

/// Numbers rise with time, so that lists and old notices are found by them.
fn new_id(now: Timestamp) -> i64 {
    let dice = clock::random_u64() >> (64 - ID_DICE_BITS);
    first_id(now) + dice.cast_signed()
}

/// Below every number of a notice that is made from `at` on.
fn first_id(at: Timestamp) -> i64 {
    at.0.clamp(0, i64::MAX >> ID_DICE_BITS) << ID_DICE_BITS
}

fn window_key(kind: NoticeKind, key: &str) -> String {
    format!("{}/{key}", kind.word())
}

fn trimmed(occurrence: &Occurrence) -> Occurrence {
    let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect::<String>();
    Occurrence { about: cut(&occurrence.about), detail: cut(&occurrence.detail), ..occurrence.clone() }
}

/// As [`raise`], in a transaction of its own.
pub async fn raise_now(app: &App, occurrences: &[Occurrence]) -> Result<(), StoreError> {
    let mut tx = app.db.begin("notices.raise").await?;
    raise(&mut tx, occurrences, app.clock.now()).await?;
    tx.commit().await
}

/// It is over by itself: nobody needs to be told any more. When it comes back within its window, it is counted.
pub async fn end(tx: &mut Tx, kind: NoticeKind, key: &str) -> Result<bool, StoreError> {
    Ok(store::end(tx, kind, key).await? > 0)
}

/// The keys of what is not over of a kind.
pub async fn standing(db: &Db, kind: NoticeKind) -> Result<BTreeSet<String>, StoreError> {
    Ok(store::standing(db.read(), kind).await?.into_iter().collect())
}

/// Says what is due: bells get their entries, robots and mail one message each with everything that waits for them.
/// Answers whether there is more.
pub async fn say_due(app: &App, now: Timestamp) -> Result<bool, StoreError> {
    // Mostly nothing is: writers are not held up for that.
    if !store::any_due(app.db.read(), now).await? {
        return Ok(false);
    }
    let mut tx = app.db.begin("notices.say_due").await?;
    let due = store::due_sends(&mut tx, now, ROUND_MAX).await?;
    if due.is_empty() {
        return Ok(false);
    }
    let count = due.len();
    let mut messages: BTreeMap<i64, Vec<Notice>> = BTreeMap::new();
    for (id, goal, escalates) in due {
        let notice = store::find_in(&mut tx, id).await?;
        let wanted = notice.filter(|notice| !escalates || notice.state == NoticeState::Open);
        let state = if wanted.is_some() { "said" } else { "dropped" };
        // Another hub may be saying it right now.
        if !store::end_send(&mut tx, id, &goal, escalates, state).await? {
            continue;
        }
        match (goal, wanted) {
            (Goal::Target(target), Some(notice)) => messages.entry(target).or_default().push(notice),
            (who, Some(_)) => store::add_for(&mut tx, &who, id).await?,
            (_, None) => {}
        }
    }
    let targets = store::list_targets(app.db.read()).await?;
    let targets: BTreeMap<i64, NoticeTarget> = targets.into_iter().map(|target| (target.id, target)).collect();
    for (id, notices) in messages {
        if let Some(target) = targets.get(&id).filter(|target| target.on) {
            let message = decide::compose(&notices, target.language, app.config.public_url.as_deref());
            let key = notices.iter().map(|notice| notice.id.to_string()).collect::<Vec<_>>().join(",");
            want(&mut tx, target, &format!("notices:{}", blake3::hash(key.as_bytes()).to_hex()), &message, false, now)
                .await?;
        }
    }
    tx.commit().await?;
    app.effects_wake.notify_one();
    Ok(count == usize::try_from(ROUND_MAX).unwrap_or(usize::MAX))
}

async fn want(
    tx: &mut Tx,
    target: &NoticeTarget,
    key: &str,
    message: &Message,
    is_test: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let kind = if target.kind == "mail" { TargetKind::Mail } else { TargetKind::Robot };
    let wanted = Wanted {
        key: format!("target:{}/{key}", target.id),
        target: Target { kind, id: target.id },
        subject: None,
        payload: json!({ "message": message, "test": is_test }),
        not_before: None,
    };
    effects::want(tx, &wanted, now).await?;
    Ok(())
}

/// Forgets notices from before `before`.
pub async fn forget(db: &Db, before: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    let mut tx = db.begin("notices.forget").await?;
    let gone = store::forget(&mut tx, first_id(before), now).await?;
    tx.commit().await?;
    Ok(gone)
}

/// The number of the newest notice, to see that there is a newer one.
pub async fn newest(db: &Db) -> Result<i64, StoreError> {
    store::newest(db.read()).await
}
