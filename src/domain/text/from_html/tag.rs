//! HTML as a list of texts and tags. html5gum reads it as browsers do, with every named entity of HTML. This module
//! leaves out the texts that no browser shows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use html5gum::{DefaultEmitter, HtmlString, Spanned, StartTag, Tokenizer};

/// A piece of HTML.
pub(super) enum Token {
    /// Text with its entities decoded.
    Text(String),
    /// An opening tag.
    Open(Tag),
    /// The name of a closing tag, in lower case.
    Close(String),
}

/// An opening tag.
pub(super) struct Tag {
    /// Its name, in lower case.
    pub(super) name: String,
    attributes: BTreeMap<HtmlString, Spanned<HtmlString, ()>>,
}

impl Tag {
    /// The value of an attribute, its entities decoded; the first if there are two.
    pub(super) fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        self.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value))
    }

    /// The value of a property in the tag's `style`, in lower case; the last if there are two.
    pub(super) fn style(&self, property: &str) -> Option<String> {
        let style = self.attribute("style")?;
        let of = |declaration: &str| {
            let (name, value) = declaration.split_once(':')?;
            name.trim().eq_ignore_ascii_case(property).then(|| value.trim().to_ascii_lowercase())
        };
        style.split(';').rev().find_map(of)
    }

    /// Whether one of the words of a property in the tag's `style` is `word`.
    pub(super) fn has_style(&self, property: &str, word: &str) -> bool {
        self.style(property).is_some_and(|value| value.split_ascii_whitespace().any(|other| other == word))
    }
}

/// The pieces of `html`, in order. An unfinished tag at the end is dropped, as browsers do.
pub(super) fn tokens(html: &str) -> Vec<Token> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut tokens = Vec::new();
    let mut unseen: Option<String> = None;
    for token in Tokenizer::new_with_emitter(html, emitter).flatten() {
        match token {
            html5gum::Token::String(text) if unseen.is_none() => tokens.push(Token::Text(owned(&text))),
            html5gum::Token::StartTag(StartTag { name, attributes, .. }) => {
                let name = owned(&name);
                unseen = is_unseen(&name).then(|| name.clone());
                tokens.push(Token::Open(Tag { name, attributes }));
            }
            html5gum::Token::EndTag(tag) => {
                unseen = None;
                tokens.push(Token::Close(owned(&tag.name)));
            }
            html5gum::Token::String(_)
            | html5gum::Token::Comment(_)
            | html5gum::Token::Doctype(_)
            | html5gum::Token::Error(_) => {}
        }
    }
    tokens
}

/// Whether the text between an element's tags is never shown. The tokenizer reads no tags in it.
fn is_unseen(name: &str) -> bool {
    matches!(name, "script" | "style" | "title" | "textarea" | "iframe" | "noembed" | "noscript")
}

fn owned(bytes: &HtmlString) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
