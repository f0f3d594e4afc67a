//! A customer's text, as HTML for a comment on a ticket. Never changes a character that the customer wrote.
//!
//! A desk expands `{{placeholders}}` and Liquid tags in comments that an agent's account creates. The bridge writes
//! with such an account, so a customer's text must never be read as one. The documentation says that nothing is expanded
//! inside a code element of `html_body`, but not whether entities are decoded before or after the expansion. So the HTML
//! does both. Every brace is an entity, which is enough if expansion reads the HTML. Each expression, from its `{{` or
//! `{%` to its end or the end of the line, is in a code element, which is the documented way. No character is added or
//! left out: the plain form of the comment reads as the customer wrote it, and an agent sees the braces in another
//! typeface.

/// The text with a space after each brace that could open an expression of a desk's or a carrier's. For a value that is no
/// HTML: a subject, a user's name. A brace at the end gets its space too, because another value may follow it.
#[must_use]
pub fn inert(text: &str) -> String {
    let mut inert = String::with_capacity(text.len());
    let mut after_brace = false;
    for c in text.chars() {
        if after_brace && matches!(c, '{' | '%') {
            inert.push(' ');
        }
        after_brace = c == '{';
        inert.push(c);
    }
    if after_brace {
        inert.push(' ');
    }
    inert
}

/// Whether no vendor reads an expression in a value that cannot take a space (an address, a number).
#[must_use]
pub fn is_inert(text: &str) -> bool {
    expression_start(text).is_none()
}

/// The text as HTML: special characters escaped, line breaks kept, white space kept, placeholders made harmless.
#[must_use]
pub fn html_from_plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<String> = text.split('\n').map(line).collect();
    lines.join("<br>")
}

fn line(line: &str) -> String {
    let mut html = String::with_capacity(line.len());
    let mut rest = line;
    // Spaces are counted across the pieces, so that two on either side of a code element still show as two.
    while let Some(start) = expression_start(rest) {
        let (before, from) = rest.split_at(start);
        let (expression, after) = from.split_at(expression_length(from));
        html.push_str(&spaced(before, html.is_empty()));
        html.push_str("<code>");
        html.push_str(&spaced(expression, false));
        html.push_str("</code>");
        rest = after;
    }
    html.push_str(&spaced(rest, html.is_empty()));
    html
}

fn expression_start(text: &str) -> Option<usize> {
    let output = text.find("{{");
    let tag = text.find("{%");
    match (output, tag) {
        (Some(output), Some(tag)) => Some(output.min(tag)),
        (first, second) => first.or(second),
    }
}

/// The length up to the end of the first expression. One that is never closed runs to the end of the line.
fn expression_length(text: &str) -> usize {
    let closing = if text.starts_with("{%") { "%}" } else { "}}" };
    // A third closing brace belongs to the expression.
    match text.find(closing) {
        Some(at) => {
            let end = at + closing.len();
            let more = text.get(end..).unwrap_or_default();
            end + (more.len() - more.trim_start_matches('}').len())
        }
        None => text.len(),
    }
}

/// The text escaped, with the spaces that HTML would swallow kept: all but the first of a row, and those at a line's
/// start.
fn spaced(text: &str, is_line_start: bool) -> String {
    let mut html = String::with_capacity(text.len());
    let mut was_space = is_line_start;
    for character in text.chars() {
        match character {
            ' ' if was_space => html.push_str("&nbsp;"),
            ' ' => html.push(' '),
            '\t' => html.push_str("&nbsp;&nbsp;&nbsp;&nbsp;"),
            _ => push_escaped(&mut html, character),
        }
        was_space = matches!(character, ' ' | '\t');
    }
    html
}

fn push_escaped(html: &mut String, character: char) {
    match character {
        '&' => html.push_str("&amp;"),
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '"' => html.push_str("&quot;"),
        '\'' => html.push_str("&#39;"),
        '{' => html.push_str("&#123;"),
        '}' => html.push_str("&#125;"),
        _ if character.is_control() => {}
        _ => html.push(character),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_become_html() {
        let cases = [
            ("", ""),
            ("Hello <b>&\"'", "Hello &lt;b&gt;&amp;&quot;&#39;"),
            ("a\nb\r\n\r\nc\rd", "a<br>b<br><br>c<br>d"),
            ("a  b   c", "a &nbsp;b &nbsp;&nbsp;c"),
            ("  indented\n x", "&nbsp;&nbsp;indented<br>&nbsp;x"),
            ("a\tb", "a&nbsp;&nbsp;&nbsp;&nbsp;b"),
            ("a\u{0}\u{1b}[31mb", "a[31mb"),
            ("{x}", "&#123;x&#125;"),
            ("see {{ticket.id}} ok", "see <code>&#123;&#123;ticket.id&#125;&#125;</code> ok"),
            ("{{{x}}}!", "<code>&#123;&#123;&#123;x&#125;&#125;&#125;</code>!"),
            ("{% if a %}b{% endif %}", "<code>&#123;% if a %&#125;</code>b<code>&#123;% endif %&#125;</code>"),
            ("{{never closed\n}}", "<code>&#123;&#123;never closed</code><br>&#125;&#125;"),
            ("{{a {{b}} c", "<code>&#123;&#123;a &#123;&#123;b&#125;&#125;</code> c"),
            ("}} {{", "&#125;&#125; <code>&#123;&#123;</code>"),
        ];
        for (text, expected) in cases {
            assert_eq!(html_from_plain(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_a_customer_types_is_markup_or_code(text in prop_oneof![any::<String>(), "[{}%<>&\"' a\n]{0,60}"]) {
            let html = html_from_plain(&text);
            let bare = html.replace("<br>", "").replace("<code>", "").replace("</code>", "");
            prop_assert!(!bare.contains(['<', '>', '"', '\'', '{', '}']), "{}", html);
            // An expression opener never stands outside a code element.
            let outside: String = html.split("<code>").map(|part| part.rsplit("</code>").next().unwrap_or("")).collect();
            prop_assert!(!outside.contains("&#123;&#123;") && !outside.contains("&#123;%"), "{}", html);
            prop_assert_eq!(html.matches("<code>").count(), html.matches("</code>").count());
        }
    }
}
