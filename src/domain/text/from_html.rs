//! An agent's comment, from HTML to what a phone can show.
//!
//! This reads a stream of tags and builds no tree. A phone's text needs lines, lists and links, none of which depend
//! on how tags nest, and building a tree takes quadratic time where somebody nests tags on purpose. So the work is in
//! proportion to the input, which is bounded as well.

mod entity;
mod tag;

use self::tag::{Tag, Token};

/// HTML beyond this is cut off. Zendesk keeps no more of a comment, and ten segments hold a fortieth of it.
pub const HTML_MAX_BYTES: usize = 64 * 1024;

/// The deepest list that is still indented; deeper ones look like this one. Also bounds the output.
const INDENT_MAX: usize = 4;

/// Lists that nest deeper than this are counted as one. Nobody writes them; the memory is bounded.
const LISTS_MAX: usize = 64;

/// The text of an HTML comment: lines, paragraphs (one blank line at most between two) and list items kept, links as
/// `text (address)`, pictures as their description in brackets, everything else dropped.
#[must_use]
pub fn plain_from_html(html: &str) -> String {
    let end = (0..=html.len().min(HTML_MAX_BYTES)).rev().find(|at| html.is_char_boundary(*at)).unwrap_or(0);
    let mut writer = Writer::default();
    for token in tag::tokens(html.get(..end).unwrap_or_default()) {
        match token {
            Token::Text(text) => writer.text(&entity::decode(text)),
            Token::Tag(tag) => writer.tag(&tag),
        }
    }
    writer.finish()
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Line breaks owed before the next text: 1 for a new line, 2 for a new paragraph.
    breaks: usize,
    /// Whether white space is owed before the next text.
    space: bool,
    /// The mark of a list item whose text has not begun.
    mark: Option<String>,
    /// The open lists; the next number of each that is ordered.
    lists: Vec<Option<u64>>,
    link: Option<Link>,
    /// How many `<pre>` are open: in them, white space counts.
    preformatted: usize,
    /// Whether the table row already has a cell.
    has_cell: bool,
}

struct Link {
    address: String,
    /// Where its text starts in the output, once it has.
    start: Option<usize>,
}

impl Writer {
    fn tag(&mut self, tag: &Tag<'_>) {
        match tag.name.as_str() {
            "br" => self.breaks = (self.breaks + 1).min(2),
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "hr" => self.break_paragraph(),
            "pre" => {
                self.break_paragraph();
                self.preformatted =
                    if tag.closes { self.preformatted.saturating_sub(1) } else { self.preformatted.saturating_add(1) };
            }
            "ul" | "ol" => self.list(tag),
            "li" => self.item(tag),
            "tr" => {
                self.break_to(1);
                self.has_cell = false;
            }
            "td" | "th" if !tag.closes => {
                if self.has_cell && self.breaks == 0 {
                    self.space = false;
                    self.out.push_str(" | ");
                }
                self.has_cell = true;
            }
            "a" => self.anchor(tag),
            "img" => {
                if let Some(description) = tag.attribute("alt").map(entity::decode).filter(|alt| !alt.trim().is_empty())
                {
                    self.text(&format!("[{}]", description.trim()));
                }
            }
            "div" | "section" | "article" | "header" | "footer" | "nav" | "aside" | "main" | "body" | "html"
            | "table" | "thead" | "tbody" | "tfoot" | "caption" | "dl" | "dt" | "dd" | "form" | "fieldset"
            | "legend" | "address" | "figure" | "figcaption" | "details" | "summary" | "center" | "option" => {
                self.break_to(1)
            }
            _ => {}
        }
    }

    fn list(&mut self, tag: &Tag<'_>) {
        self.break_to(1);
        if tag.closes {
            self.lists.pop();
        } else if self.lists.len() < LISTS_MAX {
            let start = || tag.attribute("start").and_then(|start| start.trim().parse().ok()).unwrap_or(1);
            self.lists.push((tag.name == "ol").then(start));
        }
    }

