//! All SQL of notices.

use super::model::{
    Goal, Notice, NoticeKind, NoticeState, NoticeTarget, NumberedRule, Occurrence, Planned, Rule, Severity,
};
use crate::pages::text::Language;
use crate::statements;
use crate::store::{Statement, StoreError, Tx};
use packline_protocol::time::Timestamp;
use sqlx::AnyPool;
use sqlx::any::AnyRow;

statements! {
    /// All rules.
    LIST_RULES: All = "SELECT id, body FROM notice_rule ORDER BY id";
    /// Adds a rule or changes it.
    PUT_RULE = "INSERT INTO notice_rule (id, body, revision) VALUES ($1, $2, 1) \
        ON CONFLICT (id) DO UPDATE SET body = excluded.body, revision = notice_rule.revision + 1";
    /// One rule.
    FIND_RULE = "SELECT id, body FROM notice_rule WHERE id = $1";
    /// Removes a rule.
    DROP_RULE = "DELETE FROM notice_rule WHERE id = $1";
    /// All targets.
    LIST_TARGETS: All = "SELECT id, title, language, is_on, kind, shown FROM notice_target ORDER BY id";
    /// One target with what is sealed.
    FIND_TARGET = "SELECT is_on, sealed FROM notice_target WHERE id = $1";
    /// Adds a target or changes it.
    PUT_TARGET = "INSERT INTO notice_target (id, title, language, is_on, kind, shown, sealed, revision) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, 1) ON CONFLICT (id) DO UPDATE SET title = excluded.title, \
        language = excluded.language, is_on = excluded.is_on, kind = excluded.kind, shown = excluded.shown, \
        sealed = excluded.sealed, revision = notice_target.revision + 1";
    /// Switches a target on or off.
    SWITCH_TARGET = "UPDATE notice_target SET is_on = $2, revision = revision + 1 WHERE id = $1";
    /// Removes a target.
    DROP_TARGET = "DELETE FROM notice_target WHERE id = $1";
    /// Opens a window for a notice, unless one is open; gives the notice that the window is of.
    OPEN_WINDOW = "INSERT INTO notice_window (window_key, notice, until_at) VALUES ($1, $2, $3) \
        ON CONFLICT (window_key) DO UPDATE SET \
        notice = CASE WHEN notice_window.until_at <= $4 THEN excluded.notice ELSE notice_window.notice END, \
        until_at = CASE WHEN notice_window.until_at <= $4 THEN excluded.until_at ELSE notice_window.until_at END \
        RETURNING notice";
    /// Forgets windows that are over.
    DROP_WINDOWS: All = "DELETE FROM notice_window WHERE until_at < $1";
    /// Writes a notice.
    ADD_NOTICE = "INSERT INTO notice \
        (id, kind, severity, notice_key, site, about, detail, link, first_at, last_at, times, state) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, 1, 'open')";
    /// Counts a notice once more; one that was over is open again.
    COUNT_AGAIN = "UPDATE notice SET times = times + 1, last_at = $2, \
        state = CASE WHEN state = 'over' THEN 'open' ELSE state END WHERE id = $1";
    /// One notice.
    FIND_NOTICE = "SELECT id, kind, severity, notice_key, site, about, detail, link, first_at, last_at, times, state, \
        noted_by FROM notice WHERE id = $1";
    /// Takes note of a notice.
    NOTE_NOTICE = "UPDATE notice SET state = 'noted', noted_by = $2, noted_at = $3 WHERE id = $1 AND state = 'open'";
    /// What is not over of a kind.
    STANDING = "SELECT notice_key FROM notice WHERE kind = $1 AND state IN ('open', 'noted')";
    /// Ends what stands of a kind and key.
    END_NOTICES = "UPDATE notice SET state = 'over' WHERE kind = $1 AND state IN ('open', 'noted') AND notice_key = $2";
    /// Puts a notice on somebody's bell.
    ADD_FOR = "INSERT INTO notice_for (who, notice) VALUES ($1, $2) ON CONFLICT (who, notice) DO NOTHING";
    /// Somebody's notices, the newest first.
    LIST_FOR: Walk = "SELECT notice FROM notice_for WHERE who = $1 AND notice < $2 ORDER BY notice DESC LIMIT $3";
    /// Somebody's notices that a reader has not read, the newest first.
    LIST_UNREAD: Walk = "SELECT notice FROM notice_for WHERE who = $1 AND notice > $3 AND NOT EXISTS \
        (SELECT 1 FROM notice_read WHERE notice_read.reader = $2 AND notice_read.notice = notice_for.notice) \
        ORDER BY notice DESC LIMIT $4";
    /// Whether a reader has read a notice.
    HAS_READ = "SELECT 1 FROM notice_read WHERE reader = $1 AND notice = $2";
    /// A reader has read a notice.
    ADD_READ = "INSERT INTO notice_read (reader, notice, read_at) VALUES ($1, $2, $3) \
        ON CONFLICT (reader, notice) DO NOTHING";
    /// Up to where a reader has read all.
    FIND_READER = "SELECT upto FROM notice_reader WHERE reader = $1";
    /// A reader has read all up to here.
    PUT_READER = "INSERT INTO notice_reader (reader, upto) VALUES ($1, $2) ON CONFLICT (reader) DO UPDATE SET \
        upto = CASE WHEN notice_reader.upto < excluded.upto THEN excluded.upto ELSE notice_reader.upto END";
    /// Plans something to be said.
    ADD_SEND = "INSERT INTO notice_send (notice, goal, escalates, due_at, state) VALUES ($1, $2, $3, $4, 'waiting') \
        ON CONFLICT (notice, goal, escalates) DO NOTHING";
    /// What is due to be said.
    DUE_SENDS: Walk = "SELECT notice, goal, escalates FROM notice_send WHERE state = 'waiting' AND due_at <= $1 \
        ORDER BY due_at LIMIT $2";
    /// Whether anything is due to be said.
    ANY_DUE: Walk = "SELECT notice FROM notice_send WHERE state = 'waiting' AND due_at <= $1 LIMIT 1";
    /// Ends something that was to be said, unless somebody else did.
    END_SEND = "UPDATE notice_send SET state = $4 WHERE notice = $1 AND goal = $2 AND escalates = $3 \
        AND state = 'waiting'";
    /// The newest notice.
    NEWEST: Walk = "SELECT id FROM notice ORDER BY id DESC LIMIT 1";
    /// Forgets old notices and what hangs on them.
    DROP_NOTICES = "DELETE FROM notice WHERE id < $1";
    /// The same.
    DROP_FOR = "DELETE FROM notice_for WHERE notice < $1";
    /// The same.
    DROP_READ = "DELETE FROM notice_read WHERE notice < $1";
    /// The same.
    DROP_SENDS: All = "DELETE FROM notice_send WHERE notice < $1";
}

