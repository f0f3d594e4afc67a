//! Valid JSON in one pass, with no key twice in one object. This module never decides that a body is unreadable: a body
//! that it refuses goes to the careful reader.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and lists may nest, because the reader recurses. The deepest known body nests 4 deep.
pub(super) const DEPTH_MAX: usize = 64;

/// A value as serde_json reads it, in which no object has a key twice and no value nests deeper than serde_json's own
/// bound or [`DEPTH_MAX`].
pub(super) struct Strict(pub(super) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Depth(DEPTH_MAX)).map(Self)
    }
}

/// The levels left.
#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn less<E: serde::de::Error>(self) -> Result<Self, E> {
        // One level less than the careful reader takes, so that the last one is left to it.
        self.0.checked_sub(1).filter(|left| *left > 0).map(Self).ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Depth {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without a repeated key")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let deeper = self.less()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(deeper)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let deeper = self.less()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(deeper)?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(text: &str) -> Option<Value> {
        serde_json::from_str(text).ok().map(|Strict(value)| value)
    }

    #[test]
    fn what_it_takes_is_what_serde_json_reads() {
        for text in [
            r#"{"a":"x\n\u00e4","b":[1,-2,3.5,1e3,true,false,null],"c":{"a":{}},"d":18446744073709551615}"#,
            "[]",
            " \"x\" ",
            "-0.0",
            r#"{"a":{"k":1},"b":{"k":1}}"#,
        ] {
            assert_eq!(strict(text), Some(serde_json::from_str(text).unwrap()), "{text}");
        }
    }

    /// A stored value reads back unchanged.
    #[test]
    fn fractions_survive_the_store() {
        for number in [1.141_592_653_589_793e-10, 5e-324, f64::MAX] {
            assert_eq!(strict(&Value::from(number).to_string()), Some(Value::from(number)));
        }
    }

    #[test]
    fn a_repeated_key_or_deep_nesting_is_left_to_the_careful_reader() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"[{"x":{"a":1,"\u0061":2}}]"#,
            "{\"a\":1",
            "{} {}",
            r#"{"a":"
"}"#,
        ] {
            assert_eq!(strict(text), None, "{text}");
        }
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(strict(&nested(DEPTH_MAX - 1)).is_some());
        assert!(strict(&nested(DEPTH_MAX)).is_none());
    }
}
