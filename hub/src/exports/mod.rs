//! Lists of orders as files: CSV and XLSX of any length, written beside the database in bounded memory, with progress.
//!
//! A file is written first and downloaded then, by whoever asked for it and by nobody else: a spreadsheet cannot be
//! streamed (its table of contents stands at its end), a download that breaks can be taken up again, and the page can
//! say how far it is. Files are kept for a day. With several hubs on one database a file is on the hub that wrote it.

pub mod actions;
pub mod jobs;
pub mod model;
pub mod pages;
mod store;
#[cfg(test)]
mod tests;
pub mod text;

pub(crate) use store::STATEMENTS;
