//! Arithmetic of templates, by the rules of Ruby's Liquid, but it never takes a value for a number that is none.
//!
//! Whole numbers stay whole, and quotients are rounded towards minus infinity. Where one number has a fraction, the
//! calculation is done in decimals, so that 0.1 and 0.2 are 0.3. A result that does not fit is refused.

use liquid_core::{Value, ValueView};

use super::values::{Kind, float_text, is_space, kind};

/// The filters that calculate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Plus,
    Minus,
    Times,
    DividedBy,
    Modulo,
}

const DOES_NOT_FIT: &str = "makes a number that does not fit 64 bits";
const BY_ZERO: &str = "divides by zero";
const NO_NUMBER: &str = "works on numbers";
const NOTHING: &str = "works on numbers, and there is nothing; put `| default: 0` in front of it";

/// The digits behind the point of a quotient: more than a float can hold.
const QUOTIENT_DIGITS: u32 = 40;

/// The most digits behind the point of an operand.
const MAX_SCALE: u32 = 30;

/// Calculates.
///
/// # Errors
/// The reason, in fixed words.
pub(super) fn calculate(operation: Operation, a: &dyn ValueView, b: &dyn ValueView) -> Result<Value, &'static str> {
    match (number(a)?, number(b)?) {
        (Number::Whole(a), Number::Whole(b)) => wholes(operation, a, b).map(Value::scalar),
        (a, b) => decimals(operation, a.decimal(), b.decimal()).map(Value::scalar),
    }
}

fn wholes(operation: Operation, a: i64, b: i64) -> Result<i64, &'static str> {
    let result = match operation {
        Operation::Plus => a.checked_add(b),
        Operation::Minus => a.checked_sub(b),
        Operation::Times => a.checked_mul(b),
        Operation::DividedBy | Operation::Modulo if b == 0 => return Err(BY_ZERO),
        Operation::DividedBy => {
            let is_rounded_up = a.checked_rem(b).is_some_and(|rest| rest != 0 && (rest < 0) != (b < 0));
            a.checked_div(b).and_then(|quotient| quotient.checked_sub(i64::from(is_rounded_up)))
        }
        // The rest of a division by -1 is 0, even where the quotient does not fit.
        Operation::Modulo => {
            let rest = a.checked_rem(b).unwrap_or(0);
            if rest != 0 && (rest < 0) != (b < 0) { rest.checked_add(b) } else { Some(rest) }
        }
    };
    result.ok_or(DOES_NOT_FIT)
}

fn decimals(operation: Operation, a: Decimal, b: Decimal) -> Result<f64, &'static str> {
    let is_minus = a.is_minus != b.is_minus;
    let result = match operation {
        // The sum of two zeros has a minus only where both have one.
        Operation::Plus if a.units == 0 && b.units == 0 => Some(Decimal { is_minus: a.is_minus && b.is_minus, ..a }),
        Operation::Minus if a.units == 0 && b.units == 0 => Some(Decimal { is_minus: a.is_minus && !b.is_minus, ..a }),
        Operation::Plus => a.aligned(b).and_then(|(x, y, scale)| Some(Decimal::of(x.checked_add(y)?, scale))),
        Operation::Minus => a.aligned(b).and_then(|(x, y, scale)| Some(Decimal::of(x.checked_sub(y)?, scale))),
        Operation::Times => a.units.checked_mul(b.units).map(|units| Decimal {
            units,
            is_minus,
            scale: a.scale.saturating_add(b.scale),
        }),
        Operation::DividedBy | Operation::Modulo if b.units == 0 => return Err(BY_ZERO),
        Operation::DividedBy => return a.divided_by(b).ok_or(DOES_NOT_FIT),
        Operation::Modulo => a.aligned(b).and_then(|(x, y, scale)| {
            let rest = x.checked_rem(y)?;
            let rest = if rest != 0 && (rest < 0) != (y < 0) { rest.checked_add(y)? } else { rest };
            Some(Decimal::of(rest, scale))
        }),
    };
    result.and_then(Decimal::float).ok_or(DOES_NOT_FIT)
}

