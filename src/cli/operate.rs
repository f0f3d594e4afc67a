//! The commands that talk to a running bridge: `deliveries`, `conversations` and `healthcheck`.
//!
//! They are a thin face of the operator API ([`crate::http`]): no rule about deliveries is repeated here.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::{Args, Subcommand};
use http::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::client::Bridge;
use super::table;
use super::{ConfigFile, Failure, Form, print_json};
use crate::config;

/// Which bridge to talk to, and how.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// The operator listener of the bridge, such as http://127.0.0.1:8081. Without it, the configuration's
    /// operator_listen on this machine.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The operator token. Without it, the configuration's operator_token.
    #[arg(long, value_name = "TOKEN")]
    token: Option<SecretString>,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    form: Form,
}

/// Which part of a list.
#[derive(Debug, Args)]
pub(super) struct Part {
    /// Go on after this item: the `next` of the page before.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// At most this many items.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// `tandem deliveries …`
#[derive(Debug, Subcommand)]
pub(super) enum Deliveries {
    /// Lists deliveries, oldest first.
    #[command(after_help = "Examples:\n  tandem deliveries list\n  tandem deliveries list --state dead --json")]
    List {
        /// Only this state: pending, sending, waiting, unconfirmed, delivered, skipped, dead or quarantined.
        #[arg(long, value_name = "S", value_parser = crate::domain::delivery::State::NAMES)]
        state: Option<String>,
        /// Only this conversation.
        #[arg(long, value_name = "KEY")]
        conversation: Option<String>,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        bridge: Where,
    },
    /// Shows one delivery with its event, which holds the customer's or the agent's words.
    #[command(after_help = "Example:\n  tandem deliveries show evt_5f3a09c100000000002a0000")]
    Show {
        /// The delivery's id, as the list shows it.
        id: String,
        #[command(flatten)]
        bridge: Where,
    },
    /// Puts deliveries back that are dead, unconfirmed or waiting, so that they are tried at once.
    #[command(after_help = "Example:\n  tandem deliveries redrive evt_5f3a09c100000000002a0000")]
    Redrive {
        /// The deliveries' ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        bridge: Where,
    },
    /// Drops a delivery for good: it ends as skipped, with your reason.
    #[command(
        after_help = "Example:\n  tandem deliveries discard evt_5f3a09c100000000002a0000 --reason \"answered by phone\""
    )]
    Discard {
        /// The delivery's id.
        id: String,
        /// Why; kept with the delivery.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        bridge: Where,
    },
}

/// `tandem conversations …`
#[derive(Debug, Subcommand)]
pub(super) enum Conversations {
    /// Lists conversations in the order of their keys.
    #[command(after_help = "Examples:\n  tandem conversations list\n  tandem conversations list --json --limit 500")]
    List {
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
}

const DELIVERY_COLUMNS: [&str; 7] = ["id", "state", "kind", "conversation", "attempts", "accepted_at", "cause"];
const CONVERSATION_COLUMNS: [&str; 5] = ["key", "ticket_id", "ticket_state", "subscription", "updated_at"];

impl Deliveries {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::List { state, conversation, part, bridge } => {
                let mut parameters = part.parameters();
                parameters.extend(state.map(|state| ("state", state)));
                parameters.extend(conversation.map(|key| ("conversation", key)));
                list("deliveries", &parameters, &DELIVERY_COLUMNS, &bridge, output)
            }
            Self::Show { id, bridge } => show(&["deliveries", &id], &[], &bridge, output),
            Self::Redrive { ids, bridge } => redrive(&ids, &bridge, output),
            Self::Discard { id, reason, bridge } => {
                let body = json!({ "reason": reason });
                let path = ["deliveries", id.as_str(), "discard"];
                let moved = bridge.find()?.ask(Method::POST, &path, &[], Some(&body))?;
                print_moves(&[moved], bridge.form, output)
            }
        }
    }
}

impl Conversations {
    pub(super) fn run(self, output: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::List { part, bridge } => {
                list("conversations", &part.parameters(), &CONVERSATION_COLUMNS, &bridge, output)
            }
            Self::Show { key, bridge } => show(&["conversation"], &[("key", &key)], &bridge, output),
        }
    }
}

/// `tandem healthcheck`
pub(super) fn healthcheck(url: Option<String>, file: &ConfigFile, output: &mut impl Write) -> Result<(), Failure> {
    let url = match url {
        Some(url) => url,
        None => format!("http://{}/readyz", reachable(config::glimpse(file.config.as_deref())?.listen)),
    };
    let mut bridge = Bridge::at(&url, None)?;
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

impl Where {
    fn find(&self) -> Result<Bridge, Failure> {
        // With an address of its own, the command needs no configuration, and a broken one must not be in its way.
        if let (Some(url), None) = (&self.url, &self.file.config) {
            return Bridge::at(url, self.token.clone());
        }
        let operator = config::glimpse(self.file.config.as_deref())?.operator;
        let token = self.token.clone().or(operator.token);
        match &self.url {
            Some(url) => Bridge::at(url, token),
            None => Bridge::at(&format!("http://{}", reachable(operator.listen)), token),
        }
    }
}

/// Where to connect to reach a listener on this machine: "every address" is not an address to connect to.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

impl Part {
    fn parameters(self) -> Vec<(&'static str, String)> {
        let mut parameters = vec![("limit", self.limit.to_string())];
        parameters.extend(self.after.map(|after| ("after", after)));
        parameters
    }
}

fn list(
    what: &str,
    parameters: &[(&str, String)],
    columns: &[&str],
    bridge: &Where,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = bridge.find()?.ask(Method::GET, &[what], &parameters, None)?;
    if bridge.form.json {
        return print_json(output, &page);
    }
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    table::print(output, columns, items)?;
    writeln!(output, "\n{} of {} shown", items.len(), page["total"])?;
    if let Some(next) = page["next"].as_str() {
        writeln!(output, "more: --after '{}'", table::printable(next))?;
    }
    Ok(())
}

fn show(path: &[&str], parameters: &[(&str, &str)], bridge: &Where, output: &mut impl Write) -> Result<(), Failure> {
    // JSON in either form: it is a tree.
    let shown = bridge.find()?.ask(Method::GET, path, parameters, None)?;
    print_json(output, &shown)
}

/// Goes on after a refusal, so that one delivery that cannot be redriven does not keep back the rest.
fn redrive(ids: &[String], bridge: &Where, output: &mut impl Write) -> Result<(), Failure> {
    let found = bridge.find()?;
    let (mut moved, mut refused) = (Vec::new(), Vec::new());
    for id in ids {
        match found.ask(Method::POST, &["deliveries", id, "redrive"], &[], None) {
            Ok(delivery) => moved.push(delivery),
            Err(Failure::Failed(problem)) => refused.push(format!("{id}: {problem}")),
            Err(other) => return Err(other),
        }
    }
    print_moves(&moved, bridge.form, output)?;
    if refused.is_empty() { Ok(()) } else { Err(Failure::Failed(refused.join("\n"))) }
}

fn print_moves(moved: &[Value], form: Form, output: &mut impl Write) -> Result<(), Failure> {
    if form.json {
        return print_json(output, &json!({ "items": moved, "total": moved.len(), "next": null }));
    }
    for delivery in moved {
        writeln!(output, "{} is {}", plain(&delivery["id"]), plain(&delivery["state"]))?;
    }
    Ok(())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), table::printable)
}
