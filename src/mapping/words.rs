//! The words of notes ([`crate::domain::note`]): a template for each code, each kind of cause and each advice, in one
//! file for each language.
//!
//! Like a mapping, a file is bounded, compiled and rendered in every situation before it is used. A template that is
//! missing in an operator's file is the shipped one of its language, or else the English one. This module never decides
//! whether to write a note.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, MAX_FILE_BYTES, line};
use super::template::{Compiler, Data, Leaf};
use crate::domain::event::EventId;
use crate::domain::note::{Advice, Meaning, Note, Saying, Says, Why, WithheldFor};

/// The shipped languages.
const SHIPPED: [(&str, &str); 2] =
    [("en", include_str!("../../mappings/notes.en.toml")), ("fr", include_str!("../../mappings/notes.fr.toml"))];

/// The language of templates that no other file has.
pub const DEFAULT_LANGUAGE: &str = "en";

/// The longest note that one template may make, in bytes: fifty of them still fit into one Zendesk comment.
const MAX_NOTE_BYTES: usize = 1000;

/// The name of the carrier in samples.
const SAMPLE_CARRIER: &str = "the carrier";

/// The languages of notes, by their names.
pub(super) type Languages = BTreeMap<String, Arc<Words>>;

/// The words of one language.
pub(super) struct Words {
    language: String,
    /// The templates by table and key, as in the file.
    leaves: BTreeMap<(&'static str, &'static str), Leaf>,
}

/// The text of the shipped words in a language; `None` for one that is not shipped.
#[must_use]
pub fn shipped_words(language: &str) -> Option<&'static str> {
    SHIPPED.into_iter().find_map(|(name, text)| (name == language).then_some(text))
}

/// The names of the shipped languages.
pub fn shipped_languages() -> impl Iterator<Item = &'static str> {
    SHIPPED.into_iter().map(|(name, _)| name)
}

/// The language whose words a file of this name holds: `en` for `notes.en.toml`.
#[must_use]
pub fn language_of(file: &str) -> Option<&str> {
    let language = file.strip_prefix("notes.")?.strip_suffix(".toml")?;
    let is_word = |word: &str| (2..=8).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    language.split('-').all(is_word).then_some(language)
}

/// The shipped languages, replaced or joined by those of these files.
pub(super) fn load(files: &BTreeMap<String, String>, faults: &mut Vec<Fault>) -> Languages {
    /// Compiled once, because the texts never change.
    static COMPILED: LazyLock<Result<Languages, Vec<Fault>>> = LazyLock::new(|| {
        let mut languages = Languages::new();
        for (language, text) in SHIPPED {
            languages.insert(language.to_owned(), Arc::new(Words::read(language, &file_of(language), text)?));
        }
        Ok(languages)
    });
    let mut languages = match &*COMPILED {
        Ok(languages) => languages.clone(),
        Err(broken) => {
            faults.extend(broken.iter().cloned());
            Languages::new()
        }
    };
    for (file, text) in files {
        let Some(language) = language_of(file) else { continue };
        match Words::read(language, file, text) {
            Ok(words) => drop(languages.insert(language.to_owned(), Arc::new(words))),
            Err(more) => faults.extend(more),
        }
    }
    languages
}

fn file_of(language: &str) -> String {
    format!("notes.{language}.toml")
}

/// The tables of a file with their keys, and for each key a sample of the fields that its template may use.
fn known() -> Vec<(&'static str, &'static str, Value)> {
    let says = Saying::samples()
        .into_iter()
        .map(|saying| ("says", saying.code(), fields(&saying, "the cause", SAMPLE_CARRIER)));
    let why = Why::ALL
        .into_iter()
        .map(|why| ("why", why.as_str(), json!({ "cause": "the cause", "carrier": SAMPLE_CARRIER })));
    let event = EventId { epoch: 0x5eed_0000, sequence: 0x29, sub: 0 };
    let advice = Advice::all()
        .map(|advice| ("advice", advice.as_str(), json!({ "events": [event], "carrier": SAMPLE_CARRIER })));
    says.chain(why).chain(advice).collect()
}

