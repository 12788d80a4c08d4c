//! Reads one file into the order master.
//!
//! A thread reads ahead a little, this task takes batches into the store. What was taken stays taken: an import that was
//! cut off begins again from the front, and what it took before is then "unchanged".
//!
//! Orders without a time of change count as of the time when this content was first brought, at every reading: what was
//! learned since then is newer, and no old file may undo it.

use super::super::model::{ColumnsFound, Format, ImportError, Job, JobStatus, PROBLEMS_MAX, Problem};
use super::super::read::{Orders, Piece};
use super::super::store::{self, ProblemRow};
use crate::actor::Actor;
use crate::app::App;
use crate::clock;
use crate::error;
use crate::notices;
use crate::notices::model::{NoticeKind, Occurrence};
use crate::orders::actions as orders;
use crate::orders::input::OrderInput;
use crate::orders::model::{Effect, Outcome};
use packline_protocol::time::Timestamp;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Orders that are taken together.
const BATCH: usize = 256;
/// Batches that are read ahead.
const AHEAD: usize = 2;
/// Progress is written down this often.
const PROGRESS_PERIOD: Duration = Duration::from_millis(500);

/// What the reading thread says.
enum Message {
    Header(Format, Option<ColumnsFound>),
    Batch(ReadBatch),
    /// The end: why it came before the file's, if it did.
    End(Result<(), String>),
}

struct ReadBatch {
    orders: Vec<OrderInput>,
    problems: Vec<Problem>,
    /// Orders that cannot be taken.
    bad: u64,
    bytes_read: u64,
    rows: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The import is over.
    Over,
    /// The hub is stopping; the import goes on when it starts again.
    Stopped,
}

/// Reads `file` as `job` says and keeps `job` up to date in the store. `show` is called now and then with how far it is.
pub async fn run(
    app: &App,
    job: &mut Job,
    file: std::fs::File,
    actor: &Actor,
    mut show: impl FnMut(&Job),
) -> Result<Ended, ImportError> {
    let now = app.clock.now();
    let undated = store::first_brought(app.db.read(), job).await?;
    job.progress = super::super::model::Progress { bytes_total: job.progress.bytes_total, ..Default::default() };
    (job.status, job.started_at) = (JobStatus::Running, Some(now));
    let mut tx = app.db.begin("imports.begin").await?;
    store::begin(&mut tx, job.id, now).await?;
    tx.commit().await?;
    let (sender, mut messages) = mpsc::channel(AHEAD);
    let (options, stop) = (job.options.clone(), app.clone());
    let reader = tokio::task::spawn_blocking(move || {
        let read = || -> Result<(), String> {
            let opened = Orders::open(file, options, now).map_err(|error| error::chain(&error))?;
            let mut orders = opened.map_err(|error| error::chain(&error))?;
            read_all(&mut orders, &sender, &stop)
        };
        let end = read();
        let _ = sender.blocking_send(Message::End(end));
    });
    let mut taker = Taker { app, job, actor, undated, written: clock::instant() };
    let ended = taker.take_all(&mut messages, &mut show).await;
    // A reader that is still at work ends when nobody listens.
    drop(messages);
    let _ = reader.await;
    ended
}

fn read_all(orders: &mut Orders, sender: &mpsc::Sender<Message>, app: &App) -> Result<(), String> {
    let _ = sender.blocking_send(Message::Header(orders.format(), orders.columns()));
    loop {
        let (mut batch, mut problems, mut bad) = (Vec::with_capacity(BATCH), Vec::new(), 0);
        let mut end = None;
        while batch.len() < BATCH && problems.len() < BATCH {
            match orders.next() {
                Ok(Some(Piece::Order(order))) => batch.push(*order),
                Ok(Some(Piece::Bad(wrong))) => {
                    bad += 1;
                    problems.extend(wrong);
                }
                Ok(None) => end = Some(Ok(())),
                Err(error) => end = Some(Err(error::chain(&error))),
            }
            if end.is_some() {
                break;
            }
        }
        let (bytes_read, rows) = (orders.bytes_read(), orders.rows());
        let batch = ReadBatch { orders: batch, problems, bad, bytes_read, rows };
        let nobody_listens = sender.blocking_send(Message::Batch(batch)).is_err();
        match end {
            Some(end) => return end,
            None if nobody_listens || app.is_stopping() => return Ok(()),
            None => {}
        }
    }
}

/// Takes what was read into the store.
struct Taker<'a> {
    app: &'a App,
    job: &'a mut Job,
    actor: &'a Actor,
    /// The version of orders that have none.
    undated: Timestamp,
    written: Instant,
}