    fn item(&mut self, tag: &Tag<'_>) {
        self.break_to(1);
        // An item that has no text by now has none at all.
        self.mark = None;
        if tag.closes {
            return;
        }
        let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(INDENT_MAX));
        self.mark = Some(match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{indent}{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            Some(None) | None => format!("{indent}- "),
        });
    }

    fn anchor(&mut self, tag: &Tag<'_>) {
        // A link inside a link ends the outer one.
        if let Some(link) = self.link.take() {
            let text = link.start.and_then(|start| self.out.get(start..)).unwrap_or_default().trim();
            if text.is_empty() {
                self.text(&link.address);
            } else if !is_same(text, &link.address) {
                // White space at the end of the link's text is still owed, behind the address.
                self.out.push_str(&format!(" ({})", link.address));
            }
        }
        if !tag.closes
            && let Some(address) = tag.attribute("href").and_then(|href| shown_address(&entity::decode(href)))
        {
            self.link = Some(Link { address, start: None });
        }
    }

    fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\n' if self.preformatted > 0 => self.breaks = (self.breaks + 1).min(2),
                ' ' | '\t' if self.preformatted > 0 => self.shown(' '),
                ' ' | '\t' | '\n' | '\r' | '\u{c}' => self.space = true,
                // Typed on purpose, often twice in a row by the agent's editor.
                '\u{a0}' => self.shown(' '),
                // Editors leave these; nobody sees them, and each would double the price of the text.
                '\u{200b}' | '\u{feff}' => {}
                _ if character.is_control() => {}
                _ => self.shown(character),
            }
        }
    }

    fn shown(&mut self, character: char) {
        let is_line_start = self.out.is_empty() || self.breaks > 0;
        if self.breaks > 0 && !self.out.is_empty() {
            self.out.push_str(if self.breaks == 1 { "\n" } else { "\n\n" });
        }
        self.breaks = 0;
        if let Some(mark) = self.mark.take() {
            self.out.push_str(&mark);
        } else if self.space && !is_line_start {
            self.out.push(' ');
        }
        self.space = false;
        if let Some(link) = &mut self.link {
            link.start.get_or_insert(self.out.len());
        }
        self.out.push(character);
    }

    /// A blank line, but not inside a list: editors put every item's text into a paragraph.
    fn break_paragraph(&mut self) {
        self.break_to(if self.lists.is_empty() { 2 } else { 1 });
    }

    fn break_to(&mut self, breaks: usize) {
        self.breaks = self.breaks.max(breaks);
    }

    /// The lines without white space at their ends, and without a second blank line in a row.
    fn finish(mut self) -> String {
        // A link that is still open ends here.
        self.anchor(&Tag::closing("a"));
        let mut text = String::with_capacity(self.out.len());
        let mut was_blank = true;
        for line in self.out.lines().map(str::trim_end) {
            if !(line.is_empty() && was_blank) {
                text.push_str(line);
                text.push('\n');
            }
            was_blank = line.is_empty();
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// What to show of a link's address; `None` for one that leads nowhere outside its page (or runs something).
fn shown_address(href: &str) -> Option<String> {
    let href: String = href.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let scheme_end = href.find(':')?;
    let (scheme, rest) = (href.get(..scheme_end)?.to_ascii_lowercase(), href.get(scheme_end + 1..)?);
    match scheme.as_str() {
        "http" | "https" if rest.trim_matches('/').is_empty() => None,
        "http" | "https" => Some(href),
        // The person, not the letter.
        "mailto" | "tel" | "sms" => Some(rest.split('?').next()?.to_owned()).filter(|rest| !rest.is_empty()),
        _ => None,
    }
}

/// Whether a link's text is its address, perhaps without what browsers leave out.
fn is_same(text: &str, address: &str) -> bool {
    bare(text) == bare(address)
}

fn bare(address: &str) -> String {
    let address = address.to_lowercase();
    let address = ["https://", "http://", "mailto:", "tel:", "sms:"]
        .iter()
        .find_map(|scheme| address.strip_prefix(scheme))
        .unwrap_or(&address);
    let address = address.strip_prefix("www.").unwrap_or(address);
    address.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn check(cases: &[(&str, &str, &str)]) {
        for (what, html, expected) in cases {
            assert_eq!(plain_from_html(html), *expected, "{what}");
        }
    }

    #[test]
    fn comments_become_text() {
        let cases = [
            (
                "a Zendesk comment",
                r#"<div class="zd-comment" dir="auto"><p dir="auto">Hello&nbsp;Ada,</p><p dir="auto">it&#39;s <b>done</b>.<br>Bye</p></div>"#,
                "Hello Ada,\n\nit's done.\nBye",
            ),
            ("source line breaks", "<p>one\n  two</p>\n\n<p>\nthree</p>", "one two\n\nthree"),
            ("one blank line at most", "<p>a</p><p>&nbsp;</p><br><br><br><p>b</p>", "a\n\nb"),
            ("divs", "<div>a</div><div>b<br></div><div>c</div><div><br></div><div>d</div>", "a\nb\nc\n\nd"),
            (
                "a list",
                "<p>Steps:</p><ul><li>one</li><li><p>two</p></li><li></li></ul>end",
                "Steps:\n\n- one\n- two\nend",
            ),
            (
                "numbers and nesting",
                r#"<ol start="3"><li>c<ul><li>x<li>y</ul></li><li>d</li></ol>"#,
                "3. c\n  - x\n  - y\n4. d",
            ),
            ("an item without a list", "<li>x", "- x"),
        ];
        check(&cases);
    }

    #[test]
    fn links_tables_and_rubbish_become_text() {
        let cases = [
            (
                "a link",
                r#"See <a href="https://example.com/a?b=1&amp;c=2">the page</a>, ok"#,
                "See the page (https://example.com/a?b=1&c=2), ok",
            ),
            (
                "a link that is its text",
                r#"<a href="https://www.example.com/">example.com</a> and <a href='http://x.org/y'>http://x.org/y</a>"#,
                "example.com and http://x.org/y",
            ),
            (
                "a link that lies",
                r#"<a href="https://evil.example">https://bank.example</a>"#,
                "https://bank.example (https://evil.example)",
            ),
            (
                "a link in a list",
                r#"x<ul><li><a href="https://y.example">https://y.example</a></li></ul>"#,
                "x\n- https://y.example",
            ),
            ("a link without text", r#"<a href="https://example.com/x"><img src="y"></a>"#, "https://example.com/x"),
            (
                "mail and telephone",
                r#"<a href="mailto:a@b.example?subject=x">a@b.example</a> <a href="tel:+15550001111">call</a>"#,
                "a@b.example call (+15550001111)",
            ),
            (
                "links that lead nowhere",
                r##"<a href="javascript:alert(1)">a</a> <a href="#x">b</a> <a href="/y">c</a> <a>d</a> <a href="https://">e</a>"##,
                "a b c d e",
            ),
            (
                "a link that is never closed",
                r#"<a href="https://x.example">one <a href="https://y.example">two"#,
                "one (https://x.example) two (https://y.example)",
            ),
            ("white space in a link", r#"<a href="https://x.example"> one </a>two"#, "one (https://x.example) two"),
            ("pictures", r#"<img alt="A &amp; B" src="x">then<img src="y">"#, "[A & B]then"),
            ("preformatted", "<pre>a  b\n  c</pre>d", "a  b\n  c\n\nd"),
            ("a table", "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a | b\n1 | 2"),
            (
                "what is not text",
                "<style>p{}</style><script>if (a<b) '</p>'</script><title>t</title><!-- <p>no</p> -->yes<!doctype html><?php x ?>",
                "yes",
            ),
            (
                "entities",
                "&lt;b&gt; &amp;lt; &quot;&euro;&hellip;&eacute;&#8364;&#x20AC;&#128;&#0; &unknown; & &; &#; &#x;",
                "<b> &lt; \"€…é€€€\u{fffd} &unknown; & &; &#; &#x;",
            ),
            ("spaces typed on purpose", "a&nbsp;&nbsp;b &nbsp;<br>c", "a  b\nc"),
            ("zero width", "a&#8203;b\u{feff}c\u{7}d", "abcd"),
            ("no tag at all", "1 < 2 and 3 > 2 <3 </ <", "1 < 2 and 3 > 2 <3 </ <"),
            ("upper case", "<P>a</P><BR/>b", "a\n\nb"),
            ("a tag that never ends", "a<b", "a"),
            ("an attribute that never ends", "a<a href=\"x>b</a>c", "a"),
            ("a script that never ends", "a<script>b", "a"),
            ("a comment that never ends", "a<!-- b", "a"),
            ("plain text", "Hello\nyou", "Hello you"),
            ("nothing", "", ""),
            ("nothing but tags", "<p><br></p><ul><li></ul>", ""),
        ];
        check(&cases);
    }

    #[test]
    fn too_much_is_cut_between_characters() {
        let text = plain_from_html(&format!("x{}", "é".repeat(HTML_MAX_BYTES)));
        assert_eq!(text.len(), HTML_MAX_BYTES - 1);
    }

    #[test]
    fn hostile_html_takes_bounded_time_and_space() {
        let attributes: String = (0..9000).map(|i| format!("<b a{i}>")).collect();
        let started = Instant::now();
        for unit in [
            "<div>",
            "<a href='https://x.example/'>",
            "<li>x",
            "<ul><li>x",
            "<table><tr><td>",
            "<p>",
            "&",
            "&#",
            "<",
            "<!--",
            "</",
            "<pre>\n",
            "<a b=\"",
            "<script>",
            "<b><p>x",
            &attributes,
        ] {
            let text = plain_from_html(&unit.repeat(2 * HTML_MAX_BYTES / unit.len() + 1));
            assert!(text.len() <= 4 * HTML_MAX_BYTES, "{unit}: {}", text.len());
        }
        // Generous, for slow machines: it takes well under a second.
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    proptest! {
        #[test]
        fn anything_becomes_tidy_text(html in prop_oneof![
            any::<String>(),
            "(<|>|/|p|br|li|ul|a href=|\"|'|https://x|=| |\n|&|#|;|nbsp|script|!--|é|😀){0,80}",
        ]) {
            let text = plain_from_html(&html);
            prop_assert!(!text.contains("\n\n\n"));
            prop_assert!(text.lines().all(|line| line.trim_end() == line));
            prop_assert!(!text.ends_with('\n'));
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }

        #[test]
        fn plain_text_survives_both_ways(text in "[a-zA-Z0-9 .,&<>\"'{}%é😀]{0,80}") {
            let tidy = |text: &str| text.trim().to_owned();
            prop_assert_eq!(tidy(&plain_from_html(&super::super::html_from_plain(&text))), tidy(&text));
        }
    }
}
