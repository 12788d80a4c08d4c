//! Rule sets on the wire: conditions as a flat list, so that hostile nesting cannot exhaust a decoder's stack.

use super::condition::{Condition, Test};
use super::{Rule, RuleSet, check};
use crate::id::{Revision, RuleId};
use crate::verdict::{Outcome, ReasonCode, Say};
use serde::{Deserialize, Serialize};

/// A rule set as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSetWire {
    revision: Revision,
    max_age_ms: u64,
    rules: Vec<RuleWire>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RuleWire {
    id: RuleId,
    nodes: Vec<Node>,
    outcome: Outcome,
    reason: ReasonCode,
    say: Option<Say>,
    max_age_ms: Option<u64>,
}

/// A node of a condition, parents before children.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Node {
    All(u32),
    Any(u32),
    Not,
    Test(Test),
}

/// Why bytes are no rule set.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The nodes do not form one tree.
    #[error("rule `{rule}` has nodes that form no condition")]
    Shape {
        /// Which rule.
        rule: RuleId,
    },
    /// It is a rule set, but not one to judge by.
    #[error("the rule set is refused")]
    Refused(#[from] check::RuleError),
}

impl From<&RuleSet> for RuleSetWire {
    fn from(set: &RuleSet) -> Self {
        let rules = set.rules.iter().map(|rule| RuleWire {
            id: rule.id.clone(),
            nodes: flatten(&rule.when),
            outcome: rule.outcome,
            reason: rule.reason,
            say: rule.say.clone(),
            max_age_ms: rule.max_age_ms,
        });
        RuleSetWire { revision: set.revision, max_age_ms: set.max_age_ms, rules: rules.collect() }
    }
}

impl TryFrom<RuleSetWire> for RuleSet {
    type Error = WireError;

    fn try_from(wire: RuleSetWire) -> Result<Self, WireError> {
        let rules = wire.rules.into_iter().map(Rule::try_from).collect::<Result<_, _>>()?;
        let set = RuleSet { revision: wire.revision, max_age_ms: wire.max_age_ms, rules };
        set.check()?;
        Ok(set)
    }
}

impl TryFrom<RuleWire> for Rule {
    type Error = WireError;

    fn try_from(wire: RuleWire) -> Result<Self, WireError> {
        let when = build(wire.nodes).ok_or_else(|| WireError::Shape { rule: wire.id.clone() })?;
        Ok(Rule {
            id: wire.id,
            when,
            outcome: wire.outcome,
            reason: wire.reason,
            say: wire.say,
            max_age_ms: wire.max_age_ms,
        })
    }
}

fn flatten(condition: &Condition) -> Vec<Node> {
    let (mut nodes, mut stack) = (Vec::new(), vec![condition]);
    while let Some(condition) = stack.pop() {
        match condition {
            Condition::All(parts) => {
                nodes.push(Node::All(count(parts)));
                stack.extend(parts.iter().rev());
            }
            Condition::Any(parts) => {
                nodes.push(Node::Any(count(parts)));
                stack.extend(parts.iter().rev());
            }
            Condition::Not(part) => {
                nodes.push(Node::Not);
                stack.push(part);
            }
            Condition::Test(test) => nodes.push(Node::Test(test.clone())),
        }
    }
    nodes
}

fn count(parts: &[Condition]) -> u32 {
    u32::try_from(parts.len()).unwrap_or(u32::MAX)
}

/// Builds from the last node back: children stand ready on the stack when their parent comes. Depth is bounded on
/// the way, because dropping a very deep tree would recurse as well.
fn build(nodes: Vec<Node>) -> Option<Condition> {
    if nodes.len() > check::NODES_MAX {
        return None;
    }
    let mut ready: Vec<(Condition, usize)> = Vec::new();
    for node in nodes.into_iter().rev() {
        let (condition, depth) = match node {
            Node::Test(test) => (Condition::Test(test), 0),
            Node::Not => {
                let (part, depth) = ready.pop()?;
                (Condition::Not(Box::new(part)), depth)
            }
            Node::All(n) => {
                let (parts, depth) = take(&mut ready, n)?;
                (Condition::All(parts), depth)
            }
            Node::Any(n) => {
                let (parts, depth) = take(&mut ready, n)?;
                (Condition::Any(parts), depth)
            }
        };
        if depth >= check::DEPTH_MAX {
            return None;
        }
        ready.push((condition, depth + 1));
    }
    let (condition, _) = ready.pop()?;
    ready.is_empty().then_some(condition)
}

fn take(ready: &mut Vec<(Condition, usize)>, n: u32) -> Option<(Vec<Condition>, usize)> {
    let start = ready.len().checked_sub(usize::try_from(n).ok()?)?;
    let depth = ready[start..].iter().map(|(_, depth)| *depth).max().unwrap_or(0);
    let parts = ready.drain(start..).rev().map(|(part, _)| part).collect();
    Some((parts, depth))
}
