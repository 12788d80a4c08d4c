//! Orders in rows of cells: one row per order, or one per line, gift or parcel of it.
//!
//! The rows of an order stand together. What belongs to the whole order may stand in each of its rows or in the first
//! one only; cells that were merged in a spreadsheet come as blanks and mean the same as above.

use super::mapping::{Columns, Field, MappingError};
use super::model::Options;
use super::read::{Broken, Read1, Text};
use csv::StringRecord;
use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

mod assemble;

/// The longest row, in bytes; more means that a quote is not closed.
const ROW_MAX: usize = 1024 * 1024;
/// A row that goes over more lines than this has a quote that is not closed.
const LINES_MAX: u64 = 200;
/// Rows above the header that may hold a title.
const TITLE_ROWS_MAX: usize = 10;
/// Rows of one order.
const ORDER_ROWS_MAX: usize = 1024;
/// Orders of one file.
const ORDERS_MAX: usize = 3_000_000;
/// Columns of a header.
const COLUMNS_MAX: usize = 512;

/// A CSV file that is being read.
pub(super) struct CsvOrders {
    reader: csv::Reader<Fenced>,
    fence: Arc<AtomicUsize>,
    columns: Columns,
    rows: u64,
    /// The first row of the next order.
    held: Option<Row>,
    seen: HashMap<u64, Seen>,
}

/// A row with the line it begins on.
struct Row {
    line: u64,
    cells: StringRecord,
}

/// Where an order stood, and what it said.
struct Seen {
    line: u64,
    content: u64,
    version: Option<i64>,
}

/// The rows of one order.
struct Group {
    platform: String,
    order_no: String,
    rows: Vec<Row>,
}

impl CsvOrders {
    /// Finds the header. The first rows may be a title.
    pub fn open(mut text: Text, options: &Options) -> Result<CsvOrders, Broken> {
        let delimiter = delimiter(&mut text)?;
        let fence = Arc::new(AtomicUsize::new(ROW_MAX));
        let fenced = Fenced { text, left: Arc::clone(&fence) };
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(fenced);
        let mut first_error = None;
        for _ in 0..TITLE_ROWS_MAX {
            let Some(row) = read_row(&mut reader, &fence)? else { break };
            let header: Vec<String> = row
                .cells
                .iter()
                .take(COLUMNS_MAX)
                .map(|cell| cell.trim().trim_matches('\u{FEFF}').to_owned())
                .collect();
            match Columns::find(&header, &options.mapping, options.platform.is_some()) {
                Ok(columns) => {
                    return Ok(CsvOrders { reader, fence, columns, rows: 0, held: None, seen: HashMap::new() });
                }
                Err(error @ (MappingError::Missing { .. } | MappingError::NoColumn { .. })) => {
                    // The row with the most columns is the one that was meant to be the header.
                    let is_better = first_error.as_ref().is_none_or(|(columns, _)| header.len() > *columns);
                    first_error = if is_better { Some((header.len(), error)) } else { first_error };
                }
                Err(error) => return Err(error.into()),
            }
        }
        match first_error {
            Some((_, error)) => Err(error.into()),
            None => {
                Err(Broken::Shape { row: 1, why: "there is no header; give column names in the first row".to_owned() })
            }
        }
    }

    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn next(&mut self, options: &Options) -> Result<Option<Read1>, Broken> {
        let Some(group) = self.next_group(options)? else { return Ok(None) };
        let mut read = assemble::assemble(&self.columns, &group);
        if read.problems.is_empty() {
            read.problems.extend(self.seen_before(&group, read.input.version.map(|at| at.0)));
        }
        if self.seen.len() > ORDERS_MAX {
            let why = format!("the file has more than {ORDERS_MAX} orders; split it");
            return Err(Broken::Shape { row: group.rows[0].line, why });
        }
        Ok(Some(read))
    }

    /// The rows of the next order. A row without an order number belongs to the one above.
    fn next_group(&mut self, options: &Options) -> Result<Option<Group>, Broken> {
        let Some(first) = self.next_row()? else { return Ok(None) };
        let mut group = Group {
            platform: self.platform(&first, options).to_owned(),
            order_no: self.columns.cell(&first.cells, Field::OrderNo).to_owned(),
            rows: vec![first],
        };
        while let Some(row) = self.next_row()? {
            let order_no = self.columns.cell(&row.cells, Field::OrderNo);
            let goes_on =
                order_no.is_empty() || order_no == group.order_no && self.platform(&row, options) == group.platform;
            if !goes_on {
                self.held = Some(row);
                break;
            }
            if group.rows.len() == ORDER_ROWS_MAX {
                let why = format!("the order `{}` has more than {ORDER_ROWS_MAX} rows; split it", group.order_no);
                return Err(Broken::Shape { row: row.line, why });
            }
            group.rows.push(row);
        }
        Ok(Some(group))
    }

