//! `tandem reports`: the reports of a carrier that fit no text. Never shows a customer's words.

use std::io::Write;

use clap::Subcommand;

use super::failure::Failure;
use super::lists::{Part, list};
use super::way::Where;

/// `tandem reports …`
#[derive(Debug, Subcommand)]
pub(super) enum Reports {
    /// Lists the reports that fit no text. `what` is `wrote` for a customer's text of which no webhook came: no agent
    /// sees it, unless braze.currents_backfill is set.
    #[command(after_help = "Examples:\n  tandem reports list\n  tandem reports list --json --limit 500")]
    List {
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        bridge: Where,
    },
}

const COLUMNS: [&str; 7] = ["number", "what", "at", "carrier", "external_id", "campaign", "dispatch"];

impl Reports {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::List { part, bridge } => list("reports", &part.parameters(), &COLUMNS, &bridge, output),
        }
    }
}
