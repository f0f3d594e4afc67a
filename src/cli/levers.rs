//! `tandem destinations` and `tandem audit`: what the operator holds, and who did what.

use std::io::Write;

use clap::{Subcommand, ValueEnum};
use http::Method;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::operate::{By, Part, Where, list, plain};
use super::{Failure, print_json, table, until};
use crate::clock::Clock;

/// `tandem destinations …`
#[derive(Debug, Subcommand)]
pub(super) enum Destinations {
    /// Lists the two vendors: whether you have paused them, and whether they refuse the bridge.
    #[command(after_help = "Example:\n  tandem destinations list")]
    List {
        #[command(flatten)]
        bridge: Where,
    },
    /// Calls a vendor no more until the pause ends or the vendor is resumed, also after a restart. Webhooks are taken and
    /// kept; nothing is lost and no attempt is counted. What is being called at this moment is finished.
    #[command(
        after_help = "Examples:\n  tandem destinations pause braze --reason \"the campaign is being changed\" --until 17:30\n  \
        tandem destinations pause zendesk --reason maintenance --until 2h --by ada\n\n\
        On a vendor that is paused, the command changes reason and end."
    )]
    Pause {
        /// Which vendor.
        name: Name,
        /// Why, in up to 200 characters: every operator sees it while the pause lasts.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// When the pause ends by itself: a time (2026-11-29T17:30:00Z), an hour of the day here (17:30) or a length (2h,
        /// 30m). Without it, the pause lasts until the vendor is resumed.
        #[arg(long, value_name = "T", value_parser = read_until)]
        until: Option<Timestamp>,
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

const COLUMNS: [&str; 7] = ["destination", "paused", "since", "until", "by", "reason", "refused"];

impl Destinations {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::List { bridge } => list("destinations", &[], &COLUMNS, &bridge, output),
            Self::Pause { name, reason, until, by, bridge } => {
                let body = json!({ "reason": reason, "until": until });
                set_paused(name, "pause", Some(&body), by, &bridge, output)
            }
            Self::Resume { name, by, bridge } => set_paused(name, "resume", None, by, &bridge, output),
        }
    }
}

/// The end of a pause, in the time zone of this machine where the words name none.
fn read_until(words: &str) -> Result<Timestamp, String> {
    until::read(words, &Clock::system().now().to_zoned(TimeZone::system()))
}

fn set_paused(
    name: Name,
    action: &str,
    body: Option<&Value>,
    by: By,
    bridge: &Where,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let word = match name {
        Name::Zendesk => "zendesk",
        Name::Braze => "braze",
    };
    let found = bridge.find()?.named(by)?;
    let standing = found.ask(Method::POST, &["destinations", word, action], &[], body)?;
    if bridge.form.json {
        return print_json(output, &standing);
    }
    if standing["paused"] == true {
        let until = standing["until"].as_str().map_or("it is resumed".to_owned(), table::printable);
        writeln!(output, "{word} is paused since {}, until {until}", plain(&standing["since"]))?;
    } else {
        writeln!(output, "{word} is not paused")?;
    }
    if !standing["refused"].is_null() {
        writeln!(output, "it refuses the bridge, which is another matter: {}", plain(&standing["refused"]))?;
    }
    Ok(())
}

const ORDER_COLUMNS: [&str; 13] = [
    "number",
    "at",
    "access",
    "by",
    "proven",
    "action",
    "count",
    "first",
    "last",
    "destination",
    "until",
    "conversation",
    "event",
];

/// `tandem audit`
pub(super) fn audit(part: Part, bridge: &Where, output: &mut impl Write) -> Result<(), Failure> {
    list("audit", &part.parameters(), &ORDER_COLUMNS, bridge, output)
}