/// All rules, read inside a transaction.
pub async fn rules(tx: &mut Tx) -> Result<Vec<NumberedRule>, StoreError> {
    LIST_RULES.all(tx.conn(), LIST_RULES.query()).await?.iter().map(|row| rule(LIST_RULES, row)).collect()
}

/// All rules.
pub async fn list_rules(db: &AnyPool) -> Result<Vec<NumberedRule>, StoreError> {
    LIST_RULES.all(db, LIST_RULES.query()).await?.iter().map(|row| rule(LIST_RULES, row)).collect()
}

/// One rule, read inside a transaction.
pub async fn find_rule(tx: &mut Tx, id: i64) -> Result<Option<NumberedRule>, StoreError> {
    let row = FIND_RULE.find(tx.conn(), FIND_RULE.query().bind(id)).await?;
    row.map(|row| rule(FIND_RULE, &row)).transpose()
}

/// Adds a rule or changes it.
pub async fn put_rule(tx: &mut Tx, id: i64, rule: &Rule) -> Result<(), StoreError> {
    let body = serde_json::to_string(rule).expect("plain data always becomes JSON");
    PUT_RULE.run(tx, PUT_RULE.query().bind(id).bind(body)).await?;
    Ok(())
}

/// Removes a rule; says whether it was there.
pub async fn drop_rule(tx: &mut Tx, id: i64) -> Result<bool, StoreError> {
    Ok(DROP_RULE.run(tx, DROP_RULE.query().bind(id)).await? > 0)
}

