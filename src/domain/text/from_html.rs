//! An agent's comment, from HTML to plain text for a phone.
//!
//! This module reads a list of tags and never builds a tree. A phone's text needs lines, lists and links, which do not
//! depend on the nesting of tags, and a tree takes quadratic time where an attacker nests tags on purpose. So the work
//! is in proportion to the input, which is bounded as well.
//!
//! The measure is the agent's view in the browser. Where plain letters would say something else, the text is changed:
//!
//! * **Pictures, films and pages inside the page** become their address on a line of its own, because a phone opens it.
//!   A picture's description stands before it, in brackets, unless it is empty of meaning. An emoji that is a picture
//!   becomes the emoji. A pixel that counts readers is dropped, and so is an address that only the agent's browser can
//!   open.
//! * **Struck-out words** are left out: an old price must not be read as the price.
//! * **Raised and lowered numbers** keep their distance from the number before them: `19<sup>99</sup>` is 19.99,
//!   `10<sup>3</sup>` is 10^3, `10<sub>2</sub>` is 10_2 (see [`raised`]).
//! * **Hidden elements** (`hidden`, `display: none`, …) are left out, if their end is marked.
//! * **Invisible characters** (soft hyphens, direction marks, …) are left out, because they would double the price of
//!   the text (see [`super::visible`]).

mod address;
mod element;
mod list;
mod raised;
mod tag;

#[cfg(test)]
mod tests;

use self::element::{is_hidden, is_pixel, is_preformatted, is_struck_out, is_void, stand};
use self::list::List;
use self::raised::Stand;
use self::tag::{Tag, Token};
use super::invisible::visible;

/// The longest HTML that is read; the rest is cut off. A desk keeps no more of a comment, and ten segments hold a
/// fortieth of it.
pub const HTML_MAX_BYTES: usize = 64 * 1024;

/// The deepest list that is still indented; deeper ones look the same. This also bounds the output.
const INDENT_MAX: usize = 4;

/// Lists that nest deeper than this count as one, because no editor writes them and memory must be bounded.
const LISTS_MAX: usize = 64;

/// The most elements with a meaning of their own (hidden, struck out, raised, …) that may be open at once. Further ones
/// read as plain text.
const SCOPES_MAX: usize = 64;

/// The text of an HTML comment: lines, paragraphs (one blank line at most between two) and list items kept, links as
/// `text (address)`, pictures by description and address. The module's head tells the rest.
#[must_use]
pub fn plain_from_html(html: &str) -> String {
    let end = (0..=html.len().min(HTML_MAX_BYTES)).rev().find(|at| html.is_char_boundary(*at)).unwrap_or(0);
    let tokens = tag::tokens(html.get(..end).unwrap_or_default());
    let mut writer = Writer { items: list::item_counts(&tokens).into_iter(), ..Writer::default() };
    for token in &tokens {
        match token {
            Token::Text(text) => writer.text(text),
            Token::Open(tag) => writer.open(tag),
            Token::Close(name) => writer.close(name),
        }
    }
    writer.finish()
}

#[derive(Default)]
struct Writer {
    out: String,
    layout: Layout,
    /// The item counts of the lists to come.
    items: std::vec::IntoIter<i32>,
    /// The open lists.
    lists: Vec<List>,
    /// The open elements with a meaning of their own.
    scopes: Vec<Scope>,
    link: Option<Link>,
    /// The number that stands higher, lower or smaller, while its element is open.
    raised: Option<Raised>,
    /// The number of open elements in which white space counts.
    preformatted: usize,
}

/// The layout between the last letter written and the next.
#[derive(Clone, Default)]
struct Layout {
    /// Line breaks owed before the next text: 1 for a new line, 2 for a new paragraph.
    breaks: usize,
    /// Whether white space is owed before the next text.
    space: bool,
    /// The mark of a list item whose text has not begun.
    mark: Option<String>,
    /// Cells of the table row that have begun.
    cells: usize,
    /// Bars owed between the cells of a row: one, and one more for each empty cell.
    bars: usize,
    /// Whether the row has text.
    has_row_text: bool,
    /// The start of the text of the row's last cell in the output, once it has text.
    cell: Option<usize>,
    /// The end of the last address on a line of its own.
    address_end: Option<usize>,
    /// The end of the last raised number, and the position of its sign, if it has one.
    raised_end: Option<(usize, Option<usize>)>,
}

struct Link {
    address: String,
    /// The start of its text in the output, once it has text.
    start: Option<usize>,
}

