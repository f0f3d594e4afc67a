//! The tables that people name: `[[operators]]`, `[[lines]]` and `[accounts.NAME]`, and the variables that find them by
//! name. Decides about names and kinds only, like `read`.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::accounts::{ACCOUNTS, likely_name};
use super::near;
use super::operators::in_variables;
use super::reference::{self, About, LINES, OPERATORS, VARIABLE_PREFIX};
use crate::domain::operator::handle;
use crate::keys::book::{At, Gathered, Given, as_written, joined};
use crate::keys::fault::Place;
use crate::keys::kind::{Item, Kind};
use crate::keys::shapes::Word;
use crate::keys::spelling::nearest;
use crate::keys::value::{Value, from_file, from_variable};
use crate::vendors::registry::Vendor;

/// A list of tables, each with a name.
pub(super) struct List {
    /// The name of the list.
    name: &'static str,
    /// One of its tables, in words.
    member: &'static str,
    keys: fn() -> &'static [About],
    /// The name of a table in faults.
    called: fn(&str) -> Option<String>,
}

const LISTS: [List; 2] = [
    List { name: OPERATORS, member: "operator", keys: || &reference::OPERATOR_KEYS, called: handle },
    List { name: LINES, member: "line", keys: || &reference::LINE_KEYS, called: |name| Some(as_written(name)) },
];

/// The list of that name.
pub(super) fn list_called(name: &str) -> Option<&'static List> {
    LISTS.iter().find(|list| list.name == name)
}

impl List {
    fn remedy(&self) -> String {
        format!("Write [[{}]] on a line of its own for each {}, and the keys below", self.name, self.member)
    }

    fn find(&self, name: &str) -> Option<&'static About> {
        (self.keys)().iter().find(|key| key.name == name)
    }

    /// The remedy for a name that is none of its keys.
    fn remedy_of_key(&self, name: &str) -> String {
        let known: Vec<&str> = (self.keys)().iter().map(|key| key.name.as_str()).collect();
        near::remedy_in_list(self.name, name, &known)
    }

    fn no_key(&self) -> String {
        let article = if self.member.starts_with('o') { "an" } else { "a" };
        format!("is not a key of {article} {}", self.member)
    }
}

/// Whether a name in a table, which the reference calls `above`, is read here.
pub(super) fn is_read_by_name(at: &At, above: &str, name: &str) -> bool {
    match above {
        "" => name == ACCOUNTS || list_called(name).is_some(),
        vendor => name == reference::VENDOR && at.title() != vendor && Vendor::of_word(vendor).is_ok(),
    }
}

/// The vendor of each account by the account's name; `None` for a word that names no vendor.
pub(super) type Vendors = BTreeMap<String, Option<Vendor>>;

/// The kind of an account's key `vendor`.
const VENDOR_KIND: Kind = Kind::One(Item::Word(Vendor::WORDS));

/// The beginning of the variables of accounts, and the end of the one that makes an account, behind [`VARIABLE_PREFIX`].
const ACCOUNT_VARIABLES: &str = "ACCOUNTS__";
const VENDOR_VARIABLE: &str = "VENDOR";

/// The vendors that variables give.
pub(super) fn vendors_in_variables(variables: &[(String, String)]) -> Vendors {
    let vendor = |(variable, text): &(String, String)| {
        let (name, key) = account_and_key(variable)?;
        (key == VENDOR_VARIABLE).then(|| (name, Vendor::of_word(text).ok()))
    };
    variables.iter().filter_map(vendor).collect()
}

/// Whether a variable makes an account.
pub(super) fn makes_an_account(variable: &str) -> bool {
    account_and_key(variable).is_some_and(|(_, key)| key == VENDOR_VARIABLE)
}

/// The account's name in a variable, and the rest. A name has no underscore, so each in a variable is a hyphen.
fn account_and_key(variable: &str) -> Option<(String, &str)> {
    let rest = variable.strip_prefix(VARIABLE_PREFIX)?.strip_prefix(ACCOUNT_VARIABLES)?;
    let (name, key) = rest.split_once("__")?;
    Some((name.to_ascii_lowercase().replace('_', "-"), key))
}

/// Whether every account, or every account of one vendor, has a key of this name.
fn is_key_of_an_account(name: &str) -> bool {
    name == reference::VENDOR || near::vendor_with(name).is_some()
}

const IS_A_LIST: &str = "is a list, but each account has a table of its name";

/// The remedy for a table that is none of the configuration, where it is most likely that of an account.
pub(super) fn remedy_of_account_elsewhere(at: &At, above: &str, name: &str, table: &DeTable<'_>) -> Option<String> {
    let is_one = match above {
        "" => table.contains_key(reference::VENDOR),
        vendor => Vendor::of_word(vendor).is_ok() && table.keys().any(|key| is_key_of_an_account(key.get_ref())),
    };
    let (name, shown) = (likely_name(name), at.shown(&as_written(name)));
    is_one.then(|| format!("Write [{ACCOUNTS}.{name}] in place of [{shown}], and the vendor below"))
}

