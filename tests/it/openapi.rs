//! Bodies checked against the schemas of an OpenAPI description: the bridge's requests against Zendesk's own, and the
//! bridge's answers against ours ([`crate::api`]).
//!
//! `zendesk-schemas.json` holds the few request schemas that matter, taken from the published OpenAPI description of the
//! Support API (June 2025), without its prose. Four things there are not in the request schemas of that file and were
//! taken from elsewhere in it:
//!
//! - `metadata` and `requester` of a ticket: listed as write-only properties of `TicketObject`, forgotten in
//!   `TicketCreateInput` and `TicketUpdateInput`;
//! - `custom_fields` of a ticket: the request schemas point at the *definition* of a field, which cannot be meant;
//!   `TicketObject` has the pair of `id` and `value` that the documentation shows;
//! - a user: `UserInput` allows every property and requires none, so the names and types are those of `UserForAdmin`
//!   beside those of the input variants, and an unknown name is a fault here;
//! - `skip_verify_email`, which only the prose names.
//!
//! It never asks Zendesk, and it is stricter than Zendesk, which drops an unknown or read-only property without a word:
//! here both are faults, because a property that is dropped is a promise that is not kept.

use serde_json::{Map, Value};

/// The schemas, by name.
const SCHEMAS: &str = include_str!("zendesk-schemas.json");

/// Checks a request body against the schema of that name: types, enumerations, required properties, and that no property
/// is unknown or read-only. The names of whole bodies are `TicketCreateRequest`, `TicketUpdateRequest`, `UserRequest`,
/// `TriggerRequest`, `TriggerCategoryRequest` and `UserFieldRequest`.
///
/// # Errors
/// Every fault, one a line, each with the path of the value. The value itself is not repeated.
pub(crate) fn check(schema_name: &str, body: &Value) -> Result<(), String> {
    let schemas: Map<String, Value> = serde_json::from_str(SCHEMAS).map_err(|error| error.to_string())?;
    check_in(&schemas, schema_name, body)
}

/// The same with other schemas.
pub(crate) fn check_in(schemas: &Map<String, Value>, schema_name: &str, body: &Value) -> Result<(), String> {
    let Some(schema) = schemas.get(schema_name) else {
        return Err(format!("there is no schema {schema_name}"));
    };
    let faults = faults(schemas, schema_name, schema, body);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn faults(schemas: &Map<String, Value>, path: &str, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    Check { schemas, faults: &mut faults }.value(path, schema, value);
    faults
}

/// One walk over a body.
struct Check<'a> {
    schemas: &'a Map<String, Value>,
    faults: &'a mut Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, path: &str, schema: &Value, value: &Value) {
        if schema.get("$ref").is_some() {
            match self.target(schema).cloned() {
                Some(target) => self.value(path, &target, value),
                None => self.faults.push(format!("{path}: the schema {} is missing", schema["$ref"])),
            }
            return;
        }
        if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
            let whole = self.merged(all);
            return self.value(path, &whole, value);
        }
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            let tried: Vec<Vec<String>> =
                choices.iter().map(|choice| faults(self.schemas, path, choice, value)).collect();
            if tried.iter().filter(|faults| faults.is_empty()).count() != 1 {
                self.faults.push(format!("{path}: fits none of its forms, or several: {tried:?}"));
            }
            return;
        }
        if schema.get("readOnly") == Some(&Value::Bool(true)) {
            self.faults.push(format!("{path}: is read-only"));
            return;
        }
        if value.is_null() && schema.get("nullable") == Some(&Value::Bool(true)) {
            return;
        }
        let wanted: Vec<&str> = match schema.get("type") {
            Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
            word => vec![word.and_then(Value::as_str).unwrap_or("anything")],
        };
        if !wanted.iter().any(|wanted| has_type(wanted, value)) {
            self.faults.push(format!("{path}: must be {}, is {}", wanted.join(" or "), type_of(value)));
            return;
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array)
            && !words.contains(value)
        {
            self.faults.push(format!("{path}: must be one of {}", Value::from(words.clone())));
        }
        if let (Some(items), Some(item_schema)) = (value.as_array(), schema.get("items")) {
            for (index, item) in items.iter().enumerate() {
                self.value(&format!("{path}[{index}]"), item_schema, item);
            }
        }
        if let Some(object) = value.as_object() {
            self.object(path, schema, object);
        }
    }

    /// The target of a reference: a bare name, or a place in a document.
    fn target(&self, schema: &Value) -> Option<&Value> {
        self.schemas.get(schema.get("$ref")?.as_str()?.rsplit('/').next()?)
    }

    /// Several schemas that must hold at once, as one: objects whose properties stand in different places.
    fn merged(&self, all: &[Value]) -> Value {
        let mut whole = serde_json::json!({ "type": "object", "properties": {}, "required": [] });
        for part in all {
            let part = self.target(part).unwrap_or(part);
            for (name, property) in part["properties"].as_object().into_iter().flatten() {
                whole["properties"][name] = property.clone();
            }
            if let (Some(required), Some(more)) = (whole["required"].as_array_mut(), part["required"].as_array()) {
                required.extend(more.iter().cloned());
            }
        }
        whole
    }

    fn object(&mut self, path: &str, schema: &Value, object: &Map<String, Value>) {
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                self.faults.push(format!("{path}.{name}: is required"));
            }
        }
        // An object without described properties may hold anything.
        let open = schema.get("additionalProperties").is_some_and(|open| *open != Value::Bool(false))
            || schema.get("properties").is_none() && schema.get("type").is_some();
        for (name, value) in object {
            match schema.get("properties").and_then(|properties| properties.get(name)) {
                Some(property) => self.value(&format!("{path}.{name}"), property, value),
                None if open => {}
                None => self.faults.push(format!("{path}.{name}: is unknown")),
            }
        }
    }
}

