//! From the file's text and the environment to one typed value for each key, with its place.
//!
//! Decides about names and kinds only; [`super::check`] has the rules beyond a value's kind.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Place};
use super::keys::{self, Key, Kind, VARIABLE_PREFIX};
use super::near;
use crate::domain::operator::handle;

/// The longest single text, in bytes: several times the longest credential that either vendor hands out.
const TEXT_MAX_BYTES: usize = 4096;

/// The most entries in a list: every signing secret costs one HMAC for each forged webhook.
const LIST_MAX: usize = 16;

/// Stands in for the key of a fault that spoils the whole file.
pub(super) const WHOLE_FILE: &str = "the file";

/// A value of the right kind. It may be a secret, so it has no `Debug`.
pub(super) enum Value {
    Text(String),
    Flag(bool),
    Integer(i64),
    Texts(Vec<String>),
    Integers(Vec<i64>),
}

/// A value and where it came from.
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// The given values, and the faults of the rest.
#[derive(Default)]
pub(super) struct Gathered {
    /// By key. Defaults are in it.
    pub(super) values: BTreeMap<&'static str, Given>,
    /// Keys that were given, but wrongly: they are not also told to be missing.
    pub(super) spoilt: BTreeSet<&'static str>,
    /// The operators, in the order of the file.
    pub(super) operators: Vec<Entry>,
    pub(super) faults: Vec<Fault>,
}

/// One table of a list of tables.
pub(super) struct Entry {
    /// The key by which faults name it, such as `operators.ada`.
    pub(super) shown: String,
    pub(super) place: Place,
    /// By key, without the table's name.
    pub(super) values: BTreeMap<&'static str, Given>,
    pub(super) spoilt: BTreeSet<&'static str>,
}

impl Entry {
    /// The text of this key.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(Given { value: Value::Text(text), .. }) => Some(text),
            _ => None,
        }
    }

    /// Whether the key was given, be it wrongly.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.spoilt.contains(name)
    }
}

