//! The parts of Sunshine Conversations' errors that a cause may repeat: the codes, and the meaning of a known one. Never
//! passes on a title, which may echo a customer's words.

use serde_json::Value;

use crate::vendors::http::Personal;
use crate::vendors::http::error_phrases::code;

/// The longest code that is repeated.
const CODE_CHARS_MAX: usize = 40;

/// The codes that are known, each with its meaning and the remedy. The words go to agents as well.
const KNOWN: [(&str, &str); 6] = [
    (APP_NOT_FOUND, "the app is not there; an operator can mend it: compare app_id with the App ID of the key"),
    ("conversation_not_found", "the conversation was removed: the customer has to write again"),
    ("user_not_found", "the customer was removed there: the customer has to write again"),
    (
        "integration_not_found",
        "the channel was removed; an operator can mend it: set the line's address to one that exists",
    ),
    (
        "payment_required",
        "the plan or its usage is exhausted; an operator can mend it: buy usage for the Conversations API",
    ),
    (
        "locked",
        "the conversation holds 30,000 messages and takes no more; an operator can mend it: delete all messages of this \
         conversation through the API",
    ),
];

/// The code of an app that does not exist, or is another key's.
pub(super) const APP_NOT_FOUND: &str = "app_not_found";

/// The codes of a talk or a customer that is no longer there.
pub(super) const REMOVED: [&str; 2] = ["conversation_not_found", "user_not_found"];

/// The codes of an answer, in the form of either version of the API.
pub(super) fn codes(json: Option<&Value>) -> Vec<&str> {
    let Some(json) = json else { return Vec::new() };
    let several = json["errors"].as_array().into_iter().flatten();
    let codes = several.chain(json.get("error")).filter_map(|error| error["code"].as_str());
    codes.filter(|text| code(text).is_some() && text.len() <= CODE_CHARS_MAX).collect()
}

/// The repeatable part of an answer: its first code, and the meaning of a known one.
pub(super) fn said(json: Option<&Value>, personal: &Personal) -> String {
    let codes = codes(json);
    let known = codes.iter().find_map(|code| KNOWN.iter().find(|(known, _)| known == code));
    match known {
        Some((code, meaning)) => format!("{code}: {meaning}"),
        None => codes.into_iter().find(|code| !personal.holds_code(code)).unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::note::Why;
    use crate::vendors::http::error_phrases::{answers_repeating, answers_to_what_was_typed, cause, echoes};

    #[test]
    fn a_cause_has_the_code_of_either_version_and_no_title() {
        for (body, told) in [
            (json!({"errors": [{"code": "bad_request", "title": "Ada Lovelace is wrong"}]}), "bad_request"),
            (json!({"error": {"code": "bad_request", "description": "Ada"}}), "bad_request"),
            (json!({"errors": [{"title": "Ada"}, {"code": "forbidden"}]}), "forbidden"),
            (json!({"errors": [{"code": "two words"}]}), ""),
            (json!({"errors": "bad_request"}), ""),
            (json!([]), ""),
        ] {
            assert_eq!(said(Some(&body), &Personal::default()), told, "{body}");
        }
        assert_eq!(said(None, &Personal::default()), "");
    }

    #[test]
    fn a_known_refusal_says_its_meaning_and_is_of_the_kind_that_helps_the_agent() {
        for (code, meaning) in KNOWN {
            let told = said(Some(&json!({"errors": [{"code": code}]})), &Personal::default());
            assert!(cause("Sunshine Conversations", 400, &told).ends_with(meaning), "{told} is cut");
        }
        let why = |status, code: &str| {
            let told = said(Some(&json!({"errors": [{"code": code}]})), &Personal::default());
            Why::of(&cause("Sunshine Conversations", status, &told))
        };
        for (status, code, kind) in [
            (423, "locked", Why::Account),
            (402, "payment_required", Why::Account),
            (404, APP_NOT_FOUND, Why::Account),
            (400, "integration_not_found", Why::Account),
            (400, "bad_request", Why::Refused),
        ] {
            assert_eq!(why(status, code), kind, "{code}");
        }
    }

    #[test]
    fn nothing_of_the_customers_data_is_repeated() {
        for value in ["Ada Lovelace", "Lovelace", "+15550123456", "my_order"] {
            let mut personal = Personal::default();
            personal.add(value);
            for echo in echoes(value) {
                for body in answers_repeating(&echo) {
                    assert_eq!(said(Some(&body), &personal), "", "{body}");
                }
            }
        }
        for (text, body) in answers_to_what_was_typed() {
            assert!(!said(Some(&body), &Personal::default()).contains(text), "{body}");
        }
    }
}
