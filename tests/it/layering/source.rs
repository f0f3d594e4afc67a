//! Reading Rust sources just well enough: words with their lines, without comments, literals and tests.
//!
//! It is not a parser and does not resolve names: it sees the paths that a file spells out. Macros are read as if they
//! were plain code. It never judges; the rules are in the module above.

use std::ops::Range;

/// A word (identifier, keyword, number) or a sign, and the line that it stands on, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path as it is spelt, `use` groups unfolded: `use a::{b, c::d}` is `a::b` and `a::c::d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// How many inline modules it stands in; each takes one `super` to leave.
    pub(crate) depth: usize,
    /// Where a `use` spells it.
    pub(crate) import: Option<Import>,
}

/// A name that a `use` brings into its module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) name: String,
    /// Whether other modules get it as well.
    pub(crate) is_public: bool,
}

/// Keywords after which a path may begin with `::`; they are no part of it.
const BEFORE_A_PATH: &[&str] = &["use", "as", "dyn", "else", "for", "impl", "in", "match", "mut", "return", "where"];

/// Splits a source into tokens. Comments (doc comments too), strings, characters and lifetimes are left out, so the
/// names in them do not count.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    split(source).0
}

/// Every line comment of a source, doc comments included, from its first slash on. A `//` inside a string is none.
pub(crate) fn comments(source: &str) -> Vec<Token> {
    split(source).1
}

/// The tokens of a source, and its line comments.
fn split(source: &str) -> (Vec<Token>, Vec<Token>) {
    let chars: Vec<char> = source.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let (mut tokens, mut comments) = (Vec::new(), Vec::new());
    let (mut index, mut line) = (0, 1);
    while index < chars.len() {
        let start = index;
        match (at(index), at(index + 1)) {
            ('/', '/') => {
                index = find(&chars, index, |c| c == '\n');
                comments.push(Token { text: chars[start..index].iter().collect(), line });
            }
            ('/', '*') => index = block_comment_end(&chars, index),
            ('"', _) => index = string_end(&chars, index),
            ('\'', next) => index = char_or_lifetime_end(&chars, index, next),
            (first, _) if first.is_alphanumeric() || first == '_' => {
                index = find(&chars, index, |c| !(c.is_alphanumeric() || c == '_'));
                let word: String = chars[start..index].iter().collect();
                if let Some(end) = raw_string_end(&chars, &word, index) {
                    index = end;
                } else {
                    tokens.push(Token { text: word, line });
                }
            }
            (':', ':') => {
                tokens.push(Token { text: "::".to_owned(), line });
                index += 2;
            }
            (sign, _) => {
                if !sign.is_whitespace() {
                    tokens.push(Token { text: sign.to_string(), line });
                }
                index += 1;
            }
        }
        line += chars[start..index].iter().filter(|c| **c == '\n').count();
    }
    (tokens, comments)
}

/// The tokens without the items under `#[cfg(test)]`, the lines of those, and the names of modules that are thereby test
/// code in files of their own (`#[cfg(test)] mod tests;`).
pub(crate) fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<Range<usize>>, Vec<String>) {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut lines, mut modules) = (Vec::new(), Vec::new(), Vec::new());
    let mut index = 0;
    while index < tokens.len() {
        let rest = &tokens[index..];
        if !starts_with(rest, &ATTRIBUTE) {
            kept.push(rest[0].clone());
            index += 1;
            continue;
        }
        let length = item_length(&rest[ATTRIBUTE.len()..]) + ATTRIBUTE.len();
        let item = &rest[..length];
        lines.extend(item.last().map(|last| rest[0].line..last.line + 1));
        if let [.., word, name, end] = item
            && word.text == "mod"
            && end.text == ";"
        {
            modules.push(name.text.clone());
        }
        index += length;
    }
    (kept, lines, modules)
}

