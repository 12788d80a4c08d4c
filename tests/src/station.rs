//! A station as a process: enrolled, with scanners on serial lines and a cable that can be cut.

use crate::hub::{Hub, LOG, text};
use crate::program::{Program, Programs, Role};
use crate::scanner::Scanner;
use crate::wire::Wire;
use anyhow::{Context, Result};
use serde_json::Value;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};

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
    /// Its scanners.
    pub scanners: Vec<Scanner>,
    /// Its cable to the broker.
    pub wire: Wire,
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
        let folder = folder.join(&plan.name);
        std::fs::create_dir_all(folder.join("state"))?;
        let wire = Wire::to(hub.mqtt_address()?).await?;
        let scanners =
            (1..=plan.scanners).map(|n| Scanner::plug_in(folder.join(format!("gun-{n}")))).collect::<Result<_>>()?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let station = Station {
            plan,
            folder,
            programs: programs.clone(),
            program: None,
            scanners,
            wire,
            panel: String::new(),
            client,
        };
        station.configure()?;
        station.enroll(hub).await?;
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

    /// Starts its program.
    pub async fn boot(&mut self) -> Result<()> {
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
        let mut program = self.programs.start(Role::Edge, &args, &[("PACKLINE_LOG", LOG)], &log)?;
        self.panel = text(&program.ready(&ready_file).await?, "panel")?;
        self.program = Some(program);
        Ok(())
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
        let mut config = format!("{}\npanel_listen = \"{}\"\n", self.plan.config, self.plan.panel);
        for (n, scanner) in self.scanners.iter().enumerate() {
            let path = scanner.path().display();
            write!(config, "\n[[scanner]]\nid = \"gun-{}\"\nkind = \"serial\"\npath = \"{path}\"\n", n + 1)?;
        }
        std::fs::write(self.folder.join("edge.toml"), config).context("failed to write the station's configuration")
    }

    /// Enrols, and then lets the credential point at the cable instead of the broker itself.
    async fn enroll(&self, hub: &Hub) -> Result<()> {
        let token = hub.add_station(&self.plan.site, &self.plan.name).await?;
        let state = self.state();
        let args: [&OsStr; 7] = [
            "enroll".as_ref(),
            "--hub".as_ref(),
            hub.url().as_ref(),
            "--token".as_ref(),
            token.as_ref(),
            "--state".as_ref(),
            state.as_ref(),
        ];
        self.programs.run(Role::Edge, &args, &[])?;
        let file = state.join("station.json");
        let mut credential: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        credential["mqtt_url"] = format!("mqtt://{}", self.wire.address()).into();
        std::fs::write(&file, serde_json::to_vec_pretty(&credential)?).context("failed to re-wire the station")
    }
}
