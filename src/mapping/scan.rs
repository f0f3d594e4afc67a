//! Scans a template before the Liquid parser does, and refuses templates that the parser could not survive.
//!
//! The parser recurses without a limit, panics on integers that do not fit, and turns `(1..1000000000)` into a real
//! list. A deep template would overflow the stack, which cannot be caught. The scanner also knows the schema, so that a
//! misspelt name is found even in a branch that no sample takes, because a missing name in an `if` is merely false.
//!
//! Ruby's Liquid, the reference, reads with patterns and not with a grammar, so the scanner also refuses spellings that
//! it reads in another way than they look. The scanner settles white space as Ruby does: the white space that `-`
//! trims, and that of a block without any other content, which is not printed.

use serde_json::Value;

use super::condition::MAKE_A_NUMBER;
use super::filters;
use super::tags::WriteTag;
use super::values::is_space;

mod token;

use token::{Token, one_line, tokens};

/// The deepest nesting of blocks. The parser was measured to overflow a 2 MiB stack at 500 in release builds. Debug
/// builds need several times as much stack, and no sensible template needs ten.
const MAX_NESTING: usize = 16;

/// The tags that open a block, each with the tag that closes it.
const BLOCKS: [(&str, &str); 5] =
    [("if", "endif"), ("unless", "endunless"), ("case", "endcase"), ("for", "endfor"), ("capture", "endcapture")];

/// The tags that stand alone, each with the blocks that may hold it; a tag without blocks may stand everywhere.
const TAGS: [(&str, &[&str]); 6] = [
    ("assign", &[]),
    ("else", &["if", "unless", "case", "for"]),
    ("elsif", &["if", "unless"]),
    ("when", &["case"]),
    ("break", &[]),
    ("continue", &[]),
];

/// Words that are values.
const LITERALS: [&str; 6] = ["true", "false", "nil", "null", "empty", "blank"];

/// Words that are not names of values, each with the tags that may hold it.
const WORDS: [(&str, &[&str]); 7] = [
    ("in", &["for"]),
    ("reversed", &["for"]),
    ("limit", &["for"]),
    ("offset", &["for"]),
    ("and", &["if", "elsif", "unless"]),
    ("contains", &["if", "elsif", "unless"]),
    ("or", &["if", "elsif", "unless", "when"]),
];

/// The parts of `forloop`, which describe the turn of a `for`.
const FORLOOP: [&str; 7] = ["index", "index0", "rindex", "rindex0", "length", "first", "last"];

/// Filters that always make a text.
const MAKE_TEXT: [&str; 22] = [
    "append",
    "capitalize",
    "date",
    "downcase",
    "escape",
    "gsm7",
    "inert",
    "join",
    "lstrip",
    "newline_to_br",
    "phone",
    "plain",
    "prepend",
    "remove",
    "replace",
    "rstrip",
    "strip",
    "strip_newlines",
    "truncate",
    "truncate_segments",
    "upcase",
    "url_encode",
];

/// Filters that always make a number.
const MAKE_NUMBER: [&str; 7] = ["plus", "minus", "times", "divided_by", "modulo", "size", "segments"];

/// The shape of a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Text without any Liquid.
    Fixed,
    /// Exactly one `{{ expression }}`: the expression.
    Expression(String),
    /// Text and Liquid: the template with [`WriteTag::Text`] in place of every `{{ expression }}`.
    Mixed(String),
}

/// The brackets of a piece of Liquid.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Expression,
    Tag,
}

/// The known type of a value before rendering. Nil is always possible as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Text,
    Number,
    Any,
}

/// Checks `text` and gives its shape. `schema` is a context as JSON, which holds all names that exist.
pub(super) fn scan(text: &str, schema: &Value) -> Result<Shape, String> {
    let mut scan = Scan { schema, locals: Vec::new(), open: Vec::new() };
    let mut rest = text;
    let mut pieces = 0_usize;
    let mut only = None;
    let mut has_text = false;
    let mut mixed = String::with_capacity(text.len());
    let mut is_trimmed = false;
    while let Some((before, bracket, inside, after)) = next_piece(rest)? {
        has_text |= !before.is_empty();
        let (trims_before, inside) = inside.strip_prefix('-').map_or((false, inside), |inside| (true, inside));
        let (trims_after, inside) = inside.strip_suffix('-').map_or((false, inside), |inside| (true, inside));
        let before = if is_trimmed { before.trim_start_matches(is_space) } else { before };
        let before = if trims_before { before.trim_end_matches(is_space) } else { before };
        scan.text(before, &mut mixed);
        let inside = one_line(inside);
        scan.piece(bracket, &inside, &mut mixed)?;
        only = (bracket == Bracket::Expression).then(|| inside.clone());
        pieces += 1;
        rest = after;
        is_trimmed = trims_after;
    }
    has_text |= !rest.is_empty();
    mixed.push_str(if is_trimmed { rest.trim_start_matches(is_space) } else { rest });
    if let Some(open) = scan.open.pop() {
        return Err(format!("`{{% {} %}}` is never closed; add `{{% {} %}}`", open.block, open.end));
    }
    Ok(match (pieces, has_text, only) {
        (0, ..) => Shape::Fixed,
        (1, false, Some(expression)) => Shape::Expression(expression),
        _ => Shape::Mixed(mixed),
    })
}

