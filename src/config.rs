//! Configuration: one TOML file, overridden key by key from the secrets file beside it ([`secrets_file`]) and from the
//! environment.
//!
//! This is the only module that reads the environment, and the only one that reads configuration and mapping files.
//! All faults are found in one go, each with its key, its place and its remedy ([`Faults`]). No message here ever shows a
//! secret: secrets are [`secrecy::SecretString`]s from the moment they are checked, and no message quotes one.
//!
//! # One key, one place
//!
//! A key is one field of a table ([`crate::keys`]): of [`Config`] itself, [`Oidc`] and the smaller ones, and of the tables in the
//! folders of the vendors. Its declaration
//! carries the type, the rules, the default, the words of the reference, whether it is a secret, and whether a reload takes it.
//! From the tables come reading, unknown names, the list of [`reference::KEYS`], the reference and the example, the console's page
//! and the part that waits for a restart. A table does not know where in the file it stands, so a vendor's keys are declared
//! once.
//!
//! | step | where | gives |
//! |---|---|---|
//! | find | `sources`, `secrets_file`, `files` | the file's text and our variables |
//! | gather | `read`, `named`, `value`, `kind`, `near` | a value of the right kind for each name, or its flaw |
//! | judge | the tables, by `key`, `shapes`, `table` | typed values; every flaw becomes a fault in the `book` |
//! | fit | `bridge`, `accounts`, `lines`, `operators`, `oidc`, the folders of carriers | the faults of values that do not go together |
//!
//! Nothing below `serve` and `cli` sees the whole [`Config`]; each module is handed its own small options.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

mod accounts;
mod bridge;
mod environment;
mod faults;
mod files;
mod installation;
mod lines;
mod named;
mod near;
mod oidc;
mod operators;
mod read;
pub mod reference;
pub mod secrets_file;
mod sources;

pub use crate::keys::fault::{Fault, Place, Warning};
pub use crate::keys::key::Shown;

pub use crate::vendors::registry::{Vendor, VendorKeys};
pub use accounts::VendorAccount;
pub use bridge::{Alarm, Config, Notes, Operator, Store, StoreUrl};
#[cfg(debug_assertions)]
pub use environment::fail_point;
pub use environment::{OWN_TOKEN, log_filter, own_token, wants_traces};
pub use faults::{DEFAULT_FILE, Faults};
pub use files::text_of;
pub(crate) use installation::installation;
pub use installation::{Installation, accounts};
pub use lines::LineKeys;
pub use oidc::{IdentityProvider, Oidc, Roles};

use crate::keys::book::{At, Book};
use crate::keys::key::Field;
use sources::Sources;

/// Reads the file, its secrets file, the environment and the mapping files.
///
/// `path` is the file that was named; without one, [`DEFAULT_FILE`] is read if it exists. `check_mappings` finds the faults
/// of mapping files (`None` for the shipped ones) with notes in these languages, so that they are reported together with the
/// rest.
///
/// # Errors
/// Every fault.
pub fn load(
    path: Option<&Path>,
    check_mappings: impl FnOnce(Option<&BTreeMap<String, String>>, &[NoteLanguage]) -> Vec<Fault>,
) -> Result<(Config, Vec<Warning>), Faults> {
    load_from(Sources::required(path)?, check_mappings)
}

fn load_from(
    mut sources: Sources,
    check_mappings: impl FnOnce(Option<&BTreeMap<String, String>>, &[NoteLanguage]) -> Vec<Fault>,
) -> Result<(Config, Vec<Warning>), Faults> {
    let parsed = parse(sources.text(), sources.variables.clone(), &sources.base);
    let mut book = sources.book_of_a_few();
    let directory = Config::mappings().read(&At::top(), &mut book).flatten();
    let languages = note_languages(&mut book);
    drop(book);
    let mapping_files = directory.map(|directory| files::read_mappings(&directory)).transpose();
    match &mapping_files {
        Ok(files) => sources.faults.extend(check_mappings(files.as_ref(), &languages)),
        Err(fault) => sources.faults.push(fault.clone()),
    }
    match (parsed, mapping_files) {
        // The token may be in the file that cannot be read, and without one every user of this machine is let in.
        (Ok((config, _)), Ok(_)) if sources.has_unread_secrets() && !config.roster().asks_for_token() => Err(sources
            .refuse(vec![Fault::new(
                "operator_token",
                "is not known, because the secrets file cannot be read",
                "See that TANDEM_OPERATOR_TOKEN is set, or that the file can be read",
            )])),
        (Ok((config, mut warnings)), Ok(mapping_files)) if sources.faults.is_empty() => {
            warnings.append(&mut sources.warnings);
            Ok((Config { mapping_files, ..config }, warnings))
        }
        (Ok(_), _) => Err(sources.refuse(Vec::new())),
        (Err(Faults(faults)), _) => Err(sources.refuse(faults)),
    }
}

