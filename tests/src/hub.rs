//! A hub as a process.

use crate::api::{Api, text};
use crate::program::{Lifeline, Program, Programs, Role};
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// The user that the hub makes at its first start.
pub const ADMIN: &str = "admin";

/// Where a hub keeps its data and which broker it uses.
#[derive(Debug, Clone)]
pub struct HubPlan {
    /// Its data folder.
    pub data: PathBuf,
    /// Another database than the embedded one.
    pub db: Option<String>,
    /// Another broker than the embedded one, with the hub's user and password file there.
    pub broker: Option<OutsideBroker>,
    /// Where its pages listen; port 0 takes any.
    pub http: String,
    /// Where its own broker listens; port 0 takes any.
    pub mqtt: String,
    /// The site of parcels whose source names none.
    pub site: String,
    /// For how many hours a change log keeps what went, where it is not the usual time.
    pub log_keep_hours: Option<u32>,
    /// The certificate of its own broker, where stations connect by TLS.
    pub tls: Option<BrokerTls>,
}

/// Files, PEM, by which stations and the embedded broker speak TLS.
#[derive(Debug, Clone)]
pub struct BrokerTls {
    /// The broker's certificate.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signed it, for stations.
    pub ca: PathBuf,
}

/// A broker outside the hub.
#[derive(Debug, Clone)]
pub struct OutsideBroker {
    /// `mqtt://host:port`.
    pub url: String,
    /// The hub's user there.
    pub user: String,
    /// A file with its password.
    pub password_file: PathBuf,
}

impl HubPlan {
    /// Everything embedded, in this folder, on free ports.
    pub fn embedded(data: impl Into<PathBuf>) -> HubPlan {
        let any = "127.0.0.1:0".to_owned();
        let (data, site) = (data.into(), "main".to_owned());
        HubPlan { data, db: None, broker: None, http: any.clone(), mqtt: any, site, log_keep_hours: None, tls: None }
    }

    fn common_args(&self) -> Vec<String> {
        let mut args = vec!["--data".to_owned(), self.data.display().to_string()];
        args.extend(self.db.iter().flat_map(|db| ["--db".to_owned(), db.clone()]));
        args
    }

    fn serve_args(&self) -> Vec<String> {
        let mut args = vec!["serve".to_owned()];
        args.extend(self.common_args());
        args.extend(["--http-listen", &self.http, "--default-site", &self.site].map(str::to_owned));
        args.extend(["--ready-file".to_owned(), self.ready_file().display().to_string()]);
        args.extend(self.log_keep_hours.iter().flat_map(|hours| ["--log-keep-hours".to_owned(), hours.to_string()]));
        match &self.broker {
            None => {
                args.extend(["--mqtt-listen", &self.mqtt].map(str::to_owned));
                args.extend(self.tls.iter().flat_map(|tls| {
                    let (chain, key) = (tls.chain.display().to_string(), tls.key.display().to_string());
                    ["--mqtt-tls-cert".to_owned(), chain, "--mqtt-tls-key".to_owned(), key]
                }));
            }
            Some(broker) => {
                args.extend(["--broker", &broker.url, "--broker-user", &broker.user].map(str::to_owned));
                args.extend(["--broker-password-file".to_owned(), broker.password_file.display().to_string()]);
            }
        }
        args
    }

    fn ready_file(&self) -> PathBuf {
        self.data.with_extension("ready.json")
    }
}

/// A running hub, and a way to its API for its first user.
#[derive(Debug)]
pub struct Hub {
    plan: HubPlan,
    programs: Programs,
    program: Program,
    lifeline: Lifeline,
    api: Api,
    mqtt: SocketAddr,
}

impl Hub {
    /// Starts a hub and logs in.
    pub async fn start(programs: &Programs, plan: HubPlan) -> Result<Hub> {
        Self::launch(programs, plan, &Lifeline::default(), None).await
    }

    async fn launch(programs: &Programs, plan: HubPlan, lifeline: &Lifeline, session: Option<&Api>) -> Result<Hub> {
        let ready_file = plan.ready_file();
        let _ = std::fs::remove_file(&ready_file);
        let args = plan.serve_args();
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        let log = plan.data.with_extension("log");
        let mut program = programs.start(Role::Hub, &args, &[("PACKLINE_LOG", LOG)], &log, lifeline)?;
        let ready = program.ready(&ready_file).await?;
        let url = format!("http://{}", bare(&text(&ready, "http")?));
        let mqtt = match &plan.broker {
            Some(broker) => bare(&broker.url).parse()?,
            None => bare(&text(&ready, "mqtt")?).parse()?,
        };
        let api = match session {
            // Tokens are kept in the store, so they outlive the program.
            Some(api) => Api::at(&url, api.token())?,
            None => Api::log_in(&url, ADMIN, &password(&plan.data)?).await?.with_token("site").await?,
        };
        Ok(Hub { plan, programs: programs.clone(), program, lifeline: lifeline.clone(), api, mqtt })
    }

    /// The program itself.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// The way to its API.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// How it was started.
    pub fn plan(&self) -> &HubPlan {
        &self.plan
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.plan.data
    }

    /// Where stations reach the broker.
    pub fn mqtt_address(&self) -> SocketAddr {
        self.mqtt
    }

    /// The password of the first user, as the hub left it for whoever set it up.
    pub fn password(&self) -> Result<String> {
        password(&self.plan.data)
    }

    /// Starts it again on the same data and the same ports; what still runs is killed.
    pub async fn restart(mut self) -> Result<Hub> {
        self.revive().await?;
        Ok(self)
    }

    /// As [`Hub::restart`]. At an error it is down, and may be started again.
    pub async fn revive(&mut self) -> Result<()> {
        self.program.kill()?;
        let mut plan = self.plan.clone();
        plan.http = bare(self.api.url()).to_owned();
        plan.mqtt = self.mqtt.to_string();
        *self = Self::launch(&self.programs, plan, &self.lifeline, Some(&self.api)).await?;
        Ok(())
    }

    /// A handle by which its plug can be pulled, now and in later lives.
    pub fn lifeline(&self) -> &Lifeline {
        &self.lifeline
    }

    /// Runs one of the hub's commands on its data, as an operator would beside the running hub.
    pub fn command(&self, words: &[&str]) -> Result<String> {
        let common = self.plan.common_args();
        let args: Vec<&OsStr> =
            words.iter().copied().chain(common.iter().map(String::as_str)).map(OsStr::new).collect();
        self.programs.run(Role::Hub, &args, &[])
    }
}

impl Deref for Hub {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.api
    }
}

/// What programs in stories log: enough to see what happened, from the file that the story keeps.
pub const LOG: &str = "info,sqlx=warn,rmqtt=warn,rmqtt_retainer=warn";

fn password(data: &Path) -> Result<String> {
    let file = data.join("first-login");
    let text = std::fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
    Ok(text.lines().last().unwrap_or_default().trim().to_owned())
}

/// An address without its scheme.
fn bare(address: &str) -> &str {
    address.split_once("://").map_or(address, |(_, rest)| rest)
}
