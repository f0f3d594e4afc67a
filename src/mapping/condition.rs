//! The conditions of `if`, `elsif` and `unless`, by the rules of Ruby's Liquid.
//!
//! `and` and `or` have no precedence: a condition is read from right to left, so `a and b or c` is `a and (b or c)`.

use std::cmp::Ordering;

use liquid_core::model::State;
use liquid_core::parser::TagToken;
use liquid_core::{Error, Expression, Result, Runtime, TagTokenIter, Value, ValueView};

use super::names::Names;
use super::tags::{charge, weight};
use super::values::{self, Incomparable};

/// The refusal of a text beside a number.
pub(super) const MAKE_A_NUMBER: &str = "compares a text with a number; make the text a number first, for example \
     `{% assign hour = event.received_at | date: '%H' | plus: 0 %}`";

/// A whole condition: a comparison, and further ones, each with its joint to the one before it.
#[derive(Debug)]
pub(super) struct Condition {
    first: Comparison,
    rest: Vec<(Joint, Comparison)>,
}

#[derive(Clone, Copy, Debug)]
enum Joint {
    And,
    Or,
}

#[derive(Debug)]
struct Comparison {
    left: Expression,
    /// The comparison; without one, the value itself is the condition.
    test: Option<(Operator, Expression)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equals,
    Differs,
    Less,
    Greater,
    AtMost,
    AtLeast,
    Contains,
}

impl Operator {
    fn of(sign: &str) -> Option<Self> {
        match sign {
            "==" => Some(Self::Equals),
            "!=" | "<>" => Some(Self::Differs),
            "<" => Some(Self::Less),
            ">" => Some(Self::Greater),
            "<=" => Some(Self::AtMost),
            ">=" => Some(Self::AtLeast),
            "contains" => Some(Self::Contains),
            _ => None,
        }
    }
}

impl Condition {
    pub(super) fn parse(mut arguments: TagTokenIter<'_>) -> Result<Self> {
        let (first, mut next) = Comparison::parse(&mut arguments)?;
        let mut rest = Vec::new();
        while let Some(token) = next {
            let joint = match token.as_str() {
                "and" => Joint::And,
                "or" => Joint::Or,
                _ => return Err(token.raise_custom_error("`and`, `or` or a comparison was expected")),
            };
            let (comparison, after) = Comparison::parse(&mut arguments)?;
            rest.push((joint, comparison));
            next = after;
        }
        Ok(Self { first, rest })
    }

    pub(super) fn holds(&self, runtime: &dyn Runtime) -> Result<bool> {
        let mut holds = self.first.holds(runtime)?;
        for (joint, comparison) in &self.rest {
            match (joint, holds) {
                (Joint::And, false) | (Joint::Or, true) => break,
                (Joint::And, true) | (Joint::Or, false) => holds = comparison.holds(runtime)?,
            }
        }
        Ok(holds)
    }
}

impl Comparison {
    /// The comparison, and the token behind it.
    fn parse<'a>(arguments: &mut TagTokenIter<'a>) -> Result<(Self, Option<TagToken<'a>>)> {
        let left = arguments.expect_next("a value was expected")?.expect_value().into_result()?;
        let next = arguments.next();
        let Some(operator) = next.as_ref().and_then(|token| Operator::of(token.as_str())) else {
            if word(&left).is_some() {
                return Err(only_for_comparing());
            }
            return Ok((Self { left, test: None }, next));
        };
        let right = arguments.expect_next("a value was expected")?.expect_value().into_result()?;
        let has_word = word(&left).is_some() || word(&right).is_some();
        if has_word && !matches!(operator, Operator::Equals | Operator::Differs) {
            return Err(only_for_comparing());
        }
        Ok((Self { left, test: Some((operator, right)) }, arguments.next()))
    }

    fn holds(&self, runtime: &dyn Runtime) -> Result<bool> {
        let names = Names(runtime);
        let Some((operator, right)) = &self.test else {
            // A missing attribute counts as one that is not set.
            return Ok(self.left.try_evaluate(&names).is_some_and(|value| value.query_state(State::Truthy)));
        };
        if let Some(equal) = self.equals_word(right, &names)? {
            return Ok(equal == (*operator == Operator::Equals));
        }
        let (left, right) = (self.left.evaluate(&names)?, right.evaluate(&names)?);
        let (left, right) = (left.as_view(), right.as_view());
        let is = |wanted: fn(Ordering) -> bool| {
            let order = values::order(left, right)
                .map_err(|Incomparable| Error::with_msg(format!("a condition {MAKE_A_NUMBER}")))?;
            Ok(order.is_some_and(wanted))
        };
        match operator {
            Operator::Equals => Ok(values::equal(left, right)),
            Operator::Differs => Ok(!values::equal(left, right)),
            Operator::Less => is(Ordering::is_lt),
            Operator::Greater => is(Ordering::is_gt),
            Operator::AtMost => is(Ordering::is_le),
            Operator::AtLeast => is(Ordering::is_ge),
            Operator::Contains => {
                charge(runtime, weight(left))?;
                values::contains(left, right).map_err(|Incomparable| {
                    Error::with_msg("`contains` looks for a single value in a text, not for a list")
                })
            }
        }
    }

    /// Whether one side equals the word `empty` or `blank` on the other; `None` where neither is such a word.
    fn equals_word(&self, right: &Expression, names: &Names<'_>) -> Result<Option<bool>> {
        Ok(match (word(&self.left), word(right)) {
            (None, None) => None,
            // The words are no values, so none equals another.
            (Some(_), Some(_)) => Some(false),
            (Some(state), None) => Some(is(right.evaluate(names)?.as_view(), state)),
            (None, Some(state)) => Some(is(self.left.evaluate(names)?.as_view(), state)),
        })
    }
}

/// Whether `{% when wanted %}` fits the value of its `case`.
pub(super) fn fits(value: &dyn ValueView, wanted: &Expression, runtime: &dyn Runtime) -> Result<bool> {
    match word(wanted) {
        Some(state) => Ok(is(value, state)),
        None => Ok(values::equal(value, wanted.evaluate(&Names(runtime))?.as_view())),
    }
}

fn is(value: &dyn ValueView, state: State) -> bool {
    if state == State::Empty { values::is_empty(value) } else { values::is_blank(value) }
}

/// The word `empty` or `blank`, when the expression is one.
fn word(expression: &Expression) -> Option<State> {
    match expression {
        Expression::Literal(Value::State(state)) => Some(*state),
        Expression::Literal(_) | Expression::Variable(_) => None,
    }
}

fn only_for_comparing() -> Error {
    Error::with_msg("`empty` and `blank` stand only behind `==` and `!=`")
}
