//! From the file's TOML or a variable's text to a value of a kind, within the limits of that kind. Never knows a key.

use toml::de::DeValue;

use super::fault::Flaw;
use super::kind::{Item, Kind};
use super::spelling::nearest;
use crate::domain::inbound::GROUP_PLACEHOLDER;

/// The longest single text, in bytes: several times the longest credential that either vendor hands out.
const TEXT_MAX_BYTES: usize = 4096;

/// The most entries in a list: every signing secret costs one HMAC for each forged webhook.
const LIST_MAX: usize = 16;

/// A value of the right kind. It may be a secret, so it has no `Debug`.
pub(crate) enum Value {
    Flag(bool),
    Integer(i64),
    Text(String),
    Integers(Vec<i64>),
    Texts(Vec<String>),
}

/// The value that the file gives.
pub(crate) fn from_file(kind: Kind, value: &DeValue<'_>) -> Result<Value, Flaw> {
    let value = from_toml(kind, value).and_then(|value| within_limits(kind, value));
    value.and_then(filled_in).map_err(|unfit| unfit.in_file(kind))
}

/// The value that a variable gives: a text as it stands, a list as a TOML or JSON array or as words with commas between
/// them.
pub(crate) fn from_variable(kind: Kind, text: &str) -> Result<Value, Flaw> {
    let value = without_marks(text).and_then(|()| from_text(kind, text));
    value.and_then(|value| within_limits(kind, value)).and_then(filled_in).map_err(|unfit| unfit.in_variable(kind))
}

/// Why a value cannot be taken.
struct Unfit {
    /// Continues a sentence that starts with the key.
    problem: String,
    remedy: Remedy,
}

/// The remedy, before the place of the value is known.
#[derive(Clone, Copy)]
enum Remedy {
    /// Give a value of the kind.
    OfItsKind,
    /// Leave the quotation marks out.
    NoMarks,
    /// Leave out the words that stand before the secret.
    SecretAlone,
    /// Put a value in the place of the placeholder.
    FillIn,
    /// Give the word of the kind that is most like the given one.
    Meant(&'static str),
}

impl Unfit {
    fn in_file(self, kind: Kind) -> Flaw {
        let remedy = match self.remedy {
            Remedy::OfItsKind => format!("Give {kind}"),
            Remedy::NoMarks => "Write one pair of quotation marks around the value".to_owned(),
            Remedy::SecretAlone => "Give the secret alone".to_owned(),
            Remedy::FillIn => FILL_IN.to_owned(),
            Remedy::Meant(word) => format!("Did you mean {word}? Give {kind}"),
        };
        Flaw { problem: self.problem, remedy }
    }

