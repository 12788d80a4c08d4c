//! All entries that fit a filter, piece by piece, however many there are.

use super::super::model::{Cursor, Filter, Recorded};
use super::{PAGE_MAX, list};
use crate::keys::to_hex;
use crate::pages::time::clock_time;
use crate::store::{Db, StoreError};
use futures::Stream;
use futures::stream;
use serde_json::{Value, json};

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated, for spreadsheets.
    Csv,
    /// One JSON object in each line, with everything that a check of the chain needs.
    JsonLines,
}

/// The entries of an export, the newest first. The text comes in pieces of some hundred entries.
pub fn export(db: Db, filter: Filter, form: Form) -> impl Stream<Item = Result<String, StoreError>> + Send {
    let first = Some((None, head(form).to_owned()));
    stream::try_unfold(first, move |state| {
        let (db, filter) = (db.clone(), filter.clone());
        async move {
            let Some((before, text)) = state else { return Ok(None) };
            piece(&db, &filter, form, before, text).await.map(Some)
        }
    })
}

/// What the next piece begins after, and the text before it.
type Next = Option<(Option<Cursor>, String)>;

async fn piece(
    db: &Db,
    filter: &Filter,
    form: Form,
    before: Option<Cursor>,
    mut text: String,
) -> Result<(String, Next), StoreError> {
    let page = list(db, filter, before, PAGE_MAX).await?;
    for entry in &page.entries {
        match form {
            Form::Csv => text.push_str(&csv_line(entry)),
            Form::JsonLines => {
                text.push_str(&document(entry).to_string());
                text.push('\n');
            }
        }
    }
    Ok((text, page.next.map(|next| (Some(next), String::new()))))
}

fn head(form: Form) -> &'static str {
    match form {
        // The mark makes spreadsheets read it as UTF-8.
        Form::Csv => "\u{FEFF}seq,at,actor,action,subject_kind,subject,before,after,reason,hash\r\n",
        Form::JsonLines => "",
    }
}

fn csv_line(entry: &Recorded) -> String {
    let maybe = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = [
        entry.seq.to_string(),
        clock_time(entry.at),
        entry.actor.clone(),
        entry.action.clone(),
        entry.subject_kind.clone(),
        entry.subject_id.clone(),
        maybe(&entry.before),
        maybe(&entry.after),
        maybe(&entry.reason),
        to_hex(&entry.hash),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell in quotes where it needs them, and one that a spreadsheet does not run as a formula.
fn csv_cell(cell: &str) -> String {
    let risky = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if risky { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

/// An entry as JSON: what the API answers and exports.
pub fn document(entry: &Recorded) -> Value {
    let state = |text: &Option<String>| text.as_deref().map(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "seq": entry.seq,
        "at": entry.at.0,
        "actor": entry.actor,
        "action": entry.action,
        "subject_kind": entry.subject_kind,
        "subject": entry.subject_id,
        "before": state(&entry.before),
        "after": state(&entry.after),
        "before_text": entry.before,
        "after_text": entry.after,
        "reason": entry.reason,
        "prev_hash": to_hex(&entry.prev),
        "hash": to_hex(&entry.hash),
    })
}