/// The fields that the code has, the words for its cause, and the carrier's name.
fn fields(saying: &Saying, why: &str, carrier: &str) -> Value {
    let all = serde_json::to_value(saying.fields()).unwrap_or_default();
    let names = saying.field_names();
    let mut fields: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), all.get(name).cloned().unwrap_or_default())).collect();
    if names.contains(&"cause") {
        fields.insert("why".to_owned(), why.into());
    }
    fields.insert("carrier".to_owned(), carrier.into());
    Value::Object(fields)
}

impl Words {
    fn read(language: &str, file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let fault =
            |line, key: &str, what: String| Fault { file: file.to_owned(), line, key: Some(key.to_owned()), what };
        let whole = |line, what: String| vec![Fault { file: file.to_owned(), line, key: None, what }];
        if text.len() > MAX_FILE_BYTES {
            return Err(whole(None, format!("the file has {} bytes; at most {MAX_FILE_BYTES} are read", text.len())));
        }
        let parsed = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            whole(Some(line(text, at)), format!("not TOML: {}", error.message()))
        })?;
        let shipped = shipped_words(language).unwrap_or(SHIPPED[0].1);
        let (own, shipped) =
            (parsed.get_ref(), DeTable::parse(shipped).map_err(|error| whole(None, error.to_string()))?);
        let mut faults = Vec::new();
        check_keys(language, own, &mut |at, key, what| faults.push(fault(Some(line(text, at)), key, what)));
        let compiler = Compiler::new(Value::Null).map_err(|what| whole(None, what))?;
        let mut leaves = BTreeMap::new();
        for (table, key, schema) in known() {
            let name = format!("{table}.{key}");
            let (at, template) = match (text_at(own, table, key), text_at(shipped.get_ref(), table, key)) {
                (Some((at, template)), _) => (Some(line(text, at)), template),
                (None, Some((_, template))) => (None, template),
                (None, None) => {
                    faults.push(fault(None, &name, "is missing".to_owned()));
                    continue;
                }
            };
            match compiler.leaf_for(template, &schema).and_then(|leaf| rehearse(table, key, &leaf).map(|()| leaf)) {
                Ok(leaf) => drop(leaves.insert((table, key), leaf)),
                Err(what) => faults.push(fault(at, &name, what)),
            }
        }
        if faults.is_empty() { Ok(Self { language: language.to_owned(), leaves }) } else { Err(faults) }
    }

    pub(super) fn language(&self) -> &str {
        &self.language
    }

    /// Table, key and text of all templates, rendered with a sample of each field.
    pub(super) fn each(&self) -> Vec<(&'static str, &'static str, String)> {
        let says =
            Saying::samples().into_iter().map(|saying| ("says", saying.code(), self.sentence(&saying, SAMPLE_CARRIER)));
        let others = known().into_iter().filter(|(table, ..)| *table != "says");
        let others = others.filter_map(|(table, key, sample)| Some((table, key, self.render(table, key, sample)?)));
        says.chain(others).collect()
    }

    /// The words of these notes, one below the other, each line once. The advice follows, each once for all notes that
    /// share it.
    pub(super) fn say<'a>(&self, notes: impl IntoIterator<Item = &'a Note>, carrier: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut advice: Vec<(Advice, Vec<EventId>)> = Vec::new();
        for note in notes {
            let said = match &note.says {
                Says::Words { text } => text.clone(),
                Says::Coded(saying) => self.sentence(saying, carrier),
            };
            if !lines.contains(&said) {
                lines.push(said);
            }
            let Says::Coded(saying) = &note.says else { continue };
            let Some((what, event)) = saying.advice() else { continue };
            match advice.iter_mut().find(|(known, _)| *known == what) {
                Some((_, events)) if events.contains(&event) => {}
                Some((_, events)) => events.push(event),
                None => advice.push((what, vec![event])),
            }
        }
        let advice = advice.iter().filter_map(|(what, events)| {
            self.render("advice", what.as_str(), json!({ "events": events, "carrier": carrier }))
        });
        lines.into_iter().chain(advice).collect::<Vec<_>>().join("\n")
    }

    fn sentence(&self, saying: &Saying, carrier: &str) -> String {
        let cause = saying.fields().cause.unwrap_or_default();
        let why = self.render("why", Why::of(&cause).as_str(), json!({ "cause": cause, "carrier": carrier }));
        let said = self.render("says", saying.code(), fields(saying, why.as_deref().unwrap_or(&cause), carrier));
        // The trial rendered every template with every field. Should one fail all the same, the agent is told the code
        // and the cause.
        said.unwrap_or_else(|| format!("{}: {cause}", saying.code()))
    }

    fn render(&self, table: &'static str, key: &'static str, data: Value) -> Option<String> {
        rendered(self.leaves.get(&(table, key))?, data).ok()
    }
}

