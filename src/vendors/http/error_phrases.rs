//! The parts of a vendor's error text that a cause may repeat. The text may echo a customer's words, so only codes and
//! phrases that are known to be harmless reach a cause.
//!
//! A code is an identifier or a short number that stands nowhere in the customer's data ([`Personal`]). Never passes on
//! the rest of an answer, which is kept for an operator who asks to see it ([`crate::domain::answer`]).

use serde_json::Value;

use crate::domain::cause::OF_THE_ACCOUNT;
use crate::vendors::http::Personal;

/// The longest cause; more is no help to its reader.
const CAUSE_CHARS_MAX: usize = 200;

/// The levels of a vendor's error that are searched. The deepest known form has four.
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

/// Braze's texts, behind those of [`OF_THE_ACCOUNT`]. It has no codes.
const BRAZE: [&str; 7] = [
    "No Recipients",
    "Max Input Length Exceeded",
    "No message to send",
    "Invalid subscription group ID",
    "max number of ids exceeded",
    "rate limit",
    "Bad Request",
];

/// Fields of an error that hold a code of any form.
const CODE_FIELDS: [&str; 6] = ["code", "error", "error_code", "errorCode", "error_type", "type"];

/// Codes that are repeated at most. An error has one or two; a longer list is a text.
const CODES_MAX: usize = 4;

/// The shortest code of one word.
const CODE_CHARS_MIN: usize = 3;

/// The longest identifier that is repeated.
const CODE_CHARS_MAX: usize = 40;

/// The largest number that is repeated. The codes of vendors and of the carriers behind them have six digits at most; a
/// telephone number has more.
const NUMBER_MAX: u64 = 999_999;

/// The smallest number that is repeated outside a field for codes. A smaller one is a count.
const NUMBER_MIN: u64 = 100;

/// The part of a text that is searched for codes.
const SEARCHED_CHARS_MAX: usize = 1024;

/// The repeatable part of a Zendesk error: its code, a known phrase or else the first wrong field, and its other codes.
/// Shapes: `{"error","description","details":{field:[{"description","error"}]}}`, `{"error":{"title","message"}}`, or
/// no JSON at all.
pub(crate) fn zendesk(json: Option<&Value>, status: u16, personal: &Personal) -> String {
    let Some(json) = json else { return String::new() };
    let mut said = String::new();
    if let Some(code) = json["error"].as_str().and_then(code).filter(|code| !personal.holds_code(code)) {
        said.push_str(code);
    }
    let phrase = texts(json).iter().find_map(|text| known(text, &ZENDESK)).map(str::to_owned);
    let more = phrase.or_else(|| wrong_field(&json["details"], personal));
    if let Some(more) = more {
        said.push_str(&format!(" ({more})"));
    }
    with_codes(said.trim(), json, status, personal)
}

/// The repeatable part of a Braze error: a known phrase, and its codes.
pub(crate) fn braze(json: Option<&Value>, status: u16, personal: &Personal) -> String {
    let Some(json) = json else { return String::new() };
    let message = json["message"].as_str();
    let phrase = message.and_then(|message| known(message, &OF_THE_ACCOUNT).or_else(|| known(message, &BRAZE)));
    let phrase = phrase.unwrap_or_default();
    with_codes(phrase, json, status, personal)
}

/// `vendor answered status said`, bounded.
pub(crate) fn cause(vendor: &str, status: u16, said: &str) -> String {
    behind(&format!("{vendor} answered {status}"), said).trim_end().chars().take(CAUSE_CHARS_MAX).collect()
}

/// A vendor's words after tandem's own. Codes alone stand after a colon.
pub(crate) fn behind(words: &str, said: &str) -> String {
    let gap = if said.is_empty() || said.starts_with(':') { "" } else { " " };
    format!("{words}{gap}{said}")
}

/// The words, and after a colon the codes that are not among them.
fn with_codes(said: &str, json: &Value, status: u16, personal: &Personal) -> String {
    let mut codes: Vec<String> = Vec::new();
    let leaves = leaves(json);
    let is_code = |field: &str| CODE_FIELDS.contains(&field);
    let declared = leaves.iter().filter(|(field, _)| is_code(field)).flat_map(|(_, leaf)| declared(leaf));
    let others = leaves.iter().filter(|(field, _)| !is_code(field)).flat_map(|(_, leaf)| mentioned(leaf));
    for code in declared.chain(others) {
        let is_number = code.bytes().all(|byte| byte.is_ascii_digit());
        let held = if is_number { personal.holds_number(&code) } else { personal.holds_code(&code) };
        let told = said.contains(&code) || codes.contains(&code) || code == status.to_string();
        if codes.len() < CODES_MAX && !held && !told {
            codes.push(code);
        }
    }
    if codes.is_empty() { said.to_owned() } else { format!("{said}: {}", codes.join(", ")) }
}

