//! `tandem mappings`: lists the mappings and words of notes in force, shows one, and copies shipped ones to change.
//!
//! It reads files and the texts inside the binary. It never asks a bridge, and never judges a file: `tandem check`
//! does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Subcommand};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::failure::Failure;
use super::options::{ConfigFile, Form};
use super::streams::print_json;
use super::table;
use crate::config::{self, MappingKeys};
use crate::domain::kind::KindName;
use crate::mapping::{self, DEFAULT_LANGUAGE, File, Name};

/// The name for the words of notes in the configured language.
const NOTES: &str = "notes";

/// The arguments.
#[derive(Debug, Subcommand)]
pub(super) enum Mappings {
    /// Lists every mapping and the words of notes: the shipped one or a file of your own, and the call that it makes.
    #[command(after_help = "Examples:\n  tandem mappings list\n  tandem mappings list --json --config staging.toml")]
    List {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        form: Form,
    },
    /// Prints the text of a mapping: of your own file where there is one, else of the shipped one.
    #[command(after_help = "Examples:\n  tandem mappings show agent_reply\n  tandem mappings show notes\n  \
        tandem mappings show agent_reply --sample > event.json")]
    Show {
        /// The name of the mapping, such as agent_reply; notes for the words of notes to agents in the configured
        /// language, notes.fr for another.
        name: String,
        /// The shipped text, also where there is a file of your own.
        #[arg(long)]
        shipped: bool,
        /// The mapping's sample instead: an event to change and to give to `tandem render --event`.
        #[arg(long, conflicts_with = "shipped")]
        sample: bool,
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        form: Form,
    },
    /// Copies shipped mappings to files that you can change. No file is ever overwritten.
    #[command(
        group(ArgGroup::new("which").required(true).args(["names", "all"])),
        after_help = "Examples:\n  tandem mappings copy ticket_solved notes\n  tandem mappings copy notes.de\n  \
            tandem mappings copy --all --to mappings"
    )]
    Copy {
        /// The names of the mappings, such as agent_reply; notes for the words of notes to agents in the configured
        /// language, notes.de for the same in a language of your own, to be translated.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Every mapping, and notes.
        #[arg(long)]
        all: bool,
        /// The directory; it is made where it is missing. Without it, the configuration's `mappings`, or else mappings
        /// beside the configuration.
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        #[command(flatten)]
        file: ConfigFile,
    },
}

impl Mappings {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::List { file, form } => list(&InForce::read(&file)?, form, output),
            Self::Show { name, shipped, sample, file, form } => {
                let keys = config::mapping_keys(file.config.as_deref())?;
                let which = named(&name, &keys)?;
                let source = match (&which, sample) {
                    (File::Mapping(name), true) => Some(Source::inside(mapping::shipped_sample(*name))),
                    (File::Words(_), true) => None,
                    (_, false) if shipped => which.shipped().map(Source::inside),
                    (_, false) => InForce::read(&file)?.source(&which),
                };
                let source = source.ok_or_else(|| Failure::Usage(format!("there is no such text of {which}")))?;
                show(&which, &source, form, output)
            }
            Self::Copy { names, all, to, file } => {
                let keys = config::mapping_keys(file.config.as_deref())?;
                let chosen = if all {
                    Name::ALL.into_iter().map(File::Mapping).chain([File::Words(keys.language.clone())]).collect()
                } else {
                    names.iter().map(|name| named(name, &keys)).collect::<Result<Vec<_>, _>>()?
                };
                copy(&chosen, to, &keys, output)
            }
        }
    }
}

/// The file that a word on the command line names.
pub(super) fn named(word: &str, keys: &MappingKeys) -> Result<File, Failure> {
    if word == NOTES {
        return Ok(File::Words(keys.language.clone()));
    }
    word.parse().map_err(|_| {
        let known: Vec<&str> = Name::ALL.into_iter().map(Name::as_str).chain([NOTES]).collect();
        Failure::Usage(format!("there is no mapping {word:?}; the mappings are: {}", known.join(", ")))
    })
}

/// The text of a copy: for a language that is not shipped, the English words under its name.
fn to_copy(file: &File) -> Cow<'static, str> {
    match (file.shipped(), file) {
        (Some(text), _) => text.into(),
        (None, File::Words(language)) => {
            let english = mapping::shipped_words(DEFAULT_LANGUAGE).unwrap_or_default();
            let line = |language: &str| format!("language = \"{language}\"");
            english.replacen(&line(DEFAULT_LANGUAGE), &line(language), 1).into()
        }
        (None, File::Mapping(_)) => Cow::default(),
    }
}

/// The mappings that `serve` would start with.
struct InForce {
    keys: MappingKeys,
    files: BTreeMap<String, String>,
}

