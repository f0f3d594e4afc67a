//! Valid JSON in one pass, with no key twice in one object. This module never decides that a body is unreadable: a body
//! that it refuses goes to the careful reader.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::intake::json::{Json, Object};

/// How deep objects and lists may nest, because the reader recurses. The deepest known body nests 4 deep.
pub(super) const DEPTH_MAX: usize = 64;

/// A value that is read here.
pub(super) trait Tree<'de>:
    From<()> + From<bool> + From<Number> + From<Cow<'de, str>> + From<Vec<Self>> + From<Self::Fields>
{
    /// An object of such values.
    type Fields: Default;

    /// Adds a field; `false` where the key stands already, or may stand already.
    fn add(object: &mut Self::Fields, key: Cow<'de, str>, value: Self) -> bool;
}

impl<'de> Tree<'de> for Value {
    type Fields = Map<String, Value>;

    fn add(object: &mut Self::Fields, key: Cow<'de, str>, value: Self) -> bool {
        object.insert(key.into_owned(), value).is_none()
    }
}

impl<'de> Tree<'de> for Json<'de> {
    type Fields = Object<'de>;

    fn add(object: &mut Self::Fields, key: Cow<'de, str>, value: Self) -> bool {
        object.add(key, value)
    }
}

/// A value as serde_json reads it, in which no object has a key twice and no value nests deeper than serde_json's own
/// bound or [`DEPTH_MAX`].
pub(super) struct Strict<T>(pub(super) T);

impl<'de, T: Tree<'de>> Deserialize<'de> for Strict<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Depth::<T>(DEPTH_MAX, PhantomData)).map(Self)
    }
}

/// The levels left.
struct Depth<T>(usize, PhantomData<T>);

impl<T> Depth<T> {
    fn less<E: serde::de::Error>(&self) -> Result<Self, E> {
        // One level less than the careful reader takes, so that the last one is left to it.
        let left = self.0.checked_sub(1).filter(|left| *left > 0);
        left.map(|left| Self(left, PhantomData)).ok_or_else(|| E::custom("too deep"))
    }

    fn same(&self) -> Self {
        Self(self.0, PhantomData)
    }
}

impl<'de, T: Tree<'de>> DeserializeSeed<'de> for Depth<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Tree<'de>> Visitor<'de> for Depth<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without a repeated key")
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(Number::from(value).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        Ok(Number::from(value).into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<T, E> {
        Ok(Number::from_f64(value).map_or_else(|| ().into(), T::from))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<T, E> {
        Ok(Cow::Borrowed(value).into())
    }

    fn visit_str<E>(self, value: &str) -> Result<T, E> {
        Ok(Cow::<'de, str>::Owned(value.to_owned()).into())
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(().into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<T, A::Error> {
        let deeper = self.less()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(deeper.same())? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<T, A::Error> {
        let deeper = self.less()?;
        let mut object = T::Fields::default();
        while let Some(key) = entries.next_key_seed(Key)? {
            let value = entries.next_value_seed(deeper.same())?;
            if !T::add(&mut object, key, value) {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(object.into())
    }
}

/// A key, lent where it has no escape.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(key.to_owned()))
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
