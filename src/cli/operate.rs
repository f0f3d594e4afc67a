//! The commands that talk to a running bridge: `deliveries`, `conversations` and `healthcheck`; [`super::find`] and
//! [`super::tail`] are others.
//!
//! They are thin callers of the operator API ([`crate::http`]), and never repeat a rule about deliveries.

use std::io::Write;

use clap::{ArgGroup, Subcommand};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::answers;
use super::bulk::Bulk;
use super::client::{Bridge, Token};
use super::failure::Failure;
use super::lists::{Part, Which, list, one_of};
use super::options::{By, ConfigFile, Form};
use super::streams::{plain, print_json};
use super::tail;
use super::way::{Where, reachable};
use crate::config;
use crate::domain::delivery::StateName;

/// `tandem deliveries …`
#[derive(Debug, Subcommand)]
pub(super) enum Deliveries {
    /// Lists deliveries, oldest first.
    #[command(after_help = "Examples:\n  tandem deliveries list --state dead --json\n  \
        tandem deliveries list --since 1h --reverse\n  tandem deliveries list --phone 33 --reverse --limit 5")]
    List {
        #[command(flatten)]
        which: Which,
        /// From the newest to the oldest.
        #[arg(long)]
        reverse: bool,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        bridge: Where,
    },
    /// Follows deliveries until Ctrl-C: a line for each new one, and another each time its state has changed. It goes
    /// on when the bridge is started again.
    #[command(after_help = "Examples:\n  tandem deliveries tail\n  tandem deliveries tail --phone 33\n  \
        tandem deliveries tail --state dead --json\n\nThe newest 500 are watched.")]
    Tail {
        #[command(flatten)]
        which: Which,
        /// Begin with this many existing ones.
        #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=500))]
        lines: u16,
        #[command(flatten)]
        bridge: Where,
    },
    /// Shows one delivery with its event, which holds the customer's or the agent's words.
    #[command(after_help = "Examples:\n  tandem deliveries show evt_5f3a09c100000000002a0000\n  \
        tandem deliveries show evt_5f3a09c100000000002a0000 --answers --by ada")]
    Show {
        /// The delivery's id, as the list shows it.
        id: String,
        /// Shows the vendor's answers to its failed attempts instead, which may repeat texts. The audit notes who was
        /// shown them.
        #[arg(long)]
        answers: bool,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        bridge: Where,
    },
    /// Settles unconfirmed deliveries that did arrive: nothing is sent again, and the agent is told. Of a long reply,
    /// the part in doubt arrived (`show`: `parts_sent` of its `parts` are surely out, the next is in doubt); the rest
    /// is sent.
    #[command(after_help = "Examples:\n  tandem deliveries settle evt_5f3a09c100000000002a0000 --by ada\n  \
        tandem deliveries settle evt_5f3a09c100000000002a0000 --parts 3 --by ada")]
    Settle {
        /// The deliveries' ids.
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        /// How many parts of a long reply are on the phone in all, where that is not just the one in doubt.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        parts: Option<u32>,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        bridge: Where,
    },
    /// Puts deliveries back that are dead, unconfirmed or waiting, so that they are tried at once; reads quarantined
    /// bodies again.
    #[command(
        group = ArgGroup::new("which").required(true).multiple(false),
        after_help = "Examples:\n  tandem deliveries redrive evt_5f3a09c100000000002a0000\n  \
            tandem deliveries redrive --dead --by ada\n  \
            tandem deliveries redrive --state quarantined\n\n\
            Each lane keeps its order. What cannot be put back is counted with its reason, and ends in exit code 1."
    )]
    Redrive {
        /// The deliveries' ids.
        #[arg(value_name = "ID", group = "which")]
        ids: Vec<String>,
        /// All dead deliveries.
        #[arg(long, group = "which")]
        dead: bool,
        /// All that are in this state.
        #[arg(long, value_name = "S", group = "which", value_parser = one_of(&StateName::REDRIVEN))]
        state: Option<StateName>,
        /// Of all, only this conversation's.
        #[arg(long, value_name = "KEY", conflicts_with = "ids")]
        conversation: Option<String>,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        bridge: Where,
    },
    /// Drops deliveries for good: they end as skipped, with your reason.
    #[command(
        group = ArgGroup::new("which").required(true).multiple(false),
        after_help = "Examples:\n  \
            tandem deliveries discard evt_5f3a09c100000000002a0000 --reason \"answered by phone\"\n  \
            tandem deliveries discard --state dead --conversation customer-42 --reason \"a test\""
    )]
    Discard {
        /// The deliveries' ids.
        #[arg(value_name = "ID", group = "which")]
        ids: Vec<String>,
        /// All that are in this state.
        #[arg(long, value_name = "S", group = "which", value_parser = one_of(&StateName::DISCARDED))]
        state: Option<StateName>,
        /// Of all, only this conversation's.
        #[arg(long, value_name = "KEY", conflicts_with = "ids")]
        conversation: Option<String>,
        /// Why; kept with the delivery.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        bridge: Where,
    },
}

