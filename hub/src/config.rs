//! The hub's settings: flags, then environment, then the configuration file, then defaults.
//!
//! The file is TOML and its keys are the flags' names with `_`. Nothing here opens, listens or connects.

use crate::broker::CertificateFiles;
use crate::outbound::guard::Network;
use clap::{Args, ValueEnum};
use packline_protocol::id::SiteId;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where pages and API listen unless told otherwise.
pub const HTTP_LISTEN: &str = "127.0.0.1:8080";
/// Where the embedded broker listens unless told otherwise.
pub const MQTT_LISTEN: &str = "0.0.0.0:1883";
/// The data folder unless told otherwise.
pub const DATA: &str = "./packline-data";
/// The folder of daily backups in the data folder, unless told otherwise.
const BACKUPS: &str = "backups";
/// What is logged unless told otherwise.
pub const LOG: &str = "info,sqlx=warn,rmqtt=warn,rmqtt_retainer=warn";
/// The site of parcels whose source names none, unless told otherwise.
pub const SITE: &str = "main";
/// How long a change log keeps what went, unless told otherwise, in hours: 14 days.
pub const LOG_KEEP_HOURS: u32 = 14 * 24;

/// The settings as flags, environment or file give them: all optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where pages and API listen; port 0 takes any free port [default: 127.0.0.1:8080]
    #[arg(long, env = "PACKLINE_HTTP_LISTEN", value_name = "ADDRESS", global = true)]
    pub http_listen: Option<SocketAddr>,
    /// Where the embedded broker listens; port 0 takes any free port [default: 0.0.0.0:1883]
    #[arg(long, env = "PACKLINE_MQTT_LISTEN", value_name = "ADDRESS", global = true)]
    pub mqtt_listen: Option<SocketAddr>,
    /// A file with the certificate (PEM, its chain after it) that the embedded broker shows: stations then use mqtts
    #[arg(long, env = "PACKLINE_MQTT_TLS_CERT", value_name = "FILE", global = true)]
    pub mqtt_tls_cert: Option<PathBuf>,
    /// A file with the private key of that certificate (PEM)
    #[arg(long, env = "PACKLINE_MQTT_TLS_KEY", value_name = "FILE", global = true)]
    pub mqtt_tls_key: Option<PathBuf>,
    /// Use this MQTT broker instead of the embedded one, as mqtt://HOST:PORT or mqtts://HOST:PORT
    #[arg(long, env = "PACKLINE_BROKER", value_name = "URL", global = true)]
    pub broker: Option<String>,
    /// The hub's user name at that broker
    #[arg(long, env = "PACKLINE_BROKER_USER", value_name = "NAME", global = true)]
    pub broker_user: Option<String>,
    /// A file with the hub's password at that broker
    #[arg(long, env = "PACKLINE_BROKER_PASSWORD_FILE", value_name = "FILE", global = true)]
    pub broker_password_file: Option<PathBuf>,
    /// A file with the certificate authority of that broker (PEM), instead of the system's
    #[arg(long, env = "PACKLINE_BROKER_CA_FILE", value_name = "FILE", global = true)]
    pub broker_ca_file: Option<PathBuf>,
    /// The database: postgres://USER@HOST/NAME, or sqlite:FILE [default: hub.db in the data folder]
    #[arg(long, env = "PACKLINE_DB", value_name = "URL", global = true, hide_env_values = true)]
    pub db: Option<String>,
    /// The data folder: database, key, snapshots [default: ./packline-data]
    #[arg(long, env = "PACKLINE_DATA", value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// Where the daily backups go [default: backups in the data folder]
    #[arg(long, env = "PACKLINE_BACKUP_DIR", value_name = "DIR", global = true)]
    pub backup_dir: Option<PathBuf>,
    /// The site of parcels whose source names none [default: main]
    #[arg(long, env = "PACKLINE_DEFAULT_SITE", value_name = "SITE", global = true)]
    pub default_site: Option<SiteId>,
    /// Keep in the change log for so many hours that a row went; a station that was away longer fetches a snapshot
    /// [default: 336]
    #[arg(long, env = "PACKLINE_LOG_KEEP_HOURS", value_name = "HOURS", global = true)]
    pub log_keep_hours: Option<u32>,
    /// The hub's own address as people open it, for links in messages, such as `https://hub.shop.example`
    #[arg(long, env = "PACKLINE_PUBLIC_URL", value_name = "URL", global = true)]
    pub public_url: Option<String>,
    /// Networks that webhooks, robots and mail may reach beside public addresses, such as 10.0.0.0/8, with commas
    #[arg(long, env = "PACKLINE_OUTBOUND_ALLOW", value_name = "NETWORKS", global = true)]
    pub outbound_allow: Option<String>,
    /// Write {"http": ..., "mqtt": ...} to this file once ready
    #[arg(long, env = "PACKLINE_READY_FILE", value_name = "FILE", global = true)]
    pub ready_file: Option<PathBuf>,
    /// What is logged, as in RUST_LOG [default: info,sqlx=warn,rmqtt=warn,rmqtt_retainer=warn]
    #[arg(long, env = "PACKLINE_LOG", value_name = "FILTER", global = true)]
    pub log: Option<String>,
    /// Send traces to this OpenTelemetry collector, as http://HOST:PORT or https://HOST:PORT (OTLP over HTTP)
    #[arg(long, env = "PACKLINE_OTLP", value_name = "URL", global = true)]
    pub otlp: Option<String>,
    /// How the log is written [default: text]
    #[arg(long, env = "PACKLINE_LOG_FORMAT", value_name = "FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
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
    /// Where pages and API listen.
    pub http_listen: SocketAddr,
    /// Which broker carries the messages.
    pub broker: BrokerChoice,
    /// The database that was given; `None` is `hub.db` in the data folder.
    pub db: Option<DbUrl>,
    /// The data folder.
    pub data: PathBuf,
    /// Where the daily backups go.
    pub backup_dir: PathBuf,
    /// The site of parcels whose source names none.
    pub default_site: SiteId,
    /// How long a change log keeps what went, in hours.
    pub log_keep_hours: u32,
    /// The hub's own address as people open it.
    pub public_url: Option<String>,
    /// Networks that may be reached beside public addresses.
    pub outbound_allow: Vec<Network>,
    /// Written once ready.
    pub ready_file: Option<PathBuf>,
    /// The collector of traces.
    pub otlp: Option<String>,
    /// What is logged.
    pub log: String,
    /// How the log is written.
    pub log_format: LogFormat,
}

