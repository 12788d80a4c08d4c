//! Rules as data, and the one function that judges by them.
//!
//! A rule set means the same on the hub and on a station. Judging is total (every field and every operator has a
//! meaning for every parcel, also for none) and bounded (see [`check`]). What may be read is [`condition::Field`].

pub mod builtin;
pub mod check;
pub mod condition;
pub mod wire;

use crate::facts::{CodeClass, Facts};
use crate::id::{Epoch, Revision, RuleId, Seq};
use crate::verdict::{Outcome, Reason, ReasonCode, Say, Verdict};
use condition::Condition;
use serde::{Deserialize, Serialize};

/// A published bundle of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSet {
    /// Its number; higher is newer, 0 is the built-in one.
    pub revision: Revision,
    /// A release needs a replica at most this old, in milliseconds.
    pub max_age_ms: u64,
    /// The rules; their order does not matter, the gravest answer wins.
    pub rules: Vec<Rule>,
}

/// When something holds, this is the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, unique in the set.
    pub id: RuleId,
    /// What must hold.
    pub when: Condition,
    /// Stop or ask; a release is what remains when no rule objects.
    pub outcome: Outcome,
    /// What is the matter then.
    pub reason: ReasonCode,
    /// The rule's own sentence, instead of the reason's.
    pub say: Option<Say>,
    /// When its facts are older than this, in milliseconds, its silence is not trusted; `None` leaves it to the set.
    pub max_age_ms: Option<u64>,
}

/// What a station's replica stood at when it judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The life of the change log.
    pub epoch: Epoch,
    /// The newest change applied.
    pub seq: Seq,
}

impl RuleSet {
    /// The verdict on these facts: the same facts and the same rules always give the same verdict.
    pub fn judge(&self, facts: &Facts<'_>, position: Position) -> Verdict {
        let mut objections = self.objections(facts);
        objections.extend(objections.is_empty().then(|| self.stale(facts)).flatten());
        // A stable sort: among equals the order of the rule set stands.
        objections.sort_by_key(|objection| std::cmp::Reverse(objection.outcome));
        Verdict {
            outcome: objections.first().map_or(Outcome::Release, |objection| objection.outcome),
            reasons: objections.into_iter().map(|objection| objection.reason).collect(),
            parcel: facts.parcel.map(|parcel| parcel.id),
            repeat: false,
            revision: self.revision,
            facts: facts.digest(),
            epoch: position.epoch,
            position: position.seq,
            age_ms: facts.scan.age_ms,
        }
    }

    fn objections(&self, facts: &Facts<'_>) -> Vec<Objection> {
        let code = unresolved(facts).map(|code| Objection::new(code.outcome(), code, BUILT_IN, String::new(), None));
        let rules = self.rules.iter().filter(|rule| rule.when.holds(facts)).map(|rule| rule.objection(facts));
        code.into_iter().chain(rules).collect()
    }

    /// A release on data that is older than the set, or any silent rule, allows.
    fn stale(&self, facts: &Facts<'_>) -> Option<Objection> {
        let strictest = self.rules.iter().filter_map(|rule| Some((rule.max_age_ms?, rule.id.as_str()))).min();
        let (max_age_ms, rule) =
            strictest.filter(|(age, _)| *age < self.max_age_ms).unwrap_or((self.max_age_ms, BUILT_IN));
        let stale = facts.scan.age_ms.is_none_or(|age| age > max_age_ms);
        stale.then(|| Objection::new(Outcome::Ask, ReasonCode::Stale, rule, String::new(), None))
    }
}

/// The name under which the judge itself objects.
const BUILT_IN: &str = "judge";

struct Objection {
    outcome: Outcome,
    reason: Reason,
}

impl Objection {
    fn new(outcome: Outcome, code: ReasonCode, rule: &str, about: String, say: Option<Say>) -> Self {
        let rule = RuleId::parse(rule).expect("rule names were checked with the rule set");
        Self { outcome, reason: Reason { code, rule, about, say } }
    }
}

impl Rule {
    fn objection(&self, facts: &Facts<'_>) -> Objection {
        let about = condition::about(self.reason, facts);
        Objection::new(self.outcome, self.reason, self.id.as_str(), about, self.say.clone())
    }
}

/// A code that does not lead to exactly one parcel is never a release, whatever the rules say.
fn unresolved(facts: &Facts<'_>) -> Option<ReasonCode> {
    match facts.scan.class {
        CodeClass::Parcel if facts.parcel.is_some() => None,
        CodeClass::Parcel | CodeClass::Unknown => Some(ReasonCode::Unknown),
        CodeClass::Item => Some(ReasonCode::ItemCode),
        CodeClass::Ambiguous => Some(ReasonCode::Ambiguous),
        CodeClass::NoRead => Some(ReasonCode::NoRead),
        CodeClass::NotAParcel => Some(ReasonCode::NotAParcel),
        CodeClass::OtherSite => Some(ReasonCode::OtherSite),
    }
}

#[cfg(test)]
mod tests;
