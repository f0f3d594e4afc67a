//! Reads a form-encoded body. It is strict about UTF-8, where the library's reader would put replacement characters
//! into a customer's text. It tolerates a stray `%`, because a template may forget to encode a text.

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::fields::unreadable;
use super::reading::Stop;

/// The most fields of a form; the bridge's own campaigns send 13.
const FIELDS_MAX: usize = 100;

/// Reads a form into a flat object of strings. A repeated key becomes a list if it is `list_key`. Any other repeated
/// key is an error, as in JSON, because it means that a text was filled in unencoded and broke out.
pub(crate) fn parse(body: &[u8], list_key: &str) -> Result<Map<String, Value>, Stop> {
    let mut map = Map::new();
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    let pairs = body.split(|b| *b == b'&').filter(|pair| !pair.trim_ascii().is_empty());
    for (count, pair) in pairs.enumerate() {
        if count == FIELDS_MAX {
            return Err(Stop::Unreadable(format!("the form has more than {FIELDS_MAX} fields")));
        }
        let equals = pair.iter().position(|b| *b == b'=').unwrap_or(pair.len());
        let (key, value) = pair.split_at(equals);
        let key = decode(key)?.trim().to_owned();
        let value = Value::String(decode(value.get(1..).unwrap_or_default())?);
        match map.get_mut(&key) {
            None => {
                map.insert(key, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) if key == list_key => *first = Value::Array(vec![first.take(), value]),
            Some(_) => {
                return Err(unreadable("the form has a field twice; a text may have been filled in unencoded"));
            }
        }
    }
    Ok(map)
}

/// Undoes the encoding of one key or value.
pub(crate) fn decode(text: &[u8]) -> Result<String, Stop> {
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect()).map_err(|_| unreadable("the form is not UTF-8"))
}