    /// A variable is the text itself, so marks would become part of it.
    fn in_variable(self, kind: Kind) -> Flaw {
        let remedy = match (self.remedy, kind) {
            (Remedy::NoMarks, _) => {
                "Write the value without quotation marks: systemd and a shell take them away, \
                                     docker's --env-file keeps them"
            }
            (Remedy::OfItsKind, Kind::One(Item::Text | Item::Secret)) => {
                "Give a text, without quotation marks and without white space around it"
            }
            (Remedy::OfItsKind, Kind::List { of: Item::Text | Item::Secret, .. }) => {
                "Give texts with commas between them, without quotation marks"
            }
            (Remedy::OfItsKind | Remedy::SecretAlone | Remedy::FillIn | Remedy::Meant(_), _) => {
                return self.in_file(kind);
            }
        };
        Flaw { problem: self.problem, remedy: remedy.to_owned() }
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

fn from_toml(kind: Kind, value: &DeValue<'_>) -> Result<Value, Unfit> {
    let wrong = || Unfit::from(format!("is {}, which is the wrong kind of value", article(value.type_str())));
    match kind {
        Kind::Flag => value.as_bool().map(Value::Flag).ok_or_else(wrong),
        Kind::One(Item::Integer { .. }) => integer(value).map(Value::Integer).ok_or_else(wrong),
        Kind::One(Item::Text | Item::Secret | Item::Word(_) | Item::Network) => {
            Ok(Value::Text(value.as_str().ok_or_else(wrong)?.to_owned()))
        }
        Kind::List { of: Item::Integer { .. }, .. } => {
            let numbers: Option<_> = value.as_array().ok_or_else(wrong)?.iter().map(|i| integer(i.get_ref())).collect();
            numbers.map(Value::Integers).ok_or_else(|| "has an entry that is not a whole number".into())
        }
        Kind::List { of: Item::Text | Item::Secret | Item::Word(_) | Item::Network, .. } => {
            let texts = value.as_array().ok_or_else(wrong)?.iter();
            let texts: Option<_> = texts.map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
            texts.map(Value::Texts).ok_or_else(|| "has an entry that is not a text".into())
        }
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    // The parser has already taken underscores and the radix prefix out of the digits.
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn from_text(kind: Kind, text: &str) -> Result<Value, Unfit> {
    match kind {
        Kind::Flag => text.trim().parse().map(Value::Flag).map_err(|_| "is neither true nor false".into()),
        Kind::One(Item::Integer { .. }) => {
            text.trim().parse().map(Value::Integer).map_err(|_| "is not a whole number".into())
        }
        Kind::One(Item::Text | Item::Secret | Item::Word(_) | Item::Network) => Ok(Value::Text(text.to_owned())),
        Kind::List { of, .. } if text.trim_start().starts_with('[') => from_array_text(kind, of, text),
        Kind::List { of: Item::Integer { .. }, .. } => {
            let numbers: Result<_, _> = split(text).map(str::parse).collect();
            numbers.map(Value::Integers).map_err(|_| "has an entry that is not a whole number".into())
        }
        Kind::List { of: Item::Text | Item::Secret | Item::Word(_) | Item::Network, .. } => {
            Ok(Value::Texts(split(text).map(str::to_owned).collect()))
        }
    }
}

fn from_array_text(kind: Kind, of: Item, text: &str) -> Result<Value, Unfit> {
    // JSON first: its escapes are not all TOML's. The other way round nothing is lost.
    let from_json = match of {
        Item::Integer { .. } => serde_json::from_str(text).ok().map(Value::Integers),
        Item::Text | Item::Secret | Item::Word(_) | Item::Network => serde_json::from_str(text).ok().map(Value::Texts),
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

/// The remedy for a placeholder, which an example or a printed sheet had in the place of a value.
const FILL_IN: &str = "Put your own value in its place";

/// The value, unless it is a placeholder of an example or of a printed sheet.
fn filled_in(value: Value) -> Result<Value, Unfit> {
    let is_left = match &value {
        Value::Text(text) => is_placeholder(text),
        Value::Texts(texts) => texts.iter().any(|text| is_placeholder(text)),
        Value::Flag(_) | Value::Integer(_) | Value::Integers(_) => false,
    };
    if is_left {
        return Err(Unfit { problem: "is or holds a placeholder of an example".to_owned(), remedy: Remedy::FillIn });
    }
    Ok(value)
}

fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let is_between = text.starts_with('<') && text.ends_with('>');
    let begins = ["YOUR_", "YOUR-"].iter().any(|word| text.starts_with(word));
    is_between
        || begins
        || text.contains("://YOUR")
        || text.contains('…')
        || text.ends_with("...")
        || text == GROUP_PLACEHOLDER
}

/// The value, when it keeps the limits of its kind.
fn within_limits(kind: Kind, value: Value) -> Result<Value, Unfit> {
    match (&value, kind) {
        (Value::Integer(number), Kind::One(item)) => in_bounds("is", *number, item)?,
        (Value::Text(text), Kind::One(item)) => fits(text, item, false)?,
        (Value::Integers(numbers), Kind::List { of, may_be_empty }) => {
            list_length(numbers.len(), may_be_empty)?;
            numbers.iter().try_for_each(|number| in_bounds("holds", *number, of))?;
        }
        (Value::Texts(texts), Kind::List { of, may_be_empty }) => {
            list_length(texts.len(), may_be_empty)?;
            texts.iter().try_for_each(|text| fits(text, of, true))?;
        }
        (Value::Flag(_) | Value::Integer(_) | Value::Text(_) | Value::Integers(_) | Value::Texts(_), _) => {}
    }
    Ok(value)
}

fn in_bounds(verb: &str, number: i64, item: Item) -> Result<(), Unfit> {
    match item {
        Item::Integer { min, max } if !(min..=max).contains(&number) => {
            Err(format!("{verb} {number}, which is out of bounds").into())
        }
        Item::Integer { .. } | Item::Text | Item::Secret | Item::Word(_) | Item::Network => Ok(()),
    }
}

fn fits(text: &str, item: Item, is_entry: bool) -> Result<(), Unfit> {
    match item {
        Item::Word(words) if words.contains(&text) => Ok(()),
        Item::Word(words) => {
            let verb = if is_entry { "holds" } else { "is" };
            let meant = nearest(&text.to_lowercase(), words.iter().copied());
            Err(Unfit {
                problem: format!("{verb} {text:?}, which is not one of its words"),
                remedy: meant.map_or(Remedy::OfItsKind, Remedy::Meant),
            })
        }
        Item::Text | Item::Secret | Item::Network | Item::Integer { .. } => {
            plain_text(item, text).map_err(|unfit| match is_entry {
                true => Unfit { problem: format!("has an entry that {}", unfit.problem), ..unfit },
                false => unfit,
            })
        }
    }
}

fn list_length(length: usize, may_be_empty: bool) -> Result<(), Unfit> {
    match length {
        0 if !may_be_empty => Err("is an empty list".into()),
        0..=LIST_MAX => Ok(()),
        _ => Err(format!("has {length} entries, but at most {LIST_MAX} make sense").into()),
    }
}

/// A text as it can be meant: not blank, without white space or quotation marks around it, on one line. A secret that was
/// read from a file with its newline, or with the marks of another tool's syntax, would only ever show as a 401.
fn plain_text(item: Item, text: &str) -> Result<(), Unfit> {
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
        Some(scheme) if item == Item::Secret => {
            let problem = format!("begins with `{scheme}`, which belongs to a header and not to the secret");
            Err(Unfit { problem, remedy: Remedy::SecretAlone })
        }
        _ => Ok(()),
    }
}

/// The words before a secret where a request shows it, in lower case.
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

fn article(noun: &str) -> String {
    let an = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if an { "an" } else { "a" })
}
