//! Values out of a body, cleaned and bounded, for all readers.
//!
//! A limit either cuts (a name, which does no harm) or is an error (an identifier, because a cut one would be another
//! person's). An error never quotes a value.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::json::{Json, Object};
use super::lenient_json;
use super::reading::Stop;

/// The longest identifier, because a desk's `external_id` takes 255 characters.
pub(crate) const ID_MAX_CHARS: usize = 255;

/// The longest name, subject or other word; longer ones are cut.
pub(crate) const LINE_MAX_CHARS: usize = 255;

/// The longest text. A desk silently cuts a comment at 64 kB, and escaping makes the text longer.
pub(crate) const TEXT_MAX_BYTES: usize = 32 * 1024;

/// An object, of which the readers below take a field at a time.
pub(crate) trait Fields {
    /// The field of this name.
    fn field(&self, name: &str) -> Field<'_>;
}

/// A field, as far as a reader takes it.
pub(crate) enum Field<'a> {
    /// Null, or absent.
    Nothing,
    Text(&'a str),
    Number(&'a Number),
    /// Anything else.
    Other,
}

impl Fields for Map<String, Value> {
    fn field(&self, name: &str) -> Field<'_> {
        match self.get(name) {
            None | Some(Value::Null) => Field::Nothing,
            Some(Value::String(text)) => Field::Text(text),
            Some(Value::Number(number)) => Field::Number(number),
            Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Field::Other,
        }
    }
}

impl Fields for Object<'_> {
    fn field(&self, name: &str) -> Field<'_> {
        match self.get(name) {
            None | Some(Json::Null) => Field::Nothing,
            Some(Json::Text(text)) => Field::Text(text),
            Some(Json::Number(number)) => Field::Number(number),
            Some(Json::Bool(_) | Json::List(_) | Json::Object(_)) => Field::Other,
        }
    }
}

/// The body as a JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Stop> {
    match lenient_json::parse(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(no_object()),
        Err(error) => Err(Stop::Unreadable(error.to_string())),
    }
}

/// The same, with words that the body lends.
pub(crate) fn lent(body: &[u8]) -> Result<Object<'_>, Stop> {
    match lenient_json::lend(body) {
        Ok(Json::Object(object)) => Ok(object),
        Ok(_) => Err(no_object()),
        Err(error) => Err(Stop::Unreadable(error.to_string())),
    }
}

fn no_object() -> Stop {
    unreadable("the body is JSON, but not an object")
}

pub(crate) fn unreadable(cause: &str) -> Stop {
    Stop::Unreadable(cause.to_owned())
}

/// A string, or a whole number as text; `None` when absent or blank.
///
/// # Errors
///
/// For anything else than a string, a number or null, because its meaning is unknown. For a number with a fraction or
/// with too many digits, because a parser rounds it, and the nearest identifier is another person's.
pub(crate) fn string<'a>(map: &'a impl Fields, key: &str) -> Result<Option<Cow<'a, str>>, Stop> {
    match map.field(key) {
        Field::Nothing => Ok(None),
        Field::Text(text) if text.trim().is_empty() => Ok(None),
        Field::Text(text) => Ok(Some(text.into())),
        Field::Number(number) if number.is_u64() || number.is_i64() => Ok(Some(number.to_string().into())),
        Field::Number(_) => Err(Stop::Unreadable(format!("`{key}` is a number that cannot be read exactly"))),
        Field::Other => Err(Stop::Unreadable(format!("`{key}` is neither text nor a number"))),
    }
}

/// An identifier: one line, never cut.
pub(crate) fn id(map: &impl Fields, key: &str) -> Result<Option<String>, Stop> {
    let Some(id) = string(map, key)?.and_then(|text| one_line(&text, usize::MAX)) else { return Ok(None) };
    if id.contains("{{") || id.contains("${") {
        // The template was sent unrendered, so this is no customer's id.
        return Err(Stop::Unreadable(format!("`{key}` is a placeholder that was not filled in")));
    }
    if id.len() > ID_MAX_CHARS && id.chars().nth(ID_MAX_CHARS).is_some() {
        return Err(Stop::Unreadable(format!("`{key}` is longer than {ID_MAX_CHARS} characters")));
    }
    Ok(Some(id))
}

/// A positive whole number, also as text. The published placeholder `#{{ticket.id}}` puts a `#` before it.
pub(crate) fn number(map: &impl Fields, key: &str) -> Result<Option<u64>, Stop> {
    let refused = || Stop::Unreadable(format!("`{key}` is not a positive whole number"));
    if matches!(map.field(key), Field::Number(number) if number.is_f64()) {
        return Err(refused());
    }
    let Some(text) = string(map, key)? else { return Ok(None) };
    positive(&text).map(Some).ok_or_else(refused)
}

/// A name or another short word: one line, cut where it is too long.
pub(crate) fn line(map: &impl Fields, key: &str) -> Option<String> {
    word(map, key).map(Cow::into_owned)
}

/// The same, lent where it stands so in the body.
pub(crate) fn word<'a>(map: &'a impl Fields, key: &str) -> Option<Cow<'a, str>> {
    match string(map, key).ok().flatten()? {
        Cow::Borrowed(text) => in_one_line(text, LINE_MAX_CHARS),
        Cow::Owned(text) => one_line(&text, LINE_MAX_CHARS).map(Cow::Owned),
    }
}

/// A text, cleaned; `None` when blank.
pub(crate) fn text(map: &impl Fields, key: &str) -> Result<Option<String>, Stop> {
    let Some(text) = string(map, key)? else { return Ok(None) };
    let text = clean(&text);
    if text.len() > TEXT_MAX_BYTES {
        return Err(Stop::Unreadable(format!("`{key}` is longer than {TEXT_MAX_BYTES} bytes")));
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// A positive whole number in digits, perhaps with `#` before it.
pub(crate) fn positive(text: &str) -> Option<u64> {
    let digits = text.trim();
    let digits = digits.strip_prefix('#').unwrap_or(digits);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|number| *number > 0)
}

/// The text without control characters, which no phone shows and which break JSON, logs and terminals. Every line break
/// becomes a line feed; tabs stay.
pub(crate) fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

/// The text as one line of at most `max` characters; `None` when nothing is left of it.
pub(crate) fn one_line(text: &str, max: usize) -> Option<String> {
    in_one_line(text, max).map(Cow::into_owned)
}

fn in_one_line(text: &str, max: usize) -> Option<Cow<'_, str>> {
    let text = text.trim();
    if text.len() <= max && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        // Nearly every value takes this way.
        return (!text.is_empty()).then_some(Cow::Borrowed(text));
    }
    let line: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !c.is_control()).collect();
    let line: String = line.trim().chars().take(max).collect();
    let line = line.trim_end();
    (!line.is_empty()).then(|| Cow::Owned(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_of_a_lent_object_is_read_as_that_of_an_own_one() {
        let map = json!({"null": null, "text": " x ", "blank": " ", "whole": 7, "part": 1.5, "bool": true, "list": [], "object": {}});
        let map = map.as_object().unwrap();
        let lent = Object::from(map);
        for name in map.keys().map(String::as_str).chain(["absent"]) {
            assert_eq!(string(&lent, name), string(map, name), "{name}");
            assert_eq!(number(&lent, name), number(map, name), "{name}");
        }
    }
}