/// Reads the file, then lets the environment override it, then fills in the defaults.
pub(super) fn gather(file: Option<&str>, env: impl IntoIterator<Item = (String, String)>) -> Gathered {
    let mut gathered = Gathered::default();
    if let Some(text) = file {
        gathered.read_file(text);
    }
    for (name, text) in env {
        gathered.read_variable(&name, &text);
    }
    for key in keys::KEYS {
        let absent = !gathered.values.contains_key(key.name) && !gathered.spoilt.contains(key.name);
        if let (Some(default), true) = (key.default, absent) {
            gathered.put(key, from_text(key.kind, default), Place::Nowhere);
        }
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
            self.faults.push(Fault::new(WHOLE_FILE, problem, remedy).at(place));
        }
        self.read_table(text, "", table.get_ref());
    }

    fn read_table(&mut self, text: &str, above: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let place = Place::Line(line_of(text, &name.span()));
            let bare = name.get_ref();
            let name = as_written(bare);
            let full = if above.is_empty() { name } else { format!("{above}.{name}") };
            match (keys::find(&full), value.get_ref()) {
                (None, DeValue::Array(items)) if full == keys::OPERATORS => self.read_operators(text, items),
                (None, _) if full == keys::OPERATORS => {
                    self.faults.push(Fault::new(full, "is no list of tables", OPERATORS_REMEDY).at(place));
                }
                (Some(key), value) => self.put(key, from_toml(key.kind, value), place),
                (None, DeValue::Table(table)) if keys::is_table(&full) => self.read_table(text, &full, table),
                (None, _) if keys::is_table(&full) => {
                    let remedy = format!("Write [{full}] on a line of its own and its keys below");
                    self.faults.push(Fault::new(full, "is a table, not a value", remedy).at(place));
                }
                (None, _) => {
                    let remedy = near::remedy_in_file(above, bare);
                    self.faults.push(Fault::new(full, "is not a key of the configuration", remedy).at(place));
                }
            }
        }
    }

    fn read_variable(&mut self, name: &str, text: &str) {
        let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else { return };
        let place = Place::Variable(name.to_owned());
        match keys::KEYS.iter().find(|key| key.variable() == name) {
            Some(key) => {
                let value = without_marks(text).and_then(|()| from_text(key.kind, text));
                self.put(key, value, place);
            }
            None if rest.starts_with(OPERATOR_VARIABLES) => self.read_operator_variable(rest, text, place),
            None if is_from_the_cluster(rest, text) => {}
            None => {
                let full = rest.to_ascii_lowercase().replace("__", ".");
                let remedy = near::remedy_of_variable(rest);
                self.faults.push(Fault::new(full, "is not a key of the configuration", remedy).at(place));
            }
        }
    }

    fn read_operators(&mut self, text: &str, items: &[Spanned<DeValue<'_>>]) {
        for (index, item) in items.iter().enumerate() {
            let place = Place::Line(line_of(text, &item.span()));
            let DeValue::Table(table) = item.get_ref() else {
                let fault = Fault::new(keys::OPERATORS, "holds something that is no table", OPERATORS_REMEDY);
                self.faults.push(fault.at(place));
                continue;
            };
            let named =
                table.iter().find(|(key, _)| key.get_ref() == "name").and_then(|(_, name)| name.get_ref().as_str());
            let shown = match named.and_then(handle) {
                Some(name) => format!("{}.{name}", keys::OPERATORS),
                None => format!("{}[{}]", keys::OPERATORS, index + 1),
            };
            let mut entry = Entry { shown, place, values: BTreeMap::new(), spoilt: BTreeSet::new() };
            for (name, value) in table {
                let place = Place::Line(line_of(text, &name.span()));
                let name = as_written(name.get_ref());
                match keys::OPERATOR_KEYS.iter().find(|key| key.name == name) {
                    Some(key) => self.faults.extend(entry.put(key, from_toml(key.kind, value.get_ref()), place)),
                    None => self.faults.push(unknown_of_operator(&entry.shown, &name).at(place)),
                }
            }
            self.operators.push(entry);
        }
    }

    /// `OPERATORS__ADA__TOKEN` is the token of the operator `ada`; the file has said by now who there is.
    fn read_operator_variable(&mut self, rest: &str, text: &str, place: Place) {
        let after = rest.strip_prefix(OPERATOR_VARIABLES).unwrap_or_default();
        let (name, word) = after.rsplit_once("__").unwrap_or((after, ""));
        let is_meant = |entry: &&mut Entry| entry.text("name").is_some_and(|known| in_variables(known) == name);
        let Some(entry) = self.operators.iter_mut().find(is_meant) else {
            let shown = format!("{}.{}", keys::OPERATORS, name.to_ascii_lowercase());
            let remedy = "Give the operator a [[operators]] table with that name in the file, or unset the variable";
            self.faults.push(Fault::new(shown, "is no operator of the configuration", remedy).at(place));
            return;
        };
        match keys::OPERATOR_KEYS.iter().find(|key| key.name != "name" && key.name.to_ascii_uppercase() == word) {
            Some(key) => {
                let value = without_marks(text).and_then(|()| from_text(key.kind, text));
                self.faults.extend(entry.put(key, value, place));
            }
            None => self.faults.push(unknown_of_operator(&entry.shown, &word.to_ascii_lowercase()).at(place)),
        }
    }

    fn put(&mut self, key: &'static Key, value: Result<Value, Unfit>, place: Place) {
        let fault = put(&mut self.values, &mut self.spoilt, key, key.name.to_owned(), value, place);
        self.faults.extend(fault);
    }
}

impl Entry {
    fn put(&mut self, key: &'static Key, value: Result<Value, Unfit>, place: Place) -> Option<Fault> {
        // No right is a list like any other.
        if matches!(&value, Ok(Value::Texts(texts)) if texts.is_empty()) {
            return None;
        }
        let shown = format!("{}.{}", self.shown, key.name);
        put(&mut self.values, &mut self.spoilt, key, shown, value, place)
    }
}

/// Books a value under its key, or spoils the key and gives the fault, in which the key is called `shown`.
fn put(
    values: &mut BTreeMap<&'static str, Given>,
    spoilt: &mut BTreeSet<&'static str>,
    key: &'static Key,
    shown: String,
    value: Result<Value, Unfit>,
    place: Place,
) -> Option<Fault> {
    match value.and_then(|value| within_limits(key.kind, value)) {
        Ok(value) => {
            spoilt.remove(key.name);
            values.insert(key.name, Given { value, place });
            None
        }
        Err(unfit) => {
            // A spoilt override must not leave the value that it was meant to replace.
            values.remove(key.name);
            spoilt.insert(key.name);
            let remedy = unfit.remedy.remedy(key.kind, &place);
            Some(Fault::new(shown, unfit.problem, remedy).at(place))
        }
    }
}

/// The beginning of the variables that belong to one operator, behind [`VARIABLE_PREFIX`].
const OPERATOR_VARIABLES: &str = "OPERATORS__";

const OPERATORS_REMEDY: &str = "Write [[operators]] on a line of its own for each operator, and the keys below";

fn unknown_of_operator(shown: &str, name: &str) -> Fault {
    let known: Vec<&str> = keys::OPERATOR_KEYS.iter().map(|key| key.name).collect();
    let remedy = format!("Remove it, or use one of: {}", known.join(", "));
    Fault::new(format!("{shown}.{name}"), "is not a key of an operator", remedy)
}

