//! Mappings: from an event's context to the body of a vendor call, and from the code of a note to its words.
//!
//! A mapping is a TOML file that an operator may change. It names its event and its call, and holds the body as a table
//! whose strings are Liquid templates. Liquid only makes single values and never JSON text, so a customer's text can
//! neither break nor inject anything. The shipped mappings are inside the binary.
//!
//! A mapping fails when it is loaded, and not at the hundredth message: it is bounded, compiled and rendered for
//! several situations, and its bodies are checked against the promises ([`invariants`]). A fault there stops the start.
//!
//! Reading order: [`name`] (the mappings), [`context`] (the names that templates may use), [`body`] (the table),
//! [`template`] (one string), [`scan`] (refusals before parsing), [`tags`], [`blocks`] and [`filters`] (Liquid with
//! limits), [`invariants`], [`rehearsal`]. A template means the same as in Ruby's Liquid, the reference, or is refused:
//! [`values`], [`names`](mod@names), [`condition`], [`numbers`], [`letters`], [`strftime`]. The words of notes are
//! templates of the same kind: [`words`]; files of other readers may hold some as well: [`sheet`]. [`supposed`] makes a context of an event, for people who try a mapping.
//!
//! This module never reads a file or a clock, makes a call, or decides about a delivery. The same context always makes
//! the same body, because Zendesk's idempotency keys rely on it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use crate::domain::event::TicketId;
use crate::domain::note::{Note, Saying};
use crate::domain::text;
use body::{BodyFault, Node, make};
use template::Compiler;
use words::{Languages, Words};

mod blocks;
mod body;
mod condition;
pub mod context;
mod fault;
mod filters;
mod invariants;
mod letters;
mod name;
mod names;
mod numbers;
mod rehearsal;
mod scan;
mod sheet;
mod strftime;
mod supposed;
mod tags;
mod template;
#[cfg(test)]
mod tests;
mod values;
mod words;

pub use context::Context;
pub use fault::{Fault, Faults};
use fault::{MAX_FILE_BYTES, line};
pub use name::{Call, File, Name, NoSuchMapping, RequestLine};
pub use sheet::{Sheet, Sheets};
pub use supposed::{Misfit, Supposed, suppose};
pub use words::{DEFAULT_LANGUAGE, language_of, shipped_languages, shipped_words};

/// The largest body, in bytes of JSON. Zendesk cuts comments at 64 kB and Braze takes 50 KB of trigger properties, so a
/// sensible body is far smaller.
const MAX_BODY_BYTES: usize = 512 * 1024;

/// The mappings have no words for notes in this language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is {language:?}, for which there is no notes.{language}.toml among the mappings; there are: {known}")]
pub struct NoSuchLanguage {
    language: String,
    known: String,
}

/// The body could not be made. Every variant is final for the delivery, because the same context would fail again. The
/// words hold no text of a customer or an agent, so they may be logged and shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A template failed: mend the mapping.
    #[error("the mapping {mapping} failed at {key}: {what}")]
    Template {
        /// The mapping.
        mapping: Name,
        /// The leaf's key.
        key: String,
        /// Why.
        what: String,
    },
    /// The body is larger than any vendor takes.
    #[error("the mapping {mapping} makes a body of {bytes} bytes; at most {MAX_BODY_BYTES} are sent")]
    TooLarge {
        /// The mapping.
        mapping: Name,
        /// Its size.
        bytes: usize,
    },
    /// Sending this body would break a promise, so it is not sent: mend the mapping.
    #[error("the mapping {mapping} is refused for this event: {what}")]
    BrokenPromise {
        /// The mapping.
        mapping: Name,
        /// Every broken promise and its remedy, in words.
        what: String,
    },
}

/// Compiled mappings, one for each [`Name`], and the words of notes. Cloning shares them.
#[derive(Clone)]
pub struct Mappings {
    bodies: Arc<[Node; 8]>,
    languages: Arc<Languages>,
    /// The words of the chosen language.
    words: Arc<Words>,
}

impl fmt::Debug for Mappings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mappings(…)")
    }
}

impl Mappings {
    /// The mappings inside the binary.
    ///
    /// # Errors
    /// Faults in them, which the tests rule out.
    pub fn shipped() -> Result<Self, Faults> {
        Self::load(&BTreeMap::new())
    }