    fn platform<'a>(&self, row: &'a Row, options: &'a Options) -> &'a str {
        let cell = self.columns.cell(&row.cells, Field::Platform);
        if cell.is_empty() { options.platform.as_deref().unwrap_or_default() } else { cell }
    }

    /// The next row that is not blank.
    fn next_row(&mut self) -> Result<Option<Row>, Broken> {
        if let Some(row) = self.held.take() {
            return Ok(Some(row));
        }
        while let Some(row) = read_row(&mut self.reader, &self.fence)? {
            if row.cells.iter().any(|cell| !cell.trim().is_empty()) {
                self.rows += 1;
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// An order whose rows do not stand together would lose the lines of the first part. The same rows again, and
    /// another version of the order, are fine.
    fn seen_before(&mut self, group: &Group, version: Option<i64>) -> Option<super::model::Problem> {
        let key = xxh3_64(format!("{}\0{}", group.platform, group.order_no).as_bytes());
        let mut content = Xxh3::new();
        for cell in group.rows.iter().flat_map(|row| row.cells.iter()) {
            content.update(cell.as_bytes());
            content.update(&[0]);
        }
        let (line, content) = (group.rows[0].line, content.digest());
        let before = self.seen.get(&key);
        let clashes = before.filter(|seen| seen.content != content && (seen.version == version || version.is_none()));
        let first_line = clashes.map(|seen| seen.line);
        self.seen.entry(key).or_insert(Seen { line, content, version });
        first_line.map(|first| super::model::Problem {
            row: line,
            order_no: Some(group.order_no.clone()),
            column: Some(self.columns.column(Field::OrderNo).to_owned()),
            given: Some(group.order_no.chars().take(64).collect()),
            message: format!(
                "the order was in row {first} already; put its rows together, or give each a different time of change"
            ),
            note: false,
        })
    }
}

fn read_row(reader: &mut csv::Reader<Fenced>, fence: &AtomicUsize) -> Result<Option<Row>, Broken> {
    fence.store(ROW_MAX, Ordering::Relaxed);
    let line = reader.position().line();
    let mut cells = StringRecord::new();
    match reader.read_record(&mut cells) {
        Ok(false) => return Ok(None),
        Ok(true) => {}
        Err(error) => return Err(row_error(error, line)),
    }
    let begins = cells.position().map_or(line, csv::Position::line);
    if reader.position().line().saturating_sub(begins) > LINES_MAX {
        return Err(unclosed(begins));
    }
    Ok(Some(Row { line: begins, cells }))
}

fn row_error(error: csv::Error, line: u64) -> Broken {
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => unclosed(line),
        csv::ErrorKind::Io(error) => Broken::Bytes(error),
        kind => Broken::Shape { row: line, why: format!("the row cannot be read: {kind:?}") },
    }
}

fn unclosed(row: u64) -> Broken {
    let why = format!("the row goes over more than {LINES_MAX} lines or {ROW_MAX} bytes; a quote in it is not closed");
    Broken::Shape { row, why }
}

/// Text of which a row may take only so much.
struct Fenced {
    text: Text,
    left: Arc<AtomicUsize>,
}

impl Read for Fenced {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let length = out.len().min(left);
        let read = self.text.read(&mut out[..length])?;
        self.left.store(left - read, Ordering::Relaxed);
        Ok(read)
    }
}

/// The mark between cells: the one that stands most often in the first lines, outside quotes. A first line `sep=;`
/// names it.
fn delimiter(text: &mut Text) -> io::Result<u8> {
    let bytes = text.fill_buf()?;
    if let Some(rest) = bytes.strip_prefix(b"sep=") {
        let (mark, line) = (rest.first().copied(), rest.iter().position(|byte| *byte == b'\n'));
        if let (Some(mark @ (b',' | b';' | b'\t' | b'|')), Some(end)) = (mark, line) {
            text.consume(b"sep=".len() + end + 1);
            return Ok(mark);
        }
    }
    let mut counts = [(b',', 0usize), (b'\t', 0), (b';', 0), (b'|', 0)];
    let (mut quoted, mut lines) = (false, 0);
    for byte in bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => lines += 1,
            _ if !quoted => counts.iter_mut().filter(|(mark, _)| mark == byte).for_each(|(_, count)| *count += 1),
            _ => {}
        }
        if lines == 5 {
            break;
        }
    }
    // The first of equals wins, so a comma when there is none at all.
    Ok(counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(mark, _)| *mark))
}