/// The text of a template, without white space around it.
fn rendered(leaf: &Leaf, data: Value) -> Result<String, String> {
    let made = leaf.render(&Data::new(data)).map_err(|error| error.what)?;
    let text = match made {
        Value::String(text) => text,
        Value::Null => String::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    };
    Ok(text.trim().to_owned())
}

/// Tries a template in the situations that it will meet.
fn rehearse(table: &str, key: &str, leaf: &Leaf) -> Result<(), String> {
    let tried = |situation: &str, data: Value| match rendered(leaf, data) {
        Err(what) => Err(format!("{what} [tried with {situation}]")),
        Ok(text) if text.is_empty() => Err(format!("says nothing [tried with {situation}]")),
        Ok(text) if text.len() > MAX_NOTE_BYTES => {
            Err(format!("makes {} bytes; at most {MAX_NOTE_BYTES} are written [tried with {situation}]", text.len()))
        }
        Ok(_) => Ok(()),
    };
    let Some(saying) = Saying::samples().into_iter().find(|saying| table == "says" && saying.code() == key) else {
        let sample = known().into_iter().find(|(known, name, _)| *known == table && *name == key);
        return sample.map_or(Ok(()), |(_, _, sample)| tried("one of each field", sample));
    };
    let sample = fields(&saying, "the cause", SAMPLE_CARRIER);
    tried("one of each field", sample.clone())?;
    let changed = |name: &str, value: Value| {
        let mut fields = sample.clone();
        fields[name] = value;
        fields
    };
    for name in saying.field_names() {
        let others: Vec<(&str, Value)> = match *name {
            "comment" => vec![("no comment number", Value::Null)],
            "comments" => vec![("no comment numbers", json!([])), ("one comment number", json!([4711]))],
            "parts" => vec![("one part", json!(1))],
            "word" => vec![("no word", Value::Null)],
            "carrier_code" => vec![("no code", Value::Null)],
            "said" => vec![("no words of the carrier's", Value::Null)],
            "meaning" => Meaning::ALL.into_iter().map(|meaning| ("another meaning", json!(meaning))).collect(),
            "reason" => {
                let reasons = [WithheldFor::Malware, WithheldFor::Deleted, WithheldFor::NoAddress];
                reasons.into_iter().map(|reason| ("another reason", json!(reason))).collect()
            }
            _ => Vec::new(),
        };
        for (situation, value) in others {
            tried(situation, changed(name, value))?;
        }
    }
    Ok(())
}

/// Finds unknown tables and keys in a file of words, and values that are no texts.
fn check_keys(language: &str, own: &DeTable<'_>, fault: &mut impl FnMut(usize, &str, String)) {
    let known = known();
    for (table, value) in own {
        let (at, table) = (table.span().start, table.get_ref());
        match (table.as_ref(), value.get_ref()) {
            ("language", DeValue::String(named)) if *named == language => {}
            ("language", _) => fault(value.span().start, "language", format!("must be \"{language}\" in this file")),
            (name @ ("says" | "why" | "advice"), DeValue::Table(keys)) => {
                for (key, value) in keys {
                    let full = format!("{name}.{}", key.get_ref());
                    if !known.iter().any(|(table, known, _)| *table == name && *known == key.get_ref()) {
                        let keys = known.iter().filter(|(table, ..)| *table == name).map(|(_, key, _)| *key);
                        let keys = keys.collect::<Vec<_>>().join(", ");
                        fault(key.span().start, &full, format!("is not known; [{name}] has: {keys}"));
                    } else if value.get_ref().as_str().is_none() {
                        fault(value.span().start, &full, "must be a text".to_owned());
                    }
                }
            }
            (name @ ("says" | "why" | "advice"), _) => {
                fault(value.span().start, name, format!("must be a table: [{name}]"));
            }
            (name, _) => {
                fault(at, name, "is not known; words have `language`, [says], [why] and [advice]".to_owned());
            }
        }
    }
    if !own.keys().any(|key| key.get_ref() == "language") {
        fault(0, "language", format!("is missing; add `language = \"{language}\"`"));
    }
}

