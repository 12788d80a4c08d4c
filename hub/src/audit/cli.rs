//! `packline-hub audit`: for whoever sits at the hub's machine.

use super::actions;
use super::model::Report;
use crate::actor::at_command_line;
use crate::app::App;
use crate::say::say;
use anyhow::Context as _;
use clap::Subcommand;

/// What can be done with the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Check the whole log, entry by entry, and say the first thing that is wrong
    Verify,
    /// Go on after a backup was restored: write down what of the log was lost with it, and seal what is left
    AcceptRestore,
}

impl AuditCommand {
    /// Does it on this hub's store. The hub may run meanwhile.
    pub async fn run(self, app: &App) -> anyhow::Result<()> {
        let report = match self {
            AuditCommand::Verify => actions::verify(app).await?,
            AuditCommand::AcceptRestore => actions::accept_restore(app, &at_command_line()).await?,
        };
        tell(&report)
    }
}

fn tell(report: &Report) -> anyhow::Result<()> {
    let Report { verified, entries, sealed, head, fault, .. } = report;
    if let Some(fault) = fault {
        anyhow::bail!("the audit log is not whole: {fault}; {verified} of {entries} entries are right");
    }
    say(format!("the audit log is whole: {entries} entries, signed up to {sealed}, ending with {head}"))
        .context("failed to print")
}