fn has_type(wanted: &str, value: &Value) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_that_fit_pass() {
        for (schema, body) in [
            // The examples of the published description.
            (
                "TicketCreateRequest",
                json!({"ticket": {"comment": {"body": "The smoke is very colorful."}, "priority": "urgent",
                    "subject": "My printer is on fire!"}}),
            ),
            (
                "TicketUpdateRequest",
                json!({"ticket": {"comment": {"body": "Thanks for choosing Acme Jet Motors.", "public": true},
                    "custom_status_id": 321, "status": "solved"}}),
            ),
            (
                "UserRequest",
                json!({"user": {"agent_brand_ids": [1, 2, 3], "custom_role_id": 123_456, "email": "roge@example.org",
                    "identities": [{"type": "email", "value": "test@user.com"}], "name": "Roger Wilco",
                    "organization": {"name": "VIP Customers"}, "role": "agent"}}),
            ),
            // The values of write-only and open properties.
            (
                "TicketUpdateRequest",
                json!({"ticket": {"metadata": {"tandem": ["evt_1"]}, "due_at": null,
                    "custom_fields": [{"id": 7, "value": "x"}]}}),
            ),
            ("UserRequest", json!({"user": {"user_fields": {"braze_external_id": "u1"}, "phone": null}})),
        ] {
            assert_eq!(check(schema, &body), Ok(()), "{schema} {body}");
        }
    }

    #[test]
    fn every_kind_of_fault_is_found() {
        for (schema, body, fault) in [
            ("NoSuchRequest", json!({}), "there is no schema NoSuchRequest"),
            ("TicketCreateRequest", json!([]), "TicketCreateRequest: must be object, is array"),
            ("TicketCreateRequest", json!({}), "TicketCreateRequest.ticket: is required"),
            ("TicketCreateRequest", json!({"ticket": {}}), "TicketCreateRequest.ticket.comment: is required"),
            (
                "TicketUpdateRequest",
                json!({"ticket": {"comment": {"html_body": 5}}}),
                "TicketUpdateRequest.ticket.comment.html_body: must be string, is number",
            ),
            (
                "TicketUpdateRequest",
                json!({"ticket": {"comment": {"id": 5}}}),
                "TicketUpdateRequest.ticket.comment.id: is read-only",
            ),
            (
                "TicketUpdateRequest",
                json!({"ticket": {"comment": {"metadata": {}}}}),
                "TicketUpdateRequest.ticket.comment.metadata: is read-only",
            ),
            (
                "TicketUpdateRequest",
                json!({"ticket": {"status": "reopened"}}),
                r#"TicketUpdateRequest.ticket.status: must be one of ["new","open","pending","hold","solved","closed"]"#,
            ),
            (
                "TicketUpdateRequest",
                json!({"ticket": {"tags": ["sms", 1]}}),
                "TicketUpdateRequest.ticket.tags[1]: must be string, is number",
            ),
            (
                "TicketUpdateRequest",
                json!({"ticket": {"external_id": null}}),
                "TicketUpdateRequest.ticket.external_id: must be string, is null",
            ),
            (
                "TicketUpdateRequest",
                json!({"ticket": {"via_followup_source_id": 1}}),
                "TicketUpdateRequest.ticket.via_followup_source_id: is unknown",
            ),
            (
                "TicketUpdateRequest",
                json!({"ticket": {"requester_id": 1.5}}),
                "TicketUpdateRequest.ticket.requester_id: must be integer, is number",
            ),
            ("UserRequest", json!({"user": {"fone": "1"}}), "UserRequest.user.fone: is unknown"),
            (
                "UserRequest",
                json!({"user": {"identities": [{"type": "email"}]}}),
                "UserRequest.user.identities[0].value: is required",
            ),
        ] {
            assert_eq!(check(schema, &body), Err(fault.to_owned()), "{schema} {body}");
        }
    }

    #[test]
    fn all_faults_are_told_together() {
        let told = check("TicketUpdateRequest", &json!({"ticket": {"additional_tags": ["sms"], "status": 1}}));
        assert_eq!(
            told,
            Err("TicketUpdateRequest.ticket.additional_tags: is unknown\n\
                 TicketUpdateRequest.ticket.status: must be string, is number"
                .to_owned())
        );
    }
}
