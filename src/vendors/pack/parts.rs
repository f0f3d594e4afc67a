//! The small values of a pack's file: pointers into a body, names of headers, codes, and the parts of a signed text. Each is
//! checked when the file is read, so that a mistyped one is a fault with its line.

use std::collections::BTreeMap;

use http::HeaderName;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::intake::{Stop, fields};

/// The place of a value in a body: a JSON pointer, such as `/message/id`. The fields of a form stand at its top.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pointer(String);

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with('/') && text.len() > 1 {
            return Ok(Self(text));
        }
        Err(format!(
            "{text:?} is no pointer; write the names on the way to the value, each behind a slash, such as \"/message/id\""
        ))
    }
}

impl Pointer {
    /// The value there.
    pub(super) fn of<'a>(&self, body: &'a Value) -> Option<&'a Value> {
        body.pointer(&self.0).filter(|value| !value.is_null())
    }

    /// The values there, where `*` on the way stands for each value of a list.
    pub(super) fn all<'a>(&self, body: &'a Value) -> Vec<&'a Value> {
        let step = |found: Vec<&'a Value>, name: &str| -> Vec<&'a Value> {
            let below = |value: &'a Value| match (name, value) {
                ("*", Value::Array(values)) => values.iter().collect(),
                (name, value) => Vec::from_iter(value.pointer(&format!("/{name}"))),
            };
            found.into_iter().flat_map(below).collect()
        };
        let found = self.0.split('/').skip(1).fold(vec![body], step);
        found.into_iter().filter(|value| !value.is_null()).collect()
    }

    /// Whether it has a `*`, which [`Pointer::all`] alone understands.
    pub(super) fn has_star(&self) -> bool {
        self.0.split('/').any(|name| name == "*")
    }

    /// Whether its `*` stands for values of a list, whatever they hold.
    pub(super) fn has_a_list(&self, body: &Value) -> bool {
        let list = self.0.split_once("/*").and_then(|(before, _)| body.pointer(before)?.as_array());
        list.is_some_and(|values| !values.is_empty())
    }

    /// The identifier there, as [`fields::id`] reads it.
    pub(super) fn id(&self, body: &Value) -> Result<Option<String>, Stop> {
        fields::id(&self.alone(body), &self.0)
    }

    /// The text there, as [`fields::text`] reads it.
    pub(super) fn text(&self, body: &Value) -> Result<Option<String>, Stop> {
        fields::text(&self.alone(body), &self.0)
    }

    /// The word or the code there, on one line.
    pub(super) fn word(&self, body: &Value) -> Option<String> {
        fields::line(&self.alone(body), &self.0)
    }

    /// An object of this value alone, so that faults name the pointer.
    fn alone(&self, body: &Value) -> Map<String, Value> {
        self.of(body).map(|value| (self.0.clone(), value.clone())).into_iter().collect()
    }

    /// The pointer as it is written.
    pub(super) fn written(&self) -> &str {
        &self.0
    }
}

/// The address of an API: scheme and host alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Address(pub(super) Url);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_plain = |url: &Url| url.scheme() == "https" && url.path() == "/" && url.query().is_none();
        let url = Url::parse(&text).ok().filter(is_plain);
        url.map(Self).ok_or_else(|| format!("{text:?} is no address of an API; write https:// and the host alone, because the paths are added for each call"))
    }
}

/// The name of a header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Header(pub(super) HeaderName);

impl TryFrom<String> for Header {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let read = HeaderName::try_from(text.to_ascii_lowercase());
        read.map(Self).map_err(|_| format!("{text:?} is no name of a header"))
    }
}

/// A code of the vendor's, written as a number or as a text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Code {
    Number(u32),
    Text(String),
}

impl Code {
    pub(super) fn is(&self, code: &str) -> bool {
        match self {
            Self::Number(number) => number.to_string() == code,
            Self::Text(text) => text == code,
        }
    }
}

