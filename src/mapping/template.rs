//! One string of a mapping's body: compiled once, rendered for every event. It never panics and never works without
//! bound.

use std::panic::{AssertUnwindSafe, catch_unwind};

use liquid::Template;
use liquid_core::model::Scalar;
use liquid_core::{Object, Value as LiquidValue};
use serde_json::Value;

use super::blocks::{CaseBlock, ChoiceBlock};
use super::filters::{FILTERS, Plugin};
use super::scan::{Shape, scan};
use super::tags::{AssignTag, Capped, CaptureBlock, ForBlock, MAX_VALUE_BYTES, WriteTag};

/// The longest template of one leaf, in bytes. The parser's time grows with the square of it.
const MAX_LEAF_BYTES: usize = 4 * 1024;

/// The longest value written as JSON: six times its own length, if every character is escaped.
const MAX_JSON_BYTES: usize = 6 * MAX_VALUE_BYTES;

/// Turns strings into leaves.
pub(super) struct Compiler {
    parser: liquid::Parser,
    schema: Value,
}

/// A compiled string.
pub(super) enum Leaf {
    /// No Liquid in it.
    Fixed(String),
    /// Exactly `{{ a.b }}`: the context's own value of any type, past Liquid.
    Path {
        /// The names, outermost first.
        path: Vec<String>,
        /// The template for Liquid, for names that only Liquid knows (`message.media.first`).
        otherwise: Template,
    },
    /// Exactly one `{{ expression }}`: keeps the value's type.
    Typed(Template),
    /// Text and Liquid: a text.
    Mixed(Template),
}

/// A context, prepared for rendering many leaves.
pub(super) struct Data {
    json: Value,
    liquid: Object,
}

/// The reason why a leaf could not be rendered.
#[derive(Debug)]
pub(super) struct LeafError {
    /// The reason in fixed words, without any text of a customer or an agent.
    pub(super) what: String,
    /// The missing name. It may come from data, so it is shown only for samples.
    pub(super) asked_for: Option<String>,
}

impl Compiler {
    /// A compiler for contexts shaped like `schema`.
    pub(super) fn new(schema: Value) -> Result<Self, String> {
        // The standard library brings `break` and `continue`. The scanner refuses its other tags and filters, unless
        // they are replaced here.
        let mut builder = liquid::ParserBuilder::with_stdlib()
            .block(ChoiceBlock::If)
            .block(ChoiceBlock::Unless)
            .block(CaseBlock)
            .block(ForBlock)
            .block(CaptureBlock)
            .tag(AssignTag);
        for tag in [WriteTag::Value, WriteTag::Text] {
            builder = builder.tag(tag);
        }
        for filter in &FILTERS {
            builder = builder.filter(Plugin(filter));
        }
        let parser = builder.build().map_err(|error| format!("the template engine does not start: {error}"))?;
        Ok(Self { parser, schema })
    }

    /// Compiles one string.
    ///
    /// # Errors
    /// The fault and its remedy, in words.
    pub(super) fn leaf(&self, text: &str) -> Result<Leaf, String> {
        self.leaf_for(text, &self.schema)
    }

    /// Compiles one string for contexts shaped like `schema`.
    ///
    /// # Errors
    /// The fault and its remedy, in words.
    pub(super) fn leaf_for(&self, text: &str, schema: &Value) -> Result<Leaf, String> {
        if text.len() > MAX_LEAF_BYTES {
            return Err(format!("the template is {} bytes long; at most {MAX_LEAF_BYTES} are read", text.len()));
        }
        match scan(text, schema)? {
            Shape::Fixed => Ok(Leaf::Fixed(text.to_owned())),
            // The original is parsed only for its errors, because errors of an expression inside a tag do not name the
            // fault.
            Shape::Mixed(with_tags) => self.parse(text).and_then(|_| self.parse(&with_tags)).map(Leaf::Mixed),
            Shape::Expression(expression) => {
                self.parse(text)?;
                let template = self.parse(&format!("{{% {} {expression} %}}", WriteTag::Value.name()))?;
                Ok(match plain_path(&expression, schema) {
                    Some(path) => Leaf::Path { path, otherwise: template },
                    None => Leaf::Typed(template),
                })
            }
        }
    }

    fn parse(&self, text: &str) -> Result<Template, String> {
        match catch_unwind(AssertUnwindSafe(|| self.parser.parse(text))) {
            Ok(parsed) => parsed.map_err(|error| in_words(&error.to_string())),
            Err(_) => Err("the template engine gave up on this template; simplify it".to_owned()),
        }
    }
}

