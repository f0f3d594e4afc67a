//! The JSON that templates really produce, seen through the one place where a value of it is passed on as it came: the
//! attributes of a recipe's reply. The bytes are one such value.

use serde_json::Value;
use tandem::domain::event::EventKind;
use tandem::intake::Intake;

use super::intake;

const BEFORE: &str = "{\"campaign_id\":\"c\",\"recipients\":[{\"external_user_id\":\"u\",\"trigger_properties\":{\"msg_body\":\"m\"},\"attributes\":{\"v\":";
const AFTER: &str = "}}]}";

/// Levels around the value, and how many the reader takes in all.
const DEPTH_AROUND: usize = 4;
const DEPTH_MAX: usize = 64;

/// JSON that serde_json accepts is read as serde_json reads it, if no object has a key twice and it nests no deeper than
/// allowed. Other bytes are read in some way or kept, and never change the fields before them.
pub fn check(data: &[u8]) {
    let body = [BEFORE.as_bytes(), data, AFTER.as_bytes()].concat();
    let read = intake::checked("/campaigns/trigger/send", &body).unwrap();
    let strict = serde_json::from_slice::<Value>(data).ok();
    let (text, cause) = match &read {
        Intake::Event { event, .. } => {
            let EventKind::PhoneText(text) = &event.kind else { panic!("a reply became a {}", event.kind.name()) };
            (Some(text), "")
        }
        Intake::Quarantined { cause, .. } => (None, cause.as_str()),
        Intake::Ignored { reason } => (None, *reason),
        Intake::Reports(_) | Intake::Refused { .. } => (None, ""),
    };
    match (strict, text) {
        (Some(strict), Some(text)) => {
            let attributes = &text.recipe.as_ref().unwrap().attributes;
            assert_eq!(attributes.len(), 1);
            assert_eq!(attributes.get("v"), Some(&strict));
        }
        (Some(strict), None) => assert!(
            cause.contains("same key twice") || depth(&strict) + DEPTH_AROUND > DEPTH_MAX,
            "valid JSON was not read: {cause}"
        ),
        (None, _) => {}
    }
    if let Some(text) = text {
        let recipe = text.recipe.as_ref().unwrap();
        let read = (recipe.campaign_id.as_str(), text.external_user_id.as_deref(), text.text.as_str());
        assert_eq!(read, ("c", Some("u"), "m"));
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
