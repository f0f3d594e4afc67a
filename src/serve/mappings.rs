//! Compiles the mappings that a configuration names, and shows them on the console. [`crate::mapping`] knows their
//! content.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::http::ShownMappings;
use crate::mapping::{Fault, Faults, Mappings};

/// Compiles the mappings, with the words of the configured language.
pub(super) fn load(config: &Config) -> Result<Mappings, Faults> {
    let mappings = match &config.mapping_files {
        Some(files) => Mappings::load(files)?,
        None => Mappings::shipped()?,
    };
    mappings.in_language(&config.notes.language).map_err(|error| {
        Faults(vec![Fault { file: "notes.language".to_owned(), line: None, key: None, what: error.to_string() }])
    })
}

/// The mappings as the console shows them.
pub(super) fn shown(config: &Config, mappings: &Mappings) -> ShownMappings {
    ShownMappings { mappings: mappings.clone(), files: config.mapping_files.clone().unwrap_or_default() }
}

/// The files that only one of the two has, or whose text differs.
pub(super) fn changed(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names.into_iter().filter(|name| old.get(*name) != new.get(*name)).cloned().collect()
}
