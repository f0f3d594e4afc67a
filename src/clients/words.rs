//! What may be repeated of a vendor's own words. Their error texts may echo what a customer typed, so only codes and
//! phrases known to be harmless ever reach a cause.

use serde_json::Value;

/// The longest cause; more is no help to whoever reads it.
const CAUSE_CHARS_MAX: usize = 200;

/// How deep a vendor's error is searched. The deepest form known has four levels.
const DEPTH_MAX: usize = 8;

/// Zendesk's texts that say more than their code. Compared without regard to case.
const ZENDESK: [&str; 13] = [
    "Status: closed prevents ticket update",
    "closed prevents ticket update",
    "Name: is too short",
    "Email is invalid",
    "is already being used by another user",
    "Requester is suspended",
    "Database collision",
    "Safe Update prevented the update due to outdated ticket data",
    "requests per minute exceeded",
    "Couldn't authenticate you",
    "The access token provided is expired, revoked, malformed or invalid",
    "Client authentication failed",
    "You do not have access to this page",
];

/// Braze's texts. It has no codes.
const BRAZE: [&str; 26] = [
    "Invalid API key",
    "Invalid Campaign ID",
    "campaign does not exist",
    "campaign is archived",
    "campaign has been archived",
    "campaign is paused",
    "campaign has been paused",
    "archived",
    "paused",
    "not a valid api identifier",
    "valid campaign",
    "error authenticating credentials",
    "invalid whitelisted IPs",
    "do not have permission",
    "Access Denied",
    "Forbidden",
    "No Recipients",
    "Max Input Length Exceeded",
    "Message Variant Unspecified",
    "Invalid Message Variant",
    "Mismatched Message Type",
    "No message to send",
    "Invalid subscription group ID",
    "max number of ids exceeded",
    "rate limit",
    "Bad Request",
];

/// What a Zendesk error says, as far as it may be repeated: its code, and the best known phrase or the first field that
/// is wrong. Shapes: `{"error","description","details":{field:[{"description","error"}]}}`,
/// `{"error":{"title","message"}}`, or no JSON at all.
pub(super) fn zendesk(json: Option<&Value>) -> String {
    let Some(json) = json else { return String::new() };
    let mut said = String::new();
    if let Some(code) = json["error"].as_str().and_then(code) {
        said.push_str(code);
    }
    let phrase = texts(json).iter().find_map(|text| known(text, &ZENDESK)).map(str::to_owned);
    let more = phrase.or_else(|| wrong_field(&json["details"]));
    if let Some(more) = more {
        said.push_str(&format!(" ({more})"));
    }
    said.trim().to_owned()
}

/// What a Braze error says, as far as it may be repeated.
pub(super) fn braze(json: Option<&Value>) -> String {
    let message = json.and_then(|json| json["message"].as_str());
    message.and_then(|message| known(message, &BRAZE)).unwrap_or_default().to_owned()
}

/// `vendor answered status said`, bounded.
pub(super) fn cause(vendor: &str, status: u16, said: &str) -> String {
    format!("{vendor} answered {status} {said}").trim_end().chars().take(CAUSE_CHARS_MAX).collect()
}

/// Every text in a vendor's error, outermost first.
pub(super) fn texts(json: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut level = vec![json];
    for _ in 0..DEPTH_MAX {
        let mut next = Vec::new();
        for value in level {
            match value {
                Value::String(text) => found.push(text.as_str()),
                Value::Array(items) => next.extend(items),
                Value::Object(fields) => next.extend(fields.values()),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        level = next;
    }
    found
}

/// Text that is nothing but a code: letters and underscores.
pub(super) fn code(text: &str) -> Option<&str> {
    let is_code = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    is_code.then_some(text)
}

fn known(text: &str, phrases: &[&'static str]) -> Option<&'static str> {
    let text = text.to_lowercase();
    phrases.iter().copied().find(|phrase| text.contains(&phrase.to_lowercase()))
}

/// The first field that Zendesk found wrong, and its code: `requester ValueTooShort`.
fn wrong_field(details: &Value) -> Option<String> {
    details.as_object()?.iter().find_map(|(field, faults)| {
        let field = code(field)?;
        let fault = faults[0]["error"].as_str().and_then(code).unwrap_or_default();
        Some(format!("{field} {fault}").trim_end().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cause_says_what_zendesk_said() {
        let closed = json!({"status": [{"description": "Status: closed prevents ticket update"}]});
        let cases = [
            (
                json!({"error": "RecordInvalid", "description": "Record validation errors", "details": closed}),
                "RecordInvalid (Status: closed prevents ticket update)",
            ),
            (
                json!({"error": "RecordInvalid", "details": {"requester": [{"error": "ValueTooShort", "description": "x"}]}}),
                "RecordInvalid (requester ValueTooShort)",
            ),
            (
                json!({"error": "DatabaseConflict", "description": "Database collision"}),
                "DatabaseConflict (Database collision)",
            ),
            (
                json!({"error": {"title": "Forbidden", "message": "You do not have access to this page."}}),
                "(You do not have access to this page)",
            ),
            (json!({"error": "Couldn't authenticate you"}), "(Couldn't authenticate you)"),
            (json!({"error": "RecordNotFound", "description": "Not found"}), "RecordNotFound"),
            (json!([1, 2]), ""),
            (json!("text"), ""),
        ];
        for (body, said) in cases {
            assert_eq!(zendesk(Some(&body)), said, "{body}");
        }
        assert_eq!(zendesk(None), "");
    }

    #[test]
    fn nothing_that_a_customer_typed_is_repeated() {
        let typed = ["alice@example.com", "+15550001111", "Alice Example", "15550001111", "closed alice@example.com"];
        for text in typed {
            let bodies = [
                json!({"error": text, "description": text, "details": {text: [{"error": text, "description": text}]}}),
                json!({"error": {"title": text, "message": text}}),
                json!({"error": "RecordInvalid", "details": {"email": [{"error": text, "description": format!("Email is invalid: {text}")}]}}),
                json!({"message": format!("Invalid API key: {text}"), "errors": [text]}),
            ];
            for body in bodies {
                for said in [zendesk(Some(&body)), braze(Some(&body))] {
                    assert!(!said.contains(text), "{said}");
                }
            }
        }
    }

    #[test]
    fn a_key_that_braze_echoes_is_cut() {
        assert_eq!(braze(Some(&json!({"message": "Invalid API key: sekrit"}))), "Invalid API key");
    }

    #[test]
    fn a_cause_is_short() {
        assert_eq!(cause("Zendesk", 502, ""), "Zendesk answered 502");
        assert_eq!(cause("Zendesk", 400, &"é".repeat(500)).chars().count(), CAUSE_CHARS_MAX);
    }
}
