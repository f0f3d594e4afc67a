//! `tandem completions` and `tandem man`: makes a package's files from the command line itself.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use super::failure::Failure;

/// Prints a shell's script for completing the commands.
pub(super) fn completions(shell: Shell, mut command: Command, output: &mut impl Write) -> Result<(), Failure> {
    // Made in memory, because the generator cannot report a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "tandem", &mut script);
    output.write_all(&script)?;
    Ok(())
}

/// The arguments of `tandem man`.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write a page for each command into this directory, which must exist, instead of printing the first one.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, command: Command, output: &mut impl Write) -> Result<(), Failure> {
        match self.dir {
            None => Ok(clap_mangen::Man::new(command).render(output)?),
            Some(dir) => write_pages(command, &dir),
        }
    }
}

fn write_pages(command: Command, dir: &Path) -> Result<(), Failure> {
    let pages = clap_mangen::generate_to(command, dir);
    pages.map_err(|error| Failure::Failed(format!("cannot write man pages into {}: {error}", dir.display())))
}