/// `tandem conversations …`
#[derive(Debug, Subcommand)]
pub(super) enum Conversations {
    /// Lists conversations in the order of their keys; those of a number or a ticket from the newest on.
    #[command(after_help = "Examples:\n  tandem conversations list --json --limit 500\n  \
        tandem conversations list --phone 33\n  tandem conversations list --reverse")]
    List {
        /// Only those whose number ends with these digits, two or more; or a whole number, in any form.
        #[arg(long, value_name = "DIGITS", conflicts_with = "ticket")]
        phone: Option<String>,
        /// Only the one that this ticket belongs to.
        #[arg(long, value_name = "N")]
        ticket: Option<String>,
        /// From the one with the newest delivery to the one with the oldest.
        #[arg(long)]
        reverse: bool,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        bridge: Where,
    },
    /// Shows one conversation with the customer's particulars.
    #[command(after_help = "Example:\n  tandem conversations show customer-42")]
    Show {
        /// The conversation's key, as the list shows it.
        key: String,
        #[command(flatten)]
        bridge: Where,
    },
    /// Erases a customer from the bridge's store: texts, names, numbers, on every line; waiting texts are not sent.
    #[command(after_help = "Example:\n  tandem conversations forget customer-42 --by ada\n\n\
        Erase the customer at Zendesk and at the carrier first: what they still know comes back with the customer's next text \
        and with the next change of their ticket.")]
    Forget {
        /// The conversation's key, as the list shows it.
        key: String,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        bridge: Where,
    },
}

const DELIVERY_COLUMNS: [&str; 9] =
    ["id", "state", "kind", "conversation", "line_name", "destination", "attempts", "accepted_at", "cause"];
const CONVERSATION_COLUMNS: [&str; 8] =
    ["key", "phone_end", "line_name", "desk", "ticket_id", "ticket_state", "subscription", "updated_at"];

impl Deliveries {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::List { which, reverse, part, bridge } => {
                let mut parameters = part.parameters();
                parameters.extend(which.parameters()?);
                parameters.extend(reverse.then(|| ("newest", "true".to_owned())));
                list("deliveries", &parameters, &DELIVERY_COLUMNS, &bridge, output)
            }
            Self::Tail { which, lines, bridge } => tail::run(&which, usize::from(lines), &bridge, output),
            Self::Show { id, answers: false, bridge, .. } => show(&["deliveries", &id], &[], &bridge, output),
            Self::Show { id, answers: true, by, bridge } => {
                let found = bridge.find()?.named(by)?;
                let answers = found.ask(Method::POST, &["deliveries", &id, "answers"], &[], None)?;
                answers::show(&answers, bridge.form, &bridge.zone(), output)
            }
            Self::Settle { ids, parts, by, bridge } => {
                let body = parts.map(|parts| json!({ "parts": parts }));
                each(&ids, "settle", body.as_ref(), &bridge.find()?.named(by)?, bridge.form, output)
            }
            Self::Redrive { ids, dead, state, conversation, by, bridge } => {
                let found = bridge.find()?.named(by)?;
                let all = if dead { Some(StateName::Dead) } else { state };
                let Some(state) = all else { return each(&ids, "redrive", None, &found, bridge.form, output) };
                let (action, participle, conversation) = ("redrive", "put back", conversation.as_deref());
                Bulk { action, participle, state, conversation, body: None }.run(&found, bridge.form, output)
            }
            Self::Discard { ids, state, conversation, reason, by, bridge } => {
                let found = bridge.find()?.named(by)?;
                let body = Some(json!({ "reason": reason }));
                let Some(state) = state else {
                    return each(&ids, "discard", body.as_ref(), &found, bridge.form, output);
                };
                let (action, participle, conversation) = ("discard", "dropped", conversation.as_deref());
                Bulk { action, participle, state, conversation, body }.run(&found, bridge.form, output)
            }
        }
    }
}

impl Conversations {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::List { phone, ticket, reverse, part, bridge } => {
                let mut parameters = part.parameters();
                parameters.extend(phone.map(|digits| ("phone", digits)));
                parameters.extend(ticket.map(|number| ("ticket", number)));
                parameters.extend(reverse.then(|| ("newest", "true".to_owned())));
                list("conversations", &parameters, &CONVERSATION_COLUMNS, &bridge, output)
            }
            Self::Show { key, bridge } => show(&["conversation"], &[("key", &key)], &bridge, output),
            Self::Forget { key, by, bridge } => forget(&key, by, &bridge, output),
        }
    }
}