impl Taker<'_> {
    async fn take_all(
        &mut self,
        messages: &mut mpsc::Receiver<Message>,
        show: &mut impl FnMut(&Job),
    ) -> Result<Ended, ImportError> {
        while let Some(message) = messages.recv().await {
            if self.app.is_stopping() {
                break;
            }
            match message {
                Message::Header(format, columns) => {
                    (self.job.format, self.job.columns) = (Some(format), columns);
                    let mut tx = self.app.db.begin("imports.describe").await?;
                    store::describe(&mut tx, self.job).await?;
                    tx.commit().await?;
                }
                Message::Batch(batch) => {
                    self.take(batch).await?;
                    show(self.job);
                }
                Message::End(end) => {
                    self.end(end).await?;
                    show(self.job);
                    return Ok(Ended::Over);
                }
            }
        }
        Ok(Ended::Stopped)
    }

    async fn take(&mut self, batch: ReadBatch) -> Result<(), ImportError> {
        let source = format!("import:{}", self.job.id);
        let outcomes = orders::receive_of(self.app, &batch.orders, self.actor, &source, self.undated).await?;
        let mut problems = batch.problems;
        for (order, outcome) in batch.orders.iter().zip(&outcomes) {
            problems.extend(notes(order, outcome));
        }
        let progress = &mut self.job.progress;
        let count = |effect| outcomes.iter().filter(|outcome| outcome.effect == effect).count() as u64;
        progress.created += count(Effect::Created);
        progress.changed += count(Effect::Changed);
        progress.unchanged += count(Effect::Unchanged);
        progress.refused += batch.bad;
        progress.orders += outcomes.len() as u64 + batch.bad;
        progress.rows = batch.rows;
        progress.bytes_read = batch.bytes_read.min(progress.bytes_total);
        let first = progress.problems;
        progress.problems += problems.len() as u64;
        if !problems.is_empty() || self.written.elapsed() >= PROGRESS_PERIOD {
            self.write_down(first, problems).await?;
        }
        Ok(())
    }

    async fn write_down(&mut self, first: u64, problems: Vec<Problem>) -> Result<(), ImportError> {
        let now = self.app.clock.now();
        let places = first + 1..=PROBLEMS_MAX;
        let kept = places.zip(problems).map(|(place, problem)| ProblemRow {
            job: self.job.id,
            place: i64::try_from(place).unwrap_or(i64::MAX),
            problem,
        });
        let kept: Vec<ProblemRow> = kept.collect();
        let mut tx = self.app.db.begin("imports.progress").await?;
        store::move_on(&mut tx, self.job.id, &self.job.progress, now).await?;
        store::add_problems(&mut tx, &kept).await?;
        tx.commit().await?;
        self.written = clock::instant();
        self.job.touched_at = now;
        self.app.show("import", super::shown(self.job));
        Ok(())
    }

    async fn end(&mut self, end: Result<(), String>) -> Result<(), ImportError> {
        let now = self.app.clock.now();
        let job = &mut *self.job;
        (job.status, job.failure) = match end {
            Ok(()) => (JobStatus::Done, None),
            Err(why) => (JobStatus::Failed, Some(why)),
        };
        (job.touched_at, job.finished_at) = (now, Some(now));
        if job.status == JobStatus::Done {
            job.progress.bytes_read = job.progress.bytes_total;
        }
        let mut tx = self.app.db.begin("imports.end").await?;
        store::move_on(&mut tx, job.id, &job.progress, now).await?;
        store::end(&mut tx, job.id, job.status, job.failure.as_deref(), now).await?;
        if let Some(why) = &job.failure {
            let key = format!("#{}", job.id);
            let failed = Occurrence::new(NoticeKind::ImportFailed, key).saying(why).see(format!("/imports/{}", job.id));
            notices::actions::raise(&mut tx, &[failed], now).await?;
        }
        tx.commit().await?;
        log(job);
        self.app.show("import", super::shown(job));
        Ok(())
    }
}

fn notes(order: &OrderInput, outcome: &Outcome) -> Vec<Problem> {
    let row = order.reference.as_deref().and_then(|text| text.split(' ').next_back()?.parse().ok()).unwrap_or(0);
    let note = |refused: &String| Problem {
        row,
        order_no: Some(order.origin_no.clone()),
        column: None,
        given: None,
        message: format!("{refused} is not a move that an order makes; the rest of it was taken"),
        note: true,
    };
    outcome.refused.iter().map(note).collect()
}

fn log(job: &Job) {
    let at = &job.progress;
    match &job.failure {
        None => info!(
            import.id = job.id,
            orders = at.orders,
            created = at.created,
            changed = at.changed,
            refused = at.refused,
            "Import `{}` is done",
            job.id
        ),
        Some(why) => {
            warn!(import.id = job.id, orders = at.orders, why, "Import `{}` could not be read to its end", job.id)
        }
    }
}