/// The URL of a database. It may hold a password, so it never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct DbUrl(String);

impl std::fmt::Debug for DbUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = self.0.split(':').next().unwrap_or_default();
        if scheme == "sqlite" { f.write_str(&self.0) } else { write!(f, "{scheme}://…") }
    }
}

/// Which broker carries the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerChoice {
    /// The one inside the hub.
    Embedded {
        /// Where it listens.
        listen: SocketAddr,
        /// The certificate that it shows to stations; without one their connections are plain.
        certificate: Option<CertificateFiles>,
    },
    /// Another one.
    External {
        /// `mqtt://host:port` or `mqtts://host:port`.
        url: String,
        /// The hub's user name there.
        user: Option<String>,
        /// A file with the hub's password there.
        password_file: Option<PathBuf>,
        /// A file with its certificate authority.
        ca_file: Option<PathBuf>,
    },
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
        cause: toml::de::Error,
    },
    /// A value is not accepted.
    #[error("{key} is `{value}`; give {accepted}")]
    Value {
        /// Which setting.
        key: &'static str,
        /// What was given; never a secret.
        value: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// A setting needs another one.
    #[error("{key} is set without {needs}; set both or neither")]
    Alone {
        /// Which setting.
        key: &'static str,
        /// What it needs.
        needs: &'static str,
    },
}

impl Settings {
    /// The settings in a TOML file.
    pub fn read(path: &Path) -> Result<Settings, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
        toml::from_str(&text).map_err(|cause| ConfigError::Parse { path: path.to_owned(), cause })
    }

    /// These settings, and those of `other` where these say nothing.
    pub fn or(self, other: Settings) -> Settings {
        Settings {
            http_listen: self.http_listen.or(other.http_listen),
            mqtt_listen: self.mqtt_listen.or(other.mqtt_listen),
            mqtt_tls_cert: self.mqtt_tls_cert.or(other.mqtt_tls_cert),
            mqtt_tls_key: self.mqtt_tls_key.or(other.mqtt_tls_key),
            broker: self.broker.or(other.broker),
            broker_user: self.broker_user.or(other.broker_user),
            broker_password_file: self.broker_password_file.or(other.broker_password_file),
            broker_ca_file: self.broker_ca_file.or(other.broker_ca_file),
            db: self.db.or(other.db),
            data: self.data.or(other.data),
            backup_dir: self.backup_dir.or(other.backup_dir),
            default_site: self.default_site.or(other.default_site),
            log_keep_hours: self.log_keep_hours.or(other.log_keep_hours),
            public_url: self.public_url.or(other.public_url),
            outbound_allow: self.outbound_allow.or(other.outbound_allow),
            ready_file: self.ready_file.or(other.ready_file),
            log: self.log.or(other.log),
            otlp: self.otlp.or(other.otlp),
            log_format: self.log_format.or(other.log_format),
        }
    }
}

