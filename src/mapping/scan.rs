//! Looks at a template before the Liquid parser does, and refuses what the parser could not survive.
//!
//! The parser recurses without a limit (a deep template overflows the stack, which nothing can catch), panics on
//! integers that do not fit, and turns `(1..1000000000)` into a real list. The scanner also knows the schema, so that
//! a misspelt name is found even in a branch that no sample takes: a missing name in an `if` is merely false.

use serde_json::Value;

use super::filters;
use super::tags::WriteTag;

/// Blocks inside blocks. The parser was measured to overflow a 2 MiB stack at 500 in release builds; debug builds
/// need several times as much stack, and no sensible template needs ten.
const MAX_NESTING: usize = 16;

/// Brackets inside brackets: `a[b[c]]`.
const MAX_BRACKETS: usize = 4;

/// Any number this long fits 64 bits; the parser panics on one that does not.
const MAX_DIGITS: usize = 18;

/// The tags that open a block, and how the block is closed.
const BLOCKS: [(&str, &str); 5] =
    [("if", "endif"), ("unless", "endunless"), ("case", "endcase"), ("for", "endfor"), ("capture", "endcapture")];

/// The tags that stand alone.
const TAGS: [&str; 6] = ["assign", "else", "elsif", "when", "break", "continue"];

/// Words of the language that are not names of values.
const WORDS: [&str; 13] =
    ["in", "and", "or", "contains", "true", "false", "nil", "null", "empty", "blank", "reversed", "limit", "offset"];

/// What a template consists of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text without any Liquid.
    Fixed,
    /// Exactly one `{{ expression }}`: the expression.
    Expression(String),
    /// Text and Liquid: the same with [`WriteTag::Text`] in place of every `{{ expression }}`.
    Mixed(String),
}

/// What kind of brackets a piece of Liquid stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Expression,
    Tag,
}

/// Checks `text` and says what shape it has. `schema` is a context as JSON: its names are the only ones there are.
pub(super) fn scan(text: &str, schema: &Value) -> Result<Shape, String> {
    let mut scan = Scan { schema, locals: Vec::new(), open: Vec::new() };
    let mut rest = text;
    let mut pieces = 0_usize;
    let mut only = None;
    let mut has_text = false;
    let mut mixed = String::with_capacity(text.len());
    while let Some((before, kind, inside, after)) = next_piece(rest)? {
        has_text |= !before.is_empty();
        let (trims_before, inside) = inside.strip_prefix('-').map_or(("", inside), |inside| ("-", inside));
        let (trims_after, inside) = inside.strip_suffix('-').map_or(("", inside), |inside| ("-", inside));
        let inside = inside.trim();
        scan.piece(kind, inside)?;
        let tag = if kind == Kind::Expression { WriteTag::Text.name() } else { "" };
        mixed.push_str(&format!("{before}{{%{trims_before} {tag} {inside} {trims_after}%}}"));
        only = (kind == Kind::Expression).then(|| inside.to_owned());
        pieces += 1;
        rest = after;
    }
    has_text |= !rest.is_empty();
    mixed.push_str(rest);
    if let Some((block, end)) = scan.open.pop() {
        return Err(format!("`{{% {block} %}}` is never closed; add `{{% {end} %}}`"));
    }
    Ok(match (pieces, has_text, only) {
        (0, ..) => Shape::Fixed,
        (1, false, Some(expression)) => Shape::Expression(expression),
        _ => Shape::Mixed(mixed),
    })
}

/// The next `{{ … }}` or `{% … %}` of `text`: what stands before it, its kind, its inside, and what follows.
fn next_piece(text: &str) -> Result<Option<(&str, Kind, &str, &str)>, String> {
    let Some(start) = text.find("{{").into_iter().chain(text.find("{%")).min() else { return Ok(None) };
    let (before, from) = text.split_at(start);
    let (kind, close) = if from.starts_with("{{") { (Kind::Expression, "}}") } else { (Kind::Tag, "%}") };
    let body = from.get(2..).unwrap_or_default();
    let mut quote = None;
    for (at, c) in body.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if body.get(at..).is_some_and(|tail| tail.starts_with(close)) => {
                let inside = body.get(..at).unwrap_or_default();
                let after = body.get(at + close.len()..).unwrap_or_default();
                return Ok(Some((before, kind, inside, after)));
            }
            None => {}
        }
    }
    let open = if kind == Kind::Expression { "{{" } else { "{%" };
    Err(format!("`{open}` is never closed; end it with `{close}`, and check that every quotation mark has its partner"))
}

struct Scan<'a> {
    schema: &'a Value,
    /// Names that the template gives itself with `assign`, `capture` and `for`.
    locals: Vec<String>,
    /// Blocks that are open, each with the tag that closes it.
    open: Vec<(&'static str, &'static str)>,
}

/// One word or sign of Liquid.
#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Path(&'a str),
    Text,
    Number,
    Sign(char),
}

