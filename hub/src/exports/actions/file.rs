//! Writing orders into a file, row by row: what has been written is not in memory any more.

use crate::exports::model::{ExportError, Format};
use crate::orders::columns::{Cell, Column};
use crate::orders::list::OrderRow;
use crate::orders::money;
use crate::pages::text::Language;
use crate::sheet::harmless;
use rust_xlsxwriter::{Workbook, XlsxError};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Orders on one sheet of a workbook; spreadsheets take 1,048,576 rows.
const SHEET_ROWS: u32 = 1_000_000;
/// The longest text of a cell that spreadsheets take.
const CELL_MAX: usize = 32_000;

/// A file that is being written.
pub struct SheetFile {
    columns: Vec<Column>,
    language: Language,
    kind: Kind,
}

enum Kind {
    Csv(Box<csv::Writer<BufWriter<File>>>),
    Xlsx(Box<Book>),
}

struct Book {
    workbook: Workbook,
    path: PathBuf,
    sheet: usize,
    row: u32,
}

/// What a cell holds.
enum Value {
    Text(String),
    Number(f64, String),
}

impl SheetFile {
    /// A new file with its headings.
    pub fn create(path: &Path, format: Format, columns: Vec<Column>, language: Language) -> Result<Self, ExportError> {
        let kind = match format {
            Format::Csv => Kind::Csv(Box::new(csv_file(path)?)),
            Format::Xlsx => Kind::Xlsx(Box::new(Book::create(path)?)),
        };
        let mut file = SheetFile { columns, language, kind };
        file.head()?;
        Ok(file)
    }

    fn head(&mut self) -> Result<(), ExportError> {
        let currency = self.language.pick("币种", "Currency");
        let titles = self.columns.iter().flat_map(|column| match column {
            Column::Amount => vec![column.title(self.language), currency],
            _ => vec![column.title(self.language)],
        });
        let titles: Vec<Value> = titles.map(|title| Value::Text(title.to_owned())).collect();
        self.put(&titles)
    }

    /// Adds an order.
    pub fn add(&mut self, row: &OrderRow) -> Result<(), ExportError> {
        let values: Vec<Value> = self.columns.iter().flat_map(|column| self.values(*column, row)).collect();
        if let Kind::Xlsx(book) = &mut self.kind
            && book.row > SHEET_ROWS
        {
            book.next_sheet()?;
            self.head()?;
        }
        self.put(&values)
    }

    fn values(&self, column: Column, row: &OrderRow) -> Vec<Value> {
        match (column, column.cell(row, self.language)) {
            (Column::Amount, _) => match &row.amount {
                Some(amount) => {
                    let text = money::text(amount);
                    let figure = text.split(' ').next().unwrap_or_default().to_owned();
                    let number = figure.parse().unwrap_or_default();
                    vec![Value::Number(number, figure), Value::Text(amount.currency.clone())]
                }
                None => vec![Value::Text(String::new()), Value::Text(String::new())],
            },
            (Column::Parcels | Column::Pieces, Cell::Figure(figure)) => {
                vec![Value::Number(figure.parse().unwrap_or_default(), figure)]
            }
            (_, cell) => vec![Value::Text(cell.text().chars().take(CELL_MAX).collect())],
        }
    }

    fn put(&mut self, values: &[Value]) -> Result<(), ExportError> {
        match &mut self.kind {
            Kind::Csv(writer) => {
                let cell = |value: &Value| match value {
                    Value::Text(text) => harmless(text),
                    Value::Number(_, figure) => figure.clone(),
                };
                writer.write_record(values.iter().map(cell)).map_err(std::io::Error::other)?;
            }
            Kind::Xlsx(book) => book.put(values).map_err(broken)?,
        }
        Ok(())
    }

    /// Ends the file and says how long it is. It is on disk when this comes back.
    pub fn finish(self) -> Result<u64, ExportError> {
        match self.kind {
            Kind::Csv(writer) => {
                let buffer = writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
                let file = buffer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
                file.sync_all()?;
                Ok(file.metadata()?.len())
            }
            Kind::Xlsx(mut book) => {
                let file = new_file(&book.path)?;
                book.workbook.save_to_writer(BufWriter::new(file.try_clone()?)).map_err(broken)?;
                file.sync_all()?;
                Ok(file.metadata()?.len())
            }
        }
    }
}

impl Book {
    fn create(path: &Path) -> Result<Book, ExportError> {
        let mut workbook = Workbook::new();
        // Rows go to a file of their own until the workbook is put together; it has no name and goes by itself.
        let folder = path.parent().unwrap_or(Path::new("."));
        workbook.set_tempdir(folder).map_err(broken)?;
        workbook.add_worksheet_with_constant_memory().map_err(broken)?;
        Ok(Book { workbook, path: path.to_owned(), sheet: 0, row: 0 })
    }

    fn next_sheet(&mut self) -> Result<(), ExportError> {
        self.workbook.add_worksheet_with_constant_memory().map_err(broken)?;
        self.sheet += 1;
        self.row = 0;
        Ok(())
    }

    fn put(&mut self, values: &[Value]) -> Result<(), XlsxError> {
        let sheet = self.workbook.worksheet_from_index(self.sheet)?;
        for (column, value) in (0u16..).zip(values) {
            match value {
                Value::Text(text) if text.is_empty() => continue,
                Value::Text(text) => sheet.write_string(self.row, column, text.as_str())?,
                Value::Number(number, _) => sheet.write_number(self.row, column, *number)?,
            };
        }
        self.row += 1;
        Ok(())
    }
}

fn csv_file(path: &Path) -> Result<csv::Writer<BufWriter<File>>, ExportError> {
    let mut file = BufWriter::new(new_file(path)?);
    file.write_all("\u{FEFF}".as_bytes())?;
    Ok(csv::Writer::from_writer(file))
}

/// Only the hub's own account may read it.
fn new_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn broken(error: XlsxError) -> ExportError {
    ExportError::Workbook(error.to_string())
}