impl TryFrom<Settings> for Config {
    type Error = ConfigError;

    fn try_from(settings: Settings) -> Result<Config, ConfigError> {
        check_db(settings.db.as_deref())?;
        check_otlp(settings.otlp.as_deref())?;
        let data = settings.data.clone().unwrap_or_else(|| PathBuf::from(DATA));
        Ok(Config {
            http_listen: settings.http_listen.unwrap_or_else(|| default_address(HTTP_LISTEN)),
            broker: broker_choice(&settings)?,
            db: settings.db.map(DbUrl),
            backup_dir: settings.backup_dir.unwrap_or_else(|| data.join(BACKUPS)),
            data,
            default_site: settings
                .default_site
                .unwrap_or_else(|| SiteId::parse(SITE).expect("the default is well formed")),
            log_keep_hours: settings.log_keep_hours.unwrap_or(LOG_KEEP_HOURS),
            public_url: public_url(settings.public_url)?,
            outbound_allow: networks(settings.outbound_allow.as_deref().unwrap_or_default())?,
            ready_file: settings.ready_file,
            otlp: settings.otlp,
            log: settings.log.unwrap_or_else(|| LOG.to_owned()),
            log_format: settings.log_format.unwrap_or_default(),
        })
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::try_from(Settings::default()).expect("the defaults are accepted")
    }
}

impl Config {
    /// The database to open.
    pub fn db_url(&self) -> String {
        match &self.db {
            Some(DbUrl(url)) => url.clone(),
            None => format!("sqlite:{}", self.data.join("hub.db").display()),
        }
    }
}

fn public_url(url: Option<String>) -> Result<Option<String>, ConfigError> {
    match url {
        Some(url) if !url.starts_with("https://") && !url.starts_with("http://") || url.contains('@') => {
            let accepted = "https://HOST or http://HOST:PORT";
            Err(ConfigError::Value { key: "public_url", value: url, accepted })
        }
        url => Ok(url),
    }
}

fn networks(text: &str) -> Result<Vec<Network>, ConfigError> {
    let named = text.split(',').map(str::trim).filter(|network| !network.is_empty());
    let network = |text: &str| {
        let accepted = "networks such as 10.0.0.0/8 or ::1, separated by commas";
        text.parse().map_err(|_| ConfigError::Value { key: "outbound_allow", value: text.to_owned(), accepted })
    };
    named.map(network).collect()
}

fn check_db(url: Option<&str>) -> Result<(), ConfigError> {
    let known = |url: &str| ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme));
    match url {
        Some(url) if !known(url) => {
            // The rest of a database URL may hold a password.
            let scheme: String = url.split(':').next().unwrap_or_default().chars().take(16).collect();
            let accepted = "postgres://USER@HOST/NAME or sqlite:FILE";
            Err(ConfigError::Value { key: "db", value: format!("{scheme}:…"), accepted })
        }
        _ => Ok(()),
    }
}

