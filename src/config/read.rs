//! From the file's text and the environment to a value for each key, with its place. Decides about names and kinds only: the
//! tables of keys judge the values.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::book::{At, Gathered, Given, joined};
use super::fault::{Fault, Flaw, Place};
use super::keys::{self, About, OPERATORS, VARIABLE_PREFIX};
use super::near;
use super::operators::in_variables;
use super::value::{Value, from_file, from_variable};
use crate::domain::operator::handle;

/// Stands in for the key of a fault that spoils the whole file.
const WHOLE_FILE: &str = "the file";

/// Reads the file, then lets the environment override it.
pub(super) fn gather(file: Option<&str>, env: impl IntoIterator<Item = (String, String)>) -> Gathered {
    let mut gathered = Gathered::default();
    if let Some(text) = file {
        gathered.read_file(text);
    }
    for (name, text) in env {
        gathered.read_variable(&name, &text);
    }
    gathered
}

impl Gathered {
    fn read_file(&mut self, text: &str) {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            // Only the message: the error's own display quotes the line, and the line may hold a secret.
            let place = error.span().map_or(Place::Nowhere, |span| Place::Line(line_of(text, &span)));
            let remedy = "Mend the TOML there; everything after it may have been misread";
            let problem = format!("is not valid TOML: {}", one_line(error.message()));
            self.broken.push(Fault::new(WHOLE_FILE, problem, remedy).at(place));
        }
        self.read_table(text, "", table.get_ref());
    }

    fn read_table(&mut self, text: &str, above: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let place = Place::Line(line_of(text, &name.span()));
            let bare = name.get_ref();
            let full = joined(above, &as_written(bare));
            match (keys::find(&full), value.get_ref()) {
                (None, DeValue::Array(items)) if full == OPERATORS => self.read_operators(text, items),
                (None, _) if full == OPERATORS => self.unknown(full, "is no list of tables", OPERATORS_REMEDY, place),
                (Some(key), value) => self.put(full, from_file(key.kind, value), place),
                (None, DeValue::Table(table)) if keys::is_table(&full) => self.read_table(text, &full, table),
                (None, _) if keys::is_table(&full) => {
                    let remedy = format!("Write [{full}] on a line of its own and its keys below");
                    self.unknown(full, "is a table, not a value", remedy, place);
                }
                (None, _) => self.unknown(full, NO_KEY, near::remedy_in_file(above, bare), place),
            }
        }
    }

    fn read_variable(&mut self, name: &str, text: &str) {
        let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else { return };
        let place = Place::Variable(name.to_owned());
        match keys::find_variable(name) {
            Some(key) => self.put(key.name.clone(), from_variable(key.kind, text), place),
            None if rest.starts_with(OPERATOR_VARIABLES) => self.read_operator_variable(rest, text, place),
            None if is_from_the_cluster(rest, text) => {}
            None => {
                let full = rest.to_ascii_lowercase().replace("__", ".");
                self.unknown(full, NO_KEY, near::remedy_of_variable(rest), place);
            }
        }
    }

    fn read_operators(&mut self, text: &str, items: &[Spanned<DeValue<'_>>]) {
        for (index, item) in items.iter().enumerate() {
            let place = Place::Line(line_of(text, &item.span()));
            let DeValue::Table(table) = item.get_ref() else {
                self.unknown(OPERATORS.to_owned(), "holds something that is no table", OPERATORS_REMEDY, place);
                continue;
            };
            let named =
                table.iter().find(|(key, _)| key.get_ref() == "name").and_then(|(_, name)| name.get_ref().as_str());
            let number = format!("{OPERATORS}[{}]", index + 1);
            let shown = named.and_then(handle).map_or_else(|| number.clone(), |name| joined(OPERATORS, &name));
            let at = At::entry(number, shown, place);
            for (name, value) in table {
                let place = Place::Line(line_of(text, &name.span()));
                let name = as_written(name.get_ref());
                match keys::OPERATOR_KEYS.iter().find(|key| key.name == name) {
                    Some(key) => self.put(at.key(&name), from_file(key.kind, value.get_ref()), place),
                    None => self.unknown_of_operator(&at, &name, place),
                }
            }
            self.operators.push(at);
        }
    }

    /// `OPERATORS__ADA__TOKEN` is the token of the operator `ada`; the file has said by now who there is.
    fn read_operator_variable(&mut self, rest: &str, text: &str, place: Place) {
        let after = rest.strip_prefix(OPERATOR_VARIABLES).unwrap_or_default();
        let (name, word) = after.rsplit_once("__").unwrap_or((after, ""));
        let Some(at) = self.operators.iter().find(|at| self.is_called(at, name)).cloned() else {
            let shown = joined(OPERATORS, &name.to_ascii_lowercase());
            let remedy = "Give the operator a [[operators]] table with that name in the file, or unset the variable";
            return self.unknown(shown, "is no operator of the configuration", remedy, place);
        };
        let is_meant = |key: &&About| key.name != "name" && in_variables(&key.name) == word;
        match keys::OPERATOR_KEYS.iter().find(is_meant) {
            Some(key) => self.put(at.key(&key.name), from_variable(key.kind, text), place),
            None => self.unknown_of_operator(&at, &word.to_ascii_lowercase(), place),
        }
    }

    /// Whether variables spell the name of this operator so.
    fn is_called(&self, at: &At, name: &str) -> bool {
        match self.values.get(&at.key("name")) {
            Some(Given { value: Ok(Value::Text(known)), .. }) => in_variables(known) == name,
            Some(_) | None => false,
        }
    }

    /// A value that overrides another takes its place, even when it is flawed.
    fn put(&mut self, key: String, value: Result<Value, Flaw>, place: Place) {
        self.values.insert(key, Given { value, place });
    }

    fn unknown(&mut self, name: String, problem: &str, remedy: impl Into<String>, place: Place) {
        self.unknown.push(Fault::new(name, problem, remedy).at(place));
    }

    fn unknown_of_operator(&mut self, at: &At, name: &str, place: Place) {
        let known: Vec<&str> = keys::OPERATOR_KEYS.iter().map(|key| key.name.as_str()).collect();
        let remedy = format!("Remove it, or use one of: {}", known.join(", "));
        self.unknown(at.shown(name), "is not a key of an operator", remedy, place);
    }
}

const NO_KEY: &str = "is not a key of the configuration";

/// The beginning of the variables that belong to one operator, behind [`VARIABLE_PREFIX`].
const OPERATOR_VARIABLES: &str = "OPERATORS__";

const OPERATORS_REMEDY: &str = "Write [[operators]] on a line of its own for each operator, and the keys below";

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

/// A name as a TOML file writes it: in quotation marks where it is blank or holds anything out of the ordinary, so that
/// a fault about it is one line and can be understood.
fn as_written(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare { name.to_owned() } else { format!("{name:?}") }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
