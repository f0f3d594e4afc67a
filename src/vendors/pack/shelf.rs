//! The packs that an account may name: those inside the binary, and any file of the operator's. Each is proven by the samples
//! beside it before it is used.

use std::path::Path;
use std::sync::Arc;

use super::plan::Plan;
use super::samples::prove;
use crate::keys::fault::Flaw;

/// The packs inside the binary: the name, the file and its samples.
const SHIPPED: [(&str, &str, &str); 3] = [
    ("sinch", include_str!("../../../packs/sinch.toml"), include_str!("../../../packs/sinch.samples.toml")),
    ("twilio", include_str!("../../../packs/twilio.toml"), include_str!("../../../packs/twilio.samples.toml")),
    ("vonage", include_str!("../../../packs/vonage.toml"), include_str!("../../../packs/vonage.samples.toml")),
];

/// The end of the name of a pack's file, and of the file of its samples.
const ENDING: &str = ".toml";
const SAMPLES: &str = "samples.toml";

/// The most bytes of a file that are read.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The names of the shipped packs.
pub fn shipped() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, ..)| *name)
}

/// The pack of this name, or the one in this file below the directory.
pub(super) fn load(name: &str, base: &Path) -> Result<Arc<Plan>, Flaw> {
    if let Some((_, text, samples)) = SHIPPED.iter().find(|(shipped, ..)| *shipped == name) {
        return proven(name, text, Some(samples));
    }
    if !name.ends_with(ENDING) {
        return Err(Flaw::new(format!("is {name:?}, which is no shipped pack and no {ENDING} file"), remedy()));
    }
    let path = base.join(name);
    let beside = path.with_extension(SAMPLES);
    let text = read(name, &path)?;
    let samples = if beside.exists() { Some(read(name, &beside)?) } else { None };
    proven(name, &text, samples.as_deref())
}

fn remedy() -> String {
    let known: Vec<&str> = shipped().collect();
    format!("Name a shipped one ({}), or a file that tandem can read, such as packs/acme.toml", known.join(", "))
}

fn read(name: &str, path: &Path) -> Result<String, Flaw> {
    let flaw = |why: &str| {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Flaw::new(format!("names {name}, but {file} {why}"), remedy())
    };
    let length = std::fs::metadata(path).map_err(|_| flaw("cannot be read"))?.len();
    if length > FILE_BYTES_MAX {
        return Err(flaw("is longer than any pack"));
    }
    std::fs::read_to_string(path).map_err(|_| flaw("cannot be read as text"))
}

fn proven(name: &str, text: &str, samples: Option<&str>) -> Result<Arc<Plan>, Flaw> {
    let mut plan = Arc::new(Plan::parse(name, text)?);
    let Some(samples) = samples else { return Ok(plan) };
    let proofs = prove(&plan, samples).map_err(|faults| {
        // A line each: a first try of a pack differs in many.
        let problem = format!("names a pack that its samples do not prove:\n    {}", faults.join("\n    "));
        Flaw::new(problem, "Mend the pack, or record the sample again; docs/packs.md tells how")
    })?;
    if let Some(plan) = Arc::get_mut(&mut plan) {
        // A file without a sample in it proves nothing.
        plan.has_samples = proofs > 0;
    }
    Ok(plan)
}

#[cfg(test)]
mod tests;
