//! Liquid's tags that can grow or repeat a text, each with a budget.
//!
//! The library does not limit the cost of a template. Every render of a leaf has one [`Budget`], kept in the runtime's
//! registers. Loops, assignments and filters charge it, and the template fails when it is spent.

use std::io::Write;

use liquid_core::error::ResultLiquidReplaceExt;
use liquid_core::model::{KString, Object, Scalar};
use liquid_core::parser::{BlockElement, FilterChain, Tag};
use liquid_core::runtime::{Interrupt, InterruptRegister, StackFrame};
use liquid_core::{
    BlockReflection, Error, Expression, Language, ParseBlock, ParseTag, Renderable, Result, Runtime, TagBlock,
    TagReflection, TagTokenIter, Template, Value, ValueView,
};

use super::names::Names;
use super::values;

/// The most loop turns, assignments, filter calls and searches by `contains` in one render of a leaf. The shipped ones
/// take three.
pub(super) const MAX_STEPS: usize = 2_000;

/// The most bytes that those steps may read and make together: about 10 ms of work.
pub(super) const MAX_WORK_BYTES: usize = 4 * 1024 * 1024;

/// The largest text or list that a template may make. Zendesk cuts comments at 64 kB and Braze takes 50 KB of trigger
/// properties, so a template has room to shorten a longer text.
pub(super) const MAX_VALUE_BYTES: usize = 256 * 1024;

/// The most members that a list made by a template may have.
pub(super) const MAX_LIST: usize = 1_000;

/// The budget that is left for one render of a leaf.
pub(super) struct Budget {
    steps: usize,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: MAX_STEPS, bytes: MAX_WORK_BYTES }
    }
}

/// Charges one step over `bytes` bytes.
pub(super) fn charge(runtime: &dyn Runtime, bytes: usize) -> Result<()> {
    let mut budget = runtime.registers().get_mut::<Budget>();
    match (budget.steps.checked_sub(1), budget.bytes.checked_sub(bytes)) {
        (Some(steps), Some(bytes)) => {
            *budget = Budget { steps, bytes };
            Ok(())
        }
        (None, _) => Err(Error::with_msg(format!(
            "the template takes more than {MAX_STEPS} steps (loop turns, assignments, filters, `contains`)"
        ))),
        (_, None) => {
            Err(Error::with_msg(format!("the template works through more than {MAX_WORK_BYTES} bytes of text")))
        }
    }
}

/// The approximate bytes of a value; lists and tables count a fixed amount for each member.
pub(super) fn weight(value: &dyn ValueView) -> usize {
    const MEMBER: usize = 16;
    if let Some(list) = value.as_array() {
        list.values().map(|member| MEMBER + weight(member)).sum()
    } else if let Some(table) = value.as_object() {
        table.iter().map(|(key, member)| MEMBER + key.len() + weight(member)).sum()
    } else {
        value.as_scalar().map_or(0, |scalar| scalar.to_kstr().len())
    }
}

/// `{% for x in list limit: n offset: n reversed %} … {% else %} … {% endfor %}`, without ranges.
#[derive(Clone, Copy, Debug)]
pub(super) struct ForBlock;

impl BlockReflection for ForBlock {
    fn start_tag(&self) -> &'static str {
        "for"
    }

    fn end_tag(&self) -> &'static str {
        "endfor"
    }

    fn description(&self) -> &'static str {
        "repeats for every member of a list"
    }
}

impl ParseBlock for ForBlock {
    fn parse(
        &self,
        mut arguments: TagTokenIter<'_>,
        mut block: TagBlock<'_, '_>,
        options: &Language,
    ) -> Result<Box<dyn Renderable>> {
        let name = arguments.expect_next("a name was expected")?.expect_identifier().into_result()?;
        let name = KString::from_ref(name);
        arguments.expect_next("`in` was expected")?.expect_str("in").into_result_custom_msg("`in` was expected")?;
        let list = arguments.expect_next("a list was expected")?.expect_value().into_result()?;
        let (mut limit, mut offset, mut reversed) = (None, None, false);
        while let Some(token) = arguments.next() {
            match token.as_str() {
                "limit" => limit = Some(labelled(&mut arguments)?),
                "offset" => offset = Some(labelled(&mut arguments)?),
                // Ruby's Liquid does not see `reversed` behind the others.
                "reversed" if limit.is_some() || offset.is_some() => {
                    return Err(token.raise_custom_error("`reversed` stands in front of `limit:` and `offset:`"));
                }
                "reversed" => reversed = true,
                _ => return Err(token.raise_custom_error("`limit:`, `offset:` or `reversed` was expected")),
            }
        }
        let (body, next) = body_until(&mut block, options, &["else"])?;
        let otherwise = match next {
            Some(mut tag) => {
                tag.tokens().expect_nothing()?;
                Some(Template::new(block.parse_all(options)?))
            }
            None => None,
        };
        block.assert_empty();
        Ok(Box::new(For { name, list, limit, offset, reversed, body, otherwise }))
    }

