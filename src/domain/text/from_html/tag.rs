//! Splits HTML into text and tags, as browsers do for what agents' editors produce.

/// A piece of HTML.
pub(super) enum Token<'a> {
    /// Text with its entities.
    Text(&'a str),
    /// A tag. Comments and declarations never get here.
    Tag(Tag<'a>),
}

/// An opening or closing tag.
pub(super) struct Tag<'a> {
    /// In lower case.
    pub(super) name: String,
    /// Whether it is a closing one.
    pub(super) closes: bool,
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Tag<'a> {
    /// A closing tag.
    pub(super) fn closing(name: &str) -> Self {
        Self { name: name.to_owned(), closes: true, attributes: Vec::new() }
    }

    /// The value of an attribute, with its entities; the first if there are two.
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

/// The most attributes kept of one tag. Editors write five or six.
const ATTRIBUTES_MAX: usize = 32;

/// The pieces of `html`, in order. What a browser would drop at the end, such as a tag that never ends, is dropped.
pub(super) fn tokens(html: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let text_end =
                rest.match_indices('<').map(|(at, _)| at).find(|at| is_markup(rest, *at)).unwrap_or(rest.len());
            if text_end > 0 {
                let (text, after) = rest.split_at(text_end);
                rest = after;
                return Some(Token::Text(text));
            }
            let (tag, after) = markup(rest);
            rest = after;
            if let Some(tag) = tag {
                if !tag.closes {
                    rest = after_raw(&tag.name, rest);
                }
                return Some(Token::Tag(tag));
            }
        }
    })
}

/// Whether the `<` at `at` begins markup: before a letter, `/` and a letter, `!` or `?`. Any other is text.
fn is_markup(html: &str, at: usize) -> bool {
    match html.as_bytes().get(at + 1) {
        Some(b'/') => html.as_bytes().get(at + 2).is_some_and(u8::is_ascii_alphabetic),
        Some(next) => next.is_ascii_alphabetic() || matches!(next, b'!' | b'?'),
        None => false,
    }
}

/// Reads the markup at the start of `html`; `None` for comments, declarations, and what never ends.
fn markup(html: &str) -> (Option<Tag<'_>>, &str) {
    if let Some(comment) = html.strip_prefix("<!--") {
        return (None, comment.split_once("-->").map_or("", |(_, after)| after));
    }
    if html.starts_with("<!") || html.starts_with("<?") {
        return (None, html.split_once('>').map_or("", |(_, after)| after));
    }
    let html = html.get(1..).unwrap_or_default();
    let (closes, html) = html.strip_prefix('/').map_or((false, html), |after| (true, after));
    let name_end = html.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(html.len());
    let (name, mut rest) = html.split_at(name_end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (None, "");
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (Some(Tag { name: name.to_ascii_lowercase(), closes, attributes }), after);
        }
        let Some((attribute, after)) = attribute(rest) else { return (None, "") };
        if attributes.len() < ATTRIBUTES_MAX {
            attributes.push(attribute);
        }
        rest = after;
    }
}

/// One attribute and what follows it; `None` when its quotation mark is never closed.
fn attribute(html: &str) -> Option<((&str, &str), &str)> {
    // The first character belongs to the name whatever it is, so that there is always progress.
    let first = html.chars().next()?.len_utf8();
    let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '=');
    let name_end = html.get(first..)?.find(is_end).map_or(html.len(), |at| at + first);
    let (name, rest) = html.split_at(name_end);
    let Some(value) = rest.trim_ascii_start().strip_prefix('=') else { return Some(((name, ""), rest)) };
    let value = value.trim_ascii_start();
    for quote in ['"', '\''] {
        if let Some(quoted) = value.strip_prefix(quote) {
            let (value, after) = quoted.split_once(quote)?;
            return Some(((name, value), after));
        }
    }
    let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(value.len());
    let (value, after) = value.split_at(end);
    Some(((name, value), after))
}

/// What follows an element whose content is no text, or `html` itself for any other.
fn after_raw<'a>(name: &str, html: &'a str) -> &'a str {
    if !matches!(name, "script" | "style" | "title" | "textarea" | "template" | "iframe" | "noframes" | "noembed") {
        return html;
    }
    let is_end = |at: &usize| {
        let end = html.get(at + 2..).unwrap_or_default();
        end.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let end = html.match_indices("</").map(|(at, _)| at).find(is_end).unwrap_or(html.len());
    html.get(end..).unwrap_or_default()
}
