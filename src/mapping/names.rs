//! The value of a name in a template, by the rules of Ruby's Liquid.
//!
//! The scanner has already refused every name that cannot exist. Two cases are left: a name without a value (the first
//! member of an empty list, an `assign` in another branch), which is nil, and parts that only a value knows.

use std::collections::BTreeSet;

use liquid_core::model::{KString, KStringCow, KStringRef, ScalarCow};

use liquid_core::runtime::{PartialStore, Registers};
use liquid_core::{Error, Result, Runtime, Value, ValueCow, ValueView};

use super::values::{Kind, kind};

/// A runtime that looks names up as Ruby does. All the rest is the library's.
pub(super) struct Names<'r>(pub(super) &'r dyn Runtime);

impl Runtime for Names<'_> {
    fn partials(&self) -> &dyn PartialStore {
        self.0.partials()
    }

    fn name(&self) -> Option<KStringRef<'_>> {
        self.0.name()
    }

    fn roots(&self) -> BTreeSet<KStringCow<'_>> {
        self.0.roots()
    }

    fn try_get(&self, path: &[ScalarCow<'_>]) -> Option<ValueCow<'_>> {
        self.get(path).ok()
    }

    fn get(&self, path: &[ScalarCow<'_>]) -> Result<ValueCow<'_>> {
        let Some((root, parts)) = path.split_first() else { return self.0.get(path) };
        let mut value = self.0.try_get(std::slice::from_ref(root)).unwrap_or(ValueCow::Owned(Value::Nil));
        for name in parts {
            value = match value {
                ValueCow::Borrowed(whole) => part(whole, name)?,
                ValueCow::Owned(whole) => ValueCow::Owned(part(&whole, name)?.into_owned()),
            };
        }
        Ok(value)
    }

    fn set_global(&self, name: KString, value: Value) -> Option<Value> {
        self.0.set_global(name, value)
    }

    fn set_index(&self, name: KString, value: Value) -> Option<Value> {
        self.0.set_index(name, value)
    }

    fn get_index<'a>(&'a self, name: &str) -> Option<ValueCow<'a>> {
        self.0.get_index(name)
    }

    fn registers(&self) -> &Registers {
        self.0.registers()
    }
}

/// One part of a value. Each part of nil is nil, and so is a member behind the end of a list.
fn part<'v>(whole: &'v dyn ValueView, name: &ScalarCow<'_>) -> Result<ValueCow<'v>> {
    let found = match (kind(whole), kind(name)) {
        (Kind::Nil, _) => Some(ValueCow::Owned(Value::Nil)),
        (Kind::List(list), Kind::Whole(index)) => Some(or_nil(list.get(index))),
        (Kind::List(list), Kind::Text(name)) => match &*name {
            "first" => Some(or_nil(list.first())),
            "last" => Some(or_nil(list.last())),
            "size" => Some(ValueCow::Owned(Value::scalar(list.size()))),
            _ => None,
        },
        (Kind::Table(table), Kind::Text(name)) => match (table.get(&name), &*name) {
            (Some(value), _) => Some(ValueCow::Borrowed(value)),
            (None, "size") => Some(ValueCow::Owned(Value::scalar(table.size()))),
            (None, _) => None,
        },
        (Kind::Text(text), Kind::Text(name)) if name == "size" => {
            Some(ValueCow::Owned(Value::scalar(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))))
        }
        _ => None,
    };
    found.ok_or_else(|| {
        Error::with_msg("a part is asked for that the value does not have")
            .context("requested part", name.to_kstr().into_string())
    })
}

fn or_nil(value: Option<&dyn ValueView>) -> ValueCow<'_> {
    value.map_or(ValueCow::Owned(Value::Nil), ValueCow::Borrowed)
}
