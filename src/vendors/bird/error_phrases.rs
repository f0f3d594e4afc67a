//! The parts of Bird's errors that a cause may repeat: the error's name, its code, and what a known one means. Never passes on
//! the rest of an answer, which may echo a customer's words.

use serde_json::Value;

use crate::domain::cause::CANNOT_BE_TEXTED;
use crate::vendors::http::Personal;
use crate::vendors::http::error_phrases::code;

/// The longest name that is repeated.
const NAME_CHARS_MAX: usize = 40;

/// The letter and the digits of a code.
const CODE_CHARS: usize = 6;

/// The names that are known, each with its meaning and the remedy. The words go to agents as well, and those of
/// [`crate::domain::cause`] among them tell the kind of the cause.
const KNOWN: [(&str, &str); 9] = [
    (
        "SMSNoEligibleSender",
        "no text from this sender to this country; an operator can mend it: set the line's address, or the account's \
         sender, to a number that the workspace owns",
    ),
    (
        "SMSSenderNotConfigured",
        "the sender is not the workspace's; an operator can mend it: register it, or name another",
    ),
    ("SMSSenderReserved", "this sender is reserved; an operator can mend it: name another that the workspace owns"),
    (
        "SenderCategoryNotPermitted",
        "this sender may carry no service texts; an operator can mend it: have Bird permit them, or name another",
    ),
    ("SMSUnsupportedFeature", "Bird describes this kind of text but does not send it yet: send plain words"),
    ("SMSInvalidRecipient", CANNOT_BE_TEXTED),
    ("WhatsAppTemplateParameterMismatch", "the values do not fit the places of the template"),
    (IN_PROGRESS.name, "an earlier try is still under way"),
    (KEY_REUSE.name, "the text was taken before in another form"),
];

/// An error: its code, which never changes, and the name beside it.
pub(super) struct Known {
    code: &'static str,
    name: &'static str,
}

/// The first request under a key has no answer yet.
pub(super) const IN_PROGRESS: Known = Known { code: "E01004", name: "request_in_progress" };

/// A key comes with another body than at first.
pub(super) const KEY_REUSE: Known = Known { code: "E01005", name: "idempotency_key_reuse" };

/// Whether an answer holds this error.
pub(super) fn is(error: Option<&Value>, known: Known) -> bool {
    error.is_some_and(|error| error["code"] == known.code || error["name"] == known.name)
}

/// The error in an answer, which stands in an envelope.
pub(super) fn error(json: Option<&Value>) -> Option<&Value> {
    let json = json?;
    Some(json.get("error").filter(|error| error.is_object()).unwrap_or(json))
}

/// The repeatable part of an error: its name and its code, and the meaning of a known name.
pub(super) fn said(json: Option<&Value>, personal: &Personal) -> String {
    let Some(error) = error(json) else { return String::new() };
    let name = error["name"].as_str().unwrap_or_default();
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    let is_harmless = |name: &&str| name.len() <= NAME_CHARS_MAX && !personal.holds_code(name);
    let name = known.map(|(name, _)| *name).or_else(|| code(name).filter(is_harmless));
    let number = error["code"].as_str().filter(|code| is_code(code));
    let shown = match (name, number) {
        (Some(name), Some(number)) => format!("{name} ({number})"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => String::new(),
    };
    known.map_or(shown.clone(), |(_, meaning)| format!("{shown}: {meaning}"))
}

fn is_code(code: &str) -> bool {
    let digits = code.strip_prefix('E').unwrap_or_default();
    code.len() == CODE_CHARS && digits.len() == CODE_CHARS - 1 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::note::Why;
    use crate::vendors::http::error_phrases::{answers_repeating, answers_to_what_was_typed, cause, echoes};

    fn of(body: &Value) -> String {
        said(Some(body), &Personal::default())
    }

    #[test]
    fn a_cause_has_the_name_and_the_code_of_an_error_and_nothing_else_of_it() {
        let enveloped = json!({"error": {"type": "validation_error", "code": "E02007", "name": "SMSTooLong",
            "message": "the text to +15550123456 is too long", "details": [{"param": "text", "message": "Ada"}]}});
        for (body, told) in [
            (enveloped.clone(), "SMSTooLong (E02007)"),
            (enveloped["error"].clone(), "SMSTooLong (E02007)"),
            (json!({"error": {"name": "SMSTooLong"}}), "SMSTooLong"),
            (json!({"error": {"code": "E02007", "name": "two words"}}), "E02007"),
            (json!({"error": {"code": "15550123456", "name": "+15550123456"}}), ""),
            (json!({"error": {"name": "a".repeat(41)}}), ""),
            (json!({"error": "SMSTooLong"}), ""),
            (json!([]), ""),
        ] {
            assert_eq!(of(&body), told, "{body}");
        }
        assert_eq!(said(None, &Personal::default()), "");
    }

    #[test]
    fn a_known_refusal_says_its_meaning_and_the_remedy() {
        for (name, meaning) in KNOWN {
            let told = of(&json!({"error": {"name": name, "code": "E00001"}}));
            assert_eq!(told, format!("{name} (E00001): {meaning}"));
            assert!(cause("Bird", 422, &told).ends_with(meaning), "{told} is cut");
        }
    }

    #[test]
    fn a_known_refusal_is_of_the_kind_that_helps_the_agent() {
        for (name, why) in [
            ("SMSNoEligibleSender", Why::Account),
            ("SMSSenderNotConfigured", Why::Account),
            ("SMSSenderReserved", Why::Account),
            ("SenderCategoryNotPermitted", Why::Account),
            ("SMSInvalidRecipient", Why::Unreachable),
            ("SMSUnsupportedFeature", Why::Refused),
        ] {
            let told = of(&json!({"error": {"name": name, "code": "E00001"}}));
            assert_eq!(Why::of(&cause("Bird", 422, &told)), why, "{told}");
        }
    }

    #[test]
    fn nothing_of_the_customers_data_is_repeated() {
        for value in ["Ada Lovelace", "Lovelace", "+15550123456", "my_order"] {
            let mut personal = Personal::default();
            personal.add(value);
            for echo in echoes(value) {
                for mut body in answers_repeating(&echo) {
                    if let Some(fields) = body.as_object_mut() {
                        fields.insert("name".into(), json!(echo));
                    }
                    assert_eq!(said(Some(&body), &personal), "", "{body}");
                }
            }
        }
        for (text, body) in answers_to_what_was_typed() {
            assert!(!of(&body).contains(text), "{body}");
        }
    }
}