/// Every path of two segments or more.
pub(crate) fn paths(tokens: &[Token]) -> Vec<Path> {
    let mut paths = Vec::new();
    // For every open brace, whether it is an inline module's.
    let mut braces: Vec<bool> = Vec::new();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        let before =
            |back: usize| index.checked_sub(back).and_then(|at| tokens.get(at)).map_or("", |t| t.text.as_str());
        match token.text.as_str() {
            "{" => braces.push(before(2) == "mod"),
            "}" => {
                braces.pop();
            }
            _ if is_word(&token.text)
                && !BEFORE_A_PATH.contains(&token.text.as_str())
                && tokens.get(index + 1).is_some_and(|next| next.text == "::") =>
            {
                let depth = braces.iter().filter(|inline| **inline).count();
                let at = if before(1) == "::" { 2 } else { 1 };
                let is_public = (before(at) == "use").then(|| ["pub", ")"].contains(&before(at + 1)));
                index = unfold(tokens, index, &[], (depth, is_public), &mut paths);
                continue;
            }
            _ => {}
        }
        index += 1;
    }
    paths
}

/// Reads one path, or the branch of a group, from `index`; returns where it ends.
fn unfold(
    tokens: &[Token],
    mut index: usize,
    prefix: &[String],
    (depth, is_public): (usize, Option<bool>),
    paths: &mut Vec<Path>,
) -> usize {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let line = tokens.get(index).map_or(0, |token| token.line);
    let mut segments = prefix.to_vec();
    while is_word(text(index)) || text(index) == "*" {
        segments.push(text(index).to_owned());
        index += 1;
        if text(index) != "::" {
            break;
        }
        index += 1;
    }
    if text(index) != "{" {
        let own = segments.iter().rev().find(|segment| *segment != "self").cloned().unwrap_or_default();
        let name = if text(index) == "as" { text(index + 1).to_owned() } else { own };
        let import = is_public.map(|is_public| Import { name, is_public });
        paths.push(Path { segments, line, depth, import });
        return index;
    }
    index += 1;
    while !matches!(text(index), "}" | "") {
        let next = unfold(tokens, index, &segments, (depth, is_public), paths);
        // A token that is no branch (a comma, `as name`, a sign in a macro) is stepped over.
        index = if next == index { index + 1 } else { next };
        while !matches!(text(index), "," | "}" | "") {
            index += 1;
        }
        if text(index) == "," {
            index += 1;
        }
    }
    index + 1
}

/// The number of tokens of an item: to the end of its first block or to its semicolon, if that comes first.
fn item_length(tokens: &[Token]) -> usize {
    let mut open = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => open += 1,
            ")" | "]" | "}" if open == 0 => return index,
            ")" | "]" | "}" => {
                open -= 1;
                if open == 0 && token.text == "}" {
                    return index + 1;
                }
            }
            ";" if open == 0 => return index + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Whether the tokens begin with these texts.
pub(crate) fn starts_with(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn find(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| stop(*c)).map_or(chars.len(), |offset| from + offset)
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut index, mut depth) = (from, 0_usize);
    while index < chars.len() {
        match (chars[index], chars.get(index + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                index += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                index += 2;
                if depth == 0 {
                    return index;
                }
            }
            _ => index += 1,
        }
    }
    chars.len()
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut index = from + 1;
    while index < chars.len() {
        match chars[index] {
            '\\' => index += 2,
            '"' => return index + 1,
            _ => index += 1,
        }
    }
    chars.len()
}

/// A raw string behind its `r`, `br` or `cr`, if one stands there. A raw identifier (`r#type`) is none.
fn raw_string_end(chars: &[char], word: &str, from: usize) -> Option<usize> {
    if !matches!(word, "r" | "br" | "cr") {
        return None;
    }
    let open = find(chars, from, |c| c != '#');
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let hashes = open - from;
    let mut index = open + 1;
    while index < chars.len() {
        if chars[index] == '"' && chars[index + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return Some(index + 1 + hashes);
        }
        index += 1;
    }
    Some(chars.len())
}

