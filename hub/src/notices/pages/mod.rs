//! The bell's list, and the pages where people say who is told of what, and where.

pub mod bell;
pub mod rules;
pub mod targets;

use super::model::{NoticeKind, Severity};
use crate::accounts::actions::roles::BUILT_IN;
use crate::outbound::text::{OutText, text};
use crate::pages::mark::Mark;
use crate::pages::shell::Shell;
use crate::pages::text::Language;

/// One of several that can be chosen.
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What it is called.
    pub name: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// The pages of this section.
pub fn tabs(shell: &Shell) -> [(&'static str, &'static str); 4] {
    let o = text(shell.language);
    [("/notify/rules", o.rules), ("/notify/targets", o.targets), ("/webhooks", o.webhooks), ("/effects", o.effects)]
}

/// A severity as a mark.
pub fn severity_mark(severity: Severity, language: Language) -> Mark {
    let tone = match severity {
        Severity::Info => "plain",
        Severity::Warning => "warn",
        Severity::Critical => "bad",
    };
    Mark::new(tone, severity_name(severity, text(language)))
}

fn severity_name(severity: Severity, o: &OutText) -> &'static str {
    match severity {
        Severity::Info => o.info,
        Severity::Warning => o.warning,
        Severity::Critical => o.critical,
    }
}

fn severities(chosen: Severity, language: Language) -> Vec<Choice> {
    let choice = |severity: Severity| Choice {
        value: severity.word().to_owned(),
        name: severity_name(severity, text(language)).to_owned(),
        chosen: severity == chosen,
    };
    Severity::ALL.into_iter().map(choice).collect()
}

fn kinds(chosen: &[NoticeKind], language: Language) -> Vec<Choice> {
    let choice = |kind: &NoticeKind| Choice {
        value: kind.word().to_owned(),
        name: kind.title(language).to_owned(),
        chosen: chosen.contains(kind),
    };
    NoticeKind::ALL.iter().map(choice).collect()
}

/// What a role is called.
fn role_name(role: &str, language: Language) -> String {
    let known = BUILT_IN.iter().find(|built_in| built_in.name == role);
    known.map_or_else(|| role.to_owned(), |known| language.pick(known.titles.0, known.titles.1).to_owned())
}

fn target_kind(kind: &str, o: &OutText) -> &'static str {
    match kind {
        "dingtalk" => o.dingtalk,
        "wecom" => o.wecom,
        "feishu" => o.feishu,
        _ => o.mail,
    }
}