#[derive(Clone, Copy)]
enum Number {
    Whole(i64),
    Decimal(Decimal),
}

/// `units` × 10^-`scale`.
#[derive(Clone, Copy)]
struct Decimal {
    units: i128,
    /// The sign, which zero has as well.
    is_minus: bool,
    scale: u32,
}

impl Number {
    fn decimal(self) -> Decimal {
        match self {
            Self::Whole(number) => Decimal::of(number.into(), 0),
            Self::Decimal(number) => number,
        }
    }
}

impl Decimal {
    fn of(units: i128, scale: u32) -> Self {
        Self { units, is_minus: units < 0, scale }
    }

    /// Reads `-12.5` and the notation of [`float_text`].
    fn read(text: &str) -> Option<Self> {
        let (number, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().ok()?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let fraction = fraction.trim_end_matches('0');
        let units: i128 = [whole, fraction].concat().parse().ok()?;
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        let is_minus = whole.starts_with('-');
        match u32::try_from(scale) {
            Ok(scale) => (scale <= MAX_SCALE).then_some(Self { units, is_minus, scale }),
            Err(_) => Some(Self { units: units.checked_mul(power(scale.unsigned_abs())?)?, is_minus, scale: 0 }),
        }
    }

    /// Both numbers as units of one scale.
    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let raise = |number: Self| number.units.checked_mul(power(scale.saturating_sub(number.scale))?);
        Some((raise(self)?, raise(other)?, scale))
    }

    fn float(self) -> Option<f64> {
        let digits = self.units.unsigned_abs();
        let sign = if self.is_minus { "-" } else { "" };
        format!("{sign}{digits}e-{}", self.scale).parse().ok().filter(|float: &f64| float.is_finite())
    }

    /// The quotient, digit by digit, because it may have no end.
    fn divided_by(self, other: Self) -> Option<f64> {
        let (a, b, _) = self.aligned(other)?;
        let (a, b) = (a.unsigned_abs(), b.unsigned_abs());
        let mut written = a.checked_div(b)?.to_string();
        let mut rest = a.checked_rem(b)?;
        for _ in 0..QUOTIENT_DIGITS {
            rest = rest.checked_mul(10)?;
            written.push(char::from_digit(u32::try_from(rest.checked_div(b)?).ok()?, 10)?);
            rest = rest.checked_rem(b)?;
        }
        let sign = if self.is_minus == other.is_minus { "" } else { "-" };
        format!("{sign}{written}e-{QUOTIENT_DIGITS}").parse().ok()
    }
}

fn power(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// The number of a value. Ruby takes any other value for 0, and `12 apples` for 12; both are refused here.
fn number(value: &dyn ValueView) -> Result<Number, &'static str> {
    match kind(value) {
        Kind::Whole(number) => Ok(Number::Whole(number)),
        Kind::Broken(number) => Decimal::read(&float_text(number)).map(Number::Decimal).ok_or(DOES_NOT_FIT),
        Kind::Text(text) => written(&text),
        Kind::Nil => Err(NOTHING),
        Kind::Bool(_) | Kind::List(_) | Kind::Table(_) => Err(NO_NUMBER),
    }
}

fn written(text: &str) -> Result<Number, &'static str> {
    let text = text.trim_matches(is_space);
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match unsigned.split_once('.') {
        Some((whole, fraction)) if is_digits(whole) && is_digits(fraction) => {
            Decimal::read(text).map(Number::Decimal).ok_or(DOES_NOT_FIT)
        }
        None if is_digits(unsigned) || text.strip_prefix('+').is_some_and(is_digits) => {
            text.parse().map(Number::Whole).map_err(|_| DOES_NOT_FIT)
        }
        None if text.is_empty() => Err(NOTHING),
        Some(_) | None => Err(NO_NUMBER),
    }
}
