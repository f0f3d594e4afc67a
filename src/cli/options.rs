//! The options that several commands share: the configuration file, the form of the output, and the acting operator.
//! They never decide anything.

use std::path::PathBuf;

use clap::Args;

use crate::domain::operator::handle;

/// The configuration file to read.
#[derive(Debug, Args)]
pub(super) struct ConfigFile {
    /// The configuration file. Without it, tandem.toml in the working directory is read if it exists. Environment
    /// variables that start with TANDEM_ override single keys.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Form {
    /// Print JSON instead of text for people.
    #[arg(long)]
    pub(super) json: bool,
}

/// The acting operator.
#[derive(Debug, Args)]
pub(super) struct By {
    /// Who you are, for the audit: a handle of letters, digits, dots, hyphens and underscores. It is not verified.
    #[arg(long, value_name = "NAME", value_parser = read_handle)]
    by: Option<String>,
}

fn read_handle(name: &str) -> Result<String, &'static str> {
    handle(name)
        .ok_or("a handle has letters, digits, dots, hyphens and underscores, 64 at most, such as ada or on-call")
}

impl By {
    pub(super) fn name(self) -> Option<String> {
        self.by
    }
}