/// An operator's name as variables spell it.
pub(super) fn in_variables(name: &str) -> String {
    name.replace(['-', '.'], "_").to_ascii_uppercase()
}

/// Why a value cannot be taken.
struct Unfit {
    /// Continues a sentence that starts with the key.
    problem: String,
    remedy: Remedy,
}

/// The remedy, at the place of the value.
#[derive(Clone, Copy)]
enum Remedy {
    /// Give a value of the kind.
    OfItsKind,
    /// Leave the quotation marks out.
    NoMarks,
    /// Leave out the words that stand before the secret.
    SecretAlone,
}

impl Remedy {
    fn remedy(self, kind: Kind, place: &Place) -> String {
        let is_variable = matches!(place, Place::Variable(_));
        match (self, kind) {
            (Self::NoMarks, _) if is_variable => {
                "Write the value without quotation marks: systemd and a shell take them away, docker's --env-file keeps \
                 them"
                    .to_owned()
            }
            (Self::NoMarks, _) => "Write one pair of quotation marks around the value".to_owned(),
            (Self::SecretAlone, _) => "Give the secret alone".to_owned(),
            // A variable is the text itself; marks would become part of it.
            (Self::OfItsKind, Kind::Text | Kind::Secret) if is_variable => {
                "Give a text, without quotation marks and without white space around it".to_owned()
            }
            (Self::OfItsKind, Kind::Secrets | Kind::Texts) if is_variable => {
                "Give texts with commas between them, without quotation marks".to_owned()
            }
            (Self::OfItsKind, _) => format!("Give {kind}"),
        }
    }
}

impl From<String> for Unfit {
    fn from(problem: String) -> Self {
        Self { problem, remedy: Remedy::OfItsKind }
    }
}

impl From<&str> for Unfit {
    fn from(problem: &str) -> Self {
        problem.to_owned().into()
    }
}

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

