//! The steps of setting up an account at its vendor by calls, as values. Pure. Each vendor's own `setup` compares the wanted
//! objects with the found ones, and never makes a step that writes to an object that is not ours.

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;

/// A change to the account's settings, as it goes over the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// POST, PUT, PATCH or DELETE.
    pub method: Method,
    /// The path, behind the account's address.
    pub path: String,
    /// The body; none for DELETE.
    pub body: Option<Value>,
}

/// The step for one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The object, with its name: `webhook "tandem"`.
    pub what: String,
    /// The kind of the step.
    pub does: Does,
    /// Its id, where it exists.
    pub id: Option<String>,
    /// Its call; `None` where it changes nothing.
    pub write: Option<Write>,
}

/// The kinds of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    /// Nothing: it is as it should be.
    Keeps,
    /// It was not there.
    Creates,
    /// It had drifted, in these ways.
    Mends(Vec<String>),
    /// It is ours and goes.
    Removes,
    /// It is not ours, for this reason, and stays.
    Leaves(String),
    /// It stands in the way, and only a person can put it right.
    Refuses(String),
}

impl Step {
    pub(super) fn keep(what: String, id: impl ToString) -> Self {
        Self { what, does: Does::Keeps, id: Some(id.to_string()), write: None }
    }

    pub(super) fn create(what: String, path: &str, body: Value) -> Self {
        let write = Write { method: Method::POST, path: path.to_owned(), body: Some(body) };
        Self { what, does: Does::Creates, id: None, write: Some(write) }
    }

    pub(super) fn mend(what: String, id: impl ToString, faults: Vec<String>, write: Write) -> Self {
        Self { what, does: Does::Mends(faults), id: Some(id.to_string()), write: Some(write) }
    }

    pub(super) fn remove(what: String, id: impl ToString, path: &str) -> Self {
        let id = id.to_string();
        let write = Write { method: Method::DELETE, path: format!("{path}/{id}"), body: None };
        Self { what, does: Does::Removes, id: Some(id), write: Some(write) }
    }

    pub(super) fn untouched(what: String, id: impl ToString, does: Does) -> Self {
        Self { what, does, id: Some(id.to_string()), write: None }
    }
}

/// Whether the secret that a webhook presents or signs with is one of those that are configured.
#[must_use]
pub fn is_among(secret: &SecretString, known: &[SecretString]) -> bool {
    known.iter().any(|known| known.expose_secret() == secret.expose_secret())
}
