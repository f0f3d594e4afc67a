//! A key with its type: its rules, its default, its words, its fate in a reload. [`Key`] is made of a [`Shape`] by
//! constructors, inside a [`super::table::table`]. Never names a key itself.

use std::convert::identity;
use std::fmt;
use std::path::Path;

use super::book::{At, Book, joined};
use super::fault::Flaw;
use super::kind::Kind;
use super::value::{self, Value};

/// Everything about a key but its type: the reference, the example, unknown names and variables go by it.
#[derive(Clone, Debug)]
pub struct About {
    /// Its full name, levels separated by dots.
    pub name: String,
    /// The kind of its values.
    pub kind: Kind,
    /// The value when it is not given, written as in a variable; `None` when there is none.
    pub default: Option<&'static str>,
    /// Its purpose: a sentence or two for the reference.
    pub doc: &'static str,
    /// The consequence of a change while the bridge runs.
    pub on_reload: OnReload,
    /// Its line in the example.
    pub example: Example,
}

pub use crate::domain::account_table::VARIABLE_PREFIX;

impl About {
    /// The environment variable that overrides the key.
    #[must_use]
    pub fn variable(&self) -> String {
        variable_of(&self.name)
    }
}

/// The variable of a key with this full name.
pub(crate) fn variable_of(name: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", name.replace('.', "__").to_ascii_uppercase())
}

/// The consequence of a change while the bridge runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReload {
    /// A reload takes the new value.
    Taken,
    /// The old value stays in force until a restart.
    Waits,
}

