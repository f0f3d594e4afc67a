//! All keys, as lists: names, kinds, defaults and purposes. Unknown names, variables and the reference go by it, so they
//! cannot disagree with the tables of keys that it is made of.

use std::sync::LazyLock;

use super::accounts::{VendorKey, table_of};
use super::bridge::Config;
use super::lines::LineKeys;
use super::operators::OperatorKeys;
use crate::keys::fault::Fault;
use crate::keys::key::variable_of;
use crate::keys::shapes::Word;
use crate::keys::table::Table;
use crate::vendors::registry::Vendor;

pub use super::accounts::ACCOUNTS;
pub use super::lines::LINES;
pub use super::operators::OPERATORS;
pub use crate::keys::key::{About, Example, OnReload, VARIABLE_PREFIX};
pub use crate::keys::kind::{Item, Kind};
pub use crate::keys::shapes::SIGNATURE_TOLERANCE_MAX_SECONDS;

/// Every key, in the order of the reference.
pub static KEYS: LazyLock<Vec<About>> = LazyLock::new(of::<Config>);

/// The keys of each `[[operators]]`, in the order of the reference.
pub static OPERATOR_KEYS: LazyLock<Vec<About>> = LazyLock::new(of::<OperatorKeys>);

/// The keys of each `[[lines]]`, in the order of the reference.
pub static LINE_KEYS: LazyLock<Vec<About>> = LazyLock::new(of::<LineKeys>);

/// The keys that every `[accounts.NAME]` has beside those of its vendor: there is one, of this name.
pub static ACCOUNT_KEYS: LazyLock<Vec<About>> = LazyLock::new(of::<VendorKey>);
pub(super) const VENDOR: &str = "vendor";

fn of<T: Table>() -> Vec<About> {
    let mut keys = Vec::new();
    T::keys("", &mut keys);
    keys
}

/// The key of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static About> {
    KEYS.iter().find(|key| key.name == name)
}

/// The key of that variable.
#[must_use]
pub fn find_variable(variable: &str) -> Option<&'static About> {
    KEYS.iter().find(|key| key.variable() == variable)
}

/// Whether keys stand below this name, so that it is a table.
pub(super) fn is_table(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// Whether a key of this name stands at the top of the file.
pub(super) fn is_of_the_top(name: &str) -> bool {
    !name.contains('.') && find(name).is_some()
}

/// The names that may stand directly in this table ("" for the top), for the remedy of an unknown key.
pub(super) fn known_in(table: &str) -> Vec<&'static str> {
    let prefix = if table.is_empty() { String::new() } else { format!("{table}.") };
    let mut names: Vec<&'static str> = Vec::new();
    for name in KEYS.iter().filter_map(|key| key.name.strip_prefix(prefix.as_str())) {
        let first = name.split('.').next().unwrap_or(name);
        if !names.contains(&first) {
            names.push(first);
        }
    }
    names
}

/// The vendor in whose own table the key of this name stands.
#[must_use]
pub fn vendor_of(key: &str) -> Option<Vendor> {
    key.split_once('.').and_then(|(table, _)| Vendor::of_word(table).ok())
}

/// The name of a key or a table as a file has it: that of a vendor without a table of its own is an account's.
#[must_use]
pub fn name_in_file(name: &str) -> String {
    let (table, below) = name.split_at(name.find('.').unwrap_or(name.len()));
    let of_vendor = Vendor::of_word(table).ok().and_then(table_of);
    of_vendor.map_or_else(|| name.to_owned(), |table| table.name() + below)
}

/// The variable of a key, as [`name_in_file`] has the key.
#[must_use]
pub fn variable_in_file(key: &About) -> String {
    variable_of(&name_in_file(&key.name))
}

/// Faults by their key in the order of the reference, unknown names first: those are often the cause of a key that is
/// missing.
pub(super) fn in_order(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(|fault| {
        let is_below = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
        let concerns = |table: &&str| fault.key.strip_prefix(*table).is_some_and(is_below);
        // Tables with names are told behind the key that stands before them in the reference.
        let last_of_vendors = KEYS.iter().rfind(|key| vendor_of(&key.name).is_some()).map_or("", |key| &key.name);
        let before = [(OPERATORS, "operator_token"), (ACCOUNTS, last_of_vendors), (LINES, last_of_vendors)];
        let name = before.iter().find(|(table, _)| concerns(table)).map_or(fault.key.as_str(), |(_, key)| key);
        KEYS.iter().position(|key| key.name == name)
    });
    faults
}
