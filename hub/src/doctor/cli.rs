//! `packline-hub doctor`: makes every check and says what it found.

use super::actions;
use super::model::Report;
use crate::app::App;
use anyhow::Context as _;
use clap::Args;

/// The arguments of `packline-hub doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Make anew what is derived and wrong; the hub must not run meanwhile
    #[arg(long, env = "PACKLINE_REPAIR")]
    repair: bool,
    /// Print one JSON object instead of lines
    #[arg(long, env = "PACKLINE_JSON")]
    json: bool,
}

impl DoctorArgs {
    /// Makes the checks; an error when something does not fit and was not repaired.
    pub async fn run(self, app: &App) -> anyhow::Result<()> {
        let report = actions::examine(app, self.repair).await?;
        if self.json {
            println!("{}", serde_json::to_string(&report).context("failed to write the report")?);
        } else {
            print!("{}", lines(&report));
        }
        anyhow::ensure!(report.ok, "{} things do not fit", left(&report));
        Ok(())
    }
}

fn left(report: &Report) -> u64 {
    report.checks.iter().map(|checked| checked.found.saturating_sub(checked.repaired)).sum()
}

fn lines(report: &Report) -> String {
    let mut text = String::new();
    for checked in &report.checks {
        let mark = if checked.found == 0 { "ok  " } else { "FAIL" };
        let (word, proves) = (checked.check.word(), checked.check.proves());
        text += &format!("{mark} {word}: {proves} ({} looked at, {} ms)\n", checked.looked_at, checked.took_ms);
        for finding in &checked.findings {
            let repairable = if finding.repairable { " (--repair makes it anew)" } else { "" };
            text += &format!("       {}: {}{repairable}\n", finding.about, finding.what);
        }
        let unlisted = checked.found.saturating_sub(checked.findings.len() as u64);
        if unlisted > 0 {
            text += &format!("       and {unlisted} more\n");
        }
        if checked.repaired > 0 {
            text += &format!("       {} repaired\n", checked.repaired);
        }
    }
    text
}