fn broker_choice(settings: &Settings) -> Result<BrokerChoice, ConfigError> {
    let Some(url) = settings.broker.clone() else {
        let alone = |key| Err(ConfigError::Alone { key, needs: "broker" });
        return match settings {
            Settings { broker_user: Some(_), .. } => alone("broker_user"),
            Settings { broker_password_file: Some(_), .. } => alone("broker_password_file"),
            Settings { broker_ca_file: Some(_), .. } => alone("broker_ca_file"),
            _ => Ok(BrokerChoice::Embedded {
                listen: settings.mqtt_listen.unwrap_or_else(|| default_address(MQTT_LISTEN)),
                certificate: certificate(settings)?,
            }),
        };
    };
    if let Some(path) = settings.mqtt_tls_cert.as_ref().or(settings.mqtt_tls_key.as_ref()) {
        let (key, value) = ("mqtt_tls_cert", path.display().to_string());
        let accepted =
            "a certificate to the broker itself; this one is for the embedded broker, and broker names another";
        return Err(ConfigError::Value { key, value, accepted });
    }
    if !url.starts_with("mqtt://") && !url.starts_with("mqtts://") || url.contains('@') {
        let accepted = "mqtt://HOST:PORT or mqtts://HOST:PORT, the user in broker_user";
        let scheme = url.split("://").next().unwrap_or_default();
        return Err(ConfigError::Value { key: "broker", value: format!("{scheme}://…"), accepted });
    }
    Ok(BrokerChoice::External {
        url,
        user: settings.broker_user.clone(),
        password_file: settings.broker_password_file.clone(),
        ca_file: settings.broker_ca_file.clone(),
    })
}

fn check_otlp(url: Option<&str>) -> Result<(), ConfigError> {
    let Some(url) = url else { return Ok(()) };
    let is_address = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_address && !url.contains('@') {
        return Ok(());
    }
    let scheme = url.split("://").next().unwrap_or_default().chars().take(16).collect::<String>();
    Err(ConfigError::Value {
        key: "otlp",
        value: format!("{scheme}://…"),
        accepted: "http://HOST:PORT or https://HOST:PORT",
    })
}

fn certificate(settings: &Settings) -> Result<Option<CertificateFiles>, ConfigError> {
    match (settings.mqtt_tls_cert.clone(), settings.mqtt_tls_key.clone()) {
        (Some(chain), Some(key)) => Ok(Some(CertificateFiles { chain, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::Alone { key: "mqtt_tls_cert", needs: "mqtt_tls_key" }),
        (None, Some(_)) => Err(ConfigError::Alone { key: "mqtt_tls_key", needs: "mqtt_tls_cert" }),
    }
}

fn default_address(text: &str) -> SocketAddr {
    text.parse().expect("the default is an address")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_toml(text: &str) -> Result<Config, String> {
        let settings: Settings = toml::from_str(text).map_err(|error| error.to_string())?;
        Config::try_from(settings).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(text: &str, says: &str) {
        let error = from_toml(text).unwrap_err();
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = from_toml("").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.http_listen.to_string(), HTTP_LISTEN);
        assert_eq!(config.db_url(), "sqlite:./packline-data/hub.db");
    }

    #[test]
    fn a_wrong_setting_says_which_and_what_is_accepted() {
        refused("http_lissten = '1'", "unknown field `http_lissten`");
        refused("http_listen = 'here'", "http_listen");
        refused("db = 'mysql://u:s3cret@h/d'", "db is `mysql:…`; give postgres://USER@HOST/NAME or sqlite:FILE");
        refused("broker = 'tcp://h'", "broker is `tcp://…`; give mqtt://HOST:PORT");
        refused("broker = 'mqtt://u:s3cret@h'", "the user in broker_user");
        refused("broker_user = 'hub'", "broker_user is set without broker; set both or neither");
        refused("public_url = 'hub'", "public_url is `hub`; give https://HOST");
        refused("outbound_allow = '10.0.0.0/8, all'", "outbound_allow is `all`; give networks");
        refused("otlp = 'grpc://h:4317'", "otlp is `grpc://…`; give http://HOST:PORT or https://HOST:PORT");
        refused("mqtt_tls_key = 'a'", "mqtt_tls_key is set without mqtt_tls_cert; set both or neither");
        refused("mqtt_tls_cert = 'a'", "mqtt_tls_cert is set without mqtt_tls_key; set both or neither");
        refused("broker = 'mqtt://h'\nmqtt_tls_cert = 'a'", "mqtt_tls_cert is `a`; give a certificate to the broker");
        refused("default_site = 'A B'", "site is `A B`");
        refused("log_format = 'xml'", "unknown variant `xml`, expected `text` or `json`");
    }

    #[test]
    fn flags_win_over_the_file() {
        let flags = Settings { db: Some("sqlite:a.db".into()), ..Settings::default() };
        let file = Settings { db: Some("sqlite:b.db".into()), log: Some("debug".into()), ..Settings::default() };
        let config = Config::try_from(flags.or(file)).unwrap();
        assert_eq!((config.db_url().as_str(), config.log.as_str()), ("sqlite:a.db", "debug"));
    }
}