/// All targets, without what is sealed.
pub async fn list_targets(db: &AnyPool) -> Result<Vec<NoticeTarget>, StoreError> {
    let rows = LIST_TARGETS.all(db, LIST_TARGETS.query()).await?;
    let target = |row: &AnyRow| {
        let language: String = LIST_TARGETS.get(row, 2)?;
        Ok(NoticeTarget {
            id: LIST_TARGETS.get(row, 0)?,
            title: LIST_TARGETS.get(row, 1)?,
            language: Language::parse(&language),
            on: LIST_TARGETS.get::<i64>(row, 3)? != 0,
            kind: LIST_TARGETS.get(row, 4)?,
            shown: LIST_TARGETS.get(row, 5)?,
        })
    };
    rows.iter().map(target).collect()
}

/// Whether a target is on, and what is sealed of it.
pub async fn find_target(db: &AnyPool, id: i64) -> Result<Option<(bool, Vec<u8>)>, StoreError> {
    let row = FIND_TARGET.find(db, FIND_TARGET.query().bind(id)).await?;
    row.map(|row| Ok((FIND_TARGET.get::<i64>(&row, 0)? != 0, FIND_TARGET.get(&row, 1)?))).transpose()
}

/// Adds a target or changes it.
pub async fn put_target(tx: &mut Tx, target: &NoticeTarget, sealed: Vec<u8>) -> Result<(), StoreError> {
    let query = PUT_TARGET
        .query()
        .bind(target.id)
        .bind(target.title.clone())
        .bind(target.language.pick("zh", "en"))
        .bind(i64::from(target.on))
        .bind(target.kind.clone())
        .bind(target.shown.clone())
        .bind(sealed);
    PUT_TARGET.run(tx, query).await?;
    Ok(())
}

/// Switches a target on or off; says whether it is there.
pub async fn switch_target(tx: &mut Tx, id: i64, on: bool) -> Result<bool, StoreError> {
    Ok(SWITCH_TARGET.run(tx, SWITCH_TARGET.query().bind(id).bind(i64::from(on))).await? > 0)
}

/// Removes a target; says whether it was there.
pub async fn drop_target(tx: &mut Tx, id: i64) -> Result<bool, StoreError> {
    Ok(DROP_TARGET.run(tx, DROP_TARGET.query().bind(id)).await? > 0)
}

/// Opens a window for `notice`, unless one of this key is open; gives the notice that the window is of.
pub async fn open_window(
    tx: &mut Tx,
    key: &str,
    notice: i64,
    until: Timestamp,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let query = OPEN_WINDOW.query().bind(key.to_owned()).bind(notice).bind(until.0).bind(now.0);
    OPEN_WINDOW.one(tx, query).await
}

/// Writes a notice.
pub async fn add(tx: &mut Tx, id: i64, occurrence: &Occurrence, now: Timestamp) -> Result<(), StoreError> {
    let query = ADD_NOTICE
        .query()
        .bind(id)
        .bind(occurrence.kind.word())
        .bind(occurrence.kind.severity().word())
        .bind(occurrence.key.clone())
        .bind(occurrence.site.clone())
        .bind(occurrence.about.clone())
        .bind(occurrence.detail.clone())
        .bind(occurrence.link.clone())
        .bind(now.0);
    ADD_NOTICE.run(tx, query).await?;
    Ok(())
}

/// Counts a notice once more.
pub async fn count_again(tx: &mut Tx, id: i64, now: Timestamp) -> Result<(), StoreError> {
    COUNT_AGAIN.run(tx, COUNT_AGAIN.query().bind(id).bind(now.0)).await?;
    Ok(())
}

