//! From the file's text and the environment to a value for each key, with its place. Decides about names and kinds only: the
//! tables of keys judge the values.

use toml::de::{DeTable, DeValue};

use super::accounts::ACCOUNTS;
use super::named::{self, Vendors};
use super::near;
use super::reference::{self, VARIABLE_PREFIX};
use crate::keys::book::{At, Gathered, as_written, joined};
use crate::keys::fault::{Fault, Place};
use crate::keys::value::{from_file, from_variable};

/// Stands in for the key of a fault that spoils the whole file.
const WHOLE_FILE: &str = "the file";

/// Reads the file, then lets the environment override it.
pub(super) fn gather(file: Option<&str>, env: impl IntoIterator<Item = (String, String)>) -> Gathered {
    let mut gathered = Gathered::default();
    let variables: Vec<(String, String)> = env.into_iter().collect();
    let mut vendors = named::vendors_in_variables(&variables);
    if let Some(text) = file {
        gathered.read_file(text, &mut vendors);
    }
    for (name, text) in variables {
        gathered.read_variable(&name, &text, &mut vendors);
    }
    gathered
}

impl Gathered {
    fn read_file(&mut self, text: &str, vendors: &mut Vendors) {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            // Only the message: the error's own display quotes the line, and the line may hold a secret.
            let place = error.span().map_or(Place::Nowhere, |span| Place::of(text, &span));
            let remedy = "Mend the TOML there; everything after it may have been misread";
            let problem = format!("is not valid TOML: {}", one_line(error.message()));
            self.broken.push(Fault::new(WHOLE_FILE, problem, remedy).at(place));
        }
        for (name, value) in table.get_ref() {
            let place = Place::of(text, &name.span());
            let name = as_written(name.get_ref());
            match (named::list_called(&name), value.get_ref()) {
                (Some(list), value) => self.read_list(list, text, value, place),
                (None, DeValue::Table(accounts)) if name == ACCOUNTS => self.read_accounts(text, accounts, vendors),
                (None, DeValue::Array(_)) if name == ACCOUNTS => self.listed_accounts(place),
                (None, _) if name == ACCOUNTS => self.no_accounts(name, place),
                (None, _) => {}
            }
        }
        self.read_table(text, &At::top(), "", table.get_ref());
    }

    /// Reads a table that the reference calls `above`.
    pub(super) fn read_table(&mut self, text: &str, at: &At, above: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let place = Place::of(text, &name.span());
            let bare = name.get_ref();
            let written = as_written(bare);
            let full = joined(above, &written);
            match (reference::find(&full), value.get_ref()) {
                (None, _) if named::is_read_by_name(at, above, &written) => {}
                (Some(key), value) => self.put(at.key(&written), from_file(key.kind, value), place),
                (None, DeValue::Table(table)) if reference::is_table(&full) => {
                    self.read_table(text, &at.below(&written), &full, table);
                }
                (None, _) if reference::is_table(&full) => {
                    let remedy = format!("Write [{}] on a line of its own and its keys below", at.shown(&written));
                    self.unknown(at.shown(&written), "is a table, not a value", remedy, place);
                }
                (None, value) => {
                    let account = |table: &_| named::remedy_of_account_elsewhere(at, above, bare, table);
                    let remedy = value.as_table().and_then(account);
                    let remedy = remedy.unwrap_or_else(|| near::remedy_in_file(above, at.title(), bare));
                    self.unknown(at.shown(&written), NO_KEY, remedy, place);
                }
            }
        }
    }

    fn read_variable(&mut self, name: &str, text: &str, vendors: &mut Vendors) {
        let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else { return };
        let place = Place::Variable(name.to_owned());
        match reference::find_variable(name) {
            Some(key) => self.put(key.name.clone(), from_variable(key.kind, text), place),
            None if self.read_variable_of_a_name(rest, text, vendors, &place) => {}
            None if is_from_the_cluster(rest, text) => {}
            None => {
                let full = rest.to_ascii_lowercase().replace("__", ".");
                self.unknown(full, NO_KEY, near::remedy_of_variable(rest), place);
            }
        }
    }
}

const NO_KEY: &str = "is not a key of the configuration";

/// Kubernetes describes every service to every container: a service called `tandem` or `tandem-…` brings variables
/// that are not meant for us (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>).
fn is_from_the_cluster(rest: &str, text: &str) -> bool {
    let is_word = |word: &str| rest == word || rest.ends_with(&format!("_{word}"));
    let is_port_link = rest == "PORT" || rest.starts_with("PORT_") || rest.contains("_PORT");
    let link = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| text.starts_with(scheme));
    let detail = ["PROTO", "PORT", "ADDR"].iter().any(|word| is_word(word))
        && ["_TCP_", "_UDP_", "_SCTP_"].iter().any(|protocol| rest.contains(protocol));
    is_word("SERVICE_HOST")
        || is_word("SERVICE_PORT")
        || rest.contains("SERVICE_PORT_")
        || (is_port_link && (link || detail))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
