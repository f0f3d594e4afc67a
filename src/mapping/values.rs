//! Values, their text and their comparison, by the rules of Ruby's Liquid.
//!
//! The template library writes `1.0` as `1`, counts the bytes of a text, finds `true` equal to every text, and nil
//! equal to false. So all code of mappings reads values through this module. It never knows a template or an event.

use std::borrow::Cow;
use std::cmp::Ordering;

use liquid_core::model::{ArrayView, ObjectView, Scalar, ScalarCow};
use liquid_core::{Value, ValueView};

/// A value by its kind.
pub(super) enum Kind<'v> {
    Nil,
    Bool(bool),
    /// A whole number.
    Whole(i64),
    /// A number with a fraction, even a zero one.
    Broken(f64),
    Text(Cow<'v, str>),
    List(&'v dyn ArrayView),
    Table(&'v dyn ObjectView),
}

/// A text was compared by size with a number, which Ruby refuses.
#[derive(Debug)]
pub(super) struct Incomparable;

/// The kind of a value. Outside of comparisons, the words `empty` and `blank` are empty texts.
pub(super) fn kind(value: &dyn ValueView) -> Kind<'_> {
    if let Some(list) = value.as_array() {
        return Kind::List(list);
    }
    if let Some(table) = value.as_object() {
        return Kind::Table(table);
    }
    if value.is_state() {
        return Kind::Text(Cow::Borrowed(""));
    }
    value.as_scalar().map_or(Kind::Nil, of_scalar)
}

fn of_scalar(scalar: ScalarCow<'_>) -> Kind<'_> {
    if let Some(value) = scalar.to_bool() {
        return Kind::Bool(value);
    }
    // The type decides, because a text of digits also reads as a number.
    match (scalar.type_name(), scalar.to_integer(), scalar.to_float()) {
        ("whole number", Some(number), _) => Kind::Whole(number),
        ("fractional number", _, Some(number)) => Kind::Broken(number),
        _ => Kind::Text(scalar.into_cow_str()),
    }
}

/// The value itself, with an empty text in place of the words `empty` and `blank`.
pub(super) fn settled(value: Value) -> Value {
    match value {
        Value::State(_) => Value::Scalar(Scalar::new(String::new())),
        value @ (Value::Scalar(_) | Value::Array(_) | Value::Object(_) | Value::Nil) => value,
    }
}

/// The text of a single value; that of nil is empty. `None` for lists and tables.
pub(super) fn text(value: &dyn ValueView) -> Option<Cow<'_, str>> {
    match kind(value) {
        Kind::Nil => Some(Cow::Borrowed("")),
        Kind::Bool(value) => Some(Cow::Borrowed(if value { "true" } else { "false" })),
        Kind::Whole(number) => Some(Cow::Owned(number.to_string())),
        Kind::Broken(number) => Some(Cow::Owned(float_text(number))),
        Kind::Text(text) => Some(text),
        Kind::List(_) | Kind::Table(_) => None,
    }
}

/// Writes a value into a text, the members of a list one behind the other. `false` for a table, which cannot be
/// written.
pub(super) fn write_into(written: &mut String, value: &dyn ValueView) -> bool {
    match kind(value) {
        Kind::List(list) => list.values().all(|member| write_into(written, member)),
        Kind::Table(_) => false,
        Kind::Nil | Kind::Bool(_) | Kind::Whole(_) | Kind::Broken(_) | Kind::Text(_) => {
            written.push_str(&text(value).unwrap_or_default());
            true
        }
    }
}

/// A float as Ruby writes it: always with a fraction, and with an exponent from 1e15 and below 0.0001.
pub(super) fn float_text(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let digits = digits.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let padded = |digits: &str| if digits.is_empty() { "0".to_owned() } else { digits.to_owned() };
    match exponent {
        0..=14 => {
            let whole = usize::try_from(exponent).unwrap_or_default() + 1;
            let (before, after) = digits.split_at_checked(whole).unwrap_or((&digits, ""));
            format!("{sign}{before:0<whole$}.{}", padded(after))
        }
        -4..=-1 => {
            let zeros = usize::try_from(-1 - exponent).unwrap_or_default();
            format!("{sign}0.{}{digits}", "0".repeat(zeros))
        }
        _ => {
            let (before, after) = digits.split_at_checked(1).unwrap_or((&digits, ""));
            format!("{sign}{before}.{}e{exponent:+03}", padded(after))
        }
    }
}

/// `==`: nil equals only nil, and a text never equals a number.
pub(super) fn equal(a: &dyn ValueView, b: &dyn ValueView) -> bool {
    match (kind(a), kind(b)) {
        (Kind::Nil, Kind::Nil) => true,
        (Kind::Bool(a), Kind::Bool(b)) => a == b,
        (Kind::Text(a), Kind::Text(b)) => a == b,
        (Kind::List(a), Kind::List(b)) => a.size() == b.size() && a.values().zip(b.values()).all(|(a, b)| equal(a, b)),
        (Kind::Table(a), Kind::Table(b)) => {
            let same = |(key, value): (liquid_core::model::KStringCow<'_>, &dyn ValueView)| {
                b.get(key.as_str()).is_some_and(|other| equal(value, other))
            };
            a.size() == b.size() && a.iter().all(same)
        }
        (a, b) => numbers(&a, &b) == Some(Ordering::Equal),
    }
}

/// `<` and its like, between two numbers or two texts. `None` for values without an order, which Liquid takes for
/// false.
///
/// # Errors
/// A text beside a number.
pub(super) fn order(a: &dyn ValueView, b: &dyn ValueView) -> Result<Option<Ordering>, Incomparable> {
    match (kind(a), kind(b)) {
        (Kind::Text(a), Kind::Text(b)) => Ok(Some(a.as_bytes().cmp(b.as_bytes()))),
        (Kind::Text(_), Kind::Whole(_) | Kind::Broken(_)) | (Kind::Whole(_) | Kind::Broken(_), Kind::Text(_)) => {
            Err(Incomparable)
        }
        (a, b) => Ok(numbers(&a, &b)),
    }
}

fn numbers(a: &Kind<'_>, b: &Kind<'_>) -> Option<Ordering> {
    match (a, b) {
        (Kind::Whole(a), Kind::Whole(b)) => Some(a.cmp(b)),
        (Kind::Broken(a), Kind::Broken(b)) => a.partial_cmp(b),
        (Kind::Whole(a), Kind::Broken(b)) => exact(*a, *b),
        (Kind::Broken(a), Kind::Whole(b)) => exact(*b, *a).map(Ordering::reverse),
        _ => None,
    }
}

/// Compares without rounding the whole number, as Ruby does.
#[expect(clippy::cast_possible_truncation, reason = "a float beyond 128 bits becomes the nearest bound")]
fn exact(whole: i64, broken: f64) -> Option<Ordering> {
    let floor = broken.floor();
    let by_floor = i128::from(whole).cmp(&(floor as i128));
    let fraction = if broken > floor { Ordering::Less } else { Ordering::Equal };
    (!broken.is_nan()).then_some(by_floor.then(fraction))
}

/// `== empty`: only an empty text, list or table.
pub(super) fn is_empty(value: &dyn ValueView) -> bool {
    match kind(value) {
        Kind::Text(text) => text.is_empty(),
        Kind::List(list) => list.size() == 0,
        Kind::Table(table) => table.size() == 0,
        Kind::Nil | Kind::Bool(_) | Kind::Whole(_) | Kind::Broken(_) => false,
    }
}

/// `== blank`: an empty value, nil, false, or a text of white space.
pub(super) fn is_blank(value: &dyn ValueView) -> bool {
    match kind(value) {
        Kind::Nil => true,
        Kind::Bool(value) => !value,
        Kind::Text(text) => text.trim().is_empty(),
        Kind::List(_) | Kind::Table(_) => is_empty(value),
        Kind::Whole(_) | Kind::Broken(_) => false,
    }
}

/// `contains`: a text within a text, a member of a list, a name of a table. No value contains nil or false.
///
/// # Errors
/// A list or a table is searched for in a text.
pub(super) fn contains(value: &dyn ValueView, wanted: &dyn ValueView) -> Result<bool, Incomparable> {
    if matches!(kind(wanted), Kind::Nil | Kind::Bool(false)) {
        return Ok(false);
    }
    match kind(value) {
        Kind::Text(whole) => text(wanted).map(|wanted| whole.contains(&*wanted)).ok_or(Incomparable),
        Kind::List(list) => Ok(list.values().any(|member| equal(member, wanted))),
        Kind::Table(table) => Ok(matches!(kind(wanted), Kind::Text(name) if table.contains_key(&name))),
        Kind::Nil | Kind::Bool(_) | Kind::Whole(_) | Kind::Broken(_) => Ok(false),
    }
}

/// Ruby's white space: ASCII's, and the null.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, '\0' | '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ')
}

/// A whole number from 0, also as a text. Ruby's other notations are refused, because it reads `010` as eight.
pub(super) fn count(value: &dyn ValueView) -> Option<usize> {
    match kind(value) {
        Kind::Whole(number) => usize::try_from(number).ok(),
        Kind::Text(text) => {
            let is_plain =
                text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
            text.parse().ok().filter(|_| is_plain)
        }
        Kind::Nil | Kind::Bool(_) | Kind::Broken(_) | Kind::List(_) | Kind::Table(_) => None,
    }
}
