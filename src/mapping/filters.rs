//! The filters that templates may use. None is the library's, so that every one has a limit and none can panic.
//!
//! They mean the same as Liquid's filters of these names, but refuse doubtful input that Liquid would take: arithmetic
//! that does not fit, lists where a text is wanted, empty search texts. A `null` goes through every text filter as an
//! empty text.

use std::fmt;

use liquid_core::model::{Scalar, State};
use liquid_core::parser::{FilterArguments, ParameterReflection};
use liquid_core::{
    Error, Expression, Filter, FilterReflection, ParseFilter, Result as LiquidResult, Runtime, Value, ValueView,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::numbers::{Operation, calculate};
use super::strftime::{self, Refusal};
use super::tags::{MAX_LIST, MAX_VALUE_BYTES, charge, weight};
use super::{letters, values};
use crate::domain::{phone, text};

/// The result of a filter, or the reason of its failure. Reasons are fixed words, because they may be logged and
/// customers' texts may not.
type Made = Result<Value, Refusal>;

/// One filter.
pub(super) struct Spec {
    /// Its name in templates.
    pub(super) name: &'static str,
    /// Fewest and most arguments.
    arguments: (usize, usize),
    apply: fn(&Value, &[Value]) -> Made,
}

const TOO_LARGE: &str = "makes a text or list larger than a template may";

const fn spec(name: &'static str, arguments: (usize, usize), apply: fn(&Value, &[Value]) -> Made) -> Spec {
    Spec { name, arguments, apply }
}

/// All filters, those for texting first.
pub(super) static FILTERS: [Spec; 33] = [
    spec("segments", (0, 0), |input, _| Ok(whole(text::segments(&string(input)?).segments))),
    spec("gsm7", (0, 0), |input, _| made(text::to_gsm7(&string(input)?))),
    spec("truncate_segments", (1, 1), |input, given| truncate_segments(&string(input)?, given)),
    spec("plain", (0, 0), |input, _| made(text::plain_from_html(&string(input)?))),
    spec("phone", (0, 0), |input, _| {
        let shown = string(input)?;
        made(phone::normalise(&shown).unwrap_or(shown))
    }),
    spec("inert", (0, 0), |input, _| made(text::inert(&string(input)?))),
    spec("default", (1, 1), |input, given| Ok(if is_blank(input) { argument(given, 0)? } else { input.clone() })),
    spec("append", (1, 1), |input, given| joined(&string(input)?, &string(&argument(given, 0)?)?)),
    spec("prepend", (1, 1), |input, given| joined(&string(&argument(given, 0)?)?, &string(input)?)),
    spec("replace", (2, 2), |input, given| {
        replace(&string(input)?, &string(&argument(given, 0)?)?, &string(&argument(given, 1)?)?)
    }),
    spec("remove", (1, 1), |input, given| replace(&string(input)?, &string(&argument(given, 0)?)?, "")),
    spec("upcase", (0, 0), |input, _| made(letters::upcase(&string(input)?))),
    spec("downcase", (0, 0), |input, _| made(letters::downcase(&string(input)?))),
    spec("capitalize", (0, 0), |input, _| made(letters::capitalize(&string(input)?))),
    spec("strip", (0, 0), |input, _| made(string(input)?.trim_matches(values::is_space).to_owned())),
    spec("lstrip", (0, 0), |input, _| made(string(input)?.trim_start_matches(values::is_space).to_owned())),
    spec("rstrip", (0, 0), |input, _| made(string(input)?.trim_end_matches(values::is_space).to_owned())),
    spec("strip_newlines", (0, 0), |input, _| made(string(input)?.replace("\r\n", "").replace('\n', ""))),
    spec("newline_to_br", (0, 0), |input, _| {
        let lines = string(input)?.replace("\r\n", "\n");
        replace(&lines, "\n", "<br />\n")
    }),
    spec("escape", (0, 0), |input, _| unless_nil(input, |text| made(escape(text)))),
    spec("url_encode", (0, 0), |input, _| unless_nil(input, |text| made(url_encode(text)))),
    spec("truncate", (1, 2), |input, given| unless_nil(input, |text| truncate(text, given))),
    spec("split", (1, 1), |input, given| split(&string(input)?, &string(&argument(given, 0)?)?)),
    spec("join", (0, 1), join),
    spec("first", (0, 0), |input, _| Ok(list(input)?.first().cloned().unwrap_or(Value::Nil))),
    spec("last", (0, 0), |input, _| Ok(list(input)?.last().cloned().unwrap_or(Value::Nil))),
    spec("size", (0, 0), |input, _| size(input)),
    spec("plus", (1, 1), |input, given| arithmetic(Operation::Plus, input, given)),
    spec("minus", (1, 1), |input, given| arithmetic(Operation::Minus, input, given)),
    spec("times", (1, 1), |input, given| arithmetic(Operation::Times, input, given)),
    spec("divided_by", (1, 1), |input, given| arithmetic(Operation::DividedBy, input, given)),
    spec("modulo", (1, 1), |input, given| arithmetic(Operation::Modulo, input, given)),
    spec("date", (1, 1), date),
];

/// Makes a filter known to the parser.
#[derive(Clone, Copy)]
pub(super) struct Plugin(pub(super) &'static Spec);

impl FilterReflection for Plugin {
    fn name(&self) -> &str {
        self.0.name
    }

    fn description(&self) -> &'static str {
        ""
    }

    fn positional_parameters(&self) -> &'static [ParameterReflection] {
        &[]
    }

    fn keyword_parameters(&self) -> &'static [ParameterReflection] {
        &[]
    }
}

