//! A fault and a warning of a configuration, each with its place and its remedy.
//!
//! Never holds the value of a secret, nor any value that might be a secret in the wrong place.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// It was not given.
    #[serde(rename = "none")]
    Nowhere,
    /// This line of the configuration file, from 1.
    Line(usize),
    /// This environment variable.
    Variable(String),
}

impl Place {
    /// The line of the file's text at which a span of bytes begins.
    pub(crate) fn of(text: &str, span: &Range<usize>) -> Self {
        let before = text.as_bytes().get(..span.start).unwrap_or(text.as_bytes());
        Self::Line(before.iter().filter(|byte| **byte == b'\n').count() + 1)
    }

    pub(crate) fn is_variable(&self) -> bool {
        matches!(self, Self::Variable(_))
    }
}

/// A fault whose key and place are not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// As [`Fault::problem`].
    pub(crate) problem: String,
    /// As [`Fault::remedy`].
    pub(crate) remedy: String,
}

impl Flaw {
    pub(crate) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }
}

/// One fault. [`fmt::Display`] gives the whole story in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The key, with dots between its levels; for a fault without a key, the name of the file.
    pub key: String,
    /// Where the value came from.
    pub place: Place,
    /// The fault in words: continues a sentence that starts with the key.
    pub problem: String,
    /// The remedy: a sentence in the imperative without its full stop.
    pub remedy: String,
}

impl Fault {
    /// A fault that no line and no variable is to blame for.
    #[must_use]
    pub fn new(key: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { key: key.into(), place: Place::Nowhere, problem: problem.into(), remedy: remedy.into() }
    }

    /// The same, with its place.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        match &self.place {
            Place::Nowhere => {}
            Place::Line(line) => write!(f, " (line {line})")?,
            Place::Variable(name) => write!(f, " ({name})")?,
        }
        write!(f, " {}. {}.", self.problem, self.remedy)
    }
}

/// A setting that works, but that the operator should reconsider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The key.
    pub key: String,
    /// The reason: continues a sentence that starts with the key.
    pub problem: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}.", self.key, self.problem)
    }
}