/// The codes in one of [`CODE_FIELDS`].
fn declared(leaf: &Value) -> Vec<String> {
    match leaf {
        Value::Number(number) => {
            number.as_u64().filter(|number| *number <= NUMBER_MAX).iter().map(u64::to_string).collect()
        }
        Value::String(text) => {
            match code(text).filter(|code| (CODE_CHARS_MIN..=CODE_CHARS_MAX).contains(&code.len())) {
                Some(code) => vec![code.to_owned()],
                None => number(text).map_or_else(|| mentioned(leaf), |number| vec![number.to_string()]),
            }
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Vec::new(),
    }
}

/// The codes in any other field: identifiers with an underscore, and numbers that are not part of a longer one.
fn mentioned(leaf: &Value) -> Vec<String> {
    match leaf {
        Value::Number(number) => {
            let number = number.as_u64().filter(|number| (NUMBER_MIN..=NUMBER_MAX).contains(number));
            number.iter().map(u64::to_string).collect()
        }
        Value::String(text) => {
            let end = text.char_indices().nth(SEARCHED_CHARS_MAX).map_or(text.len(), |(end, _)| end);
            let text = &text[..end];
            let words = text.split(|c: char| c.is_whitespace() || "\"'`()[]{}<>,;:=".contains(c));
            let words = words.map(|word| word.trim_end_matches(['.', '!', '?']));
            words.filter(|word| is_identifier(word)).map(str::to_owned).chain(numbers(text)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Vec::new(),
    }
}

fn is_identifier(word: &str) -> bool {
    let mut parts = word.split('_');
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    word.len() <= CODE_CHARS_MAX && word.contains('_') && parts.all(is_word)
}

/// The numbers in a text. Digits with only a telephone number's separators between them are one number, so a telephone
/// number or a date is never taken for a code.
fn numbers(text: &str) -> Vec<String> {
    let joins = |c: char| c.is_ascii_digit() || " ()-./+\u{a0}".contains(c);
    let digit = |c: char| c.is_ascii_digit();
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(digit) {
        let before = rest[..start].chars().next_back();
        let span = &rest[start..];
        let end = span.find(|c| !joins(c)).unwrap_or(span.len());
        let after = span[end..].chars().next();
        let run = span[..end].trim_end_matches(|c| !digit(c));
        // A number that touches a letter is part of a word.
        let touches = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "_@%".contains(c));
        let stands_alone = !(touches(before) || touches(after) && run.len() == end);
        if let Some(number) = number(run).filter(|number| stands_alone && *number >= NUMBER_MIN) {
            found.push(number.to_string());
        }
        rest = &span[end..];
    }
    found
}

/// A number that may be a code.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number <= NUMBER_MAX)
}

/// Every text in a vendor's error, outermost first.
pub(crate) fn texts(json: &Value) -> Vec<&str> {
    leaves(json).into_iter().filter_map(|(_, leaf)| leaf.as_str()).collect()
}

/// Every value in a vendor's error with the name of its field, outermost first.
fn leaves(json: &Value) -> Vec<(&str, &Value)> {
    let mut found = Vec::new();
    let mut level = vec![("", json)];
    for _ in 0..DEPTH_MAX {
        let mut next = Vec::new();
        for (name, value) in level {
            match value {
                Value::String(_) | Value::Number(_) => found.push((name, value)),
                Value::Array(items) => next.extend(items.iter().map(|item| (name, item))),
                Value::Object(fields) => next.extend(fields.iter().map(|(name, value)| (name.as_str(), value))),
                Value::Null | Value::Bool(_) => {}
            }
        }
        level = next;
    }
    found
}

/// The text, if it is a code: only letters and underscores.
pub(crate) fn code(text: &str) -> Option<&str> {
    let is_code = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    is_code.then_some(text)
}

fn known(text: &str, phrases: &[&'static str]) -> Option<&'static str> {
    let text = text.to_lowercase();
    phrases.iter().copied().find(|phrase| text.contains(&phrase.to_lowercase()))
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

    fn of_zendesk(body: &Value) -> String {
        zendesk(Some(body), 422, &Personal::default())
    }

    fn of_braze(body: &Value) -> String {
        braze(Some(body), 400, &Personal::default())
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
            assert_eq!(of_zendesk(&body), said, "{body}");
        }
        assert_eq!(zendesk(None, 422, &Personal::default()), "");
    }

    #[test]
    fn a_cause_has_the_codes_of_an_answer_and_nothing_else_of_it() {
        let cases = [
            (
                json!({"message": "Invalid phone number", "errors": [{"code": "invalid_phone_number"}]}),
                ": invalid_phone_number",
            ),
            (
                json!({"message": "Twilio said 21614: 'To' is not a mobile number", "errors": ["invalid_phone_number"]}),
                ": 21614, invalid_phone_number",
            ),
            (json!({"message": "no", "code": 21614}), ": 21614"),
            (json!({"message": "no", "code": 7, "count": 7, "retries": 100}), ": 7, 100"),
            (json!({"message": "no", "status": 400, "code": "400"}), ""),
            (json!({"message": "(#131030) no, see message_is_too_long."}), ": message_is_too_long, 131030"),
            (json!({"message": "Invalid API key: api_key_unknown"}), "Invalid API key: api_key_unknown"),
            (json!({"error_code": "Landline", "message": "no"}), ": Landline"),
            // Telephone numbers, dates, amounts, names of files and addresses, in any spelling.
            (json!({"message": "555 0101, 555-0101, (555) 0101 and 0101 at 2026-11-29T02:00:12Z"}), ""),
            (json!({"message": "from_ada@acme.example, /home/from_ada.txt, from_ada-2, $4711x, a4711"}), ""),
            (json!({"message": "12345678", "code": 12_345_678, "id": "8001234567"}), ""),
            (json!({"message": "Upper_Case __ _a a_ a__b"}), ""),
            (json!({"codes": ["a_a", "b_b", "c_c", "d_d", "e_e"]}), ": a_a, b_b, c_c, d_d"),
            (json!({"code": "a_".repeat(40)}), ""),
        ];
        for (body, said) in cases {
            assert_eq!(of_braze(&body), said, "{body}");
        }
    }

    #[test]
    fn a_code_that_may_be_the_customers_is_left_out() {
        let mut personal = Personal::default();
        ["+1 555 555 0101", "Ada Lovelace", "my_order is 47110 days late"]
            .into_iter()
            .for_each(|value| personal.add(value));
        let body =
            json!({"error": "Ada", "message": "0101 555 47110 my_order user_ada 21614 not_found", "code": "Lovelace"});
        assert_eq!(braze(Some(&body), 400, &personal), ": not_found, 21614");
        let body = json!({"error": "Ada", "code": 47110, "details": {"Ada": [{"error": "Lovelace"}], "name": [{"error": "Lovelace"}]}});
        assert_eq!(zendesk(Some(&body), 422, &personal), "(name)");
    }

    /// The forms in which a vendor may repeat a value: as it is, in another case, as an identifier, inside another.
    fn echoes(value: &str) -> Vec<String> {
        let slug: String = value.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let digits: String = value.chars().filter(char::is_ascii_digit).collect();
        let end = digits.get(digits.len().saturating_sub(4)..).unwrap_or_default().to_owned();
        vec![
            value.to_owned(),
            value.to_uppercase(),
            format!("user_{slug}"),
            slug,
            format!("{value} is wrong"),
            format!("the number that ends in {end}"),
            digits,
        ]
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
            let bodies = [
                json!({"error": echo, "description": echo, "details": {&echo: [{"error": echo, "description": echo}]}}),
                json!({"error": {"title": echo, "message": echo}, "type": echo}),
                json!({"message": echo, "code": echo, "errors": [echo, {"code": echo, "reason": echo}]}),
                json!({"message": "x", "code": echo.parse::<u64>().ok(), "errors": [echo.parse::<u64>().ok()]}),
                json!(echo),
            ];
            for mut body in bodies {
                for (said, vendor) in [(zendesk(Some(&body), 422, &personal), "zendesk"), (braze(Some(&body), 400, &personal), "braze")] {
                    prop_assert!(ZENDESK.iter().chain(&OF_THE_ACCOUNT).chain(&BRAZE).any(|phrase| said.contains(phrase)) || said.is_empty(), "{vendor}: {said} of {body}");
                }
                if let Some(fields) = body.as_object_mut() {
                    fields.insert("error_code".into(), json!("qqqqqqqqqqq_wwwwwwwwwww"));
                    fields.insert("further".into(), json!("see eeeeeeeeeee_rrrrrrrrrrr"));
                    let said = braze(Some(&body), 400, &personal);
                    prop_assert!(said.ends_with(": qqqqqqqqqqq_wwwwwwwwwww, eeeeeeeeeee_rrrrrrrrrrr"), "{said} of {body}");
                }
            }
        }
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
                for said in [of_zendesk(&body), of_braze(&body)] {
                    assert!(!said.contains(text), "{said}");
                }
            }
        }
    }

    #[test]
    fn a_key_that_braze_echoes_is_cut() {
        assert_eq!(of_braze(&json!({"message": "Invalid API key: sekrit"})), "Invalid API key");
    }

    #[test]
    fn a_cause_is_short() {
        assert_eq!(cause("Zendesk", 502, ""), "Zendesk answered 502");
        assert_eq!(cause("Braze", 400, ": a_b, 21614"), "Braze answered 400: a_b, 21614");
        assert_eq!(cause("Zendesk", 400, &"é".repeat(500)).chars().count(), CAUSE_CHARS_MAX);
    }
}
