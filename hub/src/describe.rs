//! Completes the API's description with what holds for every route, so that no handler has to say it: who may ask, which
//! refusals there are, in which form, and how to send a request twice without doing it twice.

use crate::doors::{Need, Needs};
use crate::idempotency::api::{KEY, KEY_MAX};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi as Document;

/// Routes that take bodies of their own making, which nobody holds against an earlier one.
const UPLOADS: &[&str] = &["/api/v1/imports"];
/// Routes without a log-in know nobody who could own a key.
const KEYLESS: &[&str] = &["/api/v1/sessions", "/api/v1/enroll"];

/// The description with everything that holds for all routes.
pub fn complete(document: &Document, needs: &Needs) -> Value {
    let mut value = serde_json::to_value(document).expect("a description always becomes JSON");
    value["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "description": "A session's token or an API token."},
    });
    if let Some(paths) = value["paths"].as_object_mut() {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                let need = needs.of(path, &method.to_ascii_uppercase());
                if let (Some(need), Some(operation)) = (need, operation.as_object_mut()) {
                    describe(path, method, need, operation);
                }
            }
        }
    }
    value
}

fn describe(path: &str, method: &str, need: Need, operation: &mut Map<String, Value>) {
    let has_body = operation.contains_key("requestBody");
    let has_parameters = operation.get("parameters").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let takes_key = method == "post" && !UPLOADS.contains(&path) && !KEYLESS.contains(&path);
    let mut answers = vec![(503, "The hub cannot do it now; try again.")];
    if need != Need::Open {
        operation.insert("security".to_owned(), json!([{"token": []}]));
        answers.push((401, "Nobody is logged in."));
    } else {
        operation.insert("security".to_owned(), json!([]));
    }
    if let Need::Right(right) = need {
        answers.push((403, "Whoever is logged in does not have the right that this needs."));
        operation.insert("x-right".to_owned(), json!(right.name()));
    }
    if has_body || has_parameters || takes_key {
        answers.push((400, "The request cannot be read."));
    }
    if has_parameters || has_body {
        answers.push((422, "A value is not accepted; `errors` names each."));
    }
    if has_body {
        answers.extend([(413, "The body is too large."), (415, "The kind of content is not one that is taken.")]);
    }
    if takes_key {
        answers
            .push((409, "It does not go with what is there, or the first request with this key is being worked on."));
        answers.push((413, "The body is too large."));
        answers.push((422, "A value is not accepted, or the key came with another request before."));
        let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
        parameters.as_array_mut().into_iter().for_each(|list| list.push(key_parameter()));
    }
    for (status, why) in answers {
        add_problem(operation, status, why);
    }
}

fn key_parameter() -> Value {
    json!({
        "name": KEY, "in": "header", "required": false,
        "description": "A name of your own for this request. Sent again within a day, with the same name and body, it is \
            answered as before and not done again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": KEY_MAX, "pattern": "^[!-~]+$"},
    })
}

/// What the handler says itself stays; every refusal has the same form.
fn add_problem(operation: &mut Map<String, Value>, status: u16, why: &str) {
    let answers = operation.entry("responses").or_insert_with(|| json!({}));
    let Some(answers) = answers.as_object_mut() else { return };
    answers.entry(status.to_string()).or_insert_with(|| json!({"description": why}));
    for (status, answer) in answers.iter_mut().filter(|(status, _)| status.starts_with(['4', '5'])) {
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        answer["content"] = json!({"application/problem+json": {"schema": schema}});
        if answer["description"].as_str().is_none_or(str::is_empty) {
            answer["description"] = json!(usual(status));
        }
    }
}

/// What a refusal means where its handler does not say it.
fn usual(status: &str) -> &'static str {
    match status {
        "400" => "The request cannot be read.",
        "401" => "Nobody is logged in, or the token is not in force.",
        "403" => "Whoever is logged in may not.",
        "404" => "There is no such thing.",
        "409" => "It does not go with what is there.",
        "410" => "It was there once and is not any more.",
        "413" => "The body is too large.",
        "415" => "The kind of content is not one that is taken.",
        "422" => "A value is not accepted.",
        "429" => "Too many requests; try again later.",
        _ => "The hub cannot do it now; try again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;

    fn operations() -> Vec<(String, Value)> {
        let document = routes::document();
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                operations.push((format!("{method} {path}"), operation.clone()));
            }
        }
        assert!(operations.len() > 20, "{}", operations.len());
        operations
    }

    #[test]
    fn every_operation_says_who_may_ask_and_refuses_in_one_form() {
        for (name, operation) in operations() {
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{name} never succeeds");
            let open = operation["security"].as_array().unwrap().is_empty();
            assert!(open || answers.contains_key("401"), "{name} needs a log-in and does not say so");
            assert!(
                operation["x-right"].is_null() || answers.contains_key("403"),
                "{name} needs a right and does not say so"
            );
            for (status, answer) in answers.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
                let kinds: Vec<&String> = answer["content"].as_object().unwrap().keys().collect();
                assert_eq!(kinds, ["application/problem+json"], "{name} {status}");
                assert!(!answer["description"].as_str().unwrap().is_empty(), "{name} {status}");
            }
        }
    }

    #[test]
    fn what_makes_something_may_be_sent_twice() {
        for (name, operation) in operations() {
            let Some(path) = name.strip_prefix("post ") else { continue };
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let takes_key = parameters.iter().any(|parameter| parameter["name"] == KEY);
            assert_eq!(takes_key, !UPLOADS.contains(&path) && !KEYLESS.contains(&path), "{name}");
        }
    }

    #[test]
    fn the_description_refers_only_to_what_is_in_it() {
        let document = routes::document();
        let mut left = vec![&document];
        while let Some(value) = left.pop() {
            if let Some(target) = value["$ref"].as_str() {
                let pointer = target.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{target}");
            }
            match value {
                Value::Object(map) => left.extend(map.values()),
                Value::Array(list) => left.extend(list),
                _ => {}
            }
        }
    }
}
