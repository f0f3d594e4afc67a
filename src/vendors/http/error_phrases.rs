//! The parts of a vendor's error text that a cause may repeat. The text may echo a customer's words, so only codes and
//! phrases that are known to be harmless reach a cause.
//!
//! A code is an identifier or a short number that stands nowhere in the customer's data ([`Personal`]). Never passes on
//! the rest of an answer, which is kept for an operator who asks to see it ([`crate::domain::answer`]).

use serde_json::Value;

use crate::vendors::http::Personal;

/// The longest cause; more is no help to its reader.
const CAUSE_CHARS_MAX: usize = 200;

/// The levels of a vendor's error that are searched. The deepest known form has four.
const DEPTH_MAX: usize = 8;

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
pub(crate) fn with_codes(said: &str, json: &Value, status: u16, personal: &Personal) -> String {
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

/// The first of these phrases that a text holds, without regard to case.
pub(crate) fn known(text: &str, phrases: &[&'static str]) -> Option<&'static str> {
    let text = text.to_lowercase();
    phrases.iter().copied().find(|phrase| text.contains(&phrase.to_lowercase()))
}

/// The forms in which a vendor may repeat a value, for the tests of each vendor's phrases: as it is, in another case, as an
/// identifier, inside another.
#[cfg(test)]
pub(crate) fn echoes(value: &str) -> Vec<String> {
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

/// Answers that repeat a text in every field that a vendor is known to fill, for the same tests.
#[cfg(test)]
pub(crate) fn answers_repeating(text: &str) -> Vec<Value> {
    use serde_json::json;
    let number: Option<u64> = text.parse().ok();
    vec![
        json!({"error": text, "description": text, "details": {text: [{"error": text, "description": text}]}}),
        json!({"error": {"title": text, "message": text}, "type": text}),
        json!({"message": text, "code": text, "errors": [text, {"code": text, "reason": text}]}),
        json!({"message": "x", "code": number, "errors": [number]}),
        json!(text),
    ]
}

/// Answers that repeat a text behind the vendor's own words, and texts that customers type, for the same tests.
#[cfg(test)]
pub(crate) fn answers_to_what_was_typed() -> Vec<(&'static str, Value)> {
    use serde_json::json;
    let typed = ["alice@example.com", "+15550001111", "Alice Example", "15550001111", "closed alice@example.com"];
    let answers = |text: &'static str| {
        [
            json!({"error": text, "description": text, "details": {text: [{"error": text, "description": text}]}}),
            json!({"error": {"title": text, "message": text}}),
            json!({"error": "RecordInvalid", "details": {"email": [{"error": text, "description": format!("Email is invalid: {text}")}]}}),
            json!({"message": format!("Invalid API key: {text}"), "errors": [text]}),
        ]
        .map(|body| (text, body))
    };
    typed.into_iter().flat_map(answers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_short() {
        assert_eq!(cause("Zendesk", 502, ""), "Zendesk answered 502");
        assert_eq!(cause("Braze", 400, ": a_b, 21614"), "Braze answered 400: a_b, 21614");
        assert_eq!(cause("Zendesk", 400, &"é".repeat(500)).chars().count(), CAUSE_CHARS_MAX);
    }
}
