//! `tandem mappings`: which mappings are in force, what stands in one, and copies to change.
//!
//! It looks at files and at what is inside the binary. It never asks a bridge, and never judges a file: `tandem check` does.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Subcommand};
use serde_json::{Value, json};

use super::render::named;
use super::{ConfigFile, Failure, Form, print_json, table};
use crate::config;
use crate::mapping::{self, Name};

/// The arguments.
#[derive(Debug, Subcommand)]
pub(super) enum Mappings {
    /// Lists every mapping: the shipped one or a file of your own, and the call that it makes.
    #[command(after_help = "Examples:\n  tandem mappings list\n  tandem mappings list --json --config staging.toml")]
    List {
        #[command(flatten)]
        file: ConfigFile,
        #[command(flatten)]
        form: Form,
    },
    /// Prints the text of a mapping: of your own file where there is one, else of the shipped one.
    #[command(after_help = "Examples:\n  tandem mappings show agent_reply\n  \
        tandem mappings show agent_reply --sample > event.json\n  \
        diff <(tandem mappings show open_ticket --shipped) mappings/open_ticket.toml")]
    Show {
        /// The name of the mapping, such as agent_reply.
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
        after_help = "Examples:\n  tandem mappings copy ticket_solved\n  tandem mappings copy --all --to mappings"
    )]
    Copy {
        /// The names of the mappings, such as agent_reply.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Every mapping.
        #[arg(long)]
        all: bool,
        /// The directory; it is made where it is missing. Without it, the configuration's `mappings`.
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
                let name = named(&name)?;
                let source = match (sample, shipped) {
                    (true, _) => Source::inside(mapping::shipped_sample(name)),
                    (false, true) => Source::inside(mapping::shipped(name)),
                    (false, false) => InForce::read(&file)?.source(name),
                };
                show(name, &source, form, output)
            }
            Self::Copy { names, all, to, file } => {
                let chosen: Result<Vec<Name>, Failure> = names.iter().map(|name| named(name)).collect();
                let chosen = if all { Name::ALL.to_vec() } else { chosen? };
                copy(&chosen, to, &file, output)
            }
        }
    }
}

/// The mappings that `serve` would start with.
struct InForce {
    directory: PathBuf,
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
        let directory = config::mappings_directory(file.config.as_deref())?.unwrap_or_default();
        let files = config::glimpse(file.config.as_deref())?.mapping_files.unwrap_or_default();
        Ok(Self { directory, files })
    }

    fn source(&self, name: Name) -> Source {
        let file = file_of(name);
        match self.files.get(&file) {
            Some(text) => Source { path: Some(self.directory.join(file)), text: text.clone() },
            None => Source::inside(mapping::shipped(name)),
        }
    }
}

fn file_of(name: Name) -> String {
    format!("{name}.toml")
}

fn list(in_force: &InForce, form: Form, output: &mut impl Write) -> Result<(), Failure> {
    let item = |name: Name| {
        let source = in_force.source(name);
        json!({
            "name": name.as_str(),
            "source": if source.path.is_some() { "file" } else { "shipped" },
            "differs": source.text != mapping::shipped(name),
            "call": name.call().as_str(),
            "takes": name.takes(),
            "path": source.shown_path(),
        })
    };
    let items: Vec<Value> = Name::ALL.into_iter().map(item).collect();
    if form.json {
        return print_json(output, &json!({ "total": items.len(), "next": null, "items": items }));
    }
    table::print(output, &["name", "source", "differs", "call", "takes", "path"], &items)?;
    Ok(())
}

fn show(name: Name, source: &Source, form: Form, output: &mut impl Write) -> Result<(), Failure> {
    if form.json {
        let shown = json!({ "name": name.as_str(), "path": source.shown_path(), "text": source.text });
        return print_json(output, &shown);
    }
    output.write_all(source.text.as_bytes())?;
    Ok(())
}

fn copy(names: &[Name], to: Option<PathBuf>, file: &ConfigFile, output: &mut impl Write) -> Result<(), Failure> {
    let configured = config::mappings_directory(file.config.as_deref())?;
    let Some(directory) = to.or_else(|| configured.clone()) else {
        let what = "the configuration names no directory of mappings: name one with --to DIR, and write \
                    mappings = \"DIR\" into the configuration";
        return Err(Failure::Usage(what.to_owned()));
    };
    let failed =
        |path: &Path, error: std::io::Error| Failure::Failed(format!("{} cannot be written: {error}", path.display()));
    fs::create_dir_all(&directory).map_err(|error| failed(&directory, error))?;
    let (mut written, mut kept) = (0, Vec::new());
    for name in names {
        let path = directory.join(file_of(*name));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(mapping::shipped(*name).as_bytes()).map_err(|error| failed(&path, error))?;
                writeln!(output, "Written: {}", path.display())?;
                written += 1;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => kept.push(path.display().to_string()),
            Err(error) => return Err(failed(&path, error)),
        }
    }
    if written > 0 {
        if configured.as_ref() != Some(&directory) {
            let shown = directory.display();
            writeln!(output, "They are used once the configuration has: mappings = \"{shown}\"")?;
        }
        writeln!(output, "Change them, and see what they make: tandem render NAME; tandem check")?;
    }
    match kept.as_slice() {
        [] => Ok(()),
        kept => Err(Failure::Failed(format!("there already, and left as it is: {}", kept.join(", ")))),
    }
}
