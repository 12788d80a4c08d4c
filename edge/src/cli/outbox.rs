//! Scan records that the hub has not acknowledged.

use super::status::fetch;
use super::{offline, say};
use crate::config::Config;
use crate::outbox::Outbox;
use anyhow::Context as _;
use packline_protocol::id::ScanSeq;
use packline_protocol::record::{Event, Note, ScanRecord};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// Prints or exports the records.
pub fn outbox(config: &Config, export: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let records = records(config)?;
    match export {
        Some(path) => {
            write_out(path, &records).with_context(|| format!("failed to write `{}`", path.display()))?;
            say(&format!("{} records written to `{}`", records.len(), path.display()))
        }
        None if json => records.iter().try_for_each(|record| say(&line(record)?)),
        None => {
            records.iter().try_for_each(|record| say(&sentence(record)))?;
            say(&format!("{} records wait for the hub", records.len()))
        }
    }
}

fn records(config: &Config) -> anyhow::Result<Vec<ScanRecord>> {
    let mut records = Vec::new();
    loop {
        let from = records.last().map_or(0, |last: &ScanRecord| last.seq.0 + 1);
        let Some(part) = fetch(config, &format!("api/outbox?from={from}"))? else { break };
        let part: Outbox = serde_json::from_value(part).context("the station's answer is not understood")?;
        if part.records.is_empty() {
            return Ok(records);
        }
        records.extend(part.records);
    }
    let Some(store) = offline::journal(config)? else { return Ok(records) };
    let mut from = ScanSeq(store.head().acked.0 + 1);
    loop {
        let pending = store.pending(from, 500, 1 << 20)?;
        if pending.records.is_empty() {
            return Ok(records);
        }
        from = ScanSeq(pending.first.0 + pending.records.len() as u64);
        for record in &pending.records {
            records.push(ScanRecord::decode(record).context("a record of the journal does not decode")?);
        }
    }
}

fn write_out(path: &Path, records: &[ScanRecord]) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for record in records {
        writeln!(file, "{}", line(record)?)?;
    }
    Ok(file.into_inner()?.sync_all()?)
}

fn line(record: &ScanRecord) -> anyhow::Result<String> {
    serde_json::to_string(record).context("a record cannot be written as JSON")
}

fn sentence(record: &ScanRecord) -> String {
    let what = match &record.event {
        Event::Judged(judged) => {
            let reasons: Vec<&str> = judged.verdict.reasons.iter().map(|reason| reason.code.key()).collect();
            format!("{} {} {}", judged.verdict.outcome.en().to_lowercase(), judged.code, reasons.join(","))
        }
        Event::Acknowledged(acknowledged) => format!("acknowledged {}", acknowledged.of),
        Event::Noted(Note::Withdrawn { of, why }) => format!("release {of} withdrawn: {}", why.words()),
        Event::Noted(Note::Begun { salvaged, why }) => format!("began anew with {salvaged} saved: {why}"),
        Event::Noted(Note::Salvaged { seq, .. }) => format!("record {seq} of the journal before"),
    };
    format!("{:>8}  {}  {what}", record.seq, record.wall)
}
