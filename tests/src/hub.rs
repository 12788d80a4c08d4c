//! A hub as a process, and what a person or a program does with it over HTTP.

use crate::program::{Program, Programs, Role};
use anyhow::{Context, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::net::SocketAddr;
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
        HubPlan { data: data.into(), db: None, broker: None, http: "127.0.0.1:0".to_owned() }
    }

    fn common_args(&self) -> Vec<String> {
        let mut args = vec!["--data".to_owned(), self.data.display().to_string()];
        args.extend(self.db.iter().flat_map(|db| ["--db".to_owned(), db.clone()]));
        args
    }

    fn serve_args(&self, mqtt: &str) -> Vec<String> {
        let mut args = vec!["serve".to_owned()];
        args.extend(self.common_args());
        args.extend(["--http-listen", &self.http].map(str::to_owned));
        args.extend(["--ready-file".to_owned(), self.ready_file().display().to_string()]);
        match &self.broker {
            None => args.extend(["--mqtt-listen", mqtt].map(str::to_owned)),
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

/// A running hub.
#[derive(Debug)]
pub struct Hub {
    plan: HubPlan,
    programs: Programs,
    program: Program,
    client: reqwest::Client,
    http: String,
    mqtt: String,
    token: String,
}

impl Hub {
    /// Starts a hub and logs in.
    pub async fn start(programs: &Programs, plan: HubPlan) -> Result<Hub> {
        Self::start_at(programs, plan, "127.0.0.1:0").await
    }

    async fn start_at(programs: &Programs, plan: HubPlan, mqtt: &str) -> Result<Hub> {
        let ready_file = plan.ready_file();
        let _ = std::fs::remove_file(&ready_file);
        let args = plan.serve_args(mqtt);
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        let log = plan.data.with_extension("log");
        let mut program = programs.start(Role::Hub, &args, &[("PACKLINE_LOG", LOG)], &log)?;
        let ready = program.ready(&ready_file).await?;
        let mut hub = Hub {
            http: text(&ready, "http")?,
            mqtt: text(&ready, "mqtt")?,
            plan,
            programs: programs.clone(),
            program,
            client: reqwest::Client::builder().no_proxy().build()?,
            token: String::new(),
        };
        hub.token = hub.log_in().await?;
        Ok(hub)
    }

    /// The program itself.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// The address of its pages.
    pub fn url(&self) -> &str {
        &self.http
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.plan.data
    }

    /// Where stations reach the broker.
    pub fn mqtt_address(&self) -> Result<SocketAddr> {
        let (_, address) = self.mqtt.split_once("://").context("the broker's address has a scheme")?;
        address.parse().with_context(|| format!("`{}` is an address", self.mqtt))
    }

    /// The password of the first user, as the hub left it for whoever set it up.
    pub fn password(&self) -> Result<String> {
        let file = self.plan.data.join("first-login");
        let text = std::fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
        Ok(text.lines().last().unwrap_or_default().trim().to_owned())
    }

    /// Kills it without warning and starts it again on the same data and the same broker port.
    pub async fn kill_and_restart(self) -> Result<Hub> {
        let (plan, programs, mqtt) = (self.plan.clone(), self.programs.clone(), self.mqtt_address()?.to_string());
        drop(self);
        Self::start_at(&programs, plan, &mqtt).await
    }

    /// Runs one of the hub's commands on its data, as an operator would beside the running hub.
    pub fn command(&self, words: &[&str]) -> Result<String> {
        let common = self.plan.common_args();
        let args: Vec<&OsStr> =
            words.iter().copied().chain(common.iter().map(String::as_str)).map(OsStr::new).collect();
        self.programs.run(Role::Hub, &args, &[])
    }

    /// What the API answers to a GET.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, None).await
    }

    /// What the API answers to a POST.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// A claim token for a new station.
    pub async fn add_station(&self, site: &str, station: &str) -> Result<String> {
        let answer = self.post("/api/v1/stations", &json!({"site": site, "station": station})).await?;
        text(&answer, "token")
    }

    /// Everything a list endpoint has, page after page.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{joint}limit=200{cursor}")).await?;
            all.extend(page["items"].as_array().cloned().with_context(|| format!("{path} answers with items"))?);
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    async fn log_in(&self) -> Result<String> {
        let body = json!({"user": ADMIN, "password": self.password()?});
        let answer = self.ask(Method::POST, "/api/v1/sessions", Some(&body)).await?;
        text(&answer, "token")
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let request = self.client.request(method.clone(), format!("{}{path}", self.http)).bearer_auth(&self.token);
        let request = if let Some(body) = body { request.json(body) } else { request };
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{method} {path} answers {status}: {text}");
        }
        if text.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_str(&text).with_context(|| format!("{method} {path}"))
        }
    }
}

/// What programs in stories log: enough to see what happened, from the file that the story keeps.
pub const LOG: &str = "info,sqlx=warn,rmqtt=warn,rmqtt_retainer=warn";

/// A text that must be there.
pub fn text(value: &Value, key: &str) -> Result<String> {
    value[key].as_str().map(str::to_owned).with_context(|| format!("`{key}` is missing in {value}"))
}
