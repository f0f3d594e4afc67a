//! `tandem setup`: installs tandem at Zendesk, and prints everything that a person has to type into Braze.
//!
//! It never decides: the vendors' `setup` compares and words, their clients call, and this module prints.

use std::io::Write;

use clap::Subcommand;

use super::failure::Failure;

mod braze;
mod page;
mod wait;
mod zendesk;

/// The arguments.
#[derive(Debug, Subcommand)]
pub(super) enum Setup {
    /// Installs at Zendesk a webhook, three triggers in a category of their own, and the user field. It puts right
    /// those that differ and leaves the others alone, so running it again changes nothing.
    #[command(after_help = "Examples:\n  tandem setup zendesk --dry-run\n  tandem setup zendesk\n  \
        tandem setup zendesk --remove --dry-run\n\n\
        It needs public_url, zendesk.url, zendesk.client_id and zendesk.client_secret, and nothing else of the\n\
        configuration. The OAuth client's user must be an administrator.")]
    Zendesk(zendesk::Arguments),
    /// Prints everything to type into Braze, where a program cannot make campaigns: the common part once, then the
    /// differences. Changes nothing; with --wait, watches the running bridge until a text comes in.
    #[command(after_help = "Examples:\n  tandem setup braze --group 6c1d…\n  \
        tandem setup braze --group 6c1d… --category SUPPORT --category ORDERS\n  \
        tandem setup braze --group 6c1d… --html braze.html\n  \
        tandem setup braze --wait --timeout 10m")]
    Braze(braze::Braze),
}

impl Setup {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Zendesk(arguments) => zendesk::run(&arguments, output),
            Self::Braze(arguments) => arguments.run(output),
        }
    }
}