    fn reflection(&self) -> &dyn BlockReflection {
        self
    }
}

/// The elements of a block up to one of the tags `stops`, which is handed back, or up to the block's end.
pub(super) fn body_until<'a>(
    block: &mut TagBlock<'a, '_>,
    options: &Language,
    stops: &[&str],
) -> Result<(Template, Option<Tag<'a>>)> {
    let mut elements = Vec::new();
    while let Some(element) = block.next()? {
        match element {
            BlockElement::Tag(tag) if stops.contains(&tag.name()) => return Ok((Template::new(elements), Some(tag))),
            BlockElement::Tag(tag) => elements.push(tag.parse(block, options)?),
            element @ (BlockElement::Raw(_) | BlockElement::Expression(_) | BlockElement::Invalid(_)) => {
                elements.push(element.parse(block, options)?);
            }
        }
    }
    Ok((Template::new(elements), None))
}

/// The value after `limit:` or `offset:`.
fn labelled(arguments: &mut TagTokenIter<'_>) -> Result<Expression> {
    arguments.expect_next("`:` was expected")?.expect_str(":").into_result_custom_msg("`:` was expected")?;
    arguments.expect_next("a number was expected")?.expect_value().into_result()
}

#[derive(Debug)]
struct For {
    name: KString,
    list: Expression,
    limit: Option<Expression>,
    offset: Option<Expression>,
    reversed: bool,
    body: Template,
    otherwise: Option<Template>,
}

impl For {
    fn members(&self, runtime: &dyn Runtime) -> Result<Vec<Value>> {
        let names = Names(runtime);
        let list = self.list.evaluate(&names)?;
        charge(runtime, weight(list.as_view()))?;
        if list.is_nil() {
            return Ok(Vec::new());
        }
        let Some(members) = list.as_array() else {
            return Err(Error::with_msg("`for` repeats only over lists"));
        };
        let offset = whole(self.offset.as_ref(), runtime)?.unwrap_or(0);
        let limit = whole(self.limit.as_ref(), runtime)?.unwrap_or(usize::MAX);
        let mut members: Vec<Value> = members.values().skip(offset).take(limit).map(ValueView::to_value).collect();
        if self.reversed {
            members.reverse();
        }
        Ok(members)
    }
}

impl Renderable for For {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let members = self.members(runtime)?;
        if members.is_empty() {
            return self.otherwise.as_ref().map_or(Ok(()), |template| template.render_to(writer, runtime));
        }
        let count = members.len();
        for (index, member) in members.into_iter().enumerate() {
            charge(runtime, 0)?;
            let mut names = Object::new();
            names.insert("forloop".into(), Value::Object(position(index, count)));
            names.insert(self.name.clone(), member);
            let scope = StackFrame::new(runtime, &names);
            self.body.render_to(writer, &scope)?;
            let interrupt = scope.registers().get_mut::<InterruptRegister>().reset();
            if matches!(interrupt, Some(Interrupt::Break)) {
                break;
            }
        }
        Ok(())
    }
}

/// The `forloop` object of one turn.
fn position(index: usize, count: usize) -> Object {
    let number = |n: usize| Value::scalar(i64::try_from(n).unwrap_or(i64::MAX));
    let left = count.saturating_sub(index).saturating_sub(1);
    let mut object = Object::new();
    object.insert("index".into(), number(index.saturating_add(1)));
    object.insert("index0".into(), number(index));
    object.insert("rindex".into(), number(left.saturating_add(1)));
    object.insert("rindex0".into(), number(left));
    object.insert("length".into(), number(count));
    object.insert("first".into(), Value::scalar(index == 0));
    object.insert("last".into(), Value::scalar(left == 0));
    object
}

fn whole(expression: Option<&Expression>, runtime: &dyn Runtime) -> Result<Option<usize>> {
    let Some(expression) = expression else { return Ok(None) };
    let names = Names(runtime);
    let value = expression.evaluate(&names)?;
    if value.is_nil() {
        return Ok(None);
    }
    let number = values::count(value.as_view());
    number.map(Some).ok_or_else(|| Error::with_msg("`limit:` and `offset:` take whole numbers from 0"))
}

/// `{% assign name = expression %}`.
#[derive(Clone, Copy, Debug)]
pub(super) struct AssignTag;

impl TagReflection for AssignTag {
    fn tag(&self) -> &'static str {
        "assign"
    }

    fn description(&self) -> &'static str {
        "gives a value a name"
    }
}

impl ParseTag for AssignTag {
    fn parse(&self, mut arguments: TagTokenIter<'_>, options: &Language) -> Result<Box<dyn Renderable>> {
        let name = arguments.expect_next("a name was expected")?.expect_identifier().into_result()?;
        let name = KString::from_ref(name);
        arguments.expect_next("`=` was expected")?.expect_str("=").into_result_custom_msg("`=` was expected")?;
        let value = arguments.expect_next("a value was expected")?.expect_filter_chain(options).into_result()?;
        arguments.expect_nothing()?;
        Ok(Box::new(Assign { name, value }))
    }

