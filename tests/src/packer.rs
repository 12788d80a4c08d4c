//! What a packer sees on the bench page: answers, as the page reads them.

use crate::station::Station;
use anyhow::{Context, Result, bail};
use packline_protocol::verdict::Outcome;
use serde_json::Value;
use std::collections::BTreeSet;

/// One answer that was said and whose record is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Counts the scans of the station's life.
    pub number: u64,
    /// The record in the station's journal.
    pub seq: u64,
    /// The code in canonical form.
    pub code: String,
    /// What was said.
    pub outcome: Outcome,
    /// The keys of all reasons, sorted.
    pub reasons: BTreeSet<String>,
    /// It was a second look.
    pub repeat: bool,
    /// It was shown as an answer, and not overtaken by the next scan.
    pub shown: bool,
}

impl Station {
    /// Scans a code with a gun and waits for the answer.
    pub async fn scan(&mut self, gun: usize, code: &str) -> Result<Seen> {
        let before = newest(&self.view().await?);
        self.pull_trigger(gun, code).await?;
        self.answer_after(before, code).await
    }

    /// Waits for the newest answer after number `before`.
    pub async fn answer_after(&self, before: u64, code: &str) -> Result<Seen> {
        let what = format!("{} to answer to `{code}`", self.name());
        crate::clock::until(&what, async || {
            let view = self.view().await?;
            if newest(&view) <= before { Ok(None) } else { seen(&view["answer"]) }
        })
        .await
    }

    /// The number of the newest answer of the station's life; 0 before the first.
    pub async fn newest_answer(&self) -> Result<u64> {
        Ok(newest(&self.view().await?))
    }

    /// Waits for `count` answers after number `before`, oldest first. Of the reasons, the gravest alone is listed.
    pub async fn answers_after(&self, before: u64, count: usize) -> Result<Vec<Seen>> {
        let what = format!("{} to answer {count} times", self.name());
        crate::clock::until(&what, async || {
            let view = self.view().await?;
            let recent = view["recent"].as_array().context("the page lists answers")?;
            let new = recent.iter().filter(|answer| answer["number"].as_u64() > Some(before));
            let seen: Vec<Seen> = new.map(in_short).collect::<Result<Vec<_>>>()?.into_iter().flatten().rev().collect();
            Ok((seen.len() >= count).then_some(seen))
        })
        .await
    }
}

/// An answer of the list, which has one reason instead of all.
fn in_short(answer: &Value) -> Result<Option<Seen>> {
    let mut answer = answer.clone();
    let reason = answer["reason"].take();
    answer["reasons"] = if reason.is_null() { Value::Array(Vec::new()) } else { Value::Array(vec![reason]) };
    seen(&answer)
}

fn newest(view: &Value) -> u64 {
    view["recent"][0]["number"].as_u64().unwrap_or(0)
}

/// The answer, once it is said and durable.
fn seen(answer: &Value) -> Result<Option<Seen>> {
    let (Some(seq), Some(outcome)) = (answer["seq"].as_u64(), answer["outcome"].as_str()) else { return Ok(None) };
    let reasons = answer["reasons"].as_array().context("an answer has reasons")?;
    let reasons: Option<BTreeSet<String>> =
        reasons.iter().map(|reason| Some(reason["code"].as_str()?.into())).collect();
    Ok(Some(Seen {
        number: answer["number"].as_u64().context("an answer has a number")?,
        seq,
        code: answer["code"].as_str().unwrap_or_default().to_owned(),
        outcome: outcome_of(outcome)?,
        reasons: reasons.context("a reason has a code")?,
        repeat: answer["repeat"] == true,
        shown: answer["stage"] == "said",
    }))
}

/// The outcome of this word.
pub fn outcome_of(word: &str) -> Result<Outcome> {
    match word {
        "release" => Ok(Outcome::Release),
        "ask" => Ok(Outcome::Ask),
        "stop" => Ok(Outcome::Stop),
        other => bail!("`{other}` is no outcome; known are release, ask, stop"),
    }
}
