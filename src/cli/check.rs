//! `tandem check`: everything that can be wrong before anything runs.
//!
//! Calls nobody and changes nothing.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use super::{ConfigFile, Failure, Form, print_json};
use crate::config::{self, Fault, Faults, Place};
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
    let mappings = match load_mappings(files) {
        Ok(mappings) => mappings,
        Err(mapping::Faults(faults)) => return faults.into_iter().map(as_fault).collect(),
    };
    mapping::Name::ALL
        .into_iter()
        .filter_map(|name| match mapping::sample(name) {
            Ok(sample) => {
                let problem = format!("cannot render its own sample: {}", mappings.render(name, &sample).err()?);
                Some(Fault::new(format!("mapping {}", name.as_str()), problem, REMEDY))
            }
            Err(fault) => Some(as_fault(fault)),
        })
        .collect()
}

/// The mappings of these files; `None` stands for the shipped ones.
pub(super) fn load_mappings(files: Option<&BTreeMap<String, String>>) -> Result<Mappings, mapping::Faults> {
    files.map_or_else(Mappings::shipped, Mappings::load)
}

const REMEDY: &str = "Mend the mapping; `tandem render` shows what it makes of an event";

fn as_fault(fault: mapping::Fault) -> Fault {
    let place = fault.line.map_or(Place::Nowhere, Place::Line);
    let key = match fault.key {
        Some(key) => format!("{}: {key}", fault.file),
        None => fault.file,
    };
    Fault::new(key, format!("cannot be used: {}", fault.what), REMEDY).at(place)
}