    fn reflection(&self) -> &dyn TagReflection {
        self
    }
}

#[derive(Debug)]
struct Assign {
    name: KString,
    value: FilterChain,
}

impl Renderable for Assign {
    fn render_to(&self, _writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let value = values::settled(self.value.evaluate(&Names(runtime))?.into_owned());
        charge(runtime, weight(&value))?;
        runtime.set_global(self.name.clone(), value);
        Ok(())
    }
}

/// `{% capture name %} … {% endcapture %}`.
#[derive(Clone, Copy, Debug)]
pub(super) struct CaptureBlock;

impl BlockReflection for CaptureBlock {
    fn start_tag(&self) -> &'static str {
        "capture"
    }

    fn end_tag(&self) -> &'static str {
        "endcapture"
    }

    fn description(&self) -> &'static str {
        "gives the text inside it a name"
    }
}

impl ParseBlock for CaptureBlock {
    fn parse(
        &self,
        mut arguments: TagTokenIter<'_>,
        mut block: TagBlock<'_, '_>,
        options: &Language,
    ) -> Result<Box<dyn Renderable>> {
        let name = arguments.expect_next("a name was expected")?.expect_identifier().into_result()?;
        let name = KString::from_ref(name);
        arguments.expect_nothing()?;
        let body = Template::new(block.parse_all(options)?);
        block.assert_empty();
        Ok(Box::new(Capture { name, body }))
    }

    fn reflection(&self) -> &dyn BlockReflection {
        self
    }
}

#[derive(Debug)]
struct Capture {
    name: KString,
    body: Template,
}

impl Renderable for Capture {
    fn render_to(&self, _writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let mut captured = Capped::new(MAX_VALUE_BYTES);
        let rendered = self.body.render_to(&mut captured, runtime);
        if captured.overflowed {
            return Err(Error::with_msg("`capture` makes a text larger than a template may"));
        }
        rendered?;
        charge(runtime, captured.bytes.len())?;
        let text =
            String::from_utf8(captured.bytes).map_err(|_| Error::with_msg("captured something else than text"))?;
        runtime.set_global(self.name.clone(), Value::Scalar(Scalar::new(text)));
        Ok(())
    }
}

/// The tags that replace every `{{ expression }}`. Templates cannot call them, because the scanner knows no such tags.
#[derive(Clone, Copy, Debug)]
pub(super) enum WriteTag {
    /// For a leaf of exactly one expression: writes the value as JSON, so that its type is kept.
    Value,
    /// For an expression beside text: writes the value as text. A table is refused, because the library gives its parts
    /// in another order each time, and the same event must make the same body.
    Text,
}

impl WriteTag {
    /// Its name in the parser; that of `Text` is short, because the parser's time grows with the template.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Value => "tandem_value",
            Self::Text => "put",
        }
    }
}

impl TagReflection for WriteTag {
    fn tag(&self) -> &'static str {
        self.name()
    }

    fn description(&self) -> &'static str {
        "writes a value"
    }
}

impl ParseTag for WriteTag {
    fn parse(&self, mut arguments: TagTokenIter<'_>, options: &Language) -> Result<Box<dyn Renderable>> {
        let value = arguments.expect_next("a value was expected")?.expect_filter_chain(options).into_result()?;
        arguments.expect_nothing()?;
        Ok(match self {
            Self::Value => Box::new(ValueAsJson(value)),
            Self::Text => Box::new(ValueAsText(value)),
        })
    }

    fn reflection(&self) -> &dyn TagReflection {
        self
    }
}

#[derive(Debug)]
struct ValueAsJson(FilterChain);

impl Renderable for ValueAsJson {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let names = Names(runtime);
        let value = self.0.evaluate(&names)?;
        // `empty` and `blank` have a meaning only in comparisons; as values they are nil.
        let value = match value.into_owned() {
            Value::State(_) => Value::Nil,
            value @ (Value::Scalar(_) | Value::Array(_) | Value::Object(_) | Value::Nil) => value,
        };
        serde_json::to_writer(writer, &value).replace("the value cannot be written as JSON")
    }
}

#[derive(Debug)]
struct ValueAsText(FilterChain);

impl Renderable for ValueAsText {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let names = Names(runtime);
        let value = self.0.evaluate(&names)?;
        let mut text = String::new();
        if !values::write_into(&mut text, value.as_view()) {
            return Err(Error::with_msg("a table cannot be written into a text: name one of its parts"));
        }
        writer.write_all(text.as_bytes()).replace("the value cannot be written as text")
    }
}

/// A writer that refuses to grow beyond a limit.
pub(super) struct Capped {
    pub(super) bytes: Vec<u8>,
    limit: usize,
    /// Whether a write did not fit. It is kept here, because the library drops the reason of a failed write.
    pub(super) overflowed: bool,
}

impl Capped {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, overflowed: false }
    }
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.limit {
            self.overflowed = true;
            return Err(std::io::Error::other("more than a template may write"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