/// Where a text comes from.
struct Source {
    /// The operator's own file; `None` where the text is inside the binary.
    path: Option<PathBuf>,
    text: String,
}

impl Source {
    fn inside(text: &str) -> Self {
        Self { path: None, text: text.to_owned() }
    }

    fn shown_path(&self) -> Value {
        self.path.as_ref().map_or(Value::Null, |path| path.display().to_string().into())
    }
}

impl InForce {
    fn read(file: &ConfigFile) -> Result<Self, Failure> {
        let keys = config::mapping_keys(file.config.as_deref())?;
        let files = config::glimpse(file.config.as_deref())?.mapping_files.unwrap_or_default();
        Ok(Self { keys, files })
    }

    /// `None` for words that are neither shipped nor there as a file.
    fn source(&self, which: &File) -> Option<Source> {
        let file = which.name();
        match (self.files.get(&file), which.shipped()) {
            (Some(text), _) => Some(Source { path: Some(self.keys.directory.join(file)), text: text.clone() }),
            (None, shipped) => shipped.map(Source::inside),
        }
    }
}

fn list(in_force: &InForce, form: Form, output: &mut impl Write) -> Result<(), Failure> {
    let own = in_force.files.keys().filter_map(|file| mapping::language_of(file)).map(str::to_owned);
    let mut languages: Vec<String> = mapping::shipped_languages().map(str::to_owned).chain(own).collect();
    languages.sort_unstable();
    languages.dedup();
    let words = languages.into_iter().map(File::Words);
    let all = Name::ALL.into_iter().map(File::Mapping).chain(words);
    let item = |which: File| {
        let source = in_force.source(&which)?;
        let (call, takes) = match &which {
            File::Mapping(name) => (Some(name.call().as_str()), name.takes()),
            File::Words(_) => (None, KindName::Note),
        };
        Some(json!({
            "name": which.to_string(),
            "source": if source.path.is_some() { "file" } else { "shipped" },
            "differs": Some(source.text.as_str()) != which.shipped(),
            "used": unused_until(&which, &in_force.keys).is_none(),
            "takes": takes,
            "call": call,
            "path": source.shown_path(),
        }))
    };
    let items: Vec<Value> = all.filter_map(item).collect();
    if form.json {
        return print_json(output, &json!({ "total": items.len(), "next": null, "items": items }));
    }
    table::print(output, &["name", "source", "differs", "used", "takes", "call", "path"], &items, &TimeZone::UTC)?;
    Ok(())
}

/// The setting that the configuration lacks for a file to be used; `None` for a file in use.
fn unused_until(file: &File, keys: &MappingKeys) -> Option<String> {
    match file {
        File::Mapping(Name::TicketSolved) if !keys.has_closing_text => {
            Some("braze.campaigns.ticket_solved names a campaign".to_owned())
        }
        File::Mapping(_) => None,
        File::Words(language) if *language == keys.language => None,
        File::Words(language) => Some(format!("notes.language is \"{language}\"")),
    }
}

fn show(which: &File, source: &Source, form: Form, output: &mut impl Write) -> Result<(), Failure> {
    if form.json {
        let shown = json!({ "name": which.to_string(), "path": source.shown_path(), "text": source.text });
        return print_json(output, &shown);
    }
    output.write_all(source.text.as_bytes())?;
    Ok(())
}

fn copy(all: &[File], to: Option<PathBuf>, keys: &MappingKeys, output: &mut impl Write) -> Result<(), Failure> {
    let directory = to.unwrap_or_else(|| keys.directory.clone());
    let failed =
        |path: &Path, error: std::io::Error| Failure::Failed(format!("{} cannot be written: {error}", path.display()));
    fs::create_dir_all(&directory).map_err(|error| failed(&directory, error))?;
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for which in all {
        let path = directory.join(which.name());
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(to_copy(which).as_bytes()).map_err(|error| failed(&path, error))?;
                writeln!(output, "Written: {}", path.display())?;
                written.push(which);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => kept.push(path.display().to_string()),
            Err(error) => return Err(failed(&path, error)),
        }
    }
    if let Some(first) = written.first() {
        if !keys.is_configured || keys.directory != directory {
            let shown = directory.display();
            writeln!(output, "They are used once the configuration has: mappings = \"{shown}\"")?;
        }
        for file in &written {
            if let Some(until) = unused_until(file, keys) {
                writeln!(output, "{file} is used once {until}")?;
            }
        }
        writeln!(output, "Change them, and ask: tandem check. What one makes: tandem render {first}")?;
    }
    match kept.as_slice() {
        [] => Ok(()),
        kept => Err(Failure::Failed(format!("there already, and left as it is: {}", kept.join(", ")))),
    }
}
