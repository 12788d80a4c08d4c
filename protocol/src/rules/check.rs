//! What a rule set must keep to before anybody judges by it: types that fit, and bounds.

use super::condition::{Condition, FieldKind, Op, Test, Value};
use super::{Rule, RuleSet};
use crate::id::RuleId;
use crate::verdict::Outcome;
use std::collections::BTreeSet;

/// The most rules in a set.
pub const RULES_MAX: usize = 1_000;
/// The most nodes in one rule's condition.
pub const NODES_MAX: usize = 256;
/// The deepest nesting of a condition.
pub const DEPTH_MAX: usize = 16;
/// The most texts in a value.
pub const TEXTS_MAX: usize = 256;
/// The longest text in a value or a sentence, in bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// The oldest replica that a set may release on: seven days, in milliseconds.
pub const MAX_AGE_MS_MAX: u64 = 7 * 24 * 3_600_000;

/// Why a rule set is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Too many rules.
    #[error("the rule set has {count} rules; give at most {RULES_MAX}")]
    TooMany {
        /// How many it has.
        count: usize,
    },
    /// Two rules of one name.
    #[error("rule `{rule}` stands in the set twice; names are unique")]
    Twice {
        /// The name.
        rule: RuleId,
    },
    /// A release is not a rule's to give.
    #[error("rule `{rule}` says release; a rule says stop or ask, and what nothing objects to is released")]
    Releases {
        /// Which rule.
        rule: RuleId,
    },
    /// An age outside the bounds.
    #[error("{place} is `{value}` ms; give 1 to {MAX_AGE_MS_MAX}")]
    Age {
        /// Whose `max_age_ms`.
        place: String,
        /// What was given.
        value: u64,
    },
    /// A condition is too big or too deep.
    #[error(
        "rule `{rule}` has a condition of {nodes} nodes, {depth} deep; give at most {NODES_MAX} nodes, {DEPTH_MAX} deep"
    )]
    TooBig {
        /// Which rule.
        rule: RuleId,
        /// Nodes.
        nodes: usize,
        /// Levels.
        depth: usize,
    },
    /// An operator or a value that does not fit its field.
    #[error("rule `{rule}` compares `{field}` by `{op:?}` with `{value}`; a field of kind {kind:?} takes {accepted}")]
    Mismatch {
        /// Which rule.
        rule: RuleId,
        /// The field's dotted name.
        field: &'static str,
        /// The operator.
        op: Op,
        /// The value, cut.
        value: String,
        /// The field's kind.
        kind: FieldKind,
        /// What would fit.
        accepted: &'static str,
    },
    /// A text or a list is too long.
    #[error(
        "rule `{rule}` has a text or list that is too long; give at most {TEXT_BYTES_MAX} bytes and {TEXTS_MAX} texts"
    )]
    TooLong {
        /// Which rule.
        rule: RuleId,
    },
}

impl RuleSet {
    /// Refuses what must never be judged by.
    pub fn check(&self) -> Result<(), RuleError> {
        if self.rules.len() > RULES_MAX {
            return Err(RuleError::TooMany { count: self.rules.len() });
        }
        check_age("max_age_ms of the set", self.max_age_ms)?;
        let mut names = BTreeSet::new();
        for rule in &self.rules {
            if !names.insert(&rule.id) {
                return Err(RuleError::Twice { rule: rule.id.clone() });
            }
            check_rule(rule)?;
        }
        Ok(())
    }
}

fn check_rule(rule: &Rule) -> Result<(), RuleError> {
    if rule.outcome == Outcome::Release {
        return Err(RuleError::Releases { rule: rule.id.clone() });
    }
    if let Some(max_age_ms) = rule.max_age_ms {
        check_age(&format!("max_age_ms of rule `{}`", rule.id), max_age_ms)?;
    }
    if rule.say.as_ref().is_some_and(|say| say.zh.len().max(say.en.len()) > TEXT_BYTES_MAX) {
        return Err(RuleError::TooLong { rule: rule.id.clone() });
    }
    let tests = walk(rule)?;
    tests.into_iter().try_for_each(|test| check_test(rule, test))
}

fn check_age(place: &str, value: u64) -> Result<(), RuleError> {
    match value {
        1..=MAX_AGE_MS_MAX => Ok(()),
        _ => Err(RuleError::Age { place: place.to_owned(), value }),
    }
}

/// All tests of a condition, by a stack of its own: depth is not yet known to be harmless.
fn walk(rule: &Rule) -> Result<Vec<&Test>, RuleError> {
    let (mut tests, mut nodes, mut stack) = (Vec::new(), 0, vec![(&rule.when, 1)]);
    while let Some((condition, depth)) = stack.pop() {
        nodes += 1;
        if nodes > NODES_MAX || depth > DEPTH_MAX {
            return Err(RuleError::TooBig { rule: rule.id.clone(), nodes, depth });
        }
        match condition {
            Condition::All(parts) | Condition::Any(parts) => stack.extend(parts.iter().map(|part| (part, depth + 1))),
            Condition::Not(part) => stack.push((part, depth + 1)),
            Condition::Test(test) => tests.push(test),
        }
    }
    Ok(tests)
}

fn check_test(rule: &Rule, test: &Test) -> Result<(), RuleError> {
    let kind = test.field.kind();
    #[expect(clippy::match_like_matches_macro, reason = "one pair a line reads as the table it is")]
    let fits = match (kind, test.op, &test.value) {
        (_, Op::Absent, _) => true,
        (FieldKind::Flag, Op::Is | Op::IsNot, Value::Flag(_)) => true,
        (FieldKind::Number, Op::Is | Op::IsNot | Op::Below | Op::Above, Value::Number(_)) => true,
        (FieldKind::Text, Op::Is | Op::IsNot, Value::Text(_)) => true,
        (FieldKind::Text, Op::OneOf, Value::Texts(_)) => true,
        (FieldKind::Texts, Op::Has, Value::Text(_)) => true,
        _ => false,
    };
    if !fits {
        return Err(RuleError::Mismatch {
            rule: rule.id.clone(),
            field: test.field.key(),
            op: test.op,
            value: format!("{:?}", test.value).chars().take(80).collect(),
            kind,
            accepted: accepted(kind),
        });
    }
    let long = match &test.value {
        Value::Text(text) => text.len() > TEXT_BYTES_MAX,
        Value::Texts(texts) => texts.len() > TEXTS_MAX || texts.iter().any(|text| text.len() > TEXT_BYTES_MAX),
        Value::Flag(_) | Value::Number(_) => false,
    };
    if long { Err(RuleError::TooLong { rule: rule.id.clone() }) } else { Ok(()) }
}

fn accepted(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Flag => "`is` or `is_not` with a flag, or `absent`",
        FieldKind::Number => "`is`, `is_not`, `below` or `above` with a number, or `absent`",
        FieldKind::Text => "`is` or `is_not` with a text, `one_of` with texts, or `absent`",
        FieldKind::Texts => "`has` with a text, or `absent`",
    }
}