/// A text of a table, with its byte offset.
fn text_at<'a>(file: &'a DeTable<'_>, table: &str, key: &str) -> Option<(usize, &'a str)> {
    let DeValue::Table(keys) = file.get(table)?.get_ref() else { return None };
    let value: &Spanned<DeValue<'_>> = keys.get(key)?;
    Some((value.span().start, value.get_ref().as_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{CommentId, TicketId};
    use crate::domain::note::{Keyword, Lost, Tells};
    use crate::mapping::Mappings;

    fn note(saying: Saying) -> Note {
        Note::fact(TicketId(35), saying)
    }

    fn lost(sequence: u64, cause: &str) -> Lost {
        let comment = CommentId(sequence);
        let event = EventId { epoch: 0x5eed_0000, sequence, sub: 0 };
        Lost { event, comment: Some(comment), parts: None, cause: cause.to_owned() }
    }

    /// The shipped mappings with an operator's file.
    fn own(file: &str, text: &str) -> Result<Mappings, String> {
        let files = BTreeMap::from([(file.to_owned(), text.to_owned())]);
        Mappings::load(&files).map_err(|faults| faults.to_string())
    }

    #[test]
    fn every_note_is_worded_as_reviewed_in_every_shipped_language() {
        for language in shipped_languages() {
            let mappings = Mappings::shipped().unwrap().in_language(language).unwrap();
            let mut all = String::new();
            for saying in Saying::samples() {
                all.push_str(&format!("{}:\n{}\n\n", saying.code(), mappings.say([&note(saying)], "Braze")));
            }
            for why in [
                "the customer has opted out of texts",
                "Braze answered 400 landline",
                "nobody to text is known",
                "Zendesk does not show comment 7",
                "Braze answered 201 and accepted but reported problems",
                "given up after 301 attempts: Braze answered 500",
                "Braze answered 400 Bad Request",
                "Zendesk answered 400",
            ] {
                let said = mappings.say([&note(Saying::ReplyNotTexted(lost(7, why)))], "Braze");
                all.push_str(&format!("{}:\n{said}\n\n", Why::of(why).as_str()));
            }
            insta::assert_snapshot!(format!("notes_{language}"), all);
        }
    }

    #[test]
    fn french_has_its_spaces() {
        let mappings = Mappings::shipped().unwrap().in_language("fr").unwrap();
        for saying in Saying::samples() {
            let said = mappings.say([&note(saying)], "Braze");
            for wrong in [" :", " ;", " ?", " !", "« ", " »", "'"] {
                assert!(!said.contains(wrong), "{wrong:?} in {said}");
            }
            for (index, sign) in said.match_indices([';', '?', '!']) {
                assert!(said[..index].ends_with('\u{202f}'), "before {sign} in {said}");
            }
        }
    }

    #[test]
    fn several_notes_say_each_line_once_and_what_can_be_done_once_for_all() {
        let mappings = Mappings::shipped().unwrap();
        let refused = |sequence| note(Saying::ReplyNotTexted(lost(sequence, "Braze answered 400 Bad Request")));
        let late = note(Saying::ReplyNotTexted(lost(3, "given up after 5 attempts: Braze answered 500")));
        let old = Note {
            ticket_id: TicketId(35),
            says: Says::Words { text: "In words of before: {{ comment }}".into() },
            tells: Tells::NotArrived,
        };
        let said = mappings.say([&refused(1), &old, &refused(2), &late, &old], "Braze");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 6, "{said}");
        assert!(
            lines[0].starts_with("Your reply (comment 1)") && lines[2].starts_with("Your reply (comment 2)"),
            "{said}"
        );
        assert_eq!(lines[1], "In words of before: {{ comment }}", "they are no template");
        assert!(lines[3].starts_with("Your reply (comment 3)"), "{said}");
        let events = [1, 2].map(|sequence| lost(sequence, "").event.to_string()).join(", ");
        assert!(lines[4].starts_with("What you can do: write it again in other words") && lines[4].contains(&events));
        assert!(lines[5].starts_with("What you can do: write it again if it still helps"), "{said}");
    }

    #[test]
    fn a_file_of_the_operators_stands_in_its_place_and_what_it_lacks_is_shipped() {
        let help = Saying::AskedForHelp(Keyword { word: None });
        let saying = note(Saying::ReplyNotTexted(lost(7, "the customer has opted out of texts")));
        let text = "language = \"fr\"\n[says]\nreply_not_texted = \"Non : {{ comment }} ({{ why }})\"\n";
        let mappings = own("notes.fr.toml", text).unwrap();
        let french = mappings.clone().in_language("fr").unwrap().say([&saying, &note(help.clone())], "Braze");
        assert!(french.starts_with("Non : 7 (le client ne souhaite plus"), "{french}");
        assert!(french.contains("Le client a envoyé"), "{french}");
        assert!(mappings.say([&saying], "Braze").starts_with("Your reply (comment 7)"), "English is as it was");
        let text = "language = \"de\"\n[advice]\nopted_out = \"Rufen Sie an: {{ events }}\"\n";
        let german = own("notes.de.toml", text).unwrap().in_language("de").unwrap().say([&saying], "Braze");
        assert!(german.starts_with("Your reply") && german.contains("Rufen Sie an: evt_"), "{german}");
        let error = Mappings::shipped().unwrap().in_language("de").unwrap_err().to_string();
        assert!(error.contains("no notes.de.toml") && error.ends_with("en, fr"), "{error}");
    }

    #[test]
    fn every_fault_of_a_file_is_found_at_once_with_its_line() {
        let text = "language = \"fr\"\nlanguages = 1\n[says]\nreply_not_texted = \"{{ comments }}\"\nreply_lost = \"x\"\n\
                    closing_texted_now = \"{% if true %} {% endif %}\"\nreply_empty = 7\n\
                    reply_texted_now = \"{{ comment }}\"\n[advice]\nlate = \"{{ cause }}\"\nkept = \"{{ 1 | date }}\"\n[why]\n";
        let faults = own("notes.de.toml", text).unwrap_err();
        for wanted in [
            "notes.de.toml:1: language: must be \"de\" in this file",
            "notes.de.toml:2: languages: is not known",
            "notes.de.toml:4: says.reply_not_texted: there is no `comments`",
            "notes.de.toml:5: says.reply_lost: is not known; [says] has: reply_not_texted",
            "notes.de.toml:6: says.closing_texted_now: says nothing [tried with one of each field]",
            "notes.de.toml:7: says.reply_empty: must be a text",
            "notes.de.toml:8: says.reply_texted_now: says nothing [tried with no comment number]",
            "notes.de.toml:10: advice.late: there is no `cause`",
            "notes.de.toml:11: advice.kept: ",
        ] {
            assert!(faults.contains(wanted), "{wanted} is not in:\n{faults}");
        }
        for (file, text, wanted) in [
            ("notes.toml", "", "notes.toml: there is no mapping of that name"),
            ("notes.d e.toml", "", "and notes.LANGUAGE, such as notes.en"),
            ("notes.de.toml", "[says\n", "notes.de.toml:1: not TOML"),
            ("notes.de.toml", "", "notes.de.toml:1: language: is missing; add `language = \"de\"`"),
            ("notes.de.toml", "language = \"de\"\nsays = 1\n", "notes.de.toml:2: says: must be a table: [says]"),
        ] {
            let faults = own(file, text).unwrap_err();
            assert!(faults.contains(wanted), "{wanted} is not in:\n{faults}");
        }
        assert!(own("notes.de.toml", &"#".repeat(MAX_FILE_BYTES + 1)).is_err_and(|fault| fault.contains("bytes")));
    }
}
