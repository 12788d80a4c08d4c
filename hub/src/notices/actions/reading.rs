//! The bell: what a reader was told, and taking note.

use super::PAGE_MAX;
use crate::accounts::model::Session;
use crate::app::App;
use crate::audit;
use crate::audit::model::{Entry, Subject};
use crate::notices::model::{Goal, NoticeError, Told};
use crate::notices::store;
use crate::store::StoreError;
use serde_json::json;
use std::collections::BTreeSet;

/// As whom a session is told.
fn goals_of(session: &Session) -> [Goal; 3] {
    [Goal::All, Goal::Role(session.role.clone()), Goal::Person(session.user.to_string())]
}

/// A reader's notices before this number, the newest first.
pub async fn bell(app: &App, session: &Session, before: Option<i64>, limit: usize) -> Result<Vec<Told>, NoticeError> {
    let failed = |cause| NoticeError::Store { what: "list notices", cause };
    let db = app.db.read();
    let limit = limit.min(PAGE_MAX);
    let asked = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut ids = BTreeSet::new();
    for who in goals_of(session) {
        ids.extend(store::list_for(db, &who, before.unwrap_or(i64::MAX), asked).await.map_err(failed)?);
    }
    let reader = session.user.to_string();
    let upto = store::read_upto(db, &reader).await.map_err(failed)?;
    let mut told = Vec::new();
    for id in ids.into_iter().rev().take(limit) {
        if let Some(notice) = store::find(db, id).await.map_err(failed)? {
            let read = id <= upto || store::has_read(db, &reader, id).await.map_err(failed)?;
            told.push(Told { notice, read });
        }
    }
    Ok(told)
}

/// How many notices a reader has not read; [`PAGE_MAX`] stands for that many or more.
pub async fn unread(app: &App, session: &Session) -> Result<usize, NoticeError> {
    let failed = |cause| NoticeError::Store { what: "count notices", cause };
    let db = app.db.read();
    let reader = session.user.to_string();
    let upto = store::read_upto(db, &reader).await.map_err(failed)?;
    let most = i64::try_from(PAGE_MAX).unwrap_or(i64::MAX);
    let mut ids = BTreeSet::new();
    for who in goals_of(session) {
        ids.extend(store::list_unread(db, &who, &reader, upto, most).await.map_err(failed)?);
    }
    Ok(ids.len().min(PAGE_MAX))
}

/// A reader has read everything that is on their bell now.
pub async fn read_all(app: &App, session: &Session) -> Result<(), NoticeError> {
    let failed = |cause| NoticeError::Store { what: "mark notices as read", cause };
    let newest = store::newest(app.db.read()).await.map_err(failed)?;
    let mut tx = app.db.begin("notices.read_all").await.map_err(failed)?;
    store::put_reader(&mut tx, &session.user.to_string(), newest).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    app.show("notice", json!({}));
    Ok(())
}

/// Somebody takes note of a notice: whoever would be told next is not.
pub async fn note(app: &App, session: &Session, id: i64) -> Result<(), NoticeError> {
    let failed = |cause| NoticeError::Store { what: "take note of a notice", cause };
    let is_theirs = bell_has(app, session, id).await.map_err(failed)?;
    if !is_theirs {
        return Err(NoticeError::None { what: "notice", id });
    }
    let (now, reader) = (app.clock.now(), session.user.to_string());
    let mut tx = app.db.begin("notices.note").await.map_err(failed)?;
    store::add_read(&mut tx, &reader, id, now).await.map_err(failed)?;
    if store::note(&mut tx, id, &reader, now).await.map_err(failed)? {
        let entry = Entry::new(now, &session.actor(), "notices.note", Subject::new("notice", id));
        audit::actions::record(&mut tx, entry).await.map_err(failed)?;
    }
    tx.commit().await.map_err(failed)?;
    app.show("notice", json!({}));
    Ok(())
}

async fn bell_has(app: &App, session: &Session, id: i64) -> Result<bool, StoreError> {
    for who in goals_of(session) {
        let above = store::list_for(app.db.read(), &who, id.saturating_add(1), 1).await?;
        if above.first() == Some(&id) {
            return Ok(true);
        }
    }
    Ok(false)
}
