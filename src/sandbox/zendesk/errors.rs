//! Zendesk's error bodies, in the shapes that have been seen.

use serde_json::{Value, json};

use super::super::server::Answer;

/// 404 for a record.
pub(super) fn not_found() -> Answer {
    Answer::json(404, &json!({"error": "RecordNotFound", "description": "Not found"}))
}

/// 404 for an address.
pub(super) fn invalid_endpoint() -> Answer {
    Answer::json(404, &json!({"error": "InvalidEndpoint", "description": "Not found"}))
}

/// 422 about one field.
pub(super) fn record_invalid(field: &str, description: &str, error: Option<&str>) -> Answer {
    let mut detail = json!({"description": description});
    if let Some(error) = error {
        detail["error"] = error.into();
    }
    let mut details = json!({});
    details[field] = Value::Array(vec![detail]);
    Answer::json(422, &json!({"error": "RecordInvalid", "description": "Record validation errors", "details": details}))
}

/// 400 for a body that the endpoint does not accept.
pub(super) fn invalid_attribute(name: &str) -> Answer {
    let message = format!("You passed an invalid value for the {name} attribute. Must be an object.");
    Answer::json(400, &json!({"error": {"title": "Invalid attribute", "message": message}}))
}

/// Another error with its word and description.
pub(super) fn error(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({"error": error, "description": description}))
}
