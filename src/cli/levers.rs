//! `tandem destinations` and `tandem audit`: what the operator holds, and who did what.

use std::io::Write;

use clap::{Subcommand, ValueEnum};
use http::Method;

use super::operate::{By, Part, Where, list, plain};
use super::{Failure, print_json};

/// `tandem destinations …`
#[derive(Debug, Subcommand)]
pub(super) enum Destinations {
    /// Lists the two vendors: whether you have paused them, and whether they refuse the bridge.
    #[command(after_help = "Example:\n  tandem destinations list")]
    List {
        #[command(flatten)]
        bridge: Where,
    },
    /// Calls a vendor no more until it is resumed, also after a restart. Webhooks are taken and kept; nothing is lost
    /// and no attempt is counted. What is being called at this moment is finished.
    #[command(after_help = "Example:\n  tandem destinations pause braze --by ada")]
    Pause {
        /// Which vendor.
        name: Name,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        bridge: Where,
    },
    /// Calls a vendor again. A vendor that refuses the bridge (401, 403) is not made to let it in.
    #[command(after_help = "Example:\n  tandem destinations resume braze --by ada")]
    Resume {
        /// Which vendor.
        name: Name,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        bridge: Where,
    },
}

/// A vendor.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Name {
    /// From the phone to the ticket.
    Zendesk,
    /// From the ticket to the phone.
    Braze,
}

const COLUMNS: [&str; 5] = ["destination", "paused", "since", "by", "refused"];

impl Destinations {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::List { bridge } => list("destinations", &[], &COLUMNS, &bridge, output),
            Self::Pause { name, by, bridge } => set_paused(name, "pause", by, &bridge, output),
            Self::Resume { name, by, bridge } => set_paused(name, "resume", by, &bridge, output),
        }
    }
}

fn set_paused(name: Name, action: &str, by: By, bridge: &Where, output: &mut impl Write) -> Result<(), Failure> {
    let word = match name {
        Name::Zendesk => "zendesk",
        Name::Braze => "braze",
    };
    let found = bridge.find()?.named(by)?;
    let standing = found.ask(Method::POST, &["destinations", word, action], &[], None)?;
    if bridge.form.json {
        return print_json(output, &standing);
    }
    if standing["paused"] == true {
        writeln!(output, "{word} is paused since {}", plain(&standing["since"]))?;
    } else {
        writeln!(output, "{word} is not paused")?;
    }
    if !standing["refused"].is_null() {
        writeln!(output, "it refuses the bridge, which is another matter: {}", plain(&standing["refused"]))?;
    }
    Ok(())
}

const ORDER_COLUMNS: [&str; 11] =
    ["number", "at", "access", "by", "action", "count", "first", "last", "destination", "conversation", "event"];

/// `tandem audit`
pub(super) fn audit(part: Part, bridge: &Where, output: &mut impl Write) -> Result<(), Failure> {
    list("audit", &part.parameters(), &ORDER_COLUMNS, bridge, output)
}
