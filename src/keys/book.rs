//! The book of one reading: the values that were given, the faults and the warnings. Never knows which keys there are.

use std::collections::BTreeMap;
use std::path::Path;

use super::fault::{Fault, Flaw, Place, Warning};
use super::value::Value;

/// A value of a key, or the flaw that keeps it from being one, and its place.
pub(crate) struct Given {
    pub(crate) value: Result<Value, Flaw>,
    pub(crate) place: Place,
}

/// A table of the file: where its keys are looked up, and how faults name it.
#[derive(Clone, Debug)]
pub(crate) struct At {
    /// Unique, such as `store.url`, `accounts.support-eu` or `operators[1]`; empty for the top of the file.
    name: String,
    /// The name for people, such as `operators.ada`.
    shown: String,
    /// The place of a key that the table lacks.
    place: Place,
}

impl At {
    /// The top of the file.
    pub(crate) fn top() -> Self {
        Self { name: String::new(), shown: String::new(), place: Place::Nowhere }
    }

    /// One table of a list of tables, which people know by another name than its number.
    pub(crate) fn entry(name: String, shown: String, place: Place) -> Self {
        Self { name, shown, place }
    }

    /// The table of that name below this one.
    pub(crate) fn below(&self, name: &str) -> Self {
        Self { name: joined(&self.name, name), shown: joined(&self.shown, name), place: self.place.clone() }
    }

    /// The unique name of a key of this table.
    pub(crate) fn key(&self, name: &str) -> String {
        joined(&self.name, name)
    }

    /// The name of this table for people.
    pub(crate) fn title(&self) -> &str {
        &self.shown
    }

    /// The name of a key of this table for people.
    pub(crate) fn shown(&self, name: &str) -> String {
        joined(&self.shown, name)
    }
}

/// The full name of a key, or of a table, below another.
pub(crate) fn joined(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}

/// A name as a TOML file writes it: in quotation marks where it is blank or holds anything out of the ordinary, so that
/// a fault about it is one line and can be understood.
pub(crate) fn as_written(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare { name.to_owned() } else { format!("{name:?}") }
}

/// Everything that was found in file and environment.
#[derive(Default)]
pub(crate) struct Gathered {
    /// By the unique names of their keys.
    pub(crate) values: BTreeMap<String, Given>,
    /// The tables of each list of tables, by the list's name and in the order of the file.
    pub(crate) lists: BTreeMap<&'static str, Vec<At>>,
    /// The tables of accounts with their names, those of the file first.
    pub(crate) accounts: Vec<(String, At)>,
    /// Broken TOML, which may concern any key.
    pub(crate) broken: Vec<Fault>,
    /// Names that are no keys.
    pub(crate) unknown: Vec<Fault>,
}

impl Gathered {
    /// A value that overrides another takes its place, even when it is flawed.
    pub(crate) fn put(&mut self, key: String, value: Result<Value, Flaw>, place: Place) {
        self.values.insert(key, Given { value, place });
    }

    /// Notes a name that is no key.
    pub(crate) fn unknown(
        &mut self,
        name: String,
        problem: impl Into<String>,
        remedy: impl Into<String>,
        place: Place,
    ) {
        self.unknown.push(Fault::new(name, problem, remedy).at(place));
    }
}

/// The book of one reading. A fault that is booked twice is told once, so a rule may read a key that another one read.
pub(crate) struct Book<'a> {
    /// Relative paths are relative to this directory.
    pub(crate) base: &'a Path,
    /// As [`Gathered::accounts`].
    pub(crate) accounts: Vec<(String, At)>,
    lists: BTreeMap<&'static str, Vec<At>>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) warnings: Vec<Warning>,
    values: BTreeMap<String, Given>,
}

impl<'a> Book<'a> {
    /// A book in which every name that is no key is a fault.
    pub(crate) fn new(gathered: Gathered, base: &'a Path) -> Self {
        let Gathered { values, lists, accounts, mut broken, unknown } = gathered;
        broken.extend(unknown);
        Self { base, accounts, lists, faults: broken, warnings: Vec::new(), values }
    }

    /// A book for a command that reads a few keys, and minds no fault elsewhere.
    pub(crate) fn of_a_few(gathered: Gathered, base: &'a Path) -> Self {
        Self::new(Gathered { unknown: Vec::new(), ..gathered }, base)
    }

    /// The tables of a list of tables, in the order of the file.
    pub(crate) fn list(&self, name: &str) -> Vec<At> {
        self.lists.get(name).cloned().unwrap_or_default()
    }

    /// Whether any key of a table or of those below it was given, be it wrongly.
    pub(crate) fn is_begun(&self, at: &At) -> bool {
        self.values.keys().any(|key| key.strip_prefix(&at.name).is_some_and(|rest| rest.starts_with('.')))
    }

    /// The value of a key, where one was given.
    pub(crate) fn given(&self, at: &At, name: &str) -> Option<&Given> {
        self.values.get(&at.key(name))
    }

    /// Whether a key was given, be it wrongly.
    pub(crate) fn is_given(&self, at: &At, name: &str) -> bool {
        self.values.contains_key(&at.key(name))
    }

    /// Whether a key of this name was given in any table, be it wrongly.
    pub(crate) fn is_given_anywhere(&self, name: &str) -> bool {
        self.values.keys().any(|key| key.rsplit('.').next() == Some(name))
    }

    /// Whether the value of a key is a variable's.
    pub(crate) fn is_variable(&self, at: &At, name: &str) -> bool {
        self.given(at, name).is_some_and(|given| given.place.is_variable())
    }

    /// Books a fault with the place of the key's value, and gives the `None` that stands for it.
    pub(crate) fn fault<T>(&mut self, at: &At, name: &str, flaw: Flaw) -> Option<T> {
        let place = self.given(at, name).map_or_else(|| at.place.clone(), |given| given.place.clone());
        let fault = Fault::new(at.shown(name), flaw.problem, flaw.remedy).at(place);
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
        None
    }

    /// Books a fault of a whole table.
    pub(crate) fn fault_of_table<T>(&mut self, at: &At, flaw: Flaw) -> Option<T> {
        let fault = Fault::new(at.shown.clone(), flaw.problem, flaw.remedy).at(at.place.clone());
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
        None
    }

    /// Books a warning.
    pub(crate) fn warn(&mut self, at: &At, name: &str, problem: impl Into<String>) {
        let warning = Warning { key: at.shown(name), problem: problem.into() };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Reads without a word of the faults.
    pub(crate) fn quietly<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let told = self.faults.len();
        let found = read(self);
        self.faults.truncate(told);
        found
    }
}
