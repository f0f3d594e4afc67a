//! The faults of mapping files, and the bound on their size. It never finds a fault itself.

use std::fmt;

/// The longest mapping file, in bytes, to bound the work of parsing and checking at every start. The shipped ones have
/// less than two thousand.
pub(super) const MAX_FILE_BYTES: usize = 16 * 1024;

/// A fault in a mapping file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file's name.
    pub file: String,
    /// Its line, counted from 1, where one is at fault.
    pub line: Option<usize>,
    /// The key, for example `body.ticket.subject`, where one is at fault.
    pub key: Option<String>,
    /// The fault and its remedy, in words.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// All faults of a set of mapping files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The line of a byte offset, counted from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
