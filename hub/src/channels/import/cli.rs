//! `packline-hub import FILE`: reads a file without a running hub, or beside one.

use super::actions;
use super::actions::run::{Ended, run};
use super::model::{FILE_MAX, ImportError, Job, JobStatus, Options, Problem, Status};
use crate::actor::Actor;
use crate::app::App;
use crate::cli::Failure;
use crate::config::Config;
use crate::orders::synonyms::Synonyms as _;
use crate::say::say;
use crate::serve;
use anyhow::Context as _;
use packline_protocol::facts::OrderStatus;
use packline_protocol::id::SiteId;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal as _, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// The arguments of `packline-hub import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The file: CSV (UTF-8 or GB18030) or JSON (one order, a list, or one order per line)
    file: PathBuf,
    /// The platform of orders that name none, for example pos
    #[arg(long, env = "PACKLINE_IMPORT_PLATFORM", value_name = "PLATFORM")]
    platform: Option<String>,
    /// The site of orders that name none
    #[arg(long, env = "PACKLINE_IMPORT_SITE", value_name = "SITE")]
    site: Option<SiteId>,
    /// Which column says what: order_no=单号,sku=货号 or a JSON file {"order_no": "单号"}
    #[arg(long, env = "PACKLINE_IMPORT_MAPPING", value_name = "MAPPING")]
    mapping: Option<String>,
    /// The status of new orders when the file does not say it [default: paid]
    #[arg(long, env = "PACKLINE_IMPORT_STATUS", value_name = "STATUS")]
    status: Option<String>,
}

/// Problems that are written to the terminal; all of them are kept with the import.
const SHOWN_MAX: usize = 20;

impl ImportArgs {
    /// Reads the file and says what became of it.
    pub async fn run(self, config: Config) -> Result<(), Failure> {
        let options = self.options().map_err(Failure::Usage)?;
        actions::check(&options).map_err(|error| Failure::Usage(error.into()))?;
        let app = serve::open(config).await?;
        let done = import(&app, &self.file, options).await;
        app.db.close().await;
        done
    }

    fn options(&self) -> anyhow::Result<Options> {
        let status = match &self.status {
            Some(word) => {
                let status = OrderStatus::read(word);
                Some(Status(status.with_context(|| format!("status is `{word}`; give {}", OrderStatus::accepted()))?))
            }
            None => None,
        };
        let mapping = self.mapping.as_deref().map(mapping).transpose()?.unwrap_or_default();
        Ok(Options { platform: self.platform.clone(), site: self.site.clone(), mapping, status })
    }
}

/// `field=column,field=column`, or the name of a JSON file with the same.
fn mapping(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    if text.contains('=') {
        let pair = |part: &str| {
            let (field, column) = part.split_once('=')?;
            Some((field.trim().to_owned(), column.trim().to_owned()))
        };
        let pairs: Option<BTreeMap<String, String>> = text.split(',').map(pair).collect();
        return pairs.with_context(|| format!("mapping is `{text}`; give field=column,field=column or a JSON file"));
    }
    let content = std::fs::read_to_string(text).with_context(|| format!("failed to read the mapping `{text}`"))?;
    serde_json::from_str(&content).with_context(|| format!("the mapping `{text}` is not {{\"field\": \"column\"}}"))
}

async fn import(app: &App, path: &Path, options: Options) -> Result<(), Failure> {
    let (file, hash, length) = open(path)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let actor = Actor::Cli(std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned()));
    let mut job = actions::new_job(app, &name, hash, length, options, &actor).await.map_err(anyhow::Error::new)?;
    actions::queue(app, &job).await.map_err(anyhow::Error::new)?;
    let shows = std::io::stderr().is_terminal();
    let ended = run(app, &mut job, file, &actor, |job| show(job, shows)).await.map_err(anyhow::Error::new)?;
    if shows {
        eprintln!();
    }
    let problems = actions::problems(app, job.id, 0, SHOWN_MAX).await.map_err(anyhow::Error::new)?;
    for (_, problem) in &problems {
        eprintln!("{}", line(problem));
    }
    say(summary(&job)).context("failed to print")?;
    match (ended, &job.failure) {
        (_, Some(why)) => Err(Failure::Failed(anyhow::anyhow!("the file could not be read to its end: {why}"))),
        (Ended::Stopped, _) => Err(Failure::Failed(anyhow::anyhow!("stopped before the end; nothing is taken twice"))),
        _ if job.progress.refused > 0 => {
            Err(Failure::Failed(anyhow::anyhow!("{} orders were not taken", job.progress.refused)))
        }
        _ => Ok(()),
    }
}

fn open(path: &Path) -> anyhow::Result<(File, String, u64)> {
    let mut file = File::open(path).with_context(|| format!("failed to open `{}`", path.display()))?;
    let (mut hasher, mut length, mut buffer) = (blake3::Hasher::new(), 0, vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut buffer).with_context(|| format!("failed to read `{}`", path.display()))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        length += read as u64;
        if length > FILE_MAX {
            return Err(ImportError::TooLarge.into());
        }
    }
    file.seek(SeekFrom::Start(0)).with_context(|| format!("failed to read `{}`", path.display()))?;
    Ok((file, hasher.finalize().to_hex().to_string(), length))
}

fn show(job: &Job, to_terminal: bool) {
    if to_terminal && job.status == JobStatus::Running {
        let at = &job.progress;
        let percent = at.bytes_read * 100 / at.bytes_total.max(1);
        eprint!("\r{percent:3} %  {} orders, {} not taken", at.orders, at.refused);
    }
}

fn line(problem: &Problem) -> String {
    let column = problem.column.as_ref().map(|column| format!(", {column}")).unwrap_or_default();
    let given = problem.given.as_ref().map(|given| format!(" is `{given}`;")).unwrap_or_default();
    format!("row {}{column}{given} {}", problem.row, problem.message)
}

fn summary(job: &Job) -> String {
    let at = &job.progress;
    format!(
        "import {}: {} orders read from {} rows: {} new, {} changed, {} unchanged, {} not taken; {} problems",
        job.id, at.orders, at.rows, at.created, at.changed, at.unchanged, at.refused, at.problems
    )
}
