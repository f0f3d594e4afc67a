//! The body of a mapping: a table of values, some of them templates. It never knows the call that the body is for.

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::DeValue;

use super::context::Context;
use super::name::Name;
use super::template::{Compiler, Data, Leaf, LeafError};

/// The deepest nesting of tables; both vendors' bodies need five.
const MAX_DEPTH: usize = 16;

/// A compiled part of a body.
pub(super) enum Node {
    /// A number or a truth value, as written.
    Fixed(Value),
    /// A string.
    Leaf {
        /// Its place, for error messages: `body.ticket.subject`.
        key: String,
        /// The compiled string.
        leaf: Leaf,
    },
    /// A table.
    Table(Vec<(String, Node)>),
    /// A list.
    List(Vec<Node>),
}

/// A fault at one place of a file.
pub(super) struct BodyFault {
    /// Byte offset in the file.
    pub(super) at: usize,
    /// The key, such as `body.ticket.subject`.
    pub(super) key: String,
    /// The fault and its remedy, in words.
    pub(super) what: String,
}

impl Node {
    /// Compiles a value of a TOML file; every fault is added to `faults`.
    pub(super) fn compile(
        compiler: &Compiler,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        depth: usize,
        faults: &mut Vec<BodyFault>,
    ) -> Self {
        let mut fault = |what: String| faults.push(BodyFault { at: value.span().start, key: key.to_owned(), what });
        if depth > MAX_DEPTH {
            fault(format!("tables are nested more than {MAX_DEPTH} deep"));
            return Self::Fixed(Value::Null);
        }
        match value.get_ref() {
            DeValue::String(text) => match compiler.leaf(text) {
                Ok(leaf) => return Self::Leaf { key: key.to_owned(), leaf },
                Err(what) => fault(what),
            },
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => return Self::Fixed(number.into()),
                Err(_) => fault("the number does not fit 64 bits; write it as a string".to_owned()),
            },
            DeValue::Float(number) => match number.as_str().parse().ok().and_then(serde_json::Number::from_f64) {
                Some(number) => return Self::Fixed(Value::Number(number)),
                None => fault("JSON has no such number; write it as a string".to_owned()),
            },
            DeValue::Boolean(value) => return Self::Fixed(Value::Bool(*value)),
            DeValue::Datetime(_) => fault("JSON has no dates; write it as a string, in quotation marks".to_owned()),
            DeValue::Array(members) => {
                let mut nodes = Vec::new();
                for (index, member) in members.iter().enumerate() {
                    nodes.push(Self::compile(compiler, &format!("{key}[{index}]"), member, depth + 1, faults));
                }
                return Self::List(nodes);
            }
            DeValue::Table(members) => {
                let mut nodes = Vec::new();
                for (name, member) in members {
                    let (at, name) = (name.span().start, name.get_ref());
                    let key = format!("{key}.{name}");
                    if name.contains("{{") || name.contains("{%") {
                        let what = "names are written as they are; only values can hold Liquid".to_owned();
                        faults.push(BodyFault { at, key: key.clone(), what });
                    }
                    nodes.push((name.to_string(), Self::compile(compiler, &key, member, depth + 1, faults)));
                }
                return Self::Table(nodes);
            }
        }
        Self::Fixed(Value::Null)
    }

    /// The value for `data`. `None` for a value to leave out: `null`, an empty text, and a list or table without
    /// members.
    ///
    /// # Errors
    /// The first leaf that could not be rendered: its key and the error.
    pub(super) fn render(&self, data: &Data) -> Result<Option<Value>, (String, LeafError)> {
        let value = match self {
            Self::Fixed(value) => value.clone(),
            Self::Leaf { key, leaf } => leaf.render(data).map_err(|error| (key.clone(), error))?,
            Self::Table(members) => {
                let mut table = Map::new();
                for (name, member) in members {
                    if let Some(value) = member.render(data)? {
                        table.insert(name.clone(), value);
                    }
                }
                Value::Object(table)
            }
            Self::List(members) => {
                let mut list = Vec::with_capacity(members.len());
                for member in members {
                    list.extend(member.render(data)?);
                }
                Value::Array(list)
            }
        };
        Ok((!is_nothing(&value)).then_some(value))
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(members) => members.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The body for one context; not yet checked.
pub(super) fn make(name: Name, node: &Node, context: &Context) -> Result<Value, (Option<String>, LeafError)> {
    let json = serde_json::to_value(context).map_err(|_| (None, LeafError::unwritable(name.as_str())))?;
    let body = node.render(&Data::new(json)).map_err(|(key, error)| (Some(key), error))?;
    Ok(body.unwrap_or_else(|| Value::Object(serde_json::Map::new())))
}