impl Data {
    pub(super) fn new(json: Value) -> Self {
        let liquid = match to_liquid(&json) {
            LiquidValue::Object(object) => object,
            LiquidValue::Scalar(_) | LiquidValue::Array(_) | LiquidValue::State(_) | LiquidValue::Nil => Object::new(),
        };
        Self { json, liquid }
    }
}

impl Leaf {
    /// The leaf's value for `data`.
    pub(super) fn render(&self, data: &Data) -> Result<Value, LeafError> {
        match self {
            Self::Fixed(text) => Ok(Value::String(text.clone())),
            Self::Path { path, otherwise } => {
                let found = path.iter().try_fold(&data.json, |value, name| value.get(name));
                found.map_or_else(|| typed(otherwise, data), |value| Ok(value.clone()))
            }
            Self::Typed(template) => typed(template, data),
            Self::Mixed(template) => {
                let bytes = run(template, data, MAX_VALUE_BYTES)?;
                String::from_utf8(bytes).map(Value::String).map_err(|_| LeafError::of("made something else than text"))
            }
        }
    }
}

impl LeafError {
    /// The context could not be written as JSON.
    pub(super) fn unwritable(name: &str) -> Self {
        Self::of(format!("what is known of the event cannot be given to the mapping {name}"))
    }

    fn of(what: impl Into<String>) -> Self {
        Self { what: what.into(), asked_for: None }
    }
}

fn typed(template: &Template, data: &Data) -> Result<Value, LeafError> {
    let bytes = run(template, data, MAX_JSON_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|_| LeafError::of("made something that JSON cannot hold"))
}

fn run(template: &Template, data: &Data, limit: usize) -> Result<Vec<u8>, LeafError> {
    let mut written = Capped::new(limit);
    let result = catch_unwind(AssertUnwindSafe(|| template.render_to(&mut written, &data.liquid)));
    match result {
        Ok(Ok(())) => Ok(written.bytes),
        Ok(Err(_)) if written.overflowed => Err(LeafError::of(format!("made more than {limit} bytes"))),
        Ok(Err(error)) => {
            let error = error.to_string();
            Err(LeafError { what: headline(&error), asked_for: asked_for(&error) })
        }
        Err(_) => Err(LeafError::of("the template engine gave up on this event")),
    }
}

/// The names of an expression that is only a path into the context.
fn plain_path(expression: &str, schema: &Value) -> Option<Vec<String>> {
    let path: Vec<String> = expression.split('.').map(str::to_owned).collect();
    let is_name = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_rooted = path.first().is_some_and(|root| schema.get(root).is_some());
    (is_rooted && path.iter().all(is_name)).then_some(path)
}

/// The first line of the library's report. The lines after it quote values, which may be a customer's text.
fn headline(report: &str) -> String {
    let first = report.lines().next().unwrap_or_default();
    first.strip_prefix("liquid: ").unwrap_or(first).trim().to_owned()
}

/// The name that the library missed.
fn asked_for(report: &str) -> Option<String> {
    let found = report.lines().find_map(|line| line.trim().strip_prefix("requested "))?;
    found.split_once('=').map(|(_, name)| name.trim_matches('"').to_owned())
}

/// A parser's report on one line. It quotes the template, which is the operator's own text.
fn in_words(report: &str) -> String {
    let words: Vec<&str> = report.strip_prefix("liquid: ").unwrap_or(report).split_whitespace().collect();
    words.join(" ")
}

/// The value for Liquid, whose numbers have 64 bits and a sign. A larger number becomes a text, so that it is written
/// unchanged and no filter calculates with a rounded one. A leaf that only passes a number on takes it past Liquid.
fn to_liquid(json: &Value) -> LiquidValue {
    match json {
        Value::Null => LiquidValue::Nil,
        Value::Bool(value) => LiquidValue::scalar(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64().filter(|_| number.is_f64())) {
            (Some(whole), _) => LiquidValue::scalar(whole),
            (None, Some(broken)) => LiquidValue::scalar(broken),
            (None, None) => LiquidValue::scalar(number.to_string()),
        },
        Value::String(text) => LiquidValue::Scalar(Scalar::new(text.clone())),
        Value::Array(members) => LiquidValue::Array(members.iter().map(to_liquid).collect()),
        Value::Object(members) => {
            LiquidValue::Object(members.iter().map(|(key, value)| (key.clone().into(), to_liquid(value))).collect())
        }
    }
}
