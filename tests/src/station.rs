//! A station as a process: enrolled, with scanners on serial lines and a cable that can be cut.

use crate::api::{self, text};
use crate::clock::{self, until};
use crate::hub::{Hub, LOG};
use crate::program::{Lifeline, Program, Programs, Role};
use crate::scanner::Scanner;
use crate::wire::Wire;
use anyhow::{Context, Result};
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A hand takes longer than this from one scan to the next; faster is a burst (the station's own limit is 150 ms).
const HAND: Duration = Duration::from_millis(170);

/// What a station is made of.
#[derive(Debug, Clone)]
pub struct StationPlan {
    /// Its name.
    pub name: String,
    /// Its site.
    pub site: String,
    /// How many scanners it has.
    pub scanners: usize,
    /// Where its bench page listens; port 0 takes any.
    pub panel: String,
    /// More lines for its configuration file.
    pub config: String,
    /// More lines for each of its scanners.
    pub scanner_config: String,
    /// A file that makes its journal's disk slow or full: `slow MS`, `full`.
    pub rehearsal: Option<PathBuf>,
}

impl StationPlan {
    /// One scanner, a free port.
    pub fn new(site: &str, name: &str) -> StationPlan {
        StationPlan {
            name: name.to_owned(),
            site: site.to_owned(),
            scanners: 1,
            panel: "127.0.0.1:0".to_owned(),
            config: String::new(),
            scanner_config: String::new(),
            rehearsal: None,
        }
    }
}

/// A running station.
#[derive(Debug)]
pub struct Station {
    plan: StationPlan,
    folder: PathBuf,
    programs: Programs,
    program: Option<Program>,
    lifeline: Lifeline,
    /// Its scanners.
    pub scanners: Vec<Scanner>,
    /// Its cable to the broker.
    pub wire: Wire,
    /// Whom it trusts, where the broker is reached by TLS.
    ca_file: Option<PathBuf>,
    /// When each scanner last read something.
    scanned: Vec<Option<Instant>>,
    panel: String,
    client: reqwest::Client,
}

impl Station {
    /// Enrols a station at the hub, plugs its scanners in and starts it.
    pub async fn start(programs: &Programs, hub: &Hub, folder: &Path, plan: StationPlan) -> Result<Station> {
        let mut station = Self::enrolled(programs, hub, folder, plan).await?;
        station.boot().await?;
        Ok(station)
    }

    /// A station that is enrolled and plugged in, its program not yet started.
    pub async fn enrolled(programs: &Programs, hub: &Hub, folder: &Path, plan: StationPlan) -> Result<Station> {
        let station = Self::unknown(programs, hub, folder, plan).await?;
        station.enroll(hub).await?;
        Ok(station)
    }

    /// A station that the hub does not know yet, plugged in, its program not yet started.
    pub async fn unknown(programs: &Programs, hub: &Hub, folder: &Path, plan: StationPlan) -> Result<Station> {
        let folder = folder.join(&plan.name);
        std::fs::create_dir_all(folder.join("state"))?;
        let wire = Wire::to(hub.mqtt_address()).await?;
        let scanners =
            (1..=plan.scanners).map(|n| Scanner::plug_in(folder.join(format!("gun-{n}")))).collect::<Result<_>>()?;
        let client = api::client().build()?;
        let station = Station {
            scanned: vec![None; plan.scanners],
            plan,
            folder,
            programs: programs.clone(),
            program: None,
            lifeline: Lifeline::default(),
            scanners,
            wire,
            ca_file: hub.plan().tls.as_ref().map(|tls| tls.ca.clone()),
            panel: String::new(),
            client,
        };
        station.configure()?;
        Ok(station)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Where it keeps its state.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The address of its bench page.
    pub fn panel(&self) -> &str {
        &self.panel
    }

    /// The program itself, while it runs.
    pub fn program(&mut self) -> Result<&mut Program> {
        self.program.as_mut().context("the station is off")
    }

    /// Starts its program and waits until it has its scanners.
    ///
    /// They get new ports: a pseudo-terminal stays reserved for a program that was killed, which a real port does not.
    pub async fn boot(&mut self) -> Result<()> {
        for scanner in &mut self.scanners {
            scanner.replug()?;
        }
        let ready_file = self.folder.join("ready.json");
        let _ = std::fs::remove_file(&ready_file);
        let (config, state) = (self.folder.join("edge.toml"), self.state());
        let args: [&OsStr; 7] = [
            "run".as_ref(),
            "--config".as_ref(),
            config.as_ref(),
            "--state".as_ref(),
            state.as_ref(),
            "--ready-file".as_ref(),
            ready_file.as_ref(),
        ];
        let log = self.folder.join("log");
        let orders = self.plan.rehearsal.as_ref().map(|orders| orders.display().to_string());
        let mut env = vec![("PACKLINE_LOG", LOG)];
        env.extend(orders.iter().map(|orders| ("PACKLINE_REHEARSAL", orders.as_str())));
        let mut program = self.programs.start(Role::Edge, &args, &env, &log, &self.lifeline)?;
        self.panel = format!("http://{}", text(&program.ready(&ready_file).await?, "panel")?);
        self.program = Some(program);
        self.plugged_in().await
    }

    /// Waits until every scanner is online.
    pub async fn plugged_in(&self) -> Result<()> {
        let what = format!("the scanners of {} to be online", self.plan.name);
        let online = |view: &Value| {
            let scanners = view["scanners"].as_array().map(Vec::as_slice).unwrap_or_default();
            scanners.len() == self.scanners.len() && scanners.iter().all(|scanner| scanner["online"] == true)
        };
        until(&what, async || Ok(online(&self.view().await?).then_some(()))).await
    }

    /// Reads a code with a scanner, no faster than a hand does.
    pub async fn pull_trigger(&mut self, gun: usize, code: &str) -> Result<()> {
        if let Some(rest) = self.scanned[gun].and_then(|at| HAND.checked_sub(at.elapsed())) {
            tokio::time::sleep(rest).await;
        }
        self.scanned[gun] = Some(clock::instant());
        self.scanners[gun].scan(code)
    }

    /// A handle by which its plug can be pulled, now and in later lives.
    pub fn lifeline(&self) -> &Lifeline {
        &self.lifeline
    }

    /// Whether its program runs.
    pub fn is_running(&mut self) -> bool {
        self.program.as_mut().is_some_and(Program::is_running)
    }

    /// Cuts its cable and waits until it has noticed.
    pub async fn cut_off(&self) -> Result<()> {
        self.wire.cut();
        let what = format!("{} to notice the cut", self.plan.name);
        until(&what, async || Ok((self.view().await?["link"]["up"] == false).then_some(()))).await
    }

    /// Mends its cable and waits until it is back on the link.
    pub async fn reconnect(&self) -> Result<()> {
        self.wire.mend();
        let what = format!("{} to come back", self.plan.name);
        until(&what, async || Ok((self.view().await?["link"]["up"] == true).then_some(()))).await
    }

    /// Waits until its facts are fresh enough to release on.
    pub async fn is_fresh(&self) -> Result<()> {
        let what = format!("{} to hear the hub", self.plan.name);
        until(&what, async || Ok((self.view().await?["stale"] == false).then_some(()))).await
    }

    /// Pulls the plug.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut program) = self.program.take() {
            program.kill()?;
        }
        Ok(())
    }

    /// Asks its program to stop.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(program) = self.program.take() {
            program.stop().await?;
        }
        Ok(())
    }

    /// What its status says.
    pub async fn status(&self) -> Result<Value> {
        let answer = self.client.get(format!("{}/api/status", self.panel)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// What its bench page shows.
    pub async fn view(&self) -> Result<Value> {
        let answer = self.client.get(format!("{}/api/view", self.panel)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    fn configure(&self) -> Result<()> {
        // Top-level keys come before the tables, or TOML would read them as a scanner's.
        let (panel, cable) = (&self.plan.panel, self.wire.address());
        let mut config = format!("{}\npanel_listen = \"{panel}\"\n", self.plan.config);
        match &self.ca_file {
            Some(ca) => write!(config, "mqtt = \"mqtts://{cable}\"\nca_file = \"{}\"\n", ca.display())?,
            None => writeln!(config, "mqtt = \"mqtt://{cable}\"")?,
        }
        for (n, scanner) in self.scanners.iter().enumerate() {
            let path = scanner.path().display();
            write!(config, "\n[[scanner]]\nid = \"gun-{}\"\nkind = \"serial\"\npath = \"{path}\"\n", n + 1)?;
            config.push_str(&self.plan.scanner_config);
        }
        std::fs::write(self.folder.join("edge.toml"), config).context("failed to write the station's configuration")
    }

    async fn enroll(&self, hub: &Hub) -> Result<()> {
        let token = hub.api().add_station(&self.plan.site, &self.plan.name).await?;
        self.enroll_with(hub.url(), &token)
    }

    /// Enrols with this token, as whoever sets the station up would.
    pub fn enroll_with(&self, hub: &str, token: &str) -> Result<()> {
        let state = self.state();
        let words: [&OsStr; 7] = [
            "enroll".as_ref(),
            "--hub".as_ref(),
            hub.as_ref(),
            "--token".as_ref(),
            token.as_ref(),
            "--state".as_ref(),
            state.as_ref(),
        ];
        self.programs.run(Role::Edge, &words, &[])?;
        Ok(())
    }
}
