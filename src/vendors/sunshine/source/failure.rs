//! Why a message did not arrive: the code of the channel behind the service, where the error holds one, and the service's own.
//! The error's words are left out, because they may name a person.

use serde_json::Value;

use crate::domain::receipt::Failure;
use crate::intake::json::Json;

/// The longest code that is kept.
const CODE_MAX_CHARS: usize = 40;

/// The digits that a channel's code in a sentence has.
const DIGITS: std::ops::RangeInclusive<usize> = 3..=6;

/// The failure in an error.
pub(super) fn of(error: Option<&Json<'_>>) -> Failure {
    let error = error.map(Value::from);
    let error = error.as_ref();
    let own = error.and_then(|error| code(&error["code"]));
    let behind = error.and_then(|error| {
        let under = &error["underlyingError"];
        let places = [&under["errors"][0]["code"], &under["code"], &under["error_code"], &under["status"]];
        places.into_iter().find_map(code).or_else(|| number_in(error["message"].as_str()?))
    });
    match behind {
        Some(behind) => Failure { code: Some(behind), said: own, falls_back: false },
        None => Failure { code: own.or_else(|| Some("failed".to_owned())), said: None, falls_back: false },
    }
}

/// A code: a word without spaces.
fn code(value: &Value) -> Option<String> {
    let word = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    (is_plain && !word.is_empty() && word.len() <= CODE_MAX_CHARS).then_some(word)
}

/// The only number in a sentence that has as many digits as a code.
fn number_in(words: &str) -> Option<String> {
    let mut numbers =
        words.split(|c: char| !c.is_ascii_digit() && c != '+').filter(|word| DIGITS.contains(&word.len()));
    let first = numbers.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))?;
    numbers.next().is_none().then(|| first.to_owned())
}
