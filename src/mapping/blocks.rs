//! The tags that choose, by the rules of Ruby's Liquid: `if`, `unless` and `case`.

use std::io::Write;

use liquid_core::{
    BlockReflection, Expression, Language, ParseBlock, Renderable, Result, Runtime, TagBlock, TagTokenIter, Template,
};

use super::condition::{Condition, fits};
use super::names::Names;
use super::tags::body_until;
use super::values::settled;

/// `{% if condition %} … {% elsif condition %} … {% else %} … {% endif %}`, and the same with `unless`, whose first
/// condition is negated.
#[derive(Clone, Copy, Debug)]
pub(super) enum ChoiceBlock {
    If,
    Unless,
}

impl BlockReflection for ChoiceBlock {
    fn start_tag(&self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Unless => "unless",
        }
    }

    fn end_tag(&self) -> &'static str {
        match self {
            Self::If => "endif",
            Self::Unless => "endunless",
        }
    }

    fn description(&self) -> &'static str {
        "renders the first branch whose condition holds"
    }
}

impl ParseBlock for ChoiceBlock {
    fn parse(
        &self,
        arguments: TagTokenIter<'_>,
        mut block: TagBlock<'_, '_>,
        options: &Language,
    ) -> Result<Box<dyn Renderable>> {
        let mut branches = Vec::new();
        let mut condition = Some(Condition::parse(arguments)?);
        loop {
            let (body, next) = body_until(&mut block, options, &["elsif", "else"])?;
            branches.push(Branch { condition, body });
            let Some(mut tag) = next else { break };
            if tag.name() == "elsif" {
                condition = Some(Condition::parse(tag.into_tokens())?);
            } else {
                tag.tokens().expect_nothing()?;
                condition = None;
            }
        }
        block.assert_empty();
        Ok(Box::new(Choice { is_reversed: matches!(self, Self::Unless), branches }))
    }

    fn reflection(&self) -> &dyn BlockReflection {
        self
    }
}

#[derive(Debug)]
struct Choice {
    /// Whether the first condition is negated.
    is_reversed: bool,
    branches: Vec<Branch>,
}

#[derive(Debug)]
struct Branch {
    /// The condition; `else` has none.
    condition: Option<Condition>,
    body: Template,
}

impl Renderable for Choice {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        for (index, Branch { condition, body }) in self.branches.iter().enumerate() {
            let is_reversed = self.is_reversed && index == 0;
            let is_chosen = match condition {
                Some(condition) => condition.holds(runtime)? != is_reversed,
                None => true,
            };
            if is_chosen {
                return body.render_to(writer, runtime);
            }
        }
        Ok(())
    }
}

/// `{% case value %}{% when value, value %} … {% else %} … {% endcase %}`. As in Ruby, every `when` is rendered once
/// for each of its values that fit, and `else` where none fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct CaseBlock;

impl BlockReflection for CaseBlock {
    fn start_tag(&self) -> &'static str {
        "case"
    }

    fn end_tag(&self) -> &'static str {
        "endcase"
    }

    fn description(&self) -> &'static str {
        "renders the branches that name the value"
    }
}

impl ParseBlock for CaseBlock {
    fn parse(
        &self,
        mut arguments: TagTokenIter<'_>,
        mut block: TagBlock<'_, '_>,
        options: &Language,
    ) -> Result<Box<dyn Renderable>> {
        let value = arguments.expect_next("a value was expected")?.expect_value().into_result()?;
        arguments.expect_nothing()?;
        let (mut whens, mut otherwise) = (Vec::new(), None);
        // Text before the first `when` is never rendered.
        let (_, mut next) = body_until(&mut block, options, &["when", "else"])?;
        while let Some(mut tag) = next {
            let wanted = if tag.name() == "when" { Some(wanted(tag.tokens())?) } else { None };
            tag.tokens().expect_nothing()?;
            let (body, after) = body_until(&mut block, options, &["when", "else"])?;
            match wanted {
                Some(wanted) => whens.push((wanted, body)),
                None => otherwise = Some(body),
            }
            next = after;
        }
        block.assert_empty();
        Ok(Box::new(Case { value, whens, otherwise }))
    }

    fn reflection(&self) -> &dyn BlockReflection {
        self
    }
}

/// The values of a `when`, between commas or `or`.
fn wanted(arguments: &mut TagTokenIter<'_>) -> Result<Vec<Expression>> {
    let mut wanted = vec![arguments.expect_next("a value was expected")?.expect_value().into_result()?];
    while let Some(token) = arguments.next() {
        if !["or", ","].contains(&token.as_str()) {
            return Err(token.raise_custom_error("`or` or `,` was expected"));
        }
        wanted.push(arguments.expect_next("a value was expected")?.expect_value().into_result()?);
    }
    Ok(wanted)
}

#[derive(Debug)]
struct Case {
    value: Expression,
    whens: Vec<(Vec<Expression>, Template)>,
    otherwise: Option<Template>,
}

impl Renderable for Case {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let names = Names(runtime);
        let value = settled(self.value.evaluate(&names)?.into_owned());
        let mut has_fitted = false;
        for (wanted, body) in &self.whens {
            for wanted in wanted {
                if fits(&value, wanted, runtime)? {
                    has_fitted = true;
                    body.render_to(writer, runtime)?;
                }
            }
        }
        match &self.otherwise {
            Some(otherwise) if !has_fitted => otherwise.render_to(writer, runtime),
            Some(_) | None => Ok(()),
        }
    }
}
