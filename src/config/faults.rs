//! All faults of a configuration in one. Never looks for one itself.

use crate::keys::fault::Fault;

/// The file that is read when none is named, in the working directory, if it exists.
pub const DEFAULT_FILE: &str = "tandem.toml";

/// Everything that is wrong; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", told(.0))]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// No configuration at all: neither [`DEFAULT_FILE`] in the working directory nor variables in its place.
    pub(super) fn no_file() -> Self {
        let remedy = "Run `tandem init`, or name one with --config FILE";
        Self(vec![Fault::new(DEFAULT_FILE, "is not here", remedy)])
    }

    /// Whether there is no configuration, which says it all.
    #[must_use]
    pub fn is_no_file(&self) -> bool {
        *self == Self::no_file()
    }
}

fn told(faults: &[Fault]) -> String {
    if faults == Faults::no_file().0 {
        return format!("there is no {DEFAULT_FILE} here: run `tandem init`, or name one with --config FILE");
    }
    let lines: Vec<String> = faults.iter().map(|fault| format!("  - {fault}")).collect();
    let plural = if faults.len() == 1 { "" } else { "s" };
    format!("the configuration has {} fault{plural}:\n{}", faults.len(), lines.join("\n"))
}