/// A notice, read inside a transaction.
pub async fn find_in(tx: &mut Tx, id: i64) -> Result<Option<Notice>, StoreError> {
    let row = FIND_NOTICE.find(tx.conn(), FIND_NOTICE.query().bind(id)).await?;
    row.map(|row| notice(&row)).transpose()
}

/// A notice.
pub async fn find(db: &AnyPool, id: i64) -> Result<Option<Notice>, StoreError> {
    let row = FIND_NOTICE.find(db, FIND_NOTICE.query().bind(id)).await?;
    row.map(|row| notice(&row)).transpose()
}

/// Takes note of a notice; `false` when somebody had, or it is over.
pub async fn note(tx: &mut Tx, id: i64, who: &str, now: Timestamp) -> Result<bool, StoreError> {
    Ok(NOTE_NOTICE.run(tx, NOTE_NOTICE.query().bind(id).bind(who.to_owned()).bind(now.0)).await? > 0)
}

/// The keys of what is not over of a kind.
pub async fn standing(db: &AnyPool, kind: NoticeKind) -> Result<Vec<String>, StoreError> {
    let rows = STANDING.all(db, STANDING.query().bind(kind.word())).await?;
    rows.iter().map(|row| STANDING.get(row, 0)).collect()
}

/// Ends what stands of a kind and key; says how much that was.
pub async fn end(tx: &mut Tx, kind: NoticeKind, key: &str) -> Result<u64, StoreError> {
    END_NOTICES.run(tx, END_NOTICES.query().bind(kind.word()).bind(key.to_owned())).await
}

/// Puts a notice on somebody's bell.
pub async fn add_for(tx: &mut Tx, who: &Goal, notice: i64) -> Result<(), StoreError> {
    ADD_FOR.run(tx, ADD_FOR.query().bind(who.to_string()).bind(notice)).await?;
    Ok(())
}

/// Numbers of somebody's notices before `before`, the newest first.
pub async fn list_for(db: &AnyPool, who: &Goal, before: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
    let rows = LIST_FOR.all(db, LIST_FOR.query().bind(who.to_string()).bind(before).bind(limit)).await?;
    rows.iter().map(|row| LIST_FOR.get(row, 0)).collect()
}

/// Numbers of somebody's notices after `upto` that `reader` has not read, the newest first.
pub async fn list_unread(
    db: &AnyPool,
    who: &Goal,
    reader: &str,
    upto: i64,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let query = LIST_UNREAD.query().bind(who.to_string()).bind(reader.to_owned()).bind(upto).bind(limit);
    LIST_UNREAD.all(db, query).await?.iter().map(|row| LIST_UNREAD.get(row, 0)).collect()
}

/// Whether a reader has read a notice by itself.
pub async fn has_read(db: &AnyPool, reader: &str, notice: i64) -> Result<bool, StoreError> {
    Ok(HAS_READ.find(db, HAS_READ.query().bind(reader.to_owned()).bind(notice)).await?.is_some())
}

/// A reader has read a notice.
pub async fn add_read(tx: &mut Tx, reader: &str, notice: i64, now: Timestamp) -> Result<(), StoreError> {
    ADD_READ.run(tx, ADD_READ.query().bind(reader.to_owned()).bind(notice).bind(now.0)).await?;
    Ok(())
}

/// Up to where a reader has read all.
pub async fn read_upto(db: &AnyPool, reader: &str) -> Result<i64, StoreError> {
    let row = FIND_READER.find(db, FIND_READER.query().bind(reader.to_owned())).await?;
    row.map_or(Ok(0), |row| FIND_READER.get(&row, 0))
}

/// A reader has read all up to here.
pub async fn put_reader(tx: &mut Tx, reader: &str, upto: i64) -> Result<(), StoreError> {
    PUT_READER.run(tx, PUT_READER.query().bind(reader.to_owned()).bind(upto)).await?;
    Ok(())
}