impl Gathered {
    /// Reads a list of tables.
    pub(super) fn read_list(&mut self, list: &List, text: &str, value: &DeValue<'_>, place: Place) {
        let DeValue::Array(items) = value else {
            return self.unknown(list.name.to_owned(), "is no list of tables", list.remedy(), place);
        };
        for (index, item) in items.iter().enumerate() {
            let place = Place::of(text, &item.span());
            let DeValue::Table(table) = item.get_ref() else {
                self.unknown(list.name.to_owned(), "holds something that is no table", list.remedy(), place);
                continue;
            };
            let named = table.iter().find(|(key, _)| key.get_ref() == "name");
            let named = named.and_then(|(_, name)| name.get_ref().as_str());
            let number = format!("{}[{}]", list.name, index + 1);
            let shown = named.and_then(list.called).map_or_else(|| number.clone(), |name| joined(list.name, &name));
            let at = At::entry(number, shown, place);
            for (name, value) in table {
                let place = Place::of(text, &name.span());
                let name = as_written(name.get_ref());
                match list.find(&name) {
                    Some(key) => self.put(at.key(&name), from_file(key.kind, value.get_ref()), place),
                    None => self.unknown(at.shown(&name), list.no_key(), list.remedy_of_key(&name), place),
                }
            }
            self.lists.entry(list.name).or_default().push(at);
        }
    }

    /// Reads the tables below `[accounts]`, each by the keys of its vendor.
    pub(super) fn read_accounts(&mut self, text: &str, accounts: &DeTable<'_>, vendors: &mut Vendors) {
        for (name, value) in accounts {
            let place = Place::of(text, &name.span());
            let (name, written) = (name.get_ref(), as_written(name.get_ref()));
            let full = joined(ACCOUNTS, &written);
            let DeValue::Table(table) = value.get_ref() else {
                if is_key_of_an_account(&written) {
                    self.bare_accounts(place);
                } else if matches!(value.get_ref(), DeValue::Array(_)) {
                    let remedy = format!("Write [{full}] in place of [[{full}]]");
                    self.unknown(full, IS_A_LIST, remedy, place);
                } else {
                    self.no_accounts(full, place);
                }
                continue;
            };
            let at = At::entry(full.clone(), full, place);
            let given = table.iter().find(|(key, _)| key.get_ref() == reference::VENDOR);
            if let Some((key, value)) = given {
                let place = Place::of(text, &key.span());
                self.put(at.key(reference::VENDOR), from_file(VENDOR_KIND, value.get_ref()), place);
            } else if !vendors.contains_key(name.as_ref()) {
                self.misspelt_vendor(text, &at, table);
            }
            let of_file = || Vendor::of_word(given?.1.get_ref().as_str()?).ok();
            // The keys of an unknown vendor cannot be judged; its name is the fault to mend first.
            if let Some(vendor) = *vendors.entry(name.to_string()).or_insert_with(of_file) {
                self.read_table(text, &at, vendor.word(), table);
            }
            self.accounts.push((name.to_string(), at));
        }
    }

    /// Notes a name that was meant for the key `vendor` in the table of an account without one, whose other keys cannot be
    /// judged.
    fn misspelt_vendor(&mut self, text: &str, at: &At, table: &DeTable<'_>) {
        for name in table.keys().filter(|name| nearest(name.get_ref(), [reference::VENDOR].into_iter()).is_some()) {
            let shown = at.shown(&as_written(name.get_ref()));
            let remedy = format!("Did you mean {}? Mend the name, or remove it", reference::VENDOR);
            self.unknown(shown, "is not a key of an account", remedy, Place::of(text, &name.span()));
        }
    }

    /// Notes keys of an account in the table above the accounts, once for all of them.
    fn bare_accounts(&mut self, place: Place) {
        if !self.unknown.iter().any(|fault| fault.key == ACCOUNTS) {
            let remedy = "Write [accounts.NAME], with the name of the account, in place of [accounts]";
            self.unknown(ACCOUNTS.to_owned(), "has keys of an account, which has a name", remedy, place);
        }
    }

    /// Notes a list where tables of accounts are expected.
    pub(super) fn listed_accounts(&mut self, place: Place) {
        let remedy = "Write [accounts.NAME], with the name of the account, in place of [[accounts]]";
        self.unknown(ACCOUNTS.to_owned(), IS_A_LIST, remedy, place);
    }

    /// Notes a value where tables of accounts are expected.
    pub(super) fn no_accounts(&mut self, name: String, place: Place) {
        let remedy = "Write [accounts.NAME] on a line of its own for each account, and its keys below";
        self.unknown(name, "is a table, not a value", remedy, place);
    }

