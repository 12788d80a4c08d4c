//! Which values settings accept, and what a change comes to.

use super::model::{HubSettings, SPECS, Shape, Spec, Values};
use crate::error::Detail;
use serde_json::Value;

/// The longest part of a wrong value that is shown, in characters.
const GIVEN_MAX: usize = 60;

/// The settings as values by name.
pub fn values(settings: &HubSettings) -> Values {
    match serde_json::to_value(settings) {
        Ok(Value::Object(values)) => values,
        _ => Values::new(),
    }
}

/// The settings with these changes, and which of them change something; or every value that is not accepted.
pub fn change(settings: &HubSettings, changes: &Values) -> Result<(HubSettings, Vec<&'static str>), Vec<Detail>> {
    let mut merged = values(settings);
    let (mut changed, mut wrong) = (Vec::new(), Vec::new());
    for (name, value) in changes {
        let Some(spec) = SPECS.iter().find(|spec| spec.name == name) else {
            wrong.push(detail(name, value, "a setting from GET /api/v1/settings".to_owned()));
            continue;
        };
        if !accepts(spec.shape, value) {
            wrong.push(detail(name, value, accepted(spec.shape)));
        } else if merged.get(spec.name) != Some(value) {
            merged.insert(spec.name.to_owned(), value.clone());
            changed.push(spec.name);
        }
    }
    match serde_json::from_value(Value::Object(merged)) {
        Ok(settings) if wrong.is_empty() => Ok((settings, changed)),
        _ => Err(wrong),
    }
}

/// The settings that stored values come to; what is not accepted counts as not set, and is named.
pub fn read(stored: &Values) -> (HubSettings, Vec<String>) {
    let mut settings = HubSettings::default();
    let mut wrong = Vec::new();
    for (name, value) in stored {
        let one = Values::from_iter([(name.clone(), value.clone())]);
        match change(&settings, &one) {
            Ok((with, _)) => settings = with,
            Err(_) => wrong.push(name.clone()),
        }
    }
    (settings, wrong)
}

fn accepts(shape: Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::Text { max }, Value::String(text)) => {
            text.chars().count() <= max && !text.chars().any(char::is_control)
        }
        (Shape::Flag, Value::Bool(_)) => true,
        (Shape::Number { min, max }, Value::Number(number)) => {
            number.as_i64().is_some_and(|number| (min..=max).contains(&number))
        }
        _ => false,
    }
}

/// What a shape accepts, in words.
pub fn accepted(shape: Shape) -> String {
    match shape {
        Shape::Text { max } => format!("a text of at most {max} characters, without control characters"),
        Shape::Flag => "true or false".to_owned(),
        Shape::Number { min, max } => format!("a whole number from {min} to {max}"),
    }
}

fn detail(field: &str, given: &Value, accepted: String) -> Detail {
    let field = field.chars().take(GIVEN_MAX).collect();
    Detail { field, given: given.to_string().chars().take(GIVEN_MAX).collect(), accepted }
}

/// What a form field's text means for this setting; left as it is where it means nothing, so that it is refused.
pub fn of_form(spec: &Spec, text: Option<&str>) -> Value {
    match (spec.shape, text) {
        (Shape::Flag, text) => Value::Bool(text.is_some()),
        (Shape::Number { .. }, Some(text)) => {
            text.trim().parse::<i64>().map_or_else(|_| Value::String(text.to_owned()), Value::from)
        }
        (_, text) => Value::String(text.unwrap_or_default().trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Values {
        value.as_object().unwrap().clone()
    }

    #[track_caller]
    fn check(changes: Value, expected: Result<&[&str], &[&str]>) {
        let changed = change(&HubSettings::default(), &object(changes));
        let names = |details: Vec<Detail>| details.into_iter().map(|detail| detail.field).collect::<Vec<_>>();
        match expected {
            Ok(expected) => assert_eq!(changed.unwrap().1, expected),
            Err(expected) => assert_eq!(names(changed.unwrap_err()), expected),
        }
    }

    #[test]
    fn each_value_is_held_against_what_its_setting_accepts() {
        check(json!({}), Ok(&[]));
        check(json!({"backup_hour": 3}), Ok(&[]));
        check(json!({"backup_hour": 23, "company_name": "样品公司"}), Ok(&["backup_hour", "company_name"]));
        check(json!({"backup_hour": 24}), Err(&["backup_hour"]));
        check(json!({"backup_hour": 3.5}), Err(&["backup_hour"]));
        check(json!({"backup_hour": "3"}), Err(&["backup_hour"]));
        check(json!({"backup_hour": 1e30}), Err(&["backup_hour"]));
        check(json!({"backup_daily": 1}), Err(&["backup_daily"]));
        check(json!({"company_name": "a\u{0}b"}), Err(&["company_name"]));
        check(json!({"company_name": "x".repeat(81)}), Err(&["company_name"]));
        check(json!({"company_name": null, "nonsense": 1}), Err(&["company_name", "nonsense"]));
    }

    #[test]
    fn sessions_last_as_long_as_accounts_say_unless_somebody_changes_it() {
        let defaults = HubSettings::default();
        assert_eq!(defaults.session_rest_minutes * 60_000, crate::accounts::model::IDLE_MS);
        assert_eq!(defaults.session_life_hours * 3_600_000, crate::accounts::model::SESSION_MS);
    }

    #[test]
    fn the_defaults_are_accepted_and_every_setting_has_one() {
        let defaults = values(&HubSettings::default());
        assert_eq!(defaults.len(), SPECS.len());
        assert!(SPECS.iter().all(|spec| accepts(spec.shape, &defaults[spec.name])));
    }

    #[test]
    fn what_is_stored_wrongly_counts_as_not_set_and_is_named() {
        let stored = object(json!({"backup_hour": 99, "backup_keep": 3, "gone": 1}));
        let (settings, wrong) = read(&stored);
        assert_eq!((settings.backup_hour, settings.backup_keep), (3, 3));
        assert_eq!(wrong, ["backup_hour", "gone"]);
    }
}
