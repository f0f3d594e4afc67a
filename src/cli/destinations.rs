//! `tandem destinations` and `tandem audit`: the pauses of accounts, and the actions of operators.

use std::io::Write;

use clap::Subcommand;
use http::Method;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::failure::Failure;
use super::lists::{Part, list, print_end};
use super::options::By;
use super::streams::{items, plain, print_json};
use super::way::Where;
use super::{table, times};
use crate::clock::Clock;
use crate::domain::account::AccountId;

/// `tandem destinations …`
#[derive(Debug, Subcommand)]
pub(super) enum Destinations {
    /// Lists the accounts: whether you have paused them, and whether they refuse the bridge.
    #[command(after_help = "Example:\n  tandem destinations list")]
    List {
        #[command(flatten)]
        bridge: Where,
    },
    /// Calls an account no more until the pause ends or the account is resumed, also after a restart. Webhooks are taken
    /// and kept; nothing is lost and no attempt is counted. Calls under way at this moment are finished.
    #[command(
        after_help = "Examples:\n  tandem destinations pause braze --reason \"the campaign is being changed\" --until 17:30\n  \
        tandem destinations pause zendesk --reason maintenance --until 2h --by ada\n\n\
        On an account that is paused, the command changes reason and end."
    )]
    Pause {
        /// Which account: zendesk, braze, or the NAME of an [accounts.NAME].
        name: AccountId,
        /// Why, in up to 200 characters: every operator sees it while the pause lasts.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// When the pause ends by itself: an hour of the day here (17:30), a length (2h, 30m) or a time
        /// (2026-11-29T17:30 here, 2026-11-29T17:30Z). Without it, the pause lasts until the account is resumed.
        #[arg(long, value_name = "T", value_parser = read_until)]
        until: Option<Timestamp>,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        bridge: Where,
    },
    /// Calls an account again. A vendor that refuses the bridge (401, 403) is not made to let it in.
    #[command(after_help = "Example:\n  tandem destinations resume braze --by ada")]
    Resume {
        /// Which account.
        name: AccountId,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        bridge: Where,
    },
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
    times::ahead(words, &Clock::system().now().to_zoned(TimeZone::system()))
}

fn set_paused(
    name: AccountId,
    action: &str,
    body: Option<&Value>,
    by: By,
    bridge: &Where,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let word = name.name();
    let found = bridge.find()?.named(by)?;
    let standing = found.ask(Method::POST, &["destinations", word, action], &[], body)?;
    if bridge.form.json {
        return print_json(output, &standing);
    }
    if standing["paused"] == true {
        let zone = bridge.zone();
        let until = &standing["until"];
        let until = if until.is_null() { "it is resumed".to_owned() } else { table::cell(until, &zone) };
        writeln!(output, "{word} is paused since {}, until {until}", table::cell(&standing["since"], &zone))?;
    } else {
        writeln!(output, "{word} is not paused")?;
    }
    if !standing["refused"].is_null() {
        writeln!(output, "it refuses the bridge, which is another matter: {}", plain(&standing["refused"]))?;
    }
    Ok(())
}

/// The fields of an entry with a column of their own. One column tells the rest, which differs by action.
const ORDER_COLUMNS: [&str; 6] = ["number", "at", "access", "by", "action", "about"];

/// `tandem audit`
pub(super) fn audit(part: Part, bridge: &Where, output: &mut impl Write) -> Result<(), Failure> {
    let parameters = part.parameters();
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = bridge.find()?.ask(Method::GET, &["audit"], &parameters, None)?;
    if bridge.form.json {
        return print_json(output, &page);
    }
    let zone = bridge.zone();
    let entries: Vec<Value> = items(&page).iter().map(|entry| in_short(entry, &zone)).collect();
    table::print(output, &ORDER_COLUMNS, &entries, &zone)?;
    print_end(&page, output)
}

/// An entry of the audit, with its operator and its subject in a few words each.
fn in_short(entry: &Value, zone: &TimeZone) -> Value {
    let mut short = entry.clone();
    if let (Some(by), false) = (entry["by"].as_str(), entry["proven"] == true) {
        short["by"] = format!("{by} (unproven)").into();
    }
    let mut about = Vec::new();
    let text = |field: &str| entry[field].as_str().map(table::printable);
    about.extend(text("destination"));
    about.extend(entry["until"].as_str().map(|_| format!("until {}", table::cell(&entry["until"], zone))));
    about.extend(entry["count"].as_u64().map(|count| count.to_string()));
    about.extend(text("first"));
    about.extend(
        text("last").filter(|last| Some(last.as_str()) != entry["first"].as_str()).map(|last| format!("to {last}")),
    );
    about.extend(text("conversation"));
    about.extend(text("event"));
    short["about"] = Some(about.join(" ")).filter(|about| !about.is_empty()).into();
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_told_in_six_columns() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let cell = |entry: Value| {
            let short = in_short(&entry, &zone);
            ["by", "about"].map(|column| table::cell(&short[column], &zone))
        };
        for (entry, by, about) in [
            (json!({ "by": "ada", "proven": true, "first": "evt_1", "last": "evt_1", "count": 1 }), "ada", "1 evt_1"),
            (json!({ "by": "ada", "proven": false, "event": "evt_1" }), "ada (unproven)", "evt_1"),
            (json!({ "by": null, "first": "evt_1", "last": "evt_9", "count": 7 }), "-", "7 evt_1 to evt_9"),
            (
                json!({ "by": null, "destination": "braze", "until": "2026-11-29T08:15:27.5Z" }),
                "-",
                "braze until 2026-11-29 09:15:27+01:00",
            ),
            (json!({ "by": null, "count": 0, "conversation": "sha256:ab" }), "-", "0 sha256:ab"),
            (json!({ "by": null }), "-", "-"),
        ] {
            assert_eq!(cell(entry.clone()), [by, about], "{entry}");
        }
    }
}