/// The next `{{ … }}` or `{% … %}` of `text`: the text before it, its brackets, its inside, and the text after it.
fn next_piece(text: &str) -> Result<Option<(&str, Bracket, &str, &str)>, String> {
    let Some(start) = text.find("{{").into_iter().chain(text.find("{%")).min() else { return Ok(None) };
    let (before, from) = text.split_at(start);
    let is_expression = from.starts_with("{{");
    let (bracket, close) = if is_expression { (Bracket::Expression, "}}") } else { (Bracket::Tag, "%}") };
    let body = from.get(2..).unwrap_or_default();
    let mut quote = None;
    for (at, c) in body.char_indices() {
        // Liquid looks for the end before it looks for quotation marks, and takes a single brace for half an end.
        let ends = if is_expression { c == '}' } else { body.get(at..).is_some_and(|tail| tail.starts_with(close)) };
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) if ends => return Err(ENDS_IN_QUOTES.to_owned()),
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if body.get(at..).is_some_and(|tail| tail.starts_with(close)) => {
                let inside = body.get(..at).unwrap_or_default();
                let after = body.get(at + close.len()..).unwrap_or_default();
                return Ok(Some((before, bracket, inside, after)));
            }
            None => {}
        }
    }
    let open = if is_expression { "{{" } else { "{%" };
    Err(format!("`{open}` is never closed; end it with `{close}`, and check that every quotation mark has its partner"))
}

const ENDS_IN_QUOTES: &str = "a brace in quotation marks ends `{{` in Liquid, as `%}` ends `{%`; \
     give the text a name with `{% capture name %}…{% endcapture %}` and write the name";

struct Scan<'a> {
    schema: &'a Value,
    /// Names that the template gives itself with `assign`, `capture` and `for`, each with its known type.
    locals: Vec<(String, Known)>,
    open: Vec<Open>,
}

/// A block that is open.
struct Open {
    block: &'static str,
    /// The tag that closes it.
    end: &'static str,
    /// Whether it has an `else`, behind which no other branch may stand.
    has_else: bool,
    /// The known type of the value of a `case`.
    value: Known,
    /// Whether it holds only white space, assignments and blocks of the same kind.
    is_blank: bool,
    /// The ranges of its own white space in the result.
    spaces: Vec<std::ops::Range<usize>>,
}