/// A language in which notes are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteLanguage {
    /// The key that names it.
    pub key: String,
    /// Its name, such as `en`.
    pub language: String,
}

/// The language of all lines first, then those of single lines.
fn note_languages(book: &mut Book<'_>) -> Vec<NoteLanguage> {
    let of_all = At::top().below("notes");
    let mut languages = vec![(of_all.shown("language"), Notes::language().read(&of_all, book))];
    for at in book.list(reference::LINES) {
        languages.push((at.shown("agent_language"), LineKeys::agent_language().read(&at, book).flatten()));
    }
    languages.into_iter().filter_map(|(key, language)| Some(NoteLanguage { key, language: language? })).collect()
}

/// Reads a configuration from the file's text and from pairs of environment variables, of which only those that start
/// with [`reference::VARIABLE_PREFIX`] matter. Relative paths are taken from `base`. Touches neither files nor environment.
///
/// # Errors
/// Every fault.
pub fn parse(
    file: Option<&str>,
    env: impl IntoIterator<Item = (String, String)>,
    base: &Path,
) -> Result<(Config, Vec<Warning>), Faults> {
    let mut book = Book::new(read::gather(file, env), base);
    match Config::of(&mut book) {
        Some(config) => Ok((config, book.warnings)),
        None => Err(Faults(reference::in_order(book.faults))),
    }
}

/// The few things that a command needs which talks to a running bridge or renders a mapping.
#[derive(Clone, Debug)]
pub struct Glimpse {
    /// The address of webhooks and health.
    pub listen: SocketAddr,
    /// The way to the operator listener.
    pub operator: Operator,
    /// As [`Config::mapping_files`].
    pub mapping_files: Option<BTreeMap<String, String>>,
}

/// Reads only the keys of a [`Glimpse`], and minds no fault elsewhere: an operator at another machine need not hold the
/// credentials of the bridge.
///
/// # Errors
/// The faults of those few keys, or a file that cannot be read or is not TOML.
pub fn glimpse(path: Option<&Path>) -> Result<Glimpse, Faults> {
    let sources = Sources::read(path)?;
    let mut book = sources.book_of_a_few();
    let top = At::top();
    let listen = Config::listen().read(&top, &mut book);
    let operator_listen = Config::operator_listen().read(&top, &mut book);
    let token = Config::operator_token().read(&top, &mut book);
    let mappings = Config::mappings().read(&top, &mut book);
    bridge::operators_have_tokens(&mut book);
    let mut faults = reference::in_order(book.faults);
    let mapping_files = mappings.flatten().map(|directory| files::read_mappings(&directory)).transpose();
    match (listen, operator_listen, token, mapping_files) {
        (Some(listen), Some(operator), Some(token), Ok(mapping_files))
            if faults.is_empty() && sources.faults.is_empty() =>
        {
            Ok(Glimpse { listen, operator: Operator { listen: operator, token }, mapping_files })
        }
        (_, _, _, Err(fault)) => {
            faults.push(fault);
            Err(sources.refuse(faults))
        }
        _ => Err(sources.refuse(faults)),
    }
}

/// The keys about mappings, without the mappings themselves.
#[derive(Clone, Debug)]
pub struct MappingKeys {
    /// As [`Config::mappings`], or [`MAPPINGS_DIRECTORY`] beside the configuration; it may not be there yet.
    pub directory: PathBuf,
    /// Whether the configuration names it.
    pub is_configured: bool,
    /// As [`Notes::language`].
    pub language: String,
    /// Whether a campaign for the closing text is configured.
    pub has_closing_text: bool,
}

/// The directory that commands make for mappings where the configuration names none.
pub const MAPPINGS_DIRECTORY: &str = "mappings";

/// Reads only the keys of [`MappingKeys`], and minds no fault elsewhere.
///
/// # Errors
/// The faults of those keys, or a file that cannot be read or is not TOML.
pub fn mapping_keys(path: Option<&Path>) -> Result<MappingKeys, Faults> {
    let sources = Sources::read(path)?;
    let mut book = sources.book_of_a_few();
    let top = At::top();
    let configured = Config::mappings().read(&top, &mut book);
    let language = Notes::language().read(&top.below("notes"), &mut book);
    // Also a faulty id says that a closing text is wanted.
    let has_closing_text = book.is_given_anywhere("ticket_solved");
    match (configured, language) {
        (Some(configured), Some(language)) if book.faults.is_empty() && sources.faults.is_empty() => Ok(MappingKeys {
            is_configured: configured.is_some(),
            directory: configured.unwrap_or_else(|| sources.base.join(MAPPINGS_DIRECTORY)),
            language,
            has_closing_text,
        }),
        _ => {
            let faults = reference::in_order(book.faults);
            Err(sources.refuse(faults))
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
