//! `tandem check`: everything that can be wrong before anything runs.
//!
//! Calls nobody and changes nothing.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use super::{ConfigFile, Failure, Form, print_json};
use crate::config::{self, Fault, Faults};
use crate::mapping::{self, Mappings};

/// Loads the configuration and all mappings, and renders every mapping's sample.
pub(super) fn run(file: &ConfigFile, form: Form, output: &mut impl Write) -> Result<(), Failure> {
    let loaded = config::load(file.config.as_deref(), mapping_faults);
    let (faults, warnings) = match loaded {
        Ok((_, warnings)) => (Vec::new(), warnings),
        Err(Faults(faults)) => (faults, Vec::new()),
    };
    if form.json {
        print_json(output, &json!({ "ok": faults.is_empty(), "faults": faults, "warnings": warnings }))?;
    } else {
        for warning in &warnings {
            writeln!(output, "warning: {warning}")?;
        }
        for fault in &faults {
            writeln!(output, "fault: {fault}")?;
        }
        if faults.is_empty() {
            writeln!(output, "The configuration and all mappings are good.")?;
        }
    }
    match faults.len() {
        0 => Ok(()),
        // Everything has been printed; with --json nobody wants prose beside it.
        _ if form.json => Err(Failure::Configuration(String::new())),
        1 => Err(Failure::Configuration("there is 1 fault".to_owned())),
        many => Err(Failure::Configuration(format!("there are {many} faults"))),
    }
}

/// What is wrong with the mapping files; `None` stands for the shipped mappings.
pub(super) fn mapping_faults(files: Option<&BTreeMap<String, String>>) -> Vec<Fault> {
    let remedy = "Mend the mapping file; `tandem render` shows what it makes of an event";
    let mappings = match load_mappings(files) {
        Ok(mappings) => mappings,
        Err(problem) => return vec![Fault::new("mappings", format!("cannot be used: {problem}"), remedy)],
    };
    let rendered = mapping::Name::ALL.into_iter().map(|name| (name, mappings.render(name, &mapping::sample(name))));
    rendered
        .filter_map(|(name, rendered)| {
            let problem = format!("cannot render its own sample: {}", rendered.err()?);
            Some(Fault::new(format!("mapping {}", name.as_str()), problem, remedy))
        })
        .collect()
}

/// The mappings of these files; `None` stands for the shipped ones.
pub(super) fn load_mappings(files: Option<&BTreeMap<String, String>>) -> Result<Mappings, String> {
    match files {
        Some(files) => Mappings::load(files).map_err(|faults| faults.to_string()),
        None => Ok(Mappings::shipped()),
    }
}