impl Scan<'_> {
    /// Text between two pieces.
    fn text(&mut self, text: &str, mixed: &mut String) {
        let start = mixed.len();
        mixed.push_str(text);
        if let Some(open) = self.open.last_mut() {
            if text.chars().all(|c| c != '\0' && is_space(c)) {
                open.spaces.push(start..mixed.len());
            } else {
                open.is_blank = false;
            }
        }
    }

    /// Checks the inside of one piece and writes it behind `mixed`.
    fn piece(&mut self, bracket: Bracket, inside: &str, mixed: &mut String) -> Result<(), String> {
        if inside.is_empty() {
            return Err("`{{ }}` holds nothing; put a name into it, or remove it".to_owned());
        }
        let tokens = tokens(inside)?;
        match (bracket, tokens.split_first()) {
            (Bracket::Tag, Some((Token::Path(tag), arguments))) => {
                self.place(tag)?;
                self.tag(tag, arguments, mixed)?;
                self.names(tag, arguments)?;
                mixed.push_str(&format!("{{% {inside} %}}"));
            }
            (Bracket::Tag, _) => return Err("`{% %}` must begin with the name of a tag".to_owned()),
            (Bracket::Expression, _) => {
                self.names("", &tokens)?;
                if let Some(open) = self.open.last_mut() {
                    open.is_blank = false;
                }
                mixed.push_str(&format!("{{% {} {inside} %}}", WriteTag::Text.name()));
            }
        }
        Ok(())
    }

    /// Checks that a tag may stand here.
    fn place(&self, tag: &str) -> Result<(), String> {
        if BLOCKS.iter().any(|(block, end)| *block == tag || *end == tag) {
            return Ok(());
        }
        let Some((_, blocks)) = TAGS.iter().find(|(name, _)| *name == tag) else {
            let known: Vec<&str> = BLOCKS.iter().map(|(block, _)| *block).chain(TAGS.map(|(tag, _)| tag)).collect();
            return Err(format!("the tag `{tag}` is not available in mappings; there are: {}", known.join(", ")));
        };
        if ["break", "continue"].contains(&tag) && !self.open.iter().any(|open| open.block == "for") {
            return Err(format!("`{{% {tag} %}}` stands outside of a `for`; there it would cut off the whole text"));
        }
        match self.open.last() {
            _ if blocks.is_empty() => Ok(()),
            Some(open) if blocks.contains(&open.block) && !open.has_else => Ok(()),
            Some(open) if open.has_else => {
                Err(format!("`{{% {tag} %}}` stands behind `{{% else %}}`, where it is never reached; move it up"))
            }
            Some(_) | None => Err(format!("`{{% {tag} %}}` belongs into: {}", blocks.join(", "))),
        }
    }

    /// Keeps track of open blocks and of the names that the template gives itself.
    fn tag(&mut self, tag: &str, arguments: &[Token<'_>], mixed: &mut String) -> Result<(), String> {
        if let Some((block, end)) = BLOCKS.iter().find(|(block, _)| *block == tag) {
            let value = if tag == "case" { self.known(arguments) } else { Known::Any };
            self.open.push(Open { block, end, has_else: false, value, is_blank: true, spaces: Vec::new() });
            if self.open.len() > MAX_NESTING {
                return Err(format!("blocks are nested more than {MAX_NESTING} deep; simplify the template"));
            }
        } else if BLOCKS.iter().any(|(_, end)| *end == tag) {
            let open = self.open.pop();
            self.close(tag, open, mixed)?;
        } else if let Some(open) = self.open.last_mut() {
            open.has_else |= tag == "else";
            open.is_blank &= !["break", "continue"].contains(&tag);
        }
        self.compared(tag, arguments)?;
        if let ("assign" | "capture" | "for", Some(Token::Path(name))) = (tag, arguments.first()) {
            if self.schema.get(name).is_some() {
                return Err(format!(
                    "`{name}` is a part of the event and cannot be given a new value; use another name"
                ));
            }
            let known = match tag {
                "capture" => Known::Text,
                "assign" => self.known(arguments.get(2..).unwrap_or_default()),
                _ => Known::Any,
            };
            self.locals.push(((*name).to_owned(), known));
        }
        Ok(())
    }

    /// Ends a block. White space in a block without other content is not printed, but `capture` keeps its own.
    fn close(&mut self, tag: &str, open: Option<Open>, mixed: &mut String) -> Result<(), String> {
        let open = match open {
            Some(open) if open.end == tag => open,
            Some(Open { block, end, .. }) => {
                return Err(format!("`{{% {tag} %}}` stands where `{{% {end} %}}` must close `{block}`"));
            }
            None => return Err(format!("`{{% {tag} %}}` closes a block that was never opened")),
        };
        let is_blank = open.is_blank || open.block == "capture";
        if open.is_blank && open.block != "capture" {
            for space in open.spaces.into_iter().rev() {
                mixed.replace_range(space, "");
            }
        }
        if let Some(outer) = self.open.last_mut() {
            outer.is_blank &= is_blank;
        }
        Ok(())
    }

    /// Refuses a comparison of a text with a number, which are never equal and have no order.
    fn compared(&self, tag: &str, arguments: &[Token<'_>]) -> Result<(), String> {
        let refuse = |left: Known, right: Known| {
            let differ = matches!((left, right), (Known::Text, Known::Number) | (Known::Number, Known::Text));
            if differ { Err(format!("`{tag}` {MAKE_A_NUMBER}")) } else { Ok(()) }
        };
        if tag == "when" {
            let value = self.open.last().map_or(Known::Any, |open| open.value);
            return arguments.iter().try_for_each(|argument| refuse(value, self.known(std::slice::from_ref(argument))));
        }
        if !["if", "elsif", "unless"].contains(&tag) {
            return Ok(());
        }
        arguments.split(|token| matches!(token, Token::Path("and" | "or"))).try_for_each(|comparison| {
            let is_sign = |token: &Token<'_>| matches!(token, Token::Sign('=' | '!' | '<' | '>'));
            let (Some(from), Some(to)) = (comparison.iter().position(is_sign), comparison.iter().rposition(is_sign))
            else {
                return Ok(());
            };
            let left = comparison.get(..from).unwrap_or_default();
            refuse(self.known(left), self.known(comparison.get(to + 1..).unwrap_or_default()))
        })
    }

    /// The known type of an expression's value.
    fn known(&self, expression: &[Token<'_>]) -> Known {
        let last = expression.windows(2).rev().find_map(|pair| match pair {
            [Token::Sign('|'), Token::Path(filter)] => Some(*filter),
            _ => None,
        });
        match (last, expression) {
            (Some(filter), _) if MAKE_TEXT.contains(&filter) => Known::Text,
            (Some(filter), _) if MAKE_NUMBER.contains(&filter) => Known::Number,
            (None, [Token::Text(_)]) => Known::Text,
            (None, [Token::Number] | [Token::Sign('-'), Token::Number]) => Known::Number,
            (None, [Token::Number, Token::Sign('.'), Token::Number]) => Known::Number,
            (None, [Token::Path(path)]) => self.known_path(path),
            _ => Known::Any,
        }
    }

    fn known_path(&self, path: &str) -> Known {
        let mut of_path = self.locals.iter().filter(|(name, _)| name == path).map(|(_, known)| *known);
        if let Some(known) = of_path.next() {
            return if of_path.all(|other| other == known) { known } else { Known::Any };
        }
        let value = path.split('.').try_fold(self.schema, |value, name| value.get(name));
        match value {
            // Attributes may hold any value of the event's sender.
            _ if path.starts_with("attributes.") => Known::Any,
            Some(Value::String(_)) => Known::Text,
            Some(Value::Number(_)) => Known::Number,
            _ => Known::Any,
        }
    }

    /// Checks that every filter and every name exists.
    fn names(&self, tag: &str, tokens: &[Token<'_>]) -> Result<(), String> {
        let mut before = None;
        let mut whole = "";
        for (at, token) in tokens.iter().enumerate() {
            match (before, token) {
                (Some(&Token::Sign('|')), Token::Path(filter)) => self.filter(filter)?,
                // A name behind a bracket is looked up in a value that only the event knows.
                (Some(&Token::Sign('.')), Token::Path(_)) => {}
                (_, Token::Path(_)) if tokens.get(at + 1) == Some(&Token::Sign(':')) => {}
                (_, Token::Path(path)) => {
                    self.path(tag, path)?;
                    whole = path;
                }
                (Some(&Token::Sign('[')), Token::Text("first" | "last" | "size")) if whole != "attributes" => {
                    return Err(
                        "in brackets, `first`, `last` and `size` are not understood; write them behind a point, \
                                as in `message.media.size`"
                            .to_owned(),
                    );
                }
                _ => {}
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

    fn path(&self, tag: &str, path: &str) -> Result<(), String> {
        let mut segments = path.split('.');
        let root = segments.next().unwrap_or_default();
        let is_word = WORDS.iter().any(|(word, tags)| *word == path && tags.contains(&tag));
        let is_given = self.locals.iter().any(|(local, _)| local == root);
        if root == "forloop" {
            return self.forloop(path);
        }
        if LITERALS.contains(&path) || is_word || is_given {
            return Ok(());
        }
        let Some(mut value) = self.schema.get(root) else {
            return Err(format!("there is no `{root}`; there are: {}", keys(self.schema)));
        };
        // Profile attributes may have any name.
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
                None => {
                    return Err(format!(
                        "there is no `{path}`: `{walked}` is a single value, or a list; see the filters"
                    ));
                }
            }
            walked = format!("{walked}.{segment}");
        }
        Ok(())
    }

    fn forloop(&self, path: &str) -> Result<(), String> {
        if !self.open.iter().any(|open| open.block == "for") {
            return Err("there is no `forloop` outside of a `for`".to_owned());
        }
        match path.split_once('.') {
            Some((_, part)) if FORLOOP.contains(&part) => Ok(()),
            _ => Err(format!("there is no `{path}`; `forloop` has: {}", FORLOOP.join(", "))),
        }
    }
}

fn keys(value: &Value) -> String {
    let names: Vec<&str> = value.as_object().map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default();
    names.join(", ")
}