impl ParseFilter for Plugin {
    fn parse(&self, mut arguments: FilterArguments<'_>) -> LiquidResult<Box<dyn Filter>> {
        let Spec { name, arguments: (least, most), .. } = *self.0;
        let given: Vec<Expression> = arguments.positional.by_ref().collect();
        if arguments.keyword.next().is_some() {
            return Err(Error::with_msg(format!("the filter `{name}` takes no named arguments")));
        }
        if given.len() < least || given.len() > most {
            let wanted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return Err(Error::with_msg(format!(
                "the filter `{name}` takes {wanted} argument(s), not {}",
                given.len()
            )));
        }
        Ok(Box::new(Call { spec: self.0, given }))
    }

    fn reflection(&self) -> &dyn FilterReflection {
        self
    }
}

/// One use of a filter in a template.
struct Call {
    spec: &'static Spec,
    given: Vec<Expression>,
}

impl Filter for Call {
    fn evaluate(&self, input: &dyn ValueView, runtime: &dyn Runtime) -> LiquidResult<Value> {
        let name = self.spec.name;
        let given = self
            .given
            .iter()
            .map(|expression| expression.evaluate(runtime).map(|value| values::settled(value.into_owned())))
            .collect::<LiquidResult<Vec<Value>>>()?;
        let read = given.iter().map(|value| weight(value)).sum::<usize>().saturating_add(weight(input));
        charge(runtime, read)?;
        let value = (self.spec.apply)(&values::settled(input.to_value()), &given)
            .map_err(|why| Error::with_msg(format!("the filter `{name}` {why}")))?;
        let weight = weight(&value);
        if weight > MAX_VALUE_BYTES {
            return Err(Error::with_msg(format!("the filter `{name}` {TOO_LARGE}")));
        }
        charge(runtime, weight)?;
        Ok(value)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec.name)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec.name)
    }
}

fn argument(given: &[Value], index: usize) -> Result<Value, &'static str> {
    given.get(index).cloned().ok_or("lacks an argument")
}

/// The text of a value; that of nil is empty.
fn string(value: &Value) -> Result<String, &'static str> {
    values::text(value).map(std::borrow::Cow::into_owned).ok_or("works on a text, not on a list or a table")
}

/// Most filters make an empty text of nil; those that use this leave it nil.
fn unless_nil(input: &Value, apply: impl FnOnce(&str) -> Made) -> Made {
    if matches!(input, Value::Nil) { Ok(Value::Nil) } else { apply(&string(input)?) }
}

fn list(value: &Value) -> Result<&[Value], &'static str> {
    match value {
        Value::Array(members) => Ok(members),
        Value::Nil => Ok(&[]),
        Value::Scalar(_) | Value::Object(_) | Value::State(_) => Err("works on a list"),
    }
}

fn made(text: String) -> Made {
    Ok(Value::Scalar(Scalar::new(text)))
}

/// A count as a value.
fn whole(number: impl TryInto<i64>) -> Value {
    Value::scalar(widened(number))
}

/// A count of any width as an `i64`.
fn widened(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A count given as an argument.
fn count(given: &[Value], index: usize) -> Result<usize, &'static str> {
    values::count(&argument(given, index)?).ok_or("takes a whole number from 0")
}

fn size(input: &Value) -> Made {
    match values::kind(input) {
        values::Kind::Nil => Ok(whole(0)),
        values::Kind::Text(text) => Ok(whole(text.chars().count())),
        values::Kind::List(list) => Ok(whole(list.size())),
        values::Kind::Table(table) => Ok(whole(table.size())),
        values::Kind::Bool(_) | values::Kind::Whole(_) | values::Kind::Broken(_) => {
            Err("works on texts, lists and tables; put `| append: ''` in front of it to count the digits of a number"
                .into())
        }
    }
}

/// Whether `default` replaces a value: nil, false, an empty text, list or table.
fn is_blank(value: &Value) -> bool {
    value.query_state(State::DefaultValue)
}

fn joined(a: &str, b: &str) -> Made {
    made([a, b].concat())
}