    /// Compiles and checks `files`: file name to text. A missing mapping or language is the shipped one. Files that do
    /// not end in `.toml` are ignored. Notes are written in [`DEFAULT_LANGUAGE`], unless another is chosen
    /// ([`Mappings::in_language`]).
    ///
    /// # Errors
    /// All faults of all files.
    pub fn load(files: &BTreeMap<String, String>) -> Result<Self, Faults> {
        let mut faults: Vec<Fault> = files.keys().filter_map(|file| misnamed(file)).collect();
        let mut compiled = Vec::with_capacity(Name::ALL.len());
        for name in Name::ALL {
            let file = format!("{name}.toml");
            let text = files.get(&file).map_or(name.shipped().0, String::as_str);
            match load_one(name, &file, text) {
                Ok(node) => compiled.push(node),
                Err(mut more) => faults.append(&mut more),
            }
        }
        let languages = words::load(files, &mut faults);
        match (<[Node; 8]>::try_from(compiled), languages.get(DEFAULT_LANGUAGE)) {
            (Ok(nodes), Some(words)) if faults.is_empty() => {
                Ok(Self { bodies: Arc::new(nodes), words: Arc::clone(words), languages: Arc::new(languages) })
            }
            (Ok(_) | Err(_), _) => Err(Faults(faults)),
        }
    }

    /// These mappings, with notes in this language.
    ///
    /// # Errors
    /// When neither a shipped file nor one of the operator's has words in this language.
    pub fn in_language(mut self, language: &str) -> Result<Self, NoSuchLanguage> {
        match self.languages.get(language) {
            Some(words) => self.words = Arc::clone(words),
            None => {
                let known = self.languages.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(NoSuchLanguage { language: language.to_owned(), known });
            }
        }
        Ok(self)
    }

    /// The language that notes are written in.
    #[must_use]
    pub fn language(&self) -> &str {
        self.words.language()
    }

    /// The words of the chosen language for a sample of each code, each kind of cause and each advice: table, key and
    /// text, in the order of [`crate::domain::note`].
    #[must_use]
    pub fn words(&self) -> Vec<(&'static str, &'static str, String)> {
        self.words.each()
    }

    /// The shipped sample of a mapping, its note in the chosen language.
    ///
    /// # Errors
    /// A fault in the sample, which the tests rule out.
    pub fn sample(&self, name: Name) -> Result<Context, Fault> {
        let mut context = sample(name)?;
        let file = format!("{name}.json");
        self.word(&mut context).map_err(|what| Fault { file, line: None, key: None, what })?;
        Ok(context)
    }

    /// Words the note of a context by its code and fields, as when a note is written. A context without a code keeps
    /// its words.
    ///
    /// # Errors
    /// When there is no such code, or when one of its fields is missing.
    pub fn word(&self, context: &mut Context) -> Result<(), String> {
        let note = &mut context.note;
        let Some(code) = &note.code else { return Ok(()) };
        let saying =
            Saying::read(code, &note.fields).map_err(|what| format!("`note` has the code {code:?}: {what}"))?;
        note.text = self.say([&Note::fact(TicketId(0), saying)], "the carrier");
        note.html = text::html_from_plain(&note.text);
        Ok(())
    }

    /// The words of these notes for agents, one below the other, followed by their advice. `carrier` is the name of the
    /// carrier that they are about.
    #[must_use]
    pub fn say<'a>(&self, notes: impl IntoIterator<Item = &'a Note>, carrier: &str) -> String {
        self.words.say(notes, carrier)
    }

    /// The body that the mapping makes of `context`.
    ///
    /// # Errors
    /// [`RenderError`]; the caller must not send anything then.
    pub fn render(&self, name: Name, context: &Context) -> Result<Value, RenderError> {
        let body = make(name, self.body(name), context).map_err(|(key, error)| match key {
            Some(key) => RenderError::Template { mapping: name, key, what: error.what },
            None => RenderError::Template { mapping: name, key: "the event".to_owned(), what: error.what },
        })?;
        let bytes = invariants::size(&body);
        if bytes > MAX_BODY_BYTES {
            return Err(RenderError::TooLarge { mapping: name, bytes });
        }
        let broken = invariants::broken(name, context, &body);
        if broken.is_empty() {
            Ok(body)
        } else {
            Err(RenderError::BrokenPromise { mapping: name, what: broken.join("; ") })
        }
    }

    /// The call that the mapping makes, for `tandem render` to show.
    #[must_use]
    pub fn request_line(&self, name: Name) -> RequestLine {
        let call = name.call();
        RequestLine { call, method: call.method(), path: call.path() }
    }

    fn body(&self, name: Name) -> &Node {
        let [open_ticket, append_comment, follow_up, agent_reply, ticket_solved, template, failure_note, keyword_note] =
            &*self.bodies;
        match name {
            Name::OpenTicket => open_ticket,
            Name::AppendComment => append_comment,
            Name::FollowUp => follow_up,
            Name::AgentReply => agent_reply,
            Name::TicketSolved => ticket_solved,
            Name::Template => template,
            Name::FailureNote => failure_note,
            Name::KeywordNote => keyword_note,
        }
    }
}