impl Scan<'_> {
    fn piece(&mut self, kind: Kind, inside: &str) -> Result<(), String> {
        if inside.is_empty() {
            return Err("`{{ }}` holds nothing; put a name into it, or remove it".to_owned());
        }
        let tokens = tokens(inside)?;
        let arguments = match (kind, tokens.split_first()) {
            (Kind::Tag, Some((Token::Path(tag), arguments))) => {
                self.tag(tag, arguments)?;
                arguments
            }
            (Kind::Tag, _) => return Err("`{% %}` must begin with the name of a tag".to_owned()),
            (Kind::Expression, _) => &tokens,
        };
        self.names(arguments)
    }

    /// Keeps count of open blocks, and learns the names that the template gives itself.
    fn tag(&mut self, tag: &str, arguments: &[Token<'_>]) -> Result<(), String> {
        if let Some((block, end)) = BLOCKS.iter().find(|(block, _)| *block == tag) {
            self.open.push((block, end));
            if self.open.len() > MAX_NESTING {
                return Err(format!("blocks are nested more than {MAX_NESTING} deep; simplify the template"));
            }
        } else if BLOCKS.iter().any(|(_, end)| *end == tag) {
            match self.open.pop() {
                Some((_, end)) if end == tag => {}
                Some((block, end)) => {
                    return Err(format!("`{{% {tag} %}}` stands where `{{% {end} %}}` must close `{block}`"));
                }
                None => return Err(format!("`{{% {tag} %}}` closes a block that was never opened")),
            }
        } else if !TAGS.contains(&tag) {
            let known: Vec<&str> = BLOCKS.iter().map(|(block, _)| *block).chain(TAGS).collect();
            return Err(format!("the tag `{tag}` is not available in mappings; there are: {}", known.join(", ")));
        }
        if let ("assign" | "capture" | "for", Some(Token::Path(name))) = (tag, arguments.first()) {
            if self.schema.get(name).is_some() {
                return Err(format!(
                    "`{name}` is a part of the event and cannot be given a new value; use another name"
                ));
            }
            self.locals.push((*name).to_owned());
        }
        Ok(())
    }

    /// Every filter and every name must exist.
    fn names(&self, tokens: &[Token<'_>]) -> Result<(), String> {
        let mut before = None;
        for (at, token) in tokens.iter().enumerate() {
            if let Token::Path(path) = token {
                let is_label = tokens.get(at + 1) == Some(&Token::Sign(':'));
                match before {
                    Some(&Token::Sign('|')) => self.filter(path)?,
                    // What follows a bracket is looked up in a value that only the event knows.
                    Some(&Token::Sign('.')) => {}
                    _ if is_label => {}
                    _ => self.path(path)?,
                }
            }
            before = Some(token);
        }
        Ok(())
    }

    fn filter(&self, name: &str) -> Result<(), String> {
        if filters::FILTERS.iter().any(|filter| filter.name == name) {
            return Ok(());
        }
        let known: Vec<&str> = filters::FILTERS.iter().map(|filter| filter.name).collect();
        Err(format!("there is no filter `{name}`; there are: {}", known.join(", ")))
    }

    fn path(&self, path: &str) -> Result<(), String> {
        let mut segments = path.split('.');
        let root = segments.next().unwrap_or_default();
        if WORDS.contains(&root) || root == "forloop" || self.locals.iter().any(|local| local == root) {
            return Ok(());
        }
        let Some(mut value) = self.schema.get(root) else {
            return Err(format!("there is no `{root}`; there are: {}", keys(self.schema)));
        };
        // Profile attributes are whatever the sender of the event put there.
        if root == "attributes" {
            return Ok(());
        }
        let mut walked = root.to_owned();
        for segment in segments {
            match value.get(segment) {
                Some(member) => value = member,
                None if value.is_array() && ["first", "last", "size"].contains(&segment) => return Ok(()),
                None if value.is_object() => {
                    return Err(format!("there is no `{path}`; `{walked}` has: {}", keys(value)));
                }
                None => return Err(format!("there is no `{path}`: `{walked}` is a single value")),
            }
            walked = format!("{walked}.{segment}");
        }
        Ok(())
    }
}

fn keys(value: &Value) -> String {
    let names: Vec<&str> = value.as_object().map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default();
    names.join(", ")
}

/// Takes the inside of one piece of Liquid apart.
fn tokens(inside: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = inside;
    let mut brackets = 0_usize;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' | '\'' => {
                tokens.push(Token::Text);
                rest.get(1..).and_then(|tail| tail.find(c)).ok_or("a quotation mark has no partner")? + 2
            }
            c if c.is_whitespace() => c.len_utf8(),
            c if c.is_ascii_alphabetic() || c == '_' => {
                let path = leading(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
                tokens.push(Token::Path(path));
                path.len()
            }
            c if c.is_ascii_digit() => {
                let digits = leading(rest, |c| c.is_ascii_digit()).len();
                if digits > MAX_DIGITS {
                    return Err(format!(
                        "a number has more than {MAX_DIGITS} digits; write it as text, in quotation marks"
                    ));
                }
                tokens.push(Token::Number);
                digits
            }
            '$' => return Err(BRAZE_DIALECT.to_owned()),
            '(' | ')' => {
                return Err("parentheses and ranges such as `(1..10)` are not available in mappings; \
                            loop over a list of the event instead"
                    .to_owned());
            }
            sign => {
                match sign {
                    '[' => brackets += 1,
                    ']' => brackets = brackets.saturating_sub(1),
                    _ => {}
                }
                if brackets > MAX_BRACKETS {
                    return Err(format!("brackets are nested more than {MAX_BRACKETS} deep; simplify the template"));
                }
                tokens.push(Token::Sign(sign));
                sign.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(tokens)
}

const BRAZE_DIALECT: &str = "`${name}` is Braze's own dialect, which is understood only inside Braze; \
     here a value is called by its plain name, for example `{{ customer.first_name }}`";

fn leading(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}