/// The line of a key in the example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Example {
    /// Commented out, with the default, or an ellipsis for a secret.
    Default,
    /// Commented out, with this value as TOML.
    SuchAs(&'static str),
    /// Set to this value as TOML.
    Set(&'static str),
}

/// A key's value in words, never a secret; empty when there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The full name of the key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// One field of a table: a key, a table below it, or several keys that give one value.
pub(crate) trait Field<F> {
    /// The same, with the name of the field and its doc comment.
    fn named(self, name: &'static str, doc: &'static str) -> Self;

    /// Lists its keys, in the order of the reference.
    fn keys(&self, above: &str, keys: &mut Vec<About>);

    /// Reads its value; `None` when a fault is in the book.
    fn read(&self, at: &At, book: &mut Book<'_>) -> Option<F>;

    /// Shows its value.
    fn show(&self, value: &F, above: &str, shown: &mut Vec<Shown>);

    /// The value in force after a reload. Names the keys that differ and wait for a restart.
    fn reload(&self, old: &F, new: &F, above: &str, waiting: &mut Vec<String>) -> F;
}

/// The values that a key can have: their kind, and the rules beyond the kind.
pub(crate) struct Shape<T> {
    kind: Kind,
    make: Make<T>,
    show: fn(&T) -> String,
    is_same: fn(&T, &T) -> bool,
    /// A warning about a value that is taken all the same.
    note: fn(&T) -> Option<String>,
}

/// The rule that makes the typed value of the plain one.
pub(crate) enum Make<T> {
    Flag(fn(bool) -> T),
    Integer(fn(i64) -> Result<T, Flaw>),
    Integers(fn(&[i64]) -> Result<T, Flaw>),
    Text(fn(&str) -> Result<T, Flaw>),
    /// A text in which a path may be relative to a directory.
    Located(fn(&str, &Path) -> Result<T, Flaw>),
    Texts(fn(&[String]) -> Result<T, Flaw>),
}

impl<T> Make<T> {
    fn of(&self, value: &Value, base: &Path) -> Result<T, Flaw> {
        match (self, value) {
            (Self::Flag(make), Value::Flag(flag)) => Ok(make(*flag)),
            (Self::Integer(make), Value::Integer(number)) => make(*number),
            (Self::Integers(make), Value::Integers(numbers)) => make(numbers),
            (Self::Text(make), Value::Text(text)) => make(text),
            (Self::Located(make), Value::Text(text)) => make(text, base),
            (Self::Texts(make), Value::Texts(texts)) => make(texts),
            (
                Self::Flag(_)
                | Self::Integer(_)
                | Self::Integers(_)
                | Self::Text(_)
                | Self::Located(_)
                | Self::Texts(_),
                _,
            ) => Err(Flaw::new("has a rule for another kind of value", "Report this as a fault of tandem")),
        }
    }
}

impl<T> Shape<T> {
    /// Values of a kind, with the rule that makes them.
    pub(crate) const fn new(kind: Kind, make: Make<T>, show: fn(&T) -> String, is_same: fn(&T, &T) -> bool) -> Self {
        Self { kind, make, show, is_same, note: |_| None }
    }

    /// The same, with a warning about some values.
    pub(crate) const fn noting(self, note: fn(&T) -> Option<String>) -> Self {
        Self { note, ..self }
    }

    /// A key that must be given; `remedy` is for the fault when it is not.
    pub(crate) const fn needed(self, remedy: &'static str) -> Key<T, T> {
        Key::new(self, identity, |value| Some(value), Absent::Fault(remedy))
    }

    /// A key with this default, written as in a variable.
    pub(crate) const fn or(self, default: &'static str) -> Key<T, T> {
        Key::new(self, identity, |value| Some(value), Absent::Default(default))
    }

    /// A key that may be left out.
    pub(crate) const fn optional(self) -> Key<T, Option<T>> {
        Key::new(self, Some, Option::as_ref, Absent::Left(|| None))
    }

    fn read(&self, at: &At, name: &str, book: &mut Book<'_>) -> Option<T> {
        let given = book.given(at, name)?;
        let made = match &given.value {
            Ok(value) => self.make.of(value, book.base),
            Err(flaw) => Err(flaw.clone()),
        };
        match made {
            Ok(made) => {
                if let Some(note) = (self.note)(&made) {
                    book.warn(at, name, note);
                }
                Some(made)
            }
            Err(flaw) => book.fault(at, name, flaw),
        }
    }
}

impl<T> Shape<Vec<T>> {
    /// A list that has no items when it is left out.
    pub(crate) const fn or_empty(self) -> Key<Vec<T>, Vec<T>> {
        Key::new(self, identity, |value| Some(value), Absent::Left(Vec::new))
    }
}

/// Shows a value as it is written in the file.
pub(crate) fn plainly<T: fmt::Display>(value: &T) -> String {
    value.to_string()
}

/// One key, whose shape makes a `T` and whose field holds an `F`.
pub(crate) struct Key<T, F> {
    shape: Shape<T>,
    wrap: fn(T) -> F,
    peel: fn(&F) -> Option<&T>,
    absent: Absent<F>,
    name: &'static str,
    doc: &'static str,
    on_reload: OnReload,
    /// Whether a new value waits for a restart, where a reload takes others.
    waits: fn(&T, &T) -> bool,
    example: Example,
}

/// The substitute for a key that is not given.
#[derive(Clone, Copy)]
enum Absent<F> {
    /// A fault with this remedy.
    Fault(&'static str),
    /// A default, written as in a variable.
    Default(&'static str),
    /// Nothing, as a value of the field.
    Left(fn() -> F),
}

impl<T, F> Key<T, F> {
    const fn new(shape: Shape<T>, wrap: fn(T) -> F, peel: fn(&F) -> Option<&T>, absent: Absent<F>) -> Self {
        let (name, doc) = ("", "");
        let (on_reload, example) = (OnReload::Waits, Example::Default);
        Self { shape, wrap, peel, absent, name, doc, on_reload, waits: |_, _| false, example }
    }

    /// A key whose new value a reload takes. The part of the bridge that uses it follows `serve::live`.
    pub(crate) const fn reloads(self) -> Self {
        Self { on_reload: OnReload::Taken, ..self }
    }

    /// The same, but for new values that the part which uses it cannot take.
    pub(crate) const fn reloads_unless(self, waits: fn(&T, &T) -> bool) -> Self {
        Self { waits, ..self.reloads() }
    }

    /// A key that the example shows commented out, with this value as TOML.
    pub(crate) const fn such_as(self, value: &'static str) -> Self {
        Self { example: Example::SuchAs(value), ..self }
    }

    /// A key that the example sets to this value as TOML.
    pub(crate) const fn set_to(self, value: &'static str) -> Self {
        Self { example: Example::Set(value), ..self }
    }

    fn default(&self, at: &At, text: &str, book: &mut Book<'_>) -> Option<F> {
        let made = value::from_variable(self.shape.kind, text);
        match made.and_then(|value| self.shape.make.of(&value, book.base)) {
            Ok(made) => Some((self.wrap)(made)),
            Err(flaw) => book.fault(at, self.name, flaw),
        }
    }
}

impl<T, F: Clone> Field<F> for Key<T, F> {
    fn named(self, name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, ..self }
    }

    fn keys(&self, above: &str, keys: &mut Vec<About>) {
        let default = match self.absent {
            Absent::Default(text) => Some(text),
            Absent::Fault(_) | Absent::Left(_) => None,
        };
        let Self { doc, on_reload, example, .. } = *self;
        keys.push(About {
            name: joined(above, self.name),
            kind: self.shape.kind,
            default,
            doc: doc.trim_ascii_start(),
            on_reload,
            example,
        });
    }

    fn read(&self, at: &At, book: &mut Book<'_>) -> Option<F> {
        if book.is_given(at, self.name) {
            return self.shape.read(at, self.name, book).map(self.wrap);
        }
        match self.absent {
            Absent::Fault(remedy) => book.fault(at, self.name, Flaw::new("is missing", remedy)),
            Absent::Default(text) => self.default(at, text, book),
            Absent::Left(nothing) => Some(nothing()),
        }
    }

    fn show(&self, value: &F, above: &str, shown: &mut Vec<Shown>) {
        let value = (self.peel)(value).map(self.shape.show).unwrap_or_default();
        shown.push(Shown { key: joined(above, self.name), value });
    }

    fn reload(&self, old: &F, new: &F, above: &str, waiting: &mut Vec<String>) -> F {
        let (is_same, waits) = match ((self.peel)(old), (self.peel)(new)) {
            (Some(old), Some(new)) => ((self.shape.is_same)(old, new), (self.waits)(old, new)),
            (None, None) => (true, false),
            (Some(_), None) | (None, Some(_)) => (false, false),
        };
        match self.on_reload {
            OnReload::Taken if !waits => new.clone(),
            OnReload::Taken | OnReload::Waits => {
                waiting.extend((!is_same).then(|| joined(above, self.name)));
                old.clone()
            }
        }
    }
}
