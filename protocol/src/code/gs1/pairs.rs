//! Which elements go together: repeated ones must agree, some need company, some exclude each other.

use super::rule::{Rule, exact};
use super::{Ai, Element, Gs1Error};

/// Checks all elements read from one item or unit against each other.
pub(super) fn check(elements: &[Element]) -> Result<(), Gs1Error> {
    for (at, element) in elements.iter().enumerate() {
        let rule = rule_of(element);
        if let Some(other) = barred_by(rule, element.ai, elements) {
            return Err(Gs1Error::Barred { ai: element.ai, other });
        }
        if let Some(needs) = missing_for(rule, element.ai, elements) {
            return Err(Gs1Error::Missing { ai: element.ai, needs });
        }
        let earlier = elements.iter().take(at).find(|other| other.ai == element.ai);
        if earlier.is_some_and(|other| other.value != element.value) {
            return Err(Gs1Error::Repeated { ai: element.ai });
        }
    }
    signed_keys_have_serials(elements)
}

fn rule_of(element: &Element) -> &'static Rule {
    exact(element.ai.as_str()).expect("elements are made from rows of the table").1
}

fn barred_by(rule: &Rule, ai: Ai, elements: &[Element]) -> Option<Ai> {
    let mut patterns = rule.bars.split('|').filter(|pattern| !pattern.is_empty());
    patterns.find_map(|pattern| find(pattern, ai, elements))
}

/// The first condition that no alternative fulfils.
fn missing_for(rule: &Rule, ai: Ai, elements: &[Element]) -> Option<&'static str> {
    let present = |pattern: &str| find(pattern, ai, elements).is_some();
    let fulfilled = |needs: &str| needs.split('|').any(|group| group.split('+').all(present));
    rule.needs.into_iter().find(|needs| !needs.is_empty() && !fulfilled(needs))
}

/// An element other than `own` that fits `pattern`, in which `n` stands for any digit.
fn find(pattern: &str, own: Ai, elements: &[Element]) -> Option<Ai> {
    let digits = pattern.trim_end_matches('n');
    let fits = |ai: &Ai| *ai != own && ai.as_str().len() == pattern.len() && ai.as_str().starts_with(digits);
    elements.iter().map(|element| element.ai).find(fits)
}

/// With a digital signature (8030), document, coupon and asset numbers must carry their serial part.
fn signed_keys_have_serials(elements: &[Element]) -> Result<(), Gs1Error> {
    let signed = elements.iter().any(|element| element.ai.as_str() == "8030");
    let bare = |element: &&Element| {
        matches!(element.ai.as_str(), "253" | "255" | "8003") && element.value.len() == rule_of(element).lengths().0
    };
    match elements.iter().find(bare) {
        Some(element) if signed => Err(Gs1Error::Serial { ai: element.ai }),
        _ => Ok(()),
    }
}
