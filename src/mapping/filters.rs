//! The filters that templates may use. All are our own, so that every one has a limit and none can panic.
//!
//! Their meaning is that of Liquid's filters of the same names, save that they refuse what Liquid would quietly make
//! something of: arithmetic that does not fit, lists where a text is wanted, empty search texts. A `null` goes
//! through every text filter as an empty text.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use liquid_core::model::{Scalar, State};
use liquid_core::parser::{FilterArguments, ParameterReflection};
use liquid_core::{
    Error, Expression, Filter, FilterReflection, ParseFilter, Result as LiquidResult, Runtime, Value, ValueView,
};

use super::tags::{MAX_LIST, MAX_VALUE_BYTES, charge, weight};
use crate::domain::{phone, text};

/// What a filter makes, or why it cannot. The reasons are fixed words: they may be logged, customers' texts may not.
type Made = Result<Value, &'static str>;

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

/// Every filter there is, first those for our trade.
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
    spec("upcase", (0, 0), |input, _| made(string(input)?.to_uppercase())),
    spec("downcase", (0, 0), |input, _| made(string(input)?.to_lowercase())),
    spec("capitalize", (0, 0), |input, _| {
        let input = string(input)?;
        let mut rest = input.chars();
        let first: String = rest.next().into_iter().flat_map(char::to_uppercase).collect();
        made(first + rest.as_str())
    }),
    spec("strip", (0, 0), |input, _| made(string(input)?.trim().to_owned())),
    spec("lstrip", (0, 0), |input, _| made(string(input)?.trim_start().to_owned())),
    spec("rstrip", (0, 0), |input, _| made(string(input)?.trim_end().to_owned())),
    spec("strip_newlines", (0, 0), |input, _| made(string(input)?.replace(['\r', '\n'], ""))),
    spec("newline_to_br", (0, 0), |input, _| replace(&string(input)?.replace("\r\n", "\n"), "\n", "<br>")),
    spec("escape", (0, 0), |input, _| made(escape(&string(input)?))),
    spec("url_encode", (0, 0), |input, _| {
        made(form_urlencoded::byte_serialize(string(input)?.as_bytes()).collect::<String>())
    }),
    spec("truncate", (1, 2), |input, given| truncate(&string(input)?, given)),
    spec("split", (1, 1), |input, given| split(&string(input)?, &string(&argument(given, 0)?)?)),
    spec("join", (0, 1), join),
    spec("first", (0, 0), |input, _| Ok(list(input)?.first().cloned().unwrap_or(Value::Nil))),
    spec("last", (0, 0), |input, _| Ok(list(input)?.last().cloned().unwrap_or(Value::Nil))),
    spec("size", (0, 0), |input, _| match input {
        Value::Array(members) => Ok(whole(members.len())),
        Value::Scalar(_) | Value::Object(_) | Value::State(_) | Value::Nil => Ok(whole(string(input)?.chars().count())),
    }),
    spec("plus", (1, 1), |input, given| arithmetic(input, given, i64::checked_add, |a, b| a + b)),
    spec("minus", (1, 1), |input, given| arithmetic(input, given, i64::checked_sub, |a, b| a - b)),
    spec("times", (1, 1), |input, given| arithmetic(input, given, i64::checked_mul, |a, b| a * b)),
    spec("divided_by", (1, 1), |input, given| arithmetic(input, given, i64::checked_div_euclid, |a, b| a / b)),
    spec("modulo", (1, 1), |input, given| arithmetic(input, given, i64::checked_rem_euclid, |a, b| a % b)),
    spec("date", (1, 1), |input, given| date(&string(input)?, &string(&argument(given, 0)?)?)),
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
            .map(|expression| expression.evaluate(runtime).map(liquid_core::ValueCow::into_owned))
            .collect::<LiquidResult<Vec<Value>>>()?;
        let read = given.iter().map(|value| weight(value)).sum::<usize>().saturating_add(weight(input));
        charge(runtime, read)?;
        let value = (self.spec.apply)(&input.to_value(), &given)
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

fn argument(given: &[Value], index: usize) -> Made {
    given.get(index).cloned().ok_or("lacks an argument")
}

/// The text of a value; nothing is an empty text.
fn string(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::Scalar(scalar) => Ok(scalar.to_kstr().into_string()),
        Value::Nil | Value::State(_) => Ok(String::new()),
        Value::Array(_) | Value::Object(_) => Err("works on a text, not on a list or a table"),
    }
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