/// The text that a signature covers: literal text with the names of parts in braces, such as `{timestamp}.{body}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Signed(Vec<Piece>);

/// A piece of a signed text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Part(&'static str),
}

/// The parts that a signed text may name.
const PARTS: [&str; 6] = ["body", "timestamp", "nonce", "url", "method", "path"];

impl TryFrom<String> for Signed {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (mut pieces, mut rest) = (Vec::new(), text.as_str());
        while let Some((before, behind)) = rest.split_once('{') {
            let name = behind.split_once('}').map(|(name, rest)| (PARTS.into_iter().find(|part| *part == name), rest));
            let Some((Some(part), after)) = name else {
                return Err(format!(
                    "{text:?} names a part that is not known; the parts are {{{}}}",
                    PARTS.join("}, {")
                ));
            };
            pieces.push(Piece::Literal(before.to_owned()));
            pieces.push(Piece::Part(part));
            rest = after;
        }
        pieces.push(Piece::Literal(rest.to_owned()));
        let signed = Self(pieces);
        if signed.has("body") {
            return Ok(signed);
        }
        Err(format!("{text:?} leaves out {{body}}, so that any body would pass"))
    }
}

impl Signed {
    /// Whether the text has this part.
    pub(super) fn has(&self, part: &str) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Part(known) if *known == part))
    }

    /// The text's pieces, with these parts filled in.
    pub(super) fn pieces<'a>(&'a self, parts: &BTreeMap<&str, &'a [u8]>) -> Vec<&'a [u8]> {
        let piece = |piece: &'a Piece| match piece {
            Piece::Literal(text) => text.as_bytes(),
            Piece::Part(name) => parts.get(name).copied().unwrap_or_default(),
        };
        self.0.iter().map(piece).collect()
    }
}

/// The letters of a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Letters {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Standard base64.
    Base64,
}

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    /// A JSON object.
    Json,
    /// Form fields.
    Form,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_signed_text_is_its_literals_and_its_parts_in_order() {
        let signed = Signed::try_from("{timestamp}.{body}!".to_owned()).unwrap();
        let parts = BTreeMap::from([("timestamp", &b"17"[..]), ("body", &b"hello"[..])]);
        assert_eq!(signed.pieces(&parts).concat(), b"17.hello!");
    }

    #[test]
    fn a_signed_text_without_the_body_or_with_an_unknown_part_is_refused() {
        for (text, told) in [("{timestamp}", "leaves out"), ("{bdy}", "not known"), ("{body", "not known")] {
            let fault = Signed::try_from(text.to_owned()).unwrap_err();
            assert!(fault.contains(told), "{fault}");
        }
    }

    #[test]
    fn a_pointer_leads_to_its_value_and_a_fault_names_it() {
        let body = json!({"a": {"b": 7, "c": ["x"]}});
        let at = |text: &str| Pointer::try_from(text.to_owned()).unwrap();
        assert_eq!(at("/a/b").id(&body), Ok(Some("7".to_owned())));
        assert_eq!(at("/a/x").id(&body), Ok(None));
        assert_eq!(at("/a/c").id(&body), Err(Stop::Unreadable("`/a/c` is neither text nor a number".to_owned())));
        assert!(Pointer::try_from("a.b".to_owned()).unwrap_err().contains("no pointer"));
    }

    #[test]
    fn a_star_stands_for_each_value_of_a_list_and_other_names_for_one() {
        let body = json!({"a": [{"url": "x"}, {"url": null}, {"b": 1}, {"url": "y"}], "c": "z", "*": "star"});
        let at = |text: &str| {
            Pointer::try_from(text.to_owned()).unwrap().all(&body).into_iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(at("/a/*/url"), [json!("x"), json!("y")]);
        assert_eq!(at("/a/3/url"), [json!("y")]);
        assert_eq!((at("/c"), at("/*"), at("/c/*")), (vec![json!("z")], vec![json!("star")], vec![]));
    }
}
