//! A scanner in one word on the command line.

use crate::scan::config::ScannerConfig;
use packline_protocol::id::ScannerId;
use std::path::PathBuf;
use std::str::FromStr;

/// A scanner with usual settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannerFlag {
    id: ScannerId,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Serial(PathBuf),
    Tcp(String),
}

impl ScannerFlag {
    /// The scanner, everything else at its default.
    pub fn config(&self) -> ScannerConfig {
        match &self.place {
            Place::Serial(path) => ScannerConfig::serial(self.id.clone(), path),
            Place::Tcp(address) => ScannerConfig::tcp_connect(self.id.clone(), address),
        }
    }
}

impl FromStr for ScannerFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("scanner is `{text}`; give NAME=/dev/PATH or NAME=tcp://HOST:PORT");
        let (id, place) = text.split_once('=').ok_or_else(refused)?;
        let id = ScannerId::parse(id).map_err(|error| error.to_string())?;
        let place = match place.strip_prefix("tcp://") {
            Some(address) => Place::Tcp(address.to_owned()),
            None if place.starts_with('/') => Place::Serial(PathBuf::from(place)),
            None => return Err(refused()),
        };
        Ok(Self { id, place })
    }
}