/// Counts come in several widths.
fn widened(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A count given as an argument.
fn count(given: &[Value], index: usize) -> Result<usize, &'static str> {
    let number = argument(given, index)?;
    let number = number.as_scalar().and_then(|scalar| scalar.to_integer());
    number.and_then(|number| usize::try_from(number).ok()).ok_or("takes a whole number from 0")
}

/// What `default` replaces: nothing, false, an empty text, list or table.
fn is_blank(value: &Value) -> bool {
    value.query_state(State::DefaultValue)
}

fn joined(a: &str, b: &str) -> Made {
    made([a, b].concat())
}

/// The size is worked out first, because many matches and a long replacement multiply.
fn replace(text: &str, search: &str, new: &str) -> Made {
    if search.is_empty() {
        return Err("has nothing to search for");
    }
    let growth = text.matches(search).count().saturating_mul(new.len());
    if growth.saturating_add(text.len()) > MAX_VALUE_BYTES {
        return Err(TOO_LARGE);
    }
    made(text.replace(search, new))
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

/// At most so many characters, the ellipsis (`…`, or the second argument) included.
fn truncate(text: &str, given: &[Value]) -> Made {
    let most = count(given, 0)?;
    if text.chars().count() <= most {
        return made(text.to_owned());
    }
    let ellipsis = given.get(1).map_or_else(|| Ok("…".to_owned()), string)?;
    let room = most.saturating_sub(ellipsis.chars().count());
    made(text.chars().take(room).chain(ellipsis.chars()).take(most).collect())
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

fn split(text: &str, separator: &str) -> Made {
    if separator.is_empty() {
        return Err("has nothing to split at");
    }
    if text.is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    let parts: Vec<Value> =
        text.split(separator).take(MAX_LIST + 1).map(|part| Value::scalar(part.to_owned())).collect();
    if parts.len() > MAX_LIST { Err(TOO_LARGE) } else { Ok(Value::Array(parts)) }
}

/// The size is worked out first, because many members and a long separator multiply.
fn join(input: &Value, given: &[Value]) -> Made {
    let separator = given.first().map_or_else(|| Ok(" ".to_owned()), string)?;
    let parts = list(input)?.iter().map(string).collect::<Result<Vec<String>, _>>()?;
    let length: usize = parts.iter().map(String::len).sum();
    if separator.len().saturating_mul(parts.len()).saturating_add(length) > MAX_VALUE_BYTES {
        return Err(TOO_LARGE);
    }
    made(parts.join(&separator))
}

/// Whole numbers stay whole (a quotation is rounded down, as in Liquid) and never wrap; others are computed as such.
fn arithmetic(input: &Value, given: &[Value], whole: fn(i64, i64) -> Option<i64>, broken: fn(f64, f64) -> f64) -> Made {
    let (a, b) = (number(input)?, number(&argument(given, 0)?)?);
    match (a, b) {
        (Number::Whole(a), Number::Whole(b)) => {
            whole(a, b).map(Value::scalar).ok_or("divides by zero or makes a number that does not fit 64 bits")
        }
        (Number::Broken(_), _) | (_, Number::Broken(_)) => {
            let result = broken(a.broken(), b.broken());
            if result.is_finite() { Ok(Value::scalar(result)) } else { Err("makes something that is not a number") }
        }
    }
}

#[derive(Clone, Copy)]
enum Number {
    Whole(i64),
    Broken(f64),
}

impl Number {
    #[expect(clippy::cast_precision_loss, reason = "mixed arithmetic is done in floating point, as in Liquid")]
    fn broken(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Broken(number) => number,
        }
    }
}

fn number(value: &Value) -> Result<Number, &'static str> {
    // 10.0 is written "10", so what is no whole number by its type must not be read from its text.
    if let Some(broken) = value.as_scalar().filter(|scalar| scalar.type_name() == "fractional number") {
        return broken.to_float().map(Number::Broken).ok_or("works on numbers");
    }
    let text = string(value)?;
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Ok(Number::Whole(number));
    }
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.map(Number::Broken).ok_or("works on numbers")
}

/// The format is strftime's; times are shown in UTC. There is no `now`: the same event must always make the same
/// request, or Zendesk's idempotency key would refuse the repeat.
fn date(input: &str, format: &str) -> Made {
    if input.is_empty() {
        return made(String::new());
    }
    let time: Timestamp = input.parse().map_err(|_| "works on times such as `event.received_at`")?;
    let zoned = time.to_zoned(TimeZone::UTC);
    let shown = jiff::fmt::strtime::format(format, &zoned).map_err(|_| "does not know this format; see strftime")?;
    made(shown)
}