/// Plans something to be said.
pub async fn add_send(tx: &mut Tx, notice: i64, planned: &Planned) -> Result<(), StoreError> {
    let query = ADD_SEND
        .query()
        .bind(notice)
        .bind(planned.goal.to_string())
        .bind(i64::from(planned.escalates))
        .bind(planned.due_at.0);
    ADD_SEND.run(tx, query).await?;
    Ok(())
}

/// Whether anything is due to be said.
pub async fn any_due(db: &AnyPool, now: Timestamp) -> Result<bool, StoreError> {
    Ok(ANY_DUE.find(db, ANY_DUE.query().bind(now.0)).await?.is_some())
}

/// What is due to be said: notice, to whom, and whether only when nobody has taken note.
pub async fn due_sends(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<(i64, Goal, bool)>, StoreError> {
    let rows = DUE_SENDS.all(tx.conn(), DUE_SENDS.query().bind(now.0).bind(limit)).await?;
    let send = |row: &AnyRow| {
        let goal = Goal::try_from(DUE_SENDS.get::<String>(row, 1)?).map_err(|why| StoreError::row("DUE_SENDS", why))?;
        Ok((DUE_SENDS.get(row, 0)?, goal, DUE_SENDS.get::<i64>(row, 2)? != 0))
    };
    rows.iter().map(send).collect()
}

/// Ends something that was to be said; `false` when somebody else did.
pub async fn end_send(
    tx: &mut Tx,
    notice: i64,
    goal: &Goal,
    escalates: bool,
    state: &'static str,
) -> Result<bool, StoreError> {
    let query = END_SEND.query().bind(notice).bind(goal.to_string()).bind(i64::from(escalates)).bind(state);
    Ok(END_SEND.run(tx, query).await? > 0)
}

/// The number of the newest notice; 0 without any.
pub async fn newest(db: &AnyPool) -> Result<i64, StoreError> {
    let row = NEWEST.find(db, NEWEST.query()).await?;
    row.map_or(Ok(0), |row| NEWEST.get(&row, 0))
}

/// Forgets notices below this number, and windows that ended before `now`.
pub async fn forget(tx: &mut Tx, below: i64, now: Timestamp) -> Result<u64, StoreError> {
    for statement in [DROP_FOR, DROP_READ, DROP_SENDS] {
        statement.run(tx, statement.query().bind(below)).await?;
    }
    DROP_WINDOWS.run(tx, DROP_WINDOWS.query().bind(now.0)).await?;
    DROP_NOTICES.run(tx, DROP_NOTICES.query().bind(below)).await
}

fn rule(statement: Statement, row: &AnyRow) -> Result<NumberedRule, StoreError> {
    let body: String = statement.get(row, 1)?;
    let rule = serde_json::from_str(&body).map_err(|why| StoreError::row(statement.name, why))?;
    Ok(NumberedRule { id: statement.get(row, 0)?, rule })
}

fn notice(row: &AnyRow) -> Result<Notice, StoreError> {
    let get = |place| FIND_NOTICE.get::<String>(row, place);
    let odd = |what: &str, word: String| StoreError::row("FIND_NOTICE", format!("{what} is `{word}`"));
    let (kind, severity, state) = (get(1)?, get(2)?, get(11)?);
    Ok(Notice {
        id: FIND_NOTICE.get(row, 0)?,
        kind: NoticeKind::from_word(&kind).ok_or_else(|| odd("a kind", kind))?,
        severity: Severity::from_word(&severity).ok_or_else(|| odd("a severity", severity))?,
        key: get(3)?,
        site: FIND_NOTICE.get(row, 4)?,
        about: get(5)?,
        detail: get(6)?,
        link: FIND_NOTICE.get(row, 7)?,
        first_at: Timestamp(FIND_NOTICE.get(row, 8)?),
        last_at: Timestamp(FIND_NOTICE.get(row, 9)?),
        times: FIND_NOTICE.get(row, 10)?,
        state: NoticeState::from_word(&state).ok_or_else(|| odd("a state", state))?,
        noted_by: FIND_NOTICE.get(row, 12)?,
    })
}