struct Raised {
    stand: Stand,
    /// The start of its text in the output, once it has text, and whether a sign is before it.
    start: Option<(usize, bool)>,
}

/// An open element with a meaning of its own.
struct Scope {
    name: String,
    /// The number of open elements of this name within that have no meaning of their own, itself included.
    depth: usize,
    /// The output when it began, if its text is to be taken back at its end.
    taken_back: Option<Written>,
    /// The address of a film, a sound or an object. Its own text is for browsers that cannot show it.
    media: Option<(Written, Option<String>)>,
    is_raised: bool,
    is_preformatted: bool,
}

/// The state of the output at some time.
struct Written {
    length: usize,
    layout: Layout,
}

impl Writer {
    fn open(&mut self, tag: &Tag) {
        let is_seen = !is_hidden(tag);
        if is_seen && matches!(tag.name.as_str(), "img" | "iframe" | "embed") {
            self.media(tag);
        }
        if tag.name == "source" {
            self.source(tag);
        }
        self.begin_scope(tag, is_seen);
        match tag.name.as_str() {
            "br" => self.layout.breaks = (self.layout.breaks + 1).min(2),
            name if list::is_list(name) => self.list(tag),
            "li" => self.item(tag),
            "td" | "th" => self.cell(),
            "a" => {
                self.end_link();
                let address = tag.attribute("href").and_then(|href| address::of_link(&href));
                self.link = address.map(|address| Link { address, start: None });
            }
            "q" => self.text("\""),
            name => self.block(name),
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            // Browsers read it as an opening tag.
            "br" => self.layout.breaks = (self.layout.breaks + 1).min(2),
            _ if list::is_list(name) => {
                self.break_to(1);
                self.lists.pop();
            }
            "li" => {
                self.break_to(1);
                // An item without text by now has none at all.
                self.layout.mark = None;
            }
            // A paragraph at the end of a cell leaves no blank line before the next cell.
            "td" | "th" => self.layout.breaks = self.layout.breaks.min(1),
            "a" => self.end_link(),
            "q" => self.text("\""),
            _ => self.block(name),
        }
        self.end_scope(name);
    }

    /// Breaks the line as an element does at both its ends.
    fn block(&mut self, name: &str) {
        match name {
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "hr" | "pre" | "listing" | "xmp" => {
                self.break_paragraph();
            }
            "tr" | "table" => {
                self.break_to(1);
                (self.layout.cells, self.layout.bars) = (0, 0);
                (self.layout.has_row_text, self.layout.cell) = (false, None);
            }
            "div" | "section" | "article" | "header" | "footer" | "nav" | "aside" | "main" | "body" | "html"
            | "thead" | "tbody" | "tfoot" | "caption" | "dl" | "dt" | "dd" | "form" | "fieldset" | "legend"
            | "address" | "figure" | "figcaption" | "details" | "summary" | "center" | "option" | "optgroup"
            | "hgroup" | "search" | "dialog" => self.break_to(1),
            _ => {}
        }
    }

    fn list(&mut self, tag: &Tag) {
        self.break_to(1);
        let items = self.items.next().unwrap_or_default();
        if self.lists.len() < LISTS_MAX {
            self.lists.push(List::new(tag, items));
        }
    }