/// The text of the shipped mapping: `mappings/NAME.toml`.
#[must_use]
pub fn shipped(name: Name) -> &'static str {
    name.shipped().0
}

/// The text of the shipped sample: `mappings/NAME.json`.
#[must_use]
pub fn shipped_sample(name: Name) -> &'static str {
    name.shipped().1
}

/// The shipped sample of a mapping: `mappings/NAME.json`.
///
/// # Errors
/// A fault in the sample, which the tests rule out.
pub fn sample(name: Name) -> Result<Context, Fault> {
    serde_json::from_str(name.shipped().1).map_err(|error| Fault {
        file: format!("{name}.json"),
        line: Some(error.line()),
        key: None,
        what: error.to_string(),
    })
}

/// Compiles one file and tries it on its probes.
fn load_one(name: Name, file: &str, text: &str) -> Result<Node, Vec<Fault>> {
    let whole = |what: String| vec![Fault { file: file.to_owned(), line: None, key: None, what }];
    let sample = sample(name).map_err(|fault| vec![fault])?;
    let schema = serde_json::to_value(&sample).map_err(|error| whole(error.to_string()))?;
    let compiler = Compiler::new(schema).map_err(whole)?;
    let node = parse(name, text, &compiler).map_err(|faults| {
        let fault = |BodyFault { at, key, what }: BodyFault| Fault {
            file: file.to_owned(),
            line: Some(line(text, at)),
            key: (!key.is_empty()).then_some(key),
            what,
        };
        faults.into_iter().map(fault).collect::<Vec<_>>()
    })?;
    let faults = rehearsal::rehearse(name, &node, &sample);
    if faults.is_empty() {
        return Ok(node);
    }
    let fault = |(key, what)| Fault { file: file.to_owned(), line: None, key, what };
    Err(faults.into_iter().map(fault).collect())
}

/// Reads the file: `event`, `call` and `body`, and nothing else.
fn parse(name: Name, text: &str, compiler: &Compiler) -> Result<Node, Vec<BodyFault>> {
    let fault = |at: usize, key: &str, what: String| BodyFault { at, key: key.to_owned(), what };
    if text.len() > MAX_FILE_BYTES {
        return Err(vec![fault(
            0,
            "",
            format!("the file has {} bytes; at most {MAX_FILE_BYTES} are read", text.len()),
        )]);
    }
    let table = DeTable::parse(text).map_err(|error| {
        vec![fault(error.span().map_or(0, |span| span.start), "", format!("not TOML: {}", error.message()))]
    })?;
    let mut faults = Vec::new();
    let table = table.get_ref();
    for (key, wanted) in [("event", name.as_str()), ("call", name.call().as_str())] {
        match table.get(key) {
            Some(value) if value.get_ref().as_str() == Some(wanted) => {}
            Some(value) => faults.push(fault(value.span().start, key, format!("must be \"{wanted}\" in this file"))),
            None => faults.push(fault(0, key, format!("is missing; add `{key} = \"{wanted}\"`"))),
        }
    }
    for key in table.keys().filter(|key| !["event", "call", "body"].contains(&key.get_ref().as_ref())) {
        let what = "is not known; a mapping has `event`, `call` and `body`".to_owned();
        faults.push(fault(key.span().start, key.get_ref(), what));
    }
    let node = match table.get("body") {
        Some(value) if matches!(value.get_ref(), DeValue::Table(_)) => {
            Some(Node::compile(compiler, "body", value, 0, &mut faults))
        }
        Some(value) => {
            faults.push(fault(value.span().start, "body", "must be a table: [body]".to_owned()));
            None
        }
        None => {
            faults.push(fault(0, "body", "is missing; add a table [body]".to_owned()));
            None
        }
    };
    match node {
        Some(node) if faults.is_empty() => Ok(node),
        Some(_) | None => Err(faults),
    }
}

/// The fault of a `.toml` file without a mapping's name: a misspelt mapping that would silently be left out.
fn misnamed(file: &str) -> Option<Fault> {
    let name = file.strip_suffix(".toml")?;
    let error = name.parse::<Name>().err().filter(|_| language_of(file).is_none())?;
    let what = format!("{error}; and notes.LANGUAGE, such as notes.en");
    Some(Fault { file: file.to_owned(), line: None, key: None, what })
}