fn from_toml(kind: Kind, value: &DeValue<'_>) -> Result<Value, Unfit> {
    let wrong = || Unfit::from(format!("is {}, which is the wrong kind of value", article(value.type_str())));
    match kind {
        Kind::Text | Kind::Secret | Kind::Word(_) => Ok(Value::Text(value.as_str().ok_or_else(wrong)?.to_owned())),
        Kind::Flag => value.as_bool().map(Value::Flag).ok_or_else(wrong),
        Kind::Integer { .. } => integer(value).map(Value::Integer).ok_or_else(wrong),
        Kind::Secrets | Kind::Words(_) | Kind::Networks | Kind::Texts => {
            let texts = value.as_array().ok_or_else(wrong)?.iter();
            let texts: Option<_> = texts.map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
            texts.map(Value::Texts).ok_or_else(|| "has an entry that is not a text".into())
        }
        Kind::Integers { .. } => {
            let numbers: Option<_> = value.as_array().ok_or_else(wrong)?.iter().map(|i| integer(i.get_ref())).collect();
            numbers.map(Value::Integers).ok_or_else(|| "has an entry that is not a whole number".into())
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    // The parser has already taken underscores and the radix prefix out of the digits.
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Reads an environment variable (or a default): a text as it stands, a list as a TOML or JSON array or as words
/// with commas between them.
fn from_text(kind: Kind, text: &str) -> Result<Value, Unfit> {
    match kind {
        Kind::Text | Kind::Secret | Kind::Word(_) => Ok(Value::Text(text.to_owned())),
        Kind::Flag => text.trim().parse().map(Value::Flag).map_err(|_| "is neither true nor false".into()),
        Kind::Integer { .. } => text.trim().parse().map(Value::Integer).map_err(|_| "is not a whole number".into()),
        Kind::Secrets | Kind::Integers { .. } | Kind::Words(_) | Kind::Networks | Kind::Texts
            if text.trim_start().starts_with('[') =>
        {
            from_array_text(kind, text)
        }
        Kind::Secrets | Kind::Words(_) | Kind::Networks | Kind::Texts => {
            Ok(Value::Texts(split(text).map(str::to_owned).collect()))
        }
        Kind::Integers { .. } => {
            let numbers: Result<_, _> = split(text).map(str::parse).collect();
            numbers.map(Value::Integers).map_err(|_| "has an entry that is not a whole number".into())
        }
    }
}

fn from_array_text(kind: Kind, text: &str) -> Result<Value, Unfit> {
    // JSON first: its escapes are not all TOML's. The other way round nothing is lost.
    let from_json = if matches!(kind, Kind::Integers { .. }) {
        serde_json::from_str(text).ok().map(Value::Integers)
    } else {
        serde_json::from_str(text).ok().map(Value::Texts)
    };
    match from_json {
        Some(value) => Ok(value),
        None => match DeValue::parse(text.trim()) {
            Ok(value) => from_toml(kind, value.get_ref()),
            Err(_) => Err("starts like an array, but is neither a TOML nor a JSON one".into()),
        },
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// The limits for every value of a kind.
fn within_limits(kind: Kind, value: Value) -> Result<Value, Unfit> {
    let in_bounds = |verb: &str, number: i64, min: i64, max: i64| match number {
        number if (min..=max).contains(&number) => Ok(()),
        number => Err(Unfit::from(format!("{verb} {number}, which is out of bounds"))),
    };
    let is_word = |verb: &str, text: &str, words: &[&str]| match text {
        text if words.contains(&text) => Ok(()),
        text => Err(Unfit::from(format!("{verb} {text:?}, which is not one of its words"))),
    };
    match (&value, kind) {
        (Value::Text(text), Kind::Word(words)) => is_word("is", text, words)?,
        (Value::Text(text), kind) => plain_text(kind, text)?,
        (Value::Integer(number), Kind::Integer { min, max }) => in_bounds("is", *number, min, max)?,
        (Value::Integers(numbers), Kind::Integers { min, max }) => {
            list_length(numbers.len())?;
            numbers.iter().try_for_each(|number| in_bounds("holds", *number, min, max))?;
        }
        (Value::Texts(texts), Kind::Words(words)) => {
            list_length(texts.len())?;
            texts.iter().try_for_each(|text| is_word("holds", text, words))?;
        }
        (Value::Texts(texts), Kind::Networks) if texts.is_empty() => {}
        (Value::Texts(texts), kind) => {
            list_length(texts.len())?;
            let of_an_entry = |unfit: Unfit| Unfit { problem: format!("has an entry that {}", unfit.problem), ..unfit };
            texts.iter().try_for_each(|text| plain_text(kind, text)).map_err(of_an_entry)?;
        }
        (Value::Flag(_) | Value::Integer(_) | Value::Integers(_), _) => {}
    }
    Ok(value)
}

fn list_length(length: usize) -> Result<(), Unfit> {
    match length {
        0 => Err("is an empty list".into()),
        1..=LIST_MAX => Ok(()),
        _ => Err(format!("has {length} entries, but at most {LIST_MAX} make sense").into()),
    }
}

/// A text as it can be meant: not blank, without white space or quotation marks around it, on one line. A secret that was
/// read from a file with its newline, or with the marks of another tool's syntax, would only ever show as a 401.
fn plain_text(kind: Kind, text: &str) -> Result<(), Unfit> {
    if text.trim().is_empty() {
        return Err("is blank".into());
    }
    if text.trim() != text {
        return Err("begins or ends with white space".into());
    }
    if text.chars().any(char::is_control) {
        return Err("contains a line break or another control character".into());
    }
    if text.len() > TEXT_MAX_BYTES {
        return Err(format!("is longer than {TEXT_MAX_BYTES} bytes").into());
    }
    without_marks(text)?;
    match SCHEMES.iter().find(|scheme| starts_with(text, scheme)) {
        Some(scheme) if matches!(kind, Kind::Secret | Kind::Secrets) => {
            let problem = format!("begins with `{scheme}`, which belongs to a header and not to the secret");
            Err(Unfit { problem, remedy: Remedy::SecretAlone })
        }
        _ => Ok(()),
    }
}

/// The words before a secret in a request's header, in lower case.
const SCHEMES: [&str; 5] = ["authorization:", "bearer ", "basic ", "x-tandem-token:", "x-api-key:"];

fn starts_with(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// Quotation marks that come in pairs, among them those that a word processor makes.
const MARKS: [(char, char); 6] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('„', '“'), ('‘', '’')];

/// Refuses a value that stands between quotation marks: they are the syntax of another tool, and here they would be part of
/// the value.
fn without_marks(text: &str) -> Result<(), Unfit> {
    let text = text.trim();
    let (first, last) = (text.chars().next(), text.chars().next_back());
    let is_quoted = text.chars().nth(1).is_some() && first.zip(last).is_some_and(|ends| MARKS.contains(&ends));
    if is_quoted {
        let problem = "stands between quotation marks, which would be part of it".to_owned();
        return Err(Unfit { problem, remedy: Remedy::NoMarks });
    }
    Ok(())
}

/// A name as a TOML file writes it: in quotation marks where it is blank or holds anything out of the ordinary, so that
/// a fault about it is one line and can be understood.
fn as_written(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare { name.to_owned() } else { format!("{name:?}") }
}

fn article(noun: &str) -> String {
    let an = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if an { "an" } else { "a" })
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