    fn item(&mut self, tag: &Tag) {
        self.break_to(1);
        let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(INDENT_MAX));
        let mark = self.lists.last_mut().map_or_else(list::bullet, |list| list.mark(tag));
        self.layout.mark = Some(indent + &mark);
    }

    /// Parts two cells by a bar, or by a line break where the first one has several lines.
    fn cell(&mut self) {
        if self.layout.cells > 0 {
            let text = self.layout.cell.and_then(|start| self.out.get(start..)).unwrap_or_default();
            if text.contains('\n') {
                self.break_to(1);
            } else {
                self.layout.bars += 1;
            }
        }
        self.layout.cells += 1;
        self.layout.cell = None;
    }

    fn end_link(&mut self) {
        let Some(Link { address, start }) = self.link.take() else { return };
        let text = start.and_then(|start| self.out.get(start..)).unwrap_or_default();
        if text.trim().is_empty() {
            self.text(&address);
        } else if address::is_same(text, &address) || text.lines().any(|line| line == address) {
            // The reader has the address already.
        } else if self.layout.address_end == Some(self.out.len()) {
            self.address_line(&address);
        } else {
            // White space at the end of the link's text comes behind the address.
            self.out.push_str(&format!(" ({address})"));
        }
    }

    /// A picture, or a page inside the page.
    fn media(&mut self, tag: &Tag) {
        if is_pixel(tag) {
            return;
        }
        let description = tag.attribute("alt").map(|alt| visible(alt.trim())).filter(|_| tag.name == "img");
        match description {
            Some(symbol) if address::is_symbol(&symbol) => return self.text(&symbol),
            Some(description) if address::says_something(&description) => self.text(&format!("[{description}]")),
            Some(_) | None => {}
        }
        if let Some(address) = tag.attribute("src").and_then(|source| address::of_media(&source)) {
            self.address_line(&address);
        }
    }

    /// The first address of a film that has several.
    fn source(&mut self, tag: &Tag) {
        let media = self.scopes.iter_mut().rev().find_map(|scope| scope.media.as_mut());
        if let Some((_, address @ None)) = media {
            *address = tag.attribute("src").and_then(|source| address::of_media(&source));
        }
    }

    /// Writes an address on a line of its own, but not twice in a row.
    fn address_line(&mut self, address: &str) {
        self.break_to(1);
        let is_repeated = self.layout.address_end == Some(self.out.len())
            && self.out.strip_suffix(address).is_some_and(|before| before.is_empty() || before.ends_with('\n'));
        if !is_repeated {
            self.text(address);
        }
        self.break_to(1);
        self.layout.address_end = Some(self.out.len());
    }

    fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\n' if self.preformatted > 0 => self.layout.breaks = (self.layout.breaks + 1).min(2),
                ' ' | '\t' if self.preformatted > 0 => self.shown(' '),
                ' ' | '\t' | '\n' | '\r' | '\u{c}' => self.layout.space = true,
                // Typed on purpose, often twice in a row by the agent's editor.
                '\u{a0}' => self.shown(' '),
                // The line and paragraph separators of word processors.
                '\u{2028}' | '\u{2029}' => self.break_to(1),
                // These are invisible everywhere; `visible` decides on the others by their line.
                '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => {}
                _ if character.is_control() => {}
                _ => self.shown(character),
            }
        }
    }

    fn shown(&mut self, character: char) {
        let bars = std::mem::take(&mut self.layout.bars);
        if bars > 0 && self.layout.has_row_text {
            // A cell's own first line break is dropped, because the cell stands beside another.
            self.layout.breaks = 0;
        }
        let is_line_start = self.out.is_empty() || self.layout.breaks > 0;
        if self.layout.breaks > 0 && !self.out.is_empty() {
            self.out.push_str(if self.layout.breaks == 1 { "\n" } else { "\n\n" });
        }
        self.layout.breaks = 0;
        let mark = self.layout.mark.take();
        let space = std::mem::take(&mut self.layout.space);
        if bars > 0 {
            self.out.push_str(if is_line_start { "" } else { " " });
            self.out.push_str(&"| ".repeat(bars));
        }
        match mark {
            Some(mark) => self.out.push_str(&mark),
            None if bars > 0 || is_line_start => {}
            None if space => self.out.push(' '),
            None => self.keep_distance(character),
        }
        let at = self.out.len();
        self.layout.has_row_text = true;
        self.layout.cell.get_or_insert(at);
        if let Some(link) = &mut self.link {
            link.start.get_or_insert(at);
        }
        if let Some(raised) = &mut self.raised {
            raised.start.get_or_insert((at, false));
        }
        self.out.push(character);
    }

    /// Parts a raised number from the one before it, and the next number from a raised one.
    fn keep_distance(&mut self, next: char) {
        if !self.out.ends_with(|c: char| c.is_ascii_digit()) {
            return;
        }
        match &mut self.raised {
            Some(raised) if raised.start.is_none() => {
                if next.is_ascii_digit() || matches!(next, '-' | '+' | '−' | '–') {
                    self.out.push(raised.stand.sign());
                    raised.start = Some((self.out.len(), true));
                }
            }
            Some(_) | None => {
                let ends_here = self.layout.raised_end.is_some_and(|(end, _)| end == self.out.len());
                if ends_here && next.is_ascii_digit() {
                    self.out.push(' ');
                }
            }
        }
    }

    fn begin_scope(&mut self, tag: &Tag, is_seen: bool) {
        let written = || Written { length: self.out.len(), layout: self.layout.clone() };
        let media = matches!(tag.name.as_str(), "video" | "audio" | "object").then(|| {
            let source = tag.attribute(if tag.name == "object" { "data" } else { "src" });
            (written(), source.and_then(|source| address::of_media(&source)))
        });
        let stand = stand(tag).filter(|_| self.raised.as_ref().is_none_or(|raised| raised.start.is_none()));
        let scope = Scope {
            name: tag.name.clone(),
            depth: 1,
            taken_back: (!is_seen || is_struck_out(tag)).then(written),
            media,
            is_raised: stand.is_some(),
            is_preformatted: is_preformatted(tag),
        };
        let has_meaning =
            scope.taken_back.is_some() || scope.media.is_some() || scope.is_raised || scope.is_preformatted;
        if !has_meaning || is_void(&tag.name) || self.scopes.len() == SCOPES_MAX {
            // Its closing tag must not close an element around it.
            if let Some(around) = self.scopes.iter_mut().rev().find(|scope| scope.name == tag.name) {
                around.depth += 1;
            }
            return;
        }
        self.preformatted += usize::from(scope.is_preformatted);
        if let Some(stand) = stand {
            self.raise(stand);
        }
        self.scopes.push(scope);
    }

    fn raise(&mut self, stand: Stand) {
        self.raised = Some(Raised { stand, start: None });
        // A fraction behind a whole number: `2<sup>1</sup>/<sub>2</sub>`.
        let line = self.out.strip_suffix(['/', '⁄']).map(str::len);
        if stand == Stand::Lower
            && let Some((end, Some(sign))) = self.layout.raised_end
            && Some(end) == line
        {
            self.out.replace_range(sign..sign + 1, " ");
        }
    }

    /// Ends the innermost element of this name, and every element still open within it.
    fn end_scope(&mut self, name: &str) {
        let Some(at) = self.scopes.iter().rposition(|scope| scope.name == name) else { return };
        let Some(scope) = self.scopes.get_mut(at) else { return };
        scope.depth = scope.depth.saturating_sub(1);
        if scope.depth > 0 {
            return;
        }
        for scope in self.scopes.split_off(at).into_iter().rev() {
            self.preformatted = self.preformatted.saturating_sub(usize::from(scope.is_preformatted));
            if scope.is_raised {
                self.end_raised();
            }
            if let Some((written, Some(address))) = scope.media {
                self.take_back(written);
                self.address_line(&address);
            }
            if let Some(written) = scope.taken_back {
                self.take_back(written);
            }
        }
    }

    fn end_raised(&mut self) {
        let Some(Raised { stand, start: Some((start, has_sign)) }) = self.raised.take() else { return };
        let sign_at = start.checked_sub(1).filter(|_| has_sign);
        let mut sign = None;
        if let Some(at) = sign_at
            && let (Some(before), Some(text)) = (self.out.get(..at), self.out.get(start..))
        {
            sign = stand.sign_between(before, text);
            self.out.replace_range(at..start, sign.map(String::from).as_deref().unwrap_or_default());
        }
        self.layout.raised_end = Some((self.out.len(), sign_at.filter(|_| sign.is_some())));
    }

    /// Takes back all output since.
    fn take_back(&mut self, written: Written) {
        self.out.truncate(written.length);
        self.layout = written.layout;
        let is_gone = |start: usize| start >= written.length;
        if let Some(link) = &mut self.link {
            link.start = link.start.filter(|start| !is_gone(*start));
        }
        if let Some(raised) = &mut self.raised {
            raised.start = raised.start.filter(|(start, _)| !is_gone(*start));
        }
    }

    /// Owes a blank line, but only a line break inside a list or at the start of a cell, because editors put the text
    /// of each into a paragraph.
    fn break_paragraph(&mut self) {
        let starts_cell = self.layout.cells > 0 && self.layout.cell.is_none();
        self.break_to(if self.lists.is_empty() && !starts_cell { 2 } else { 1 });
    }

    fn break_to(&mut self, breaks: usize) {
        self.layout.breaks = self.layout.breaks.max(breaks);
    }

    /// The output without white space at the ends of lines, and without a second blank line in a row.
    fn finish(mut self) -> String {
        // A link or a film that is still open ends here. Text of an unclosed element stays, even if its end would take
        // it back, because a forgotten closing tag must not cost the rest of the comment.
        self.end_link();
        for scope in std::mem::take(&mut self.scopes).into_iter().rev() {
            if let Some((_, Some(address))) = scope.media {
                self.address_line(&address);
            }
        }
        let mut text = String::with_capacity(self.out.len());
        let mut was_blank = true;
        for line in visible(&self.out).lines().map(str::trim_end) {
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
