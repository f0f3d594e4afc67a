//! `tandem check`: finds every fault of configuration and mappings before a bridge runs.
//!
//! It changes nothing, and calls no vendor unless `--live` asks it to ([`super::live`]).

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use super::failure::{Failure, runtime};
use super::live;
use super::options::{ConfigFile, Form};
use super::streams::print_json;
use super::way::Way;
use crate::config::{self, Fault, Faults, NoteLanguage, Place};
use crate::mapping::{self, Mappings};

/// Loads the configuration and all mappings, and renders every mapping's sample. With `live`, asks the vendors as well
/// when the configuration is good.
pub(super) fn run(
    file: &ConfigFile,
    live: bool,
    way: &Way,
    form: Form,
    output: &mut impl Write,
) -> Result<(), Failure> {
    if way.is_given() && !live {
        return Err(Failure::Usage(
            "--url and --token lead to the running bridge, which only --live looks at".to_owned(),
        ));
    }
    let (config, warnings) = match config::load(file.config.as_deref(), mapping_faults) {
        Ok(loaded) => loaded,
        Err(faults) => return tell_faults(&faults, form, output),
    };
    let mut lines = Vec::new();
    if live {
        lines = runtime()?.block_on(live::look(&config))?;
        // Last, so that Zendesk's test of the webhook is counted.
        lines.extend(live::look_at_bridge(&config, way)?);
    }
    let wrong = lines.iter().filter(|finding| finding.is_wrong()).count();
    if form.json {
        let mut report = json!({ "ok": wrong == 0, "faults": [], "warnings": warnings });
        if live {
            report["live"] = json!(lines);
        }
        print_json(output, &report)?;
    } else {
        for warning in &warnings {
            writeln!(output, "warning: {warning}")?;
        }
        writeln!(output, "The configuration and all mappings are good.")?;
        if live {
            live::print(output, &lines, &config)?;
        }
    }
    match wrong {
        0 => Ok(()),
        _ if form.json => Err(Failure::Failed(String::new())),
        1 => Err(Failure::Failed("1 thing is wrong".to_owned())),
        many => Err(Failure::Failed(format!("{many} things are wrong"))),
    }
}

fn tell_faults(all: &Faults, form: Form, output: &mut impl Write) -> Result<(), Failure> {
    let Faults(faults) = all;
    if form.json {
        print_json(output, &json!({ "ok": false, "faults": faults, "warnings": [] }))?;
        // With --json, the JSON says everything.
        return Err(Failure::Configuration(String::new()));
    }
    if all.is_no_file() {
        return Err(Failure::Configuration(all.to_string()));
    }
    for fault in faults {
        writeln!(output, "fault: {fault}")?;
    }
    match faults.len() {
        1 => Err(Failure::Configuration("there is 1 fault".to_owned())),
        many => Err(Failure::Configuration(format!("there are {many} faults"))),
    }
}

/// The faults of the mapping files, where notes are in these languages; `None` stands for the shipped mappings.
pub(super) fn mapping_faults(files: Option<&BTreeMap<String, String>>, languages: &[NoteLanguage]) -> Vec<Fault> {
    let shipped = match load_mappings(files) {
        Ok(mappings) => mappings,
        Err(mapping::Faults(faults)) => return faults.into_iter().map(as_fault).collect(),
    };
    let mut faults = Vec::new();
    let mut mappings = shipped.clone();
    // The language of all lines stands first, and its notes are those of the samples.
    for NoteLanguage { key, language } in languages.iter().rev() {
        match shipped.clone().in_language(language) {
            Ok(in_language) => mappings = in_language,
            Err(error) => {
                let remedy = "Name one of those, or put a file of that name into the directory of mappings: tandem mappings show notes";
                faults.push(Fault::new(key, error.to_string(), remedy));
            }
        }
    }
    if !faults.is_empty() {
        faults.reverse();
        return faults;
    }
    mapping::Name::ALL
        .into_iter()
        .filter_map(|name| match mappings.sample(name) {
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

const WORDS_REMEDY: &str = "Mend the words; `tandem render notes` shows what they say";

fn as_fault(fault: mapping::Fault) -> Fault {
    let place = fault.line.map_or(Place::Nowhere, Place::Line);
    let remedy = if mapping::language_of(&fault.file).is_some() { WORDS_REMEDY } else { REMEDY };
    let key = match fault.key {
        Some(key) => format!("{}: {key}", fault.file),
        None => fault.file,
    };
    Fault::new(key, format!("cannot be used: {}", fault.what), remedy).at(place)
}
