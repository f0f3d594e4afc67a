//! The JSON of a body, with its words lent by the body. A body of several events has some hundred words of which few are
//! kept, and a copy of each costs more than reading the events. It never reads a text, which [`super::lenient_json`] does.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// The most keys of an object that is put together key by key, because each key is compared with all before it.
const KEYS_MAX: usize = 32;

/// The room that an object begins with, which nearly every object stays in.
const KEYS: usize = 8;

/// A value in a body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Object(Object<'a>),
}

/// The fields of an object, in the body's order. No key stands twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Json<'a> {
    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        if let Self::Number(number) = self { number.as_f64() } else { None }
    }

    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    pub(crate) fn as_object(&self) -> Option<&Object<'a>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// The field of this name, where the value is an object that has one.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    /// Whether it is this text.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.as_str() == Some(text)
    }
}

impl<'a> Object<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0.iter().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// Adds a field; `false` where the key stands already, or the object is too long to tell.
    pub(super) fn add(&mut self, key: Cow<'a, str>, value: Json<'a>) -> bool {
        if self.0.is_empty() {
            self.0.reserve(KEYS);
        }
        let is_new = self.0.len() < KEYS_MAX && self.get(&key).is_none();
        if is_new {
            self.0.push((key, value));
        }
        is_new
    }

    /// The object with one field.
    pub(crate) fn of(name: &'static str, value: Json<'a>) -> Self {
        Self(vec![(name.into(), value)])
    }

    /// The same with one field more, of a name that it does not have.
    pub(crate) fn and(mut self, name: &'static str, value: Json<'a>) -> Self {
        self.0.push((name.into(), value));
        self
    }
}

impl From<()> for Json<'_> {
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl From<bool> for Json<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Number> for Json<'_> {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<Cow<'a, str>> for Json<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Vec<Json<'a>>> for Json<'a> {
    fn from(items: Vec<Json<'a>>) -> Self {
        Self::List(items)
    }
}

impl<'a> From<Object<'a>> for Json<'a> {
    fn from(object: Object<'a>) -> Self {
        Self::Object(object)
    }
}

impl From<Value> for Json<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(Cow::Owned(text)),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(map) => {
                Self::Object(Object(map.into_iter().map(|(key, value)| (Cow::Owned(key), value.into())).collect()))
            }
        }
    }
}

impl<'a> From<&'a Value> for Json<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(map) => Self::Object(Object::from(map)),
        }
    }
}

impl<'a> From<&'a Map<String, Value>> for Object<'a> {
    fn from(map: &'a Map<String, Value>) -> Self {
        Self(map.iter().map(|(key, value)| (Cow::Borrowed(key.as_str()), value.into())).collect())
    }
}

impl From<&Json<'_>> for Value {
    fn from(json: &Json<'_>) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Number(number.clone()),
            Json::Text(text) => Self::String(text.clone().into_owned()),
            Json::List(items) => Self::Array(items.iter().map(Self::from).collect()),
            Json::Object(Object(fields)) => {
                Self::Object(fields.iter().map(|(key, value)| (key.clone().into_owned(), value.into())).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_comes_back_as_it_was_lent_or_given() {
        let value = json!({"a": [1, -2.5, true, null, "x"], "b": {"c": {}}, "d": ""});
        assert_eq!(Value::from(&Json::from(&value)), value);
        assert_eq!(Json::from(&value), Json::from(value.clone()));
        assert_eq!(Json::from(&value).get("b").and_then(|b| b.get("c")), Some(&Object::default().into()));
        assert_eq!(Json::from(&value).get("a").and_then(|a| a.get("b")), None);
    }
}