/// `tandem healthcheck`
pub(super) fn healthcheck(url: Option<String>, file: &ConfigFile, output: &mut impl Write) -> Result<(), Failure> {
    let url = match url {
        Some(url) => url,
        None => format!("http://{}/readyz", reachable(config::glimpse(file.config.as_deref())?.listen)),
    };
    let mut bridge = Bridge::at(&url, Token::None)?;
    if bridge.url.path() == "/" {
        bridge.url.set_path("/readyz");
    }
    let answer = bridge.get()?;
    if answer.status == StatusCode::OK {
        writeln!(output, "ready")?;
        return Ok(());
    }
    let reasons: Vec<String> = answer.body["reasons"].as_array().into_iter().flatten().map(plain).collect();
    let status = answer.status.as_u16();
    Err(Failure::Failed(format!("not ready: answer {status} {}", reasons.join("; ")).trim_end().to_owned()))
}

fn show(path: &[&str], parameters: &[(&str, &str)], bridge: &Where, output: &mut impl Write) -> Result<(), Failure> {
    // The object is a tree, so both forms are JSON.
    let shown = bridge.find()?.ask(Method::GET, path, parameters, None)?;
    print_json(output, &shown)
}

/// Moves deliveries one after the other. It goes on after a refusal, so that one delivery does not keep back the
/// rest.
fn each(
    ids: &[String],
    action: &str,
    body: Option<&Value>,
    bridge: &Bridge,
    form: Form,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let (mut moved, mut refused) = (Vec::new(), Vec::new());
    for id in ids {
        match bridge.ask(Method::POST, &["deliveries", id, action], &[], body) {
            Ok(delivery) => moved.push(delivery),
            // The bridge names the delivery where the delivery is the cause.
            Err(Failure::Failed(problem)) if problem.contains(id.as_str()) => refused.push(problem),
            Err(Failure::Failed(problem)) => refused.push(format!("{id}: {problem}")),
            Err(other) => return Err(other),
        }
    }
    print_moves(&moved, form, output)?;
    if refused.is_empty() { Ok(()) } else { Err(Failure::Failed(refused.join("\n"))) }
}

fn forget(key: &str, by: By, bridge: &Where, output: &mut impl Write) -> Result<(), Failure> {
    let found = bridge.find()?.named(by)?;
    let forgotten = found.ask(Method::POST, &["conversation", "forget"], &[("key", key)], None)?;
    let count = |name: &str| forgotten[name].as_u64().unwrap_or_default();
    if bridge.form.json {
        print_json(output, &forgotten)?;
    } else {
        for (name, what) in FORGOTTEN {
            writeln!(output, "{:>7}  {what}", count(name))?;
        }
        writeln!(output, "{NOT_REACHED}")?;
    }
    match count("in_hand") {
        0 => Ok(()),
        left => Err(Failure::Failed(format!("{left} deliveries are being called right now and were left: ask again"))),
    }
}

/// The counts of a customer's erasure, in the order of printing.
const FORGOTTEN: [(&str, &str); 6] = [
    ("conversations", "conversations erased, on every line"),
    ("names", "names and tickets that led to them erased"),
    ("settled", "deliveries that were over erased, with their texts"),
    ("waiting", "deliveries that still waited dropped; they will not be sent"),
    ("unreadable", "unreadable bodies that named the customer erased"),
    ("unattributed", "unreadable bodies left: nobody can tell whose (tandem deliveries list --state quarantined)"),
];

/// The places that the erasure does not reach.
const NOT_REACHED: &str = "
What this does not reach:
  - what stands at Zendesk and at the carrier: erase it there. What they still know comes back with the customer's
    next text, or with the next change of a ticket that stays tagged sms
  - backups and other copies of the store
  - the freed space in the store's own files, until they have been written anew: that has begun, and the bridge's
    log says when it is done (store.compacted) or could not be
The log never held any of it; the audit keeps a digest of the key, and dedupe keys are digests.";

fn print_moves(moved: &[Value], form: Form, output: &mut impl Write) -> Result<(), Failure> {
    if form.json {
        return print_json(output, &json!({ "items": moved, "total": moved.len(), "next": null }));
    }
    for delivery in moved {
        let out = delivery["parts_sent"].as_u64().filter(|out| *out > 0 && delivery["state"] == "pending");
        let goes_on = out.map(|out| format!("; {out} of its parts out, and the rest is sent")).unwrap_or_default();
        writeln!(output, "{} is {}{goes_on}", plain(&delivery["id"]), plain(&delivery["state"]))?;
    }
    Ok(())
}