    /// Reads a variable that finds its table by name; false when it is none. The file has said by now who there is.
    pub(super) fn read_variable_of_a_name(
        &mut self,
        rest: &str,
        text: &str,
        vendors: &mut Vendors,
        place: &Place,
    ) -> bool {
        let of = |list: &str| rest.strip_prefix(list)?.strip_prefix("__");
        match (of("OPERATORS"), of("LINES"), rest.strip_prefix(ACCOUNT_VARIABLES)) {
            (Some(rest), _, _) => self.read_operator_variable(rest, text, place.clone()),
            (None, Some(rest), _) => {
                let shown = joined(LINES, &rest.to_ascii_lowercase().replace("__", "."));
                let remedy = "Write it into its [[lines]] table in the file, and unset the variable";
                self.unknown(shown, "is given by a variable, but lines have none", remedy, place.clone());
            }
            (None, None, Some(rest)) => self.read_account_variable(rest, text, vendors, place.clone()),
            (None, None, None) => return false,
        }
        true
    }

    /// `OPERATORS__ADA__TOKEN` is the token of the operator `ada`.
    fn read_operator_variable(&mut self, rest: &str, text: &str, place: Place) {
        let (name, word) = rest.rsplit_once("__").unwrap_or((rest, ""));
        let operators = self.lists.get(OPERATORS).map(Vec::as_slice).unwrap_or_default();
        let Some(at) = operators.iter().find(|at| self.is_called(at, name)).cloned() else {
            let shown = joined(OPERATORS, &name.to_ascii_lowercase());
            let remedy = "Give the operator a [[operators]] table with that name in the file, or unset the variable";
            return self.unknown(shown, "is no operator of the configuration", remedy, place);
        };
        let is_meant = |key: &&About| key.name != "name" && in_variables(&key.name) == word;
        let [list, _] = &LISTS;
        match reference::OPERATOR_KEYS.iter().find(is_meant) {
            Some(key) => self.put(at.key(&key.name), from_variable(key.kind, text), place),
            None => {
                let name = word.to_ascii_lowercase();
                self.unknown(at.shown(&name), list.no_key(), list.remedy_of_key(&name), place);
            }
        }
    }

    /// Whether variables spell the name of this operator so.
    fn is_called(&self, at: &At, name: &str) -> bool {
        match self.values.get(&at.key("name")) {
            Some(Given { value: Ok(Value::Text(known)), .. }) => in_variables(known) == name,
            Some(_) | None => false,
        }
    }

    /// `ACCOUNTS__SUPPORT_EU__CLIENT_SECRET` is a key of the account `support-eu`, which the file or a variable with its
    /// vendor has made.
    fn read_account_variable(&mut self, rest: &str, text: &str, vendors: &mut Vendors, place: Place) {
        let (spelt, word) = rest.split_once("__").unwrap_or((rest, ""));
        let name = spelt.to_ascii_lowercase().replace('_', "-");
        let shown = joined(ACCOUNTS, &as_written(&name));
        if spelt.contains('-') {
            let right = spelt.replace('-', "_").to_ascii_uppercase();
            let remedy = format!("Write {VARIABLE_PREFIX}{ACCOUNT_VARIABLES}{right}__{word}");
            return self.unknown(shown, "is spelt with a hyphen, where a variable has an underscore", remedy, place);
        }
        let Some(vendor) = vendors.get(&name).copied().filter(|_| spelt.to_ascii_uppercase() == spelt) else {
            let remedy = near::remedy_of_account(&name, vendors.keys().map(String::as_str), word);
            return self.unknown(shown, "is no account of the configuration", remedy, place);
        };
        let at = match self.accounts.iter().find(|(known, _)| *known == name) {
            Some((_, at)) => at.clone(),
            None => {
                let at = At::entry(shown.clone(), shown, Place::Nowhere);
                self.accounts.push((name, at.clone()));
                at
            }
        };
        if word == VENDOR_VARIABLE {
            return self.put(at.key(reference::VENDOR), from_variable(VENDOR_KIND, text), place);
        }
        let Some(vendor) = vendor else { return };
        match reference::find_variable(&format!("{VARIABLE_PREFIX}{}__{word}", vendor.word().to_ascii_uppercase())) {
            Some(key) => {
                let own = key.name.strip_prefix(vendor.word()).unwrap_or_default().trim_start_matches('.');
                self.put(at.key(own), from_variable(key.kind, text), place);
            }
            None => {
                let name = word.to_ascii_lowercase().replace("__", ".");
                let remedy = near::remedy_of_account_variable(vendor.word(), spelt, &name);
                let problem = format!("is not a key of a {} account", vendor.title());
                self.unknown(at.shown(&name), problem, remedy, place);
            }
        }
    }
}