/// Replaces every match. As in Ruby, a backslash in the replacement has a meaning: `\\0` and `\\&` are the match, ``
/// \\` `` and `\\'` the text before and behind it, other digits are empty, and `\\\\` is a backslash.
fn replace(text: &str, search: &str, new: &str) -> Made {
    if search.is_empty() {
        return Err("has nothing to search for".into());
    }
    let mut replaced = String::new();
    let mut done = 0;
    for (at, _) in text.match_indices(search) {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + search.len()..).unwrap_or_default());
        replaced.push_str(text.get(done..at).unwrap_or_default());
        let mut rest = new;
        while let Some((plain, escaped)) = rest.split_once('\\') {
            replaced.push_str(plain);
            let meaning = match escaped.chars().next() {
                Some('0' | '&') => Some(search),
                Some('1'..='9') => Some(""),
                Some('`') => Some(before),
                Some('\'') => Some(after),
                Some('\\') => Some("\\"),
                Some(_) | None => None,
            };
            replaced.push_str(meaning.unwrap_or("\\"));
            rest = if meaning.is_some() { escaped.get(1..).unwrap_or_default() } else { escaped };
            if replaced.len() > MAX_VALUE_BYTES {
                return Err(TOO_LARGE.into());
            }
        }
        replaced.push_str(rest);
        done = at + search.len();
        if replaced.len() > MAX_VALUE_BYTES {
            return Err(TOO_LARGE.into());
        }
    }
    replaced.push_str(text.get(done..).unwrap_or_default());
    made(replaced)
}

/// The characters that form encoding changes; a blank is written as `+` after it.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b' ');

/// The text in form encoding: blanks as `+`, and only letters, digits and `-_.~` unchanged.
fn url_encode(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string().replace(' ', "+")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The first characters of a text, the ellipsis (`...`, or the second argument) included, which is never cut itself.
fn truncate(text: &str, given: &[Value]) -> Made {
    let most = count(given, 0)?;
    if text.chars().count() <= most {
        return made(text.to_owned());
    }
    let ellipsis = given.get(1).map_or_else(|| Ok("...".to_owned()), string)?;
    let room = most.saturating_sub(ellipsis.chars().count());
    made(text.chars().take(room).chain(ellipsis.chars()).collect())
}

/// The longest beginning that needs at most so many SMS segments.
fn truncate_segments(whole: &str, given: &[Value]) -> Made {
    let most = count(given, 0)?;
    let fits = |text: &str| widened(text::segments(text).segments) <= widened(most);
    if fits(whole) {
        return made(whole.to_owned());
    }
    // A longer beginning never needs fewer segments, so the last that fits can be searched by halving.
    let ends: Vec<usize> = whole.char_indices().map(|(at, _)| at).collect();
    let first_too_long = ends.partition_point(|end| whole.get(..*end).is_some_and(fits));
    let end = first_too_long.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0);
    made(whole.get(..end).unwrap_or_default().to_owned())
}

/// The parts of a text, without empty ones at the end. A single blank as separator stands for any white space, also at
/// the beginning.
fn split(text: &str, separator: &str) -> Made {
    if separator.is_empty() {
        return Err("has nothing to split at".into());
    }
    let is_blank = |c: char| c != '\0' && values::is_space(c);
    let parts: Box<dyn Iterator<Item = &str>> = if separator == " " {
        Box::new(text.split(is_blank).filter(|part| !part.is_empty()))
    } else {
        Box::new(text.split(separator))
    };
    let mut parts: Vec<&str> = parts.take(MAX_LIST + 1).collect();
    if parts.len() > MAX_LIST {
        return Err(TOO_LARGE.into());
    }
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    Ok(Value::Array(parts.into_iter().map(|part| Value::scalar(part.to_owned())).collect()))
}

/// The members of a list as one text. The size is checked first, because many members and a long separator multiply.
fn join(input: &Value, given: &[Value]) -> Made {
    let separator = given.first().map_or_else(|| Ok(" ".to_owned()), string)?;
    let parts = list(input)?.iter().map(string).collect::<Result<Vec<String>, _>>()?;
    let length: usize = parts.iter().map(String::len).sum();
    if separator.len().saturating_mul(parts.len()).saturating_add(length) > MAX_VALUE_BYTES {
        return Err(TOO_LARGE.into());
    }
    made(parts.join(&separator))
}

fn arithmetic(operation: Operation, input: &Value, given: &[Value]) -> Made {
    Ok(calculate(operation, input, &argument(given, 0)?)?)
}

/// A time in a format. Without a time or a format, the input stays unchanged.
fn date(input: &Value, given: &[Value]) -> Made {
    let format = string(&argument(given, 0)?)?;
    let time = string(input)?;
    if format.is_empty() || time.is_empty() { Ok(input.clone()) } else { made(strftime::date(&time, &format)?) }
}
