//! A file as a row of orders, whatever it is written in. No database, no clock: only bytes in, orders out.

use super::csv::CsvOrders;
use super::given;
use super::json::JsonOrders;
use super::mapping::MappingError;
use super::model::{ColumnsFound, Format, ImportError, Options, Problem};
use super::text::{FileText, Utf8Reader, sniff};
use crate::orders::input::{Fault, OrderInput};
use packline_protocol::facts::OrderStatus;
use packline_protocol::time::Timestamp;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The next order of a file.
#[derive(Debug)]
pub enum Piece {
    /// An order that can be taken.
    Order(Box<OrderInput>),
    /// One that cannot, with everything that is wrong.
    Bad(Vec<Problem>),
}

/// Why a file cannot be read to its end. What came before it was good.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The bytes cannot be read.
    #[error("the file cannot be read")]
    Bytes(#[from] io::Error),
    /// The header cannot be used.
    #[error(transparent)]
    Header(#[from] MappingError),
    /// A row or order that is not as it must be, so that what follows cannot be told apart.
    #[error("row {row}: {why}")]
    Shape {
        /// Where.
        row: u64,
        /// Why, and what is accepted.
        why: String,
    },
}

/// The text of a file, at a place, with its bytes counted.
pub type Text = BufReader<Utf8Reader<Counted>>;

/// Bytes that can be looked at and then read from the front.
pub trait Bytes: Read + Seek + Send {}

impl<T: Read + Seek + Send> Bytes for T {}

/// A file that counts what was read of it.
pub struct Counted {
    file: Box<dyn Bytes>,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A file that is being read.
pub struct Orders {
    source: Source,
    read: Arc<AtomicU64>,
    options: Options,
    now: Timestamp,
}

enum Source {
    Csv(Box<CsvOrders>),
    Json(Box<JsonOrders>),
}

impl Orders {
    /// Looks into the file and finds out how it is written.
    pub fn open(
        mut file: impl Bytes + 'static,
        options: Options,
        now: Timestamp,
    ) -> Result<Result<Orders, Broken>, ImportError> {
        let text: FileText = sniff(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        let read = Arc::new(AtomicU64::new(0));
        let file = Counted { file: Box::new(file), read: Arc::clone(&read) };
        let mut text = BufReader::with_capacity(64 * 1024, Utf8Reader::new(file, text)?);
        let first = first_sign(&mut text)?.ok_or(ImportError::Empty)?;
        let source = match first {
            b'{' | b'[' => Ok(Source::Json(Box::new(JsonOrders::new(text)))),
            _ => CsvOrders::open(text, &options).map(|orders| Source::Csv(Box::new(orders))),
        };
        Ok(source.map(|source| Orders { source, read, options, now }))
    }

    /// How the file is written.
    pub fn format(&self) -> Format {
        match self.source {
            Source::Csv(_) => Format::Csv,
            Source::Json(_) => Format::Json,
        }
    }

    /// Which column says what, in a CSV file.
    pub fn columns(&self) -> Option<ColumnsFound> {
        match &self.source {
            Source::Csv(orders) => Some(orders.columns().found()),
            Source::Json(_) => None,
        }
    }

    /// Bytes read so far; some of them ahead.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Rows or orders read so far.
    pub fn rows(&self) -> u64 {
        match &self.source {
            Source::Csv(orders) => orders.rows(),
            Source::Json(orders) => orders.count(),
        }
    }

    /// The next order; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Piece>, Broken> {
        let piece = match &mut self.source {
            Source::Csv(orders) => orders.next(&self.options)?,
            Source::Json(orders) => orders.next(&self.options)?,
        };
        Ok(piece.map(|read| self.finished(read)))
    }

    /// Defaults of the whole file, and the checks that hold for every message.
    fn finished(&self, read: Read1) -> Piece {
        let Read1 { mut input, problems, place } = read;
        if !problems.is_empty() {
            return Piece::Bad(problems);
        }
        input.site = input.site.or_else(|| self.options.site.clone());
        let status = self.options.status.map_or(OrderStatus::Paid, |status| status.0);
        input.initial_status = Some(status);
        let faults = input.faults(self.now);
        if faults.is_empty() {
            return Piece::Order(Box::new(input));
        }
        let order_no = Some(input.origin_no.clone());
        Piece::Bad(faults.into_iter().map(|fault| place.problem(fault, order_no.clone())).collect())
    }
}

/// One order as it was read, with what was wrong in it.
pub(super) struct Read1 {
    pub input: OrderInput,
    pub problems: Vec<Problem>,
    pub place: Place,
}

/// Where the parts of an order stand, so that a fault found later can be shown there.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub row: u64,
    pub lines: Vec<u64>,
    pub gifts: Vec<u64>,
    pub parcels: Vec<u64>,
}

impl Place {
    pub fn problem(&self, fault: Fault, order_no: Option<String>) -> Problem {
        let row = self.row_of(&fault.field).unwrap_or(self.row);
        let message = format!("give {}", fault.accepted);
        let given = given::kept(&fault.field, &fault.given);
        Problem { row, order_no, column: Some(fault.field), given: Some(given), message, note: false }
    }

    /// The row of `lines[2].sku` is that of the third line.
    fn row_of(&self, field: &str) -> Option<u64> {
        let (list, rest) = field.split_once('[')?;
        let place: usize = rest.split(']').next()?.parse().ok()?;
        let rows = match list {
            "lines" => &self.lines,
            "gifts" => &self.gifts,
            "parcels" => &self.parcels,
            _ => return None,
        };
        rows.get(place).copied()
    }
}

/// The first byte that is not a blank, without taking anything.
fn first_sign(text: &mut Text) -> io::Result<Option<u8>> {
    loop {
        let bytes = text.fill_buf()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if let Some(place) = bytes.iter().position(|byte| !byte.is_ascii_whitespace()) {
            return Ok(Some(bytes[place]));
        }
        let blank = bytes.len();
        text.consume(blank);
    }
}
