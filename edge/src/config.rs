//! The station's settings: flags, then environment, then the configuration file, then defaults.
//!
//! The file is TOML; its keys are the flags' names with `_`, and the tables `[[scanner]]` and `[light]`.
//! Nothing here opens a device or connects. Secrets are no settings: they are in the state folder.

mod scanner_flag;
#[cfg(test)]
mod tests;

pub use scanner_flag::ScannerFlag;

use crate::panel::gpio::{self, LightConfig};
use crate::scan::config::{Problem, ScannerConfig, problems};
use crate::station::Language;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where the bench page listens unless told otherwise.
pub const PANEL_LISTEN: &str = "127.0.0.1:8181";
/// The state folder unless told otherwise.
pub const STATE: &str = "./packline-station";
/// What is logged unless told otherwise.
pub const LOG: &str = "info";
/// Memory for pages of the replica unless told otherwise, in MiB.
pub const CACHE_MB: u32 = 8;
/// Space for scan records unless told otherwise, in MiB.
pub const JOURNAL_MB: u32 = 256;

/// The settings as flags, environment or file give them: all optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The state folder: replica, journal, credential [default: ./packline-station]
    #[arg(long, env = "PACKLINE_STATE", value_name = "DIR", global = true)]
    pub state: Option<PathBuf>,
    /// Where the bench page listens, on this machine only; port 0 takes any free port [default: 127.0.0.1:8181]
    #[arg(long, env = "PACKLINE_PANEL_LISTEN", value_name = "ADDRESS", global = true)]
    pub panel_listen: Option<SocketAddr>,
    /// The hub, as http://HOST:PORT or https://HOST:PORT; needed once, to enrol
    #[arg(long, env = "PACKLINE_HUB", value_name = "URL", global = true)]
    pub hub: Option<String>,
    /// Use this MQTT broker instead of the one the hub named, as mqtt://HOST:PORT or mqtts://HOST:PORT
    #[arg(long, env = "PACKLINE_MQTT", value_name = "URL", global = true)]
    pub mqtt: Option<String>,
    /// A file with the certificate authority of hub and broker (PEM), instead of the system's
    #[arg(long, env = "PACKLINE_CA_FILE", value_name = "FILE", global = true)]
    pub ca_file: Option<PathBuf>,
    /// Memory for pages of the replica, in MiB, 1 to 1024 [default: 8]
    #[arg(long, env = "PACKLINE_CACHE_MB", value_name = "N", global = true)]
    pub cache_mb: Option<u32>,
    /// Space for scan records, in MiB, 4 to 65536 [default: 256]
    #[arg(long, env = "PACKLINE_JOURNAL_MB", value_name = "N", global = true)]
    pub journal_mb: Option<u32>,
    /// Keep a scanner from scanning after a stop until somebody acknowledges it [default: false]
    #[arg(long, env = "PACKLINE_LOCK_ON_STOP", value_name = "BOOL", global = true, num_args = 0..=1, default_missing_value = "true")]
    pub lock_on_stop: Option<bool>,
    /// The language that the bench page begins with [default: zh]
    #[arg(long, env = "PACKLINE_LANGUAGE", value_name = "LANGUAGE", global = true)]
    pub language: Option<Language>,
    /// Write {"panel": ...} to this file once ready
    #[arg(long, env = "PACKLINE_READY_FILE", value_name = "FILE", global = true)]
    pub ready_file: Option<PathBuf>,
    /// What is logged, as in RUST_LOG [default: info]
    #[arg(long, env = "PACKLINE_LOG", value_name = "FILTER", global = true)]
    pub log: Option<String>,
    /// How the log is written [default: text]
    #[arg(long, env = "PACKLINE_LOG_FORMAT", value_name = "FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
    /// A scanner with usual settings, as NAME=/dev/PATH for a serial port or NAME=tcp://HOST:PORT for a fixed reader;
    /// may be given several times. The file's `[[scanner]]` tables can say more
    #[arg(long = "scanner", env = "PACKLINE_SCANNER", value_name = "NAME=WHERE", global = true, value_delimiter = ',')]
    #[serde(skip)]
    pub scanner_flags: Vec<ScannerFlag>,
    /// The scanners of the file.
    #[arg(skip)]
    #[serde(default, rename = "scanner")]
    pub scanners: Vec<ScannerConfig>,
    /// The stack light of the file.
    #[arg(skip)]
    pub light: Option<LightConfig>,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The settings with every default filled in, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The state folder.
    pub state: PathBuf,
    /// Where the bench page listens.
    pub panel_listen: SocketAddr,
    /// The hub, for enrolment.
    pub hub: Option<String>,
    /// The broker, when it is not the one the hub named.
    pub mqtt: Option<String>,
    /// The certificate authority of hub and broker.
    pub ca_file: Option<PathBuf>,
    /// Memory for pages of the replica, in bytes.
    pub cache_bytes: usize,
    /// Space for scan records, in bytes.
    pub journal_bytes: u64,
    /// Whether a stop locks its scanner.
    pub lock_on_stop: bool,
    /// The language that the bench page begins with.
    pub language: Language,
    /// Written once ready.
    pub ready_file: Option<PathBuf>,
    /// What is logged.
    pub log: String,
    /// How the log is written.
    pub log_format: LogFormat,
    /// The scanners.
    pub scanners: Vec<ScannerConfig>,
    /// The stack light.
    pub light: Option<LightConfig>,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read the configuration file `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The file is not what it should be; the cause names the key and the line.
    #[error("failed to understand the configuration file `{}`", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Box<toml::de::Error>,
    },
    /// Values that are not accepted, all of them.
    #[error("{}", lines(.0))]
    Problems(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

impl Settings {
    /// The settings in a TOML file.
    pub fn read(path: &Path) -> Result<Settings, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
        let parsed = toml::from_str(&text);
        parsed.map_err(|cause| ConfigError::Parse { path: path.to_owned(), cause: Box::new(cause) })
    }

    /// These settings, and those of `other` where these say nothing; scanners of both.
    pub fn or(self, other: Settings) -> Settings {
        Settings {
            state: self.state.or(other.state),
            panel_listen: self.panel_listen.or(other.panel_listen),
            hub: self.hub.or(other.hub),
            mqtt: self.mqtt.or(other.mqtt),
            ca_file: self.ca_file.or(other.ca_file),
            cache_mb: self.cache_mb.or(other.cache_mb),
            journal_mb: self.journal_mb.or(other.journal_mb),
            lock_on_stop: self.lock_on_stop.or(other.lock_on_stop),
            language: self.language.or(other.language),
            ready_file: self.ready_file.or(other.ready_file),
            log: self.log.or(other.log),
            log_format: self.log_format.or(other.log_format),
            scanner_flags: [self.scanner_flags, other.scanner_flags].concat(),
            scanners: [self.scanners, other.scanners].concat(),
            light: self.light.or(other.light),
        }
    }
}

impl TryFrom<Settings> for Config {
    type Error = ConfigError;

    fn try_from(settings: Settings) -> Result<Config, ConfigError> {
        let flags = settings.scanner_flags.iter().map(ScannerFlag::config);
        let config = Config {
            state: settings.state.unwrap_or_else(|| PathBuf::from(STATE)),
            panel_listen: settings.panel_listen.unwrap_or_else(|| PANEL_LISTEN.parse().expect("the default is one")),
            hub: settings.hub,
            mqtt: settings.mqtt,
            ca_file: settings.ca_file,
            cache_bytes: mebibytes(settings.cache_mb.unwrap_or(CACHE_MB)),
            journal_bytes: mebibytes(settings.journal_mb.unwrap_or(JOURNAL_MB)) as u64,
            lock_on_stop: settings.lock_on_stop.unwrap_or_default(),
            language: settings.language.unwrap_or_default(),
            ready_file: settings.ready_file,
            log: settings.log.unwrap_or_else(|| LOG.to_owned()),
            log_format: settings.log_format.unwrap_or_default(),
            scanners: settings.scanners.into_iter().chain(flags).collect(),
            light: settings.light,
        };
        let problems = config.problems();
        if problems.is_empty() { Ok(config) } else { Err(ConfigError::Problems(problems)) }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::try_from(Settings::default()).expect("the defaults are accepted")
    }
}

impl Config {
    fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut value = |key: &str, value: String, accepted: &str| {
            found.push(Problem::Value { key: key.to_owned(), value, accepted: accepted.to_owned() });
        };
        if !self.panel_listen.ip().is_loopback() {
            let accepted = "give an address of this machine alone, such as 127.0.0.1:8181: the bench page has no login";
            value("panel_listen", self.panel_listen.to_string(), accepted);
        }
        if let Some(hub) = self.hub.as_deref().filter(|hub| !is_url(hub, ["http://", "https://"])) {
            value("hub", shown(hub), "give http://HOST:PORT or https://HOST:PORT");
        }
        if let Some(mqtt) = self.mqtt.as_deref().filter(|mqtt| !is_url(mqtt, ["mqtt://", "mqtts://"])) {
            value("mqtt", shown(mqtt), "give mqtt://HOST:PORT or mqtts://HOST:PORT");
        }
        if !(1..=1024).contains(&(self.cache_bytes >> 20)) {
            value("cache_mb", (self.cache_bytes >> 20).to_string(), "give a number from 1 to 1024");
        }
        if !(4..=65_536).contains(&(self.journal_bytes >> 20)) {
            value("journal_mb", (self.journal_bytes >> 20).to_string(), "give a number from 4 to 65536");
        }
        found.extend(problems(&self.scanners));
        found.extend(self.light.iter().flat_map(gpio::problems));
        found
    }
}

/// Neither a user name nor a password stands in a URL here.
fn is_url(text: &str, schemes: [&str; 2]) -> bool {
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('@'))
}

/// What was given, without what may be a password.
fn shown(url: &str) -> String {
    if url.contains('@') { "…@…".to_owned() } else { url.chars().take(64).collect() }
}

fn mebibytes(count: u32) -> usize {
    usize::try_from(u64::from(count) << 20).unwrap_or(usize::MAX)
}