fn char_or_lifetime_end(chars: &[char], from: usize, next: char) -> usize {
    if next == '\\' {
        // The escaped character itself may be a quotation mark.
        let end = find(chars, (from + 3).min(chars.len()), |c| c == '\'');
        return (end + 1).min(chars.len());
    }
    if chars.get(from + 2) == Some(&'\'') {
        return from + 3;
    }
    find(chars, from + 1, |c| !(c.is_alphanumeric() || c == '_')).max(from + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        tokens(source).into_iter().map(|token| token.text).collect()
    }

    fn spelt(source: &str) -> Vec<String> {
        paths(&tokens(source)).into_iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn comments_and_literals_are_no_words() {
        for source in [
            "a b",
            "a // x\nb",
            "a /// x\nb",
            "a /* x /* y */ z */ b",
            r#"a "x" b"#,
            r#"a "x\"y" b"#,
            r##"a r"x" b"##,
            r###"a r#"x"y"# b"###,
            r#"a 'x' b"#,
            r"a '\'' b",
            r"a '\\' b",
            r"a '\u{41}' b",
            "a '\"' b",
            "a 'x b",
        ] {
            assert_eq!(texts(source), ["a", "b"], "{source}");
        }
        assert_eq!(texts("r#type"), ["r", "#", "type"]);
        assert_eq!(texts("a::b"), ["a", "::", "b"]);
        assert_eq!(texts("<'a>"), ["<", ">"]);
    }

    #[test]
    fn lines_are_counted_through_everything() {
        let source = "a\n\"x\ny\"\n/* z\n */ b r\"\n\" c";
        let lines: Vec<_> = tokens(source).into_iter().map(|token| (token.text, token.line)).collect();
        assert_eq!(lines, [("a".to_owned(), 1), ("b".to_owned(), 5), ("c".to_owned(), 6)]);
    }

    #[test]
    fn paths_are_unfolded() {
        for (source, expected) in [
            ("use a::b;", &["a::b"][..]),
            ("use a::{b, c::d};", &["a::b", "a::c::d"]),
            ("use a::{self, b::{c, *}, d as e};\nuse f::g;", &["a::self", "a::b::c", "a::b::*", "a::d", "f::g"]),
            ("let x = <T as a::B>::c();", &["a::B"]),
            ("let x = a::b::<c::D>(e);", &["a::b", "c::D"]),
            ("use ::a::b;", &["a::b"]),
            ("x.y(z)", &[]),
        ] {
            assert_eq!(spelt(source), expected, "{source}");
        }
    }

    #[test]
    fn imports_tell_the_name_that_they_bring_in() {
        let source = "use a::b; pub use a::{self, c as d}; pub(crate) use ::e::f; g::h(); use i::j as _;";
        let paths = paths(&tokens(source));
        let imports: Vec<_> =
            paths.iter().map(|path| path.import.as_ref().map(|import| (&*import.name, import.is_public))).collect();
        let expected = [("b", false), ("a", true), ("d", true), ("f", true)].map(Some);
        assert_eq!(imports, [&expected[..], &[None, Some(("_", false))]].concat());
    }

    #[test]
    fn inline_modules_are_counted() {
        let source = "super::a; mod x { super::b; fn f() { super::c; } mod y { super::d } } super::e;";
        let depths: Vec<_> = paths(&tokens(source)).into_iter().map(|path| path.depth).collect();
        assert_eq!(depths, [0, 1, 1, 2, 0]);
    }

    #[test]
    fn tests_are_taken_out() {
        let source = "a;\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n fn f() { (g)(); }\n}\nb;\n#[cfg(test)]\nuse c::d;\n\
                      #[cfg(test)]\nmod more;\n#[cfg(test)]\nfn e<A, B>(a: [u8; 3]) -> B { f() }\nh;";
        let (kept, lines, modules) = without_tests(&tokens(source));
        let kept: Vec<_> = kept.into_iter().map(|token| token.text).collect();
        assert_eq!((kept.concat().as_str(), lines), ("a;b;h;", vec![2..7, 8..10, 10..12, 12..14]));
        assert_eq!(modules, ["more"]);
    }

    #[test]
    fn other_conditions_are_not_tests() {
        let source = "#[cfg(not(test))] a; #[cfg(unix)] b;";
        let (kept, lines, _) = without_tests(&tokens(source));
        assert_eq!((kept.len(), lines), (tokens(source).len(), Vec::new()));
    }
}
