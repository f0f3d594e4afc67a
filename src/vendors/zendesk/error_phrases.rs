//! The parts of Zendesk's errors that a cause may repeat: its codes, and phrases that are known to be harmless. Never passes
//! on the rest of an answer.

use serde_json::Value;

use crate::vendors::http::Personal;
use crate::vendors::http::error_phrases::{code, known, texts, with_codes};

/// Texts that say more than their code. Compared without regard to case.
pub(super) const PHRASES: [&str; 13] = [
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

/// The repeatable part of a Zendesk error: its code, a known phrase or else the first wrong field, and its other codes.
/// Shapes: `{"error","description","details":{field:[{"description","error"}]}}`, `{"error":{"title","message"}}`, or
/// no JSON at all.
pub(super) fn said(json: Option<&Value>, status: u16, personal: &Personal) -> String {
    let Some(json) = json else { return String::new() };
    let mut said = String::new();
    if let Some(code) = json["error"].as_str().and_then(code).filter(|code| !personal.holds_code(code)) {
        said.push_str(code);
    }
    let phrase = texts(json).iter().find_map(|text| known(text, &PHRASES)).map(str::to_owned);
    let more = phrase.or_else(|| wrong_field(&json["details"], personal));
    if let Some(more) = more {
        said.push_str(&format!(" ({more})"));
    }
    with_codes(said.trim(), json, status, personal)
}

/// The first wrong field in a Zendesk error, and its code: `requester ValueTooShort`.
fn wrong_field(details: &Value, personal: &Personal) -> Option<String> {
    let code = |text| code(text).filter(|code| !personal.holds_code(code));
    details.as_object()?.iter().find_map(|(field, faults)| {
        let field = code(field)?;
        let fault = faults[0]["error"].as_str().and_then(code).unwrap_or_default();
        Some(format!("{field} {fault}").trim_end().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::vendors::http::error_phrases::{answers_repeating, answers_to_what_was_typed, echoes};

    fn of(body: &Value) -> String {
        said(Some(body), 422, &Personal::default())
    }

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
            (
                json!({"error": "RecordInvalid", "details": {"base": [{"description": "Cannot set phone_number"}]}}),
                "RecordInvalid (base): phone_number",
            ),
            (json!([1, 2]), ""),
            (json!("text"), ""),
        ];
        for (body, said) in cases {
            assert_eq!(of(&body), said, "{body}");
        }
        assert_eq!(super::said(None, 422, &Personal::default()), "");
    }

    #[test]
    fn a_code_that_may_be_the_customers_is_left_out() {
        let mut personal = Personal::default();
        ["+1 555 555 0101", "Ada Lovelace", "my_order is 47110 days late"]
            .into_iter()
            .for_each(|value| personal.add(value));
        let body = json!({"error": "Ada", "code": 47110, "details": {"Ada": [{"error": "Lovelace"}], "name": [{"error": "Lovelace"}]}});
        assert_eq!(said(Some(&body), 422, &personal), "(name)");
    }

    proptest! {
        /// A vendor's answer may repeat a request in any field. A cause holds only the answer's codes.
        #[test]
        fn nothing_of_the_customers_data_reaches_a_cause(
            first in "[A-Z][a-z]{1,9}",
            last in "[A-Z][a-z]{2,9}",
            phone in "\\+1[0-9]{3} ?[0-9]{3}-?[0-9]{4}",
            id in "[a-z]{2,5}[-_][a-z0-9]{3,8}",
            text in "[a-z]{3,8}( [a-z_]{1,8}| [0-9]{1,7}){4,9}",
            pick in 0..5_usize,
            echo in 0..7_usize,
        ) {
            let values = [format!("{first} {last}"), last, phone, id, text];
            let mut personal = Personal::default();
            values.iter().for_each(|value| personal.add(value));
            let echo = echoes(&values[pick]).swap_remove(echo);
            for body in answers_repeating(&echo) {
                let said = said(Some(&body), 422, &personal);
                prop_assert!(PHRASES.iter().any(|phrase| said.contains(phrase)) || said.is_empty(), "{said} of {body}");
            }
        }
    }

    #[test]
    fn nothing_that_a_customer_typed_is_repeated() {
        for (text, body) in answers_to_what_was_typed() {
            let said = of(&body);
            assert!(!said.contains(text), "{said}");
        }
    }
}
